"""Benchmarks: `python -m benchmarks --help`. Each validates results before it times them."""

"""Benchmarks: `python -m benchmarks --help`. Each validates what it times."""

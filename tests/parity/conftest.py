"""Tests against the real frameworks. Each skips, with a reason, where its framework is not installed."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

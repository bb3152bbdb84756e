"""What this machine does with a network: the time of each layer, and how much of what the machine could do that is.

`costs` counts, `counted` counts once more while a network runs; here a clock is read. Nothing is assumed about the
machine: its multiplications and its bandwidths are measured, too.
"""

from .explain import explain
from .latency import latency, layer_seconds
from .machine import Machine, machine

__all__ = ["Machine", "explain", "latency", "layer_seconds", "machine"]

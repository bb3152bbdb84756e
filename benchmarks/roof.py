"""What a computation takes at least on this machine, by the roofline that `mobilenet_np.measured.machine` measures."""

from __future__ import annotations

import mobilenet_np as mn
from mobilenet_np.measured import Machine, machine

from .timing import using

IN_CACHE = 2**23  # bytes; about what the bandwidth of the cache was measured with


def roofline(threads: int) -> Machine:
    """What the machine can do with so many threads, measured once."""
    with using(threads):
        return machine()


def least_ms(macs: int, moved: int, here: Machine) -> float:
    """Milliseconds for ``macs`` multiplications and ``moved`` bytes: whichever takes longer.

    Examples
    --------
    >>> here = Machine(1, macs_per_second=1e9, cache_bytes_per_second=4e9, memory_bytes_per_second=2e9)
    >>> least_ms(10**6, 10**6, here), least_ms(0, 10**6, here), least_ms(0, 10**8, here)
    (1.0, 0.25, 50.0)
    """
    rate = here.cache_bytes_per_second if moved <= IN_CACHE else here.memory_bytes_per_second
    return 1e3 * max(macs / here.macs_per_second, moved / rate)


def network_ms(net: mn.Network, batch: int, resolution: int, here: Machine) -> float:
    """Milliseconds of a forward pass, layer by layer: each convolution reads its input and writes its output once.

    BatchNorm and nonlinearities cost nothing here, as if folded and fused. A network whose layers are fused with each
    other moves less than this, and can in principle be faster.
    """
    size = 4  # bytes of a float32
    rows = [row for row in mn.cost(net, resolution=resolution).rows if row.macs]
    return sum(
        least_ms(batch * row.macs, size * (batch * (row.elements_in + row.elements_out) + row.weights), here)
        for row in rows
    )


def step_ms(net: mn.Network, batch: int, resolution: int, here: Machine) -> float:
    """Milliseconds of a training step's multiplications: those of the outputs and of both gradients."""
    rows = mn.cost(net, resolution=resolution).rows
    return 1e3 * batch * sum(row.macs + row.macs_dx + row.macs_dw for row in rows) / here.macs_per_second

"""Where the definition of every op is written down."""

from __future__ import annotations

from .. import ops
from ..layers import Residual, Sequential
from .records import Source

# What is not defined by a `_forward_loops` and a `_backward_loops`.
_OTHERS = {
    "batch_norm": (ops.batch_norm_inference._normalize_loops, ops.batch_norm._train_dx_loops),
    "squeeze_excite": (ops.squeeze_excite.squeeze_excite_forward, ops.squeeze_excite.squeeze_excite_backward),
    "gate": (ops.squeeze_excite._gate_forward_loops, ops.squeeze_excite._gate_backward_loops),
    "sequential": (Sequential.forward, Sequential.backward),
    "residual": (Residual.forward, Residual.backward),
}


def sources(op: str) -> tuple[Source, Source]:
    """Of the forward and of the backward definition.

    >>> [source.path for source in sources("relu6")]
    ['mobilenet_np/ops/relu6.py', 'mobilenet_np/ops/relu6.py']
    """
    if op in _OTHERS:
        forward, backward = _OTHERS[op]
    else:
        module = getattr(ops, op)
        forward, backward = module._forward_loops, module._backward_loops
    return Source.of(forward), Source.of(backward)

"""The ops inside a squeeze-and-excite gate, one by one.

The gate runs as one op. What its parts worked on is in its cache; only the gradients between them are gone, and are
computed here once more, by the same functions.
"""

from __future__ import annotations

import numpy as np

from ..forms import choose
from ..layers import SqueezeExcite
from ..ops import squeeze_excite as op
from ..ops.global_average_pool import global_average_pool_backward
from ..ops.hard_sigmoid import hard_sigmoid_backward
from ..ops.linear import linear_backward
from ..ops.relu import relu_backward
from ..receptive_field import ReceptiveField
from .definitions import sources
from .records import Backward, Forward, Record


def gate_parts(
    name: str, layer: SqueezeExcite, y: np.ndarray, dy: np.ndarray, before: ReceptiveField
) -> tuple[Record, ...]:
    """Records of the pool, of both linear layers with their nonlinearities, and of the multiplication.

    Parameters
    ----------
    name : str
        Of the gate.
    layer : SqueezeExcite
        After a forward and a backward pass.
    y, dy : (N, H, W, C) float
    before : ReceptiveField
        Of the elements of x.
    """
    x, g, pool, reduce, relu, expand, hard_sigmoid = layer._cache
    run = choose(op._gate_backward_loops, op._gate_backward_numpy, op._gate_backward_numba, dy.dtype)
    direct_path, dg = run(dy, x, g)
    da = hard_sigmoid_backward(dg, hard_sigmoid)
    dz, dw2, db2 = linear_backward(da, expand)
    dr = relu_backward(dz, relu)
    ds, dw1, db1 = linear_backward(dr, reduce)
    gate_path = global_average_pool_backward(ds, pool)

    w1, b1, w2, b2 = layer.params.values()
    s, r, z, a = reduce.x, relu.x, expand.x, hard_sigmoid.x
    slopes = dict(slope=layer.slope, gradient_slope=layer.gradient_slope)
    means = before.through_pool(x.shape[1:3])

    def part(kind, of, x, y, dy, dx, field, cache, params=None, grads=None, options=None):
        (forward, backward), params = sources(of), params or {}
        macs = len(x) * params["w"].size if of == "linear" else 0
        return Record(
            f"{name}.{kind}",
            of,
            Forward(x, y, None, forward),
            Backward(dy, dx, grads or {}, None, backward),
            field,
            (),
            params,
            options or {},
            cache,
            *(macs,) * 4,
        )

    return (
        part("pool", "global_average_pool", x, s, ds, gate_path, means, pool),
        part("reduce", "linear", s, r, dr, ds, means, reduce, dict(w=w1, b=b1), dict(w=dw1, b=db1)),
        part("relu", "relu", r, z, dz, dr, means, relu),
        part("expand", "linear", z, a, da, dz, means, expand, dict(w=w2, b=b2), dict(w=dw2, b=db2)),
        part("hard_sigmoid", "hard_sigmoid", a, g, dg, da, means, hard_sigmoid, options=slopes),
        part("gate", "gate", x, y, dy, direct_path, before.through_gate(), (x, g), grads=dict(g=dg)),
    )

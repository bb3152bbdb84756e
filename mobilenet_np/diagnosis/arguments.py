"""Random arguments for every op: many shapes, strides and paddings, the awkward ones among them."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from .. import ops
from ..errors import check_choice
from ..geometry import same_padding

Drawn = tuple[dict[str, np.ndarray], dict[str, Any]]
Rng = np.random.Generator


class Reference(NamedTuple):
    """An op to compare with, and how to draw arguments for it."""

    name: str
    forward: Callable
    backward: Callable
    draw: Callable[[Rng], Drawn]
    """Generator -> arrays by name in the forward's order, and options."""


def reference(like: str) -> Reference:
    """The op of that name.

    Parameters
    ----------
    like : str
        A module of `mobilenet_np.ops`. "batch_norm" is BatchNorm in training. Dropout is not among them: two right
        ones draw different masks, so it takes `mobilenet_np.gradcheck`, and a look at the mean.

    Examples
    --------
    >>> arrays, options = reference("linear").draw(np.random.default_rng(0))
    >>> list(arrays), options
    (['x', 'w', 'b'], {})
    """
    check_choice("student", "like", like, DRAWS)
    module: ModuleType = getattr(ops, like)
    stem = "batch_norm_train" if like == "batch_norm" else like
    return Reference(stem, getattr(module, f"{stem}_forward"), getattr(module, f"{stem}_backward"), DRAWS[like])


def _size(rng: Rng, most: int, least: int = 1) -> int:
    return int(rng.integers(least, most + 1))


def _image(rng: Rng, least: int = 1) -> tuple[int, int, int, int]:
    return _size(rng, 3), _size(rng, 6, least), _size(rng, 7, least), _size(rng, 4)


def _window(rng: Rng, shape: tuple[int, ...], kernel: tuple[int, int]) -> dict[str, Any]:
    """Stride and padding: one of the two styles of "same", none, or whatever fits."""
    stride = int(rng.choice([1, 1, 2, 3]))
    styles = ["none", "any"] + (["tf", "torch"] if kernel[0] == kernel[1] and kernel[0] % 2 else [])
    style = str(rng.choice(styles))
    if style in ("tf", "torch"):
        return dict(stride=stride, padding=same_padding(*shape[1:3], kernel[0], stride, style))
    pads = []
    for size, taps in zip(shape[1:3], kernel, strict=True):
        before, after = (0, 0) if style == "none" else (_size(rng, taps - 1, 0), _size(rng, taps - 1, 0))
        pads.append((before, max(after, taps - size - before)))  # so that one window fits at least
    return dict(stride=stride, padding=tuple(pads))


def _kernel(rng: Rng) -> tuple[int, int]:
    if rng.random() < 0.7:
        return 2 * (int(rng.choice([3, 3, 5, 1])),)
    return _size(rng, 4), _size(rng, 4)


def _depthwise(rng: Rng) -> Drawn:
    shape, kernel = _image(rng), _kernel(rng)
    arrays = dict(x=rng.standard_normal(shape), w=rng.standard_normal((*kernel, shape[3])))
    return arrays, _window(rng, shape, kernel)


def _standard(rng: Rng) -> Drawn:
    shape, kernel = _image(rng), _kernel(rng)
    c_out = shape[3] if rng.random() < 0.4 else _size(rng, 4)
    arrays = dict(x=rng.standard_normal(shape), w=rng.standard_normal((*kernel, shape[3], c_out)))
    return arrays, _window(rng, shape, kernel)


def _pointwise(rng: Rng) -> Drawn:
    shape = _image(rng)
    c_out = shape[3] if rng.random() < 0.4 else _size(rng, 4)
    return dict(x=rng.standard_normal(shape), w=rng.standard_normal((shape[3], c_out))), {}


def _linear(rng: Rng) -> Drawn:
    N, c_in = _size(rng, 5), _size(rng, 6)
    c_out = c_in if rng.random() < 0.4 else _size(rng, 6)
    arrays = dict(x=rng.standard_normal((N, c_in)), w=rng.standard_normal((c_in, c_out)), b=rng.standard_normal(c_out))
    return arrays, {}


def _batch_norm(rng: Rng) -> Drawn:
    shape = _image(rng, least=2)
    C = shape[3]
    arrays = dict(x=1 + 2 * rng.standard_normal(shape), gamma=rng.standard_normal(C), beta=rng.standard_normal(C))
    return arrays, dict(eps=float(rng.choice([1e-5, 1e-3, 0.1])))


def _batch_norm_inference(rng: Rng) -> Drawn:
    arrays, options = _batch_norm(rng)
    C = len(arrays["gamma"])
    return arrays | dict(mean=rng.standard_normal(C), var=rng.uniform(0.1, 2, C)), options


def _elementwise(rng: Rng) -> Drawn:
    return dict(x=rng.uniform(-8, 8, _image(rng))), {}


def _squeeze_excite(rng: Rng) -> Drawn:
    shape, squeeze = _image(rng), _size(rng, 3)
    C = shape[3]
    arrays = dict(
        x=rng.standard_normal(shape),
        w1=rng.standard_normal((C, squeeze)),
        b1=rng.standard_normal(squeeze),
        w2=rng.standard_normal((squeeze, C)),
        b2=rng.standard_normal(C),
    )
    return arrays, {}


def _pool(rng: Rng) -> Drawn:
    return dict(x=rng.standard_normal(_image(rng))), {}


def _loss(rng: Rng) -> Drawn:
    N, K = _size(rng, 5), _size(rng, 6, 2)
    arrays = dict(logits=rng.standard_normal((N, K)), labels=rng.integers(0, K, N))
    return arrays, dict(smoothing=float(rng.choice([0.0, 0.1])))


DRAWS: dict[str, Callable[[Rng], Drawn]] = {
    "batch_norm": _batch_norm,
    "batch_norm_inference": _batch_norm_inference,
    "conv2d": _standard,
    "depthwise_conv2d": _depthwise,
    "global_average_pool": _pool,
    "hard_sigmoid": _elementwise,
    "hard_swish": _elementwise,
    "linear": _linear,
    "pointwise_conv2d": _pointwise,
    "relu": _elementwise,
    "relu6": _elementwise,
    "sigmoid": _elementwise,
    "softmax_cross_entropy": _loss,
    "squeeze_excite": _squeeze_excite,
}

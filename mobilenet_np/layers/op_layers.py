"""Layers that run one op each."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..errors import check, check_choice
from ..geometry import same_padding
from .layer import Layer


class OpLayer(Layer):
    """A layer whose parameters are the op's array arguments after x, in their order."""

    def forward(self, x: np.ndarray, train: bool = False) -> np.ndarray:
        module = getattr(ops, self.op)
        y, cache = getattr(module, f"{self.op}_forward")(x, *self._params.values(), **self._options(x))
        self._cache = cache if train else None
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        module = getattr(ops, self.op)
        gradients = getattr(module, f"{self.op}_backward")(dy, self._cached())
        if not self._params:
            return gradients
        dx, *others = gradients
        self._grads = dict(zip(self._params, others, strict=True))
        return dx

    def _options(self, x: np.ndarray) -> dict[str, Any]:
        return {}


# ---------------------------------------------------------------------------------------------------------------------
# Convolutions and the fully connected layer


class _Window(OpLayer):
    def __init__(self, w: np.ndarray, stride: int, padding: str):
        super().__init__(w=w)
        self.stride, self.padding = stride, padding

    def _options(self, x):
        check(x.ndim == 4, f"{self.name}: x has shape {x.shape}; it must have 4 axes (N, H, W, C)")
        kernel = self._params["w"].shape[0]
        return dict(stride=self.stride, padding=same_padding(*x.shape[1:3], kernel, self.stride, self.padding))


class Conv2D(_Window):
    """Standard convolution with "same" padding, no bias (BatchNorm's beta follows).

    Parameters
    ----------
    c_in, c_out : int
    kernel, stride : int
    padding : {"tf", "torch", "tf-even"}
        Style of "same", see `mobilenet_np.geometry.same_pad`.
    dtype : dtype
        Of w, (kernel, kernel, c_in, c_out), which is zeros.

    Attributes
    ----------
    wants_dx : bool
        Whether a `backward` in a chain computes dx: of a network's images, few want to know it.
    """

    op = "conv2d"
    wants_dx = True

    def __init__(
        self, c_in: int, c_out: int, kernel: int = 3, stride: int = 1, padding: str = "tf", dtype: Any = "float32"
    ):
        super().__init__(np.zeros((kernel, kernel, c_in, c_out), dtype), stride, padding)


class DepthwiseConv2D(_Window):
    """Depthwise convolution with "same" padding, no bias.

    Parameters
    ----------
    channels, kernel, stride : int
    padding : {"tf", "torch", "tf-even"}
        Style of "same", see `mobilenet_np.geometry.same_pad`.
    dtype : dtype
        Of w, (kernel, kernel, channels), which is zeros.
    """

    op = "depthwise_conv2d"

    def __init__(self, channels: int, kernel: int = 3, stride: int = 1, padding: str = "tf", dtype: Any = "float32"):
        super().__init__(np.zeros((kernel, kernel, channels), dtype), stride, padding)


class PointwiseConv2D(OpLayer):
    """1x1 convolution, no bias.

    Parameters
    ----------
    c_in, c_out : int
    dtype : dtype
        Of w, (c_in, c_out), which is zeros.
    """

    op = "pointwise_conv2d"

    def __init__(self, c_in: int, c_out: int, dtype: Any = "float32"):
        super().__init__(w=np.zeros((c_in, c_out), dtype))


class Linear(OpLayer):
    """Fully connected layer.

    Parameters
    ----------
    c_in, c_out : int
    dtype : dtype
        Of w, (c_in, c_out), and b, (c_out,), which are zeros.
    """

    op = "linear"

    def __init__(self, c_in: int, c_out: int, dtype: Any = "float32"):
        super().__init__(w=np.zeros((c_in, c_out), dtype), b=np.zeros(c_out, dtype))


class SqueezeExcite(OpLayer):
    """Gate every channel by what all channels say: pool, linear, ReLU, linear, hard sigmoid, multiply.

    Parameters
    ----------
    channels, squeeze : int
    slope, gradient_slope : float
        Of the hard sigmoid, forward and backward; that they can differ is PyTorch's doing, see `Convention`.
    """

    op = "squeeze_excite"

    def __init__(
        self,
        channels: int,
        squeeze: int,
        slope: float = 1 / 6,
        gradient_slope: float = 1 / 6,
        dtype: Any = "float32",
    ):
        super().__init__(
            w1=np.zeros((channels, squeeze), dtype),
            b1=np.zeros(squeeze, dtype),
            w2=np.zeros((squeeze, channels), dtype),
            b2=np.zeros(channels, dtype),
        )
        self.slope, self.gradient_slope = slope, gradient_slope

    def forward(self, x, train=False):
        y = super().forward(x, train)
        if train:
            gate = self._cache.hard_sigmoid._replace(slope=self.gradient_slope)
            self._cache = self._cache._replace(hard_sigmoid=gate)
        return y

    @property
    def deviations(self):
        if self.gradient_slope == self.slope:
            return []
        off = f"{abs(self.gradient_slope / self.slope - 1):.0e}"
        return [
            f"by convention, backward takes a slope of the hard sigmoid that is {off} off; checked with the exact one"
        ]

    def _make_exact(self):
        self.gradient_slope = self.slope

    def _options(self, x):
        return dict(slope=self.slope)


# ---------------------------------------------------------------------------------------------------------------------
# Everything without weights


class Activation(OpLayer):
    """An elementwise nonlinearity: "relu", "relu6", "hard_swish", "hard_sigmoid" or "sigmoid"."""

    def __init__(self, op: str):
        check_choice("Activation", "op", op, ("relu", "relu6", "hard_swish", "hard_sigmoid", "sigmoid"))
        super().__init__()
        self.op = op


class GlobalAveragePool(OpLayer):
    """Mean over all positions: (N, H, W, C) -> (N, C)."""

    op = "global_average_pool"


class Dropout(OpLayer):
    """Zero a share of the features in training, and scale the rest so that the mean stays.

    Parameters
    ----------
    rate : float
        The share, from 0 to below 1.
    rng : Generator
        Draws which.
    """

    op = "dropout"

    def __init__(self, rate: float, rng: np.random.Generator):
        super().__init__()
        self.rate, self.rng = rate, rng

    def forward(self, x, train=False):
        self._cache = None
        return super().forward(x, train) if train else x

    def _options(self, x):
        return dict(rate=self.rate, rng=self.rng)


class BatchNorm(Layer):
    """Batch normalization over all positions, with running statistics for inference.

    Parameters
    ----------
    channels : int
    eps, decay : float
        ``running = decay * running + (1 - decay) * batch``.
    unbiased : bool
        Whether the running variance averages N / (N - 1) times the batch's variance.
    """

    op = "batch_norm"

    def __init__(
        self,
        channels: int,
        eps: float = 1e-3,
        decay: float = 0.99,
        unbiased: bool = True,
        dtype: Any = "float32",
    ):
        super().__init__(gamma=np.ones(channels, dtype), beta=np.zeros(channels, dtype))
        self._buffers = dict(mean=np.zeros(channels, dtype), var=np.ones(channels, dtype))
        self.eps, self.decay, self.unbiased = eps, decay, unbiased

    def forward(self, x, train=False):
        gamma, beta = self._params.values()
        mean, var = self._buffers.values()
        self._cache = None
        if not train:
            return ops.batch_norm_inference.batch_norm_inference_forward(x, gamma, beta, mean, var, self.eps)[0]
        y, self._cache = ops.batch_norm.batch_norm_train_forward(x, gamma, beta, self.eps)
        self.remember(self._cache.mean, self._cache.var, x.size // x.shape[-1])
        return y

    def remember(self, batch_mean: np.ndarray, batch_var: np.ndarray, count: int) -> None:
        """Take one batch's statistics, of ``count`` positions, into the running ones."""
        mean, var = self._buffers.values()
        mean[...], var[...] = ops.batch_norm_inference.averaged(
            mean, var, batch_mean, batch_var, count, self.decay, self.unbiased
        )

    def backward(self, dy):
        dx, dgamma, dbeta = ops.batch_norm.batch_norm_train_backward(dy, self._cached())
        self._grads = dict(gamma=dgamma, beta=dbeta)
        return dx

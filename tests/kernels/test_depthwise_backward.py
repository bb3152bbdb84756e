"""Both gradients of a depthwise convolution beside the definition's in float64: any padding, any edge, any cut."""

import numpy as np
import pytest
from crew import assert_same_bits

import mobilenet_np as mn
from mobilenet_np.geometry import output_size
from mobilenet_np.kernels.depthwise_backward import depthwise_of_batch_backward
from mobilenet_np.ops.depthwise_conv2d import depthwise_conv2d_backward, depthwise_conv2d_forward

F32 = np.float32
UNIT = np.finfo(F32).eps / 2


def gradients(dy, x, w, stride, padding):
    return depthwise_conv2d_backward(dy, depthwise_conv2d_forward(x, w, stride, padding)[1])


@pytest.mark.parametrize(
    "padding", [((0, 0), (0, 0)), ((0, 1), (1, 0)), ((1, 1), (0, 1)), ((2, 1), (2, 2)), ((3, 0), (4, 3))]
)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize(("H", "W", "C"), [(6, 7, 24), (7, 6, 16), (2, 1, 8), (1, 9, 40), (5, 5, 8)])
def test_equals_the_definition(H, W, C, k, stride, padding):
    if min(size + sum(pads) for size, pads in zip((H, W), padding, strict=True)) < k:
        pytest.skip("no window fits")
    Ho, Wo = (output_size(size, k, stride, pads) for size, pads in zip((H, W), padding, strict=True))
    rng = np.random.default_rng(0)
    N = 3
    x, w, dy = (rng.standard_normal(s).astype(F32) for s in ((N, H, W, C), (k, k, C), (N, Ho, Wo, C)))
    found = depthwise_of_batch_backward(dy, x, w, stride, padding[0][0], padding[1][0])
    exact = gradients(*(a.astype(float) for a in (dy, x, w)), stride, padding)
    absolute = gradients(*(np.abs(a).astype(float) for a in (dy, x, w)), stride, padding)
    terms = k * k, N * Ho * Wo + N
    for ours, theirs, size, n in zip(found, exact, absolute, terms, strict=True):
        assert (np.abs(ours - theirs) <= n * UNIT / (1 - n * UNIT) * size).all()


def test_a_stride_that_no_kernel_here_is_for():
    rng = np.random.default_rng(0)
    x, w, dy = (rng.standard_normal(s).astype(F32) for s in ((2, 10, 11, 16), (3, 3, 16), (2, 4, 4, 16)))
    with mn.form("numba"):
        found = gradients(dy, x, w, 3, ((1, 1), (1, 0)))
    exact = gradients(*(a.astype(float) for a in (dy, x, w)), 3, ((1, 1), (1, 0)))
    absolute = gradients(*(np.abs(a).astype(float) for a in (dy, x, w)), 3, ((1, 1), (1, 0)))
    for ours, theirs, size, n in zip(found, exact, absolute, (9, dy[..., 0].size), strict=True):
        assert (np.abs(ours - theirs) <= n * UNIT / (1 - n * UNIT) * size).all()


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("N", [2, 5, 9])
def test_the_same_bits_on_any_number_of_threads(N, k, stride, monkeypatch):
    """At stride 2 two images are shared out by images to one thread and by channels to more, five to two threads by
    images and to four by channels, nine always by images."""
    rng = np.random.default_rng(0)
    H, C = 56, 72
    padding = ((1, 1), (1, 1)) if k == 3 else ((2, 2), (2, 2))
    Ho = output_size(H, k, stride, padding[0])
    x, w, dy = (rng.standard_normal(s).astype(F32) for s in ((N, H, H, C), (k, k, C), (N, Ho, Ho, C)))
    pieces = N if stride == 1 else -(-C // 16)
    assert_same_bits(
        lambda: depthwise_of_batch_backward(dy, x, w, stride, padding[0][0], padding[1][0]),
        monkeypatch,
        counts=[threads for threads in (1, 2, 4) if threads <= pieces],
    )

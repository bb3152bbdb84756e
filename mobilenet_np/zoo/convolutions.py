"""Wrong backward passes of the three convolutions."""

from __future__ import annotations

import numpy as np

from ..ops.conv2d import conv2d_backward, conv2d_forward
from ..ops.depthwise_conv2d import depthwise_conv2d_backward, depthwise_conv2d_forward
from ..ops.pointwise_conv2d import pointwise_conv2d_backward, pointwise_conv2d_forward
from .bug import wrong

DEPTHWISE = depthwise_conv2d_forward, depthwise_conv2d_backward
POINTWISE = pointwise_conv2d_forward, pointwise_conv2d_backward
STANDARD = conv2d_forward, conv2d_backward

NO_PADDING = ((0, 0), (0, 0))


def depthwise_arrays(rng):
    """x (2, 5, 6, 3) and one 3x3 kernel a channel."""
    return rng.standard_normal((2, 5, 6, 3)), rng.standard_normal((3, 3, 3))


def square_arrays(rng):
    """x (2, 3, 4, 5) and a square w (5, 5): only then does a transposed w fit at all."""
    return rng.standard_normal((2, 3, 4, 5)), rng.standard_normal((5, 5))


def standard_arrays(rng):
    """x (2, 4, 5, 3) and a kernel with as many output as input channels."""
    return rng.standard_normal((2, 4, 5, 3)), rng.standard_normal((3, 3, 3, 3))


@wrong(DEPTHWISE, depthwise_arrays)
def flipped_kernel(dy, cache):
    """dx is computed with every kernel mirrored: a tap sends its gradient to the opposite side of where x came from."""
    _, dw = depthwise_conv2d_backward(dy, cache)
    return depthwise_conv2d_backward(dy, cache._replace(w=cache.w[::-1, ::-1]))[0], dw


@wrong(DEPTHWISE, depthwise_arrays)
def rows_and_columns_swapped(dy, cache):
    """The taps a and b are swapped: dx is computed with every kernel transposed."""
    _, dw = depthwise_conv2d_backward(dy, cache)
    return depthwise_conv2d_backward(dy, cache._replace(w=cache.w.swapaxes(0, 1)))[0], dw


@wrong(DEPTHWISE, depthwise_arrays, stride=2)
def forgotten_stride(dy, cache):
    """dx is scattered in steps of 1, although the window moved in steps of 2."""
    _, dw = depthwise_conv2d_backward(dy, cache)
    every_position = np.zeros_like(cache.x)
    every_position[:, : dy.shape[1], : dy.shape[2]] = dy
    return depthwise_conv2d_backward(every_position, cache._replace(stride=1))[0], dw


@wrong(DEPTHWISE, depthwise_arrays)
def padding_not_cut_off(dy, cache):
    """dx is taken from the corner of the padded image, so it is shifted by the padding."""
    _, dw = depthwise_conv2d_backward(dy, cache)
    padded = np.pad(cache.x, ((0, 0), *cache.padding, (0, 0)))
    dpadded, _ = depthwise_conv2d_backward(dy, cache._replace(x=padded, padding=NO_PADDING))
    return dpadded[:, : cache.x.shape[1], : cache.x.shape[2]].copy(), dw


@wrong(DEPTHWISE, depthwise_arrays)
def border_windows_forgotten(dy, cache):
    """Only windows that lie inside the image pass a gradient back; those that hang over the border are skipped."""
    inside = np.zeros_like(dy)
    inside[:, 1:-1, 1:-1] = dy[:, 1:-1, 1:-1]
    return depthwise_conv2d_backward(inside, cache)


@wrong(DEPTHWISE, depthwise_arrays)
def last_column_dropped(dy, cache):
    """A loop over the columns ends one too early."""
    dx, dw = depthwise_conv2d_backward(dy, cache)
    dx[:, :, -1] = 0
    return dx, dw


@wrong(DEPTHWISE, depthwise_arrays)
def neighbouring_channel(dy, cache):
    """Every channel of dx gets the gradient of its neighbour."""
    dx, dw = depthwise_conv2d_backward(dy, cache)
    return np.roll(dx, 1, axis=3), dw


@wrong(DEPTHWISE, depthwise_arrays)
def mean_over_positions(dy, cache):
    """dw is the mean over all positions; a weight that is used at every position collects the sum."""
    dx, dw = depthwise_conv2d_backward(dy, cache)
    return dx, dw / dy[..., 0].size


@wrong(DEPTHWISE, depthwise_arrays)
def last_image_only(dy, cache):
    """dw is overwritten by every image of the batch instead of summed: what remains is that of the last one."""
    dx, _ = depthwise_conv2d_backward(dy, cache)
    return dx, depthwise_conv2d_backward(dy[-1:], cache._replace(x=cache.x[-1:]))[1]


@wrong(DEPTHWISE, depthwise_arrays)
def divided_by_the_batch_size(dy, cache):
    """The gradients are divided by N, although the loss has done that already."""
    dx, dw = depthwise_conv2d_backward(dy, cache)
    return dx / len(dy), dw / len(dy)


@wrong(DEPTHWISE, depthwise_arrays)
def centre_tap_of_the_kernel_only(dy, cache):
    """dx passes through the centre tap alone, as if the kernel were 1x1."""
    _, dw = depthwise_conv2d_backward(dy, cache)
    return dy * cache.w[1, 1], dw


@wrong(DEPTHWISE, depthwise_arrays)
def overwritten_by_the_next_tap(dy, cache):
    """dx = dy * w in place of dx += dy * w: where windows overlap, only the last tap that comes by is left."""
    x, w, _, ((top, _), (left, _)) = cache
    _, dw = depthwise_conv2d_backward(dy, cache)
    dpadded = np.zeros_like(np.pad(x, ((0, 0), *cache.padding, (0, 0))))
    for a, b in np.ndindex(*w.shape[:2]):
        dpadded[:, a : a + dy.shape[1], b : b + dy.shape[2]] = dy * w[a, b]
    return dpadded[:, top : top + x.shape[1], left : left + x.shape[2]].copy(), dw


@wrong(POINTWISE, square_arrays)
def matrix_not_transposed(dy, cache):
    """dx = dy @ w instead of dy @ w.T: with as many input as output channels the shapes do not object."""
    _, dw = pointwise_conv2d_backward(dy, cache)
    return dy @ cache.w, dw


@wrong(POINTWISE, square_arrays)
def transposed_dw(dy, cache):
    """dw = dy.T @ x instead of x.T @ dy: the transpose of what it should be."""
    dx, dw = pointwise_conv2d_backward(dy, cache)
    return dx, dw.T.copy()


@wrong(POINTWISE, square_arrays)
def wrong_sign(dy, cache):
    """dw has the sign of a descent step; the minus belongs into the optimizer."""
    dx, dw = pointwise_conv2d_backward(dy, cache)
    return dx, -dw


@wrong(POINTWISE, square_arrays)
def added_twice(dy, cache):
    """dw is added to what the same pass has already written, so it comes out doubled."""
    dx, dw = pointwise_conv2d_backward(dy, cache)
    return dx, dw + dw


@wrong(STANDARD, standard_arrays)
def input_and_output_channels_swapped(dy, cache):
    """dx is computed with the two channel axes of w exchanged."""
    _, dw = conv2d_backward(dy, cache)
    return conv2d_backward(dy, cache._replace(w=cache.w.swapaxes(2, 3)))[0], dw


@wrong(STANDARD, standard_arrays)
def flipped_dw(dy, cache):
    """dw is stored upside down and mirrored: the taps are counted from the wrong end."""
    dx, dw = conv2d_backward(dy, cache)
    return dx, dw[::-1, ::-1].copy()


BUGS = (
    flipped_kernel,
    rows_and_columns_swapped,
    forgotten_stride,
    padding_not_cut_off,
    border_windows_forgotten,
    last_column_dropped,
    neighbouring_channel,
    mean_over_positions,
    last_image_only,
    divided_by_the_batch_size,
    centre_tap_of_the_kernel_only,
    overwritten_by_the_next_tap,
    matrix_not_transposed,
    transposed_dw,
    wrong_sign,
    added_twice,
    input_and_output_channels_swapped,
    flipped_dw,
)

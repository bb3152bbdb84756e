"""A standard convolution with a BatchNorm behind it (see `chain`): how every network begins.

The windows of a padded image are a matrix whose rows overlap in memory (`conv2d`). Images are padded one after the
other, in the fast cache.
"""

from __future__ import annotations

import numpy as np

from ..geometry import Padding, output_size
from ..memory import empty
from ..parts import helper, part
from .batch_norm_rows import backward_rows, statistics_of_rows
from .chain import Pending, place, streams
from .conv2d import Sizes, convolve_backward, scatter_row
from .meanwhile import ROWS, nothing, plan, send_all, send_rest, steps_of
from .normalize import Pieces, backward_with
from .product import pack, whole_product
from .simd import address, forward
from .tiles import ACTS, Finish, Rows
from .turns import in_turns, take_turns

_LOW, _HIGH, _CURVE, _SLOPE = ACTS[""]


def conv2d_link(
    x: np.ndarray, w: np.ndarray, stride: int, padding: Padding, count: bool
) -> tuple[np.ndarray, Pieces | None]:
    """x (N, H, W, C_in) with w (kh, kw, C_in, C_out), raw, C_out a multiple of 8; and if ``count`` what its
    statistics are made of."""
    s = _sizes(x, w, stride, padding)
    N, C = len(x), s.C_out
    y = empty((N, s.Ho, s.Wo, C))
    past = streams(y, s.Wo * C)
    pieces = np.empty((2, N * s.Ho if count else 0, C), np.float32)
    given = (
        x.reshape(-1), s, padding[0][0], padding[1][0], *x.shape[1:3], pack(w.reshape(-1, C)), np.zeros(C, np.float32),
        y.reshape(-1), pieces, past,
    )  # fmt: skip
    own = s.Hp * s.Wp * s.C_in, 2 * s.Wo * C if past else 0
    take_turns(_convolve, given, N * s.Ho, work=y.size, own=own)
    return y, Pieces(pieces, s.Wo, s.Wo) if count else None


def conv2d_link_backward(
    dy: np.ndarray, y: Pending, x: np.ndarray, w: np.ndarray, stride: int, padding: Padding, dx_too: bool
) -> tuple[np.ndarray | None, np.ndarray]:
    """Backward through y's nonlinearity and BatchNorm and through the convolution.

    Parameters
    ----------
    dy : (N, Ho, Wo, C_out)
        The gradient behind y's nonlinearity.
    y : Pending
        Its columns are those for backward.
    x : (N, H, W, C_in)
    w : (kh, kw, C_in, C_out)
    dx_too : bool
        Whether anybody wants to know dx: of images nobody does. It may be there all the same.

    Returns
    -------
    dx : (N, H, W, C_in) or None
    dw : (kh, kw, C_in, C_out)
    """
    if len(x) * w.size > dy.size:
        return _of_large_weights(dy, y, x, w, stride, padding)
    s = _sizes(x, w, stride, padding)
    (N, H, W, _), window = x.shape, s.kh * s.kw * s.C_in
    parts, dx = np.zeros((N, *w.shape), np.float32), empty(x.shape if dx_too else (0,))
    back = pack(w.reshape(window, s.C_out).T) if dx_too else parts.reshape(-1)
    given = (
        dy.reshape(-1), y.source, x.reshape(-1), s, padding[0][0], padding[1][0], H, W, back,
        np.zeros(max(s.C_out, window + 8), np.float32), parts.reshape(-1), dx_too, dx.reshape(-1),
    )  # fmt: skip
    image = s.Hp * s.Wp * s.C_in
    own = image, s.Wo * s.C_out, image if dx_too else 0
    take_turns(_backward, given, N, work=dy.size, own=own)
    return dx if dx_too else None, np.add.reduce(parts, axis=0)


def _of_large_weights(dy, y, x, w, stride, padding):
    """The same in one pass after the other: a part of dw for each image would be more than the images."""
    (top, _), (left, _), C = *padding, w.shape[3]
    d = backward_with(dy.reshape(-1, C), y.raw.reshape(-1, C), y.columns, y.act).reshape(dy.shape)
    dpadded, dw = convolve_backward(d, np.pad(x, ((0, 0), *padding, (0, 0))), w, stride)
    return np.ascontiguousarray(dpadded[:, top : top + x.shape[1], left : left + x.shape[2]]), dw


def _sizes(x, w, stride, padding):
    (_, H, W, C_in), (kh, kw, _, C_out) = x.shape, w.shape
    Ho, Wo = output_size(H, kh, stride, padding[0]), output_size(W, kw, stride, padding[1])
    return Sizes(H + sum(padding[0]), W + sum(padding[1]), C_in, kh, kw, stride, Ho, Wo, C_out)


@helper
def _rows_between(image, table, at, H, row, top, left, Wp, C, inward):
    """Copy an image (H, row) into the middle of a padded one, at an address, or if not ``inward`` back out of it."""
    for r in range(H):
        for i in range(row):
            if inward:
                image[((r + top) * Wp + left) * C + i] = table[at + r * row + i]
            else:
                table[at + r * row + i] = image[((r + top) * Wp + left) * C + i]


@part
def _clear(start, size):
    for i in range(size):
        start[i] = 0


@in_turns
def _convolve(x, s, top, left, H, W, packed, zeros, y, pieces, past, image, lines, r0, r1):
    """Rows r0 to r1 of all images' outputs, counted through."""
    finish = Finish(_LOW, _HIGH, _CURVE, _SLOPE, False, address(y), 0)
    steps, length = steps_of(s.Wo, s.kh * s.kw * s.C_in, s.C_out, ROWS), s.Wo * s.C_out
    size_of_image = H * W * s.C_in
    share = (size_of_image + s.Ho - 1) // s.Ho
    going, table, size = address(y), address(y), 0  # the row before
    _clear(image, s.Hp * s.Wp * s.C_in)
    for row in range(r0, r1):
        n, i = row // s.Ho, row % s.Ho
        if row == r0 or i == 0:
            _rows_between(image, x, n * size_of_image, H, W * s.C_in, top, left, s.Wp, s.C_in, True)
        out = forward(address(y), row * length)
        line = place(lines, row, length) if past else out
        # Each row fetches a share of the next image.
        coming = (n + 1) * size_of_image + i * share
        more = max(0, min(share, x.size - coming)) * ((n + 1) * s.Ho < r1)
        next_image = forward(address(x), coming)
        meanwhile = plan(steps, next_image, more, next_image, 0, next_image, 0, going, table, size)
        start = forward(image, i * s.stride * s.Wp * s.C_in)
        windows = Rows(start, s.stride * s.C_in, s.kw * s.C_in, 1, s.kh, s.Wp * s.C_in)
        step = whole_product(windows, s.Wo, address(packed), 0, s.C_out, address(zeros), finish, line, meanwhile, 0)
        send_rest(meanwhile, step)
        if pieces.shape[1]:
            statistics_of_rows(line, s.Wo, s.C_out, address(pieces[0, row]), address(pieces[1, row]))
        going, table, size = line, out, length * past
    send_all(going, table, size)


@in_turns
def _backward(dy, y, x, s, top, left, H, W, back, zeros, dw, dx_too, dx, image, before, dimage, n0, n1):
    line, row = s.kw * s.C_in, s.Wo * s.C_out
    _clear(image, s.Hp * s.Wp * s.C_in)
    for n in range(n0, n1):
        dw_image = forward(address(dw), n * s.kh * line * s.C_out)
        _rows_between(image, x, n * H * W * s.C_in, H, W * s.C_in, top, left, s.Wp, s.C_in, True)
        _clear(dimage, s.Hp * s.Wp * s.C_in * dx_too)
        for i in range(s.Ho):
            at = (n * s.Ho + i) * row
            behind, raw = forward(address(dy), at), forward(address(y.raw), at)
            backward_rows(behind, raw, s.Wo, s.C_out, address(y.columns), y.step, y.act, before, s.C_out)
            for a in range(s.kh):
                start = forward(image, (i * s.stride + a) * s.Wp * s.C_in)
                taps = Rows(start, 1, s.Wo, s.stride * s.C_in, 1, 0)
                out = forward(dw_image, a * line * s.C_out)
                adds = Finish(_LOW, _HIGH, _CURVE, _SLOPE, True, out, 0)  # to what is there
                whole_product(taps, line, before, s.C_out, s.C_out, address(zeros), adds, out, nothing(out), 0)
            if dx_too:
                scatter_row(before, back, zeros, s, i, dimage)
        if dx_too:
            _rows_between(dimage, dx, n * H * W * s.C_in, H, W * s.C_in, top, left, s.Wp, s.C_in, False)

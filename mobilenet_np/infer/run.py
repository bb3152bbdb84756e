"""Run a plan: the compiled part, from the tiles of one step up to the worker that a thread runs.

It is one call without Python's lock. Threads need not be told what to do: a step's next tile is the next number of a
counter that all of them increment, and a step begins when all tiles of the one before are done. Where there are images
enough for all threads they are shared out whole, an image to a thread, which has nothing to wait for and finds the
image in its own cache.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..atomic import fetch_add, wait_for
from ..jobs import on_all
from ..kernels.depthwise import Window, depthwise
from ..kernels.meanwhile import COLUMNS, ROWS as TILE_ROWS, plan, steps_of
from ..kernels.product import product
from ..kernels.simd import add, address, forward, load8, mul, splat8, store
from ..kernels.tiles import ACTS, Finish, Rows
from ..machine_code import cached_njit
from ..parts import helper, part
from .plan import ACT_NAMES, CHANNELS, COPY, NONE, ROWS, STEM, WINDOWS

_LIMITS = np.array([ACTS[name][:2] for name in ACT_NAMES], np.float32)
_CURVES = np.array([ACTS[name][2] for name in ACT_NAMES])
_SLOPES = np.array([ACTS[name][3] for name in ACT_NAMES], np.float32)
_ONE = np.float32(1)


@helper
def _finish(act, slope, residual, start, shift):
    curve = _CURVES[act]
    return Finish(
        _LIMITS[act, 0], _LIMITS[act, 1], curve, slope if curve == 2 else _SLOPES[act], residual, start, shift
    )


@helper
def _ahead(w, at, K, M, n0, n1):
    """Fetch a product's weights, columns n0 to n1, one panel before they are multiplied: an image uses most of them
    once, and they come from far."""
    coming = forward(w, at + K * (n0 + COLUMNS))
    return plan(steps_of(M, K, n1 - n0, TILE_ROWS), coming, K * (n1 - n0), coming, 0, coming, 0, w, w, 0)


@part
def _copy(s, t, a, image):
    """Some rows of the image with zeros around it."""
    wide, left, inner = s.Wo * 3, s.left * 3, s.W * 3
    for i in range(t * s.tile, min(s.Ho, (t + 1) * s.tile)):
        row = forward(a, s.target + i * wide)
        for at in range(wide):
            row[at] = 0
        if s.top <= i < s.top + s.H:
            middle, pixels = forward(row, left), forward(image, (i - s.top) * inner)
            for at in range(inner):
                middle[at] = pixels[at]


@part
def _stem(s, t, a, w):
    after = _finish(s.act, _ONE, False, a, 0)
    window = Rows(a, 6, 9, 1, 3, s.W * 3)  # from one window to the next: two pixels of three numbers
    for i in range(t * s.tile, min(s.Ho, (t + 1) * s.tile)):
        product(
            window, s.source + 2 * i * s.W * 3, s.Wo, w, s.w, 0, 0, s.c_out, w, s.b, after,
            a, s.target + i * s.Wo * s.out_pitch, s.out_pitch, None, 0,
        )  # fmt: skip


@part
def _rows(s, t, a, w, scratch):
    """Rows i0 to i1 of a block's output, by way of the rows r0 to r1 of its input."""
    i0, i1 = t * s.tile, min(s.Ho, (t + 1) * s.tile)
    r0, r1 = max(0, i0 * s.stride - s.top), min(s.H, (i1 - 1) * s.stride - s.top + s.kernel)
    mid = _finish(s.act_mid, _ONE, False, a, 0)
    c, step = s.c_mid, s.mid_pitch
    x, x_at, x_step, narrow = a, s.source, s.in_pitch, 0
    if s.w_expand != NONE:
        x, x_at, x_step, narrow = scratch, -r0 * s.W * step, step, (r1 - r0) * s.W * step
        product(
            Rows(a, s.in_pitch, s.c_in, 1, 1, 0), s.source + r0 * s.W * s.in_pitch, (r1 - r0) * s.W,
            w, s.w_expand, 0, 0, c, w, s.b_expand, mid, scratch, 0, step, None, 0,
        )  # fmt: skip
    window = Window(s.kernel, s.stride, s.top, s.left, s.H, s.W, s.Wo, s.W * x_step, x_step, s.Wo * step, step, c)
    depthwise(
        x, x_at, a, window, c, i0, i1, forward(w, s.w_depthwise), forward(w, s.b_depthwise), mid,
        forward(scratch, narrow), None,
    )  # fmt: skip
    after = _finish(s.act, _ONE, s.residual != NONE, a, s.residual - s.target)
    product(
        Rows(scratch, step, c, 1, 1, 0), narrow, (i1 - i0) * s.Wo, w, s.w, 0, 0, s.c_out, w, s.b, after,
        a, s.target + i0 * s.Wo * s.out_pitch, s.out_pitch, None, 0,
    )  # fmt: skip


@helper
def _mean(x, x_at, step, rows, C, y, y_at):
    """Mean over rows, for C channels (a multiple of 8)."""
    share = splat8(_ONE / np.float32(rows))
    for c in range(0, C, 8):
        total = load8(x, x_at + c)
        for m in range(1, rows):
            total = add(total, load8(x, x_at + m * step + c))
        store(mul(total, share), y, y_at + c)


@part
def _channels(s, t, a, w, scratch):
    """Channels c0 to c1 of the wide tensor: expand, depthwise, and their mean if a gate wants it."""
    c0, c1 = t * s.tile, min(s.c_mid, (t + 1) * s.tile)
    c = c1 - c0
    mid = _finish(s.act_mid, _ONE, False, a, 0)
    x, x_at, x_pixel = a, s.source + c0, s.in_pitch
    if s.w_expand != NONE:
        x, x_at, x_pixel = scratch, 0, c
        product(
            Rows(a, s.in_pitch, s.c_in, 1, 1, 0), s.source, s.H * s.W, w, s.w_expand, 0, c0, c1, w, s.b_expand, mid,
            scratch, 0, c, _ahead(w, s.w_expand, s.c_in, s.H * s.W, c0, c1), 0,
        )  # fmt: skip
    window = Window(
        s.kernel, s.stride, s.top, s.left, s.H, s.W, s.Wo, s.W * x_pixel, x_pixel, s.Wo * s.mid_pitch, s.mid_pitch,
        s.c_mid,
    )  # fmt: skip
    depthwise(
        x, x_at, a, window, c, 0, s.Ho, forward(w, s.w_depthwise + c0), forward(w, s.b_depthwise + c0), mid,
        forward(a, s.middle + c0), None,
    )  # fmt: skip
    if s.sums != NONE:
        _mean(a, s.middle + c0, s.mid_pitch, s.Ho * s.Wo, c, a, s.sums + c0)


@part
def _windows(s, t, a):
    """The windows around some rows of outputs, each as one row of a matrix."""
    k, C = s.kernel, s.c_in
    for i in range(t * s.tile, min(s.Ho, (t + 1) * s.tile)):
        for j in range(s.Wo):
            to = s.middle + (i * s.Wo + j) * s.mid_pitch
            for tap in range(k * k):
                y, x = i * s.stride - s.top + tap // k, j * s.stride - s.left + tap % k
                inside = 0 <= y < s.H and 0 <= x < s.W
                at = s.source + (y * s.W + x) * s.in_pitch if inside else 0  # where there are zeros
                for c in range(0, C, 8):
                    store(load8(a, at + c), a, to + tap * C + c)


@part
def _product(s, t, a, w, scratch, features):
    """Some rows, or some columns, of a matrix product."""
    m0, m1, n0, n1 = 0, s.M, t * s.tile, min(s.c_out, (t + 1) * s.tile)
    if s.by_rows == 1:
        m0, m1, n0, n1 = t * s.tile, min(s.M, (t + 1) * s.tile), 0, s.c_out
    K, M = s.c_in, m1 - m0
    x, x_at, step, room = a, s.source + m0 * s.in_pitch, s.in_pitch, 0
    if s.gate != NONE:
        for m in range(M):
            for k in range(0, K, 8):
                store(mul(load8(a, x_at + m * step + k), load8(a, s.gate + k)), scratch, m * K + k)
        x, x_at, step, room = scratch, 0, K, M * K
    ahead = _ahead(w, s.w, K, M, n0, n1)
    after = _finish(s.act, s.slope, s.residual != NONE, a, s.residual - s.target)
    if s.pool == 1:
        product(
            Rows(x, step, K, 1, 1, 0), x_at, M, w, s.w, 0, n0, n1, w, s.b, after, scratch, room, n1 - n0,
            ahead, 0,
        )  # fmt: skip
        _mean(scratch, room, n1 - n0, M, n1 - n0, features, n0)
    else:
        out = s.target + m0 * s.out_pitch + n0
        product(
            Rows(x, step, K, 1, 1, 0), x_at, M, w, s.w, 0, n0, n1, w, s.b, after, a, out, s.out_pitch,
            ahead, 0,
        )  # fmt: skip


@part
def _tile(s, t, image, space, w, scratch, features):
    a, weights, own = address(space), address(w), address(scratch)
    if s.kind == COPY:
        _copy(s, t, a, address(image))
    elif s.kind == STEM:
        _stem(s, t, a, weights)
    elif s.kind == ROWS:
        _rows(s, t, a, weights, own)
    elif s.kind == CHANNELS:
        _channels(s, t, a, weights, own)
    elif s.kind == WINDOWS:
        _windows(s, t, a)
    else:
        _product(s, t, a, weights, own, address(features))


class Work(NamedTuple):
    """What all threads do together, from the pixels to the logits.

    Attributes
    ----------
    steps, heads : STEP arrays
    w : flat weights
    images : (N, H * W * 3)
    spaces : (1 or threads, activations)
        One for all threads, or with ``whole_images`` one for each.
    scratches : (threads, scratch)
    head : flat
        Features, hidden units and logits of all images.
    features : int
        Per image.
    counters : (2 + 2 * N * steps + 2 * heads) int64
        Zeros. How many images are taken and done; for each step of each image, how many tiles; for each head.
    whole_images : bool
    """

    steps: np.ndarray
    heads: np.ndarray
    w: np.ndarray
    images: np.ndarray
    spaces: np.ndarray
    scratches: np.ndarray
    head: np.ndarray
    features: int
    counters: np.ndarray
    whole_images: bool


def _worker(work, thread):
    """What every thread runs."""
    steps, heads, w, images, spaces, scratches, head, features, counters, whole_images = work
    scratch = scratches[thread]
    N = images.shape[0]
    if whole_images:
        n = fetch_add(counters, 0, 1)
        while n < N:
            for i in range(steps.shape[0]):
                for t in range(steps[i].tiles):
                    _tile(steps[i], t, images[n], spaces[thread], w, scratch, head[n * features : (n + 1) * features])
            fetch_add(counters, 1, 1)
            n = fetch_add(counters, 0, 1)
        wait_for(counters, 1, N)
        at = 2
    else:
        at = 2
        for n in range(N):
            for i in range(steps.shape[0]):
                t = fetch_add(counters, at, 1)
                while t < steps[i].tiles:
                    _tile(steps[i], t, images[n], spaces[0], w, scratch, head[n * features : (n + 1) * features])
                    fetch_add(counters, at + 1, 1)
                    t = fetch_add(counters, at, 1)
                wait_for(counters, at + 1, steps[i].tiles)
                at += 2
    for i in range(heads.shape[0]):
        t = fetch_add(counters, at, 1)
        while t < heads[i].tiles:
            _tile(heads[i], t, images[0], head, w, scratch, head)
            fetch_add(counters, at + 1, 1)
            t = fetch_add(counters, at, 1)
        wait_for(counters, at + 1, heads[i].tiles)
        at += 2


on_all_threads = cached_njit(on_all(_worker), "plan", source=_worker)

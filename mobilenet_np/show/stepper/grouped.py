"""Grouped convolution, the definition: what lies between a standard and a depthwise convolution.

The channels are dealt into groups, and an output channel looks only at the input channels of its own group::

    y[n, i, j, o] = sum over a, b, c  of  w[a, b, c, o] * x[n, i * stride + a - top, j * stride + b - left, first + c]

first is the first input channel of o's group. With one group this is the standard convolution, with as many groups as
channels the depthwise one. No MobileNet has one in between: the op is here to be looked at.

MACs: H_out * W_out * kh * kw * C_in / groups * C_out.

Source: Krizhevsky et al. 2012, section 3.5, who split a network over two GPUs with it.
"""

from __future__ import annotations

import numpy as np

from ...ops._common import output_hw


def _forward_loops(x, w, stride, padding, groups):
    (N, H, W, _), (kh, kw, share, C_out) = x.shape, w.shape
    Ho, Wo = output_hw(x, w, stride, padding)
    (top, _), (left, _) = padding
    y = np.zeros((N, Ho, Wo, C_out), x.dtype)
    for n, i, j, o in np.ndindex(N, Ho, Wo, C_out):
        first = o // (C_out // groups) * share
        for a in range(kh):
            for b in range(kw):
                r, s = i * stride + a - top, j * stride + b - left
                if 0 <= r < H and 0 <= s < W:  # elsewhere x is a padding zero
                    for c in range(share):
                        y[n, i, j, o] += x[n, r, s, first + c] * w[a, b, c, o]
    return y


def _backward_loops(dy, x, w, stride, padding, groups):
    (_, H, W, _), (kh, kw, share, C_out) = x.shape, w.shape
    (top, _), (left, _) = padding
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for n, i, j, o in np.ndindex(*dy.shape):
        first = o // (C_out // groups) * share
        for a in range(kh):
            for b in range(kw):
                r, s = i * stride + a - top, j * stride + b - left
                if 0 <= r < H and 0 <= s < W:
                    for c in range(share):
                        # for each product y += x * w of the forward pass
                        dx[n, r, s, first + c] += dy[n, i, j, o] * w[a, b, c, o]
                        dw[a, b, c, o] += dy[n, i, j, o] * x[n, r, s, first + c]
    return dx, dw

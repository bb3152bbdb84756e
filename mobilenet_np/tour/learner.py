"""A depthwise convolution as a learner might write it, with a mistake in it: the tour shows it and has it diagnosed."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def my_forward(x, w, stride, padding):
    padded = np.pad(x, ((0, 0), *padding, (0, 0)))
    windows = sliding_window_view(padded, w.shape[:2], axis=(1, 2))
    windows = windows[:, ::stride, ::stride]  # (N, Ho, Wo, C, kh, kw)
    return np.einsum("nijcab,abc->nijc", windows, w), (x, w, stride, padding, windows)


def my_backward(dy, cache):
    x, w, stride, padding, windows = cache
    dw = np.einsum("nijcab,nijc->abc", windows, dy)
    (top, bottom), (left, right) = padding
    N, H, W, C = x.shape
    dx = np.zeros((N, top + H + bottom, left + W + right, C))
    Ho, Wo = dy.shape[1:3]
    for a, b in np.ndindex(w.shape[:2]):
        rows = slice(a, a + stride * Ho, stride)
        columns = slice(b, b + stride * Wo, stride)
        dx[:, rows, columns] = dy * w[a, b]
    return dx[:, top : top + H, left : left + W], dw

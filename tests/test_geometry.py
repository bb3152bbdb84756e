"""Sizes of windows, both styles of "same" padding, and the rounding of channel counts."""

import pytest
from hypothesis import assume, given, strategies as st

from mobilenet_np.geometry import (
    PADDING_STYLES,
    inside,
    make_divisible,
    output_size,
    same_pad,
    same_padding,
)

SIZES, KERNELS, STRIDES = st.integers(1, 300), st.sampled_from([1, 3, 5, 7]), st.integers(1, 3)


def _ceil(size, stride):
    return -(-size // stride)


# ---------------------------------------------------------------------------------------------------------------------
# "same"


@pytest.mark.parametrize(
    ("size", "kernel", "style", "pad"),
    [
        (224, 3, "tf", (0, 1)),
        (112, 5, "tf", (1, 2)),
        (224, 3, "torch", (1, 1)),
        (112, 5, "torch", (2, 2)),
        (225, 3, "tf", (1, 1)),
        (225, 3, "tf-even", (0, 1)),
        (224, 3, "tf-even", (0, 1)),
        (1, 3, "tf", (1, 1)),
        (2, 5, "tf", (1, 2)),
    ],
)
def test_stride_2(size, kernel, style, pad):
    assert same_pad(size, kernel, 2, style) == pad


@given(SIZES, KERNELS, STRIDES)
def test_tf_same_is_tensorflows_rule(size, kernel, stride):
    """pad_total = max((ceil(H / s) - 1) s + k - H, 0), the odd zero at the end; ceil(H / s) outputs."""
    before, after = same_pad(size, kernel, stride, "tf")
    assert before + after == max((_ceil(size, stride) - 1) * stride + kernel - size, 0)
    assert after - before in (0, 1)
    if kernel >= stride:
        assert output_size(size, kernel, stride, (before, after)) == _ceil(size, stride)


@given(SIZES, KERNELS, st.integers(1, 2))
def test_both_styles_give_the_same_size(size, kernel, stride):
    sizes = {output_size(size, kernel, stride, same_pad(size, kernel, stride, style)) for style in ("tf", "torch")}
    assert sizes == {_ceil(size, stride)} or kernel < stride


@given(SIZES, st.sampled_from([3, 5]))
def test_styles_differ_exactly_at_even_sizes_with_stride_2(size, kernel):
    assert same_pad(size, kernel, 1, "tf") == same_pad(size, kernel, 1, "torch") == (kernel // 2, kernel // 2)
    assume(size >= kernel)
    assert (same_pad(size, kernel, 2, "tf") == same_pad(size, kernel, 2, "torch")) == (size % 2 == 1)


@given(st.integers(2, 300))
def test_tf_even_is_tf_at_even_sizes_and_rounds_down_at_odd_ones(size):
    pad = same_pad(size, 3, 2, "tf-even")
    assert pad == (0, 1)
    assert output_size(size, 3, 2, pad) == size // 2


def test_five_halvings_of_an_odd_size():
    """Keras V1 on 225 pixels: its stem pads like TensorFlow, its depthwise layers as if every size were even."""

    def sizes(style):
        chain = [output_size(225, 3, 2, same_pad(225, 3, 2, "tf"))]
        for _ in range(4):
            chain.append(output_size(chain[-1], 3, 2, same_pad(chain[-1], 3, 2, style)))
        return chain

    assert sizes("tf") == sizes("torch") == [113, 57, 29, 15, 8]
    assert sizes("tf-even") == [113, 56, 28, 14, 7]


def test_axes_are_independent():
    assert same_padding(224, 225, 3, 2, "tf") == ((0, 1), (1, 1))


# ---------------------------------------------------------------------------------------------------------------------
# Windows


@given(SIZES, KERNELS, STRIDES, st.integers(0, 4), st.integers(0, 4))
def test_output_size_counts_the_positions_that_fit(size, kernel, stride, before, after):
    assume(before + size + after >= kernel)
    positions = range(0, before + size + after - kernel + 1, stride)
    assert output_size(size, kernel, stride, (before, after)) == len(positions)


@given(st.integers(1, 40), KERNELS, STRIDES, st.sampled_from(PADDING_STYLES))
def test_inside_counts_the_taps_on_samples(size, kernel, stride, style):
    pad = same_pad(size, kernel, stride, style)
    assume(size + sum(pad) >= kernel)
    line = [0] * pad[0] + [1] * size + [0] * pad[1]
    count = sum(sum(line[start : start + kernel]) for start in range(0, len(line) - kernel + 1, stride))
    assert inside(size, kernel, stride, pad) == count
    assert count <= kernel * output_size(size, kernel, stride, pad)


def test_no_padding_means_that_every_tap_is_inside():
    assert inside(7, 3, 2, (0, 0)) == 3 * output_size(7, 3, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: output_size(2, 3, 1), "output_size: kernel 3 does not fit into 2 samples"),
        (lambda: output_size(8, 3, 0), "output_size: stride is 0"),
        (lambda: output_size(8, 0, 1), "output_size: kernel is 0"),
        (lambda: output_size(8, 3, 1, (-1, 0)), r"output_size: padding is \(-1, 0\)"),
        (lambda: same_pad(8, 4, 1, "tf"), "same_pad: kernel is 4; 'same' needs an odd number of taps"),
        (lambda: same_pad(8, 3, 0, "tf"), "same_pad: stride is 0"),
        (lambda: same_pad(8, 3, 1, "keras"), "same_pad: style 'keras' is unknown; choose one of tf, torch, tf-even"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---------------------------------------------------------------------------------------------------------------------
# Channel counts


@pytest.mark.parametrize(
    ("value", "rounded"),
    [(5.6, 8), (8.4, 8), (11.2, 16), (12, 16), (16.8, 16), (20, 24), (33.6, 32), (52, 56), (91, 88), (92, 96),
     (100, 104)],
)  # fmt: skip
def test_make_divisible(value, rounded):
    assert make_divisible(value) == rounded


@given(st.floats(0.01, 5000), st.sampled_from([1, 4, 8, 16]))
def test_make_divisible_properties(value, divisor):
    """A multiple, never more than 10 % below, and the nearest one unless that rule or the minimum moved it up."""
    rounded = make_divisible(value, divisor)
    assert rounded % divisor == 0
    assert rounded >= max(0.9 * value, divisor)
    assert rounded <= max(value + 1.5 * divisor, divisor)
    if rounded > value + divisor / 2:
        assert rounded == divisor or rounded - divisor < 0.9 * value


def test_make_divisible_minimum():
    assert make_divisible(1, 8, minimum=16) == 16
    assert make_divisible(3, 4) == 4

"""A learner's layer: right ones pass, and of wrong ones the smallest failing case and the cause are shown."""

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np import ops
from mobilenet_np.check import student
from mobilenet_np.diagnosis.arguments import DRAWS, reference
from mobilenet_np.ops.depthwise_conv2d import depthwise_conv2d_backward, depthwise_conv2d_forward


def test_every_op_is_there_but_dropout_and_passes():
    assert set(DRAWS) == set(ops.__all__) - {"dropout"}
    for like in DRAWS:
        op = reference(like)
        report = student(op.forward, op.backward, like=like, count=40)
        report.assert_ok()
        assert report.gradients is None
        assert report.first is None
        assert str(report) == f"student {op.forward.__name__}: ok, 40 of 40 cases as {op.name}, seed 0"


def my_forward(x, w, stride, padding):
    """Depthwise, written in another way: windows by stride tricks."""
    padded = np.pad(x, ((0, 0), *padding, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[:2], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("nijcab,abc->nijc", windows, w), (x, w, stride, padding, windows)


def my_backward(dy, cache):
    x, w, stride, padding, windows = cache
    dw = np.einsum("nijcab,nijc->abc", windows, dy)
    dpadded = np.zeros(np.pad(x, ((0, 0), *padding, (0, 0))).shape)
    for i, j in np.ndindex(*dy.shape[1:3]):
        here = np.s_[:, i * stride : i * stride + w.shape[0], j * stride : j * stride + w.shape[1]]
        dpadded[here] += dy[:, i, j][:, None, None] * w
    (top, _), (left, _) = padding
    return dpadded[:, top : top + x.shape[1], left : left + x.shape[2]], dw


def test_another_way_to_write_it_passes():
    student(my_forward, my_backward, like="depthwise_conv2d").assert_ok()


def test_the_smallest_failing_case_and_the_cause():
    def backward(dy, cache):
        dx, dw = my_backward(dy, cache)
        return dx, dw / len(dy)

    report = student(my_forward, backward, like="depthwise_conv2d")
    assert not report.ok
    sizes = [trial.size for trial in report.trials]
    assert sizes == sorted(sizes)
    assert report.first == next(trial for trial in report.trials if not trial.ok)
    assert all(trial.ok == (len(trial.arrays["x"]) == 1) for trial in report.trials)
    text = str(report)
    assert f"the smallest case that fails: x {report.first.arrays['x'].shape}" in text
    assert "dw is wrong: at [" in report.first.fault
    assert report.first.fault in text
    assert "fails exactly where there is more than one image" in text
    assert "dw is divided by the batch size" in text
    with pytest.raises(AssertionError, match="divided by the batch size"):
        report.assert_ok()


def test_the_first_case_can_be_tried_again():
    def backward(dy, cache):
        dx, dw = my_backward(dy, cache)
        return -dx, dw

    first = student(my_forward, backward, like="depthwise_conv2d").first
    _, cache = my_forward(**first.arrays, **first.options)
    dx, _ = backward(first.dy, cache)
    right = depthwise_conv2d_backward(first.dy, depthwise_conv2d_forward(**first.arrays, **first.options)[1])[0]
    np.testing.assert_allclose(dx, -right, rtol=1e-12)


@pytest.mark.parametrize(
    ("spoil", "pattern", "cause"),
    [
        (
            lambda x, w, stride, padding: (x, w[::-1, ::-1], stride, padding),
            "fails only where the kernel has more than one tap",
            "y is computed with w rotated by 180 degrees",
        ),
        (
            lambda x, w, stride, padding: (x, w, 1, padding),
            "fails only where the stride is more than 1",
            "y is computed with stride = 1 in place of",
        ),
        (
            lambda x, w, stride, padding: (x, w, stride, tuple((after, before) for before, after in padding)),
            "fails only where the padding is not the same on all sides",
            "y is computed with padding = ",
        ),
    ],
)
def test_a_wrong_forward_pass(spoil, pattern, cause):
    def forward(*arguments, **options):
        return my_forward(*spoil(*arguments, **options))

    report = student(forward, my_backward, like="depthwise_conv2d")
    assert report.forward
    assert report.forward[0].startswith(cause)
    text = str(report)
    assert pattern in text
    assert f"forward pass: {report.forward[0]}" in text


def test_a_forward_pass_that_is_wrong_and_a_backward_pass_that_fits_it():
    report = student(lambda x, w, stride, padding: my_forward(x, w, 1, padding), my_backward, like="depthwise_conv2d")
    assert report.gradients.ok
    assert "the backward pass fits this forward pass: correct the forward pass, then both" in str(report)


def test_a_forward_pass_that_is_wrong_and_a_backward_pass_that_does_not_fit_it():
    """What is wrong with the gradients comes later, and a slow forward pass is not run for every entry."""
    calls = 0

    def forward(x, w, stride, padding):
        nonlocal calls
        calls += 1
        return my_forward(x, w[::-1], stride, padding)[0], (x, w, stride, padding)

    report = student(forward, depthwise_conv2d_backward, like="depthwise_conv2d")
    assert not report.gradients.ok
    *_, last = str(report).splitlines()
    assert last == "the backward pass does not fit this forward pass: correct the forward pass first"
    entries = report.failed[-1].size
    assert calls - len(report.trials) < entries / 2


def test_batch_norm_with_eps_outside_the_root():
    def forward(x, gamma, beta, eps):
        mean, std = x.mean(axis=(0, 1, 2)), x.std(axis=(0, 1, 2)) + eps
        return gamma * (x - mean) / std + beta, None

    report = student(forward, lambda dy, cache: (dy, dy, dy), like="batch_norm")
    assert report.forward == ()  # no guess fits, and none is made up
    assert "y is wrong: at [" in str(report)
    assert "every case fails" in str(report)


def test_known_mistakes_are_named():
    def forward(x, gamma, beta, eps):
        y, cache = ops.batch_norm.batch_norm_train_forward(x, gamma, beta, eps)
        return y, (cache.gamma * cache.inv_std, (x - cache.mean) * cache.inv_std)

    def backward(dy, cache):
        factor, xhat = cache
        return factor * dy, (dy * xhat).sum(axis=(0, 1, 2)), dy.sum(axis=(0, 1, 2))

    report = student(forward, backward, like="batch_norm")
    assert "dx: inference formula. The backward pass of inference is used in training" in str(report)


def test_an_adapter_for_other_signatures():
    def conv(image, kernel, conv_param):
        pad = conv_param["pad"]
        return my_forward(image, kernel, conv_param["stride"], ((pad, pad), (pad, pad)))

    def adapter(x, w, stride, padding):
        pads = {*padding[0], *padding[1]}
        return ((x, w, dict(stride=stride, pad=pads.pop())), {}) if len(pads) == 1 else None

    report = student(conv, my_backward, like="depthwise_conv2d", adapter=adapter)
    report.assert_ok()
    assert 10 < len(report.trials) < 100  # the adapter leaves out what conv does not support

    def wrong(dy, cache):
        dx, dw = my_backward(dy, cache)
        return dx, dw[::-1, ::-1]

    report = student(conv, wrong, like="depthwise_conv2d", adapter=adapter)
    assert report.gradients.diagnosis.findings[0].causes == ("is rotated by 180 degrees",)
    with pytest.raises(ValueError, match="the adapter leaves out all 100 cases"):
        student(conv, wrong, like="depthwise_conv2d", adapter=lambda *arrays, **options: None)


def test_errors():
    with pytest.raises(ValueError, match=r"like 'depthwise' is unknown \(did you mean 'depthwise_conv2d'\?\)"):
        mn.check.student(my_forward, my_backward, like="depthwise")
    with pytest.raises(ValueError, match="like 'dropout' is unknown"):
        mn.check.student(my_forward, my_backward, like="dropout")
    with pytest.raises(ValueError, match="count is 0"):
        mn.check.student(my_forward, my_backward, like="linear", count=0)

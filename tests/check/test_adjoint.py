import numpy as np
import pytest

from mobilenet_np.check import adjoint_test
from mobilenet_np.ops.depthwise_conv2d import depthwise_conv2d_backward, depthwise_conv2d_forward


def depthwise(stride, padding):
    """F and F* of a depthwise convolution with a fixed random kernel on (2, 7, 6, 3)."""
    w = np.random.default_rng(1).standard_normal((3, 3, 3))
    _, cache = depthwise_conv2d_forward(np.zeros((2, 7, 6, 3)), w, stride, padding)
    return (
        lambda x: depthwise_conv2d_forward(x, w, stride, padding)[0],
        lambda dy: depthwise_conv2d_backward(dy, cache)[0],
    )


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [((1, 1), (1, 1)), ((0, 1), (0, 1)), ((0, 0), (2, 0))])
def test_depthwise_backward_is_the_adjoint(stride, padding):
    report = adjoint_test(*depthwise(stride, padding), (2, 7, 6, 3))
    report.assert_ok()
    assert report.error < 1e-14


def test_one_wrong_entry_is_seen():
    forward, transpose = depthwise(1, ((1, 1), (1, 1)))

    def spoiled(dy):
        dx = transpose(dy)
        dx[0, 3, 3, 1] *= 1 + 1e-8
        return dx

    report = adjoint_test(forward, spoiled, (2, 7, 6, 3))
    assert not report.ok
    with pytest.raises(AssertionError, match=r"not the adjoint.*\n.*<dy, F x>"):
        report.assert_ok()


def test_a_map_that_is_not_linear_fails():
    assert not adjoint_test(lambda x: x + 1, lambda dy: dy, (5,)).ok


def test_dy_is_not_x_even_if_both_come_from_the_same_seed():
    """With dy = x, <dy, F x> = <F dy, x>: F itself would pass for its transpose."""
    x = np.random.default_rng(0).standard_normal(5)
    assert not adjoint_test(np.cumsum, np.cumsum, x, seed=0).ok


def test_takes_the_users_x_and_is_reproducible():
    x = np.arange(6.0)
    first, second = (adjoint_test(np.cumsum, lambda dy: np.cumsum(dy[::-1])[::-1], x, seed=3) for _ in range(2))
    assert first == second
    assert first.ok
    assert first != adjoint_test(np.cumsum, lambda dy: np.cumsum(dy[::-1])[::-1], x, seed=4)


def test_zero_nan_and_a_vanished_output():
    assert adjoint_test(lambda x: 0 * x, lambda dy: 0 * dy, (3,)).error == 0
    assert adjoint_test(lambda x: 0 * x, lambda dy: dy, (3,)).error == np.inf
    assert not adjoint_test(lambda x: x, lambda dy: dy * np.nan, (3,)).ok


def test_wrong_shape_is_an_error():
    with pytest.raises(ValueError, match=r"returned shape \(2,\) for x \(3,\)"):
        adjoint_test(lambda x: x[:2], lambda dy: dy, (3,))

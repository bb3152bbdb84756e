"""The wording of errors is part of the interface."""

import numpy as np
import pytest

from mobilenet_np.errors import (
    InputTypeError,
    check_array,
    check_choice,
    check_positive,
    check_same_dtype,
    check_shape,
    check_window,
)

X = np.zeros((1, 4, 4, 2))


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([1.0], InputTypeError, r"relu: x is a list; it must be a NumPy array of shape \(N, C\)"),
        (np.zeros(3), ValueError, r"relu: x has shape \(3,\); it must have 2 axes \(N, C\)"),
        (np.zeros((2, 2), int), InputTypeError, r"relu: x is int64; it must be float32 or float64"),
        (np.zeros((2, 2), np.float16), InputTypeError, r"relu: x is float16"),
        (np.zeros((2, 2), ">f8"), InputTypeError, r"relu: x is >f8"),
        (np.zeros((2, 0)), ValueError, r"relu: x has shape \(2, 0\); no axis may be empty"),
    ],
)
def test_check_array(x, error, message):
    with pytest.raises(error, match=message):
        check_array("relu", "x", x, "N C")


def test_type_errors_are_value_errors_too():
    """So that one `except ValueError` catches all bad input."""
    assert issubclass(InputTypeError, TypeError)
    assert issubclass(InputTypeError, ValueError)


def test_mixed_dtypes():
    with pytest.raises(InputTypeError, match=r"op: dtypes differ \(x float64, w float32\)"):
        check_same_dtype("op", x=X, w=X.astype(np.float32))


def test_shape():
    with pytest.raises(ValueError, match=r"op: dy has shape \(1, 4, 4, 2\), expected \(1,\); it must have y's shape"):
        check_shape("op", "dy", X, (1,), "it must have y's shape")


@pytest.mark.parametrize("stride", [0, -1, 1.0, True, None, "2"])
def test_stride(stride):
    with pytest.raises(ValueError, match=r"stride is .*; it must be an integer of at least 1"):
        check_window("op", X, (3, 3), stride, ((1, 1), (1, 1)))


@pytest.mark.parametrize("padding", [1, (1, 1), ((1, 1),), ((1, 1), (1, -1)), ((1, 1), (1, 0.5)), "same"])
def test_padding(padding):
    with pytest.raises(ValueError, match=r"padding is .*; it must be \(\(top, bottom\), \(left, right\)\)"):
        check_window("op", X, (3, 3), 1, padding)


def test_window_that_does_not_fit():
    with pytest.raises(ValueError, match=r"7x7 window does not fit along H: .* has 4 samples"):
        check_window("op", X, (7, 7), 1, ((1, 1), (1, 1)))


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "1", None, True, 1 + 0j])
def test_positive(value):
    with pytest.raises(ValueError, match=r"width is .*; it must be a positive, finite number"):
        check_positive("build", "width", value)


@pytest.mark.parametrize("value", [0, 1.0, True, None])
def test_positive_integer(value):
    with pytest.raises(ValueError, match=r"classes is .*; it must be a positive integer"):
        check_positive("build", "classes", value, integer=True)


def test_choice_guesses():
    with pytest.raises(ValueError, match=r"model 'v3large' is unknown \(did you mean 'v3-large'\?\)"):
        check_choice("build", "model", "v3large", ["v1", "v3-large"])

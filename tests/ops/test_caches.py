"""Every backward pass takes the cache of its own forward pass, and says so."""

import importlib
import pkgutil

import numpy as np
import pytest

from mobilenet_np import ops
from mobilenet_np.errors import InputTypeError
from mobilenet_np.ops.global_average_pool import global_average_pool_forward
from mobilenet_np.ops.linear import linear_forward
from mobilenet_np.ops.relu import relu_forward
from mobilenet_np.ops.sigmoid import sigmoid_forward

BACKWARD = {
    name: function
    for _, module, _ in pkgutil.iter_modules(ops.__path__)
    for name, function in vars(importlib.import_module(f"{ops.__name__}.{module}")).items()
    if name.endswith("_backward") and function.__module__ == f"{ops.__name__}.{module}"
}
RESULT = sigmoid_forward(np.ones((1, 1, 1, 1)))
RELU, SIGMOID = relu_forward(np.ones((1, 1, 1, 1)))[1], RESULT[1]


def test_every_op_has_a_backward_pass():
    assert len(BACKWARD) == len(ops.__all__)


@pytest.mark.parametrize(
    ("cache", "words"),
    [(None, "None"), (RESULT, "a tuple"), (np.ones((1, 1, 1, 1)), "a ndarray")],
    ids=["none", "y_and_cache", "array"],
)
@pytest.mark.parametrize("name", BACKWARD)
def test_what_is_no_cache(name, cache, words):
    forward = name.replace("_backward", "_forward")
    with pytest.raises(InputTypeError, match=f"^{name}: cache is {words}; it must be the one that {forward} returned$"):
        BACKWARD[name](np.ones((1, 1, 1, 1)), cache)


@pytest.mark.parametrize("name", BACKWARD)
def test_the_cache_of_another_op(name):
    cache = SIGMOID if name == "relu_backward" else RELU
    with pytest.raises(InputTypeError, match=f"^{name}: cache is a {type(cache).__name__}; it must be the one"):
        BACKWARD[name](np.ones((1, 1, 1, 1)), cache)


def test_a_plain_tuple_of_the_same_parts_does():
    """A learner's own forward pass returns one, and is tried with the op's backward pass."""
    for name, forward, arrays in (
        ("linear_backward", linear_forward, (np.ones((2, 3)), np.ones((3, 4)), np.ones(4))),
        ("global_average_pool_backward", global_average_pool_forward, (np.ones((2, 3, 3, 4)),)),
    ):
        y, cache = forward(*arrays)
        plain, own = BACKWARD[name](y, tuple(cache)), BACKWARD[name](y, cache)
        np.testing.assert_array_equal(plain[0], own[0])

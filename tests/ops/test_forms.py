"""Every op has its three forms, and they agree: found by name, so that no new op can be forgotten."""

import copy
import importlib
import inspect
import pkgutil
import types
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from op_checks import in_every_form, layouts, normal, unchanged

from mobilenet_np import ops, threads
from mobilenet_np.forms import FORMS, form
from mobilenet_np.ops import _common

MODULES = [name for _, name, _ in pkgutil.iter_modules(ops.__path__) if not name.startswith("_")]


def module(name):
    return importlib.import_module(f"{ops.__name__}.{name}")


def written_in(module, suffix):
    """{stem: function} of the functions that a module defines itself and whose names end like this."""
    return {
        name.removesuffix(suffix): value
        for name, value in vars(module).items()
        if name.endswith(suffix) and inspect.isfunction(value) and value.__module__ == module.__name__
    }


def faults(module):
    """What is missing or does not fit among a module's three forms."""
    loops, *others = (written_in(module, f"_{name}") for name in FORMS)
    found = [] if loops else ["no definition *_loops"]
    for suffix, functions in zip(FORMS[1:], others, strict=True):
        found += [f"{stem}_{suffix} is missing" for stem in loops.keys() - functions.keys()]
        found += [f"{stem}_{suffix} has no definition {stem}_loops" for stem in functions.keys() - loops.keys()]
        found += [
            f"{stem}_{suffix} takes {list(inspect.signature(functions[stem]).parameters)}"
            for stem in loops.keys() & functions.keys()
            if inspect.signature(functions[stem]).parameters.keys() != inspect.signature(loops[stem]).parameters.keys()
        ]
    return sorted(found)


# --- every definition has its siblings


@pytest.mark.parametrize("name", MODULES)
def test_every_definition_has_a_numpy_and_a_numba_form(name):
    assert faults(module(name)) == []


def test_a_missing_form_is_noticed():
    fake = types.ModuleType("fake")
    exec("def _forward_loops(x): pass\ndef _forward_numpy(x, w): pass\ndef _sum_numba(x): pass", vars(fake))
    assert faults(fake) == [
        "_forward_numba is missing",
        "_forward_numpy takes ['x', 'w']",
        "_sum_numba has no definition _sum_loops",
    ]
    assert faults(types.ModuleType("empty")) == ["no definition *_loops"]


def test_the_package_lists_every_op():
    assert sorted(ops.__all__) == sorted(MODULES)


# --- random cases for every op


@dataclass(frozen=True)
class Case:
    """One pair with inputs. ``options`` are copied for each run, so that a generator in them always starts alike."""

    forward: Callable
    backward: Callable
    arrays: list
    options: dict = field(default_factory=dict)
    rtol: float = 0.0
    """0: the same bits in float64. More only where BLAS or an exponential is involved."""


def conv2d(N, H, W, C):
    return [
        Case(*pair("conv2d"), normal((N, H, W, C), (3, 3, C, 2)), dict(stride=s, padding=((1, 1), (0, 2))), 1e-12)
        for s in (1, 2)
    ]


def depthwise_conv2d(N, H, W, C):
    return [
        Case(*pair("depthwise_conv2d"), normal((N, H, W, C), (3, 3, C)), dict(stride=s, padding=((1, 1), (0, 2))))
        for s in (1, 2)
    ]


def pointwise_conv2d(N, H, W, C):
    return [Case(*pair("pointwise_conv2d"), normal((N, H, W, C), (C, 3)), rtol=1e-12)]


def linear(N, H, W, C):
    return [Case(*pair("linear"), normal((N, C), (C, 3), (3,)), rtol=1e-12)]


def global_average_pool(N, H, W, C):
    return [Case(*pair("global_average_pool"), normal((N, H, W, C)))]


def dropout(N, H, W, C):
    return [Case(*pair("dropout"), normal((N, H, W, C)), dict(rate=0.4, rng=np.random.default_rng(0)))]


def softmax_cross_entropy(N, H, W, C):
    labels = np.random.default_rng(0).integers(0, C, N)
    return [Case(*pair("softmax_cross_entropy"), [*normal((N, C)), labels], dict(smoothing=0.1), 1e-12)]


def batch_norm(N, H, W, C):
    arrays = normal((N, H, W, C), (C,), (C,))
    return [Case(*pair("batch_norm", "batch_norm_train"), arrays, dict(eps=1e-3))]


def batch_norm_inference(N, H, W, C):
    *arrays, root = normal((N, H, W, C), (C,), (C,), (C,), (C,))
    return [Case(*pair("batch_norm_inference"), [*arrays, root**2], dict(eps=1e-3))]


def squeeze_excite(N, H, W, C):
    return [Case(*pair("squeeze_excite"), normal((N, H, W, C), (C, 3), (3,), (3, C), (C,)), rtol=1e-12)]


def activation(name, rtol=0.0):
    def cases(N, H, W, C):
        (x,) = normal((N, H, W, C))
        return [Case(*pair(name), [4 * x], rtol=rtol), Case(*pair(name), [x.ravel()], rtol=rtol)]

    return cases


def pair(name, stem=None):
    return [getattr(module(name), f"{stem or name}_{way}") for way in ("forward", "backward")]


CASES = {
    "batch_norm": batch_norm,
    "batch_norm_inference": batch_norm_inference,
    "conv2d": conv2d,
    "depthwise_conv2d": depthwise_conv2d,
    "dropout": dropout,
    "global_average_pool": global_average_pool,
    "hard_sigmoid": activation("hard_sigmoid"),
    "hard_swish": activation("hard_swish"),
    "linear": linear,
    "pointwise_conv2d": pointwise_conv2d,
    "relu": activation("relu"),
    "relu6": activation("relu6"),
    "sigmoid": activation("sigmoid", rtol=1e-12),
    "softmax_cross_entropy": softmax_cross_entropy,
    "squeeze_excite": squeeze_excite,
}

# One pixel, one channel, one image, odd and even sizes, and some sizes from a seed.
SHAPES = [(1, 1, 1, 1), (1, 5, 7, 1), (3, 1, 1, 5), (2, 4, 6, 3), (2, 7, 3, 2), (1, 8, 5, 9)]
SHAPES += [tuple(int(n) for n in np.random.default_rng(seed).integers(1, 10, 4)) for seed in range(4)]

every_case = pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{name}-{'x'.join(map(str, shape))}-{number}")
        for name in MODULES
        for shape in SHAPES
        for number, case in enumerate(CASES[name](*shape) if name in CASES else [])
    ],
)


def run(case, dtype=None):
    """y and all gradients, as arrays, for a random dy."""
    arrays = [a.astype(dtype) if dtype and a.dtype.kind == "f" else a for a in case.arrays]
    y, cache = case.forward(*arrays, **copy.deepcopy(case.options))
    dy = np.asarray(np.random.default_rng(1).standard_normal(np.shape(y)), np.asarray(y).dtype)
    gradients = case.backward(dy, cache)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    return tuple(np.asarray(array) for array in (y, *gradients))


def assert_close(actual, expected, rtol, message=""):
    assert actual.shape == expected.shape, message
    assert actual.dtype == expected.dtype, message
    np.testing.assert_allclose(actual, expected, rtol=0, atol=rtol * np.abs(expected).max(), err_msg=message)


def test_every_op_has_cases():
    assert sorted(CASES) == sorted(MODULES)


@every_case
def test_forms_agree_in_float64(case):
    results = in_every_form(lambda: run(case))
    for name in results:
        for actual, expected in zip(results[name], results["loops"], strict=True):
            assert_close(actual, expected, case.rtol, name)


@every_case
def test_gradients_have_the_shapes_of_their_arrays_and_dtype_out_is_dtype_in(case):
    floats = [array for array in case.arrays if array.dtype.kind == "f"]
    for dtype in (np.float32, np.float64):
        for name, (y, *gradients) in in_every_form(lambda dtype=dtype: run(case, dtype)).items():
            assert y.dtype == dtype, name
            assert [(g.shape, g.dtype) for g in gradients] == [(a.shape, dtype) for a in floats], name


@every_case
def test_numpy_form_computes_with_complex_numbers(case):
    with form("numpy"):
        real, complex_ = run(case), run(case, np.complex128)
    for actual, expected in zip(complex_, real, strict=True):
        assert actual.dtype == np.complex128
        np.testing.assert_array_equal(actual.imag, 0)
        assert_close(actual.real, expected, 1e-12)


@every_case
@pytest.mark.parametrize("chunk", [8, 300])  # bytes: a row or two at a time
def test_numpy_form_in_chunks_and_on_threads_is_the_whole(case, chunk, monkeypatch):
    monkeypatch.setattr(threads, "_WORTH_HANDING_OVER", 1)
    with form("numpy"):
        expected = run(case)
        monkeypatch.setattr(_common, "CHUNK", chunk)
        results = []
        for count in (1, 3):
            monkeypatch.setattr(threads, "_threads", count)
            results.append(run(case))
    for one, three, right in zip(*results, expected, strict=True):
        np.testing.assert_array_equal(one, three)
        assert_close(one, right, case.rtol)


@every_case
@pytest.mark.parametrize("name", FORMS)
def test_memory_layout_does_not_matter_and_nothing_is_overwritten(case, name):
    with form(name):
        expected = run(case)
        for arrays in zip(*map(layouts, case.arrays), strict=True):
            with unchanged(*arrays):
                results = run(replace(case, arrays=arrays))
            for actual, right in zip(results, expected, strict=True):
                assert_close(actual, right, case.rtol)
                assert not any(np.shares_memory(actual, array) for array in arrays)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("op", MODULES)
def test_a_form_runs_its_own_functions_all_of_them_and_no_others(op, name, monkeypatch):
    """Or one of the agreements above would compare a function with itself."""
    stems, calls = written_in(module(op), "_loops"), Counter()

    def counted(key, function):
        def wrapper(*args):
            calls[key] += 1
            return function(*args)

        return wrapper

    for suffix in FORMS:
        for stem, function in written_in(module(op), f"_{suffix}").items():
            key = f"{stem}_{suffix}"
            monkeypatch.setattr(module(op), key, counted(key, function))
    with form(name):
        for case in CASES[op](2, 5, 4, 3):
            run(case)
    assert calls.keys() == {f"{stem}_{name}" for stem in stems}

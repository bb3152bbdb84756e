"""The switch between loops, NumPy and Numba."""

import importlib.util
import threading

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np import forms

DEFAULT = "numba" if importlib.util.find_spec("numba") else "numpy"


def test_default_is_numba_where_it_is_installed():
    assert mn.current_form() == DEFAULT


def test_nests_and_restores():
    with mn.form("loops"):
        with mn.form("numpy"):
            assert mn.current_form() == "numpy"
        assert mn.current_form() == "loops"
    assert mn.current_form() == DEFAULT


def test_restores_after_an_error():
    with pytest.raises(RuntimeError), mn.form("loops"):
        raise RuntimeError
    assert mn.current_form() == DEFAULT


def test_one_thread_does_not_switch_another():
    seen = []
    with mn.form("loops"):
        thread = threading.Thread(target=lambda: seen.append(mn.current_form()))
        thread.start()
        thread.join()
    assert seen == [DEFAULT]


def test_unknown_form_is_named_and_guessed():
    with (
        pytest.raises(
            ValueError, match=r"form: name 'nump' is unknown \(did you mean 'numpy'\?\); choose one of loops"
        ),
        mn.form("nump"),
    ):
        pass


def test_compiled_kernels_are_strict_in_float64_only():
    """In float64 a * b + c rounds twice, as in the definition; float32 may use one fused multiply-add."""
    pytest.importorskip("numba")

    @forms.compiled
    def fused(a, out):
        out[0] = a[0] * a[1] + a[2]

    a = np.array([1 + 2.0**-30, 1 - 2.0**-30, -1.0])  # the product rounds to 1; exact is 1 - 2**-60
    out = np.empty(1)
    fused(a, out)
    assert out[0] == 0.0


def test_complex_goes_to_the_numpy_form():
    chosen = forms.choose("loops", "numpy", "numba", np.dtype("complex128"))
    assert chosen == "numpy"
    with mn.form("loops"):
        assert forms.choose("loops", "numpy", "numba", np.dtype("complex128")) == "loops"

"""`explain` with a network that really ran on a machine that was measured."""

import pytest

import mobilenet_np as mn
from mobilenet_np.measured import explain, machine


def test_runs_a_network_of_its_own():
    what = explain("v3-small", "block2", (64, 32))
    assert what.agrees
    assert what.ran.macs == what.macs > 0
    assert what.machine is machine()
    text = str(what)
    assert "as the formulas say" in text
    assert str(machine()) in text


def test_of_a_network_in_float64():
    net = mn.build("v2", width=0.35, classes=10, dtype="float64", convention="keras")
    what = explain(net, "stem", 33)
    assert what.agrees
    assert what.ran.macs_in_bounds < what.ran.macs
    assert what.network == "v2, width 0.35, 33 x 33"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("v4", "stem"), "model 'v4' is unknown"),
        (("v2", "stm"), "explain: name 'stm' is unknown .did you mean 'stem'"),
        (("v2", "stem", 16), "images must be at least 32x32"),
        (("v2", "stem", 0), "resolution is 0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        explain(*arguments)

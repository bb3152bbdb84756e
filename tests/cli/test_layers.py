"""The commands about one layer: a number explained is the trace's, a page is the stepper's."""

import json

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np import cli, show
from mobilenet_np.show.photograph import as_input, photograph

NETWORK = ["v2", "--width", "0.35", "--resolution", "64x48", "--classes", "10", "--convention", "keras", "--seed", "3"]


def _run(capsys, *argv):
    code = cli.main(argv)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(scope="module")
def t():
    net = mn.build("v2", 0.35, 10, "keras", dtype="float64", rng=3)
    return mn.trace(net, as_input(net, (64, 48)), np.array([0]))


def test_the_photograph_as_input():
    net = mn.build("v1", 0.25, 10, dtype="float64")
    same = as_input(net, 200)
    assert np.array_equal(same[0], (photograph() - 0.5) / 0.5)
    half = as_input(net, (100, 50))
    assert np.array_equal(half, same[:, ::2, ::4])
    with pytest.raises(ValueError, match="height is 0"):
        as_input(net, 0)


def test_explain_a_number(capsys, t):
    code, out, err = _run(capsys, "explain", *NETWORK, "block3.depthwise", "--at", "0,0,2,5")
    assert (code, err) == (0, "")
    said, _, rest = out.partition("\n\n")
    assert said == (
        "v2, width 0.35, 64 x 48, weights drawn with seed 3: a training step on one photograph, as if class 0 were "
        "right"
    )
    assert rest == f"{t.explain('block3.depthwise', (0, 0, 2, 5))}\n"
    assert "(the pass has exactly this)" in rest


def test_explain_a_gradient(capsys, t):
    code, out, _ = _run(capsys, "explain", *NETWORK, "block3.depthwise", "--at", "0,1,5", "--of", "w")
    assert code == 0
    assert out.endswith(f"{t.explain_backward('block3.depthwise', 'w', (0, 1, 5))}\n")
    _, out, _ = _run(capsys, "explain", *NETWORK, "block3.expand.conv", "--at", "0,1,5,2", "--of", "x")
    assert out.endswith(f"{t.explain_backward('block3.expand.conv', 'x', (0, 1, 5, 2))}\n")


def test_explain_a_number_as_json(capsys, t):
    code, out, _ = _run(capsys, "explain", *NETWORK, "block3.depthwise.conv", "--at", "0,0,2,5", "--json")
    result = json.loads(out)
    assert (code, result["target"], result["index"]) == (0, "y", [0, 0, 2, 5])
    assert result["value"] == result["traced"] == t["block3.depthwise.conv"].forward.y[0, 0, 2, 5]
    (step,) = result["steps"]
    inside = [terms for terms in step["terms"] if not terms[0][0].startswith("x[0, -1")]
    assert (len(step["terms"]), len(inside)) == (9, 6)
    total = 0.0
    for (_, x), (_, w) in inside:
        total += x * w
    assert total == result["value"]


def test_step_through_a_layer(capsys, t, tmp_path):
    path = tmp_path / "layer.html"
    code, out, err = _run(capsys, "step", *NETWORK, "block3.depthwise", "--at", "0,0,2,5", "--out", str(path))
    assert (code, out, err) == (0, f"{path}\n", "")
    assert path.read_text(encoding="utf-8") == t.step("block3.depthwise", (0, 0, 2, 5)).html


def test_both_ways(capsys, tmp_path):
    path = tmp_path / "both.html"
    code, _, err = _run(capsys, "factorize", "-C", "2", "-M", "3", "--size", "3", "--out", str(path))
    assert (code, err) == (0, "")
    assert path.read_text(encoding="utf-8") == show.factorize(2, 3, size=3).html
    _run(capsys, "factorize", "--seed", "1", "--out", str(path))
    assert path.read_text(encoding="utf-8") == show.factorize(rng=np.random.default_rng(1)).html


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("explain v2 stem --at 1,x", "'1,x' is no index like 0,3,4,7"),
        ("explain v2 stem --of w", "explain: --of needs --at"),
        ("explain v1 stem --width 0.25 --resolution 32 --at 0,99,0,0", "(0, 99, 0, 0) is no index (n, i, j, c) into y"),
        ("explain v1 stm --width 0.25 --resolution 32 --at 0,0,0,0", "did you mean 'stem'"),
        ("step v2", "the following arguments are required: name"),
        ("factorize -K 2", "K is 2; a kernel with a middle has an odd number of taps"),
        ("step v1 pool --width 0.25 --resolution 32", "pool is global_average_pool, which has no taps"),
        ("factorize --out nowhere/page.html", "the folder nowhere does not exist"),
    ],
)
def test_misuse_is_one_clear_line(capsys, argv, message):
    code, out, err = _run(capsys, *argv.split())
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1

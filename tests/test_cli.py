"""The command line: what it prints where, and its exit codes."""

import json
import re
import subprocess
import sys

import pytest

from mobilenet_np import cli, cost
from mobilenet_np.architecture import architecture
from mobilenet_np.counted import execute
from mobilenet_np.forms import HAVE_NUMBA
from mobilenet_np.tour.gradients import Case

# Those that the command promises, under the names that `Cost` has for them; and one more.
KEYS = ("macs", "macs_by_op", "macs_train_step", "params_trainable", "params_total", "params_weights", "params_folded")


def _run(capsys, *argv):
    code = cli.main(argv)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_cost_as_json(capsys):
    argv = "cost v2 --width 0.6 --resolution 200 --classes 1000 --convention keras --json"
    code, out, err = _run(capsys, *argv.split())
    assert (code, err) == (0, "")
    result, expected = json.loads(out), cost("v2", 0.6, 200, 1000, "keras")
    assert {key: result[key] for key in KEYS} == {key: getattr(expected, key) for key in KEYS}
    assert result["macs_executed"] == expected.macs
    assert result["macs_executed_in_bounds"] == expected.macs_in_bounds
    assert sum(result["macs_by_op"].values()) == result["macs"]


def test_cost_executed_is_counted_from_a_run(capsys):
    code, out, _ = _run(capsys, "cost", "v3-small", "--width", "0.35", "--resolution", "97x160", "--json")
    result, ran = json.loads(out), execute(architecture("v3-small", 0.35), (97, 160))
    assert code == 0
    assert result["resolution"] == [97, 160]  # height, width
    assert result["macs_executed"] == ran.macs == result["macs"]
    assert result["macs_executed_in_bounds"] == ran.macs_in_bounds < ran.macs
    assert result["params_total"] == ran.params_total


def test_cost_as_text(capsys):
    code, out, err = _run(capsys, "cost", "v1")
    assert (code, err) == (0, "")
    assert out == f"{cost('v1')}\n"


def test_explain(capsys):
    code, out, err = _run(capsys, "explain", "v2", "block3", "--width", "0.35", "--resolution", "64x33")
    assert (code, err) == (0, "")
    assert out.startswith("v2, width 0.35, 64 x 33: block3\n")
    assert "as the formulas say" in out
    assert ("GB/s" in out) == HAVE_NUMBA  # the machine is measured with a compiled kernel


def test_explain_as_json(capsys):
    code, out, _ = _run(capsys, "explain", "v3-small", "block2.depthwise", "--resolution", "64", "--json")
    result, expected = json.loads(out), cost("v3-small", resolution=64).explain("block2.depthwise")
    assert (code, result["agrees"]) == (0, True)
    assert result["macs"] == result["ran"]["macs"] == expected.macs
    if HAVE_NUMBA:
        assert result["milliseconds_at_least"]["multiply"] > 0


def test_reconcile(capsys):
    code, out, err = _run(capsys, "reconcile", "v2")
    assert (code, err) == (0, "")
    assert out == f"{cost('v2').reconcile()}\n"
    code, out, _ = _run(capsys, "reconcile", "v2", "0.32G", "--json")
    assert {reading["value"] for reading in json.loads(out)["readings"]} == {320_300_008, 327_486_720}


def test_choose(capsys):
    code, out, err = _run(capsys, "choose", "--max-macs", "15M", "--max-params", "1.7M")
    assert (code, err) == (0, "")
    assert [line.split()[:4] for line in out.splitlines()[1:]] == [
        ["v2", "0.35", "96", "45.5%"],
        ["v1", "0.25", "128", "41.5%"],
    ]
    code, out, _ = _run(capsys, "choose", "--max-macs", "12M", "--json")
    assert [(choice["model"], choice["macs"]) for choice in json.loads(out)] == [("v2", 11_934_128)]
    assert _run(capsys, "choose", "--max-params", "100K") == (0, "none is within these limits\n", "")


def test_gradcheck(capsys):
    code, out, err = _run(capsys, "gradcheck", "pointwise_conv2d", "LINEAR")
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()[:-1]]
    assert [(line[0], *line[3:]) for line in lines] == [("ok", "op", "pointwise_conv2d"), ("ok", "op", "linear")]
    assert out.endswith("2 of 2 right\n")


def test_gradcheck_as_json(capsys):
    code, out, err = _run(capsys, "gradcheck", "dropout", "--json")
    (result,) = json.loads(out)
    assert (code, err, result["name"], result["ok"]) == (0, "", "dropout", True)
    assert 0 <= result["error"] < 1e-12


def test_gradcheck_of_something_wrong(capsys, monkeypatch):
    from mobilenet_np.zoo import BUGS

    monkeypatch.setattr(cli.gradients, "cases", lambda seed=0: iter([Case("op", "conv2d", BUGS[0].gradcheck)]))
    code, out, _ = _run(capsys, "gradcheck", "conv2d")
    assert code == 1
    assert out.startswith("WRONG")
    assert "FAILED" in out  # the whole report
    assert out.endswith("0 of 1 right\n")


def test_info(capsys):
    code, out, err = _run(capsys, "info")
    assert (code, err) == (0, "")
    assert {"Python", "numpy", "cores", "form", "BLAS"} <= {line.split()[0] for line in out.splitlines()}
    code, out, _ = _run(capsys, "info", "--json")
    assert json.loads(out)["form"] in ("numpy", "numba")


def test_tour_passes_its_options_on(monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(cli.tour, "tour", lambda *options: bool(seen.append(options)))
    assert _run(capsys, "tour", "--out", "x.html", "--seed", "7", "--quick") == (1, "", "")
    monkeypatch.setattr(cli.tour, "tour", lambda *options: not seen.append(options))
    assert _run(capsys, "tour") == (0, "", "")
    assert seen == [("x.html", 7, True), ("report.html", 0, False)]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("", "the following arguments are required: command"),
        ("costs v1", "invalid choice: 'costs'"),
        ("cost v9", "model 'v9' is unknown"),
        ("cost v2 --convention kera", "did you mean 'keras'"),
        ("cost v2 --width nan", "width is nan; it must be a positive, finite number"),
        ("cost v2 --width x", "invalid float value: 'x'"),
        ("cost v2 --resolution 97x", "'97x' is neither a side (224) nor height x width (97x160)"),
        ("cost v2 --resolution 31", "'31' is too small: images must be at least 32x32"),
        ("cost v2 --classes 0", "classes is 0"),
        ("cost v1 --convention torchvision", "torchvision has no MobilenetV1"),
        ("explain v2 blok3", "name 'blok3' is unknown (did you mean 'block3'?)"),
        ("explain v2 stem --resolution 16", "images must be at least 32x32"),
        ("reconcile v2 seven", "'seven' is not a positive number like 300774272, 301M or 0.32G"),
        ("choose --max-macs 5T", "'5T' is not a positive number"),
        ("choose --max-ms 0", "max_ms is 0.0"),
        ("gradcheck conv3d", "nothing is named conv3d; try one of conv2d"),
        ("gradcheck --seed -1", "whole number from 0 on"),
        ("tour --out nowhere/report.html", "the folder nowhere does not exist"),
        ("tour --out .", ". is a folder"),
    ],
)
def test_misuse_is_one_clear_line(capsys, argv, message):
    code, out, err = _run(capsys, *argv.split())
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert err.startswith("mobilenet-np")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (OSError("disk\nfull"), 1),
        (ImportError("digits: needs scikit-learn"), 1),
        (FloatingPointError("the loss is nan"), 1),
    ],
)
def test_what_stops_a_command(capsys, monkeypatch, error, code):
    def stop(*_):
        raise error

    monkeypatch.setattr(cli.tour, "tour", stop)
    result, out, err = _run(capsys, "tour")
    assert (result, out) == (code, "")
    assert err == ("" if code == 130 else f"mobilenet-np: {' '.join(str(error).split())}\n")


def test_help_names_every_command(capsys):
    code, out, _ = _run(capsys, "--help")
    assert code == 0
    assert re.findall(r"^    (\w+)\s", out, re.MULTILINE) == [
        "tour", "cost", "reconcile", "choose", "explain", "step", "factorize", "gradcheck", "warmup", "info", "course",
    ]  # fmt: skip


def test_module_runs():
    result = subprocess.run(
        [sys.executable, "-m", "mobilenet_np", "info"], capture_output=True, text=True, timeout=120, check=True
    )
    assert "numpy" in result.stdout
    assert result.stderr == ""


def test_reader_that_stops_early():
    code = "import sys; from mobilenet_np.cli import main; sys.exit(main(['cost', 'v3-large', '--json']))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.wait(timeout=120) == 0
        assert process.stderr.read() == b""

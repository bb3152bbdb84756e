"""Each command validates, prints, and writes JSON and a plot, at sizes that take no time. How fast is not tested."""

import json
import shutil
import subprocess
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

import mobilenet_np as mn
from benchmarks import __main__ as commands, changes, layers, ops, paradox, peers, processes, start
from benchmarks.memory import SYSTEM_TELLS
from mobilenet_np.forms import current_form

# What PyTorch and the others compute is tested in test_peers.py; here they are hidden, which is quicker.
QUICK = {
    "inference": "--models v3-small --batch 1 --threads 1 --resolution 32 --seconds 0",
    "forms": "--models v3-small --batch 2 --threads 1 --resolution 32 --seconds 0",
    "training": "--models v3-small --shapes 8x64 --threads 1 --seconds 0",
    "ops": "--batch 1 --threads 1 --seconds 0",
    "layers": "--models v2 v3-small --resolution 32 --repeats 1",
    "growth": "--models v3-small --batches 1 2 --resolutions 32 64 --widths 0.35 --threads 1 2 --seconds 0",
    "paradox": "--width 0.25 --resolution 32 --loops-width 0.1 --loops-resolution 32 --seconds 0",
    "start": "--models v3-small",
    "changes": "HEAD --inference --models v3-small --shapes 1x32 --threads 1 --seconds 0",
}
PNG = b"\x89PNG\r\n\x1a\n"


def is_clone():
    git = shutil.which("git")
    return (
        bool(git)
        and subprocess.run([git, "-C", changes.ROOT, "rev-parse", "HEAD"], capture_output=True).returncode == 0
    )


needs_clone = pytest.mark.skipif(not is_clone(), reason="earlier versions are in a git clone only")


@pytest.fixture
def alone(monkeypatch):
    """As if no other library were installed."""
    monkeypatch.setattr(peers, "missing", lambda: ["torch", "torchvision", "timm", "onnxruntime", "openvino", "keras"])
    monkeypatch.setattr(commands.ops, "missing", peers.missing)


@pytest.fixture
def short_start(monkeypatch):
    """Compiling everything takes a minute; here the processes find the machine code that is there."""
    monkeypatch.setattr(start, "machine_code_in", lambda folder: {})


def sizes(rows, *fields):
    return [tuple(row[field] for field in fields) for row in rows]


def look_at_contenders(rows, names):
    """Who took part, and that everybody took some time."""
    for row in rows:
        assert set(row["ms"]) == set(row["ratios"]) == names
        assert row["ours"] in names
        assert row.get("lost", {}) == {}
        assert all(low > 0 for low, _, _ in row["ms"].values())
        assert row["least_ms"] > 0


def look_at_inference(rows):
    assert sizes(rows, "model", "batch", "resolution", "threads", "ours") == [("v3-small", 1, 32, 1, "compile")]
    look_at_contenders(rows, {"compile", "forward"})


def look_at_forms(rows):
    assert sizes(rows, "model", "batch", "resolution", "threads", "ours") == [("v3-small", 2, 32, 1, "numba")]
    look_at_contenders(rows, {"numba", "numpy"})


def look_at_training(rows):
    assert sizes(rows, "model", "batch", "resolution", "threads", "ours") == [("v3-small", 8, 64, 1, "ours")]
    look_at_contenders(rows, {"ours"})
    if SYSTEM_TELLS:
        assert rows[0]["peak_mb"]["ours"] > 4e-6 * mn.cost("v3-small", classes=1000).params_trainable


def look_at_changes(rows):
    assert sizes(rows, "model", "batch", "resolution", "threads", "ours") == [("v3-small", 1, 32, 1, "compile")]
    look_at_contenders(rows, {"compile HEAD", "compile"})


def look_at_ops(rows):
    expected = [(case.name, way, 1, 1) for case in ops.cases(1) for way in ("forward", "backward")]
    assert sizes(rows, "op", "way", "batch", "threads") == expected
    look_at_contenders(rows, {"numba", "numpy"})
    for forward, backward in zip(rows[::2], rows[1::2], strict=True):
        assert backward["macs"] == 2 * forward["macs"]
        assert backward["bytes"] >= forward["bytes"] > 0  # dy, dx and dw; or y, x and w


def look_at_layers(rows):
    """The steps together are the network."""
    assert list(dict.fromkeys(row["model"] for row in rows)) == ["v2", "v3-small"]
    for model in ("v2", "v3-small"):
        whole, *steps = [row for row in rows if row["model"] == model]
        assert whole["step"] == layers.WHOLE
        plan = mn.compile(mn.build(model))._plan(1, 32, 32)
        assert len(steps) == len(plan.steps) + len(plan.heads)
        assert {row["step"] for row in steps} <= set(layers.KINDS.values())
        for what in ("macs", "bytes", "least_ms"):
            assert sum(row[what] for row in steps) == pytest.approx(whole[what])
        assert all(row["fastest_ms"] > 0 and row["gbs"] > 0 for row in [whole, *steps])
        assert all((row["gflops"] > 0) == (row["macs"] > 0) for row in [whole, *steps])


def look_at_growth(rows):
    """One thing varies at a time."""
    one = dict(model="v3-small", batch=1, resolution=224, threads=1, width=1.0)
    varied = dict(batch=(1, 2), resolution=(32, 64), width=(0.35,), threads=(1, 2))
    expected = [one | {axis: value, "axis": axis} for axis, values in varied.items() for value in values]
    assert [{field: row[field] for field in expected[0]} for row in rows] == expected
    look_at_contenders(rows, {"compile", "forward"})


def look_at_paradox(rows):
    """In both sizes MACs and the forms, and of each the shares of all ops."""
    large, small = (0.25, 32, 1), (0.1, 32, 1)
    expected = [("MACs", *large), ("numpy", *large), ("numba", *large)]
    expected += [("MACs", *small), ("loops", *small), ("numpy", *small), ("numba", *small)]
    assert sizes(rows, "what", "width", "resolution", "threads") == expected
    for row in rows:
        assert row["total"] > 0
        assert set(row["shares"]) == ({*paradox.PARTS} if row["what"] == "MACs" else {*paradox.PARTS, paradox.REST})
        assert all(share > 0 for share in row["shares"].values())
        assert sum(row["shares"].values()) == pytest.approx(1)


def look_at_start(rows):
    """Marks are in the order of the work, and within the time of the process."""
    expected = [("all kernels", "warmup", start.COLD), *(("v3-small", name, start.WARM) for name in start.RUNS)]
    assert sizes(rows, "model", "what", "target") == expected
    assert all(row["cpu_seconds"] > 0 for row in rows)
    assert rows[0]["marks"] == {}
    for row in rows[1:]:
        assert list(row["marks"]) == ["import", "build", "first call"]
        marks = [0, *row["marks"].values(), row["seconds"]]
        assert all(before < after for before, after in pairwise(marks))


LOOKS = {name.removeprefix("look_at_"): value for name, value in globals().items() if name.startswith("look_at_")}


def test_every_command_is_tested():
    assert set(QUICK) == set(commands.COMMANDS) == set(LOOKS) - {"contenders"}
    assert set(QUICK) == {command for command, _ in CONTENDERS}


@pytest.mark.parametrize(
    "command", [pytest.param(name, marks=needs_clone if name == "changes" else ()) for name in QUICK]
)
@pytest.mark.usefixtures("alone", "short_start")
def test_writes_table_json_and_plot(command, tmp_path, capsys):
    commands.main([command, "--out", str(tmp_path), *QUICK[command].split()])
    written = json.loads((tmp_path / f"{command}.json").read_text())
    assert written["benchmark"] == command
    assert written["roofline"]["macs_per_second"] > 0
    assert written["versions"]["numpy"]
    rows = written["rows"]
    assert rows
    assert (tmp_path / f"{command}.png").read_bytes().startswith(PNG)
    out = capsys.readouterr().out
    assert commands.COMMANDS[command].table(rows) in out
    LOOKS[command](rows)


# Those that compute, alone one by one, something else in the next test.
CONTENDERS = [
    *(("inference", name) for name in ("compile", "forward")),
    *(("forms", name) for name in ("numba", "numpy")),
    ("training", "ours"),
    *(("ops", name) for name in ("numba", "numpy")),
    ("layers", "compile"),
    *(("growth", name) for name in ("compile", "forward")),
    *(("paradox", name) for name in ("numpy", "numba", "loops")),
    *(("start", name) for name in start.RUNS),
    *(("changes", name) for name in ("compile", "compile HEAD")),
]


def too_large(result):
    """By a tenth: logits, or all gradients."""
    if isinstance(result, tuple):
        loss, norms = result
        return loss, {name: 1.1 * norm for name, norm in norms.items()}
    return 1.1 * result


def let_be_wrong(command, who, monkeypatch):
    """Where a command computes: in processes of contenders, which are this one here, or by itself."""

    def build(self, size):
        result = processes.result_of(self._build(self.name, size))
        return too_large(result) if self.name == who else result

    def forward(net, x, train=False, right=mn.Network.forward):
        return scaled(right(net, x, train), x)

    def scaled(y, x):
        return 1.1 * y if x.dtype == np.float32 and current_form() == who else y

    def wrong_forward(case):
        def forward(x, *others, **options):
            y, cache = case.forward(x, *others, **options)
            return scaled(y, x), cache

        return case._replace(forward=forward)

    if command == "ops":
        monkeypatch.setattr(ops, "cases", lambda batch, cases=ops.cases: list(map(wrong_forward, cases(batch))))
    elif command == "layers":
        monkeypatch.setattr(mn, who, lambda net, right=mn.compile: lambda x: 1.1 * right(net)(x))
    elif command == "paradox":
        monkeypatch.setattr(mn.Network, "forward", forward)
    elif command == "start":
        call, result = start.RUNS[who]
        wrong = result.replace("y.", "(1.1 * y).").replace("float(", "1.1 * float(")
        monkeypatch.setattr(start, "RUNS", {who: (call, wrong)})
        monkeypatch.setattr(start, "WARMUP", "")
    else:
        monkeypatch.setattr(processes.Contender, "build", build)


@pytest.mark.parametrize(
    ("command", "who"), [pytest.param(*one, marks=needs_clone if one[0] == "changes" else ()) for one in CONTENDERS]
)
@pytest.mark.usefixtures("alone", "short_start")
def test_what_computes_something_else_is_not_timed(command, who, monkeypatch, tmp_path):
    """And nothing is written. The first calls of `start` can be validated afterwards only."""

    def timed(*_):
        pytest.fail("it was timed")

    let_be_wrong(command, who, monkeypatch)
    monkeypatch.setattr(processes.Contender, "turn", timed)
    monkeypatch.setattr(ops, "turn", timed)
    for module in (layers, paradox):
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=timed))
    with pytest.raises(AssertionError, match=f"{who} computes something else"):
        commands.main([command, "--out", str(tmp_path), *QUICK[command].split()])
    assert list(tmp_path.iterdir()) == []


def test_without_a_command_everything_runs(monkeypatch, tmp_path, capsys):
    """With the short arguments of each that has some, which therefore must be valid."""
    ran, short = [], [name for name, module in commands.COMMANDS.items() if module.SHORT is not None]
    assert set(short) == set(commands.COMMANDS) - {"changes"}
    for name, module in commands.COMMANDS.items():
        monkeypatch.setattr(module, "run", lambda a, name=name: ran.append((name, a)) or [])
        monkeypatch.setattr(module, "table", lambda rows: "no rows")
    monkeypatch.setattr(commands.figures, "save", lambda plot, rows, path: path.touch())
    commands.main(["--out", str(tmp_path)])
    assert [name for name, _ in ran] == short
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{name}.{kind}" for name in short for kind in ("json", "png")
    }
    assert capsys.readouterr().out.count("no rows") == len(short)


@needs_clone
def test_a_commit_is_checked_out(tmp_path):
    """The package of then: of the commit, not of the files that lie here now."""
    folder = changes.checked_out("HEAD", tmp_path)
    listed = subprocess.run(
        ["git", "-C", changes.ROOT, "ls-tree", "-r", "--name-only", "HEAD", "mobilenet_np"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == set(listed)


@needs_clone
def test_what_is_no_commit_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(SystemExit, match=r"changes: .*no-such-commit"):
        commands.main(["changes", "no-such-commit", "--out", str(tmp_path)])
    assert list(tmp_path.iterdir()) == []


def test_without_git_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="there is no git"):
        changes.checked_out("HEAD", tmp_path)

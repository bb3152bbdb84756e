"""Each command validates, prints, and writes JSON and a plot, at sizes that take no time. How fast is not tested."""

import json
import shutil
import subprocess

import pytest

from benchmarks import __main__ as commands, changes, peers, start

# What PyTorch and the others compute is tested in test_peers.py; here they are hidden, which is quicker.
QUICK = {
    "inference": "--models v3-small --batch 1 --threads 1 --resolution 32 --seconds 0",
    "forms": "--models v3-small --batch 2 --threads 1 --resolution 32 --seconds 0",
    "training": "--models v3-small --shapes 2x32 --threads 1 --seconds 0",
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
    """Compiling everything takes a minute; here the processes only say that they ran."""
    monkeypatch.setattr(start, "RUNS", {"forward": "net.architecture"})
    monkeypatch.setattr(start, "WARMUP", "")


def test_every_command_is_tested():
    assert set(QUICK) == set(commands.COMMANDS)


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
    for row in rows:
        for low, middle, high in [*row.get("ms", {}).values(), *row.get("ratios", {}).values()]:
            assert 0 < low <= middle <= high
        if "ours" in row:
            assert row["ratios"][row["ours"]] == [1, 1, 1]


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

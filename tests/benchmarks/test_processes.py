"""Contenders in processes of their own: asleep when it is not their turn, and their ends are survived."""

import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

import mobilenet_np as mn
from benchmarks import memory, side_by_side, steps, timing
from benchmarks.processes import MALLOC_TUNED, Contender, started
from benchmarks.sizes import Size
from benchmarks.timing import Lost

SIZE = Size("v3-small", batch=2, resolution=32, threads=1)


def build(name, size):
    """What contenders do here; their processes import it."""
    if name == "broken":
        raise ValueError("no such model")
    if name == "asleep":
        return lambda: time.sleep(600)
    if name == "environment":
        return lambda: os.environ.get("MALLOC_MMAP_MAX_")
    if name == "package":
        return lambda: mn.__file__
    if name == "explains":
        return lambda: lambda: (size.batch, os.getpid())
    if name == MALLOC_TUNED:
        return lambda: os.environ["MALLOC_MMAP_MAX_"]
    if name == "mortal":
        calls = iter(range(4))  # one for the small size, one for the result, two in the first turn
        return lambda: next(calls, None) if size == SIZE.small() else _live(calls)
    if name == "spins":
        return lambda: threading.Thread(target=_spin, args=(0.1,)).start()
    return lambda: size.batch


def _live(calls):
    if next(calls, None) is None:
        os._exit(3)
    return SIZE.batch


def _spin(seconds):
    while time.thread_time() < seconds:
        pass


def check(name, result, size):
    assert result == size.batch


@pytest.fixture(autouse=True)
def everybody_can(monkeypatch):
    monkeypatch.setattr(side_by_side, "can_run", lambda name, model: True)


def test_a_process_builds_and_times():
    with started(("one",), build) as contenders:
        one = contenders["one"]
        assert one.build(SIZE) == 2
        assert 0 < one.turn(0) < 1e3
        assert one.build(SIZE._replace(batch=3)) == 3
        pid = one._process.pid
        assert pid != os.getpid()
    assert not one._process.is_alive()


def test_what_a_result_takes_is_computed_in_the_process_and_not_timed():
    with started(("explains",), build) as contenders:
        explains = contenders["explains"]
        assert explains.build(SIZE) == (2, explains._process.pid)
        assert explains.turn(0) < 1e3


def _cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(not memory.SYSTEM_TELLS, reason="only Linux tells another process' time")
def test_they_are_asleep_when_it_is_not_their_turn():
    """Though their threads spin for a tenth of a second after each call."""
    with started(("spins", "one"), build) as contenders:
        spins, one = contenders.values()
        spins.build(SIZE)
        one.build(SIZE)
        pid = spins._process.pid
        before = _cpu_seconds(pid)
        spins.turn(0)
        after = _cpu_seconds(pid)
        assert after - before > 0.1
        one.turn(0.3)
        assert _cpu_seconds(pid) - after < 0.03


def test_who_fails_or_dies_is_left_out():
    with started(("ours", "broken", "mortal"), build) as contenders:
        row = side_by_side.row(contenders, SIZE, check, "ours", 0, 1.0)
        assert row["lost"] == {"broken": "ValueError: no such model", "mortal": "its process ended with code 3"}
        assert list(row["ms"]) == list(row["ratios"]) == ["ours"]
        lines = side_by_side.table([row]).splitlines()
        assert lines[-2].split(maxsplit=1) == ["broken", "left out: ValueError: no such model"]
        assert lines[-1].split(maxsplit=1) == ["mortal", "left out: its process ended with code 3"]

        assert contenders["mortal"].build(SIZE) == 2  # in another process
        assert contenders["mortal"].lost is None
        with pytest.raises(RuntimeError, match="broken was lost: ValueError: no such model"):
            side_by_side.row({"broken": contenders["broken"]}, SIZE, check, "broken", 0, 1.0)


def test_another_result_is_not_timed(monkeypatch):
    """Of the commands, tests/benchmarks/test_commands.py."""
    monkeypatch.setattr(Contender, "turn", lambda self, seconds: pytest.fail("timed"))

    def other(name, result, size):
        raise AssertionError(f"{name} computes something else")

    with (
        started(("ours",), build) as contenders,
        pytest.raises(AssertionError, match="ours computes something else"),
    ):
        side_by_side.row(contenders, SIZE, other, "ours", 0, 1.0)


def test_malloc_is_tuned_for_one_process_only(monkeypatch):
    monkeypatch.delenv("MALLOC_MMAP_MAX_", raising=False)
    monkeypatch.setenv("MALLOC_TOP_PAD_", "7")
    with started((MALLOC_TUNED, "environment"), build) as contenders:
        assert [contender.build(SIZE) for contender in contenders.values()] == ["0", None]
    assert "MALLOC_MMAP_MAX_" not in os.environ
    assert os.environ["MALLOC_TOP_PAD_"] == "7"


def test_one_process_has_another_version_of_the_package(tmp_path):
    """Though this process, and those that are started without a folder, have the one that lies here."""
    shutil.copytree(Path(mn.__file__).parent, tmp_path / "mobilenet_np", ignore=shutil.ignore_patterns("__pycache__"))
    before = sys.path.copy()
    for folders, expected in (({"package": tmp_path}, tmp_path / "mobilenet_np/__init__.py"), ({}, Path(mn.__file__))):
        with started(("package",), build, folders) as contenders:
            assert Path(contenders["package"].build(SIZE)).samefile(expected)
        assert sys.path == before


def test_ctrl_c_ends_all(ctrl_c_interrupts):
    """Also those that compute; and it is the parent, not they, that it interrupts."""
    with started(("one", "asleep"), build) as contenders:
        one, asleep = contenders.values()
        one.build(SIZE)
        os.kill(one._process.pid, signal.SIGINT)
        one.turn(0)
        threading.Timer(1, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            asleep.build(SIZE)
        assert asleep._process.is_alive()
    assert not one._process.is_alive()
    assert not asleep._process.is_alive()


@pytest.mark.skipif(not memory.SYSTEM_TELLS, reason="only Linux tells a process' peak memory")
def test_peak_memory():
    """A step keeps its activations: more images need more, and the weights are there at least."""
    weights = 4e-6 * mn.cost("v3-small", classes=1000).params_trainable
    kept = 4e-6 * mn.cost("v3-small", resolution=64).bytes()["peak_activations"] / 4
    found = []
    for batch in (2, 32):
        contender = Contender("ours", steps.build)
        try:
            contender.build(SIZE._replace(batch=batch, resolution=64))
            found.append(contender.peak_mb())
        finally:
            contender.end()
    assert found[0] > weights
    assert found[1] > found[0] + kept


def test_nobody_waits_for_a_thread_that_never_sleeps(monkeypatch):
    monkeypatch.setattr(timing.time, "process_time", iter(range(1000)).__next__)
    with pytest.raises(Lost, match="do not go to sleep"):
        timing.rest()

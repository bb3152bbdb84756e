"""Ctrl-C at any moment, a fork at any moment, and what others had set: nothing is left behind."""

import os
import signal
import sys
import threading
import traceback

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import mobilenet_np as mn
from mobilenet_np import memory, threads

NET = mn.build("v2", 0.35, 10, dropout=0)
X = np.random.default_rng(0).standard_normal((2, 64, 64, 3), np.float32)
FAST = mn.compile(NET)
DY = np.ones((2, 10), np.float32)


@pytest.fixture(autouse=True)
def two_threads():
    mn.set_threads(2)


def _compiled():
    return FAST(X)


def _step():
    NET.forward(X, train=True)
    NET.backward(DY)
    return NET.grads["stem.conv.w"]


def _for_ever(work, timer):
    timer.start()
    while True:
        work()


def _meet():
    """Returns only if a helper comes."""
    together = threading.Barrier(2, timeout=60)
    threads.run_on_all(lambda _: together.wait(), 2)


@pytest.mark.parametrize("work", [_compiled, _step, _meet])
@pytest.mark.usefixtures("ctrl_c_interrupts")
def test_ctrl_c_at_any_moment(work):
    """Helpers are free again, and compute what they did."""
    main, expected = threading.main_thread().ident, work()
    for delay in np.linspace(0.001, 0.05, 25):
        timer = threading.Timer(delay, signal.pthread_kill, (main, signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            _for_ever(work, timer)
        timer.join()
        assert threads._taken == {}
        assert not threads.desks[::8].any()  # nobody's work lies there
    _meet()
    np.testing.assert_array_equal(work(), expected)


def test_no_compiled_function_returns_an_array():
    """Numba calls Python for each, and Ctrl-C there becomes a SystemError."""
    dispatchers = pytest.importorskip("numba.core.dispatcher")
    for work in (_compiled, _step):
        work()
    found = [
        (name, function)
        for name, module in list(sys.modules.items())
        if name.startswith("mobilenet_np.")
        for function in vars(module).values()
        if isinstance(function, dispatchers.Dispatcher) and function.signatures
    ]
    assert {"take_in", "take_back"} <= {
        function.py_func.__name__.strip("_").rpartition("_")[0] for _, function in found
    }
    for name, function in found:
        for signature in function.nopython_signatures:
            assert "array" not in str(signature.return_type), f"{name}.{function.__name__}"


def test_ctrl_c_right_after_the_helpers_were_taken(monkeypatch):
    def interrupted(helpers, call):
        crew(helpers, call)
        raise KeyboardInterrupt

    crew = threads._crew
    # Without Numba one thread does so little alone.
    for work in (_compiled, _meet) if mn.forms.HAVE_NUMBA else (_meet,):
        with monkeypatch.context() as patch:
            patch.setattr(threads, "_crew", interrupted)
            with pytest.raises(KeyboardInterrupt):
                work()
        assert threads._taken == {}
        _meet()


def test_ctrl_c_before_every_helper_has_begun(monkeypatch):
    mn.set_threads(3)
    threads.run_on_all(lambda _: None, 3)
    begin = threads._Helper.begin

    def interrupted(self, task):
        if self.number == 2:
            raise KeyboardInterrupt
        begin(self, task)

    with monkeypatch.context() as patch:
        patch.setattr(threads._Helper, "begin", interrupted)
        with pytest.raises(KeyboardInterrupt):
            threads.run_on_all(lambda _: None, 3)
    _meet()


def _in_child(work):
    """Exit code of a forked child that does this; a child that hangs is ended by its alarm."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(60)
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_that_is_forked_while_others_compute():
    """Whatever another thread holds at that moment, nobody in the child will give it back."""
    expected, gradient = _compiled(), _step().copy()
    _meet()
    holding, done = threading.Event(), threading.Event()

    def hold():
        threads._taken["helpers"] = object()
        with memory._lock, threads._limiting:
            holding.set()
            done.wait()

    def work():
        assert threading.active_count() == 1
        assert np.array_equal(_compiled(), expected)
        assert np.array_equal(_step(), gradient)
        _meet()
        mn.compile(NET)(X)
        with mn.form("numpy"):
            NET.forward(np.repeat(X, 16, axis=0))

    other = threading.Thread(target=hold)
    other.start()
    try:
        holding.wait()
        assert _in_child(work) == 0
    finally:
        done.set()
        other.join()
        threads._taken.clear()


def test_what_others_have_set_stays():
    """Threads of BLAS, the environment, the processors of this process."""

    def others():
        pools = [(pool["internal_api"], pool["num_threads"]) for pool in threadpool_info()]
        affinity = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
        return pools, affinity, dict(os.environ), np.geterr(), threading.excepthook

    before = others()
    mn.set_threads(3)
    for form in ("numpy", "numba"):
        with mn.form(form):
            NET.forward(np.repeat(X, 16, axis=0))
            _step()
            with pytest.raises(ValueError, match="expected"):
                NET.backward(DY[:, :5])
    _compiled()
    assert others() == before

"""What the figures of a benchmark are made of."""

import time
from functools import partial

import numpy as np
import pytest

import mobilenet_np as mn
from benchmarks import layers, ops, paradox, peers, roof, side_by_side, steps, timing, torch_ops
from benchmarks.sizes import Size
from mobilenet_np.infer.plan import PRODUCT
from mobilenet_np.measured import Machine

HERE = Machine(1, macs_per_second=1e9, cache_bytes_per_second=1e12, memory_bytes_per_second=1e12)


@pytest.mark.parametrize("model", peers.SOURCES)
def test_roof_of_a_machine_that_only_multiplies(model):
    net = mn.build(model, 0.5)
    cost = mn.cost(net, resolution=64)
    assert roof.network_ms(net, 3, 64, HERE) == pytest.approx(3 * cost.macs / 1e6)
    stem = cost.rows[0].macs  # of the image no gradient is needed
    assert roof.step_ms(net, 3, 64, HERE) == pytest.approx(3 * (3 * cost.macs - stem) / 1e6)


def test_the_roof_is_that_of_the_threads_that_are_compared():
    pytest.importorskip("numba")
    before = mn.get_threads()
    found = [roof.roofline(threads) for threads in (1, 2, 1)]
    assert [here.threads for here in found] == [1, 2, 1]
    assert found[0] is found[2]
    assert mn.get_threads() == before


def test_roof_of_memory_and_cache():
    slow = Machine(1, 1e18, cache_bytes_per_second=1e9, memory_bytes_per_second=1e8)
    assert roof.least_ms(10**6, roof.IN_CACHE, slow) == pytest.approx(roof.IN_CACHE / 1e6)
    assert roof.least_ms(10**6, 2 * roof.IN_CACHE, slow) == pytest.approx(2 * roof.IN_CACHE / 1e5)


@pytest.mark.parametrize("model", peers.SOURCES)
def test_steps_multiply_what_the_layers_do(model):
    """But for widths that are filled up to whole registers, and for the borders."""
    pytest.importorskip("numba")
    net = mn.build(model, 1.0)
    plan = mn.compile(net)._plan(1, 224, 224)
    found = sum(layers.multiplications(step) for step in [*plan.steps, *plan.heads])
    macs = mn.cost(net).macs
    assert macs <= found < 1.05 * macs


def test_steps_move_at_least_their_weights():
    pytest.importorskip("numba")
    net = mn.build("v3-small")
    plan = mn.compile(net)._plan(1, 64, 64)
    classifier = plan.heads[-1]
    assert classifier["kind"] == PRODUCT
    assert layers.moved(classifier) >= 4 * 1024 * 1000
    assert all(layers.moved(step) > 0 for step in [*plan.steps, *plan.heads])


SMALL = Size("v3-small", batch=8, resolution=64, threads=1, width=0.35)


def around(tolerance):
    """Factors just inside of it, and factors just outside, to which belongs what is no number."""
    return (1 - 0.9 * tolerance, 1 + 0.9 * tolerance), (1 - 1.1 * tolerance, 1 + 1.1 * tolerance, np.nan)


def test_logits_that_are_off_by_more_than_rounding_are_found():
    """All of them, or one; and one image's are not those of a batch."""
    logits = peers.expected(SMALL, None)
    inside, outside = around(peers.TOLERANCE)
    for factor in inside:
        peers.check("other", logits * factor, SMALL)
    largest = np.unravel_index(np.abs(logits).argmax(), logits.shape)
    for factor in outside:
        one = logits.copy()
        one[largest] *= factor
        for wrong in (logits * factor, one):
            with pytest.raises(AssertionError, match="other computes something else: relative error"):
                peers.check("other", wrong, SMALL)
    with pytest.raises(AssertionError, match=r"other computes something else: \(1, 1000\) numbers, not \(8, 1000\)"):
        peers.check("other", logits[:1], SMALL)


def test_a_loss_that_is_off_by_more_than_rounding_is_found():
    loss, norms = steps.expected(SMALL, None)
    inside, outside = around(peers.TOLERANCE)
    for factor in inside:
        steps.check("other", (loss * factor, norms), SMALL)
    for factor in outside:
        with pytest.raises(AssertionError, match="other computes something else: loss"):
            steps.check("other", (loss * factor, norms), SMALL)


def test_the_gradient_of_every_parameter_is_looked_at():
    """Those that are nearly nothing, as if they had some size: what cancels leaves rounding."""
    loss, norms = steps.expected(SMALL, None)
    assert norms.keys() == peers.our_network(SMALL.model, SMALL.width).params.keys()
    small = steps.SMALL * np.sqrt(sum(norm**2 for norm in norms.values()))
    assert min(norms.values()) < 1e-9 * small  # the beta of a bottleneck
    inside, outside = around(steps.TOLERANCE)
    for name, norm in norms.items():
        size = max(norm, small)
        for factor in inside:
            steps.check("other", (loss, norms | {name: norm + (factor - 1) * size}), SMALL)
        for factor in outside:
            with pytest.raises(AssertionError, match=rf"other computes something else: \|gradient of {name}\|"):
                steps.check("other", (loss, norms | {name: norm + (factor - 1) * size}), SMALL)
    name, *others = norms
    with pytest.raises(AssertionError, match=f"gradients of {{'{name}'}}"):
        steps.check("other", (loss, {other: norms[other] for other in others}), SMALL)


@pytest.mark.parametrize("model", peers.SOURCES)
def test_steps_are_expected_from_the_definitions(model):
    """Compiled loops do in float64 what NumPy's form does, but for the order of sums."""
    size = SMALL._replace(model=model)
    loss, norms = steps.expected(size, None)
    with mn.form("numpy"):
        defined, defined_norms = steps.expected.__wrapped__(size, None)
    assert loss == pytest.approx(defined, rel=1e-12)
    steps_small = 1e-9 * np.linalg.norm(list(norms.values()))
    assert norms == pytest.approx(defined_norms, rel=1e-9, abs=steps_small)


def test_how_many_threads_there_are_changes_nothing_that_is_expected():
    """It is computed once for all of them."""
    for module, result in ((peers, peers.expected(SMALL, None)), (steps, steps.expected(SMALL, None))):
        before = module.expected.cache_info()
        module.check("ours", result, SMALL._replace(threads=2))
        after = module.expected.cache_info()
        assert (after.misses, after.hits) == (before.misses, before.hits + 1)


def test_turns_are_taken():
    turns = []

    def turn(name, seconds):
        turns.append(name)
        if len(turns) == 6:
            raise timing.Lost
        return float(len(turns))

    times = timing.take_turns({name: partial(turn, name) for name in "ab"}, 0, "two")
    assert "".join(turns) == "ababab" + "aa"
    assert {name: t.tolist() for name, t in times.items()} == {"a": [1, 3, 5, 7, 8]}


def test_the_first_call_of_a_turn_does_not_count():
    naps = iter([0.1, 0.001])
    assert 1 <= timing.turn(lambda: time.sleep(next(naps)), 0) < 50
    assert list(naps) == []


def test_threads_are_given_back():
    before = mn.get_threads()
    with timing.using(before + 1):
        assert mn.get_threads() == before + 1
    assert mn.get_threads() == before


def test_table_of_a_row():
    row = Size("v2", 1, 224, threads=2)._asdict() | dict(ours="compile", least_ms=2.0, lost={"keras": "away\nfar"})
    times = {"compile": np.array([4.0, 4.0, 4.0]), "openvino": np.array([5.0, 6.0, 7.0])}
    lines = side_by_side.table(
        [row | timing.quartiles(times, "compile") | {"peak_mb": {"openvino": 12.3}}]
    ).splitlines()
    assert lines[1] == "v2, 1 x 224, 2 threads: at least 2.00 ms"
    assert lines[2].split() == ["compile", "4.00", "4.00-4.00", "1.00", "1.00-1.00", "50%"]
    assert lines[3].split() == ["openvino", "6.00", "5.50-6.50", "1.50", "1.38-1.62", "33%", "12", "MB"]
    assert lines[4].split() == ["keras", "left", "out:", "away"]


def test_the_paradox():
    """Depthwise convolutions are 3 % of V1's MACs, Table 2 of its paper."""
    macs = paradox._macs(mn.build("v1"), 224)
    assert sum(macs.values()) == mn.cost("v1").macs
    assert 0.03 < macs["depthwise_conv2d"] / sum(macs.values()) < 0.0315


def test_times_of_ops_leave_the_network_as_it_was():
    net, x = mn.build("v1", 0.25), np.zeros((1, 32, 32, 3), np.float32)
    before = net.forward(x)
    seconds = paradox._seconds(net, x, 0)
    assert set(seconds) == {*paradox.PARTS, paradox.REST}
    assert not [leaf for _, leaf in net.walk() if "forward" in vars(leaf)]
    np.testing.assert_array_equal(net.forward(x), before)


@pytest.mark.parametrize("case", ops.cases(1), ids=lambda case: case.name)
def test_the_cases_are_pytorch_s_too(case):
    pytest.importorskip("torch", reason="needs PyTorch")
    dy, expected = ops._expected(case)
    theirs = torch_ops.ours(case.op, expected)
    for channels_last in (False, True):
        forward, backward = torch_ops.calls(case.op, case.arrays, case.options, dy, channels_last)
        ops._check(case, "torch", [t.numpy() for t in (forward(), *backward())], theirs)


@pytest.mark.parametrize("case", ops.cases(1), ids=lambda case: case.name)
def test_every_result_of_an_op_is_looked_at(case):
    """y, dx and the gradients of all weights."""
    _, expected = ops._expected(case)
    assert len(expected) == 1 + len(case.arrays)
    inside, outside = around(ops.tolerance(case))
    for i, result in enumerate(expected):
        for factor in inside:
            ops._check(case, "other", [*expected[:i], result * factor, *expected[i + 1 :]], expected)
        for factor in outside:
            with pytest.raises(AssertionError, match=f"{case.name}: other computes something else: relative error"):
                ops._check(case, "other", [*expected[:i], result * factor, *expected[i + 1 :]], expected)
    with pytest.raises(AssertionError, match="other computes something else: relative error inf"):
        ops._check(case, "other", [result[..., :1] for result in expected], expected)

"""Each stage notices when what it checks is wrong."""

import inspect
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np import ops
from mobilenet_np.architecture import architecture
from mobilenet_np.check import student
from mobilenet_np.costs import cost
from mobilenet_np.costs.ledger import ledger as published_beside_exact
from mobilenet_np.costs.published import published
from mobilenet_np.tour import (
    cases,
    environment,
    factorization,
    gradients,
    learner,
    ledger,
    steps,
    tables,
    training,
)


def test_every_op_is_checked():
    modules = {path.stem for path in Path(ops.__file__).parent.glob("*.py") if not path.stem.startswith("_")}
    assert {case.name.partition(",")[0] for case in cases() if case.kind == "op"} == modules


def test_every_kind_of_block_is_checked():
    """Every convolution with its nonlinearity, kernel and stride, every gate, and blocks with and without residual."""

    def traits(blocks):
        return {(row.op, row.act, row.kernel, row.stride) for block in blocks for row in block.rows} | {
            ("residual", block.residual) for block in blocks
        }

    everything = [b for model in ("v1", "v2", "v3-large", "v3-small") for b in architecture(model).blocks]
    checked = [block for _, block in gradients.kinds_of_blocks()]
    assert traits(everything) <= traits(checked)
    assert {"stem", "head", "hidden"} <= {block.name for block in checked}
    assert len(checked) < len(everything) / 2


@pytest.mark.parametrize("case", [c for c in cases() if c.kind == "block"], ids=lambda case: case.name)
def test_blocks(case):
    report = case.run()
    report.assert_ok()
    assert report.method == "complex"


def test_the_learners_mistake_is_found_and_is_the_only_one():
    report = student(learner.my_forward, learner.my_backward, like="depthwise_conv2d")
    assert not report.ok
    assert gradients.MISTAKE in str(report)
    wrong = "dx[:, rows, columns] = dy"
    source = inspect.getsource(learner.my_backward)
    assert wrong in source
    right = {}
    exec(source.replace(wrong, wrong.replace("=", "+=")), vars(learner).copy(), right)
    student(learner.my_forward, right["my_backward"], like="depthwise_conv2d").assert_ok()


def test_shortened_network_is_whole():
    net = gradients.shortened(architecture("v3-small", 0.25, classes=7), 2)
    rows = list(net.rows)
    for before, after in pairwise(rows):
        assert before.c_out == after.c_in
    assert len(net.blocks) == 2
    assert rows[-1].c_out == 7


def test_measured_saving_is_noticed_when_wrong():
    right = factorization.measure(16)
    assert right.ok
    assert not right._replace(separable=right.separable + 1).ok


def test_counted_layer_is_noticed_when_wrong():
    row = cost("v2")["block3.depthwise"]
    right = tables.Line(row, row.macs, row.macs_in_bounds)
    assert right.ok
    assert not right._replace(executed=row.macs - 1).ok
    assert not right._replace(executed_in_bounds=row.macs).ok


def test_explained_number_is_noticed_when_wrong(monkeypatch):
    net = mn.build("v3-small", width=0.35, classes=3, dtype="float64")
    t = mn.trace(net, np.random.default_rng(0).normal(size=(2, 32, 32, 3)), np.array([0, 2]))
    monkeypatch.setattr(steps, "NUMBERS", 60)
    assert steps.explained(t, 0) == [True] * 60
    (conv,) = (record for name, record in t.records.items() if name == "block2.expand.conv")
    conv.forward.x[...] *= 1 + 1e-6  # no longer what its output was computed from
    verdicts = [ok for seed in range(10) for ok in steps.explained(t, seed)]
    assert 0 < verdicts.count(False) < 100


def test_what_ran_otherwise_is_noticed(monkeypatch):
    right = ledger.explain
    monkeypatch.setattr(ledger, "explain", lambda *where: replace(right(*where), macs_dw=1))
    monkeypatch.setattr(ledger, "HAVE_NUMBA", False)  # nothing to measure
    result = ledger.run()
    assert not result.ok
    assert "what ran is not what the formulas say" in result.section.body
    assert "What this machine" not in result.section.body


def test_published_number_is_noticed_when_wrong():
    (entry, *_) = published_beside_exact(list(published())[2:3])
    assert tables._fine(entry)
    assert not tables._fine(replace(entry, formula=entry.formula * 2))
    assert not tables._fine(replace(entry, executed=entry.formula + 1))


def test_formulas_are_typeset():
    assert tables._typeset("Ho*Wo*k^2*C") == "H<sub>o</sub>·W<sub>o</sub>·k<sup>2</sup>·C"


def test_networks_that_learned_too_little_are_noticed():
    assert training._learned([0.96, 0.97, 0.96], quick=False)
    assert not training._learned([0.96, 0.969, 0.96], quick=False)
    assert not training._learned([0.95, 0.99, 0.99], quick=False)
    assert training._learned([0.3, 0.3, 0.3], quick=True)
    assert not training._learned([0.1, 0.9, 0.9], quick=True)


def test_environment():
    what = environment()
    assert what["numpy"] == np.__version__
    assert int(what["cores"]) >= 1
    assert what["form"] in ("numpy", "numba")
    assert all(isinstance(value, str) and value for value in what.values())

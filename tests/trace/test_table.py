"""The paper's own table, with what every line did beside it."""

import re
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np.tables import TABLES, V3_LARGE


def _at_224(model, **options):
    return mn.trace(mn.build(model, **options), np.zeros((1, 224, 224, 3), np.float32))


def _lines(t):
    """Cells of the lines between heading and total."""
    lines = t.table().split("\n")
    start = next(k for k, line in enumerate(lines) if line.startswith("layer"))
    stop = next(k for k, line in enumerate(lines) if line.startswith("total"))
    return [line.split() for line in lines[start + 1 : stop]]


def _taking(t, seconds):
    """The same trace from a machine that needs that long for every record."""

    def slowed(record):
        forward, backward = (replace(one, seconds=seconds) for one in (record.forward, record.backward))
        return replace(record, forward=forward, backward=backward, parts=tuple(map(slowed, record.parts)))

    return replace(t, records={name: slowed(record) for name, record in t.records.items()})


@pytest.mark.parametrize(("model", "width"), [*((model, 1.0) for model in TABLES), ("v2", 1.4)])
def test_fits_a_page(model, width):
    """On a slow machine, too."""
    measured = _at_224(model, width=width)
    macs = mn.cost(model, width=width).macs
    for t in (measured, _taking(measured, 3.0)):
        for layers in (False, True):
            text = t.table(layers)
            assert max(map(len, text.split("\n"))) <= 120
            assert not re.search(r" $", text, re.MULTILINE)
            assert re.search(rf"^total .* {macs:,} ", text, re.MULTILINE)


def test_v2_is_table_2_of_its_paper():
    """Input, operator, t, c, n, s (arXiv:1801.04381): a line of n blocks is written out block by block."""
    paper = [
        ("112x112x32", 1, 16, 1, 1), ("112x112x16", 6, 24, 2, 2), ("56x56x24", 6, 32, 3, 2), ("28x28x32", 6, 64, 4, 2),
        ("14x14x64", 6, 96, 3, 1), ("14x14x96", 6, 160, 3, 2), ("7x7x160", 6, 320, 1, 1),
    ]  # fmt: skip
    found = _lines(_at_224("v2"))
    assert found[0][1:7] == ["224x224x3", "conv2d", "-", "32", "1", "2"]
    blocks = [line for line in found if line[2] == "bottleneck"]
    firsts = [line for line in blocks if line[5].startswith("1/")]
    assert [(line[1], int(line[3]), int(line[4]), int(line[5][2:]), int(line[6])) for line in firsts] == paper
    others = [line for line in blocks if not line[5].startswith("1/")]
    assert len(blocks) == 17
    assert all(line[6] == "1" for line in others)
    tail = [" ".join(line[1:4]) for line in found[18:]]
    assert tail == ["7x7x320 conv2d 1x1", "7x7x1280 avgpool 7x7", "1x1x1280 dropout -", "1x1x1280 conv2d 1x1"]


def test_v1_is_table_1_of_its_paper():
    """Type / stride, filter shape, input size (arXiv:1704.04861), but for the last depthwise stride, see `tables`."""
    lines = [" ".join(line[1:]) for line in _lines(_at_224("v1"))]
    for line in (
        "Conv / s2 3x3x3x32 224x224x3", "Conv dw / s1 3x3x32 dw 112x112x32",
        "Conv / s1 1x1x32x64 112x112x32", "Conv dw / s2 3x3x64 dw 112x112x64",
        "Conv / s1 1x1x64x128 56x56x64", "Conv dw / s2 3x3x512 dw 14x14x512",
        "Conv / s1 1x1x512x1024 7x7x512", "Avg Pool / s1 Pool 7x7 7x7x1024",
        "FC / s1 1024x1000 1x1x1024",
    ):  # fmt: skip
        assert any(found.startswith(f"{line} ") for found in lines), line
    assert sum("3x3x512 dw 14x14x512" in line for line in lines) == 6


def test_v3_is_table_1_of_its_paper():
    """Input, operator, exp size, #out, SE, NL, s (arXiv:1905.02244)."""
    found = _lines(_at_224("v3-large"))[1:16]
    for line, row in zip(found, V3_LARGE.rows, strict=True):
        _, _, bneck, kernel, expanded, out, gate, nl, stride, *_ = line
        assert (bneck, kernel, int(expanded), int(out)) == (
            "bneck,", f"{row.kernel}x{row.kernel}", row.expanded, row.channels
        )  # fmt: skip
        assert gate == ("yes" if row.squeeze_excite else "-")
        assert int(stride) == row.stride
        assert nl == {"relu": "RE", "hard_swish": "HS"}[row.act]
    assert [line[1] for line in found[:4]] == ["112x112x16", "112x112x16", "56x56x24", "56x56x24"]


@pytest.mark.parametrize(("seconds", "printed"), [(0.01234, "12.34"), (0.09999, "99.99"), (0.1, "100"), (3.0, "3000")])
def test_milliseconds(traced, seconds, printed):
    assert all(line[-8:-6] == [printed] * 2 for line in _lines(_taking(traced("v3-small"), seconds)))


def test_measured_columns(traced):
    t = _taking(traced("v3-small"), 0.01234)
    (line,) = (line for line in _lines(t) if line[0] == "block5")
    record = t["block5"]
    macs, forward, backward, kept, zero, dead, closed, opened, field = line[-9:]
    assert int(macs.replace(",", "")) == record.macs // 2
    assert (forward, backward) == ("12.34", "12.34")
    assert kept == f"{record.bytes['kept'] / 1e6:.2f}"
    assert field == f"{record.receptive_field.size[0]}+"
    shares = record.statistics
    assert [zero, dead, closed, opened] == [
        f"{share:.0%}" for share in (shares.zero, shares.dead, shares.closed, shares.open)
    ]
    assert "2 images of 64x48x3, float64, loss " in t.table()
    assert "at 6" not in t.table()
    assert "at 6" in traced("v2").table()
    assert "shut" not in traced("v2").table()


def test_definitions_are_listed(traced):
    t = traced("v3-small")
    text = t.table()
    for op in {record.op for record in t.records.values() if not record.parts}:
        source = next(r.forward.source for r in t.records.values() if r.op == op and not r.parts)
        assert re.search(rf"^  {op} +{re.escape(str(source))}, :\d+$", text, re.MULTILINE)


def test_every_layer_with_its_line(traced):
    t = traced("v3-small")
    lines = {line.split()[0]: line for line in t.table(layers=True).split("\n") if line}
    for name, _ in mn.build("v3-small", width=0.35, classes=10, dropout=0.5).walk():
        source = t[name].forward.source
        assert lines[name].split()[1] == f"{PurePosixPath(source.path).stem}:{source.line}"
        assert PurePosixPath(source.path).parent.name == "ops"
    assert not any(".reduce" in name for name in lines)

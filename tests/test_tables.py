"""The tables hold what the papers print."""

import pytest

from mobilenet_np.tables import TABLES, V1, V2, V3_LARGE, V3_SMALL, Bneck


def test_names():
    assert list(TABLES) == ["v1", "v2", "v3-large", "v3-small", "v3-large-minimalistic", "v3-small-minimalistic"]
    assert TABLES["v1"] is V1


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_table_names_its_source(table):
    assert "arXiv:" in table.source
    assert "Table" in table.source


def test_v1():
    assert [(row.stride, row.channels) for row in V1.rows] == [
        (1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512), (1, 512), (1, 512), (1, 512), (1, 512), (1, 512),
        (2, 1024), (1, 1024),
    ]  # fmt: skip
    assert (V1.stem, V1.act, V1.last, V1.hidden) == (32, "relu6", 0, 0)


def test_v2():
    assert [tuple(row) for row in V2.rows] == [
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ]  # fmt: skip
    assert sum(row.repeat for row in V2.rows) == 17  # the text says 19
    assert (V2.stem, V2.act, V2.last, V2.hidden) == (32, "relu6", 1280, 0)


# One word a line of the paper's table: kernel, expansion, channels, SE, nonlinearity, stride.
LARGE = """
3,16,16,-,RE,1 3,64,24,-,RE,2 3,72,24,-,RE,1 5,72,40,SE,RE,2 5,120,40,SE,RE,1 5,120,40,SE,RE,1 3,240,80,-,HS,2
3,200,80,-,HS,1 3,184,80,-,HS,1 3,184,80,-,HS,1 3,480,112,SE,HS,1 3,672,112,SE,HS,1 5,672,160,SE,HS,2
5,960,160,SE,HS,1 5,960,160,SE,HS,1
"""
SMALL = """
3,16,16,SE,RE,2 3,72,24,-,RE,2 3,88,24,-,RE,1 5,96,40,SE,HS,2 5,240,40,SE,HS,1 5,240,40,SE,HS,1 5,120,48,SE,HS,1
5,144,48,SE,HS,1 5,288,96,SE,HS,2 5,576,96,SE,HS,1 5,576,96,SE,HS,1
"""


def _word(row):
    act = {"relu": "RE", "hard_swish": "HS"}[row.act]
    return f"{row.kernel},{row.expanded},{row.channels},{'SE' if row.squeeze_excite else '-'},{act},{row.stride}"


@pytest.mark.parametrize(
    ("table", "words", "last", "hidden"), [(V3_LARGE, LARGE, 960, 1280), (V3_SMALL, SMALL, 576, 1024)]
)
def test_v3(table, words, last, hidden):
    assert [_word(row) for row in table.rows] == words.split()
    assert (table.stem, table.act, table.last, table.hidden) == (16, "hard_swish", last, hidden)


@pytest.mark.parametrize("size", ["large", "small"])
def test_minimalistic_has_the_same_sizes(size):
    full, minimal = TABLES[f"v3-{size}"], TABLES[f"v3-{size}-minimalistic"]
    for row, plain in zip(full.rows, minimal.rows, strict=True):
        assert plain == Bneck(3, row.expanded, row.channels, False, "relu", row.stride)
    assert minimal.act == "relu"
    assert (full.stem, full.last, full.hidden) == (minimal.stem, minimal.last, minimal.hidden)

"""The ledger: published beside formula beside executed."""

import pytest

from mobilenet_np.costs.ledger import COUNTS, NETWORKS, ROUNDINGS, Entry, ledger, network_of, table
from mobilenet_np.costs.published import Published, published
from mobilenet_np.counted import execute


def _number(printed, count="macs", rounding="nearest", reason=""):
    return Published("a paper", "v1", 1.0, 224, 1000, printed, count, rounding, reason)


@pytest.mark.parametrize(
    ("formula", "printed", "rounding", "rounded"),
    [
        (568_740_352, "569", "nearest", "569"),
        (290_675_200, "290", "down", "290"),
        (290_675_200, "290", "nearest", "291"),
        (149_497_600, "150", "twice", "150"),  # 149.50 first
        (149_497_600, "149", "nearest", "149"),
        (76_500_000, "77", "nearest", "77"),  # halves go up
        (1_662_048, "1.66", "down", "1.66"),
        (59_285_808, "59.2", "down", "59.2"),
        (568_740_352, "600", "hundreds", "600"),
        (3_504_872, "3.504872", "nearest", "3.504872"),
    ],
)
def test_rounding(formula, printed, rounding, rounded):
    entry = Entry(_number(printed, rounding=rounding), formula)
    assert entry.rounded == rounded
    assert entry.agrees == (printed == rounded)


def test_excess():
    assert Entry(_number("575"), 500_000_000).excess == pytest.approx(0.15)


def test_every_name_is_known_and_used():
    numbers = list(published())
    assert {number.count for number in numbers} == set(COUNTS)
    assert {number.rounding for number in numbers} == set(ROUNDINGS)
    assert {number.network for number in numbers} >= set(NETWORKS)


def test_every_number_agrees_or_has_a_reason():
    for entry in ledger():
        assert entry.agrees != bool(entry.published.reason), entry


def test_v1_readme_counts_three_of_four_batch_norm_numbers():
    """Weights, 1001 biases, and beta and both running statistics; the four rows at 0.75 leave out the first layer."""
    entries = [entry for entry in ledger() if entry.published.source.endswith("mobilenet_v1.md")]
    params = {entry.published.width: entry for entry in entries if entry.published.count == "without gamma"}
    assert {width: entry.formula for width, entry in params.items()} == {
        1.0: 4_209_088 + 1024 + 1001 + 3 * 10_944,
        0.75: 2_568_144 + 768 + 1001 + 3 * 8_208,
        0.5: 1_319_648 + 512 + 1001 + 3 * 5_472,
        0.25: 463_600 + 256 + 1001 + 3 * 2_736,
    }
    macs = {entry.published.resolution: entry for entry in entries if entry.published.count == "no stem"}
    assert {resolution: round(entry.formula / 1e6, 2) for resolution, entry in macs.items()} == {
        224: 317.27,
        192: 233.3,
        160: 162.25,
        128: 104.12,
    }


def test_beside_executed():
    """The same rule of counting, on the closed forms and on what ran, gives the same integer."""
    wanted = {
        ("v1 without classifier", "weights", 128),
        ("v1 without classifier", "macs", 128),
        ("v1", "without gamma", 128),
        ("v1", "no stem", 128),
        ("v3-small", "activations in and out", 224),
        ("v3-small with 1280 hidden units", "weights", 224),
        ("v2", "total", 224),
        ("v1", "total", 224),
    }
    numbers = {
        (number.network, number.count, number.resolution): number
        for number in published()
        if (number.network, number.count, number.resolution) in wanted
    }
    assert numbers.keys() == wanted
    entries = ledger(numbers.values(), execute)
    assert all(type(entry.executed) is int for entry in entries)
    assert [entry.executed for entry in entries] == [entry.formula for entry in entries]


def test_full_convolutions_run():
    number = Published("", "v1 full convolutions", 0.25, 64, 10, "0", "macs", "nearest", "")
    (entry,) = ledger([number], execute)
    assert entry.executed == entry.formula > 0
    assert [row.op for row in network_of(number).rows].count("conv2d") == 14


def test_table():
    text = table(ledger())
    assert "arXiv:1704.04861 Table 4" in text
    assert text.count("agrees") == sum(entry.agrees for entry in ledger())
    assert "+13.0%: exact 6.109" in text

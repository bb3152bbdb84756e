"""The window of an output is exactly the part of the image that reaches it: a NaN in a pixel shows where it goes."""

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np.trace import ReceptiveField


def _reached(net, t, axis, pixel):
    """Of every op and row: which rows or columns of the output a NaN in one row or column of the image reaches."""
    x = np.zeros_like(t.x)
    x[(slice(None), pixel) if axis == 0 else (slice(None), slice(None), pixel)] = np.nan
    reached = {}

    def watch(name, leaf):
        forward = leaf.forward

        def noted(x, train=False):
            y = x if leaf.op == "squeeze_excite" else forward(x, train)  # a gate would carry it everywhere
            hit = np.isnan(y).any(axis=tuple(k for k in range(y.ndim) if k != axis + 1)) if y.ndim == 4 else None
            reached[name] = hit if hit is None else set(np.flatnonzero(hit))
            return y

        leaf.forward = noted

    copy = net.astype(net.dtype)
    for name, leaf in copy.walk():
        watch(name, leaf)
    copy.forward(x)  # with the running statistics: those of the batch would carry it everywhere
    return {name: hit for name, hit in reached.items() if hit is not None}


@pytest.mark.parametrize("convention", ["tf", "keras", "torchvision"])
@pytest.mark.parametrize("model", ["v2", "v3-large"])
@pytest.mark.parametrize("axis", [0, 1])
def test_windows_against_the_network(model, convention, axis):
    net = mn.build(model, width=0.1, classes=2, convention=convention)
    t = mn.trace(net, np.zeros((1, 46, 33, 3), np.float32))
    reached = [_reached(net, t, axis, pixel) for pixel in range(t.x.shape[axis + 1])]
    for name in reached[0]:
        record = t[name]
        for position in range(record.forward.y.shape[axis + 1]):
            window = record.receptive_field.window(*((position, 0) if axis == 0 else (0, position)))[axis]
            assert [p for p, hit in enumerate(reached) if position in hit[name]] == list(window), (name, position)


# A 3x3 window adds two pixels at the distance that its samples have in the image.
V2 = 1 + 2 * (1 + 2 + 2 + 4 + 4 + 3 * 8 + 7 * 16 + 3 * 32)


@pytest.mark.parametrize(("model", "size", "after"), [("v1", 315, 32), ("v2", V2, 32)])
def test_published_sizes(model, size, after):
    """V1: the README of google-research/receptive_field, the library of Araujo, Norris and Sim, Computing Receptive
    Fields of Convolutional Neural Networks, Distill 2019."""
    t = mn.trace(mn.build(model, width=0.1, classes=2), np.zeros((1, 32, 32, 3), np.float32))
    last = t["block13" if model == "v1" else "head"].receptive_field
    assert last.size == (size, size)
    assert last.jump == after


def test_of_rows_blocks_and_behind_the_pool(traced):
    t = traced("v3-small")
    assert t["block3.depthwise"].receptive_field == t["block3.depthwise.conv"].receptive_field
    assert t["block3"].receptive_field == t["block3.project.bn"].receptive_field
    assert t["classifier"].receptive_field.window() == (range(0, 64), range(0, 48))
    assert t["stem"].receptive_field.window(31, 23) == (range(62, 64), range(46, 48))


def test_gates(traced):
    t = traced("v3-small")
    gated = [row.name for row in t.architecture.rows if t[row.name].receptive_field.gated]
    assert gated[0] == "block1.squeeze_excite"
    assert t["block1.squeeze_excite.pool"].receptive_field.window() == (range(0, 64), range(0, 48))
    assert gated[-1] == "classifier"
    assert not any(traced("v2")[name].receptive_field.gated for name in traced("v2"))


def test_a_pixel_sees_itself():
    field = ReceptiveField()
    assert (field.size, field.jump, field.window(3, 4)) == ((1, 1), 1, (range(3, 4), range(4, 5)))

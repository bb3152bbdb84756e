"""From the tables alone, the windows are those of the network that runs; `tests/trace` probes these pixel by pixel."""

import itertools

import numpy as np
import pytest

import mobilenet_np as mn
from mobilenet_np.architecture import architecture
from mobilenet_np.receptive_field import receptive_fields


@pytest.mark.parametrize("convention", ["tf", "keras", "timm"])
@pytest.mark.parametrize("model", ["v1", "v2", "v3-large", "v3-small"])
def test_of_the_table_and_of_the_network(model, convention):
    net = mn.build(model, width=0.1, classes=2, convention=convention)
    t = mn.trace(net, np.zeros((1, 46, 33, 3), np.float32))
    fields = receptive_fields(net.architecture, (46, 33))
    assert list(fields) == [name for name in sorted(fields, key=list(fields).index) if name in t]
    assert set(fields) == {row.name for row in t.architecture.rows} | {block.name for block in t.architecture.blocks}
    for name, field in fields.items():
        assert field == t[name].receptive_field, name


@pytest.mark.parametrize("convention", ["tf", "torchvision"])
def test_windows_of_all_outputs_cover_the_image(convention):
    net = architecture("v2", convention=convention)
    fields = receptive_fields(net, (224, 160))
    for block in net.blocks:
        field = fields[block.name]
        windows = [field.window(i, 0)[0] for i in range(-(-224 // field.jump))]
        assert windows[0].start == 0
        assert windows[-1].stop == 224
        assert all(one.stop > other.start for one, other in itertools.pairwise(windows))


def test_image_too_small():
    with pytest.raises(ValueError, match="kernel 3 does not fit into 1 samples with padding"):
        receptive_fields(architecture("v1", convention="keras"), (1, 1))

"""Frames are exactly the windows."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mobilenet_np import show
from mobilenet_np.architecture import architecture
from mobilenet_np.receptive_field import ReceptiveField, receptive_fields
from mobilenet_np.show.receptive import output_at

PHOTO = np.random.default_rng(0).uniform(0, 1, (96, 64, 3))
FIELDS = receptive_fields(architecture("v2"), PHOTO.shape[:2])


@pytest.mark.parametrize("at", [(0, 0), (50, 20), (95, 63)])
def test_frames_are_windows(at):
    ax = show.receptive_field(FIELDS, PHOTO, at, ax=plt.figure().add_subplot())
    np.testing.assert_array_equal(ax.images[0].get_array(), PHOTO)
    frames = ax.patches[1::2]  # each has a white one below
    for (name, field), frame in zip(FIELDS.items(), frames, strict=True):
        rows, columns = field.window(*(p // field.jump for p in at) if "pool" not in name else (0, 0))
        x, y = frame.get_xy()
        assert (y + 0.5, x + 0.5) == (rows.start, columns.start), name
        assert (frame.get_height(), frame.get_width()) == (len(rows), len(columns)), name
        assert frame.get_label().startswith(f"{name}: {field.size[0]}×{field.size[1]}, ")


def test_the_point_lies_in_its_window():
    for at in np.ndindex(96, 64):
        for name in ("stem", "block4", "block17"):
            i, j = output_at(FIELDS[name], at, (96, 64))
            assert i == at[0] // FIELDS[name].jump
            assert j == at[1] // FIELDS[name].jump


def test_bad_input():
    with pytest.raises(ValueError, match="fields is empty"):
        show.receptive_field({}, PHOTO)
    with pytest.raises(ValueError, match=r"at is \(96, 0\); it must be a pixel"):
        show.receptive_field(FIELDS, PHOTO, (96, 0))
    with pytest.raises(ValueError, match="stem is of an image of 96x64, photo has shape"):
        show.receptive_field(FIELDS, PHOTO[:90])
    assert show.receptive_field({"pixel": ReceptiveField()}, PHOTO).patches

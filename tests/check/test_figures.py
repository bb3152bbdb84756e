"""Heat maps of gradients: every number is where it belongs."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from mobilenet_np import ops
from mobilenet_np.check import gradcheck
from mobilenet_np.check.figures import CELL
from mobilenet_np.ops.conv2d import conv2d_backward, conv2d_forward
from mobilenet_np.ops.depthwise_conv2d import depthwise_conv2d_backward, depthwise_conv2d_forward


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape)


def last_column_dropped(dy, cache):
    dx, dw = depthwise_conv2d_backward(dy, cache)
    dx[:, :, -1] = 0
    return dx, dw


def pictures(figure):
    return [ax.images[0] for ax in figure.axes if ax.images and ax.get_title(loc="left")]


def test_yours_reference_and_error():
    x, w = normal(2, 3, 4, 3), normal(3, 3, 3)
    report = gradcheck((depthwise_conv2d_forward, last_column_dropped), x, w)
    figure = report.plot()
    figure.canvas.draw()
    dx, reference, error, *_ = (np.ma.filled(image.get_array(), np.nan) for image in pictures(figure))
    true = depthwise_conv2d_backward(report.evidence.given.dy, depthwise_conv2d_forward(x, w)[1])[0]
    for image, channel in [(0, 0), (1, 2)]:
        for i, j in np.ndindex(3, 4):
            # images down, channels across, and a gap of two dots between tiles
            dot = image * (3 * CELL + 2) + i * CELL, channel * (4 * CELL + 2) + j * CELL
            assert reference[dot] == pytest.approx(true[image, i, j, channel], rel=1e-12)
            assert dx[dot] == pytest.approx(0 if j == 3 else true[image, i, j, channel], rel=1e-12)
            assert error[dot] == dx[dot] - reference[dot]
    assert np.isnan(reference[3 * CELL]).all()
    limits = [image.get_clim() for image in pictures(figure)]
    assert limits[0] == limits[1]  # comparable
    assert limits[0][0] == -limits[0][1]  # white is zero
    assert limits[3] == limits[5]  # dw is right: its error is on the scale of dw, and white
    assert "dx is zero in the last column" in figure.get_suptitle()
    assert "WRONG" in figure.axes[2].get_title(loc="left")
    assert "ok" in figure.axes[5].get_title(loc="left")


def test_the_worst_entry_is_ringed_even_if_there_are_more_tiles_than_fit():
    def wrong(dy, cache):
        dx, dw = conv2d_backward(dy, cache)
        if dw.shape[2:] == (6, 10):
            dw[1, 2, 5, 9] += 100
        return dx, dw

    report = gradcheck((conv2d_forward, wrong), normal(1, 3, 3, 6), normal(3, 3, 6, 10))
    figure = report.plot("w")
    third = [ax for ax in figure.axes if ax.images][2]
    picture = np.ma.filled(third.images[0].get_array(), np.nan)
    x, y = (values[0] for values in third.lines[0].get_data())
    assert picture[round(y), round(x)] == pytest.approx(100)
    assert picture.shape == (4 * (3 * CELL + 2) - 2, 8 * (3 * CELL + 2) - 2)


def test_every_rank():
    for shape in [(), (4,), (3, 4), (2, 3, 4), (2, 3, 3, 2), (2, 2, 2, 2, 2)]:
        report = gradcheck((lambda x: (x**2, x), lambda dy, x: np.asarray(2 * dy * x)), np.asarray(normal(*shape)))
        report.plot().canvas.draw()


def test_what_cannot_be_drawn_says_why():
    report = gradcheck(ops.relu, normal(10, 10), elements=3)
    with pytest.raises(ValueError, match="no tensor was checked entry by entry; leave out elements"):
        report.plot()
    with pytest.raises(ValueError, match=r"name 'y' is unknown.*choose one of x"):
        gradcheck(ops.relu, normal(3, 3)).plot("y")


def test_nan_is_drawn_as_a_hole():
    def wrong(dy, cache):
        dx, dw = depthwise_conv2d_backward(dy, cache)
        dx[0, 0, 0, 0] = np.nan
        return dx, dw

    figure = gradcheck((depthwise_conv2d_forward, wrong), normal(1, 2, 2, 1), normal(3, 3, 1)).plot()
    figure.canvas.draw()
    assert np.isfinite(pictures(figure)[0].get_clim()).all()


def test_heat_maps_in_axes_of_ones_own():
    report = gradcheck(ops.depthwise_conv2d, normal(1, 4, 4, 2), normal(3, 3, 2))
    figure = Figure()
    axes = figure.subplots(1, 3)
    assert report.plot("w", axes=axes) is figure
    assert "yours" in axes[0].get_title(loc="left")
    assert figure._suptitle is None
    with pytest.raises(ValueError, match="axes are 3; it takes three for each tensor, here 6"):
        report.plot(axes=axes)

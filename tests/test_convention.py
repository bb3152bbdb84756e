"""Where the four implementations differ, and where they do not."""

import dataclasses

import pytest

from mobilenet_np.convention import SOURCES, Convention, convention

ALL = [
    convention(source, version)
    for source in SOURCES
    for version in ("v1", "v2", "v3")
    if (source, version) != ("torchvision", "v1")
]


def _field(name):
    return {(rules.source, rules.version): getattr(rules, name) for rules in ALL}


@pytest.mark.parametrize(
    ("name", "tf", "keras", "torchvision", "timm"),
    [
        # V1, V2, V3; torchvision has no V1
        ("bn_eps", (1e-3, 1e-3, 1e-3), (1e-3, 1e-3, 1e-3), (1e-5, 1e-3), (1e-5, 1e-5, 1e-5)),
        ("bn_decay", (0.9997, 0.997, 0.997), (0.99, 0.999, 0.999), (0.9, 0.99), (0.9, 0.9, 0.9)),
        ("unbiased_variance", (True,) * 3, (False,) * 3, (True,) * 2, (True,) * 3),
        ("dropout", (0.001, 0.2, 0.2), (0.001, 0.0, 0.2), (0.2, 0.2), (0.0, 0.0, 0.0)),
        ("padding", ("tf",) * 3, ("tf",) * 3, ("torch",) * 2, ("torch",) * 3),
        ("depthwise_padding", ("tf",) * 3, ("tf-even", "tf", "tf"), ("torch",) * 2, ("torch",) * 3),
        ("gate_slope", (0.16667,) * 3, (1 / 6,) * 3, (1 / 6,) * 2, (1 / 6,) * 3),
        (
            "initialization",
            ("truncated_normal",) * 3, ("glorot_uniform",) * 3, ("he_fan_out",) * 2, ("he_fan_out",) * 3,
        ),
    ],
)  # fmt: skip
def test_differences(name, tf, keras, torchvision, timm):
    expected = {
        (source, version): value
        for source, values in dict(tf=tf, keras=keras, torchvision=torchvision, timm=timm).items()
        for version, value in zip(("v1", "v2", "v3")[-len(values) :], values, strict=True)
    }
    assert _field(name) == expected


def test_input_ranges():
    """[-1, 1] in TensorFlow's world and timm's V1, ImageNet's mean and deviation elsewhere."""
    unit = {key for key, mean in _field("mean").items() if mean == (0.5, 0.5, 0.5)}
    assert unit == {(source, version) for source in ("tf", "keras") for version in ("v1", "v2", "v3")} | {
        ("timm", "v1")
    }
    for key, std in _field("std").items():
        assert std == ((0.5, 0.5, 0.5) if key in unit else (0.229, 0.224, 0.225))


def test_rounding_of_channels():
    """Only V1 truncates, with and without a minimum; only Keras V2 truncates before it rounds."""
    odd = {key: rounding for key, rounding in _field("rounding").items() if rounding != "divisible"}
    assert odd == {("tf", "v1"): "int_min8", ("keras", "v1"): "int", ("keras", "v2"): "int_divisible"}


def test_frozen_but_replaceable():
    rules = convention("tf", "v2")
    with pytest.raises(dataclasses.FrozenInstanceError):
        rules.bn_eps = 1
    assert dataclasses.replace(rules, bn_eps=1e-5).bn_eps == 1e-5
    assert convention("tf", "v2") == rules
    assert isinstance(rules, Convention)


@pytest.mark.parametrize(
    ("source", "version", "message"),
    [
        ("pytorch", "v2", "convention: source 'pytorch' is unknown"),
        ("tf", "v4", "convention: version 'v4' is unknown"),
        ("torchvision", "v1", "convention: torchvision has no MobilenetV1"),
        (None, "v1", "convention: source None is unknown"),
    ],
)
def test_errors(source, version, message):
    with pytest.raises(ValueError, match=message):
        convention(source, version)

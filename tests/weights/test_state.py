"""Loading and saving under other frameworks' names."""

import numpy as np
import pytest

import mobilenet_np as mn

PAIRS = [
    (source, model)
    for source in ("tf", "keras", "torchvision", "timm")
    for model in ("v1", "v2", "v3-large", "v3-small", "v3-large-minimalistic", "v3-small-minimalistic")
    if (source, model) != ("torchvision", "v1")
]


@pytest.mark.parametrize(("source", "model"), PAIRS)
def test_round_trip(source, model):
    a, b = (mn.build(model, 0.35, 7, source, rng=seed) for seed in (1, 2))
    state = mn.state_for(a, source)
    assert len(state) == len(a.params) + len(a.buffers)
    mn.load_state(b, state, source)
    for name, array in (a.params | a.buffers).items():
        assert np.array_equal(array, (b.params | b.buffers)[name]), name


@pytest.mark.parametrize("source", ["tf", "keras", "timm", "torchvision"])
def test_one_network_carries_all_names(source):
    """Names depend on the source alone, so weights move between sources wherever the shapes agree."""
    a, b = (mn.build("v3-small", 1.0, 5, "tf", rng=seed) for seed in (1, 2))
    mn.load_state(b, mn.state_for(a, source), source)
    assert np.array_equal(a.params["block4.squeeze_excite.w2"], b.params["block4.squeeze_excite.w2"])


def test_layouts():
    net = mn.build("v3-small", 1.0, 5, "torchvision")
    state = mn.state_for(net, "torchvision")
    w = net.params["stem.conv.w"]
    assert state["features.0.0.weight"][7, 2, 0, 1] == w[0, 1, 2, 7]
    w = net.params["block2.depthwise.conv.w"]
    assert state["features.2.block.1.0.weight"].shape == (72, 1, 3, 3)
    assert state["features.2.block.1.0.weight"][5, 0, 2, 1] == w[2, 1, 5]
    assert state["classifier.3.weight"][4, 9] == net.params["classifier.w"][9, 4]
    assert all(array.flags.c_contiguous for array in state.values())


def test_num_batches_tracked_is_ignored():
    net = mn.build("v2", 0.35, 5, "torchvision")
    mn.load_state(
        net, mn.state_for(net, "torchvision") | {"features.0.1.num_batches_tracked": np.array(7)}, "torchvision"
    )


def test_keras_paths_and_suffixes():
    a, b = (mn.build("v1", 0.25, 5, "keras", rng=seed) for seed in (1, 2))
    state = {}
    for name, array in mn.state_for(a, "keras").items():
        layer, variable = name.split("/")
        variable = "depthwise_kernel" if "conv_dw" in layer and variable == "kernel" else variable
        state[f"model_weights/{layer}/{layer}/{variable}:0"] = array
    mn.load_state(b, state, "keras")
    assert np.array_equal(a.params["block3.depthwise.conv.w"], b.params["block3.depthwise.conv.w"])


def test_slims_background_class_is_dropped():
    big, small = mn.build("v2", 0.35, 11, rng=1), mn.build("v2", 0.35, 10, rng=2)
    mn.load_state(small, mn.state_for(big, "tf"), "tf")
    assert np.array_equal(small.params["classifier.w"], big.params["classifier.w"][:, 1:])
    assert np.array_equal(small.params["classifier.b"], big.params["classifier.b"][1:])


def test_a_failed_load_changes_nothing_and_says_what_is_wrong():
    net = mn.build("v2", 0.35, 10, "torchvision")
    before = {n: a.copy() for n, a in (net.params | net.buffers).items()}
    state = {n: a + 1 for n, a in mn.state_for(net, "torchvision").items()}

    missing = {n: a for n, a in state.items() if n != "classifier.1.bias"}
    with pytest.raises(ValueError, match=r"1 \(classifier\.1\.bias\) missing, none extra"):
        mn.load_state(net, missing, "torchvision")
    with pytest.raises(ValueError, match=r"none missing, 1 \(nonsense\) extra"):
        mn.load_state(net, state | {"nonsense": np.zeros(1)}, "torchvision")
    with pytest.raises(ValueError, match=r"classifier\.1\.weight has shape \(1280, 10\), expected \(10, 1280\)"):
        mn.load_state(net, state | {"classifier.1.weight": np.zeros((1280, 10))}, "torchvision")
    with pytest.raises(ValueError, match=r"classifier\.1\.bias is <U1; weights must be numbers"):
        mn.load_state(net, state | {"classifier.1.bias": np.array(["x"] * 10)}, "torchvision")
    with pytest.raises(ValueError, match="these are not keras's weights"):
        mn.load_state(net, state, "keras")
    with pytest.raises(ValueError, match=r"arrays is a list; it must be \{name: array\}"):
        mn.load_state(net, list(state.values()), "torchvision")
    with pytest.raises(ValueError, match="source 'pytorch' is unknown"):
        mn.load_state(net, state, "pytorch")
    assert all(np.array_equal(before[n], a) for n, a in (net.params | net.buffers).items())


def test_state_for_any_arrays_under_our_names():
    net = mn.build("v2", 0.35, 10, "timm")
    some = {"stem.conv.w": np.zeros_like(net.params["stem.conv.w"])}
    assert list(mn.state_for(net, "timm", some)) == ["conv_stem.weight"]
    assert mn.state_for(net, "timm", {"classifier.b": list(range(10))})["classifier.bias"][9] == 9
    with pytest.raises(ValueError, match=r"'stem\.w' is not an array"):
        mn.state_for(net, "timm", {"stem.w": np.zeros(1)})
    with pytest.raises(ValueError, match=r"stem\.conv\.w has shape \(1,\)"):
        mn.state_for(net, "timm", {"stem.conv.w": np.zeros(1)})
    with pytest.raises(ValueError, match=r"state_for: arrays is a list; it must be \{name: array\}"):
        mn.state_for(net, "timm", [np.zeros(1)])


def test_names_are_strings():
    net = mn.build("v1", 0.25, 10)
    with pytest.raises(ValueError, match="load_state: 0 is no name of an array"):
        mn.load_state(net, {0: np.zeros(1)}, "timm")
    with pytest.raises(ValueError, match="state_for: None is no name of an array"):
        mn.state_for(net, "timm", {None: np.zeros(1)})


def test_torchvision_has_no_v1():
    with pytest.raises(ValueError, match="torchvision has no MobilenetV1"):
        mn.state_for(mn.build("v1", 0.25, 5), "torchvision")


def test_timm_stages_follow_the_table_not_the_scaled_widths():
    """At width 0.35 two lines of V2's table have 8 channels; they are two stages all the same."""
    names = list(mn.state_for(mn.build("v2", 0.35, 5, "timm"), "timm"))
    assert "blocks.0.0.conv_dw.weight" in names
    assert "blocks.1.0.conv_pw.weight" in names

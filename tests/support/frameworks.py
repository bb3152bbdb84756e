"""Real networks to compare with: `real(source, model, width, classes, height, width)`."""

import contextlib
import functools
import os
import warnings

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")

ROLES = {
    "gamma": "gamma",
    "beta": "beta",
    "moving_mean": "mean",
    "moving_variance": "variance",
    "running_mean": "mean",
    "running_var": "variance",
}


def import_torchvision():
    """torchvision's wheel on PyPI expects a CUDA build of torch; with the ops it misses declared, its models load."""
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    pytest.importorskip("PIL", reason="torchvision needs Pillow")
    for op in ("nms", "qnms"):
        with contextlib.suppress(RuntimeError):  # declared already
            torch.library.define(f"torchvision::{op}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import torchvision.models as models
    except ImportError as error:
        pytest.skip(f"needs torchvision ({error})")
    return torch, models


@functools.lru_cache
def import_timm():
    import_torchvision()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import timm.models.efficientnet as efficientnet
            import timm.models.mobilenetv3 as mobilenetv3
    except ImportError as error:
        pytest.skip(f"needs timm ({error})")
    return efficientnet, mobilenetv3


def import_keras():
    pytest.importorskip("torch", reason="Keras runs on PyTorch here")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras = pytest.importorskip("keras", reason="needs Keras")
    return keras


@contextlib.contextmanager
def keras_in_float64():
    """Keras promotes float64 and float32 to float32, except on TensorFlow, and its BatchNormalization and its means
    ask for that promotion. Here float64 stays float64."""
    keras = import_keras()
    from keras.src.backend.common import dtypes

    floatx, policy, table = keras.config.floatx(), keras.config.dtype_policy(), dtypes.BIT64_TO_BIT32_DTYPE
    narrowed = table["float64"]
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    table["float64"] = "float64"
    try:
        yield
    finally:
        table["float64"] = narrowed
        keras.config.set_dtype_policy(policy)
        keras.config.set_floatx(floatx)


def torchvision_net(model, width, classes):
    torch, models = import_torchvision()
    if model == "v2":
        return models.mobilenet_v2(width_mult=width, num_classes=classes)
    arch = "mobilenet_v3_" + model.split("-")[1]
    setting, last = models.mobilenetv3._mobilenet_v3_conf(arch, width_mult=width)
    return models.MobileNetV3(setting, last, num_classes=classes)


def timm_net(model, width, classes):
    efficientnet, mobilenetv3 = import_timm()
    if model in ("v1", "v2"):
        make = getattr(efficientnet, f"_gen_mobilenet_{model}")
        return make(f"mobilenet{model}_100", width, num_classes=classes)
    size = model.removeprefix("v3-").replace("-minimalistic", "_minimal")
    return mobilenetv3._gen_mobilenet_v3(f"tf_mobilenetv3_{size}_100", width, num_classes=classes)


def keras_net(model, width, classes, height=224, image_width=224):
    keras = import_keras()
    common = dict(
        input_shape=(height, image_width, 3), alpha=width, weights=None, classes=classes, classifier_activation=None
    )
    if model == "v1":
        return keras.applications.MobileNet(dropout=0.0, **common)
    if model == "v2":
        return keras.applications.MobileNetV2(**common)
    make = keras.applications.MobileNetV3Large if "large" in model else keras.applications.MobileNetV3Small
    return make(minimalistic="minimalistic" in model, include_preprocessing=False, dropout_rate=0.0, **common)


def torch_tensors(module):
    """[(name, shape, role)] in the state dict's order."""
    tensors = []
    state = module.state_dict()
    for name, value in state.items():
        prefix, _, last = name.rpartition(".")
        if last == "num_batches_tracked":
            continue
        if f"{prefix}.running_mean" in state and last in ("weight", "bias"):
            role = {"weight": "gamma", "bias": "beta"}[last]
        else:
            role = ROLES.get(last, "bias" if last == "bias" else "kernel")
        tensors.append((name, tuple(value.shape), role))
    return tensors


def keras_tensors(net):
    tensors = []
    for layer in net.layers:
        for variable in layer.weights:
            role = ROLES.get(variable.name, "bias" if variable.name == "bias" else "kernel")
            tensors.append((f"{layer.name}/{variable.name}", tuple(variable.shape), role))
    return tensors


def run_torch(module, state, x, labels):
    """What the reference vectors hold, but whole."""
    torch, _ = import_torchvision()
    module = module.double()
    full = module.state_dict()
    module.load_state_dict({n: torch.from_numpy(state[n]) if n in state else v for n, v in full.items()})
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    module.drop_rate = 0.0
    images = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2))).requires_grad_()
    module.eval()
    with torch.no_grad():
        logits = module(images).numpy()
    module.train()
    out = module(images)
    loss = torch.nn.functional.cross_entropy(out, torch.from_numpy(labels))
    loss.backward()
    return dict(
        eval_logits=logits,
        train_logits=out.detach().numpy(),
        loss=float(loss.detach()),
        grads={n: p.grad.numpy() for n, p in module.named_parameters()},
        stats={n: b.numpy() for n, b in module.named_buffers() if not n.endswith("tracked")},
        dx=images.grad.numpy().transpose(0, 2, 3, 1),
    )


def run_keras(net, state, x, labels):
    """What `run_torch` gives, from Keras on PyTorch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its tensors do not know NumPy 2's copy keyword
        return _run_keras(net, state, x, labels)


def _run_keras(net, state, x, labels):
    torch, _ = import_torchvision()
    for layer in net.layers:
        for variable in layer.weights:
            variable.assign(state[f"{layer.name}/{variable.name}"])
    images = torch.from_numpy(x).requires_grad_()
    with torch.no_grad():
        logits = net(images, training=False).cpu().numpy()
    out = net(images, training=True)
    loss = torch.nn.functional.cross_entropy(out, torch.from_numpy(labels))
    loss.backward()
    grads, stats = {}, {}
    for layer in net.layers:
        for variable in layer.weights:
            name = f"{layer.name}/{variable.name}"
            if variable.trainable:
                grads[name] = variable.value.grad.cpu().numpy()
            elif variable.name.startswith("moving"):
                stats[name] = variable.numpy()
    return dict(
        eval_logits=logits,
        train_logits=out.detach().numpy(),
        loss=float(loss.detach()),
        grads=grads,
        stats=stats,
        dx=images.grad.numpy(),
    )

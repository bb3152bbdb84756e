"""The other libraries, each as a function from NHWC images to logits, with our weights in it."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import tempfile
import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

import mobilenet_np as mn

from . import keras_peer
from .processes import MALLOC_TUNED, can_tune_malloc
from .sizes import Size

NAMES = (
    *("compile", "forward", "torch NCHW", "torch NHWC", MALLOC_TUNED),
    *("torch folded", "onnxruntime", "openvino", "keras"),
)
OURS = {"compile", "forward", "ours", "numba", "numpy"}
SOURCES = {"v1": "timm", "v2": "torchvision", "v3-large": "torchvision", "v3-small": "torchvision"}
# How far float32 may be from float64, as a part of the largest number. A rounding changes a number by at most 2**-24 of
# it, roundings add up as steps of a random walk do, and a logit is what some sixty layers make of sums of up to 1280
# terms: 2**-24 * sqrt(60 * 1280) = 1.7e-5. The largest that was found in ours is 3e-6.
TOLERANCE = 2e-5


def our_network(model: str, width: float = 1.0, convention: str | None = None) -> mn.Network:
    """With statistics as a trained network has them."""
    net = mn.build(model, width, 1000, convention or SOURCES[model], dropout=0)
    rng = np.random.default_rng(0)
    for name, array in net.buffers.items():
        array[...] = (
            rng.uniform(0.5, 1.5, array.shape) if name.endswith("var") else 0.1 * rng.standard_normal(array.shape)
        )
    return net


def missing() -> list[str]:
    """Packages that are not installed, and whose rows are therefore missing."""
    return [
        name
        for name in ("torch", "torchvision", "timm", "onnxruntime", "openvino", "keras")
        if not importlib.util.find_spec(name)
    ]


def torch_module(net: mn.Network):
    """The same network in PyTorch: torchvision's, or timm's for V1."""
    import torch

    for op in ("nms", "qnms"):  # torchvision's wheel looks for them, and PyTorch's CPU build has not got them
        with contextlib.suppress(RuntimeError):
            torch.library.define(f"torchvision::{op}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    architecture = net.architecture
    model, width, classes = architecture.model, architecture.width, architecture.classes
    if model == "v1":
        from timm.models.efficientnet import _gen_mobilenet_v1

        module = _gen_mobilenet_v1("mobilenetv1_100", width, num_classes=classes)
    else:
        from torchvision.models import MobileNetV2, MobileNetV3
        from torchvision.models.mobilenetv3 import _mobilenet_v3_conf

        if model == "v2":
            module = MobileNetV2(num_classes=classes, width_mult=width, dropout=0)
        else:
            conf = _mobilenet_v3_conf("mobilenet_" + model.replace("-", "_"), width_mult=width)
            module = MobileNetV3(*conf, num_classes=classes, dropout=0)
    state = {name: torch.from_numpy(array) for name, array in mn.state_for(net, architecture.convention.source).items()}
    module.load_state_dict(module.state_dict() | state)
    return module.eval()


def torch_eager(net: mn.Network, x: np.ndarray, channels_last: bool, folded: bool = False) -> Callable[[], np.ndarray]:
    """PyTorch, operation by operation."""
    import torch

    module = torch_module(net)
    if folded:
        import torch.fx.experimental.optimization as optimization

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = optimization.fuse(module)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    module = module.to(memory_format=layout)
    images = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=layout)

    def call():
        with torch.inference_mode():
            return module(images).numpy()

    return call


def onnx_model(net: mn.Network, x: np.ndarray) -> bytes:
    """The network as PyTorch exports it, BatchNorm folded."""
    import torch

    buffer = io.BytesIO()
    images = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(torch_module(net), images, buffer, dynamo=False, input_names=["x"], output_names=["y"])
    return buffer.getvalue()


def onnxruntime(net: mn.Network, x: np.ndarray, threads: int) -> Callable[[], np.ndarray]:
    """ONNX Runtime on the CPU."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(onnx_model(net, x), options, providers=["CPUExecutionProvider"])
    images = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    return lambda: session.run(None, {"x": images})[0]


def openvino(net: mn.Network, x: np.ndarray, threads: int) -> Callable[[], np.ndarray]:
    """OpenVINO on the CPU, in float32 (its default on some processors is less)."""
    import openvino as ov

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(onnx_model(net, x))
        config = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        compiled = ov.Core().compile_model(ov.Core().read_model(path), "CPU", config)
    images = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    return lambda: compiled(images)[0]


def build(name: str, size: Size) -> Callable[[], np.ndarray]:
    """What one of `NAMES` does; ours are "compile", which may be followed by which, and "forward"."""
    net, x = our_network(size.model, size.width, convention(name)), size.images()
    if name.split()[0] == "compile":
        fast = mn.compile(net)
        return lambda: fast(x)
    makers = {
        "forward": lambda: lambda: net.forward(x),
        "torch NCHW": lambda: torch_eager(net, x, channels_last=False),
        "torch NHWC": lambda: torch_eager(net, x, channels_last=True),
        MALLOC_TUNED: lambda: torch_eager(net, x, channels_last=True),
        "torch folded": lambda: torch_eager(net, x, channels_last=True, folded=True),
        "onnxruntime": lambda: onnxruntime(net, x, size.threads),
        "openvino": lambda: openvino(net, x, size.threads),
        "keras": lambda: keras_peer.forward(net, x),
    }
    return makers[name]()


def can_run(name: str, model: str) -> bool:
    """Whether everything that a contender needs is installed; all but ours need PyTorch, V1 in PyTorch needs timm."""
    if name.split()[0] in OURS:
        return True
    if name == MALLOC_TUNED and not can_tune_malloc():
        return False
    module = "timm" if model == "v1" else "torchvision"
    needed = {"torch", "keras"} if name == "keras" else {"torch", "torchvision", module, name.split()[0]}
    return not needed & set(missing())


def convention(name: str) -> str | None:
    """Under which our network computes what a contender does: Keras pads in its own way."""
    return "keras" if name == "keras" else None


def check(name: str, logits: np.ndarray, size: Size) -> None:
    """Raise where a contender, also one of ours, computes something else than the definitions do in float64."""
    check_same(name, logits, expected(size._replace(threads=1), convention(name)))


def check_same(name: str, logits: np.ndarray, reference: np.ndarray) -> None:
    """Raise where they differ by more than rounding."""
    if logits.shape != reference.shape:
        raise AssertionError(f"{name} computes something else: {logits.shape} numbers, not {reference.shape}")
    error = np.abs(logits - reference).max() / np.abs(reference).max()
    if not error < TOLERANCE:
        raise AssertionError(f"{name} computes something else: relative error {error:.1e}")


@lru_cache(maxsize=2)
def expected(size: Size, convention: str | None) -> np.ndarray:
    """Logits for that size and any number of threads."""
    return exact(our_network(size.model, size.width, convention), size.images())


def exact(net: mn.Network, x: np.ndarray) -> np.ndarray:
    """What `net.forward` does in float64 and in NumPy's form, with which no kernel that is timed has to do."""
    with mn.form("numpy"):
        return net.astype("float64").forward(x.astype(np.float64))

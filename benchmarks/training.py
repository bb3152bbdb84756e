"""A training step: forward pass in training mode, loss, backward pass. Ours beside PyTorch eager in both layouts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import mobilenet_np as mn
from mobilenet_np.ops.softmax_cross_entropy import softmax_cross_entropy_backward, softmax_cross_entropy_forward

from .peers import missing, our_network, torch_module
from .timing import take_turns


def our_step(net: mn.Network, x: np.ndarray, labels: np.ndarray) -> Callable[[], tuple[float, float]]:
    """Our step; returns the loss and the norm of the first convolution's gradient."""

    def call():
        loss, cache = softmax_cross_entropy_forward(net.forward(x, train=True), labels)
        net.backward(softmax_cross_entropy_backward(np.float32(1), cache))
        return float(loss), float(np.linalg.norm(net.grads["stem.conv.w"]))

    return call


def torch_step(
    net: mn.Network, x: np.ndarray, labels: np.ndarray, channels_last: bool
) -> Callable[[], tuple[float, float]]:
    """PyTorch's step on the same weights; it also computes no gradient of the image."""
    import torch

    layout = torch.channels_last if channels_last else torch.contiguous_format
    module = torch_module(net).train().to(memory_format=layout)
    images = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=layout)
    targets = torch.from_numpy(labels)
    stem = next(module.parameters())

    def call():
        module.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(module(images), targets)
        loss.backward()
        return float(loss.detach()), float(stem.grad.norm())

    return call


def run(models: list[str], shapes: list[tuple[int, int]], threads: list[int], seconds: float) -> list[dict]:
    """Validate and time; a row for each model, (batch, resolution) and number of threads, times in milliseconds."""
    rows = []
    for model in models:
        for batch, resolution in shapes:
            rng = np.random.default_rng(0)
            x = rng.standard_normal((batch, resolution, resolution, 3), np.float32)
            labels = rng.integers(0, 1000, batch)
            for count in threads:
                mn.set_threads(count)
                net = our_network(model)
                calls = {"ours": our_step(net, x, labels)}
                if "torch" not in missing():
                    import torch

                    torch.set_num_threads(count)
                    calls |= {
                        f"torch {name}": torch_step(net, x, labels, last)
                        for name, last in (("NCHW", False), ("NHWC", True))
                    }
                _validate(calls)
                times = take_turns(calls, seconds, f"{model} {batch}x{resolution}")
                row = dict(model=model, batch=batch, resolution=resolution, threads=count)
                spread = {name: [float(np.quantile(t, q)) for q in (0.25, 0.5, 0.75)] for name, t in times.items()}
                rows.append(row | {"quartiles": spread})
    return rows


def _validate(calls: dict[str, Callable[[], tuple[float, float]]]) -> None:
    loss, norm = calls["ours"]()
    for name, call in calls.items():
        other_loss, other_norm = call()
        if not (abs(other_loss - loss) < 1e-3 * loss and abs(other_norm - norm) < 2e-2 * norm):
            raise AssertionError(f"{name} computes something else: {other_loss, other_norm} beside {loss, norm}")


def table(rows: list[dict]) -> str:
    """Median milliseconds, and in brackets how many times as long as ours."""
    names = list(dict.fromkeys(name for row in rows for name in row["quartiles"]))
    lines = [f"{'median ms':32s}" + "".join(f"{name:>20s}" for name in names)]
    for row in rows:
        ours = row["quartiles"]["ours"][1]
        line = f"{row['model']:9s} {row['batch']:3d} x {row['resolution']:3d}, {row['threads']} thread(s)  "
        for name in names:
            quartiles = row["quartiles"].get(name)
            line += f"{'-':>20s}" if quartiles is None else f"{quartiles[1]:11.1f} ({quartiles[1] / ours:5.2f}x)"
        lines.append(line)
    return "\n".join(lines)

"""The tools that count multiplications and parameters of PyTorch networks: `TOOLS`.

Run as a script it records what they say, for the tests that have none of them: python counters.py OUT.json
"""

import contextlib
import importlib
import importlib.metadata
import json
import sys
import types
import warnings
from pathlib import Path

import pytest

from frameworks import import_torchvision, timm_net, torchvision_net

SIZES = [(1.0, 224), (0.5, 160), (0.35, 97)]
NETWORKS = [
    *[("torchvision", model) for model in ("v2", "v3-large", "v3-small")],
    *[("timm", model) for model in ("v1", "v2", "v3-large", "v3-small", "v3-small-minimalistic")],
]


def network(layers, model, width):
    module = (torchvision_net if layers == "torchvision" else timm_net)(model, width, 1000)
    return module.eval()


def run(tool, module, side):
    """{(tool's name, unit): what it says} of a network, for one image of side x side."""
    torch, _ = import_torchvision()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        return TOOLS[tool](module, torch.zeros(1, 3, side, side))


def _import(name):
    """A missing tool skips the test; torchvision must be there first, since ptflops imports it."""
    import_torchvision()
    try:
        return importlib.import_module(name)
    except ImportError as error:
        pytest.skip(f"needs {name} ({error})")


def _torch(module, x):
    counter = _import("torch.utils.flop_counter").FlopCounterMode(display=False)
    with counter:
        module(x)
    return {("torch FlopCounterMode", "FLOPs"): counter.get_total_flops()}


def _fvcore(module, x):
    nn = _import("fvcore.nn")
    analysis = nn.FlopCountAnalysis(module, x).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return {("fvcore", "FLOPs"): analysis.total(), ("fvcore", "parameters"): nn.parameter_count(module)[""]}


def _thop(module, x):
    macs, params = _import("thop").profile(module, (x,), verbose=False)
    return {("thop", "MACs"): macs, ("thop", "parameters"): params}


def _ptflops(module, x):
    found = {}
    for backend in ("pytorch", "aten"):
        macs, params = _import("ptflops").get_model_complexity_info(
            module, tuple(x.shape[1:]), as_strings=False, print_per_layer_stat=False, backend=backend
        )
        found |= {(f"ptflops, {backend} mode", "MACs"): macs, ("ptflops", "parameters"): params}
    return found


def _torchinfo(module, x):
    summary = _import("torchinfo").summary(module, input_data=x, verbose=0)
    return {("torchinfo", "MACs"): summary.total_mult_adds, ("torchinfo", "parameters"): summary.total_params}


def _calflops(module, x):
    with _language_models_left_out():
        calflops = _import("calflops")
    flops, macs, params = calflops.calculate_flops(module, tuple(x.shape), print_results=False, output_as_string=False)
    return {
        ("calflops' FLOPs", "FLOPs"): flops,
        ("calflops' MACs", "MACs"): macs,
        ("calflops", "parameters"): params,
    }


@contextlib.contextmanager
def _language_models_left_out():
    """calflops imports two large packages for language models, which are not needed here."""
    names = {
        "accelerate": ["init_empty_weights"],
        "accelerate.utils": [
            "calculate_maximum_sizes", "convert_file_size_to_int", "is_timm_available", "is_transformers_available",
        ],
        "transformers": ["AutoTokenizer"],
    }  # fmt: skip
    missing = [name for name in names if importlib.util.find_spec(name.partition(".")[0]) is None]
    for name in missing:
        sys.modules[name] = types.ModuleType(name)
        for function in names[name]:
            setattr(sys.modules[name], function, lambda *_: False)
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]


TOOLS = {
    "torch": _torch,
    "fvcore": _fvcore,
    "thop": _thop,
    "ptflops": _ptflops,
    "torchinfo": _torchinfo,
    "calflops": _calflops,
}


def main(out):
    readings = [
        dict(layers=layers, model=model, width=width, resolution=side, tool=name, unit=unit, value=int(value))
        for layers, model in NETWORKS
        for width, side in SIZES
        for tool in TOOLS
        for (name, unit), value in run(tool, network(layers, model, width), side).items()
    ]
    versions = {name: importlib.metadata.version(name) for name in ("torchvision", "timm", *TOOLS)}
    lines = ",\n".join(json.dumps(reading) for reading in readings)
    Path(out).write_text(f'{{"versions": {json.dumps(versions)},\n"readings": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main(sys.argv[1])

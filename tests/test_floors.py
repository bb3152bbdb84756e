"""The house: a module imports only from floors below its own, or from siblings in its own package."""

import ast
from pathlib import Path

import pytest

import mobilenet_np

ROOT = Path(mobilenet_np.__file__).parent
FLOORS = [
    {"errors", "machine_code", "parts"},
    {"geometry", "memory", "atomic", "files"},
    {"jobs"},
    {"threads"},
    {"forms", "kernels", "tables", "convention"},
    {"architecture", "ops", "check"},
    {"receptive_field"},
    {"costs", "layers"},
    {"blocks", "initialize", "zoo", "factorize"},
    {"models", "diagnosis"},
    {"counted", "weights", "data"},
    {"train", "infer", "trace"},
    {"measured"},
    {"show", "choose"},
    {"report"},
    {"tour", "warmup"},
    {"course"},
    {"cli"},
    {"__main__"},
]
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
# The one look upwards: Trace.step, called on a trace, opens a page of the floor above. Nothing is imported before.
UPWARDS = {("trace/traced.py", "show")}
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def _room(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def _imported_rooms(path):
    """First parts, below the package, of everything that a module imports from the package."""
    package = ("mobilenet_np", *path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            full = [*base, *(node.module.split(".") if node.module else [])]
            targets = [full] if len(full) > 1 else [[*full, alias.name] for alias in node.names]
        elif isinstance(node, ast.Import):
            targets = [alias.name.split(".") for alias in node.names]
        else:
            continue
        for target in targets:
            if target[0] == "mobilenet_np" and len(target) > 1:
                yield target[1]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(path):
    room = _room(path)
    assert room in FLOOR, f"{room} has no floor yet"
    for other in _imported_rooms(path):
        if (path.relative_to(ROOT).as_posix(), other) not in UPWARDS:
            assert other == room or FLOOR[other] < FLOOR[room], f"{room} (floor {FLOOR[room]}) imports {other}"


def test_what_looks_upwards_does_so_in_a_function():
    for path, other in UPWARDS:
        module = ast.parse((ROOT / path).read_text())
        loaded = [node for node in module.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        assert not [node for node in loaded if other in (getattr(node, "module", None) or "").split(".")]
        assert other in set(_imported_rooms(ROOT / path))


def test_formulas_and_counts_share_no_code():
    assert "counted" not in {r for p in (ROOT / "costs").glob("*.py") for r in _imported_rooms(p)}
    assert "costs" not in {r for p in (ROOT / "counted").glob("*.py") for r in _imported_rooms(p)}


def test_the_checker_sees_every_form_of_import(tmp_path):
    """The test above cannot fail if it finds no imports."""
    assert set(_imported_rooms(ROOT / "models.py")) == {
        "architecture",
        "blocks",
        "convention",
        "errors",
        "initialize",
        "layers",
    }
    assert {"forms", "geometry", "errors"} <= set(_imported_rooms(ROOT / "ops" / "conv2d.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_framework_in_the_core(path):
    names = {
        alias.name.split(".")[0]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {
        node.module.split(".")[0]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and not node.level
    }
    assert not names & {"torch", "torchvision", "timm", "keras", "tensorflow", "jax", "autograd", "scipy"}

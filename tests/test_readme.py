"""What the README shows runs as it stands."""

import re
from pathlib import Path

import pytest

from mobilenet_np.zoo import BUGS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_examples_run():
    assert len(PYTHON) == 4
    namespace = {}
    for example in PYTHON:
        exec(example, namespace)


def test_two_commands():
    commands = re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL)
    assert len(commands) == 2
    assert commands[0].strip().endswith("mobilenet-np tour")
    assert commands[1].strip().endswith("python -m pytest")
    assert all(len(command.strip().splitlines()) == 1 for command in commands)


def test_the_zoo_is_as_large_as_said():
    said = [re.search(rf"(\d+) {unit}", (ROOT / name).read_text())[1]
            for name, unit in (("README.md", "wrong ones"), ("README.zh-CN.md", "个错误的梯度"))]  # fmt: skip
    assert said == [str(len(BUGS))] * 2


@pytest.mark.parametrize("path", re.findall(r"[`(]((?:mobilenet_np|docs|tests)/[\w/.]+)[`)]", TEXT))
def test_paths_exist(path):
    assert (ROOT / path).exists()

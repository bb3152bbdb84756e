"""What the README shows runs as it stands."""

import re
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("path", re.findall(r"[`(]((?:mobilenet_np|docs|tests)/[\w/.]+)[`)]", TEXT))
def test_paths_exist(path):
    assert (ROOT / path).exists()

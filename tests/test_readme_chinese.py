"""README.zh-CN.md says in Chinese what README.md says."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENGLISH, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def _without_code(text):
    return FENCED.sub("", text)


def _paragraphs(text):
    return [part for part in re.split(r"\n{2,}", _without_code(text).strip()) if part.strip()]


def test_the_same_code_blocks():
    assert FENCED.findall(CHINESE) == FENCED.findall(ENGLISH)
    assert len(FENCED.findall(ENGLISH)) > 4


def test_the_same_figures():
    figures = [re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text) for text in (ENGLISH, CHINESE)]
    assert figures[0] == figures[1] != []
    assert all((ROOT / figure).is_file() for figure in figures[1])


def test_the_same_commands_files_and_names():
    spans = [Counter(re.findall(r"`([^`\n]+)`", _without_code(text))) for text in (ENGLISH, CHINESE)]
    assert spans[0] == spans[1]


def test_the_same_structure():
    levels = [re.findall(r"^(#+) ", _without_code(text), re.MULTILINE) for text in (ENGLISH, CHINESE)]
    assert levels[0] == levels[1]
    rows = [len(re.findall(r"^\|", text, re.MULTILINE)) for text in (ENGLISH, CHINESE)]
    assert rows[0] == rows[1]
    assert len(_paragraphs(ENGLISH)) == len(_paragraphs(CHINESE))


def test_the_same_numbers():
    numbers = [
        Counter(re.findall(r"\d+(?:[.,]\d+)*(?:e-?\d+)?", re.sub(r"`[^`\n]+`", "", _without_code(text))))
        for text in (ENGLISH, CHINESE)
    ]
    assert numbers[0] == numbers[1]
    assert {"53", "1e-8"} <= numbers[0].keys()


@pytest.mark.parametrize("paragraph", _paragraphs(CHINESE))
def test_everything_is_translated(paragraph):
    """A paragraph of the English text that was left behind has no Chinese in it."""
    if paragraph not in ("# mobilenet_np", "[English](README.md)", "Apache-2.0."):
        assert re.search(r"[\u4e00-\u9fff]", paragraph)


def test_they_lead_to_each_other():
    assert "[中文](README.zh-CN.md)" in ENGLISH
    assert "[English](README.md)" in CHINESE

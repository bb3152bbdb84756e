"""Every term of the glossary is in both languages, and leads somewhere that speaks of it."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
LINES = (FOLDER / "GLOSSARY.md").read_text(encoding="utf-8").splitlines()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in LINES if re.match(r"\| (?!English)", line)]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
INTERNATIONAL = {"ReLU6", "softmax"}  # written so in Chinese, too
LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
term = pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])


def test_there_are_enough():
    terms = [row[0].lower() for row in ROWS]
    assert len(terms) == len(set(terms)) >= 50
    asked = {"卷积", "深度可分离卷积", "逐点卷积", "倒残差", "线性瓶颈"}
    assert asked <= {row[1] for row in ROWS}


@term
def test_both_languages(row):
    english, chinese, meaning, *_ = row
    assert len(row) == 5
    assert not CHINESE.search(english)
    assert CHINESE.search(chinese) or chinese == english in INTERNATIONAL
    ours, theirs = meaning.split("<br>")
    assert ours.endswith(".")
    assert not CHINESE.search(ours)
    assert theirs.endswith("。")
    assert CHINESE.search(theirs)
    assert len(ours) < 140


@term
def test_links(row):
    *_, notebook, module = row
    (text, target), (name, source) = LINK.fullmatch(notebook).groups(), LINK.fullmatch(module).groups()
    assert target.startswith(f"{text}_")
    assert (FOLDER / target).is_file()
    assert source == f"../mobilenet_np/{name}"
    assert (FOLDER / source).is_file()

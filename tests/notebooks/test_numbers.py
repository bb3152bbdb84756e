"""No number in the text of a notebook that none of its cells prints.

Looked for are numbers of two or more digits, decimal fractions, percentages and multiples. What a cell prints may be
more exact. Not looked for: years, arXiv ids, numbers of notebooks, equations, tables, figures and sections.
"""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

PATHS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))

NO_CLAIMS = re.compile(
    r"""
      ^\#\s\d\d\s·                                                      # the notebook's own title
    | (?<=\[)\d\d(?=[^\]]*\]\(\d\d_\w+\.ipynb)                          # and that of another one in a link to it
    | \]\([^)\s]*\) | https?://\S+ | <[^>]*>                            # addresses, HTML
    | arXiv:\s*\d{4}\.\d{4,5}
    | \b(?:19|20)\d\d\b
    | \bnotebooks?\s\d\d(?:(?:,\s|\sand\s|\sto\s|–)\d\d)*
    | \b(?:equation|eq\.|table|figure|fig\.|section|appendix|algorithm|exercise|page|Python)s?
      [\s(~]*\d+(?:\.\d+)*(?:(?:,\s|\sand\s|\sto\s|–)\d+(?:\.\d+)*)*
    """,
    re.VERBOSE | re.MULTILINE | re.IGNORECASE,
)
NUMBER = re.compile(
    r"""
    (?:(?<![\w.\\])|(?<=\d[x×]))                                        # not the 32 of float32, but both of 96x96
    (?P<digits>\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?P<fraction>\.\d+)?(?:e(?P<power>[-+]?\d+))?
    (?P<unit>\s?\\?%|\s?(?:million|billion)\b|\s?[kKMG]\b|\s?times\b|\s?(?:×|x|\\times)(?!\s*[\d\\A-Za-z({]))?
    """,
    re.VERBOSE,
)
POWER_OF_TEN = re.compile(r"(?:(?<=\d)\s*(?:\\cdot|\\times|·|×)\s*|(?<![\w.]))10\^(?:\{(-?\d+)\}|(\d))")
SCALE = {"million": 1e6, "billion": 1e9, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "%": 0.01}


class Claim(NamedTuple):
    """A number as it is written, its value in its unit, and what it may be off by."""

    words: str
    value: float
    off: float
    unit: float

    def follows_from(self, values):
        """Whether one of the values is it, in units or in ones, when rounded."""
        return any(
            abs(abs(value) - self.value * unit) <= self.off * unit * (1 + 1e-9)
            for value in values
            for unit in (1.0, self.unit)
        )


def claims(markdown):
    """The numbers in a text that a cell must have printed."""
    text = NO_CLAIMS.sub(" ", markdown.replace("{,}", ",").replace(r"\,", " "))
    text = POWER_OF_TEN.sub(lambda match: f"{'' if match[0][:2] != '10' else 1}e{match[1] or match[2]}", text)
    for match in NUMBER.finditer(text):
        digits, fraction, power, unit = match["digits"], match["fraction"] or "", match["power"], match["unit"]
        if len(digits) > 1 or fraction or power or unit:
            scale = 10.0 ** int(power or 0)
            value = float(digits.replace(",", "") + fraction) * scale
            off = 0.5 * 10.0 ** -len(fraction[1:]) * scale
            yield Claim(match[0].strip(), value, off, SCALE.get((unit or "").strip(" \\"), 1.0))


def numbers(text):
    """All numbers in what a cell printed."""
    found = r"(?:(?<![A-Za-z_\d.])|(?<=\d[x×]))(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:e[-+]?\d+)?"
    return {float(number.replace(",", "")) for number in re.findall(found, text)}


def _printed(cells):
    for cell in cells:
        for output in cell.get("outputs", ()):
            if output.output_type == "stream":
                yield output.text
            elif output.output_type in ("execute_result", "display_data"):
                yield output.data.get("text/plain", "")  # pages are not read: a stepper has all numbers in it


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
@pytest.mark.parametrize("which", ["solutions"])
def test_every_number_is_printed(outputs):
    values = numbers("\n".join(_printed(outputs)))
    texts = [(cell.id, claim) for cell in outputs if cell.cell_type == "markdown" for claim in claims(cell.source)]
    missing = [f"{name}: {claim.words}" for name, claim in texts if not claim.follows_from(values)]
    assert not missing, "no cell prints\n" + "\n".join(missing)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("112x112 pixels, 3x3 taps, 4,233,001 weights", ["112", "112", "4,233,001"]),
        (
            "8.5 %, 9 %, 9 times as much, $9\\times$ fewer, 9x, a 3×3 kernel",
            ["8.5 %", "9 %", "9 times", "9\\times", "9x"],
        ),
        ("float32, `conv2d`, block12, V2, x1.5", []),
        ("569 million, 0.32G, 4{,}096, $k = 10$", ["569 million", "0.32G", "4,096", "10"]),
        ("$10^{-6}$, $3 \\cdot 10^{-5}$, 2e-16, $10^6$", ["1e-6", "3e-5", "2e-16", "1e6"]),
        ("# 07 · V1\n[02 Depthwise](02_depthwise.ipynb), [11](11_why.ipynb), notebooks 10 and 11, notebook 06", []),
        ("arXiv:1704.04861, 2017, equation (14), tables 8 and 10, section 3.2, [a](https://x.org/12)", []),
        ("<div style='width: 100%'>in 2018</div>", []),
    ],
)
def test_what_counts_as_a_number(text, words):
    assert [claim.words for claim in claims(text)] == words


@pytest.mark.parametrize(
    ("text", "printed", "follows"),
    [
        ("8.5 %", "share 8.46", True),
        ("8.5 %", "share 0.0846", True),
        ("8.5 %", "share 8.4", False),
        ("9 times", "8.4x", False),
        ("9 times", "8.69x", True),
        ("569 million", "568,740,352", True),
        ("568 million", "568,740,352", False),
        ("568,740,352", "568740352", True),
        ("568,740,353", "568,740,352", False),
        ("$2 \\cdot 10^{-16}$", "2.2e-16", True),
        ("$2 \\cdot 10^{-15}$", "2.2e-16", False),
        ("32 channels", "dtype float32", False),
        ("224 rows", "224x96", True),
        ("96 columns", "224x96", True),
        ("128 channels", "(64, 128)", True),
    ],
)
def test_what_follows(text, printed, follows):
    (claim,) = claims(text)
    assert claim.follows_from(numbers(printed)) is follows

"""The course as web pages, opened in a real browser."""

import pytest

from mobilenet_np.cli import main
from mobilenet_np.course import render
from mobilenet_np.course.site import pages, publish, read, site

import browsers
from browsers import look
from webpages import walk

nbformat = pytest.importorskip("nbformat", reason="pages are made of notebooks")
for name in ("nbclient", "nbconvert", "latex2mathml"):
    pytest.importorskip(name, reason="comes with the notebooks extra")

FIRST = [
    "# 00 · Start here\n\n**After this notebook you can**\n\n- count $D_K^2$ products\n"
    "- read [the next](01_next.ipynb)",
    ">>> import mobilenet_np as mn\nimport matplotlib.pyplot as plt",
    "## A formula, $x^2$\n\n$$\\begin{aligned} y &= \\operatorname{ReLU6}(x) \\\\ z &= \\frac{1}{N} \\end{aligned}$$\n"
    "\n"
    "| a | b |\n|---|---|\n| $x$ | [code](../mobilenet_np/ops/depthwise_conv2d.py) |\n\n"
    "<details><summary>Answer: $x_1$</summary>\n\nIt is $\\lVert x \\rVert$.\n\n</details>",
    ">>> plt.plot([1, 2])\nplt.show()\nprint('printed', '=' * 200)",
    "## A stepper",
    ">>> mn.show.factorize(C=4, M=4, size=3)",
    "## An exercise",
]
ANSWER = "def twice(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
OPEN = "def twice(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
CHECK = "from mobilenet_np import course\nwith course.exercise('twice as much'):\n    assert twice(2) == 4"
SECOND = [
    "# 01 · Next\n\nBack to [a formula](00_start_here.ipynb#a-formula-x2), on to [depthwise](GLOSSARY.md#depthwise)."
]
GLOSSARY = "# Glossary\n\n| English | 中文 |\n|---|---|\n| depthwise | 深度卷积 |\n"


def _notebook(sources):
    cells = [
        nbformat.v4.new_code_cell(source[4:]) if source.startswith(">>> ") else nbformat.v4.new_markdown_cell(source)
        for source in sources
    ]
    return nbformat.v4.new_notebook(cells=cells)


def _exercise(nb, answer):
    for source, solution in ((answer, True), (CHECK, False)):
        marks = dict(nbgrader=dict(solution=solution, grade=not solution))
        nb.cells.append(nbformat.v4.new_code_cell(source, metadata=marks))
    return nb


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small course with all that a page can have."""
    folder = tmp_path_factory.mktemp("notebooks")
    nbformat.write(_exercise(_notebook(FIRST), ANSWER), folder / "00_start_here.ipynb")
    nbformat.write(_exercise(_notebook(SECOND), OPEN), folder / "01_next.ipynb")
    (folder / "GLOSSARY.md").write_text(GLOSSARY, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def index(folder, tmp_path_factory):
    return site(tmp_path_factory.mktemp("site") / "course", folder)


def _open(browser, index, page):
    browser.get((index.parent / page).as_uri())


def _texts(browser, selector):
    return [e.text for e in browser.find_elements("css selector", selector)]


# ---------------------------------------------------------------------------------------------------------------------
# All pages


@browsers.needed
def test_every_page(browser, index):
    assert walk(browser, index) == [
        "00_start_here.html", "01_next.html", "glossary.html", "index.html", "ops.depthwise_conv2d.html",
    ]  # fmt: skip


@browsers.needed
def test_nothing_else_is_written(index, browser):
    assert {path.name for path in index.parent.iterdir() if path.suffix != ".html"} == {
        "search.js", "site.js", "source", "style.css", "theme.js",
    }  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------------
# A notebook's page


@browsers.needed
def test_outputs(browser, index):
    _open(browser, index, "00_start_here.html")
    printed = _texts(browser, "pre.output")
    assert printed[0].startswith("printed ====")
    assert printed[-1] == "twice as much: right"
    (picture,) = browser.find_elements("css selector", ".picture img")
    assert picture.size["width"] > 300


def test_what_is_printed_bit_by_bit_stands_in_one_block(tmp_path):
    """A kernel sends what there is from time to time, and each parcel would be a paragraph of its own."""
    cell = ">>> import time\nfor i in range(3):\n    print(i, flush=True)\n    time.sleep(0.3)"
    nbformat.write(_notebook(["# One", cell]), tmp_path / "00_one.ipynb")
    page = site(tmp_path / "out", tmp_path).with_name("00_one.html").read_text(encoding="utf-8")
    assert page.count('<pre class="output') == 1


@browsers.needed
def test_formulas(browser, index):
    _open(browser, index, "00_start_here.html")
    fraction = browser.find_element("css selector", ".math mfrac")
    one, below = fraction.find_elements("css selector", "mn, mi")
    assert one.text == "1"
    assert one.location["y"] < below.location["y"]  # it is drawn as a fraction
    assert browser.find_element("css selector", "summary math").text.split() == ["x", "1"]


@browsers.needed
def test_a_solution_is_folded(browser, index):
    _open(browser, index, "00_start_here.html")
    (solution,) = browser.find_elements("css selector", ".solution")
    code = solution.find_element("css selector", "pre")
    assert not code.is_displayed()
    solution.find_element("css selector", "summary").click()
    assert code.is_displayed()
    assert "return 2 * x" in code.text


@browsers.needed
def test_an_answer_that_is_not_written_yet(browser, index):
    """The student's edition has a site, too."""
    _open(browser, index, "01_next.html")
    assert _texts(browser, ".solution") == []
    assert _texts(browser, "pre.output")[-1].startswith("twice as much: not written yet")


@browsers.needed
def test_the_stepper_is_live_and_follows_the_page(browser, index):
    _open(browser, index, "00_start_here.html")
    frame = browser.find_element("css selector", "iframe")
    papers = []
    for _ in range(2):
        browser.switch_to.frame(frame)
        browser.execute_script("document.querySelector('[data-do=next]').click()")
        papers.append(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))
        where = browser.find_element("css selector", ".where").text
        browser.switch_to.default_content()
        browser.find_element("css selector", ".theme").click()
    assert where.startswith("2 of")
    browser.execute_script("localStorage.clear()")
    assert papers[0] != papers[1]


# ---------------------------------------------------------------------------------------------------------------------
# Around it


@browsers.needed
def test_contents(browser, index):
    browser.get(index.as_uri())
    assert _texts(browser, ".contents h2") == ["00 · Start here", "01 · Next", "Glossary"]
    assert len(browser.find_elements("css selector", ".contents ul li")) == 2
    assert "the next" in browser.find_element("css selector", ".contents ul").text


@browsers.needed
def test_a_page_without_aims_has_a_small_card(browser, index):
    browser.get(index.as_uri())
    with_aims, _, glossary = browser.find_elements("css selector", ".contents > li")
    assert glossary.size["height"] < with_aims.size["height"] - 20


@browsers.needed
def test_previous_and_next(browser, index):
    browser.get(index.as_uri())
    browser.find_element("css selector", ".contents a").click()
    seen = []
    while True:
        seen.append(browser.title)
        following = browser.find_elements("css selector", "a[rel=next]")
        if not following:
            break
        browser.get(following[0].get_attribute("href"))
    assert seen == ["00 · Start here", "01 · Next", "Glossary"]
    browser.get(browser.find_element("css selector", "a[rel=prev]").get_attribute("href"))
    assert browser.title == "01 · Next"


@browsers.needed
@pytest.mark.parametrize(
    ("words", "hits"),
    [
        ("next", ["01 · Next"]),
        ("STEPPER", ["A stepper\n00 · Start here"]),
        ("exercise an", ["An exercise\n00 · Start here"]),
        ("x^2", ["A formula, x^2\n00 · Start here"]),
        ("深度", ["depthwise 深度卷积\nGlossary"]),
        ("no such thing", ["nothing is called that"]),
        (" ", []),
    ],
)
def test_search(browser, index, words, hits):
    _open(browser, index, "01_next.html")
    browser.find_element("css selector", ".search input").send_keys(words)
    assert _texts(browser, ".hits li") == hits


@browsers.needed
def test_search_with_the_keyboard_leads_to_the_heading(browser, index):
    _open(browser, index, "source/ops.depthwise_conv2d.html")
    press = browser.switch_to.active_element.send_keys
    press("/")
    browser.switch_to.active_element.send_keys("stepper\ue007")
    assert browser.current_url == (index.parent / "00_start_here.html").as_uri() + "#a-stepper"


@browsers.needed
def test_light_and_dark(browser, index):
    paper = "return getComputedStyle(document.body).backgroundColor"
    seen = {}
    for dark in (False, True):
        look(browser, dark=dark)
        _open(browser, index, "01_next.html")
        seen[dark] = browser.execute_script(paper)
    assert seen[False] != seen[True]
    browser.find_element("css selector", ".theme").click()
    assert browser.execute_script(paper) == seen[False]  # against the system's wish
    _open(browser, index, "glossary.html")
    assert browser.execute_script(paper) == seen[False]  # and it holds on the next page
    browser.find_element("css selector", ".theme").click()
    browser.execute_script("localStorage.clear()")


# ---------------------------------------------------------------------------------------------------------------------
# What cannot be shown is found before anything is executed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# A\n\n[b](02_missing.ipynb)", "00_a.ipynb links to 02_missing.ipynb, which is not in the course"),
        ("# A\n\n[b](../mobilenet_np/ops/no.py)", "links to ../mobilenet_np/ops/no.py"),
        ("# A\n\n<a href='../secret.txt'>b</a>", "links to ../secret.txt"),
        ("# A\n\n$\\nonsense{x}$", r"\\nonsense is not understood"),
        ("# A\n\n$\\left( x$", r"\\left\( x\$ is not understood"),
        ("# A\n\n![b](no.png)", "shows no.png, which is not there"),
        ("no title", "00_a.ipynb has no title"),
    ],
)
def test_refusals(tmp_path, text, message):
    nbformat.write(_notebook([text, ">>> 1 / 0"]), tmp_path / "00_a.ipynb")
    with pytest.raises(ValueError, match=message):
        site(tmp_path / "out", tmp_path)
    assert not (tmp_path / "out").exists()


def test_no_notebooks(tmp_path):
    with pytest.raises(ValueError, match="has no notebooks"):
        site(tmp_path / "out", tmp_path)


def test_a_cell_that_fails(tmp_path):
    nbformat.write(_notebook(["# A", ">>> 1 / 0"]), tmp_path / "00_a.ipynb")
    with pytest.raises(ChildProcessError, match=r"00_a\.ipynb: ZeroDivisionError: division by zero"):
        site(tmp_path / "out", tmp_path)
    assert list((tmp_path / "out").iterdir()) == []


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("mobilenet_np.course.site.find_spec", lambda name: None if name == "latex2mathml" else name)
    with pytest.raises(ImportError, match=r'needs latex2mathml: pip install "mobilenet_np\[notebooks\]"'):
        site(tmp_path / "out", tmp_path)


# ---------------------------------------------------------------------------------------------------------------------
# Formulas


@pytest.mark.parametrize(
    ("latex", "part"),
    [
        (r"1{,}234{,}567", "<mn>1,234,567</mn>"),
        (r"\max(x, 0)", "<mi>max</mi><mo"),
        (r"\log x", '<mi>log</mi><mspace width="0.167em"/>'),
        (r"\operatorname{ReLU6}(x)", ">ReLU6</mtext>"),
        (r"\begin{aligned}a &= b\\ &= c\end{aligned}", '<mtd columnalign="right"><mi>a</mi></mtd>'),
        (r"\text{dw\_kernel}", "dw_kernel"),
        (r"dx \mathrel{+}= dy", "<mi>x</mi><mo>+=</mo><mi>d</mi>"),
    ],
)
def test_mathml(latex, part):
    assert part in render.mathml(latex, False, "a page")


# ---------------------------------------------------------------------------------------------------------------------
# The course itself


@browsers.needed
def test_every_page_of_the_course(browser, request, tmp_path):
    """Its text, formulas and links; with the outputs the pages are looked at where the notebooks are executed."""
    folder = request.config.rootpath / "notebooks"
    sources = read(folder)
    assert len(walk(browser, publish(tmp_path, sources, folder))) > len(sources)
    course, modules = pages(sources, folder)
    assert [page.source for page in course] == [*sources, "GLOSSARY.md", "README.md"]
    assert "ops/depthwise_conv2d.py" in modules


# ---------------------------------------------------------------------------------------------------------------------
# The command


def test_command(tmp_path, capsys):
    nbformat.write(_notebook(["# A", ">>> print(1)"]), tmp_path / "00_a.ipynb")
    out = tmp_path / "out"
    assert main(["course", "site", str(out), "--notebooks", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"open {out / 'index.html'}\n"
    assert main(["course", "site", str(out), "--notebooks", str(out)]) == 2
    nbformat.write(_notebook(["# A", ">>> 1 / 0"]), tmp_path / "00_a.ipynb")
    assert main(["course", "site", str(out), "--notebooks", str(tmp_path)]) == 1
    assert "division by zero" in capsys.readouterr().err

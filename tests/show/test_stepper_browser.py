"""The stepper in a real browser: played to the end, its numbers compared with NumPy."""

import re

import numpy as np
import pytest

from mobilenet_np import show
from mobilenet_np.ops import conv2d, depthwise_conv2d, pointwise_conv2d
from mobilenet_np.show.stepper import grouped
from mobilenet_np.show.stepper.factorize import _stages
from mobilenet_np.show.stepper.stage import record
from mobilenet_np.show.stepper.terms import element

import browsers
from browsers import look

pytestmark = browsers.needed

KEYS = {"right": "\ue014", "left": "\ue012", "home": "\ue011", "end": "\ue010", "space": " "}
SMALL = dict(C=4, M=4, size=3)  # 2 groups; 1,296 + 648 + 468 products


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Files of the pages that the tests open."""
    folder = tmp_path_factory.mktemp("pages")
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, 12, 12, 24)), rng.normal(size=(2, 12, 12, 24))
    made = {
        "small": show.factorize(**SMALL),
        "usual": show.factorize(),
        "layer": show.step_op("depthwise_conv2d", x, rng.normal(size=(3, 3, 24)), dy, at=(1, 0, 5, 9), name="block3"),
        "mixing": show.step_op("pointwise_conv2d", x, rng.normal(size=(24, 24)), dy, name="block3.pointwise"),
        "classes": show.step_op("linear", x[:, 0, 0], rng.normal(size=(24, 5)), dy[:, 0, 0, :5], name="classifier"),
    }
    (folder / "notebook.html").write_text("<!DOCTYPE html>" + made["small"]._repr_html_(), encoding="utf-8")
    for name, page in made.items():
        page.save(folder / f"{name}.html")
    return {path.stem: path.as_uri() for path in folder.iterdir()}


def press(browser, *keys):
    for key in keys:
        browser.switch_to.active_element.send_keys(KEYS.get(key, key))


def click(browser, selector):
    browser.execute_script("document.querySelector(arguments[0]).click()", selector)


def slide(browser, to):
    browser.execute_script(
        "const s = document.querySelector('.slider'); s.value = arguments[0]; s.dispatchEvent(new Event('input'))", to
    )


def visible(browser, selector):
    return browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].filter((e) => e.checkVisibility())"
        ".map((e) => e.textContent.trim())",
        selector,
    )


def done(browser):
    return tuple(int(n.replace(",", "")) for n in visible(browser, ".where")[0].split(" of "))


def grid(browser, key, way, stage=0, direction="forward"):
    """The numbers of one small table; NaN where nothing is written yet."""
    where = f'[data-way="{way}"] [data-stage="{stage}"] [data-pass="{direction}"] [data-grid="{key}"]'
    rows = browser.execute_script(
        "return [...document.querySelector(arguments[0]).rows].map((r) => [...r.cells].map((c) => c.textContent))",
        where,
    )
    return np.array([[number(cell) if cell else np.nan for cell in row] for row in rows])


def channels(browser, name, count, *where):
    return np.stack([grid(browser, f"{name}:{c}", *where) for c in range(count)], axis=-1)


def number(text):
    return float(text.strip("()").replace("−", "-"))


def four_digits(array):
    return np.vectorize(lambda v: float(f"{v:.4g}"))(array)


# ---------------------------------------------------------------------------------------------------------------------
# Every step

WALK = """
const next = document.querySelector('[data-do="next"]'), out = [];
const where = () => document.querySelector(".way:not([hidden]) .stage:not(.waiting) .pass:not([hidden])");
const total = Number(document.querySelector(".slider").max);
for (let k = 0; k < total; k++) {
  next.click();
  const lines = [...where().querySelectorAll(".now p")].map((p) => p.textContent);
  const lit = [...where().querySelectorAll(".picture .tap")]
    .map((c) => c.closest("table").dataset.grid + " " + c.textContent);
  const code = [...where().querySelectorAll(".line.runs")].map((l) => l.textContent.trim());
  out.push([lines, lit, code, where().querySelector(".variables").textContent]);
}
return out;
"""
SUM = re.compile(r"= (\S+) \+ (\S+) · (\S+) = (\S+)")


@pytest.mark.parametrize("way", ["standard", "grouped", "separable"])
def test_every_step_forward(browser, pages, way):
    """The formula of every step: its numbers are those of the arrays, and the sums end at the op's output."""
    browser.get(pages["small"])
    click(browser, f'[name="way"][value="{way}"]')
    steps = browser.execute_script(WALK)
    depthwise, pointwise, standard, block = _stages(4, 4, 3, 3, 1, 2, np.random.default_rng(0))
    stages = {"standard": [standard], "grouped": [block], "separable": [depthwise, pointwise]}[way]
    assert len(steps) == done(browser)[1] == sum(s.dy.size * s.w[..., 0].size for s in stages)

    k = 0
    for stage in stages:
        padded = np.pad(stage.x, (*stage.padding, (0, 0)))
        share, taps, start_of_stage = stage.w.shape[2], record(stage).taps, k
        for i, j, o in np.ndindex(stage.dy.shape):
            y = 0.0
            for a, b, q in np.ndindex(stage.w.shape[:3]):
                c = o // (stage.dy.shape[2] // stage.groups) * share + q
                (lines, lit, code, _), x, w = steps[k], padded[i + a, j + b, c], stage.w[a, b, q, o]
                start, left, right, end = map(number, SUM.fullmatch(lines[1]).groups())
                assert (start, left, right, end) == (y, x, w, y + x * w)
                names = {role: element(stage, role, taps, k - start_of_stage) for role in "xwy"}
                if "padding zero" in lines[2]:
                    names["x"] = "padding"
                assert lines[0] == "{y} += {x} · {w}".format(**names)
                y = end
                top = stage.padding[0][0]
                inside = 0 <= i + a - top < stage.x.shape[0] and 0 <= j + b - top < stage.x.shape[1]
                assert ("padding zero" in lines[2]) == (not inside)
                assert code[0].startswith("y[" if inside else "if ")
                shown = [f"x:{c} {x:g}", f"w:{c}:{o} {w:g}", f"y:{o} {y:g}".replace("-0", "0")]
                if inside:
                    assert lit == [text.replace("-", "−") for text in shown]
                k += 1
    outputs = channels(browser, "y", 4, way, len(stages) - 1)
    expected = {
        "standard": lambda: conv2d.conv2d_forward(standard.x[None], standard.w)[0],
        "grouped": lambda: grouped._forward_loops(block.x[None], block.w, 1, block.padding, 2),
        "separable": lambda: conv2d.conv2d_forward(standard.x[None], standard.w)[0],
    }[way]()
    np.testing.assert_array_equal(outputs, expected[0])


@pytest.mark.parametrize("way", ["standard", "separable"])
def test_every_step_backward(browser, pages, way):
    browser.get(pages["small"])
    click(browser, f'[name="way"][value="{way}"]')
    press(browser, "b")
    steps = browser.execute_script(WALK)
    for lines, _, code, _ in steps:
        sums = [tuple(map(number, SUM.fullmatch(line).groups())) for line in lines if line.startswith("= ")]
        assert all(start + left * right == end for start, left, right, end in sums)
        assert len(sums) == (1 if "padding zero" in lines[-1] else 2)
        assert len(code) == (1 if "padding zero" in lines[-1] else 2)
    depthwise, pointwise, standard, _ = _stages(4, 4, 3, 3, 1, 2, np.random.default_rng(0))
    _, cache = conv2d.conv2d_forward(standard.x[None], standard.w)
    dx, dw = conv2d.conv2d_backward(standard.dy[None], cache)
    np.testing.assert_array_equal(channels(browser, "dx", 4, way, 0, "backward"), dx[0])
    if way == "standard":
        for c, o in np.ndindex(4, 4):
            np.testing.assert_array_equal(grid(browser, f"dw:{c}:{o}", way, 0, "backward"), dw[:, :, c, o])
        return
    _, cache = depthwise_conv2d.depthwise_conv2d_forward(standard.x[None], depthwise.w[:, :, 0])
    _, dd = depthwise_conv2d.depthwise_conv2d_backward(depthwise.dy[None], cache)
    _, cache = pointwise_conv2d.pointwise_conv2d_forward(pointwise.x[None], pointwise.w[0, 0])
    dz, dp = pointwise_conv2d.pointwise_conv2d_backward(pointwise.dy[None], cache)
    np.testing.assert_array_equal(channels(browser, "dy", 4, way, 0, "backward"), dz[0])  # handed from stage to stage
    np.testing.assert_array_equal(channels(browser, "dx", 4, way, 1, "backward"), dz[0])
    for c, o in np.ndindex(4, 4):
        assert grid(browser, f"dw:{c}:{o}", way, 1, "backward").item() == dp[c, o]
        if c == o:
            np.testing.assert_array_equal(grid(browser, f"dw:{c}:{c}", way, 0, "backward"), dd[:, :, c])


def test_what_is_not_computed_yet_is_empty(browser, pages):
    browser.get(pages["small"])
    click(browser, '[name="way"][value="separable"]')
    assert np.isnan(channels(browser, "y", 4, "separable", 0)).all()
    assert np.isnan(channels(browser, "x", 4, "separable", 1)).all()  # the pointwise input is not there either
    slide(browser, 9 * 4)
    z = channels(browser, "y", 4, "separable", 0)
    assert np.isfinite(z[0, 0]).all()
    assert np.isnan(z[1:]).all()
    np.testing.assert_array_equal(channels(browser, "x", 4, "separable", 1), z)
    assert visible(browser, '[data-way="separable"] .progress') == ["36 of 324", "0 of 144"]
    click(browser, ".waiting .jump")
    assert done(browser) == (325, 468)
    assert visible(browser, '[data-way="separable"] .pass[data-pass="forward"]')[0].count("y[0,0,0,0]") >= 1


# ---------------------------------------------------------------------------------------------------------------------
# The count


def test_the_count_ends_at_one_over_n_plus_one_over_k_squared(browser, pages):
    browser.get(pages["usual"])
    press(browser, "end")
    assert done(browser) == (3456, 3456)
    assert visible(browser, ".count") == ["3,456 of 3,456, 96 of 96 outputs", "960 of 960, 96 of 96 outputs"]
    (running,), (final,) = visible(browser, ".running"), visible(browser, ".final")
    assert "Ratio 960 / 3,456 = 0.278." in running
    assert "Finished: standard, depthwise + pointwise." in running
    assert "960 / 3,456 = 5/18 = 1/6 + 1/9 = 0.278" in final
    widths = browser.execute_script(
        "return [...document.querySelectorAll('.track')].map((e) => e.getBoundingClientRect().width)"
    )
    assert widths[1] / widths[0] == pytest.approx(5 / 18, rel=0.02)
    press(browser, "b", "end")
    assert visible(browser, ".count") == ["6,912 of 6,912", "1,920 of 1,920"]


@pytest.mark.parametrize(
    ("step", "standard", "separable"),
    [
        (0, (0, 0), (0, 0)),
        (35, (35, 0), (35, 0)),
        (36, (36, 1), (36, 0)),
        (580, (580, 16), (580, 1)),
        (961, (961, 26), (960, 96)),
    ],
)
def test_both_ways_are_counted_with_one_clock(browser, pages, step, standard, separable):
    browser.get(pages["usual"])
    slide(browser, step)
    assert visible(browser, ".count") == [
        f"{standard[0]} of 3,456, {standard[1]} of 96 outputs",
        f"{separable[0]} of 960, {separable[1]} of 96 outputs",
    ]


# ---------------------------------------------------------------------------------------------------------------------
# Keys and controls


def test_keys(browser, pages):
    browser.get(pages["small"])
    assert done(browser) == (0, 1296)
    press(browser, "right", "right", "left")
    assert done(browser)[0] == 1
    press(browser, "2", "right")
    assert done(browser)[0] == 36
    press(browser, "right", "right")
    assert done(browser)[0] == 108
    press(browser, "3", "right")
    assert done(browser)[0] == 144
    press(browser, "right", "left")
    assert done(browser)[0] == 144
    press(browser, "1", "right")
    assert done(browser)[0] == 145
    press(browser, "end")
    assert done(browser)[0] == 1296
    press(browser, "right")
    assert done(browser)[0] == 1296
    press(browser, "home", "left")
    assert done(browser)[0] == 0
    press(browser, "b")
    assert visible(browser, ".formula li")[0].startswith("dx[n, r, s, c] += dy[n, i, j, o]")
    assert browser.execute_script("return document.querySelector('[name=direction]:checked').value") == "backward"
    press(browser, "f")
    assert visible(browser, ".formula li") == ["y[n, i, j, o] = Σa, b, c x[n, r, s, c] · w[a, b, c, o]"]


def test_keys_go_on_after_a_click(browser, pages):
    """The focus is then on what was clicked, where arrows could mean something else."""
    browser.get(pages["small"])
    expected = 0
    for selector in (
        '[name="direction"][value="backward"]',
        '[name="by"][value="tap"]',
        '[data-do="first"]',
        ".slider",
        ".scroll",
    ):
        browser.execute_script("for (const e of document.querySelectorAll(arguments[0])) e.focus()", selector)
        click(browser, selector)
        expected = 1 if "first" in selector else expected + 1
        press(browser, "right")
        assert done(browser)[0] == expected
        assert browser.execute_script("return document.querySelector('[name=direction]:checked').value") == "backward"


def test_play_and_pause(browser, pages):
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(pages["small"])
    press(browser, "space")
    assert visible(browser, '[data-do="play"]') == ["❚❚ Pause"]
    WebDriverWait(browser, 10).until(lambda b: done(b)[0] >= 2)
    press(browser, "space")
    stopped = done(browser)[0]
    assert visible(browser, '[data-do="play"]') == ["▶\ufe0e Play"]
    assert browser.execute_async_script("setTimeout(arguments[0], 1000, 0)") == 0
    assert done(browser)[0] == stopped
    slide(browser, 1295)
    press(browser, "space")
    WebDriverWait(browser, 10).until(lambda b: visible(b, '[data-do="play"]') == ["▶\ufe0e Play"])
    assert done(browser)[0] == 1296


def test_buttons_and_slider(browser, pages):
    browser.get(pages["small"])
    for action, expected in (("next", 1), ("last", 1296), ("previous", 1295), ("first", 0)):
        click(browser, f'[data-do="{action}"]')
        assert done(browser)[0] == expected
    slide(browser, 700)
    assert done(browser)[0] == 700
    assert browser.execute_script("return document.querySelector('.slider').getAttribute('aria-valuetext')") == (
        "product 700 of 1296"
    )
    said = browser.execute_script("return document.querySelector('[role=status]').textContent")
    assert said == "".join(visible(browser, ".now p"))


def test_everything_that_can_be_operated_has_a_name(browser, pages):
    browser.get(pages["usual"])
    names = browser.execute_script(
        "return [...document.querySelectorAll('button, input, summary, [role=group]')]"
        ".filter((e) => e.checkVisibility())"
        ".map((e) => e.ariaLabel || e.textContent.trim() || e.closest('label').textContent.trim())"
    )
    assert len(names) > 10
    assert all(names)


# ---------------------------------------------------------------------------------------------------------------------
# A real layer


def test_a_real_layer(browser, pages):
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, 12, 12, 24)), rng.normal(size=(2, 12, 12, 24))
    w = rng.normal(size=(3, 3, 24))
    y, cache = depthwise_conv2d.depthwise_conv2d_forward(x, w)
    browser.get(pages["layer"])
    press(browser, "end")
    # at=(1, 0, 5, 9): image 1, rows 0 to 2, columns 4 to 6, channels 5 to 12
    np.testing.assert_array_equal(channels(browser, "y", 8, "layer"), four_digits(y[1, :3, 4:7, 5:13]))
    slide(browser, 9 * 8 * 4 + 5)  # position (1, 1), its first channel, tap (1, 1)
    first, second, remark = visible(browser, ".now p")
    assert first == "y[1,1,5,5] += x[1,1,5,5] · w[1,1,5]"
    expected = four_digits([x[1, 1, 5, 5], w[1, 1, 5]])
    assert [number(text) for text in SUM.fullmatch(second).groups()[1:3]] == list(expected)
    assert f"In the whole layer y[1,1,5,5] is {y[1, 1, 5, 5]:.4g}".replace("-", "−") in remark
    assert visible(browser, ".variables") == ["n=1  i=1  j=5  c=5  a=1  b=1  r=1  s=5"]
    press(browser, "b")
    slide(browser, 9 * 8 * 4 + 5)
    dx, dw = depthwise_conv2d.depthwise_conv2d_backward(dy, cache)
    (*_, remark) = visible(browser, ".now p")
    assert f"In the whole layer dx[1,1,5,5] is {dx[1, 1, 5, 5]:.4g}.".replace("-", "−") in remark
    assert f"In the whole layer dw[1,1,5] is {dw[1, 1, 5]:.4g}.".replace("-", "−") in remark


def test_a_fully_connected_layer(browser, pages):
    rng = np.random.default_rng(0)
    x, dy = (rng.normal(size=(2, 12, 12, 24))[:, 0, 0] for _ in range(2))
    rng.normal(size=(3, 3, 24)), rng.normal(size=(24, 24))
    w = rng.normal(size=(24, 5))
    browser.get(pages["classes"])
    press(browser, "end")
    total = f"{x[0, :8] @ w[:8, 4]:.4g}".replace("-", "−")
    whole = f"{x[0] @ w[:, 4]:.4g}".replace("-", "−")
    first, second, remark = visible(browser, ".now p")
    assert first == "y[0,4] += x[0,7] · w[7,4]"
    assert SUM.fullmatch(second).groups()[-1] == total
    assert f"In the whole layer y[0,4] is {whole}" in remark
    assert visible(browser, ".variables") == ["n=0  o=4  c=7"]
    press(browser, "b")
    press(browser, "end")
    (*_, remark) = visible(browser, ".now p")
    assert f"In the whole layer dw[7,4] is {x[:, 7] @ dy[:, 4]:.4g}.".replace("-", "−") in remark


def test_the_lens_holds_the_window(browser, pages):
    browser.get(pages["small"])
    standard = _stages(4, 4, 3, 3, 1, 2, np.random.default_rng(0))[2]
    slide(browser, 36 * 4 * 4 + 36 + 1)  # position (1, 1), output 1, tap (0, 0), input 0
    tables = browser.execute_script(
        "return [...document.querySelectorAll('.lens table')].filter((t) => t.checkVisibility())"
        ".map((t) => [...t.rows].map((r) => [...r.cells].map((c) => c.textContent)))"
    )
    x, w, products = tables
    np.testing.assert_array_equal([[number(v) for v in row] for row in x], standard.x[:3, :3, 0])
    np.testing.assert_array_equal([[number(v) for v in row] for row in w], standard.w[:, :, 0, 1])
    assert number(products[0][0]) == standard.x[0, 0, 0] * standard.w[0, 0, 0, 1]
    assert products[2][2] == "·"


# ---------------------------------------------------------------------------------------------------------------------
# Where it is shown


def test_nothing_is_loaded(browser, pages):
    browsers.requests(browser)
    browser.get(pages["usual"])
    press(browser, "right", "b", "end")
    assert browsers.requests(browser) == [pages["usual"]]


@pytest.mark.parametrize("page", ["usual", "layer", "mixing", "classes"])
@pytest.mark.parametrize("width", [320, 390, 768, 1024, 1600])
def test_no_page_is_wider_than_the_screen(browser, pages, page, width):
    look(browser, width)
    browser.get(pages[page])
    for keys in (("right",), ("end",), ("b", "end")):
        press(browser, *keys)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    numbers = browser.execute_script(
        "return [...document.querySelectorAll('.picture:not(.shaded) td, .controls button')]"
        ".filter((e) => e.checkVisibility()).map((e) => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(numbers) >= 8.9


def test_a_thumb_reaches_everything_on_a_phone(browser, pages):
    look(browser, 390, 844)
    browser.get(pages["usual"])
    boxes = browser.execute_script(
        "return [...document.querySelectorAll('button, .choice label')].filter((e) => e.checkVisibility())"
        ".map((e) => e.getBoundingClientRect()).map((b) => [b.width, b.height, b.left, b.right])"
    )
    assert all(width >= 40 and height >= 28 and left >= 0 and right <= 390 for width, height, left, right in boxes)
    height = browser.execute_script("return document.querySelector('.controls').getBoundingClientRect().height")
    assert height < 844 / 5


@pytest.mark.parametrize("step", [1, 5, 8])
def test_what_meets_is_in_sight_on_a_phone(browser, pages, step):
    """Eight channels are wider than the screen: the picture scrolls along, and y stays at its edge."""
    look(browser, 390, 844)
    browser.get(pages["mixing"])
    slide(browser, step)
    x, w, y = browser.execute_script(
        "return [...document.querySelectorAll('.picture .busy')].filter((e) => e.checkVisibility())"
        ".map((e) => e.getBoundingClientRect()).map((b) => [b.left, b.right])"
    )
    assert 0 <= x[0] <= w[0] < w[1] <= x[1] < y[0] < y[1] <= 390


CONTRAST = """
const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
const rgb = (colours) => {
  canvas.clearRect(0, 0, 1, 1);
  for (const c of colours) { canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1); }
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((v) => v / 255);
};
const luminance = (c) => c.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
  .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
const out = [];
for (const element of document.querySelectorAll("body *")) {
  const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  const style = getComputedStyle(element);
  if (!own || !element.checkVisibility() || style.fontSize === "0px") continue;
  if (element.matches(".none, script, .quiet")) continue;
  const behind = [];
  for (let e = element; e; e = e.parentElement) behind.unshift(getComputedStyle(e).backgroundColor);
  const [text, paper] = [rgb([...behind, style.color]), rgb(behind)].map(luminance).sort((a, b) => b - a);
  out.push([(text + 0.05) / (paper + 0.05), element.className + " " + element.textContent.slice(0, 20)]);
}
return out;
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("page", ["usual", "layer", "mixing", "classes"])
def test_letters_can_be_read(browser, pages, page, dark):
    """WCAG 2.1 AA asks for a contrast of 4.5."""
    look(browser, dark=dark)
    browser.get(pages[page])
    for keys, step in (((), 100), (("b",), 150)):
        press(browser, *keys)
        slide(browser, step)
        contrasts = browser.execute_script(CONTRAST)
        assert len(contrasts) > 50
        assert [entry for entry in contrasts if entry[0] < 4.5] == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_quantities_differ_without_colours(browser, pages, dark):
    """Each has its own line style, and each gradient is hatched; their lines stand out from the paper by 3 to 1."""
    look(browser, dark=dark)
    browser.get(pages["usual"])
    styles = browser.execute_script(
        "return Object.fromEntries(['x', 'w', 'd', 'y', 'z', 'p'].map((q) => [q, "
        "getComputedStyle(document.querySelector(`.grid.q-${q}`)).borderBottomStyle]))"
    )
    assert styles == dict(x="solid", w="dashed", d="dashed", y="double", z="dotted", p="dashed")
    hatched = browser.execute_script(
        "return [...document.querySelectorAll('.grid')].map((e) => "
        "[e.dataset.grid[0] === 'd', getComputedStyle(e).backgroundImage !== 'none'])"
    )
    assert all(gradient == hatch for gradient, hatch in hatched)
    for quantity in "xwyzp":
        colour, paper = browser.execute_script(
            "const s = getComputedStyle(document.documentElement);"
            "return [s.getPropertyValue(`--${arguments[0]}`), s.getPropertyValue('--paper')]",
            quantity,
        )
        assert _contrast(colour, paper) > 3


def _contrast(one, other):
    from matplotlib.colors import to_rgb

    def luminance(colour):
        rgb = np.array(to_rgb(colour.strip()))
        return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    bright, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_nothing_moves_by_itself_for_those_who_ask(browser, pages):
    durations = []
    for still in (False, True):
        look(browser, still=still)
        browser.get(pages["small"])
        durations.append(
            browser.execute_script("return getComputedStyle(document.querySelector('.bar')).transitionDuration")
        )
    assert durations == ["0.15s", "0s"]


def test_inside_a_notebook(browser, pages):
    """A frame that may run scripts but belongs to nobody; below it the tables."""
    browser.get(pages["notebook"])
    assert "All terms of y[0,1,1,0], written out" in browser.page_source
    browser.switch_to.frame(browser.find_element("tag name", "iframe"))
    assert done(browser) == (0, 1296)
    browser.find_element("tag name", "h1").click()  # a real click, which gives the frame the keys
    press(browser, "end")
    assert done(browser) == (1296, 1296)
    browser.switch_to.default_content()


def test_without_scripts(pages, tmp_path):
    browser = browsers.start(tmp_path / "profile", scripts=False)
    try:
        browser.get(pages["small"])
        source = browser.find_element("tag name", "body").text
        directions = [e.text for e in browser.find_elements("tag name", "h4")]
        for name in ("Standard convolution", "Grouped convolution", "Depthwise convolution", "Pointwise convolution"):
            assert name in source
        assert directions == ["Forward", "Backward"] * 4
        assert "13/36 = 1/4 + 1/9" in source
        shown = [e.is_displayed() for e in browser.find_elements("css selector", ".controls, .choices, .jump")]
        assert not any(shown)
        grids = browser.find_elements("css selector", "[data-grid]")
        assert len(grids) == 2 * (24 + 16 + 12 + 24)
        assert all(grid.is_displayed() for grid in grids[:30])
        folded = browser.find_element("css selector", "details")
        folded.find_element("tag name", "summary").click()
        assert folded.find_element("tag name", "table").is_displayed()
    finally:
        browser.quit()

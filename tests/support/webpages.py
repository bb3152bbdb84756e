"""What holds on every page of the course: nothing is loaded, no error, no broken link, nothing cut off."""

import re
from urllib.parse import unquote, urldefrag

import browsers

LINKS = "return [...document.querySelectorAll('a[href]')].map((a) => a.href)"
ANCHORS = "return [...document.querySelectorAll('[id]')].map((e) => e.id)"
WIDER = """
return [...document.querySelectorAll("main *")].filter((e) => {
  for (let p = e; p; p = p.parentElement) if (getComputedStyle(p).overflowX === "auto") return false;
  return e.checkVisibility() && e.getBoundingClientRect().right > arguments[0] + 1;
}).map((e) => e.outerHTML.slice(0, 200))
"""
WORDS = """
const text = document.querySelector("main").cloneNode(true);
text.querySelectorAll("pre, code, .output").forEach((e) => e.remove());
return text.textContent
"""
UNDONE = re.compile(r"\$[^$\n]+\$|\\[a-z]{3,}|\]\(|\*\*")  # LaTeX and Markdown that nothing became of


DESKTOP, PHONE = (1280, False), (390, True)  # light, dark


def look_at(browser, url, screens=(DESKTOP, PHONE)):
    """A page on a light desktop and on a dark phone.

    Returns
    -------
    links : list of str
    anchors : set of str
    """
    browsers.requests(browser)
    for width, dark in screens:
        browsers.look(browser, width=width, dark=dark)
        browser.get(url)
        assert browser.execute_script(WIDER, width) == [], f"{url} at {width}"
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width, url
    folder = re.sub(r"(source/)?[^/]*$", "", url)
    assert [asked for asked in browsers.requests(browser) if not asked.startswith(folder)] == []
    assert browser.get_log("browser") == [], url
    undone = UNDONE.search(browser.execute_script(WORDS))
    assert undone is None, f"{url}: {undone}"
    return browser.execute_script(LINKS), set(browser.execute_script(ANCHORS))


def walk(browser, index):
    """Look at all pages of a site, and follow the links between them; gives the names of the pages."""
    paths = sorted(index.parent.rglob("*.html"))
    seen = {}
    for path in paths:
        alike = path.parent.name == "source"  # of these there are many
        seen[path.as_uri()] = look_at(browser, path.as_uri(), (PHONE,) if alike else (DESKTOP, PHONE))
    for page, (links, _) in seen.items():
        for link in links:
            address, anchor = urldefrag(link)
            if address.startswith("file:"):
                assert address in seen, f"{page} links to {link}"
                assert not anchor or unquote(anchor) in seen[address][1], f"{page} links to {link}"
            else:
                assert address.startswith("https://"), f"{page} links to {link}"
    reached, waiting = set(), [index.as_uri()]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        waiting += {urldefrag(link)[0] for link in seen[page][0]} & seen.keys() - reached
    assert reached == seen.keys()
    return [path.name for path in paths]

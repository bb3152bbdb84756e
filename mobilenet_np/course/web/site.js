// The button for light and dark, and the search. PAGES comes from search.js: [title, [[heading, address], ...], address].
const root = document.body.dataset.root;

document.querySelector(".theme").addEventListener("click", () => {
  const style = document.documentElement.style;
  const now = style.colorScheme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  style.colorScheme = now === "dark" ? "light" : "dark";
  try { localStorage.setItem("theme", style.colorScheme); } catch { /* it holds for this page then */ }
});

const field = document.querySelector(".search input");
const list = document.querySelector(".hits");
const MOST = 12;

// Titles first, then headings; every word must be in it.
function find(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (line) => words.every((word) => line.toLowerCase().includes(word));
  if (!words.length) return [];
  const titles = PAGES.filter(([title]) => fits(title)).map(([title, , address]) => [title, "", address]);
  const headings = PAGES.flatMap(([title, inside]) =>
    inside.filter(([heading]) => fits(heading)).map(([heading, address]) => [heading, title, address]));
  return [...titles, ...headings].slice(0, MOST);
}

function show() {
  const hits = find(field.value);
  list.replaceChildren(...hits.map(([text, page, address]) => {
    const item = document.createElement("li"), link = document.createElement("a");
    link.href = root + address;
    link.textContent = text;
    if (page) {
      const where = document.createElement("small");
      where.textContent = page;
      link.append(where);
    }
    item.append(link);
    return item;
  }));
  if (field.value.trim() && !hits.length) {
    const nothing = document.createElement("li");
    nothing.className = "nothing";
    nothing.textContent = "nothing is called that";
    list.append(nothing);
  }
  list.hidden = !list.children.length;
}

field.addEventListener("input", show);
field.addEventListener("focus", show);
document.addEventListener("click", (event) => {
  if (!event.target.closest(".search") || event.target.closest(".hits a")) list.hidden = true;
});
document.querySelector(".search").addEventListener("keydown", (event) => {
  const links = [...list.querySelectorAll("a")];
  const at = links.indexOf(document.activeElement);
  if (event.key === "Escape") {
    list.hidden = true;
    field.focus();
    list.hidden = true;
  } else if (event.key === "ArrowDown" && links.length) {
    links[Math.min(at + 1, links.length - 1)].focus();
    event.preventDefault();
  } else if (event.key === "ArrowUp" && at >= 0) {
    (links[at - 1] ?? field).focus();
    event.preventDefault();
  } else if (event.key === "Enter" && at < 0 && links.length) {
    links[0].click();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.closest("input, textarea, select")) {
    field.focus();
    event.preventDefault();
  }
});

// Where we are, and how to get somewhere else.

const data = JSON.parse(find("#data").textContent);
const ways = Object.fromEntries(Object.entries(data.ways).map(([key, stages]) => [key, stages.map((s) => new Stage(s))]));
const drawings = {};
const slider = find(".slider");
const PAUSE = 450;  // milliseconds between two steps of the play
let way = Object.keys(ways)[0], direction = "forward", by = "tap", done = 0, timer = 0;

function drawing(n) {
  const key = `${way}:${n}:${direction}`;
  return (drawings[key] ??= new Drawing(ways[way][n], way, n, direction === "backward"));
}

// The stages in the order in which they run, each with the products before it.
function schedule() {
  const numbers = ways[way].map((_, n) => n);
  if (direction === "backward") numbers.reverse();
  let start = 0;
  return numbers.map((n) => {
    const entry = { n, start, length: ways[way][n].length };
    start += entry.length;
    return entry;
  });
}
const total = () => ways[way].reduce((sum, stage) => sum + stage.length, 0);

function render() {
  for (const element of all(".way")) element.hidden = element.dataset.way !== way;
  for (const element of all(".pass")) element.hidden = element.dataset.pass !== direction;
  const entries = schedule();
  const here = entries.findLast(({ start }) => start < done) ?? entries[0];
  let handed = null;
  for (const { n, start, length } of entries) {
    const picture = drawing(n);
    const steps = Math.max(0, Math.min(done - start, length));
    const after = ways[way][n].sums(steps);
    const active = n === here.n;
    picture.section.classList.toggle("waiting", !active);
    find(".progress", picture.section).textContent = `${grouped(steps)} of ${grouped(length)}`;
    picture.fill(after, handed);
    picture.light(active ? steps - 1 : -1);
    if (active) {
      picture.formula(steps - 1);
      picture.lens(steps - 1, after);
      picture.code(steps - 1);
      find(".lens", picture.root).after(find(".counts"));
    }
    handed = after;
  }
  count();
  slider.max = total();
  slider.value = done;
  slider.setAttribute("aria-valuetext", `product ${done} of ${total()}`);
  find(".where").textContent = `${grouped(done)} of ${grouped(total())}`;
  if (!timer) find("[role=status]").textContent = find(".now", drawing(here.n).root).textContent;
}

// Both ways, after as many products each as the one that is drawn.
function count() {
  const each = direction === "forward" ? 1 : 2;  // dy · w and dy · x
  const reached = data.runners.map((runner) => Math.min(done, runner.total));
  all(".runner").forEach((element, n) => {
    const { total, before, tapsANumber } = data.runners[n];
    const numbers = Math.max(0, Math.floor((reached[n] - before) / tapsANumber));
    const outputs = `, ${grouped(numbers)} of ${grouped((total - before) / tapsANumber)} outputs`;
    element.style.setProperty("--done", reached[n] / total);
    find(".count", element).textContent =
      `${grouped(reached[n] * each)} of ${grouped(total * each)}${direction === "forward" ? outputs : ""}`;
  });
  const [standard, rival] = reached;
  const ratio = standard
    ? ` Ratio ${grouped(rival * each)} / ${grouped(standard * each)} = ${(rival / standard).toFixed(3)}.` : "";
  const finished = data.runners.filter(({ total }) => done >= total).map(({ title }) => title);
  find(".running").textContent =
    `Both multiply once a tick.${ratio}${finished.length ? ` Finished: ${finished.join(", ")}.` : ""}`;
}

// ---- Moving

// The next place forward (1) or back (-1) where a tap, a number or a position is finished.
function move(step) {
  const stops = schedule().flatMap(({ n, start, length }) =>
    Array.from({ length }, (_, k) => k).filter((k) => ways[way][n].finishes(by, k)).map((k) => start + k + 1));
  done = step > 0 ? stops.find((stop) => stop > done) ?? total() : stops.findLast((stop) => stop < done) ?? 0;
  render();
}

function label(playing) {
  const button = find('[data-do="play"]');
  button.textContent = playing ? "❚❚ Pause" : "▶\uFE0E Play";
  button.setAttribute("aria-label", playing ? "Pause" : "Play");
}

function stop() {
  clearInterval(timer);
  timer = 0;
  label(false);
}

function go(to) {
  stop();
  done = to;
  render();
}

function play() {
  if (done === total()) done = 0;
  timer = setInterval(() => {
    move(1);
    if (done === total()) go(done);
  }, PAUSE);
  label(true);
  move(1);
}

const choose = (name, value) => { find(`input[name="${name}"][value="${value}"]`).checked = true; };
const actions = {
  first: () => go(0),
  last: () => go(total()),
  next: () => { stop(); move(1); },
  previous: () => { stop(); move(-1); },
  play: () => (timer ? go(done) : play()),
  jump: (button) => {
    const n = Number(button.closest("[data-stage]").dataset.stage);
    go(schedule().find((entry) => entry.n === n).start + 1);
  },
  way: (to) => { way = to; go(0); },
  direction: (to) => { direction = to; choose("direction", to); go(0); },
  by: (to) => { by = to; choose("by", to); },
};

const KEYS = {
  ArrowRight: ["next"], ArrowLeft: ["previous"], Home: ["first"], End: ["last"], " ": ["play"],
  f: ["direction", "forward"], b: ["direction", "backward"],
  1: ["by", "tap"], 2: ["by", "number"], 3: ["by", "position"],
};

// Keys that mean something else where the focus is: space presses a button, arrows scroll a box that is too narrow.
function taken(key, target) {
  if (key === " ") return target.matches("button, summary, input[type=radio]:not(:checked)");
  return key.startsWith("Arrow") && target.matches(".scroll, pre") && target.scrollWidth > target.clientWidth;
}

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[key] || taken(key, target)) return;
  event.preventDefault();
  const [action, value] = KEYS[key];
  actions[action](value);
});
document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-do]");
  if (button) actions[button.dataset.do](button);
});
document.addEventListener("change", ({ target }) => actions[target.name]?.(target.value));
document.addEventListener("mouseover", ({ target }) => {  // the number in a cell that is only shaded
  if (target.matches(".shaded td")) target.title = target.textContent;
});
slider.addEventListener("input", () => go(Number(slider.value)));

document.documentElement.classList.add("live");
render();

// Draws one stage, in one direction, after so many of its products.

const find = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const NOTHING = "Nothing is multiplied yet. Step with →, or play.";

class Drawing {
  constructor(stage, way, n, backward) {
    this.stage = stage;
    this.backward = backward;
    this.d = backward ? "d" : "";
    this.section = find(`[data-way="${way}"] [data-stage="${n}"]`);
    this.root = find(`[data-pass="${backward ? "backward" : "forward"}"]`, this.section);
    this.grids = Object.fromEntries(all("[data-grid]", this.root).map((grid) => [grid.dataset.grid, grid]));
    this.lit = [];
  }

  // ---- The picture

  write(name, sums, limit) {
    for (const [key, grid] of Object.entries(this.grids)) {
      if (!key.startsWith(`${name}:`)) continue;
      for (const row of grid.rows) {
        for (const cell of row.cells) {
          const value = sums.get(`${row.rowIndex},${cell.cellIndex},${key.slice(name.length + 1)}`);
          const shown = text(value);
          if (cell.textContent === shown) continue;
          cell.textContent = shown;
          cell.classList.toggle("neg", value < 0);
          cell.style.setProperty("--m", value ? Math.min(1, Math.abs(value) / limit).toFixed(2) : 0);
        }
      }
    }
  }

  // The sums so far, and what the stage before has handed on, if there is one.
  fill(after, handed) {
    for (const name of this.backward ? ["dx", "dw"] : ["y"]) this.write(name, after[name], this.stage.limits[name]);
    if (handed) this.write(this.backward ? "dy" : "x", this.backward ? handed.dx : handed.y, 1);
  }

  cell(role, k) {
    const pad = role === "x" && !this.backward ? [this.stage.top, this.stage.left] : [0, 0];  // dx is drawn without
    const [row, column] = this.stage.at(role, k);
    return this.grid(role, k).rows[row + pad[0]]?.cells[column + pad[1]];
  }

  grid(role, k) {
    return this.grids[`${this.d}${role}:${this.stage.cell(role, k).split(",")[2]}`];
  }

  // Light the cells that tap k multiplies, and all that its output number looks at.
  light(k) {
    for (const [element, name] of this.lit.splice(0)) element.classList.remove(name);
    if (k < 0) return;
    const add = (element, name) => {
      if (!element) return;  // a padding zero has no cell in dx
      element.classList.add(name);
      this.lit.push([element, name]);
    };
    for (const m of this.stage.neighbours(k)) for (const role of "xw") add(this.cell(role, m), "window");
    for (const role of "xwy") {
      add(this.cell(role, k), "tap");
      add(this.grid(role, k), "busy");
    }
    const [box, kernel] = [find(".scroll", this.root), this.grid("w", k)];
    box.scrollLeft = Math.max(0, kernel.offsetLeft - box.offsetLeft - box.clientWidth / 2);  // keep it in sight
  }

  // ---- Formula and code

  colour(role, content, d = "") {
    return `<b class="q q-${this.stage.names[role]}${d && " gradient"}">${content}</b>`;
  }

  name(role, k, d = "") {
    const padding = role === "x" && !this.stage.inside(k);
    return this.colour(role, padding ? "padding" : this.stage.element(role, k, d), d);
  }

  number(name, k) {
    const value = this.stage.value(name, k);
    return this.colour(name.slice(-1), value < 0 ? `(${text(value)})` : text(value), name.slice(0, -1));
  }

  // y[...] += x[...] · w[...]  and below it the same in numbers
  addition(sum, left, right, k, before) {
    const [role, d] = [sum.slice(-1), sum.slice(0, -1)];
    const names = [left, right].map((name) => this.name(name.slice(-1), k, name.slice(0, -1)));
    const start = before[sum].get(this.stage.cell(role, k)) ?? 0;
    const end = this.colour(role, text(this.stage.taps[sum][k]), d);
    return `<p>${this.name(role, k, d)} += ${names.join(" · ")}</p>`
      + `<p class="sum">= ${text(start)} + ${this.number(left, k)} · ${this.number(right, k)} = ${end}</p>`;
  }

  formula(k) {
    const root = find(".now", this.root);
    if (k < 0) {
      root.innerHTML = `<p class="remark">${NOTHING}</p>`;
      return;
    }
    const before = this.stage.sums(k);
    const lines = !this.backward ? [this.addition("y", "x", "w", k, before)]
      : [this.stage.inside(k) ? this.addition("dx", "dy", "w", k, before) : "", this.addition("dw", "dy", "x", k, before)];
    root.innerHTML = `${lines.join("")}<p class="remark">${this.remark(k)}</p>`;
  }

  remark(k) {
    const stage = this.stage;
    const words = [`Tap ${(k % stage.tapsANumber) + 1} of ${stage.tapsANumber} of this output number.`];
    if (!stage.inside(k)) {
      words.push(this.backward ? "x is a padding zero: nothing goes into dw, and no pixel is there to take a gradient."
        : "x is a padding zero: the definition skips it, the papers count it.");
    }
    for (const name of this.backward ? ["dx", "dw"] : ["y"]) {
      if (!stage.whole[name] || (name === "dx" && !stage.inside(k))) continue;
      const element = stage.element(name.slice(-1), k, name.slice(0, -1));
      words.push(`In the whole layer ${element} is ${text(stage.value(name, k, stage.whole))}.`);
    }
    return words.join(" ");
  }

  code(k) {
    const stage = this.stage;
    const runs = k < 0 ? [] : stage.inside(k) ? ["y", "dx", "dw"] : ["if"];
    for (const line of all(".line", this.root)) line.classList.toggle("runs", runs.includes(line.dataset.runs));
    const variables = stage.index.x.includes("r") ? [...stage.variables, ["r", "r"], ["s", "s"]] : stage.variables;
    find(".variables", this.root).textContent =
      k < 0 ? "" : variables.map(([name, letter]) => `${name}=${text(stage.letter(letter, k))}`).join("  ");
  }

  // ---- The window and the kernel of this tap, large; of a 1x1 kernel the channels, side by side

  lens(k, after) {
    const stage = this.stage;
    const root = find(".lens", this.root);
    if (k < 0) {
      root.innerHTML = "";
      return;
    }
    const flat = stage.kernel[0] * stage.kernel[1] === 1;
    const mine = stage.neighbours(k).filter((m) => flat || stage.taps.c[m] === stage.taps.c[k]);
    const table = (name, value, title = name.slice(0, -1) + stage.names[name.slice(-1)]) => {
      const cells = mine.map((m) => {
        const kind = [m === k && "tap", m > k && "todo", name === "x" && !stage.inside(m) && "padding"];
        return `<td class="${kind.filter(Boolean).join(" ")}">${text(brief(value(m)))}</td>`;
      });
      const width = flat ? mine.length : stage.kernel[1];
      const rows = [];
      while (cells.length) rows.push(`<tr>${flat ? `<th>${title}</th>` : ""}${cells.splice(0, width).join("")}</tr>`);
      const kind = name && `q-${stage.names[name.slice(-1)]}${name.length > 1 ? " gradient" : ""}`;
      return `<table class="grid ${kind}">${flat ? "" : `<caption>${title}</caption>`}${rows.join("")}</table>`;
    };
    const brief = (v) => (Number.isFinite(v) ? Number(v.toPrecision(3)) : v);
    const sign = (s) => `<span class="sign">${s}</span>`;
    const sum = (name) => (m) => after[name].get(stage.cell(name.slice(-1), m)) ?? (stage.inside(m) ? 0 : "·");
    const subscript = flat ? "" : `<sub>${stage.letter("c", k)}</sub>`;
    const x = table("x", (m) => stage.value("x", m), `${stage.names.x}${subscript}`);
    const w = table("w", (m) => stage.value("w", m));
    root.classList.toggle("flat", flat);
    if (!this.backward) {
      const products = table("", (m) => (m <= k ? stage.taps.xw[m] : "·"), "products");
      root.innerHTML = x + sign("·") + w + sign("=") + products;
      return;
    }
    const dy = this.colour("y", `${stage.element("y", k, "d")} = ${text(stage.value("dy", k))}`, "d");
    const times = `<span>${sign("+=")} ${dy} ${sign("·")}</span>`;
    root.innerHTML = `<div class="row">${table("dx", sum("dx"))}${times}${w}</div>`
      + `<div class="row">${table("dw", sum("dw"))}${times}${x}</div>`;
  }
}

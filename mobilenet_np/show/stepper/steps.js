// What Python recorded: every product, in the order of the definition. Nothing is computed here, only looked up.

const text = (v) => (v === null || v === undefined ? "" : String(v).replaceAll("-", "−"));
const grouped = (v) => v.toLocaleString("en-US");

class Stage {
  constructor(recorded) {
    Object.assign(this, recorded);
    this.length = this.taps.i.length;
  }

  inside(k) { return Boolean(this.taps.inside[k]); }

  // A letter of an index at tap k: what the whole layer calls it.
  letter(name, k) {
    const t = this.taps;
    if (name === "n") return this.origin.n;
    if ("ijrs".includes(name)) return t[name][k] + this.origin[name];
    if ("ab".includes(name)) return t[name][k];
    if (name === "o") return this.outputs[t.o[k]];
    if (name === "q" && this.groups > 1) return t.c[k] % this.share;
    return this.inputs[t.c[k]];
  }

  // y[0,1,2,3], or with d = "d" dy[0,1,2,3]
  element(role, k, d = "") {
    return `${d}${this.names[role]}[${this.index[role].map((name) => text(this.letter(name, k))).join(",")}]`;
  }

  // Where tap k finds its element of x, w or y in what is drawn.
  at(role, k) {
    const t = this.taps;
    if (role === "x") return [t.r[k], t.s[k], t.c[k]];
    if (role === "w") return [t.a[k], t.b[k], t.c[k] % this.share, t.o[k]];
    return [t.i[k], t.j[k], t.o[k]];
  }

  // The element that tap k takes from an array: "x", "w" or "dy", or of the whole layer "y", "dx" or "dw".
  value(name, k, arrays = this) {
    if (name === "x" && !this.inside(k)) return 0;
    return this.at(name.slice(-1), k).reduce((array, index) => array[index], arrays[name]);
  }

  // The name of a sum's cell: row, column and channels of the small table that it stands in.
  cell(role, k) {
    const t = this.taps;
    if (role === "x") return `${t.r[k]},${t.s[k]},${t.c[k]}`;
    if (role === "w") return `${t.a[k]},${t.b[k]},${t.c[k]}:${t.o[k]}`;
    return `${t.i[k]},${t.j[k]},${t.o[k]}`;
  }

  // All sums after so many products; what no product has reached yet is missing.
  sums(steps) {
    const after = { y: new Map(), dx: new Map(), dw: new Map() };
    for (let k = 0; k < steps; k++) {
      if (!this.inside(k)) continue;
      for (const [name, sum] of Object.entries(after)) sum.set(this.cell(name.slice(-1), k), this.taps[name][k]);
    }
    return after;
  }

  // The taps of the output number that tap k belongs to.
  neighbours(k) {
    const first = k - (k % this.tapsANumber);
    return Array.from({ length: this.tapsANumber }, (_, m) => first + m);
  }

  // Whether something is finished with tap k: every "tap", an output "number", a "position".
  finishes(by, k) {
    const t = this.taps;
    if (by === "tap" || k + 1 === this.length) return true;
    const moved = t.i[k + 1] !== t.i[k] || t.j[k + 1] !== t.j[k];
    return moved || (by === "number" && t.o[k + 1] !== t.o[k]);
  }
}

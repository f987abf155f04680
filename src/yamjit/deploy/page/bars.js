/** The classes with the highest scores, as bars. */

/** How many there are, and what is left of a score that has passed when another one comes. */
const [SHOWN, KEPT] = [8, 0.8];

/** A score below this gets no bar. */
const LEAST = 0.02;

export class Bars {
  #list;
  #rows = new Map();
  #recent; // of each class, what orders the bars

  constructor(list) {
    this.#list = list;
  }

  reset() {
    this.#recent = null;
    this.#rows.clear();
    this.#list.replaceChildren();
  }

  /** Show scores of all classes, `{shown}`, those that are wanted. */
  show(classes, scores, isWanted, threshold) {
    this.#recent = Float32Array.from(scores, (score, i) => Math.max(score, (this.#recent?.[i] ?? 0) * KEPT));
    const order = classes
      .map((one, i) => ({ ...one, i }))
      .filter((one) => this.#recent[one.i] >= LEAST && isWanted(one))
      .sort((a, b) => this.#recent[b.i] - this.#recent[a.i] || a.i - b.i)
      .slice(0, SHOWN);
    this.#list.style.setProperty("--threshold", threshold);
    const kept = new Map(order.map(({ i, shown }) => [i, this.#rows.get(i) ?? makeRow(shown)]));
    this.#rows = kept;
    for (const { i, shown } of order) {
      const { row, name, value } = kept.get(i);
      name.textContent = shown;
      value.textContent = scores[i].toFixed(2);
      row.style.setProperty("--score", scores[i]);
      row.classList.toggle("reached", scores[i] >= threshold);
    }
    const rows = [...kept.values()].map(({ row }) => row);
    if (rows.some((row, i) => this.#list.children[i] !== row) || this.#list.children.length !== rows.length) {
      this.#list.replaceChildren(...rows);
    }
  }
}

/** Return a row of a class and a bar. */
export function makeRow(shown) {
  const row = document.createElement("li");
  const [name, bar, value] = ["span", "i", "b"].map((kind) => document.createElement(kind));
  name.textContent = shown;
  bar.ariaHidden = "true";
  row.append(name, value, bar);
  return { row, name, value };
}

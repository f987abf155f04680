/** Events of the last seconds, a line for each class, below the spectrogram. */
import { MARGIN, cleared, secondsShown } from "./canvas.js";
import { classColour, styled } from "./colours.js";

const [LINE, BAR] = [26, 18];

/** Classes that are shown at a time. */
export const LINES = 5;

export class Timeline {
  #canvas;
  #lines = []; // names of classes, from above
  #colours = new Map();

  constructor(canvas) {
    this.#canvas = canvas;
  }

  reset() {
    this.#lines = [];
  }

  /** Draw events `{start, end, score, shown}` until a time; those that `isOpen` go on. */
  draw(events, time) {
    const { context, width, height } = cleared(this.#canvas);
    const [right, seconds] = [width - MARGIN, secondsShown(this.#canvas)];
    const x = (at) => right - ((time - at) / seconds) * right;
    const visible = events.filter(({ end, isOpen }) => isOpen || end > time - seconds);
    this.#place(visible);
    this.#drawClock(context, time, seconds, x, height);
    for (const event of visible) {
      const line = this.#lines.indexOf(event.shown);
      if (line < 0) continue;
      const [left, end] = [Math.max(x(event.start), -8), Math.min(x(event.isOpen ? Math.max(event.end, time) : event.end), right)];
      const top = line * LINE + 4;
      context.fillStyle = this.#colour(event.shown);
      context.beginPath();
      context.roundRect(left, top, Math.max(3, end - left), BAR, 4);
      context.fill();
    }
    // Names lie over all bars of their line, at the first one that is to be seen.
    context.textBaseline = "middle";
    context.font = context.font.replace("11px", "600 12px");
    context.lineWidth = 4;
    context.lineJoin = "round";
    context.strokeStyle = styled("--card");
    this.#lines.forEach((shown, line) => {
      const first = visible.filter((event) => event.shown === shown).at(-1);
      if (!first) return;
      const left = Math.min(Math.max(x(first.start), 0) + 7, right - context.measureText(shown).width - 4);
      context.fillStyle = styled("--ink");
      context.strokeText(shown, Math.max(4, left), line * LINE + 4 + BAR / 2);
      context.fillText(shown, Math.max(4, left), line * LINE + 4 + BAR / 2);
    });
  }

  /** Keep each class in its line while it is to be seen; new ones take lines that are free. */
  #place(visible) {
    const seen = new Set(visible.map(({ shown }) => shown));
    this.#lines = this.#lines.map((shown) => (seen.has(shown) ? shown : ""));
    const waiting = [...seen].filter((shown) => !this.#lines.includes(shown));
    for (let line = 0; line < LINES && waiting.length; line++) this.#lines[line] ||= waiting.shift();
  }

  #drawClock(context, time, seconds, x, height) {
    context.fillStyle = styled("--dim");
    context.textBaseline = "alphabetic";
    for (let at = Math.max(0, Math.ceil((time - seconds) / 5) * 5); at <= time; at += 5) {
      const text = clock(at);
      const left = x(at) - context.measureText(text).width / 2;
      context.fillRect(Math.round(x(at)), LINES * LINE + 5, 1, 4);
      if (left >= 0) context.fillText(text, left, height - 3);
    }
  }

  #colour(shown) {
    if (!this.#colours.has(shown)) this.#colours.set(shown, this.#colours.size);
    return classColour(this.#colours.get(shown));
  }
}

/** Return a time as minutes and seconds, with decimals if wanted. */
export function clock(time, digits = 0) {
  const minutes = Math.floor(time / 60);
  const seconds = (Math.floor(time * 10 ** digits) / 10 ** digits - 60 * minutes).toFixed(digits);
  return `${minutes}:${seconds.padStart(digits ? digits + 3 : 2, "0")}`;
}

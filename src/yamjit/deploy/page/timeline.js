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
    const bars = visible.filter(({ shown }) => this.#lines.includes(shown)).map((event) => {
      const end = event.isOpen ? Math.max(event.end, time) : event.end;
      const left = Math.max(x(event.start), 0);
      return { ...event, left, length: Math.max(3, Math.min(x(end), right) - left), top: this.#lines.indexOf(event.shown) * LINE + 4 };
    });
    for (const { shown, left, length, top } of bars) {
      context.fillStyle = this.#colour(shown);
      context.beginPath();
      context.roundRect(left, top, length, BAR, 4);
      context.fill();
    }
    context.textBaseline = "middle";
    context.font = context.font.replace("11px", "600 12px");
    for (const shown of this.#lines) drawName(context, bars.filter((bar) => bar.shown === shown), shown, right);
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

/** Draw the name of a line: in its longest bar, or beside its last one, where there is room. */
function drawName(context, bars, shown, right) {
  if (!bars.length) return;
  const width = context.measureText(shown).width;
  const longest = bars.reduce((a, b) => (b.length > a.length ? b : a));
  const last = bars.at(-1);
  const isInside = longest.length >= width + 12;
  const beside = last.left + last.length + 6;
  context.fillStyle = styled(isInside ? "--card" : "--ink");
  const left = isInside ? longest.left + 6 : beside + width <= right ? beside : Math.max(0, bars[0].left - width - 6);
  context.fillText(shown, left, last.top + BAR / 2 + 0.5);
}

/** Return a time as minutes and seconds, with decimals if wanted. */
export function clock(time, digits = 0) {
  const minutes = Math.floor(time / 60);
  const seconds = (Math.floor(time * 10 ** digits) / 10 ** digits - 60 * minutes).toFixed(digits);
  return `${minutes}:${seconds.padStart(digits ? digits + 3 : 2, "0")}`;
}

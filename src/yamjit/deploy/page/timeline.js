/** Events of the last seconds, a line for each class, below the spectrogram. */
import { MARGIN, cleared, secondsShown } from "./canvas.js";
import { classColour, styled } from "./colours.js";

const [LINE, BAR] = [26, 18];

/** Classes that are shown at a time. */
const LINES = 6;

export class Timeline {
  #canvas;
  #lines = []; // names of classes, from above

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
      const line = this.#lines.indexOf(event.shown);
      const end = event.isOpen ? Math.max(event.end, time) : event.end;
      const left = Math.max(x(event.start), 0);
      return { ...event, left, length: Math.max(3, Math.min(x(end), right) - left), line, top: line * LINE + 4 };
    });
    for (const { line, left, length, top } of bars) {
      context.fillStyle = classColour(line);
      context.beginPath();
      context.roundRect(left, top, length, BAR, 4);
      context.fill();
    }
    context.textBaseline = "middle";
    context.font = context.font.replace("11px", "600 12px");
    for (const shown of this.#lines.filter(Boolean)) drawName(context, bars.filter((bar) => bar.shown === shown), shown, right);
  }

  /** Keep each class in its line while it is to be seen; of too many, those that were heard last. */
  #place(visible) {
    const heard = new Map();
    for (const { shown, end, isOpen } of visible) heard.set(shown, Math.max(heard.get(shown) ?? 0, isOpen ? Infinity : end));
    const latest = [...heard.keys()].sort((a, b) => heard.get(b) - heard.get(a) || 0).slice(0, LINES);
    this.#lines = Array.from({ length: LINES }, (_, line) => (latest.includes(this.#lines[line]) ? this.#lines[line] : ""));
    const waiting = latest.filter((shown) => !this.#lines.includes(shown));
    this.#lines = this.#lines.map((shown) => shown || waiting.shift() || "");
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

/** The log-mel frames of the last seconds, over time, with frequencies beside them. */
import { MARGIN, cleared, secondsShown } from "./canvas.js";
import { ramp, styled, whenColoursChange } from "./colours.js";

/** Columns that are kept, and how long each is, in seconds. */
const [COLUMNS, LENGTH] = [4_096, 0.01];

/** Natural logarithms between quiet and loud. */
const RANGE = 7.5;

/** The loudest value is at least this, so that a silent room does not look loud; and how much it falls with each column. */
const [LEAST_PEAK, FALL] = [-0.5, 0.002];

const TICKS = [250, 500, 1_000, 2_000, 4_000, 8_000];

export class Spectrogram {
  #canvas;
  #hz;
  #rows;
  #frame;
  #kept = document.createElement("canvas");
  #values;
  #ramp = ramp();
  #count = 0; // of columns so far
  #peak = LEAST_PEAK;

  /** @param facts `bandHz`, the centre of each band, empty where frames are samples; `frameHop`, in seconds. */
  constructor(canvas, { bandHz, frameHop }) {
    this.#canvas = canvas;
    this.#hz = bandHz;
    this.#rows = bandHz.length || 64;
    if (!bandHz.length) canvas.ariaLabel = "Waveform of the last seconds";
    this.#frame = bandHz.length ? 1 : Math.max(1, Math.round(LENGTH / frameHop));
    this.length = this.#frame * frameHop;
    Object.assign(this.#kept, { width: COLUMNS, height: this.#rows });
    this.#values = new Uint8Array(COLUMNS * this.#rows);
    whenColoursChange(() => this.#paintAgain());
  }

  /** Forget everything, and begin at time 0. */
  reset() {
    this.#count = 0;
    this.#peak = LEAST_PEAK;
  }

  /** Take the patch of a window that ends at a time: those of its frames that are new. */
  add(patch, end) {
    const size = (this.#hz.length || 1) * this.#frame;
    const total = Math.round(end / this.length);
    const count = Math.max(0, Math.min(total - this.#count, Math.floor(patch.length / size), COLUMNS));
    for (let i = count; i > 0; i--) this.#column(total - i, patch.subarray(patch.length - i * size, patch.length - (i - 1) * size));
    if (count) this.#paint(total - count, count);
    this.#count = total;
  }

  #column(number, frame) {
    const at = (number % COLUMNS) * this.#rows;
    if (!this.#hz.length) return this.#envelope(at, frame);
    this.#peak = Math.max(this.#peak - FALL, LEAST_PEAK, ...frame);
    for (let band = 0; band < this.#rows; band++) {
      const value = (frame[band] - this.#peak) / RANGE + 1;
      this.#values[at + this.#rows - 1 - band] = 255 * Math.min(1, Math.max(0, value));
    }
  }

  /** Draw samples from the lowest to the highest. */
  #envelope(at, samples) {
    const row = (sample) => Math.round((0.5 - Math.min(1, Math.max(-1, sample)) / 2) * (this.#rows - 1));
    const [top, bottom] = [row(Math.max(...samples)), row(Math.min(...samples))];
    this.#values.fill(0, at, at + this.#rows).fill(170, at + top, at + bottom + 1);
  }

  #paint(first, count) {
    const context = this.#kept.getContext("2d");
    const image = context.createImageData(1, this.#rows);
    for (let number = first; number < first + count; number++) {
      const at = (number % COLUMNS) * this.#rows;
      for (let row = 0; row < this.#rows; row++) {
        const value = 3 * this.#values[at + row];
        image.data.set([this.#ramp[value], this.#ramp[value + 1], this.#ramp[value + 2], 255], 4 * row);
      }
      context.putImageData(image, number % COLUMNS, 0);
    }
  }

  #paintAgain() {
    this.#ramp = ramp();
    const count = Math.min(this.#count, COLUMNS);
    this.#paint(this.#count - count, count);
  }

  /** Draw what was heard until a time. */
  draw(time) {
    const { context, width, height } = cleared(this.#canvas);
    const [right, seconds] = [width - MARGIN, secondsShown(this.#canvas)];
    context.fillStyle = `rgb(${this.#ramp.slice(0, 3).join(" ")})`;
    context.fillRect(0, 0, right, height);
    const perColumn = (right / seconds) * this.length;
    const last = time / this.length;
    const first = Math.max(0, last - seconds / this.length, this.#count - COLUMNS + 1);
    for (let from = first; from < last; ) {
      const to = Math.min(last, (Math.floor(from / COLUMNS) + 1) * COLUMNS);
      const place = [right - (last - from) * perColumn, 0, (to - from) * perColumn, height];
      context.drawImage(this.#kept, from % COLUMNS, 0, to - from, this.#rows, ...place);
      from = to;
    }
    this.#drawAxis(context, right, height);
  }

  #drawAxis(context, right, height) {
    context.fillStyle = context.strokeStyle = styled("--dim");
    context.textBaseline = "middle";
    for (const hz of this.#hz.length ? TICKS : []) {
      const above = this.#hz.findIndex((centre) => centre >= hz);
      if (above < 1) continue;
      const [low, high] = [this.#hz[above - 1], this.#hz[above]];
      const band = above - 1 + (hz - low) / (high - low);
      const y = height * (1 - (band + 0.5) / this.#rows);
      context.fillRect(right, Math.round(y), 4, 1);
      context.fillText(hz < 1_000 ? `${hz}` : `${hz / 1_000} k`, right + 8, y);
    }
    if (this.#hz.length) context.fillText("Hz", right + 8, 8);
  }
}

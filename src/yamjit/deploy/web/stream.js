/** Blocks of samples of any size in, scores of windows out: those of the whole, whatever the blocks. */
import { YamjitError, checkNumber, checkOptions } from "./errors.js";
import { Resampler } from "./resample.js";
import { checkRate, checkSamples, toFloat32 } from "./samples.js";

/** Names of the options of a stream. */
export const STREAM_OPTIONS = ["sampleRate", "hop", "level", "embedding", "logMel"];

/** Time from one window to the next, in seconds, where none is given. */
const HOP = 0.48;

/** The lowest level that is reported, in dBFS: digital silence has no logarithm. */
const SILENCE = -120;

export class Stream {
  #machine;
  #rate;
  #resampler;
  #hop; // in samples
  #wanted;
  #samples; // of the next window, of which #held are there
  #held = 0;
  #skipped = 0; // samples to come before it
  #patch; // of the latest window
  #taken = 0; // samples that were pushed, and those that they became
  #pushed = 0;
  #done = 0; // windows so far
  #ended = false;

  constructor(machine, options = {}) {
    checkOptions(options, STREAM_OPTIONS);
    const { SAMPLE_RATE, WINDOW, FRAMES, BANDS } = machine.header;
    if (!WINDOW) throw new YamjitError("the model takes log-mel patches, not samples");
    this.#machine = machine;
    this.#rate = checkRate(options.sampleRate ?? SAMPLE_RATE);
    this.#resampler = new Resampler(this.#rate, SAMPLE_RATE);
    this.#hop = samplesOf(options.hop, machine.header);
    this.#wanted = options;
    this.#samples = new Float32Array(WINDOW);
    this.#patch = new Float32Array(FRAMES * BANDS);
  }

  /** Time from one window to the next, in seconds: a whole number of samples. */
  get hop() {
    return this.#hop / this.#machine.header.SAMPLE_RATE;
  }

  /** Length of what was pushed so far, in seconds. */
  get duration() {
    return this.#taken / this.#rate;
  }

  /** Take a block, see `samples.js`, and return the windows that it completes. */
  push(block) {
    this.#refuseEnded();
    const samples = toFloat32(block);
    checkSamples(samples, this.#taken, this.#rate);
    this.#taken += samples.length;
    return this.#add(this.#resampler.push(samples));
  }

  /** End the stream, and return the windows that are left, the last one padded with zeros. */
  flush() {
    this.#refuseEnded();
    const windows = this.#add(this.#resampler.flush());
    this.#ended = true;
    for (const total = countWindows(this.#pushed, this.#samples.length, this.#hop); this.#done < total; ) {
      this.#samples.fill(0, this.#held);
      windows.push(this.#run());
    }
    return windows;
  }

  #refuseEnded() {
    if (this.#ended) throw new YamjitError("the stream has ended; a new one begins at time 0");
  }

  #add(samples) {
    const windows = [];
    this.#pushed += samples.length;
    for (let at = 0; at < samples.length; ) {
      const passed = Math.min(samples.length - at, this.#skipped);
      const part = samples.subarray(at + passed, at + passed + this.#samples.length - this.#held);
      this.#samples.set(part, this.#held);
      this.#skipped -= passed;
      this.#held += part.length;
      at += passed + part.length;
      if (this.#held === this.#samples.length) windows.push(this.#run());
    }
    return windows;
  }

  /** Run the window that is complete; the next one shares samples with it, and frames if the hop is a number of them. */
  #run() {
    const { HOP: frameHop, FRAMES, BANDS, SAMPLE_RATE } = this.#machine.header;
    const moved = this.#hop / frameHop;
    const kept = this.#done && Number.isInteger(moved) ? Math.max(0, FRAMES - moved) : 0;
    if (kept) this.#patch.copyWithin(0, moved * BANDS);
    this.#machine.writeFrames(this.#samples.subarray(kept * frameHop), this.#patch, kept);
    this.#machine.run(this.#patch);
    const window = this.#window(this.#done++ * (this.#hop / SAMPLE_RATE));
    this.#samples.copyWithin(0, this.#hop);
    this.#held = Math.max(0, this.#samples.length - this.#hop);
    this.#skipped = Math.max(0, this.#hop - this.#samples.length);
    return window;
  }

  #window(start) {
    const heads = this.#machine.heads.map((_, head) => this.#machine.scores(head));
    const window = { start, scores: heads[0], heads };
    if (this.#wanted.level) window.level = levelOf(this.#samples, this.#machine.header);
    if (this.#wanted.embedding) window.embedding = this.#machine.embedding();
    if (this.#wanted.logMel) window.logMel = this.#patch.slice();
    return window;
  }
}

/** Return a time from one window to the next in samples, rounded to the nearest, halves to the even one. */
export function samplesOf(hop, { SAMPLE_RATE, WINDOW }) {
  const least = 0.5 / SAMPLE_RATE;
  const exact = checkNumber(hop ?? Math.min(HOP, WINDOW / SAMPLE_RATE), "hop", least, 2 ** 31 / SAMPLE_RATE) * SAMPLE_RATE;
  const nearest = Math.round(exact);
  return Math.max(1, nearest - exact === 0.5 && nearest % 2 ? nearest - 1 : nearest);
}

/** Return how many windows cover samples: none begins after the last one. */
function countWindows(samples, window, hop) {
  if (samples <= window) return samples ? 1 : 0;
  return Math.min(1 + Math.ceil((samples - window) / hop), Math.ceil(samples / hop));
}

/** Return the root mean square of the samples that frames are made of, in dBFS. */
function levelOf(samples, { FRAME, FRAMES, HOP: frameHop }) {
  const count = FRAME + (FRAMES - 1) * frameHop;
  let power = 0;
  for (let i = 0; i < count; i++) power += samples[i] * samples[i];
  return Math.max(SILENCE, 10 * Math.log10(power / count));
}

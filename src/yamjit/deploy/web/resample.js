/** Samples at one rate to samples at another: sums of products with a low-pass filter, whatever the rates. */
import { joined } from "./samples.js";

/** Attenuation beyond the highest frequency that both rates have, in dB, and the share of that which is kept. */
const ATTENUATION = 126;
const PASSED = 0.9136;

/** Places between two samples for which the filter is computed; for more of them, neighbours are interpolated. */
const MOST_PHASES = 1024;

/** Return how many samples `count` become: to the nearest, halves up, and one at least. */
export function resampledLength(count, source, target) {
  return count && Math.max(1, Math.floor((2 * count * target + source) / (2 * source)));
}

/**
 * Changes the sample rate of a stream; equal rates pass through untouched.
 *
 * Every result is computed by itself, in one order, so that neither the blocks nor the engine change a bit.
 */
export class Resampler {
  #source;
  #target;
  #filter; // [shape=(phases + 1, width)]
  #phases;
  #width;
  #step; // from one result to the next, in samples: #step / #steps
  #steps;
  #held; // samples that are still needed
  #start = 0; // where in these the next result's begin
  #phase = 0; // of #steps
  #taken = 0;
  #given = 0;

  /** @param source @param target Sample rates in Hz, whole numbers. */
  constructor(source, target) {
    this.#source = source;
    this.#target = target;
    if (source === target) return;
    const divisor = commonDivisor(source, target);
    this.#step = source / divisor;
    this.#steps = target / divisor;
    this.#phases = Math.min(this.#steps, MOST_PHASES);
    this.#filter = lowPass(Math.min(1, target / source), this.#phases);
    this.#width = this.#filter.length / (this.#phases + 1);
    this.#held = new Float32Array(this.#width / 2 - 1);
  }

  /** Take a block and return what is ready, which may be nothing. */
  push(block) {
    this.#taken += block.length;
    return this.#filter ? this.#convert(block) : block;
  }

  /** End the stream and return the rest: `resampledLength` samples are given in all. */
  flush() {
    if (!this.#filter) return new Float32Array(0);
    const due = resampledLength(this.#taken, this.#source, this.#target) - this.#given;
    return this.#convert(new Float32Array(this.#width + Math.ceil(this.#step / this.#steps))).subarray(0, due);
  }

  #convert(block) {
    const samples = joined(this.#held, block);
    const results = new Float32Array(Math.ceil((samples.length * this.#steps) / this.#step) + 1);
    let count = 0;
    let start = this.#start;
    for (; start + this.#width <= samples.length; count++) {
      const place = (this.#phase * this.#phases) / this.#steps;
      const row = Math.floor(place);
      let value = sum(this.#filter, row * this.#width, samples, start, this.#width);
      if (place > row) {
        value += (place - row) * (sum(this.#filter, (row + 1) * this.#width, samples, start, this.#width) - value);
      }
      results[count] = value;
      this.#phase += this.#step;
      start += Math.floor(this.#phase / this.#steps);
      this.#phase %= this.#steps;
    }
    const done = Math.min(start, samples.length);
    this.#held = samples.slice(done);
    this.#start = start - done;
    this.#given += count;
    return results.subarray(0, count);
  }
}

/** Return a sum of `width` products, a multiple of four, in four sums: each waits for itself alone. */
function sum(filter, first, samples, start, width) {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = 0; i < width; i += 4) {
    a += filter[first + i] * samples[start + i];
    b += filter[first + i + 1] * samples[start + i + 1];
    c += filter[first + i + 2] * samples[start + i + 2];
    d += filter[first + i + 3] * samples[start + i + 3];
  }
  return a + b + (c + d);
}

/**
 * Return a low-pass filter, a sine cardinal in a Kaiser window, shifted by 0 to 1 samples, `phases` to a sample.
 * `band` is the frequency from which on nothing is kept, as a share of half the sample rate.
 */
function lowPass(band, phases) {
  const half = 2 * Math.ceil((ATTENUATION - 7.95) / (2.285 * Math.PI * band * (1 - PASSED)) / 4);
  const middle = (band * (1 + PASSED)) / 2;
  const beta = 0.1102 * (ATTENUATION - 8.7);
  const filter = new Float32Array((phases + 1) * 2 * half);
  for (let i = 0; i < filter.length; i++) {
    const time = (i % (2 * half)) - half + 1 - Math.floor(i / (2 * half)) / phases;
    const share = time / half;
    if (share * share > 1) continue;
    const sine = time ? sineOfTurns(middle * time) / (Math.PI * time) : middle;
    filter[i] = (sine * bessel(beta * Math.sqrt(1 - share * share))) / bessel(beta);
  }
  return filter;
}

/** Return sin(pi x) by sums and products alone: engines differ in the last bit of Math.sin. */
function sineOfTurns(x) {
  const turns = Math.round(x);
  const angle = Math.PI * (x - turns);
  let term = angle;
  let sum = angle;
  for (let n = 2; n < 24; n += 2) {
    term *= (-angle * angle) / (n * (n + 1));
    sum += term;
  }
  return turns % 2 ? -sum : sum;
}

/** Return the modified Bessel function of the first kind, of order 0. */
function bessel(x) {
  let term = 1;
  let sum = 1;
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= ((x / 2 / n) * x) / 2 / n;
    sum += term;
  }
  return sum;
}

function commonDivisor(a, b) {
  return b ? commonDivisor(b, a % b) : a;
}

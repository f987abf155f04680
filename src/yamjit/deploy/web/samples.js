/** Samples as they are given, as float32 of one channel. */
import { YamjitError, checkWhole, shown } from "./errors.js";

/** The largest sample that is accepted, full scale being 1. */
const PEAK = 16;

/** What integers become: floats in [-1, 1), by the full scale of their type; unsigned ones have 0 halfway. */
const SCALES = new Map([
  [Float32Array, (value) => value],
  [Float64Array, (value) => value],
  [Int8Array, (value) => value / 2 ** 7],
  [Uint8Array, (value) => (value - 2 ** 7) / 2 ** 7],
  [Int16Array, (value) => value / 2 ** 15],
  [Int32Array, (value) => Math.fround(value) / 2 ** 31],
]);

/** Return a sample rate in Hz. */
export function checkRate(value) {
  return checkWhole(value, "sampleRate", 1_000, 768_000);
}

/**
 * Return samples as float32, new unless they are so already: a typed array, an array of one for each channel, which are
 * mixed, or an AudioBuffer.
 */
export function toFloat32(block) {
  if (typeof block?.getChannelData === "function") return mix(channelsOf(block));
  return Array.isArray(block) ? mix(block) : ofType(block);
}

/** Return the channels of an AudioBuffer. */
export function channelsOf(audio) {
  return Array.from({ length: audio.numberOfChannels }, (_, channel) => audio.getChannelData(channel));
}

function ofType(samples) {
  if (samples instanceof Float32Array) return samples;
  const scaled = SCALES.get(samples?.constructor);
  if (!scaled) {
    const found = samples?.constructor?.name ?? shown(samples);
    const types = [...SCALES.keys()].map((type) => type.name).join(", ");
    throw new YamjitError(`samples are ${found}; accepted are ${types}, and an array of one for each channel`);
  }
  return Float32Array.from(samples, scaled);
}

/** Return the mean of channels, added one after the other in float32, as Python adds them. */
function mix(channels) {
  const [first, ...others] = channels.map(ofType);
  if (!first) throw new YamjitError("samples are an array of no channels; at least one is accepted");
  if (others.some((channel) => channel.length !== first.length)) {
    throw new YamjitError("the channels differ in length");
  }
  if (!others.length) return first;
  const total = first.slice();
  for (const channel of others) {
    for (let i = 0; i < total.length; i++) total[i] += channel[i];
  }
  return total.map((value) => value / channels.length);
}

/** Refuse samples that are not finite, or far beyond full scale; `start` is the number of the first. */
export function checkSamples(samples, start, sampleRate) {
  for (let i = 0; i < samples.length; i++) {
    const value = samples[i];
    if (value >= -PEAK && value <= PEAK) continue;
    const accepted = Number.isFinite(value) ? `floats in [-1, 1], and up to ${PEAK}, are` : "finite samples are";
    const where = `sample ${start + i}, at ${(start + i) / sampleRate} s,`;
    throw new YamjitError(`${where} is ${value}; ${accepted} accepted`);
  }
}

/** Return two parts as one. */
export function joined(first, second) {
  if (!first.length || !second.length) return first.length ? first : second;
  const whole = new Float32Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

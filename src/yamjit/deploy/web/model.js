/** A model that is loaded: a plan file and the kernels that suit this engine. */
import { Classification, LIST_OPTIONS } from "./classification.js";
import { YamjitError, checkOptions, shown } from "./errors.js";
import { Watcher } from "./events.js";
import { relaxedKind } from "./lowering.js";
import { Machine } from "./machine.js";
import { hasLowestWeight, needsFamily, readHeader } from "./plan.js";
import { STREAM_OPTIONS, Stream, samplesOf } from "./stream.js";

/** Lowerings, and what the names of their modules end with. */
const LOWERINGS = { "wasm-relaxed": "-relaxed", wasm: "" };

/** Names of the options of `load`. */
export const LOAD_OPTIONS = ["kernels", "lowering"];

/**
 * Load a model from a plan file.
 *
 * @param source Address of the file, or its bytes: an ArrayBuffer, a typed array, a Blob or a Response.
 * @param options `kernels`, the address of the folder with the modules of kernels, by default the one of this file;
 *   `lowering`, "wasm-relaxed" or "wasm", by default the best one that is exact here.
 */
export async function load(source, options = {}) {
  checkOptions(options, LOAD_OPTIONS);
  const folder = new URL(options.kernels ?? "./", import.meta.url);
  const { lowering: wanted } = options;
  if (wanted !== undefined && !(wanted in LOWERINGS)) {
    throw new YamjitError(`lowering is ${shown(wanted)}; accepted are ${Object.keys(LOWERINGS).join(", ")}`);
  }
  const bytes = await bytesOf(source);
  const header = readHeader(bytes);
  const isFamily = needsFamily(bytes, header);
  const kind = await relaxedKind();
  const isExact = kind === "short" ? !isFamily && !hasLowestWeight(bytes, header) : kind !== null;
  const lowering = wanted ?? (isExact ? "wasm-relaxed" : "wasm");
  if (lowering === "wasm-relaxed" && !isExact) {
    throw new YamjitError("lowering is wasm-relaxed, which is not exact in this engine; wasm is");
  }
  const file = `yamjit${isFamily ? "-family" : ""}${LOWERINGS[lowering]}.wasm`;
  const isTurned = lowering === "wasm-relaxed" && kind === "unsigned";
  const machine = await Machine.open(await compiled(new URL(file, folder)), bytes, header, isTurned);
  return new Model(machine, lowering);
}

export class Model {
  #machine;

  constructor(machine, lowering) {
    const { SAMPLE_RATE, WINDOW, FRAMES, BANDS, EMBEDDING_SIZE } = machine.header;
    this.#machine = machine;
    this.lowering = lowering;
    this.name = machine.name;
    this.heads = machine.heads;
    this.sampleRate = SAMPLE_RATE;
    this.windowSamples = WINDOW;
    this.window = WINDOW / SAMPLE_RATE;
    this.frames = FRAMES;
    this.bands = BANDS;
    this.embeddingSize = EMBEDDING_SIZE;
  }

  /** Return the scores of one window of samples at the model's rate, a Float32Array for its first head. */
  scores(samples) {
    if (samples.length !== this.windowSamples) {
      throw new YamjitError(`${samples.length} samples were given; a window has ${this.windowSamples}`);
    }
    return this.stream({ hop: this.window }).push(samples)[0].scores;
  }

  /** Return a stream, see `Stream`. */
  stream(options = {}) {
    return new Stream(this.#machine, options);
  }

  /** Return what the model hears in samples, see `Classification`; options are those of `stream` and of its lists. */
  classify(samples, options = {}) {
    checkOptions(options, [...STREAM_OPTIONS, ...LIST_OPTIONS]);
    const stream = this.stream(chosen(options, STREAM_OPTIONS));
    const windows = [...stream.push(samples), ...stream.flush()];
    if (!windows.length) throw new YamjitError("there are no samples");
    return new Classification(this, windows, stream.duration, stream.hop, chosen(options, LIST_OPTIONS));
  }

  /** Return what finds events in the windows of a stream with a hop in seconds, see `Watcher`. */
  watcher(options = {}, hop = undefined) {
    return new Watcher(this, options, samplesOf(hop, this.#machine.header) / this.sampleRate);
  }
}

/** Return those of the options that have one of some names. */
export function chosen(options, names) {
  return Object.fromEntries(Object.entries(options).filter(([name]) => names.includes(name)));
}

async function bytesOf(source) {
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (typeof source?.arrayBuffer === "function") return new Uint8Array(await source.arrayBuffer());
  if (typeof source !== "string" && !(source instanceof URL)) {
    throw new YamjitError(`a model is ${shown(source)}; accepted are an address, an ArrayBuffer, a typed array, a Blob`);
  }
  return fetched(new URL(source, globalThis.location?.href ?? import.meta.url));
}

/** Return the content of an address; Node does not fetch files. */
async function fetched(address) {
  if (address.protocol === "file:" && globalThis.process?.versions?.node) {
    const { readFile } = await import("node:fs/promises");
    return readFile(address).catch((error) => {
      throw new YamjitError(`${address}: cannot be read: ${error.message}`);
    });
  }
  const response = await fetch(address).catch((error) => {
    throw new YamjitError(`${address}: cannot be read: ${error.message}`);
  });
  if (!response.ok) throw new YamjitError(`${address}: the server answers ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function compiled(address) {
  const bytes = await fetched(address);
  return WebAssembly.compile(bytes).catch((error) => {
    throw new YamjitError(`${address}: this engine does not compile it: ${error.message}`);
  });
}

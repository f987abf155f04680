/** A plan file and compiled kernels in the memory of one WebAssembly instance, which holds nothing else. */
import { YamjitError } from "./errors.js";
import { DIGESTED, hasDigest, readPlan } from "./plan.js";

const ALIGNMENT = 64;
const PAGE = 65_536;

export class Machine {
  /** What the model says of itself: its name, and of each head what `Head` of `yamjit.d.ts` says. */
  name;
  heads;
  header;
  #records;
  #exports;
  #memory;
  #end;
  #plan;
  #patch;
  #samples;
  #scratch;
  #frames; // arguments of log_mel, and of run_steps, that never change
  #steps;

  /**
   * Put a plan file whose header is right into memory, prove it, and return what runs it. `isTurned` says whether the
   * kernels take inputs as uint8.
   */
  static async open(module, bytes, header, isTurned) {
    const memory = new WebAssembly.Memory({ initial: 3 });
    const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
    return new Machine(exports, memory, bytes, header, isTurned);
  }

  constructor(exports, memory, bytes, header, isTurned) {
    this.#exports = exports;
    this.#memory = memory;
    this.#end = exports.__heap_base.value;
    this.header = header;
    this.#plan = this.#take(bytes.length);
    const digest = this.#take(8);
    new Uint8Array(memory.buffer).set(bytes, this.#plan);
    this.#call("digest", this.#plan + DIGESTED, bytes.length - DIGESTED, digest);
    if (!hasDigest(bytes, new DataView(memory.buffer).getBigUint64(digest, true))) {
      throw new YamjitError("a damaged plan file: its digest differs");
    }
    if (isTurned) this.#call("turn", this.#plan);
    const { name, heads } = readPlan(bytes, header);
    this.name = name;
    this.heads = heads.map(({ info }) => info);
    this.#records = heads.map(({ record }) => record);
    this.#layOut(header);
  }

  #layOut(header) {
    this.#samples = this.#take(4 * header.WINDOW);
    const scratch = this.#take(header.SCRATCH);
    this.#scratch = this.#take(header.LOG_MEL_SCRATCH);
    const arena = this.#take(header.ARENA + ALIGNMENT); // kernels may read beyond its end
    this.#patch = arena + header.PATCH_AT;
    this.#steps = [
      ...[this.#plan + header.STEPS_AT, 0, header.STEPS, this.#plan + header.CONSTANTS_AT, arena, scratch],
      ...[header.ACCUMULATORS, header.IMAGE, header.PANEL, header.BORDER, 1, this.#patch, 0, 1, 0, 0, 0, 0],
    ];
    this.arena = arena;
  }

  /** Return where as many bytes of memory begin, which grows for them. */
  #take(size) {
    const place = Math.ceil(this.#end / ALIGNMENT) * ALIGNMENT;
    this.#end = place + size;
    const missing = Math.ceil((this.#end - this.#memory.buffer.byteLength) / PAGE);
    try {
      if (missing > 0) this.#memory.grow(missing);
    } catch {
      throw new YamjitError(`there are no ${this.#end} bytes of memory for the model`);
    }
    return place;
  }

  #call(name, ...numbers) {
    try {
      this.#exports[name](...numbers);
    } catch (error) {
      throw new YamjitError(`a malformed plan file: its memory is left (${error.message})`);
    }
  }

  #floats(place, count) {
    return new Float32Array(this.#memory.buffer, place, count);
  }

  /** Write log-mel frames of samples into a patch, from a frame on; a network that takes samples has these as frames. */
  writeFrames(samples, patch, first) {
    const { TABLES_AT, TABLES_SIZE, FRAMES, BANDS } = this.header;
    const count = FRAMES - first;
    if (TABLES_SIZE) {
      this.#floats(this.#samples, samples.length).set(samples);
      this.#call("log_mel", this.#plan + TABLES_AT, this.#samples, count, this.#scratch, this.#patch);
    }
    patch.set(TABLES_SIZE ? this.#floats(this.#patch, count * BANDS) : samples, first * BANDS);
  }

  /** Run the network over a patch; its results stay until the next run. */
  run(patch) {
    this.#floats(this.#patch, patch.length).set(patch);
    this.#call("run_steps", ...this.#steps);
  }

  /** Return the scores of a head, new. */
  scores(head) {
    const { SCORES_AT, SCORES_BYTES, CLASSES, VALUES_AT, VALUES_STRIDE } = this.#records[head];
    if (SCORES_BYTES === 4) return this.#floats(this.arena + SCORES_AT, CLASSES).slice();
    const integers = new Int8Array(this.#memory.buffer, this.arena + SCORES_AT, CLASSES);
    const values = this.#floats(this.#plan + VALUES_AT, 256 * (VALUES_STRIDE ? CLASSES : 1));
    return Float32Array.from(integers, (score, index) => values[index * VALUES_STRIDE + score + 128]);
  }

  /** Return the embedding, new; empty where there is none. */
  embedding() {
    const { EMBEDDING_AT, EMBEDDING_SIZE, EMBEDDING_BYTES, EMBEDDING_SCALE, EMBEDDING_ZERO_POINT } = this.header;
    const place = this.arena + EMBEDDING_AT;
    if (EMBEDDING_BYTES === 4) return this.#floats(place, EMBEDDING_SIZE).slice();
    const scale = Math.fround(EMBEDDING_SCALE);
    const integers = new Int8Array(this.#memory.buffer, place, EMBEDDING_SIZE);
    return Float32Array.from(integers, (value) => (value - EMBEDDING_ZERO_POINT) * scale);
  }
}

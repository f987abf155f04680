/** A model in a module Worker, so that the page's thread never waits for it. */
import { Classification, LIST_OPTIONS } from "./classification.js";
import { YamjitError } from "./errors.js";
import { chosen } from "./model.js";
import { channelsOf } from "./samples.js";

/** Load a model in a worker; takes what `load` takes. */
export async function loadInWorker(source, options = {}) {
  const model = new RemoteModel(new Worker(new URL("./worker.js", import.meta.url), { type: "module" }));
  // A worker's own address is another one than the page's.
  const absolute = (address) => new URL(address, globalThis.location.href).href;
  const kernels = options.kernels === undefined ? {} : { kernels: absolute(options.kernels) };
  const isAddress = typeof source === "string" || source instanceof URL;
  try {
    return Object.assign(model, await model.call("load", [isAddress ? absolute(source) : source, { ...options, ...kernels }]));
  } catch (error) {
    model.close();
    throw error;
  }
}

/** What `Model` is, as far as another thread can be it. */
export class RemoteModel {
  #worker;
  #calls = new Map();
  #count = 0;

  constructor(worker) {
    this.#worker = worker;
    worker.onmessage = ({ data: { id, result, error } }) => {
      const { resolve, reject } = this.#calls.get(id);
      this.#calls.delete(id);
      if (error === undefined) resolve(result);
      else reject(new YamjitError(error));
    };
    worker.onerror = ({ message }) => this.#fail(`the worker cannot be started: ${message ?? "its file is missing"}`);
  }

  /** Let the worker do something, and return a promise of the result. Meant for this module. */
  call(call, given, transferred = []) {
    if (!this.#worker) return Promise.reject(new YamjitError("the model was closed"));
    const id = this.#count++;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#worker.postMessage({ id, call, given }, transferred);
    });
  }

  /** Return a promise of what `Model.classify` returns. */
  async classify(samples, options = {}) {
    const block = typeof samples?.getChannelData === "function" ? channelsOf(samples) : samples;
    const { windows, duration, hop } = await this.call("classify", [block, options]);
    return new Classification(this, windows, duration, hop, chosen(options, LIST_OPTIONS));
  }

  /**
   * Listen to an AudioNode, such as a microphone's, and call `heard` whenever windows are complete.
   *
   * @param options Those of a stream, and `events`, see `EventOptions`.
   * @param heard Takes `{windows, events, open, duration, ended, milliseconds}`, or `{error}`, a sentence.
   * @returns A promise of `{stop}`, a function that ends it; what is left is heard.
   */
  async listen(node, options, heard) {
    const { context } = node;
    await context.audioWorklet.addModule(new URL("./worklet.js", import.meta.url));
    const tap = new AudioWorkletNode(context, "yamjit-tap", { channelCount: 1, channelCountMode: "explicit" });
    const [sound, answers] = [new MessageChannel(), new MessageChannel()];
    answers.port1.onmessage = ({ data: { result, error } }) => {
      if (error !== undefined || result.windows.length || result.ended) heard(result ?? { error });
      if (error !== undefined || result.ended) answers.port1.close();
    };
    const given = [{ sampleRate: context.sampleRate, ...options }, sound.port2, answers.port2];
    await this.call("listen", given, [sound.port2, answers.port2]);
    tap.port.postMessage(sound.port1, [sound.port1]);
    node.connect(tap).connect(context.destination); // silence: a node that leads nowhere need not run
    return {
      stop() {
        node.disconnect(tap);
        tap.disconnect();
        tap.port.postMessage(null);
      },
    };
  }

  /** End the worker; what it has not answered fails. */
  close() {
    this.#fail("the model was closed");
  }

  #fail(message) {
    this.#worker?.terminate();
    this.#worker = null;
    for (const { reject } of this.#calls.values()) reject(new YamjitError(message));
    this.#calls.clear();
  }
}

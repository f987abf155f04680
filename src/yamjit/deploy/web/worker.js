/** A model in a thread of its own, for `remote.js`: answers messages `{id, call, given}` by `{id, result}` or `{id, error}`. */
import { load } from "./yamjit.js";

let model;

const CALLS = {
  async load(source, options) {
    model = await load(source, options);
    return { ...model }; // its numbers, names and heads
  },

  classify(samples, options) {
    const { windows, duration, hop } = model.classify(samples, options);
    return { windows, duration, hop };
  },

  /** Listen to blocks of samples from one port, null being the end, and tell another one what is heard. */
  listen({ events, ...options }, sound, answers) {
    const stream = model.stream(options);
    const watcher = model.watcher(events, options.hop);
    sound.onmessage = ({ data }) => answers.postMessage(answer(() => hear(stream, watcher, data)));
  },
};

function hear(stream, watcher, block) {
  const start = performance.now();
  const windows = block ? stream.push(block) : stream.flush();
  const events = windows.flatMap((window) => watcher.push(window));
  if (!block) events.push(...watcher.flush(stream.duration));
  const { duration } = stream;
  return { windows, events, open: watcher.open, duration, ended: !block, milliseconds: performance.now() - start };
}

function answer(work) {
  try {
    return { result: work() };
  } catch (error) {
    return { error: error.message };
  }
}

self.onmessage = async ({ data: { id, call, given } }) => {
  try {
    postMessage({ id, result: await CALLS[call](...given) });
  } catch (error) {
    postMessage({ id, error: error.message });
  }
};

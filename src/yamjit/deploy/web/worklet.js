/** Hands on what an AudioNode plays, over a port of its own, so that the page's thread takes no part. */

/** Samples of a message; a context renders 128 at a time. */
const BLOCK = 1_024;

class Tap extends AudioWorkletProcessor {
  #port = null;
  #block = new Float32Array(BLOCK);
  #count = 0;
  #ended = false;

  constructor() {
    super();
    // A port for the samples, then null for their end.
    this.port.onmessage = ({ data }) => (data ? (this.#port = data) : this.#end());
  }

  process([[samples]]) {
    for (let at = 0; this.#port && samples && at < samples.length; ) {
      const part = samples.subarray(at, at + BLOCK - this.#count);
      this.#block.set(part, this.#count);
      this.#count += part.length;
      at += part.length;
      if (this.#count === BLOCK) this.#send();
    }
    return !this.#ended;
  }

  #send() {
    const block = this.#block.slice(0, this.#count);
    this.#port.postMessage(block, [block.buffer]);
    this.#count = 0;
  }

  #end() {
    this.#ended = true;
    if (this.#count) this.#send();
    this.#port.postMessage(null);
    this.#port = null;
  }
}

registerProcessor("yamjit-tap", Tap);

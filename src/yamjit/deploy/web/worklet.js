/** Hands on what an AudioNode plays, over a port of its own, so that the page's thread takes no part. */

/** Samples of a message; a context renders 128 at a time. */
const BLOCK = 1_024;

class Tap extends AudioWorkletProcessor {
  #port = null;
  #waiting = []; // blocks that were played before the port came
  #block = new Float32Array(BLOCK);
  #count = 0;
  #ended = false;

  constructor() {
    super();
    // A port for the blocks, then null for their end.
    this.port.onmessage = ({ data }) => (data ? this.#begin(data) : this.#end());
  }

  process([[samples = []]]) {
    for (let at = 0; at < samples.length; ) {
      const part = samples.subarray(at, at + BLOCK - this.#count);
      this.#block.set(part, this.#count);
      this.#count += part.length;
      at += part.length;
      if (this.#count === BLOCK) this.#send();
    }
    return !this.#ended;
  }

  #begin(port) {
    this.#port = port;
    for (const block of this.#waiting.splice(0)) port.postMessage(block, [block.buffer]);
  }

  #send() {
    const block = this.#block.slice(0, this.#count);
    this.#count = 0;
    if (this.#port) this.#port.postMessage(block, [block.buffer]);
    else this.#waiting.push(block);
  }

  #end() {
    if (this.#count) this.#send();
    this.#port.postMessage(null);
    this.#ended = true;
  }
}

registerProcessor("yamjit-tap", Tap);

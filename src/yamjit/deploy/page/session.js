/** What a microphone hears from start to stop: frames, scores and events, drawn as they come. */
import { Watcher } from "./yamjit/yamjit.js";
import { openMicrophone } from "./microphone.js";

/** Most events that are remembered. */
const MOST_EVENTS = 10_000;

/** Samples that come at a time. */
const BLOCK = 1_024;

/** Share of the way to the latest moment that pictures go in a millisecond, so that they glide. */
const PULL = 1 / 120;

export class Session {
  /** Times in seconds: what is shown, and what was heard; milliseconds for a window; seconds from a sound to its scores. */
  shown = 0;
  heard = 0;
  cost = 0;
  delay = 0;
  /** Scores of all classes in the latest window. */
  scores = null;
  /** Events that are over, as those in progress with `isOpen`. */
  events = [];
  microphone;
  #model;
  #hop;
  #watcher;
  #open = [];
  #listener;
  #last; // when pictures were drawn
  #start = 0; // of the latest window
  #whenHeard;
  #isOver = false;

  /** @param whenHeard Is called with every window. */
  constructor(model, hop, on, whenHeard) {
    this.#model = model;
    this.#hop = hop;
    this.#whenHeard = whenHeard;
    this.#watcher = new Watcher(model, { on }, hop);
  }

  /** Begin; `whenLost` is called with a sentence if the sound ends by itself. */
  async start(deviceId, whenLost) {
    this.microphone = await openMicrophone(deviceId, this.#model.sampleRate);
    const { context, node, track } = this.microphone;
    track.addEventListener("ended", () => whenLost("The microphone is gone: it was disconnected, or the browser took it away."));
    try {
      context.resume(); // which waits until the machine's sound is there
      let beginning = Infinity;
      const options = { hop: this.#hop, level: true, logMel: true };
      this.#listener = await this.#model.listen(node, options, (what) => {
        if (this.#isOver) return; // what was left when it was stopped
        if (what.error) return whenLost(`Listening has failed: ${what.error}.`);
        beginning = Math.min(beginning, context.currentTime - what.duration);
        this.#hear(what);
        const waited = context.currentTime - beginning - what.duration;
        this.delay = waited + BLOCK / context.sampleRate + what.milliseconds / 1_000;
      });
    } catch (error) {
      await this.microphone.close();
      throw error;
    }
  }

  /** Use another threshold from now on: events in progress end. */
  setThreshold(on) {
    this.#keep(this.#watcher.flush(Math.max(this.heard, this.#start)));
    this.#open = [];
    this.#watcher = new Watcher(this.#model, { on }, this.#hop);
  }

  async stop() {
    this.#isOver = true;
    this.#listener.stop();
    this.#keep(this.#watcher.flush(Math.max(this.heard, this.#start)));
    this.#open = [];
    await this.microphone.close();
  }

  /** Events that are over, and those in progress. */
  get all() {
    return [...this.events, ...this.#open];
  }

  /** Move what is shown towards what was heard, by the time that has passed. */
  glide(now, isSmooth) {
    const passed = now - (this.#last ?? now);
    this.#last = now;
    this.shown = isSmooth ? this.shown + (this.heard - this.shown) * (1 - Math.exp(-passed * PULL)) : this.heard;
  }

  #hear({ windows, milliseconds }) {
    for (const window of windows) {
      this.#start = window.start;
      this.heard = window.start + this.#model.window;
      this.scores = window.heads.length > 1 ? window.heads.flatMap((scores) => [...scores]) : window.scores;
      this.#keep(this.#watcher.push(window));
      this.#open = this.#watcher.open.map((event) => ({ ...event, isOpen: true }));
      this.#whenHeard(window);
    }
    const cost = milliseconds / windows.length;
    if (windows.length) this.cost = this.cost ? 0.9 * this.cost + 0.1 * cost : cost;
  }

  #keep(events) {
    this.events.push(...events);
    if (this.events.length > MOST_EVENTS) this.events.splice(0, this.events.length - MOST_EVENTS);
  }
}

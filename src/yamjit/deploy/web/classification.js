/** What a model hears in a recording: scores of every window, and of the whole. */
import { YamjitError, checkNumber, checkOptions, checkWhole, shown } from "./errors.js";
import { Watcher, byStart } from "./events.js";

/** Names of the options of what is listed. */
export const LIST_OPTIONS = ["top", "threshold", "aggregate"];

/** Classes that are listed where no number is given. */
const TOP = 5;

export class Classification {
  /** Windows as a stream returns them, in order. */
  windows;
  /** Length of the recording, in seconds. */
  duration;
  /** Time from one window to the next, in seconds. */
  hop;
  #model;
  #options;
  #clips;

  /** @param model What has `heads`, and `window` in seconds. */
  constructor(model, windows, duration, hop, options = {}) {
    this.windows = windows;
    this.duration = duration;
    this.hop = hop;
    this.#model = model;
    this.#options = { top: TOP, aggregate: "mean", ...options };
    if (!["mean", "max"].includes(this.#options.aggregate)) {
      throw new YamjitError(`aggregate is ${shown(options.aggregate)}; "mean" and "max" are accepted`);
    }
  }

  /** One score for each class of each head for the whole recording: the mean of all windows, or their maximum. */
  get clipScores() {
    return (this.#clips ??= this.#model.heads.map((_, head) => {
      const total = Float64Array.from(this.windows[0]?.heads[head] ?? []);
      const isMean = this.#options.aggregate === "mean";
      for (const { heads } of this.windows.slice(1)) {
        heads[head].forEach((score, i) => {
          total[i] = isMean ? total[i] + score : Math.max(total[i], score);
        });
      }
      return isMean ? total.map((sum) => sum / this.windows.length) : total;
    }));
  }

  /**
   * Return the classes with the highest scores, the highest first, equal ones by class index; those of the first head,
   * then those of the next. Each is `{label, score, classIndex, head}`.
   *
   * @param options `top`, how many of each head; `threshold`, the least score, by default what the model says; `window`,
   *   the number of the only window that counts.
   */
  top(options = {}) {
    checkOptions(options, ["top", "threshold", "window"]);
    const { top, threshold, window } = { ...this.#options, ...options };
    if (window !== undefined) checkWhole(window, "window", 0, this.windows.length - 1);
    const scores = window === undefined ? this.clipScores : this.windows[window].heads;
    return listed(this.#model.heads, scores, top, threshold);
  }

  /** Return the events in the order in which they start, see `EventOptions`. */
  events(options = {}) {
    const watcher = new Watcher(this.#model, options, this.hop);
    const over = this.windows.flatMap((window) => watcher.push(window));
    return byStart([...over, ...watcher.flush(this.duration)]);
  }
}

/** Return the highest classes of all heads, given the scores of each. */
export function listed(heads, scores, top = TOP, threshold = undefined) {
  if (top !== Infinity) checkWhole(top, "top", 1, 2 ** 31);
  if (threshold !== undefined) checkNumber(threshold, "threshold", -Infinity);
  const many = heads.length > 1;
  return heads.flatMap(({ labels, name, threshold: own }, head) => {
    const least = threshold ?? own ?? -Infinity;
    // A score printed as 0.7 reaches a threshold of 0.7, although the float32 is a little less.
    const reached = scores[head] instanceof Float32Array ? Math.fround(least) : least;
    return Array.from(scores[head], (score, classIndex) => ({ label: labels[classIndex], score, classIndex, head: many ? name : "" }))
      .filter(({ score }) => score >= reached)
      .sort((a, b) => b.score - a.score)
      .slice(0, top);
  });
}

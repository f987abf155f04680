/** Scores of windows in, events out: the stretches of time in which a class is heard, as Python finds them. */
import { YamjitError, checkNumber, checkOptions, shown } from "./errors.js";

/** Times that differ by less are equal, in seconds. */
const SLACK = 1e-6;

/** Most windows over which scores are smoothed. */
const MOST_SMOOTHED = 10_000;

/** In an option by name: all that it does not name. */
const OTHERS = "*";

const DEFAULTS = {
  on: 0.5,
  off: undefined,
  smoothing: 0,
  smoother: "mean",
  minDuration: 0,
  maxGap: 0,
  hold: 0,
  minDbfs: undefined,
};

/** Names of the options of events. */
export const EVENT_OPTIONS = Object.keys(DEFAULTS);

/** Finds events in scores that arrive window by window. */
export class EventDetector {
  #classes;
  #rules;
  #smoother;
  #window;
  #tracks = new Map();
  #last = -Infinity;
  #flushed = false;

  /**
   * @param classes An object for each class: `label`, and if wanted `classIndex`, `head` and `threshold`, the score that
   *   its events reach.
   * @param options See `EventOptions`.
   * @param times `window` and `hop`: the length of a window, and the time from one to the next, in seconds.
   */
  constructor(classes, options = {}, { window = 0.975, hop = 0.48 } = {}) {
    checkOptions(options, EVENT_OPTIONS);
    this.#classes = classes.map(({ label, classIndex = -1, head = "", threshold = null }) => ({
      label,
      classIndex,
      head,
      threshold: Math.fround(threshold ?? -Infinity),
    }));
    this.#rules = makeRules({ ...DEFAULTS, ...options }, classes.map(({ label }) => label));
    this.#window = checkNumber(window, "window", Number.MIN_VALUE);
    this.#smoother = new Smoother({ ...DEFAULTS, ...options }, checkNumber(hop, "hop", Number.MIN_VALUE));
  }

  /** Events in progress, as they are known so far. */
  get open() {
    const now = this.#last + this.#window;
    return byStart([...this.#tracks.values()].map((track) => this.#event(track, now)));
  }

  /** Take the scores of the next window, a number for each class, and its level; return the events that are over. */
  push(start, scores, levelDbfs) {
    this.#refuseFlushed();
    if (scores.length !== this.#classes.length) {
      throw new YamjitError(`scores of ${scores.length} classes were given; ${this.#classes.length} are accepted`);
    }
    if (!(start > this.#last && start < Infinity)) {
      throw new YamjitError(`a window starts at ${start} s; accepted are times after ${this.#last} s`);
    }
    const row = this.#gated(Float64Array.from(scores), levelDbfs);
    if (!row.every(Number.isFinite)) throw new YamjitError("the scores are not finite");
    const over = this.#smoother.push(start, row).flatMap(([time, smoothed]) => this.#step(time, smoothed));
    this.#last = start;
    return over;
  }

  /** Return the events that the end of the recording ends, at `duration` seconds by the clock of the windows. */
  flush(duration = Infinity) {
    this.#refuseFlushed();
    if (!(duration >= this.#last - SLACK)) {
      throw new YamjitError(`duration is ${shown(duration)}, but a window starts at ${this.#last} s`);
    }
    this.#flushed = true;
    const over = this.#smoother.flush().flatMap(([time, smoothed]) => this.#step(time, smoothed));
    return [...over, ...this.#close([...this.#tracks.values()], duration)];
  }

  #gated(row, level) {
    const gate = this.#rules.minDbfs;
    if (!gate) return row;
    if (typeof level !== "number" || Number.isNaN(level)) {
      throw new YamjitError("minDbfs needs the level of each window: ask for level in a stream's options");
    }
    return row.map((score, index) => (level >= gate[index] ? score : 0));
  }

  #step(time, scores) {
    const ended = [...this.#tracks.values()].filter((track) => !this.#goesOn(track, time, scores[track.index]));
    const over = this.#close(ended, Infinity);
    scores.forEach((score, index) => {
      if (score >= this.#rules.on[index] && !this.#tracks.has(index)) {
        this.#tracks.set(index, new Track(time, this.#rules, index));
      }
    });
    for (const track of this.#tracks.values()) track.add(time, scores[track.index]);
    return over;
  }

  /** Return whether a window continues an event, or a later one still may. */
  #goesOn(track, time, score) {
    const reach = track.heard + this.#window + track.patience;
    return time <= reach + SLACK || (track.isOn(time) && track.hears(time, score));
  }

  #close(tracks, until) {
    for (const track of tracks) this.#tracks.delete(track.index);
    return byStart(tracks.map((track) => this.#event(track, until)));
  }

  /** Return an event as it stands at a time, or null if it is too short, or below its threshold. */
  #event(track, until) {
    const end = track.heard + this.#window;
    const { label, classIndex, head, threshold } = this.#classes[track.index];
    if (Math.min(end, until) - track.start < track.minDuration - SLACK || track.peak < threshold) return null;
    return {
      label,
      classIndex,
      head,
      score: track.peak,
      meanScore: track.mean,
      start: track.start,
      end: Math.min(end + track.hold, until),
    };
  }

  #refuseFlushed() {
    if (this.#flushed) throw new YamjitError("the events were flushed: nothing follows the end of a recording");
  }
}

/** Finds events of all heads of a model in its windows. */
export class Watcher {
  #detector;

  /** @param model What has `heads`, and `window`, in seconds. */
  constructor({ heads, window }, options, hop) {
    const classes = heads.flatMap(({ labels, name, threshold }) =>
      labels.map((label, classIndex) => ({ label, classIndex, head: heads.length > 1 ? name : "", threshold })),
    );
    this.#detector = new EventDetector(classes, options, { window, hop });
  }

  get open() {
    return this.#detector.open;
  }

  /** Take the next window of a stream; return the events that are over. */
  push({ start, heads, level }) {
    return this.#detector.push(start, heads.length > 1 ? heads.flatMap((scores) => [...scores]) : heads[0], level);
  }

  flush(duration) {
    return this.#detector.flush(duration);
  }
}

/** An event that is not over, and the rules of its class. */
class Track {
  peak = 0;
  mean = 0;
  #on;
  #off;
  #previous;
  #sum = 0;
  #count = 0;

  constructor(start, rules, index) {
    this.index = index;
    this.start = this.heard = this.#previous = start;
    this.minDuration = rules.minDuration[index];
    this.hold = rules.hold[index];
    this.patience = rules.hold[index] + rules.maxGap[index];
    this.#on = rules.on[index];
    this.#off = rules.off[index];
  }

  /** Return whether the event is on when a window begins: heard in the one before, or held. */
  isOn(time) {
    return this.#previous === this.heard || time <= this.heard + this.hold + SLACK;
  }

  hears(time, score) {
    return score >= (this.isOn(time) ? this.#off : this.#on);
  }

  add(time, score) {
    const heard = this.hears(time, score);
    this.#previous = time;
    this.#sum += score;
    this.#count++;
    if (!heard) return;
    this.heard = time;
    this.peak = Math.max(this.peak, score);
    this.mean = this.#sum / this.#count;
  }
}

/** Return events, without those that are none, by start, head, class and name. */
export function byStart(events) {
  const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  return events
    .filter((event) => event)
    .sort(
      (a, b) =>
        a.start - b.start ||
        order(a.head, b.head) ||
        a.classIndex - b.classIndex ||
        order(a.label, b.label),
    );
}

// -- Options ------------------------------------------------------------------------------------------------------

/** Return each option for each class. */
function makeRules(options, names) {
  const on = byName("on", options.on, names, () => DEFAULTS.on);
  const rules = {
    on,
    off: byName("off", options.off, names, (index) => on[index] * 0.6),
    minDuration: byName("minDuration", options.minDuration, names, () => 0),
    maxGap: byName("maxGap", options.maxGap, names, () => 0),
    hold: byName("hold", options.hold, names, () => 0),
    minDbfs: options.minDbfs === undefined ? null : byName("minDbfs", options.minDbfs, names, () => -Infinity),
  };
  const wrong = names.findIndex((_, index) => rules.off[index] > on[index]);
  if (wrong >= 0) {
    const most = `at most what on is, ${on[wrong]}, is accepted`;
    throw new YamjitError(`off is ${rules.off[wrong]} for ${shown(names[wrong])}; ${most}`);
  }
  return rules;
}

function byName(option, value, names, common) {
  const check = (number, where) =>
    option === "on" || option === "off"
      ? checkNumber(number, where, Number.MIN_VALUE, 1)
      : checkNumber(number, where, option === "minDbfs" ? -Number.MAX_VALUE : 0);
  if (value === undefined) return names.map((_, index) => common(index));
  if (typeof value !== "object" || value === null) return names.map(() => check(value, option));
  const { [OTHERS]: others, ...named } = value;
  const result = byName(option, others, names, common);
  const given = new Map();
  for (const [name, number] of Object.entries(named)) {
    check(number, `${option}[${shown(name)}]`);
    for (const index of placesOf(name, names, option)) {
      if (given.has(index) && given.get(index) !== number) {
        throw new YamjitError(`${option} is given twice for ${shown(names[index])}: ${given.get(index)} and ${number}`);
      }
      given.set(index, number);
    }
  }
  given.forEach((number, index) => {
    result[index] = number;
  });
  return result;
}

/** Return where classes of a name are: as it is, else in any case. */
function placesOf(name, names, option) {
  const folded = (text) => text.normalize("NFC").toLowerCase().trim().replace(/\s+/g, " ");
  const places = (same) => names.flatMap((known, index) => (same(known) ? [index] : []));
  const exact = places((known) => known === name.trim());
  const found = exact.length ? exact : places((known) => folded(known) === folded(name));
  if (!found.length) throw new YamjitError(`${option} names ${shown(name)}, which is not a class here`);
  return found;
}

// -- Smoothing ----------------------------------------------------------------------------------------------------

/** The mean or median of each window's neighbourhood, which is smaller at the ends. */
class Smoother {
  #half;
  #rows;
  #waiting = [];

  constructor({ smoothing, smoother }, hop) {
    checkNumber(smoothing, "smoothing", 0, MOST_SMOOTHED * hop);
    if (smoother !== "mean" && smoother !== "median") {
      throw new YamjitError(`smoother is ${shown(smoother)}; "mean" and "median" are accepted`);
    }
    this.#half = Math.floor(smoothing / (2 * hop) + SLACK);
    if (smoothing && !this.#half) {
      throw new YamjitError(`smoothing is ${smoothing}; 0, or at least two hops of ${hop} s, are accepted`);
    }
    this.#rows = smoother === "median" ? new Medians() : new Means();
  }

  /** Take a window; return the one whose neighbours are now complete, if there is one. */
  push(time, row) {
    if (!this.#half) return [[time, row]];
    if (this.#rows.count > 2 * this.#half) this.#rows.drop();
    this.#rows.add(row);
    this.#waiting.push(time);
    return this.#waiting.length > this.#half ? [[this.#waiting.shift(), this.#rows.value()]] : [];
  }

  /** Return the windows whose neighbours did not all come. */
  flush() {
    const rest = [];
    while (this.#waiting.length) {
      while (this.#rows.count > this.#half + this.#waiting.length) this.#rows.drop();
      rest.push([this.#waiting.shift(), this.#rows.value()]);
    }
    return rest;
  }
}

/**
 * The mean of rows that come at one end and go at the other. Sums of the newer rows grow as they come; those of the
 * older ones, from each to the last of them, are made together: nothing is subtracted, so nothing is lost to rounding.
 */
class Means {
  count = 0;
  #newer = [];
  #sumOfNewer = null;
  #sumsOfOlder = [];

  add(row) {
    this.count++;
    this.#newer.push(row);
    this.#sumOfNewer = this.#sumOfNewer ? added(this.#sumOfNewer, row) : row;
  }

  drop() {
    this.count--;
    if (!this.#sumsOfOlder.length) {
      for (const row of this.#newer.reverse()) {
        const last = this.#sumsOfOlder.at(-1);
        this.#sumsOfOlder.push(last ? added(last, row) : row);
      }
      this.#newer = [];
      this.#sumOfNewer = null;
    }
    this.#sumsOfOlder.pop();
  }

  value() {
    const sums = [this.#sumsOfOlder.at(-1), this.#sumOfNewer].filter((sum) => sum);
    return (sums.length === 1 ? sums[0] : added(...sums)).map((sum) => sum / this.count);
  }
}

/** The median of rows that come at one end and go at the other: their values stay sorted, class by class. */
class Medians {
  #rows = [];
  #sorted = [];

  get count() {
    return this.#rows.length;
  }

  add(row) {
    this.#rows.push(row);
    row.forEach((value, index) => {
      const ordered = (this.#sorted[index] ??= []);
      ordered.splice(placeIn(ordered, value), 0, value);
    });
  }

  drop() {
    this.#rows.shift().forEach((value, index) => this.#sorted[index].splice(placeIn(this.#sorted[index], value), 1));
  }

  value() {
    const low = (this.count - 1) >> 1;
    const high = this.count >> 1;
    return Float64Array.from(this.#sorted, (ordered) => (ordered[low] + ordered[high]) / 2);
  }
}

function added(one, other) {
  return one.map((value, index) => value + other[index]);
}

/** Return the first place in ascending values that holds at least a value. */
function placeIn(ordered, value) {
  let low = 0;
  let high = ordered.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ordered[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

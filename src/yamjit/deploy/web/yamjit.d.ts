/** Sounds named by a model, in a browser or in Node, with the scores that Python gives. */

/** What is wrong with what was given, in a sentence. */
export class YamjitError extends Error {}

/** Samples of one channel: floats in [-1, 1], or integers, which are divided by the full scale of their type. */
export type Samples = Float32Array | Float64Array | Int8Array | Uint8Array | Int16Array | Int32Array;

/** Samples, an array of them for each channel, or an AudioBuffer; the mean of channels is taken. */
export type Audio = Samples | Samples[] | AudioBuffer;

export type Lowering = "wasm-relaxed" | "wasm";

export interface LoadOptions {
  /** Address of the folder with the kernels' modules, such as `yamjit.wasm`; by default that of `yamjit.js`. */
  kernels?: string | URL;
  /** Which kernels run; by default the best of those that are exact in this engine. */
  lowering?: Lowering;
}

/** Address of a plan file, or its bytes. */
export type Source = string | URL | ArrayBuffer | ArrayBufferView | Blob | Response;

/** Load a model. */
export function load(source: Source, options?: LoadOptions): Promise<Model>;

/** Load a model in a Worker. */
export function loadInWorker(source: string | URL | ArrayBuffer | ArrayBufferView | Blob, options?: LoadOptions): Promise<RemoteModel>;

/** An output of a model. */
export interface Head {
  readonly index: number;
  readonly name: string;
  /** Names of its classes. */
  readonly labels: readonly string[];
  /** The same in other languages, by their locales, such as "de". */
  readonly translations: Readonly<Record<string, readonly string[]>>;
  /** AudioSet's ids of its classes; empty where there are none. */
  readonly audiosetIds: readonly string[];
  /** Score from which on a class is listed, if the model says so. */
  readonly threshold: number | null;
}

interface ModelFacts {
  readonly name: string;
  readonly heads: readonly Head[];
  /** Which kernels run. */
  readonly lowering: Lowering;
  /** Hz. */
  readonly sampleRate: number;
  /** Length of a window, in samples and in seconds; 0 for a model that takes patches. */
  readonly windowSamples: number;
  readonly window: number;
  /** Frames of a patch, and values of each. */
  readonly frames: number;
  readonly bands: number;
  /** Values of an embedding; 0 where there is none. */
  readonly embeddingSize: number;
}

export interface Model extends ModelFacts {}
export class Model {
  private constructor();
  /** Return the scores of one window of samples at the model's rate, by its first head. */
  scores(samples: Samples): Float32Array;
  /** Return a stream of blocks of any size. */
  stream(options?: StreamOptions): Stream;
  /** Return what the model hears in a recording. */
  classify(samples: Audio, options?: StreamOptions & ListOptions): Classification;
  /** Return what finds events in the windows of a stream whose hop, in seconds, is given. */
  watcher(options?: EventOptions, hop?: number): Watcher;
}

export interface StreamOptions {
  /** Sample rate of what is given, in Hz; by default the model's. */
  sampleRate?: number;
  /** Time from the start of one window to that of the next, in seconds; by default 0.48. */
  hop?: number;
  /** Whether windows have their level, their embedding, their log-mel patch. */
  level?: boolean;
  embedding?: boolean;
  logMel?: boolean;
}

/** Scores of a window. */
export interface Window {
  /** Where it begins, in seconds. */
  start: number;
  /** Scores of the first head, and of each. */
  scores: Float32Array;
  heads: Float32Array[];
  /** Root mean square, in dBFS. */
  level?: number;
  embedding?: Float32Array;
  /** Frame after frame, natural logarithms. */
  logMel?: Float32Array;
}

/** Takes blocks of any size; the windows are those of the whole, bit for bit. */
export class Stream {
  private constructor();
  /** Time from one window to the next, in seconds. */
  readonly hop: number;
  /** Length of what was pushed so far, in seconds. */
  readonly duration: number;
  /** Take a block and return the windows that it completes. */
  push(block: Audio): Window[];
  /** End the stream, and return the windows that are left, the last one padded with zeros. */
  flush(): Window[];
}

export interface ListOptions {
  /** Number of classes of each head; by default 5, Infinity for all. */
  top?: number;
  /** Least score; by default what the model says. */
  threshold?: number;
  /** What the scores of all windows become. */
  aggregate?: "mean" | "max";
}

export interface ScoredLabel {
  label: string;
  score: number;
  classIndex: number;
  /** Name of the head, where there are several; else empty. */
  head: string;
}

export class Classification {
  private constructor();
  readonly windows: Window[];
  /** Length of the recording, and time from one window to the next, in seconds. */
  readonly duration: number;
  readonly hop: number;
  /** One score for each class of each head. */
  readonly clipScores: Float64Array[];
  /** Return the classes with the highest scores, of the whole or of one window. */
  top(options?: { top?: number; threshold?: number; window?: number }): ScoredLabel[];
  /** Return the events. */
  events(options?: EventOptions): Event[];
}

/** One number for all classes, or by name; "*" stands for all others. */
export type ByName = number | Readonly<Record<string, number>>;

export interface EventOptions {
  /** A score of at least this starts an event; by default 0.5. */
  on?: ByName;
  /** A lower score ends it; by default 0.6 of `on`. */
  off?: ByName;
  /** Length over which scores are smoothed, in seconds, and how; by default 0, "mean". */
  smoothing?: number;
  smoother?: "mean" | "median";
  /** Shortest event, longest gap within one, and how long it stays on after the last window, in seconds. */
  minDuration?: ByName;
  maxGap?: ByName;
  hold?: ByName;
  /** Lowest level: a quieter window counts as one with score 0. Windows need their `level`. */
  minDbfs?: ByName;
}

/** A class that is heard for some time. */
export interface Event {
  label: string;
  classIndex: number;
  head: string;
  /** Highest and mean score. */
  score: number;
  meanScore: number;
  /** Seconds. */
  start: number;
  end: number;
}

export interface EventClass {
  label: string;
  classIndex?: number;
  head?: string;
  threshold?: number | null;
}

/** Finds events in scores that arrive window by window. */
export class EventDetector {
  constructor(classes: readonly EventClass[], options?: EventOptions, times?: { window?: number; hop?: number });
  /** Events in progress. */
  readonly open: Event[];
  push(start: number, scores: ArrayLike<number> & Iterable<number>, levelDbfs?: number): Event[];
  flush(duration?: number): Event[];
}

/** Finds events of all heads in the windows of a stream. */
export class Watcher {
  constructor(model: Pick<ModelFacts, "heads" | "window">, options: EventOptions | undefined, hop: number);
  readonly open: Event[];
  push(window: Window): Event[];
  flush(duration?: number): Event[];
}

/** What was heard since the last time; `open` are events in progress. */
export interface Heard {
  windows: Window[];
  events: Event[];
  open: Event[];
  /** Length of what was listened to, in seconds, and time that the latest of it took. */
  duration: number;
  milliseconds: number;
  /** Whether this is the last of it. */
  ended: boolean;
}

/** A model in a Worker. */
export interface RemoteModel extends ModelFacts {}
export class RemoteModel {
  private constructor();
  classify(samples: Audio, options?: StreamOptions & ListOptions): Promise<Classification>;
  /** Listen to an AudioNode, and call `heard` whenever windows are complete. */
  listen(
    node: AudioNode,
    options: StreamOptions & { events?: EventOptions },
    heard: (what: Heard | { error: string }) => void,
  ): Promise<{ stop(): void }>;
  /** End the worker. */
  close(): void;
}

/** Changes the sample rate of a stream; neither the blocks nor the engine change a bit. */
export class Resampler {
  constructor(source: number, target: number);
  push(block: Float32Array): Float32Array;
  flush(): Float32Array;
}

/** Return how many samples `count` become. */
export function resampledLength(count: number, source: number, target: number): number;

export interface Wav {
  /** Hz. */
  sampleRate: number;
  channels: Float32Array[];
  /** What is wrong with the file, or null. */
  damage: string | null;
}

/** Read a WAV file: PCM of 8, 16, 24 or 32 bits, or floats of 32 or 64. */
export function readWav(data: ArrayBuffer | ArrayBufferView): Wav;

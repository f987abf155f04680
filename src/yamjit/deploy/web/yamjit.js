/** Sounds named by a model, in a browser or in Node, with the scores that Python gives. */
export { Classification } from "./classification.js";
export { YamjitError } from "./errors.js";
export { EventDetector, Watcher } from "./events.js";
export { Model, load } from "./model.js";
export { RemoteModel, loadInWorker } from "./remote.js";
export { Resampler, resampledLength } from "./resample.js";
export { Stream } from "./stream.js";
export { readWav } from "./wav.js";

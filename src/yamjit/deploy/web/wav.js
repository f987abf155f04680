/** WAV files, read to the samples that Python reads: those of a browser's own decoder are resampled, and others. */
import { YamjitError } from "./errors.js";

/** What a sample of each format and width becomes: a float32 in [-1, 1], full scale being 1. */
const READERS = {
  "1 of 8": (view, at) => (view.getUint8(at) - 128) / 128,
  "1 of 16": (view, at) => view.getInt16(at, true) / 2 ** 15,
  "1 of 24": (view, at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 2 ** 16) / 2 ** 23,
  "1 of 32": (view, at) => Math.fround(view.getInt32(at, true)) / 2 ** 31,
  "3 of 32": (view, at) => view.getFloat32(at, true),
  "3 of 64": (view, at) => view.getFloat64(at, true),
};

/** Names of formats that are often met and not read. */
const FORMATS = { 2: "ADPCM", 6: "A-law", 7: "mu-law", 17: "IMA ADPCM", 49: "GSM 6.10", 85: "MP3", 255: "AAC" };

/** What follows a format's number in the identifier of an extensible header. */
const GUID_REST = "000000001000800000aa00389b71";

/** A size that its writer left open. */
const OPEN = 0xffffffff;

/**
 * Read a WAV file: PCM of 8, 16, 24 or 32 bits, or floats of 32 or 64.
 *
 * Returns its sample rate in Hz, a Float32Array for each channel, and `damage`: what is wrong with it, or null. A file
 * that ends early is read up to there; one whose header contradicts what it holds is refused.
 */
export function readWav(data) {
  const view = ArrayBuffer.isView(data)
    ? new DataView(data.buffer, data.byteOffset, data.byteLength)
    : new DataView(data);
  const kind = view.byteLength < 12 ? "" : text(view, 0) + text(view, 8);
  if (kind !== "RIFFWAVE" && kind !== "RF64WAVE") {
    throw new YamjitError(view.byteLength ? "the file is not a WAV file" : "the file is empty");
  }
  let format;
  let samples;
  let longSize;
  for (let at = 12; at + 8 <= view.byteLength; ) {
    const name = text(view, at);
    const body = at + 8;
    let size = view.getUint32(at + 4, true);
    if (name === "data") {
      if (!format) throw new YamjitError("the WAV file has samples before it says their format");
      if (samples) throw new YamjitError("the WAV file has several chunks of samples; one is accepted");
      if (size === OPEN && longSize !== undefined) size = longSize;
      samples = { body, size };
      if (size === 0 ? !goesOn(view, body) : size > view.byteLength - body) break;
    } else if (samples && (name === "RIFF" || name === "RF64")) {
      throw new YamjitError("the WAV file is followed by another one; a single one is accepted");
    } else if (size > view.byteLength - body || !/^[ -~]{4}$/.test(name)) {
      break;
    } else if (name === "fmt ") {
      if (format) throw new YamjitError("the WAV file describes its format twice");
      format = readFormat(view, body, size);
    } else if (name === "ds64" && size >= 16) {
      longSize = Number(view.getBigUint64(body + 8, true));
    }
    at = next(view, body + size);
  }
  if (!samples) throw new YamjitError("the WAV file ends before its samples begin");
  return readSamples(view, format, samples);
}

function readSamples(view, { sampleRate, channels, width, read }, { body, size }) {
  const there = view.byteLength - body;
  const isOpen = size === OPEN || (size === 0 && !goesOn(view, body));
  if (!isOpen && size < there && !goesOn(view, next(view, body + size))) {
    throw new YamjitError(`the WAV file's header counts ${size} bytes of samples, and what follows is no chunk`);
  }
  const frame = width * channels;
  const count = Math.floor((isOpen ? there : Math.min(size, there)) / frame);
  if (!count) throw new YamjitError("the WAV file holds no samples");
  const planes = Array.from({ length: channels }, (_, channel) => {
    const plane = new Float32Array(count);
    for (let i = 0, at = body + channel * width; i < count; i++, at += frame) plane[i] = read(view, at);
    return plane;
  });
  const claimed = Math.floor(size / frame);
  const damage = !isOpen && claimed > count ? `the WAV file ends after ${count} of ${claimed} samples` : null;
  return { sampleRate, channels: planes, damage };
}

function readFormat(view, at, size) {
  if (size < 16) throw new YamjitError(`the WAV file describes its format in ${size} bytes; 16 are needed`);
  let format = view.getUint16(at, true);
  const channels = view.getUint16(at + 2, true);
  const sampleRate = view.getUint32(at + 4, true);
  const bits = view.getUint16(at + 14, true);
  if (format === 0xfffe && size >= 40) {
    const rest = Array.from({ length: 14 }, (_, i) => view.getUint8(at + 26 + i).toString(16).padStart(2, "0"));
    format = rest.join("") === GUID_REST ? view.getUint16(at + 24, true) : format;
  }
  const read = READERS[`${format} of ${bits}`];
  if (!read) {
    const found = FORMATS[format] ?? `format ${format}`;
    throw new YamjitError(
      `the WAV file holds ${found} of ${bits} bits; PCM of 8, 16, 24 or 32 bits and floats of 32 or 64 are read`,
    );
  }
  if (channels < 1 || channels > 64) throw new YamjitError(`the WAV file's header claims ${channels} channels`);
  if (sampleRate < 1_000 || sampleRate > 768_000) {
    throw new YamjitError(
      `the WAV file's header claims a sample rate of ${sampleRate} Hz; accepted are 1000 to 768000 Hz`,
    );
  }
  return { sampleRate, channels, width: bits / 8, read };
}

/** Return where the chunk after one that ends at a place begins: at an even place, unless its padding is missing. */
function next(view, end) {
  const even = end + (end % 2);
  return goesOn(view, even) || !goesOn(view, end) ? even : end;
}

/** Return whether a place holds a chunk, padding, or nothing at all. */
function goesOn(view, at) {
  if (at + 8 > view.byteLength) return at >= view.byteLength || isZero(view, at);
  const isChunk = /^[ -~]{4}$/.test(text(view, at)) && view.getUint32(at + 4, true) <= view.byteLength - at - 8;
  return isChunk || isZero(view, at);
}

function isZero(view, at) {
  while (at < view.byteLength && !view.getUint8(at)) at++;
  return at >= view.byteLength;
}

function text(view, at) {
  return String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, 4));
}

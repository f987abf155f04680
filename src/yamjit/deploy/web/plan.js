/**
 * Plan files: a compiled model as one file. It is checked here as in Python and C before anything of it is used, but for
 * what each kernel touches: that is the memory of its WebAssembly instance, which holds nothing else. What is checked of
 * steps keeps them to the arena, and ends every run.
 */
import { YamjitError } from "./errors.js";

/** The format that is read; the kernels and this file change with it. */
export const FORMAT_VERSION = 5;

/** The family of processors whose packing of constants is that of the kernels. */
export const FAMILY = 2;

/** The first eight bytes, as an integer. */
const MAGIC = 0x0a74696a6d617989n;

const HEADER_BYTES = 512;
const ALIGNMENT = 64;

/** Integers of the header, in their order; places are bytes from the beginning of the file, or of the arena. */
export const FIELDS = [
  ..."MAGIC VERSION FAMILY DIGEST SIZE STEPS_AT STEPS CONSTANTS_AT CONSTANTS_SIZE TABLES_AT TABLES_SIZE".split(" "),
  ..."HEADS_AT HEADS TEXT_AT TEXT_SIZE DESCRIPTION_AT DESCRIPTION_SIZE ARENA SCRATCH ACCUMULATORS IMAGE".split(" "),
  ..."PANEL BORDER LOG_MEL_SCRATCH PATCH_AT FRAMES BANDS SAMPLE_RATE WINDOW HOP FRAME EMBEDDING_AT".split(" "),
  ..."EMBEDDING_SIZE EMBEDDING_BYTES EMBEDDING_SCALE EMBEDDING_ZERO_POINT MODEL".split(" "),
];

/** Integers of a head's record. */
export const HEAD_FIELDS = [
  ..."NAME_AT CLASSES LABELS_AT SCORES_AT VALUES_AT VALUES_STRIDE THRESHOLD LOGITS_AT SCORES_BYTES".split(" "),
  "LOGITS_BYTES",
];

/** Columns of a step, and the number of all; sizes are three integers, of a kernel two. */
export const STEP_COLUMNS = 46;
export const Column = {
  ...{ OP: 0, INPUT: 1, OUTPUT: 2, INPUT_H: 9, OUTPUT_H: 12, OUTPUT_C: 14, KERNEL_H: 15 },
  ...{ PACKED: 27, QUADS: 35, GROUPS: 36 },
};

/** The first operation that is not of int8 values, or none that YAMNet has. */
export const FIRST_OTHER = 24;

/** The vector kernels of int8 values, and how their weights are packed: in blocks or chunks of channels. */
export const [FIRST_VECTOR, DEPTHWISE, BLOCK, CHUNK, CHUNK_BYTES] = [16, 19, 16, 64, 1536];

/** The most that one patch may take, in values that are read or multiplied; more than any model of a plan file does. */
const MOST_WORK = 2 ** 40;

const MOST_BYTES = 2 ** 30;

/** The least and the greatest value that fields may have. */
const RANGES = {
  STEPS: [1, 2 ** 12],
  CONSTANTS_SIZE: [1, MOST_BYTES],
  HEADS: [1, 2 ** 12],
  TEXT_SIZE: [1, MOST_BYTES],
  ARENA: [ALIGNMENT, MOST_BYTES],
  SCRATCH: [ALIGNMENT, MOST_BYTES],
  ACCUMULATORS: [0, MOST_BYTES],
  IMAGE: [0, MOST_BYTES],
  PANEL: [0, MOST_BYTES],
  BORDER: [0, MOST_BYTES],
  LOG_MEL_SCRATCH: [0, MOST_BYTES],
  FRAMES: [1, MOST_BYTES],
  BANDS: [1, 2 ** 20],
  SAMPLE_RATE: [1_000, 768_000],
  WINDOW: [0, MOST_BYTES],
  HOP: [0, MOST_BYTES],
  FRAME: [0, MOST_BYTES],
  EMBEDDING_SIZE: [0, MOST_BYTES],
  EMBEDDING_BYTES: [0, 4],
  EMBEDDING_ZERO_POINT: [-128, 127],
};

/** Fields of places, each with that of a count and the bytes of what is counted. */
const PARTS = [
  ["STEPS_AT", "STEPS", 8 * STEP_COLUMNS],
  ["CONSTANTS_AT", "CONSTANTS_SIZE", 1],
  ["TABLES_AT", "TABLES_SIZE", 1],
  ["HEADS_AT", "HEADS", 8 * HEAD_FIELDS.length],
  ["TEXT_AT", "TEXT_SIZE", 1],
  ["DESCRIPTION_AT", "DESCRIPTION_SIZE", 1],
];

/** Bytes that the digest is of begin here. */
export const DIGESTED = 8 * FIELDS.indexOf("SIZE");

/** Return the header of bytes that are a plan file for these kernels, if they are whole; a digest is compared later. */
export function readHeader(bytes) {
  const view = viewOf(bytes);
  if (bytes.length < HEADER_BYTES || view.getBigInt64(0, true) !== MAGIC) {
    throw new YamjitError("not a plan file; yamjit export --deploy writes one");
  }
  const header = readRecord(view, 0, FIELDS);
  if (header.VERSION !== FORMAT_VERSION) {
    const found = `format ${header.VERSION}, these kernels are of format ${FORMAT_VERSION}`;
    throw new YamjitError(`a plan file of another version of yamjit (${found}): export both together`);
  }
  if (header.FAMILY !== FAMILY) {
    throw new YamjitError("a plan file for another family of processors: export it with --target wasm");
  }
  if (header.SIZE !== bytes.length) {
    throw new YamjitError(`a plan file that is cut, or longer than the ${header.SIZE} bytes that its header says`);
  }
  return header;
}

/** Return whether an XXH64 is the one that a plan file says it has. */
export function hasDigest(bytes, digest) {
  return viewOf(bytes).getBigUint64(8 * FIELDS.indexOf("DIGEST"), true) === digest;
}

/** Return whether a plan whose header is read has steps that only the kernels of the whole family compute. */
export function needsFamily(bytes, header) {
  const view = viewOf(bytes);
  checkHeader(bytes, view, header);
  return checkSteps(view, header);
}

/** Return whether a plan of int8 values has a weight of -128 among those that vector kernels multiply. */
export function hasLowestWeight(bytes, header) {
  const view = viewOf(bytes);
  return Array.from({ length: header.STEPS }, (_, step) => {
    const at = (column) => Number(view.getBigInt64(header.STEPS_AT + 8 * (STEP_COLUMNS * step + column), true));
    const op = at(Column.OP);
    if (op < FIRST_VECTOR || op > DEPTHWISE) return false;
    const [channels, size] =
      op === DEPTHWISE ? [CHUNK, CHUNK_BYTES] : [BLOCK, 4 * BLOCK * at(Column.QUADS) * Math.max(at(Column.GROUPS), 1)];
    const place = header.CONSTANTS_AT + at(Column.PACKED);
    return bytes.subarray(place, place + Math.ceil(at(Column.OUTPUT_C) / channels) * size).includes(128);
  }).some((found) => found);
}

/** Return what a model says of its outputs, all of it checked, given a header that is right. */
export function readPlan(bytes, header) {
  const view = viewOf(bytes);
  const description = readDescription(bytes, header);
  const heads = Array.from({ length: header.HEADS }, (_, index) => {
    const place = header.HEADS_AT + 8 * HEAD_FIELDS.length * index;
    return readHead(bytes, view, header, place, description.heads?.[index] ?? {}, index);
  });
  return { name: String(description.name ?? ""), heads };
}

function viewOf(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Return int64 by their names. What a number cannot hold is far beyond all that is accepted. */
function readRecord(view, place, names) {
  return Object.fromEntries(names.map((name, i) => [name, Number(view.getBigInt64(place + 8 * i, true))]));
}

/** Return whether bytes from an aligned place on are among those available. */
function within(place, size, available) {
  return place >= 0 && place % ALIGNMENT === 0 && size >= 0 && size <= available - place;
}

function refuse(what, field, value) {
  throw new YamjitError(`a malformed plan file: ${what} has ${value} for ${field}`);
}

// -- The header ---------------------------------------------------------------------------------------------------

function checkHeader(bytes, view, header) {
  for (const [field, [least, most]] of Object.entries(RANGES)) {
    if (!(header[field] >= least && header[field] <= most)) refuse("its header", field, header[field]);
  }
  for (const [place, count, unit] of PARTS) {
    if (!within(header[place], header[count] * unit, header.SIZE)) refuse("its header", place, header[place]);
  }
  const wrong = wrongContent(bytes, view, header) ?? wrongWindow(header);
  if (wrong) refuse("its header", wrong, header[wrong]);
}

/** Return the field that does not go with the arena, or of which the text or a number is not possible. */
function wrongContent(bytes, view, header) {
  const { ARENA, FRAMES, BANDS, EMBEDDING_SIZE: size, EMBEDDING_BYTES: width } = header;
  const scale = view.getFloat64(8 * FIELDS.indexOf("EMBEDDING_SCALE"), true);
  if (ARENA % ALIGNMENT) return "ARENA";
  if (!within(header.PATCH_AT, 4 * FRAMES * BANDS, ARENA)) return "PATCH_AT";
  if (size && width !== 1 && width !== 4) return "EMBEDDING_BYTES";
  if (!within(header.EMBEDDING_AT, size * width, ARENA)) return "EMBEDDING_AT";
  if (size && !(scale > 0 && scale < Infinity)) return "EMBEDDING_SCALE";
  header.EMBEDDING_SCALE = scale;
  if (bytes[header.TEXT_AT + header.TEXT_SIZE - 1]) return "TEXT_SIZE";
  const parts = ["ACCUMULATORS", "IMAGE", "PANEL", "BORDER", "SCRATCH"];
  return parts.find((part, i) => header[part] % ALIGNMENT || header[part] < (i ? header[parts[i - 1]] : 0));
}

/** Return the field that does not go with a front end, with samples, or with patches. */
function wrongWindow({ TABLES_SIZE, TABLES_AT, LOG_MEL_SCRATCH, FRAMES, BANDS, WINDOW, HOP, FRAME }) {
  if (!TABLES_SIZE) {
    const one = WINDOW ? 1 : 0;
    if (TABLES_AT) return "TABLES_AT";
    if (LOG_MEL_SCRATCH) return "LOG_MEL_SCRATCH";
    if (HOP !== one) return "HOP";
    if (FRAME !== one) return "FRAME";
    if (WINDOW && WINDOW !== FRAMES) return "WINDOW";
    return WINDOW && BANDS !== 1 ? "BANDS" : undefined;
  }
  if (!(FRAME >= 1 && FRAME <= WINDOW)) return "FRAME";
  if (HOP < 1) return "HOP";
  return FRAMES === 1 + Math.floor((WINDOW - FRAME) / HOP) ? undefined : "FRAMES";
}

/** Check where steps read and write, and how long they take; return whether there are others than those of int8 values. */
function checkSteps(view, header) {
  let work = 0;
  let last = 0;
  for (let step = 0; step < header.STEPS; step++) {
    const at = (column) => Number(view.getBigInt64(header.STEPS_AT + 8 * (STEP_COLUMNS * step + column), true));
    const volume = (column) => Math.max(at(column), 0) * Math.max(at(column + 1), 0) * Math.max(at(column + 2), 0);
    const [inputs, outputs] = [volume(Column.INPUT_H), volume(Column.OUTPUT_H)];
    for (const [place, size] of [["INPUT", inputs], ["OUTPUT", outputs]]) {
      if (!size || !within(at(Column[place]), size, header.ARENA)) refuse(`step ${step}`, place, at(Column[place]));
    }
    const kernel = Math.max(1, at(Column.KERNEL_H)) * Math.max(1, at(Column.KERNEL_H + 1));
    work += inputs + outputs * kernel * at(Column.INPUT_H + 2);
    last = Math.max(last, at(Column.OP));
  }
  if (!(work <= MOST_WORK)) refuse("its header", "STEPS", header.STEPS);
  return last >= FIRST_OTHER;
}

// -- Heads --------------------------------------------------------------------------------------------------------

function readHead(bytes, view, header, place, description, index) {
  const head = readRecord(view, place, HEAD_FIELDS);
  const wrong = wrongField(head, header);
  if (wrong) refuse(`head ${index}`, wrong, head[wrong]);
  const labels = Array.from({ length: head.CLASSES }, (_, i) => {
    const at = Number(view.getBigInt64(head.LABELS_AT + 8 * i, true));
    if (!(at >= 0 && at < header.TEXT_SIZE)) refuse(`head ${index}`, "LABELS_AT", at);
    return readText(bytes, header.TEXT_AT + at);
  });
  if (description.calibration && head.SCORES_BYTES === 4) {
    throw new YamjitError("the model's metadata calibrate scores that are floats; only Python does so");
  }
  const threshold = view.getFloat64(place + 8 * HEAD_FIELDS.indexOf("THRESHOLD"), true);
  const { translations = {}, audioset_ids: audiosetIds = [] } = description;
  return {
    record: head,
    info: {
      index,
      name: readText(bytes, header.TEXT_AT + head.NAME_AT),
      labels,
      audiosetIds,
      translations: Object.fromEntries(Object.entries(translations).filter(([, names]) => Array.isArray(names))),
      threshold: Number.isNaN(threshold) ? null : threshold,
    },
  };
}

function wrongField(head, { TEXT_SIZE, ARENA, SIZE }) {
  if (!(head.NAME_AT >= 0 && head.NAME_AT < TEXT_SIZE)) return "NAME_AT";
  if (!(head.CLASSES >= 1 && head.CLASSES <= ARENA)) return "CLASSES";
  if (!within(head.LABELS_AT, 8 * head.CLASSES, SIZE)) return "LABELS_AT";
  for (const which of ["SCORES", "LOGITS"]) {
    const width = head[`${which}_BYTES`];
    if (width !== 1 && width !== 4) return `${which}_BYTES`;
    if (!within(head[`${which}_AT`], width * head.CLASSES, ARENA)) return `${which}_AT`;
  }
  const { VALUES_STRIDE: stride, VALUES_AT: values } = head;
  if (head.SCORES_BYTES === 4) return values ? "VALUES_AT" : stride ? "VALUES_STRIDE" : undefined;
  if (stride !== 0 && stride !== 256) return "VALUES_STRIDE";
  return within(values, 4 * 256 * (stride ? head.CLASSES : 1), SIZE) ? undefined : "VALUES_AT";
}

function readText(bytes, at) {
  return new TextDecoder().decode(bytes.subarray(at, bytes.indexOf(0, at)));
}

/** Return what a model says beside its outputs. Python writes NaN and infinity in it, which JSON does not have. */
function readDescription(bytes, { DESCRIPTION_AT, DESCRIPTION_SIZE }) {
  const text = new TextDecoder().decode(bytes.subarray(DESCRIPTION_AT, DESCRIPTION_AT + DESCRIPTION_SIZE));
  try {
    return JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|NaN|-?Infinity/g, (found) => (found[0] === '"' ? found : "null")));
  } catch {
    throw new YamjitError("a malformed plan file: its description is not one that yamjit wrote");
  }
}

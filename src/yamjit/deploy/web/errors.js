/** What is wrong with what was given, in a sentence. */
export class YamjitError extends Error {
  name = "YamjitError";
}

/** Return a value as a message shows it. */
export function shown(value) {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 80)) : String(value).slice(0, 80);
}

/** Return a finite number between two others, both accepted; `what` begins the sentence that refuses anything else. */
export function checkNumber(value, what, least, most = Infinity) {
  if (Number.isFinite(value) && value >= least && value <= most) return value;
  const accepted = most === Infinity ? `a number of at least ${least}` : `a number from ${least} to ${most}`;
  throw new YamjitError(`${what} is ${shown(value)}; ${accepted} is accepted`);
}

/** Return a whole number between two others, both accepted. */
export function checkWhole(value, what, least, most) {
  if (!Number.isInteger(value)) throw new YamjitError(`${what} is ${shown(value)}; a whole number is accepted`);
  return checkNumber(value, what, least, most);
}

/** Refuse options whose names are not known: a wrong one would have no effect. */
export function checkOptions(options, known) {
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new YamjitError(`there is no option ${shown(unknown)}; there are ${known.join(", ")}`);
  }
}

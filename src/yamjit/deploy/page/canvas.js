/** A canvas that is as sharp as the screen, with time from left to right: the latest moment is its right edge. */

/** Pixels of the page for a second, and how many seconds are shown at least and at most. */
const [PER_SECOND, LEAST, MOST] = [36, 8, 30];

/** Pixels of the page at the right, beside the latest moment, for the names of frequencies. */
export const MARGIN = 38;

export function secondsShown(canvas) {
  return Math.min(MOST, Math.max(LEAST, (canvas.clientWidth - MARGIN) / PER_SECOND));
}

/** Return a context to draw with in pixels of the page, emptied, and the size of the canvas in these. */
export function cleared(canvas) {
  const [width, height, ratio] = [canvas.clientWidth, canvas.clientHeight, globalThis.devicePixelRatio || 1];
  const [columns, rows] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== columns || canvas.height !== rows) Object.assign(canvas, { width: columns, height: rows });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = `11px ${getComputedStyle(canvas).fontFamily}`;
  return { context, width, height };
}

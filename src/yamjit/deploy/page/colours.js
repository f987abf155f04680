/** Colours of canvases, which change with the page's: of magnitudes, and of classes that lie side by side. */

const DARK = globalThis.matchMedia("(prefers-color-scheme: dark)");

/** From quiet to loud; lightness alone tells them apart. */
const RAMPS = {
  light: ["#ffffff", "#d8e7ee", "#86b9d1", "#2f7aa8", "#163f73", "#0b1838"],
  dark: ["#0b0f16", "#12294a", "#1f5a83", "#3b95a3", "#a3cf8f", "#fdf3b4"],
};

/** Colours that people with any vision tell apart, after Okabe and Ito. */
const CLASSES = {
  light: ["#0072b2", "#c04f00", "#007a59", "#a8518a", "#8a6500", "#46505c"],
  dark: ["#56b4e9", "#f28e45", "#2fc79b", "#e39cc4", "#f0c24b", "#b3bdc9"],
};

/** Call something whenever the page changes from light to dark or back. */
export function whenColoursChange(work) {
  DARK.addEventListener("change", work);
}

/** Return 256 colours, as red, green and blue one after the other. */
export function ramp() {
  const stops = RAMPS[scheme()].map((text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16)));
  return Uint8ClampedArray.from({ length: 768 }, (_, i) => {
    const place = (Math.floor(i / 3) / 255) * (stops.length - 1);
    const before = Math.min(Math.floor(place), stops.length - 2);
    const [from, to] = [stops[before][i % 3], stops[before + 1][i % 3]];
    return from + (to - from) * (place - before);
  });
}

/** Return a colour, given the number of a line. */
export function classColour(number) {
  const colours = CLASSES[scheme()];
  return colours[number % colours.length];
}

/** Return a colour of the style sheet. */
export function styled(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function scheme() {
  return DARK.matches ? "dark" : "light";
}

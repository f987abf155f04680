/** Tables of events, and the files that they are saved as. */
import { audacity, csv } from "./formats.js";
import { clock } from "./timeline.js";

const FORMS = {
  csv: { text: "CSV", suffix: ".csv", write: csv },
  audacity: { text: "Audacity", suffix: ".audacity.txt", write: (_, events, heads) => audacity(events, heads) },
};

/** Return a row of a table of events. */
export function eventRow(event, names) {
  const row = document.createElement("tr");
  const texts = [clock(event.start, 2), event.isOpen ? "…" : clock(event.end, 2), names.of(event).shown, event.score.toFixed(2)];
  row.append(...texts.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
  return row;
}

/** Save text to a file of the reader's. */
export function save(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Save the events of a recording, in a form of the command line's. */
export function saveAs(form, recording, events, heads) {
  const { suffix, write } = FORMS[form];
  save(recording.replace(/\.[^.]*$/, "") + suffix, write(recording, events, heads));
}

/** Return a button that saves events. */
export function saveEvents(form, recording, events, heads) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "small", textContent: FORMS[form].text });
  button.ariaLabel = `Save the events of ${recording} for ${form === "csv" ? "tables, as CSV" : "Audacity, as labels"}`;
  button.addEventListener("click", () => saveAs(form, recording, events(), heads));
  return button;
}

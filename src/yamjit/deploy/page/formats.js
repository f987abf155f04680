/** Events as text, byte for byte as the command line writes them. */

const COLUMNS = "file,start_s,end_s,label,score,class_index,audioset_id,channel,head,time";

/** What some reader takes for the end of a line or of a cell. */
const BREAKS = /[\0\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+/g;

/** Return a number with some decimals; one halfway between two becomes the even one, as in Python. */
export function fixed(value, digits) {
  const text = value.toFixed(digits);
  const isHalfway = Math.abs((value * 2 ** (digits + 1)) % 2) === 1;
  const last = Number(text.at(-1));
  return isHalfway && last % 2 ? text.slice(0, -1) + (last - 1) : text;
}

/** Return a table of the events of a recording. */
export function csv(file, events, heads) {
  const rows = events.map((event) => {
    const head = headOf(event, heads);
    const names = [event.label, fixed(event.score, 6), event.classIndex, head.audiosetIds[event.classIndex] ?? ""];
    return [file, fixed(event.start, 6), fixed(event.end, 6), ...names, "", head.name, ""].map(cell).join(",");
  });
  return [COLUMNS, ...rows, ""].join("\n");
}

/** Return the events of a recording as a label track of Audacity. */
export function audacity(events, heads) {
  const lines = events.map((event) => {
    const head = heads.length > 1 ? `, ${headOf(event, heads).name}` : "";
    const label = `${event.label} (${fixed(event.score, 2)}${head})`.replace(BREAKS, " ").replace(/^"/, "'");
    return `${fixed(event.start, 6)}\t${fixed(event.end, 6)}\t${label}\n`;
  });
  return lines.join("");
}

/** Return the head that an event is of. */
export function headOf({ head }, heads) {
  return heads.find(({ name }) => name === head) ?? heads[0];
}

function cell(value) {
  const text = String(value).replace(BREAKS, " ");
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

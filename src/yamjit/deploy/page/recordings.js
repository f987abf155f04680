/** Recordings that are dropped on the page: what is heard in each, and its events. */
import { YamjitError, readWav } from "./yamjit/yamjit.js";
import { makeRow } from "./bars.js";
import { eventRow, saveEvents } from "./tables.js";
import { clock } from "./timeline.js";

/** Return the samples of a file: a WAV as it is, else what the browser decodes, with a sentence about that. */
export async function readRecording(file, sampleRate) {
  const data = await file.arrayBuffer();
  try {
    const { channels, sampleRate: rate, damage } = readWav(data);
    return { channels, sampleRate: rate, note: damage && `Read as far as it goes: ${damage}.` };
  } catch (error) {
    if (!(error instanceof YamjitError)) throw error;
    return decoded(data, sampleRate, error);
  }
}

async function decoded(data, sampleRate, whyNotWav) {
  try {
    const sound = await new OfflineAudioContext(1, 1, sampleRate).decodeAudioData(data);
    const channels = Array.from({ length: sound.numberOfChannels }, (_, channel) => sound.getChannelData(channel));
    const note = "Decoded and resampled by the browser, so that scores can differ a little from Python’s; those of a WAV do not.";
    return { channels, sampleRate: sound.sampleRate, note };
  } catch {
    throw new YamjitError(`this browser does not decode it, and ${whyNotWav.message}`);
  }
}

/** One recording: a card with its classes and events. */
export class Recording {
  #file;
  #card = document.createElement("article");
  #model;
  #names;
  #result;
  #note;

  constructor(file, model, place) {
    this.#file = file;
    this.#model = model;
    this.#card.append(heading(file.name), paragraph("Listening …"));
    place.prepend(this.#card);
  }

  /** Hear it, and show what is heard. */
  async hear(names, on) {
    try {
      const { channels, sampleRate, note } = await readRecording(this.#file, this.#model.sampleRate);
      this.#note = note;
      this.#result = await this.#model.classify(channels, { sampleRate });
      this.show(names, on);
    } catch (error) {
      this.#card.replaceChildren(heading(this.#file.name), paragraph(`It cannot be heard: ${error.message}.`, "wrong"));
    }
  }

  /** Show the classes that are wanted, and the events from a threshold on. */
  show(names, on) {
    if (!this.#result) return;
    this.#names = names;
    const events = this.#result.events({ on }).filter((event) => names.isWanted(names.of(event)));
    const seconds = paragraph(`${clock(this.#result.duration, 1)} min, ${count(this.#result.windows.length, "window")}`, "dim");
    const [csv, audacity] = ["csv", "audacity"].map((form) => saveEvents(form, this.#file.name, () => events, this.#model.heads));
    const line = document.createElement("div");
    line.className = "line";
    line.append(heading(this.#file.name), seconds, csv, audacity);
    this.#card.replaceChildren(line, ...(this.#note ? [paragraph(this.#note, "dim")] : []), this.#classes(on), this.#table(events));
  }

  #classes(on) {
    const list = document.createElement("ol");
    list.className = "bars";
    list.style.setProperty("--threshold", on);
    const listed = this.#result.top({ top: Infinity }).filter((one) => this.#names.isWanted(this.#names.of(one)));
    for (const one of listed.sort((a, b) => b.score - a.score).slice(0, 5)) {
      const { row, value } = makeRow(this.#names.of(one).shown);
      value.textContent = one.score.toFixed(3);
      row.style.setProperty("--score", one.score);
      row.classList.toggle("reached", one.score >= on);
      list.append(row);
    }
    return list;
  }

  #table(events) {
    if (!events.length) return paragraph("No class reaches the threshold.", "dim");
    const table = document.createElement("table");
    table.append(document.querySelector("#events").parentElement.tHead.cloneNode(true));
    const body = table.createTBody();
    body.append(...events.map((event) => eventRow(event, this.#names)));
    return table;
  }
}

function heading(text) {
  const found = document.createElement("h3");
  found.textContent = text;
  return found;
}

function paragraph(text, kind = "") {
  const found = document.createElement("p");
  found.textContent = text;
  found.className = kind;
  return found;
}

function count(number, what) {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

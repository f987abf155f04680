/** The page: what is heard, live and in recordings, by a model in a worker; nothing leaves the device. */
import { loadInWorker } from "./yamjit/yamjit.js";
import { Bars } from "./bars.js";
import { listMicrophones } from "./microphone.js";
import { Names, bestLanguage, languageName, languagesOf } from "./names.js";
import { Recording } from "./recordings.js";
import { Session } from "./session.js";
import { Spectrogram } from "./spectrogram.js";
import { eventRow, saveAs } from "./tables.js";
import { Timeline } from "./timeline.js";

/** Seconds from one window to the next, and milliseconds of a window with which a device keeps up with that. */
const HOPS = [[0.1, 30], [0.24, 80], [0.48, Infinity]];

/** Rows of the table of events, and milliseconds between two that are read out. */
const [MOST_ROWS, PAUSE] = [100, 4_000];

/** Seconds by which scores are late, after which windows begin less often. */
const LATE = 2;

/** Milliseconds without any sound, not even silence, after which that is told. */
const PATIENCE = 4_000;

const MODEL = "model.plan";

const MISSING =
  "Nothing has come from the microphone yet, not even silence: the browser’s sound does not run. Is there a loudspeaker or a headset?";

const byId = (id) => document.getElementById(id);
const isStill = matchMedia("(prefers-reduced-motion: reduce)");

let model;
let facts;
let names;
let hop;
let session = null; // the latest, which may have ended
let isListening = false;
let spectrogram;
let files; // a promise of a model for recordings, in a worker of its own
const recordings = [];
const timeline = new Timeline(byId("timeline"));
const bars = new Bars(byId("bars"));

function tell(problem) {
  byId("problem").textContent = problem;
  byId("problem").hidden = !problem;
}

/** Do something, and tell what is wrong if it fails. */
async function trying(work) {
  try {
    await work();
  } catch (error) {
    tell(error.message);
  }
}

// -- The model ----------------------------------------------------------------------------------------------------

async function begin() {
  byId("engine").textContent = "Loading the model …";
  const response = await fetch("page.json").catch(() => null);
  if (!response?.ok) throw new Error("The page is not whole: page.json cannot be loaded. Is there a network?");
  facts = await response.json();
  model = await loadInWorker(MODEL).catch((error) => {
    throw new Error(`The model cannot be loaded: ${error.message}.`);
  });
  chooseLanguage();
  hop = await suitableHop();
  spectrogram = new Spectrogram(byId("spectrogram"), facts);
  byId("listen").disabled = false;
  showEngine();
  requestAnimationFrame(draw);
  await listMicrophones(byId("device"));
}

/** Return how often this device can run the model; kernels run at their full speed after some windows. */
async function suitableHop() {
  const samples = new Float32Array(8 * model.windowSamples);
  const options = { hop: model.window };
  await model.classify(samples, options);
  const start = performance.now();
  const { windows } = await model.classify(samples, options);
  const each = (performance.now() - start) / windows.length;
  return HOPS.find(([seconds, most]) => each < most && seconds <= model.window)?.[0] ?? model.window;
}

function chooseLanguage() {
  const languages = languagesOf(model.heads);
  const menu = byId("language");
  menu.replaceChildren(...languages.map((locale) => new Option(languageName(locale), locale)));
  menu.value = bestLanguage(languages, navigator.languages);
  byId("language-field").hidden = languages.length < 2;
  renameClasses();
}

function renameClasses() {
  names = new Names(model.heads, byId("language").value);
  names.filter(byId("filter").value);
  showAgain();
}

function showEngine() {
  const speed = session?.cost ? `, in ${session.cost.toFixed(1)} ms, ${(1_000 * session.delay).toFixed(0)} ms after the sound` : "";
  byId("engine").textContent = `${model.lowering}: a window every ${hop} s${speed}`;
}

// -- Listening ----------------------------------------------------------------------------------------------------

async function start() {
  tell("");
  spectrogram.reset();
  timeline.reset();
  bars.reset();
  const mine = new Session(model, hop, threshold(), ({ logMel, start: at }) => {
    if (!at) tell("");
    spectrogram.add(logMel, at + lengthOf(logMel));
  });
  session = mine;
  await mine.start(byId("device").value, (problem) => {
    if (session === mine && isListening) trying(stop).then(() => tell(problem));
  });
  isListening = true;
  showListening();
  setTimeout(() => session === mine && isListening && !mine.heard && tell(MISSING), PATIENCE);
  await listMicrophones(byId("device"));
  showSound();
}

async function stop() {
  isListening = false;
  showListening();
  await session.stop();
  showEvents();
}

/** Begin again with windows that begin less often, where a device is slower than it was at first. */
async function goSlower() {
  const slower = HOPS.map(([seconds]) => seconds).find((seconds) => seconds > hop && seconds <= model.window);
  if (!slower || byId("listen").disabled) return;
  hop = slower;
  await again();
}

async function again() {
  await toggle();
  await toggle();
}

/** Return how long the frames of a patch are, in seconds. */
function lengthOf(patch) {
  return (patch.length / (facts.bandHz.length || 1)) * facts.frameHop;
}

async function toggle() {
  const button = byId("listen");
  const hadFocus = document.activeElement === button;
  button.disabled = true;
  await trying(isListening ? stop : start);
  button.disabled = false;
  if (hadFocus) button.focus();
}

function showListening() {
  byId("listen").classList.toggle("on", isListening);
  byId("listen-text").textContent = isListening ? "Stop" : "Start listening";
  if (!isListening) showLevel(-120);
}

function showSound() {
  const { rows, changed } = session.microphone.facts(model.sampleRate);
  byId("sound").replaceChildren(...rows.flatMap(([name, text]) => [term("dt", name), term("dd", text)]));
  if (changed.length) {
    byId("sound").append(term("dt", "Mind"), term("dd", `The browser changes the sound by ${changed.join(", ").toLowerCase()}: scores can differ.`));
  }
}

function term(kind, text) {
  return Object.assign(document.createElement(kind), { textContent: text });
}

// -- What is shown ------------------------------------------------------------------------------------------------

let drawn = 0; // time of the latest texts, which change less often than pictures
let listed = ""; // what the table of events says
const none = byId("events").firstElementChild; // its row where there are none
let saidAt = 0; // when something was read out
let inProgress = new Set(); // events at the latest look
const unsaid = new Set(); // events that have begun since something was read out

function draw(now) {
  requestAnimationFrame(draw);
  if (!session) {
    spectrogram.draw(0);
    return timeline.draw([], 0);
  }
  session.glide(now, !isStill.matches);
  spectrogram.draw(session.shown);
  timeline.draw(wantedEvents(), session.shown);
  if (session.scores) bars.show(names.classes, session.scores, (one) => names.isWanted(one), threshold());
  if (isListening) showLevel(session.microphone.level);
  if (now - drawn < 500) return;
  drawn = now;
  if (isListening) {
    showEngine();
    showEvents();
    sayNew(now);
    if (session.delay > LATE) goSlower();
  }
}

function wantedEvents() {
  return session.all.map((event) => ({ ...event, ...pick(names.of(event)) })).filter((event) => names.isWanted(event));
}

function pick({ shown }) {
  return { shown };
}

function showLevel(dbfs) {
  const [meter, shown] = [byId("level"), Math.round(Math.min(0, Math.max(-60, dbfs)))];
  meter.style.setProperty("--level", (shown + 60) / 60);
  meter.ariaValueNow = shown;
  byId("level-text").textContent = dbfs <= -119 ? "silent" : `${Math.round(dbfs)} dBFS`;
}

function showEvents() {
  const events = session ? wantedEvents() : [];
  for (const id of ["save-csv", "save-audacity"]) byId(id).disabled = !events.some(({ isOpen }) => !isOpen);
  const rows = events.slice(-MOST_ROWS).reverse().map((event) => eventRow(event, names));
  const text = rows.map((row) => row.innerText).join();
  if (text === listed) return; // what a reader has marked stays so
  listed = text;
  byId("events").replaceChildren(...(rows.length ? rows : [none]));
}

/** Let a screen reader say which sounds have begun, not more often than it can be listened to. */
function sayNew(now) {
  const open = new Set(wantedEvents().filter(({ isOpen }) => isOpen).map(({ shown }) => shown));
  for (const shown of open) if (!inProgress.has(shown)) unsaid.add(shown);
  inProgress = open;
  if (!unsaid.size || now - saidAt < PAUSE) return;
  saidAt = now;
  byId("said").textContent = [...unsaid].join(", ");
  unsaid.clear();
}

function showAgain() {
  if (session) showEvents();
  for (const recording of recordings) recording.show(names, threshold());
}

function threshold() {
  return Number(byId("threshold").value);
}

// -- Recordings ---------------------------------------------------------------------------------------------------

async function hear(chosen) {
  tell("");
  if (!model) return tell("The model is not loaded yet.");
  files ??= loadInWorker(MODEL);
  const hearing = await files;
  for (const file of chosen) {
    const recording = new Recording(file, hearing, byId("results"));
    recordings.push(recording);
    await recording.hear(names, threshold());
  }
}

// -- Events of the page -------------------------------------------------------------------------------------------

byId("listen").addEventListener("click", toggle);
byId("device").addEventListener("change", () => isListening && again());
byId("threshold").addEventListener("input", () => {
  byId("threshold-text").textContent = threshold().toFixed(2);
  if (isListening) session.setThreshold(threshold());
  showAgain();
});
byId("filter").addEventListener("input", (event) => {
  names?.filter(event.target.value);
  showAgain();
});
byId("language").addEventListener("change", renameClasses);
for (const form of ["csv", "audacity"]) {
  byId(`save-${form}`).addEventListener("click", () => {
    saveAs(form, "microphone", wantedEvents().filter(({ isOpen }) => !isOpen), model.heads);
  });
}
byId("file").addEventListener("change", (event) => {
  trying(() => hear([...event.target.files])).then(() => (event.target.value = ""));
});
for (const kind of ["dragenter", "dragover"]) {
  addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
}
for (const kind of ["dragleave", "drop"]) addEventListener(kind, () => document.body.classList.remove("dropping"));
addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length) trying(() => hear([...event.dataTransfer.files]));
});
navigator.mediaDevices?.addEventListener?.("devicechange", () => listMicrophones(byId("device")));

byId("threshold-text").textContent = threshold().toFixed(2);
navigator.serviceWorker?.register("service-worker.js").catch(() => {}); // private windows have none: the page works online
await trying(begin);

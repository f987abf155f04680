/** A microphone as a source of samples, and what a browser does to its sound. */

/** What a browser may do to sound, by the name of its setting: all of it changes scores. */
const CHANGES = {
  echoCancellation: "Echo cancelling",
  noiseSuppression: "Noise suppression",
  autoGainControl: "Automatic gain",
  voiceIsolation: "Voice isolation",
};

const OFF = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

const PROBLEMS = {
  NotAllowedError: "The browser was not allowed to use the microphone: allow it in the settings of this page, and start again.",
  NotFoundError: "No microphone was found: connect one, and start again.",
  NotReadableError: "The microphone cannot be opened: another program may be using it.",
  OverconstrainedError: "The microphone that was chosen is not there any more: choose another one.",
  SecurityError: "The settings of this browser forbid pages the use of a microphone.",
};

/** What cannot be heard, as a sentence. */
export class MicrophoneError extends Error {}

/** Open a microphone, the default one if its id is empty. */
export async function openMicrophone(deviceId, sampleRate) {
  if (!globalThis.isSecureContext) {
    throw new MicrophoneError("Browsers give a microphone only to pages of https:// addresses, or of this machine (localhost).");
  }
  if (!navigator.mediaDevices?.getUserMedia) throw new MicrophoneError("This browser gives pages no microphone.");
  const audio = deviceId ? { ...OFF, deviceId: { exact: deviceId } } : OFF;
  const stream = await navigator.mediaDevices.getUserMedia({ audio }).catch((error) => {
    throw new MicrophoneError(PROBLEMS[error.name] ?? `The microphone cannot be opened: ${error.message}`);
  });
  try {
    return new Microphone(stream, ...connected(stream, sampleRate));
  } catch (error) {
    for (const track of stream.getTracks()) track.stop();
    throw error;
  }
}

/** Return a context, of the rate that is wanted if the browser resamples to it, and the microphone as its node. */
function connected(stream, sampleRate) {
  let context;
  try {
    context = new AudioContext({ sampleRate });
    return [context, context.createMediaStreamSource(stream)];
  } catch (error) {
    if (error.name !== "NotSupportedError") throw error;
    context?.close();
    context = new AudioContext();
    return [context, context.createMediaStreamSource(stream)];
  }
}

export class Microphone {
  #stream;
  #analyser;
  #block;

  constructor(stream, context, node) {
    this.#stream = stream;
    this.context = context;
    this.node = node;
    this.#analyser = new AnalyserNode(context, { fftSize: 2_048 });
    this.#block = new Float32Array(this.#analyser.fftSize);
    node.connect(this.#analyser);
  }

  get track() {
    return this.#stream.getAudioTracks()[0];
  }

  /** Level of the last moment, in dBFS. */
  get level() {
    this.#analyser.getFloatTimeDomainData(this.#block);
    const power = this.#block.reduce((sum, sample) => sum + sample * sample, 0) / this.#block.length;
    return Math.max(-120, 10 * Math.log10(power));
  }

  /** What is known of the sound: pairs of a name and a text, and whether the browser changes it. */
  facts(sampleRate) {
    const settings = this.track.getSettings();
    const changes = Object.entries(CHANGES)
      .filter(([name]) => name in settings || name in OFF)
      .map(([name, text]) => [text, name in settings ? settings[name] !== false : null]);
    const rates = [settings.sampleRate, this.context.sampleRate].filter(Boolean);
    const way = rates.at(-1) === sampleRate ? rates : [...rates, sampleRate];
    const path = [...new Set(way)].map((rate) => `${rate.toLocaleString("en").replace(",", " ")} Hz`).join(" → ");
    const resampled = this.context.sampleRate === sampleRate ? "" : ", by this page";
    return {
      rows: [
        ["Microphone", this.track.label || "without a name"],
        ["Sample rate", way[0] === sampleRate ? path : `${path}${resampled || ", by the browser"}`],
        ...changes.map(([text, isOn]) => [text, isOn === null ? "not stated" : isOn ? "on" : "off"]),
      ],
      changed: changes.filter(([, isOn]) => isOn).map(([text]) => text),
    };
  }

  close() {
    this.node.disconnect();
    for (const track of this.#stream.getTracks()) track.stop();
    return this.context.close();
  }
}

/** Show the microphones that there are, with their names once the browser tells them, in a menu. */
export async function listMicrophones(menu) {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  const chosen = menu.value;
  const inputs = devices.filter(({ kind, deviceId, label }) => kind === "audioinput" && label && deviceId && deviceId !== "default");
  menu.replaceChildren(new Option("Default", ""), ...inputs.map(({ label, deviceId }) => new Option(label, deviceId)));
  menu.value = inputs.some(({ deviceId }) => deviceId === chosen) ? chosen : "";
}

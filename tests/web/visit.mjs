/** Visits an exported page as a person would, and answers what was found; `given` comes as JSON by standard input. */
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const given = JSON.parse(readFileSync(0, "utf8"));
const require = createRequire(import.meta.url); // heeds NODE_PATH
const puppeteer = require("puppeteer-core");

const isFirefox = given.browser === "firefox";
const CHROMIUM = [
  "--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update",
  "--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${given.microphone}%noloop`,
  "--host-resolver-rules=MAP far.test 127.0.0.1", `--log-net-log=${join(given.folder, "net.json")}`,
];
const FIREFOX = { "media.navigator.streams.fake": !given.event, "media.navigator.permission.disabled": true };
const found = {};

/** In the page: keep what goes from the microphone to the worker, and what comes back, since it was started last. */
function eavesdrop() {
  const Real = MessageChannel;
  let channels = 0;
  window.MessageChannel = class {
    constructor() {
      const [near, far] = [new Real(), new Real()];
      if (channels++ % 2 === 0) window.heard = []; // the first of two, that of the samples
      const { heard } = window;
      near.port2.onmessage = ({ data }) => {
        heard.push(data);
        far.port1.postMessage(data);
      };
      far.port1.onmessage = ({ data }) => {
        heard.push(data);
        near.port2.postMessage(data);
      };
      this.port1 = near.port1;
      this.port2 = far.port2;
    }
  };
}

/** In the page: return samples and scores, as base64 of their floats. */
async function overheard() {
  const base64 = async (parts) => {
    const reader = new FileReader();
    reader.readAsDataURL(new Blob(parts));
    await new Promise((resolve) => (reader.onload = resolve));
    return reader.result.replace(/.*,/, "");
  };
  const windows = window.heard.flatMap((data) => data?.result?.windows ?? []);
  return {
    samples: await base64(window.heard.filter((data) => data instanceof Float32Array)),
    scores: await base64(windows.map(({ scores }) => scores)),
    starts: windows.map(({ start }) => start),
  };
}

const textOf = (page, selector) => page.$eval(selector, (element) => element.innerText);
const until = (page, test, ...rest) => page.waitForFunction(test, { timeout: 30_000, polling: 100 }, ...rest);
const isReady = (page) => page.waitForSelector("#listen:not([disabled])", { timeout: 60_000 });
const seconds = (count) => new Promise((resolve) => setTimeout(resolve, 1_000 * count));

/** Open a page, as `change` makes it before it loads. */
async function open(context, address, change) {
  const page = await context.newPage();
  page.on("pageerror", (error) => (found.errors ??= []).push(error.message));
  page.on("console", (said) => said.text().includes("Content Security") && (found.errors ??= []).push(said.text()));
  if (change) await page.evaluateOnNewDocument(change);
  await page.goto(address);
  return page;
}

async function violations(page) {
  const results = [];
  for (const scheme of ["light", "dark"]) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.evaluate(readFileSync(require.resolve("axe-core/axe.min.js"), "utf8"));
    const { violations: wrong, passes } = await page.evaluate(() => axe.run());
    results.push(...wrong.map(({ id, nodes }) => `${scheme}: ${id}: ${nodes.map(({ html }) => html).join(" ").slice(0, 300)}`));
    found.rules = passes.length;
  }
  return results;
}

/** Serve a page by the command, and return its address and the process. */
async function served(command) {
  const server = spawn(command[0], command.slice(1), { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(server.stdout, "data");
  return [String(line).split(" ")[0], server];
}

async function listen(page) {
  await page.focus("#listen");
  await page.keyboard.press("Enter");
  await until(page, () => document.querySelector("#listen-text").textContent === "Stop");
}

// -- Visits -------------------------------------------------------------------------------------------------------

/** A first visit: the microphone, from the beginning of an event to its end. */
async function live(page) {
  await isReady(page);
  found.idle = given.axe ? await violations(page) : [];
  await page.evaluate(() => {
    const place = document.querySelector("#said");
    window.said = [];
    new MutationObserver(() => window.said.push(place.textContent)).observe(place, { childList: true });
  });
  await listen(page);
  if (given.event) {
    await until(page, (name) => [...document.querySelectorAll("#events tr")].some((row) => row.innerText.includes(name) && row.innerText.includes("…")), given.event);
    found.bars = await page.$$eval("#bars li", (rows) => rows.map((row) => [row.innerText, row.className]));
    await until(page, (name) => [...document.querySelectorAll("#events tr")].some((row) => row.innerText.includes(name) && !row.innerText.includes("…")), given.event);
    await until(page, (name) => window.said.some((text) => text.includes(name)), given.event);
    found.problem = await textOf(page, "#problem");
    found.said = await page.evaluate(() => window.said);
    await page.type("#filter", "no such class");
    await until(page, () => document.querySelector("#events").innerText.startsWith("None yet"));
    await page.$eval("#filter", (field) => (field.value = ""));
    await page.type("#filter", " ");
  } else {
    // Firefox has no clock for sound where the machine has no loudspeaker.
    await until(page, () => window.heard.filter((data) => data?.result).length > 20 || document.querySelector("#problem").innerText);
    found.problem = await textOf(page, "#problem");
  }
  found.facts = await textOf(page, "#sound");
  found.engine = await textOf(page, "#engine");
  found.painted = await page.$eval("#spectrogram", (canvas) => {
    const { data } = canvas.getContext("2d").getImageData(canvas.width / 2, 0, canvas.width / 4, canvas.height);
    return new Set(data).size;
  });
  await page.focus("#listen");
  await page.keyboard.press("Enter");
  await until(page, () => document.querySelector("#listen-text").textContent !== "Stop");
  await seconds(0.3);
  Object.assign(found, await page.evaluate(overheard));
}

async function recordings(page) {
  const input = await page.$("#file");
  await input.uploadFile(...given.files);
  await until(page, (count) => document.querySelectorAll("article ol, article .wrong").length === count, given.files.length);
  found.recordings = await page.$$eval("article", (cards) => cards.map((card) => card.innerText));
  if (given.axe) {
    found.full = await violations(page);
    const client = await page.createCDPSession();
    await client.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: given.folder });
    for (const button of await page.$$("article:last-of-type button")) await button.click();
    while (!given.saved.every((name) => existsSync(join(given.folder, name)))) await seconds(0.1);
    await page.setViewport({ width: 400, height: 800 });
    found.width = await page.evaluate(() => document.documentElement.scrollWidth);
    await page.setViewport({ width: 1280, height: 800 });
    found.tabs = [];
    await page.evaluate(() => document.activeElement.blur());
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press("Tab");
      found.tabs.push(await page.evaluate(() => document.activeElement.id));
    }
  }
}

/** What is said where something is wrong. */
async function troubles(browser, address) {
  const refusing = await browser.createBrowserContext();
  await refusing.overridePermissions(address, []);
  const page = await open(refusing, address);
  await isReady(page);
  await page.click("#listen");
  await page.waitForSelector("#problem:not([hidden])");
  found.refused = await textOf(page, "#problem");
  found.again = await page.$eval("#listen", (button) => [button.disabled, button.innerText]);

  // Any static server; one name is this machine's, the other that of a host without HTTPS.
  const types = { html: "text/html", js: "text/javascript", css: "text/css", svg: "image/svg+xml", wasm: "application/wasm" };
  const server = createServer(({ url }, response) => {
    const path = join(given.page, url === "/" ? "index.html" : url);
    if (!existsSync(path) || url === given.missing) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": types[path.split(".").at(-1)] ?? "application/octet-stream" });
    response.end(readFileSync(path));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const far = await open(refusing, `http://far.test:${server.address().port}/`);
  await isReady(far);
  await far.click("#listen");
  await far.waitForSelector("#problem:not([hidden])");
  found.insecure = await textOf(far, "#problem");
  given.missing = "/model.plan";
  const bare = await open(refusing, `http://127.0.0.1:${server.address().port}/`);
  await bare.waitForSelector("#problem:not([hidden])");
  found.missing = await textOf(bare, "#problem");
  await refusing.close();
  server.closeAllConnections();
  server.close();
}

const browser = await puppeteer.launch({
  browser: given.browser,
  executablePath: given.program,
  args: isFirefox ? [] : CHROMIUM,
  extraPrefsFirefox: FIREFOX,
});
let [address, server] = await served(given.command);
try {
  const context = browser.defaultBrowserContext();
  if (!isFirefox) await context.overridePermissions(address, ["microphone"]);
  const page = await open(context, address, eavesdrop);
  await live(page);
  await recordings(page);
  if (!isFirefox) {
    await page.evaluate(() => navigator.serviceWorker.ready);
    await until(page, () => Boolean(navigator.serviceWorker.controller));
    await troubles(browser, address);
  }
  server.kill("SIGINT");
  [found.exit] = await once(server, "exit");
  if (!isFirefox) {
    await page.reload();
    await isReady(page);
    found.offline = [await textOf(page, "#engine"), await textOf(page, "#problem")];
    [address, server] = await served(given.other.map((word) => word.replace("PORT", new URL(address).port))); // another model, where the page was
    const other = await open(context, address, () => Object.defineProperty(navigator, "languages", { value: ["fr-CH", "de-AT"] }));
    await isReady(other);
    found.other = [await textOf(other, "#model"), await textOf(other, "#language")];
    found.language = await other.$eval("#language", ({ value }) => value);
    await (await other.$("#file")).uploadFile(given.files.at(-1));
    await until(other, () => document.querySelector("article ol"));
    found.translated = await textOf(other, "article ol");
  }
} finally {
  server.kill();
  await browser.close();
}
if (!isFirefox) {
  const { constants, events } = JSON.parse(readFileSync(join(given.folder, "net.json"), "utf8"));
  const started = constants.logEventTypes.URL_REQUEST_START_JOB;
  const asked = events.filter(({ type, params }) => type === started && params?.initiator?.startsWith("http"));
  found.asked = [...new Set(asked.map(({ params }) => new URL(params.url).origin))];
  found.askedFor = asked.length;
}
process.stdout.write(JSON.stringify(found));

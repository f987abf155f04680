/** Keeps the page for when there is no network: one version of it, whole, proven by the digests of its files. */

const VERSION = "yamjit @VERSION@";

/** Address of each file, below this one's, and its SHA-256 as a page's `integrity` has it. */
const FILES = @FILES@;

const HOME = "index.html";

/** Milliseconds after which a network that does not answer counts as none. */
const PATIENCE = 3_000;

/** Whether the network has shown another version of the page: this one then keeps out of its way. */
let isOutdated = false;

self.addEventListener("install", (event) => event.waitUntil(keep().then(() => self.skipWaiting())));
self.addEventListener("activate", (event) => event.waitUntil(takeOver()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const name = nameOf(request.url);
  if (request.method !== "GET" || !(name in FILES)) return;
  if (request.mode === "navigate") event.respondWith(navigated(request));
  else if (!isOutdated) event.respondWith(kept(name).then((found) => found ?? fetch(request)));
});

/** Return the name of a file of the page, given its address. */
function nameOf(address) {
  const [folder, wanted] = [new URL("./", self.location).href, address.replace(/[?#].*/, "")];
  return wanted === folder ? HOME : wanted.startsWith(folder) ? wanted.slice(folder.length) : "";
}

async function kept(name) {
  return (await caches.open(VERSION)).match(new URL(name, self.location));
}

/** Keep all files: what the browser has of them, unless a digest differs. */
async function keep() {
  const cache = await caches.open(VERSION);
  await Promise.all(Object.entries(FILES).map(async ([name, integrity]) => {
    const address = new URL(name, self.location);
    const get = (how) => fetch(address, { cache: how, integrity });
    await cache.put(address, await get("force-cache").catch(() => get("reload")));
  }));
}

/** Forget other versions of this page, and serve pages that are open; other pages of the same host are not touched. */
async function takeOver() {
  const here = new URL("./", self.location).href;
  for (const name of await caches.keys()) {
    if (name === VERSION || !name.startsWith("yamjit ")) continue;
    const [first] = await (await caches.open(name)).keys();
    if (!first || new URL("./", first.url).href.startsWith(here)) await caches.delete(name);
  }
  await self.clients.claim();
}

/** Return the page as the network has it, else as it was kept. */
async function navigated(request) {
  const home = await kept(HOME);
  try {
    const found = await fetch(request, { signal: AbortSignal.timeout(PATIENCE) });
    if (!found.ok) return home ?? found;
    isOutdated = !home || (await found.clone().text()) !== (await home.clone().text());
    return found;
  } catch (error) {
    isOutdated = false;
    if (home) return home;
    throw error;
  }
}

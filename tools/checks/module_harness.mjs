// node module_harness.mjs MODULE: runs calls of a module of WebAssembly, as library_harness.c does those of a library.
import fs from "node:fs";

const GUARD = 4096, FILL = 0xA5, ALIGNMENT = 64, ARGUMENTS = 18, PAGE = 65536;
const NAMES = ["run_steps", "log_mel", "check_plan", "digest", "turn"];

function fail(what, call, buffer) {
  process.stderr.write(`${what} (call ${call}, buffer ${buffer})\n`);
  process.exit(1);
}

const module = new WebAssembly.Module(fs.readFileSync(process.argv[2]));
const imports = WebAssembly.Module.imports(module).map(({ module, name, kind }) => `${module}.${name} ${kind}`);
if (imports.join() !== "env.memory memory") fail(`the module imports ${imports}`, -1, -1);
const memory = new WebAssembly.Memory({ initial: 2 });
const { exports } = new WebAssembly.Instance(module, { env: { memory } });

const input = fs.readFileSync(0), view = new DataView(input.buffer, input.byteOffset, input.length);
let at = 0;
const take = () => Number(view.getBigInt64((at += 8) - 8, true));
const counts = [take(), take()];
const sizes = Array.from({ length: counts[0] }, take);
const calls = Array.from({ length: counts[1] }, () => ({
  entry: take(),
  result: take(),
  arguments: Array.from({ length: ARGUMENTS }, () => [take(), take()]),
}));

const aligned = (place) => Math.ceil(place / ALIGNMENT) * ALIGNMENT;
let end = aligned(exports.__heap_base.value);
const places = sizes.map((size) => {
  const place = end + GUARD;
  end = aligned(place + size + GUARD);
  return place;
});
memory.grow(Math.max(0, Math.ceil((end - memory.buffer.byteLength) / PAGE)));
const bytes = new Uint8Array(memory.buffer);
bytes.fill(FILL, places[0] - GUARD, end);
sizes.forEach((size, b) => bytes.set(input.subarray(at, (at += size)), places[b]));
if (at > input.length) fail("the input ends early", -1, -1);

const isWhole = (start) => bytes.subarray(start, start + GUARD).every((byte) => byte === FILL);
calls.forEach(({ entry, result, arguments: given }, c) => {
  const called = exports[NAMES[entry]];
  const values = given.slice(0, called.length).map(([buffer, value]) => value + (buffer < 0 ? 0 : places[buffer]));
  if (called(...values)) fail("stopped", c, -1);
  sizes.forEach((size, b) => {
    if (!isWhole(places[b] - GUARD)) fail("wrote before", c, b);
    if (!isWhole(places[b] + size)) fail("wrote behind", c, b);
  });
  const found = bytes.subarray(places[result], places[result] + sizes[result]);
  for (let done = 0; done < found.length; ) done += fs.writeSync(1, found, done);
});

// node relaxed_dot.mjs: says what this engine's relaxed dot products are, "lossy" where they are missing or of no use.
import { relaxedKind } from "../../src/yamjit/deploy/web/lowering.js";

console.log((await relaxedKind()) ?? "lossy");

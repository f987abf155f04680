/** Which kernels run: WebAssembly leaves open what a relaxed dot product does with bytes, so that each engine is asked. */

/**
 * A module with `dot(w, x)`: the first lane of i32x4.relaxed_dot_i8x16_i7x16_add_s, of vectors that are full of the byte w
 * and of the byte x, and of zeros. Engines without the instruction do not compile it.
 */
const ASKING = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // magic and version
  ...[1, 7, 1, 0x60, 2, 0x7f, 0x7f, 1, 0x7f], // type 0: (i32, i32) -> i32
  ...[3, 2, 1, 0], // function 0 is of type 0
  ...[7, 7, 1, 3, 0x64, 0x6f, 0x74, 0, 0], // and exported as "dot"
  ...[10, 22, 1, 20, 0], // its code
  ...[0x20, 0, 0xfd, 0x0f, 0x20, 1, 0xfd, 0x0f, 0x41, 0, 0xfd, 0x11], // i8x16.splat(w), i8x16.splat(x), i32x4.splat(0)
  ...[0xfd, 0x93, 2, 0xfd, 0x1b, 0, 0x0b], // the product, and its first lane
);

/**
 * Return what this engine's relaxed dot products are: "signed" or "unsigned", by how they see x, where they are exact;
 * "short" where they see it signed and are exact but for w = x = -128, of which two products overflow 16 bits; else null.
 */
export async function relaxedKind() {
  if (!WebAssembly.validate(ASKING)) return null;
  const { instance } = await WebAssembly.instantiate(ASKING);
  const { dot } = instance.exports;
  const bytes = Array.from({ length: 256 }, (_, i) => i - 128);
  const isExact = (seen, weights) => weights.every((w) => bytes.every((x) => dot(w, x) === 4 * w * seen(x)));
  if (isExact((x) => x & 255, bytes)) return "unsigned";
  if (!isExact((x) => x, bytes.slice(1))) return null;
  return isExact((x) => x, [-128]) ? "signed" : "short";
}

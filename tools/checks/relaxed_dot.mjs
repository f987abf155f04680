// node relaxed_dot.mjs: says what this engine's relaxed dot product computes. It may take the bytes of one factor as signed
// or as unsigned, and it may lose what passes 16 bits on the way; nothing but trying tells.

/**
 * (module (func (export "dot") (param $w i32) (param $x i32) (result i32)
 *   (i32x4.extract_lane 0
 *     (i32x4.relaxed_dot_i8x16_i7x16_add_s
 *       (i8x16.splat (local.get $w)) (i8x16.splat (local.get $x)) (v128.const i32x4 0 0 0 0)))))
 */
const PROBE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // magic, version
  ...[1, 7, 1, 0x60, 2, 0x7f, 0x7f, 1, 0x7f], // a type: two i32 give one
  ...[3, 2, 1, 0], // a function of it
  ...[7, 7, 1, 3, 0x64, 0x6f, 0x74, 0, 0], // exported as "dot"
  ...[0x0a, 0x24, 1, 0x22, 0], // its code, without locals
  ...[0x20, 0, 0xfd, 0x0f], // i8x16.splat $w
  ...[0x20, 1, 0xfd, 0x0f], // i8x16.splat $x
  ...[0xfd, 0x0c, ...new Array(16).fill(0)], // v128.const
  ...[0xfd, 0x93, 0x02], // i32x4.relaxed_dot_i8x16_i7x16_add_s
  ...[0xfd, 0x1b, 0], // i32x4.extract_lane 0
  0x0b,
);

const BYTES = [-128, -127, -65, -64, -2, -1, 0, 1, 2, 63, 64, 126, 127];

/** Return "signed" or "unsigned", whichever bytes the product is exact for; "lossy" if for neither, "none" without one. */
function relaxedDot() {
  if (!WebAssembly.validate(PROBE)) return "none";
  const { dot } = new WebAssembly.Instance(new WebAssembly.Module(PROBE)).exports;
  const isExact = (meant) => BYTES.every((w) => BYTES.every((x) => dot(w, x) === 4 * w * meant(x)));
  if (isExact((x) => x)) return "signed";
  return isExact((x) => x & 255) ? "unsigned" : "lossy";
}

console.log(relaxedDot());

// Arrays of numbers as assets.py packs them: base64 of little-endian bytes.

const KINDS = { f4: Float32Array, f8: Float64Array, i1: Int8Array, i2: Int16Array, i4: Int32Array, u1: Uint8Array, u2: Uint16Array };

export function unpacked(text, kind) {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  return new KINDS[kind](bytes.buffer);
}

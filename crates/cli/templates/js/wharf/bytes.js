// Text and bytes. The engine has no TextEncoder and no atob.

/** Text as UTF-8. Halves of pairs that are no character become U+FFFD. */
export function encode(text) {
  const escaped = unescape(encodeURIComponent(String(text).toWellFormed()));
  const bytes = new Uint8Array(escaped.length);
  for (let i = 0; i < escaped.length; i++) bytes[i] = escaped.charCodeAt(i);
  return bytes;
}

/** UTF-8 as text. Throws an Error when the bytes are none. */
export function decode(bytes) {
  let escaped = "";
  // In parts: a call can take only so many arguments.
  for (let at = 0; at < bytes.length; at += 4096) {
    escaped += String.fromCharCode.apply(null, bytes.subarray(at, at + 4096));
  }
  try {
    return decodeURIComponent(escape(escaped));
  } catch {
    throw new Error("the bytes are not UTF-8");
  }
}

/** UTF-8 as text; what is none becomes U+FFFD, byte by byte. */
export function decodeLossy(bytes) {
  try {
    return decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => (byte < 128 ? String.fromCharCode(byte) : "\ufffd")).join("");
  }
}

/** Text as its UTF-8, bytes as they are. */
export const toBytes = (value) => (typeof value === "string" ? encode(value) : Uint8Array.from(value));

/** A value as the bytes of its JSON. */
export const jsonBytes = (value) => encode(JSON.stringify(value));

/** Several pieces as one. */
export function joined(pieces) {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Bytes (or text) as base64, with padding. */
export function toBase64(value) {
  const bytes = toBytes(value);
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const [a, b = 0, c = 0] = bytes.subarray(at, at + 3);
    const bits = (a << 16) | (b << 8) | c;
    const four = [18, 12, 6, 0].map((shift) => DIGITS[(bits >> shift) & 63]);
    text += four.join("").slice(0, Math.min(3, bytes.length - at) + 1).padEnd(4, "=");
  }
  return text;
}

/** The bytes of base64 with padding. Throws an Error when the text is none. */
export function fromBase64(text) {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw new Error("the text is not base64");
  const digits = text.replace(/=+$/, "");
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4));
  for (let at = 0, bits = 0, kept = 0, digit = 0; digit < digits.length; digit++) {
    bits = ((bits << 6) | DIGITS.indexOf(digits[digit])) & 0xffff;
    kept += 6;
    if (kept >= 8) bytes[at++] = (bits >> (kept -= 8)) & 255;
  }
  return bytes;
}

// Chance. `Math.random` gives the same numbers in each life of the process: what it starts from is settled when the package
// is built.

import entropy from "wasi:random/random@0.2.0";

/** Bytes that nobody can foresee. */
export const randomBytes = (length) => Uint8Array.from(entropy.getRandomBytes(length));

/** A number from 0 to 1, without 1, that nobody can foresee. */
export const random = () => randomBytes(4).reduce((sum, byte) => sum * 256 + byte, 0) / 2 ** 32;

// Computes Fibonacci numbers for whoever asks: {"Number":10} is answered with {"Number":55}.

import { Refused, Response, Service } from "./wharf.js";

// The largest that fits 64 bits.
const LAST = 93;

export function init(our) {
  new Service()
    .on("Number", (place) => {
      if (!Number.isInteger(place) || place < 0) throw new Refused(`${place} is no place of a number`);
      if (place > LAST) throw new Refused(`${place} is too large: the last number that fits is ${LAST}`);
      // Numbers of JavaScript are exact up to 2^53 only, so the answer is written by hand.
      return new Response().body(`{"Number":${fibonacci(place)}}`);
    })
    .serve();
}

function fibonacci(place) {
  let [number, next] = [0n, 1n];
  for (; place > 0; place--) [number, next] = [next, number + next];
  return number;
}

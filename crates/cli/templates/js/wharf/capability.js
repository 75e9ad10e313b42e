// What this process may do. A capability is `{ issuer, params }`: an address, and JSON text that the issuer gives a meaning to.
//
// A process holds one because it was granted, or because it saved one that came with a message. It shows it with
// `Request.capabilities`; the node's own modules need no showing, they ask the kernel.

import node from "kinode:process/standard@1.0.0";

import { fromCaps, fullAddress, sorted, toCaps } from "./address.js";

/** Params of the right to send messages. */
export const MESSAGING = '"messaging"';

/** Every capability this process holds. */
export const ours = () => fromCaps(node.ourCapabilities());

/** The capability of this issuer with these params, or null. Blanks and the order of keys do not matter. */
export function find(issuer, params) {
  const [from, wanted] = [fullAddress(issuer), sorted(params)];
  return ours().find((held) => held.issuer === from && sorted(held.params) === wanted) ?? null;
}

/** Keeps capabilities that came with a message, or that this process issues itself. The node leaves out all others. */
export const save = (capabilities) => node.saveCapabilities(toCaps(capabilities));

/** Gives capabilities up. */
export const drop = (capabilities) => node.dropCapabilities(toCaps(capabilities));

// What this process keeps over restarts and upgrades: one value, durable when `set` returns.

import node from "kinode:process/standard@1.0.0";

import { packageId } from "./address.js";
import { decode, jsonBytes } from "./bytes.js";
import { ask } from "./module.js";

/** The saved value, or `otherwise` when nothing was ever saved. Throws when what is saved is not JSON; it is left as it is. */
export function get(otherwise = null) {
  const bytes = getBytes();
  return bytes === null ? otherwise : JSON.parse(decode(bytes));
}

/** Saves a value as JSON. */
export const set = (value) => setBytes(jsonBytes(value));

/** The saved bytes, or null. */
export const getBytes = () => node.getState() ?? null;

/** Saves bytes. A process that cannot save is ended by the node, so that it never answers for what is not kept. */
export const setBytes = (bytes) => node.setState(bytes);

/** Forgets what was saved. */
export const clear = () => node.clearState();

/**
 * Forgets what the processes of a package saved, also those that are gone. This takes the capability `{"root":true}` of
 * `state:distro:sys`.
 */
export const clearPackage = (name) =>
  void ask("state", `forget what the processes of ${name} saved`, { DeletePackage: packageId(name) }, null, 30);

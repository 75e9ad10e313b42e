// Who we are, our children, and what happens when we end.

import node from "kinode:process/standard@1.0.0";

import { idText, our, ourPackage, parseId, toCaps } from "./address.js";
import { thrown } from "./message.js";

export { our, ourPackage };

/** What the node does when this process ends: "none", "restart" or "requests". */
export const onExit = () => node.getOnExit().tag;

/**
 * Changes what the node does when this process ends: "none", "restart", or a list of Requests that are sent in its name then.
 */
export const setOnExit = (what) => node.setOnExit(toOnExit(what));

function toOnExit(what) {
  if (!Array.isArray(what)) return { tag: what };
  return { tag: "requests", val: what.map((request) => [request.target, request.content, request.beside]) };
}

/** Why a child was not started. */
export class SpawnError extends Error {
  constructor(wasmPath, kind) {
    const why = kind === "name-taken" ? "a process of this name exists already" : "there is no component, or it may not be read";
    super(`start ${wasmPath}: ${why}`);
    this.name = "SpawnError";
    /** "name-taken" or "no-file-at-path". */
    this.kind = kind;
  }
}

/**
 * Starts a child in this package from a component in the vfs, for example `/chat:alice.os/pkg/worker.wasm`, and returns its id.
 *
 *   name       `[a-z0-9-]+`; without one the node chooses
 *   onExit     as for `setOnExit`; "none" by default
 *   give       capabilities that this process holds or issues, for the child
 *   grant      `[[process id, params], …]`: capabilities that the child issues, for others
 *   public     whether every process of the node may send it messages
 */
export function spawn(wasmPath, { name = null, onExit = "none", give = [], grant = [], public: isPublic = false } = {}) {
  const grants = grant.map(([holder, params]) => [parseId(holder), params]);
  try {
    return idText(node.spawn(name, wasmPath, toOnExit(onExit), toCaps(give), grants, isPublic));
  } catch (error) {
    const kind = thrown(error);
    if (typeof kind !== "string") throw error;
    throw new SpawnError(wasmPath, kind);
  }
}

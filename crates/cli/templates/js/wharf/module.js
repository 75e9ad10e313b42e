// Asking the node's modules.

import { Request } from "./request.js";

/** What a module said no with. */
export class ModuleError extends Error {
  constructor(tried, error) {
    const [kind, detail] = typeof error === "string" ? [error, null] : Object.entries(error)[0];
    super(`${tried}: ${detail === null ? kind : `${kind}: ${typeof detail === "string" ? detail : JSON.stringify(detail)}`}`);
    this.name = "ModuleError";
    /** The name of the reason, for example "KeyNotFound" or "IOError". */
    this.kind = kind;
    /** What is told with it, or null. */
    this.detail = detail;
  }
}

/**
 * Asks a module, and gives its answer. `tried` says in an error what was tried; `bytes` (or text, or
 * `{ mime, content }`) go beside the request, none for null. Throws a ModuleError when it says no, and a SendError when it does not answer.
 */
export function ask(module, tried, action, bytes, seconds) {
  const request = Request.toModule(module).json(action);
  if (bytes?.mime) request.blob(bytes.content, bytes.mime);
  else if (bytes !== null) request.blob(bytes);
  const answer = request.sendAndAwaitResponse(seconds).json();
  if (answer?.Err !== undefined) throw new ModuleError(tried, answer.Err);
  return answer;
}

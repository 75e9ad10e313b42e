// Which paths come to this process.

import { ask } from "./module.js";

const TIMEOUT_S = 10;

/** Asks for an action of docs/reference/http-server.md. */
export const perform = (tried, action, bytes = null, seconds = TIMEOUT_S) =>
  void ask("http-server", tried, action, bytes, seconds);

// From the one that protects least to the one that protects most: being logged in does more than being near.
const ACCESS = ["anyone", "this-machine", "logged-in"];

/** What the server is told of who may see a path. Throws for anything else. */
export function rules(access) {
  if (!ACCESS.includes(access)) throw new Error(`access is one of ${ACCESS.join(", ")}, not ${access}`);
  return { authenticated: access === "logged-in", local_only: access === "this-machine" };
}

/** Of two, the one that protects more. */
export const stricter = (one, other) => (ACCESS.indexOf(one) > ACCESS.indexOf(other) ? one : other);

/** Sends requests for a path to this process. */
export const bind = (path, access) => perform(`bind ${path}`, { Bind: { path, ...rules(access), cache: false } });

/** Answers every GET of a path with these bytes (or text), without asking this process. */
export function bindStatic(path, access, mime, content) {
  const action = { Bind: { path, ...rules(access), cache: true } };
  perform(`bind ${path}`, action, { mime, content });
}

/** The path answers 404 from now on. */
export const unbind = (path) => perform(`unbind ${path}`, { Unbind: { path } });

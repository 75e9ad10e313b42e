// Write Wharf processes in JavaScript.
//
// A process is a module that exports `init(our)`. It lives until that function returns, and does everything by message.
// The node runs it synchronously: there are no promises to wait for, no timers, no `fetch`.
//
//   import { Router, kv, state } from "./wharf.js";
//
//   sending, answering, receiving    Request, Response, awaitMessage, Message, blob, SendError, Refused
//   requests by their names          Service
//   the web                          http, and of it Router, Reply; bodies of any length, WebSockets
//   what is kept over restarts       state
//   files                            vfs
//   databases                        kv, sqlite
//   being told that a time has come  timer
//   asking the web                   httpClient
//   who we are, what we may do       our, process, capability
//   other processes                  process, kernel
//   the owner                        print, script
//   text, bytes, chance              encode, decode, toBase64, fromBase64, random, randomBytes
//
// What goes wrong is thrown: a SendError when a request brought no response, Refused when a process said no, ModuleError when
// a module of the node did. What a module can be asked for is in the node's documentation, docs/reference.
// Addresses are text, `node@process:package:publisher`, and ids of processes `process:package:publisher`.
// The same shape as Rust's `wharf-process-lib`. The files in `wharf/` belong to the package, so change what you like: what
// nothing imports can go.

/** The version of Wharf that these files came with. */
export const VERSION = "0.1.0";

export { our, print } from "./wharf/address.js";
export { decode, encode, fromBase64, toBase64 } from "./wharf/bytes.js";
export * as capability from "./wharf/capability.js";
export * as http from "./wharf/http.js";
export { Reply, Router } from "./wharf/http.js";
export * as httpClient from "./wharf/http_client.js";
export * as kernel from "./wharf/kernel.js";
export * as kv from "./wharf/kv.js";
export { Message, SendError, awaitMessage, blob, hasBlob } from "./wharf/message.js";
export { ModuleError } from "./wharf/module.js";
export * as process from "./wharf/process.js";
export { random, randomBytes } from "./wharf/random.js";
export { Refused, Request, Response } from "./wharf/request.js";
export { script } from "./wharf/script.js";
export { Service } from "./wharf/service.js";
export * as sqlite from "./wharf/sqlite.js";
export * as state from "./wharf/state.js";
export * as timer from "./wharf/timer.js";
export * as vfs from "./wharf/vfs.js";

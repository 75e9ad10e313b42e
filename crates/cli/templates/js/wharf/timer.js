// Being told that a time has come.
//
// | | fires as | lasts |
// |---|---|---|
// | `set`, `sleep` | a response, so many milliseconds later | as long as this life of the process |
// | `every`, `at` | a request, by the clock | over restarts of process and node, until `cancel` |
//
// A timer that lasts has a name within the process. Setting it again under the same name replaces it, so a process sets what it
// wants each time it starts, and has it once. Every process may use timers.

import { toBytes } from "./bytes.js";
import { ask } from "./module.js";
import { Request } from "./request.js";

// How much later than asked the timer may answer before the node reports a timeout instead.
const GRACE_S = 5;

const countdown = (ms) => Request.toModule("timer").json({ SetTimer: ms });
const timeout = (ms) => Math.ceil(ms / 1000) + GRACE_S;
const lasting = (tried, action) => ask("timer", tried, action, null, GRACE_S);

/** Waits so many milliseconds; messages wait meanwhile. */
export const sleep = (ms) => void countdown(ms).sendAndAwaitResponse(timeout(ms));

/** Asks for a response after so many milliseconds, never earlier, with this context (bytes or text). */
export const set = (ms, context) => countdown(ms).context(context).expectsResponse(timeout(ms)).send();

/**
 * Asks for a request with this body whenever a cron expression says so: minute, hour, day of month, month, day of week; or six
 * fields with seconds first; or `@daily` and the like; in UTC. Of several times that pass while the node is down, one is told.
 */
export const every = (id, cron, body = "") =>
  void lasting(`set the timer ${id}`, { Every: { id, cron, body: [...toBytes(body)] } });

/** Asks for a request with this body at a time, in milliseconds since 1970; as soon as possible when that has passed. */
export const at = (id, unixMs, body = "") =>
  void lasting(`set the timer ${id}`, { At: { id, unix_ms: unixMs, body: [...toBytes(body)] } });

/** Forgets a timer of `every` or `at`. */
export const cancel = (id) => void lasting(`cancel the timer ${id}`, { Cancel: { id } });

/** The timers of `every` and `at` of this process, by name: `[{ id, cron, nextUnixMs }]`, `cron` being null for `at`. */
export const list = () =>
  lasting("list timers", "List").List.map(({ id, cron, next_unix_ms }) => ({ id, cron, nextUnixMs: next_unix_ms }));

/** Which timer of `every` or `at` a message is from: `{ id, dueUnixMs }`; null for every other message. */
export function fired(message) {
  if (!message.isRequest() || !message.isFrom("timer:distro:sys")) return null;
  const { id, due_unix_ms } = JSON.parse(message.metadata ?? "null")?.Fired ?? {};
  return id === undefined ? null : { id, dueUnixMs: due_unix_ms };
}

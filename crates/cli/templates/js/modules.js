// The node's modules, for processes in JavaScript: files, keys and values, timers.
//
//   vfs      files, in drives of the package
//   kv       databases of keys and values
//   timer    being told that a time has come
//
// The process must hold the messaging capabilities of `vfs:distro:sys` and `kv:distro:sys`; the timer is there for everyone.
// What a module refuses is thrown as a ModuleError. This file belongs to the package, so change what you like.

import { Request, blob, decode, encode, our } from "./wharf.js";

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

function ask(module, tried, action, bytes, seconds) {
  const request = Request.toModule(module).json(action);
  if (bytes !== null) request.blob(bytes);
  const answer = request.sendAndAwaitResponse(seconds).json();
  if (answer?.Err !== undefined) throw new ModuleError(tried, answer.Err);
  return answer;
}

const taken = () => blob()?.bytes ?? new Uint8Array();
const ourPackage = () => our().split("@")[1].split(":").slice(1);

// ---- files ----

const file = (tried, path, action, bytes = null) => ask("vfs", `${tried} ${path}`, { path, action }, bytes, 60);

/** Files. A path is `/package:publisher/drive/…`. What a call returned for survives the end of the node. */
export const vfs = {
  /** Makes a drive of this package, if there is none of this name, and returns its path. */
  createDrive(name) {
    const path = `/${ourPackage().join(":")}/${name}`;
    file("create drive", path, "CreateDrive");
    return path;
  },
  /** Makes a folder and those above it. */
  createDirAll: (path) => void file("create folder", path, "CreateDirAll"),
  /** The bytes of a file. */
  read(path) {
    file("read", path, "Read");
    return taken();
  },
  /** A file as text. */
  readText: (path) => decode(vfs.read(path)),
  /** Makes a file of bytes or text, or replaces all of it, at once. */
  write: (path, content) => void file("write", path, "Write", content),
  /** The entries of a folder: `[{ path, file_type }]`, with "File" or "Directory". Paths have no leading slash. */
  list: (path) => file("list", path, "ReadDir").ReadDir,
  /** Length and kind: `{ len, file_type }`. */
  metadata: (path) => file("look at", path, "Metadata").Metadata,
  /** Whether there is something. */
  exists(path) {
    try {
      vfs.metadata(path);
      return true;
    } catch (error) {
      if (error instanceof ModuleError && String(error.detail).includes("os error 2)")) return false;
      throw error;
    }
  },
  /** Moves a file or folder. */
  rename: (from, to) => void file("move", from, { Rename: { new_path: to } }),
  /** Removes a file. */
  remove: (path) => void file("remove", path, "RemoveFile"),
  /** Removes a folder with all in it. */
  removeAll: (path) => void file("remove", path, "RemoveDirAll"),
};

// ---- keys and values ----

/** A database of this package. Keys and values are anything that is JSON, as in Rust's `get_json` and `set_json`. */
class Database {
  constructor(name) {
    const [package_name, publisher_node] = ourPackage();
    this.name = name;
    this.owner = { package_name, publisher_node };
    this.ask("Open");
  }

  ask(action, bytes = null) {
    return ask("kv", `database ${this.name}`, { package_id: this.owner, db: this.name, action }, bytes, 30);
  }

  /** The value of a key, or `otherwise` when there is none. */
  get(key, otherwise = null) {
    try {
      this.ask({ Get: jsonBytes(key) });
    } catch (error) {
      if (error instanceof ModuleError && error.kind === "KeyNotFound") return otherwise;
      throw error;
    }
    return JSON.parse(decode(taken()));
  }

  /** Sets a key; durable when it returns. */
  set(key, value) {
    this.ask({ Set: { key: jsonBytes(key), tx_id: null } }, JSON.stringify(value));
  }

  /** Removes a key, if it is there. */
  delete(key) {
    this.ask({ Delete: { key: jsonBytes(key), tx_id: null } });
  }
}

const jsonBytes = (value) => [...encode(JSON.stringify(value))];

/** Keys and values. */
export const kv = {
  /** Opens a database of this package, which is made if there is none. */
  open: (name) => new Database(name),
};

// ---- timers ----

/** Timers. */
export const timer = {
  /** Waits so many milliseconds; messages wait meanwhile. */
  sleep: (ms) => void Request.toModule("timer").json({ SetTimer: ms }).sendAndAwaitResponse(Math.ceil(ms / 1000) + 5),
  /** Asks for a response after so many milliseconds, with this context (bytes or text). */
  set: (ms, context) =>
    Request.toModule("timer")
      .json({ SetTimer: ms })
      .context(context)
      .expectsResponse(Math.ceil(ms / 1000) + 5)
      .send(),
  /** Asks for a request whenever a cron expression says so, in UTC; it lasts over restarts. */
  every: (id, cron, body = "") => lasting({ Every: { id, cron, body: [...encode(body)] } }),
  /** Asks for a request at a time, in milliseconds since 1970; it lasts over restarts. */
  at: (id, unixMs, body = "") => lasting({ At: { id, unix_ms: unixMs, body: [...encode(body)] } }),
  /** Forgets a timer of `every` or `at`. */
  cancel: (id) => lasting({ Cancel: { id } }),
  /** Which timer of `every` or `at` a message is from; null for every other message. */
  fired(message) {
    if (!message.isRequest() || !message.isFrom("timer:distro:sys")) return null;
    return JSON.parse(message.metadata ?? "null")?.Fired?.id ?? null;
  },
};

const lasting = (action) => void ask("timer", "set a timer", action, null, 5);

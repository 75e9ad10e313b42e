// Keys and values. A database belongs to a package; its processes open it. The process must hold the messaging capability of
// `kv:distro:sys`.
//
// `get`, `set` and what goes with them take anything that is JSON, as Rust's `get_json` and `set_json` do; those with `Bytes`
// in their name take bytes, or text as its UTF-8. Keys are in the order of their bytes.
//
//   const visits = kv.open("visits");
//   visits.set("ann", visits.get("ann", 0) + 1);
//   for (const [name, count] of visits.scan({ prefix: "a" })) print(`${name}: ${count}`);

import { ourPackage, packageId } from "./address.js";
import { decode, jsonBytes, joined, toBytes } from "./bytes.js";
import { blobBytes } from "./message.js";
import { ModuleError, ask } from "./module.js";

// A durable write on a busy disk is the slow one.
const TIMEOUT_S = 30;

const list = (bytes) => [...toBytes(bytes)];
const fromJson = (bytes) => JSON.parse(decode(bytes));

/**
 * Opens a database of this package, which is made if there is none. With `{ durability: "power" }` what is acknowledged from
 * now on survives a loss of power, too, and with "process" the end of the node; the database remembers it.
 */
export function open(name, { durability = null } = {}) {
  const database = ofOthers(ourPackage(), name);
  database.ask("open", durability === null ? "Open" : { OpenWith: { durability } });
  return database;
}

/** A database whose capabilities this process was given by somebody else. Nothing is asked of the node. */
export const ofOthers = (name, database) => new Database(name, database);

/** Removes a database of this package with all in it; nothing happens when there is none. */
export const remove = (name) => void ofOthers(ourPackage(), name).ask("remove", "RemoveDb");

/** Removes all databases of a package: of this process's own, or with the module's `{"root":true}` of any. */
export const removeAll = (name = ourPackage()) => void ofOthers(name, "all").ask("remove every", "RemoveAll");

/** A database. */
export class Database {
  constructor(owner, name) {
    this.name = name;
    this.owner = packageId(owner);
  }

  /** Asks for an action of docs/reference/kv.md. */
  ask(tried, action, bytes = null) {
    return ask("kv", `${tried} database ${this.name}`, { package_id: this.owner, db: this.name, action }, bytes, TIMEOUT_S);
  }

  /** The value of a key, or `otherwise` when there is none. */
  get(key, otherwise = null) {
    const found = this.getBytes(jsonBytes(key));
    return found === null ? otherwise : fromJson(found);
  }

  /** Sets a key. What an acknowledgement is worth is told with `open`. */
  set(key, value) {
    this.setBytes(jsonBytes(key), jsonBytes(value));
  }

  /** Removes a key, if it is there. */
  delete(key) {
    this.deleteBytes(jsonBytes(key));
  }

  /** The value of a key, or null. */
  getBytes(key) {
    return valueOf(() => this.ask("get from", { Get: list(key) }));
  }

  setBytes(key, value) {
    this.ask("set in", { Set: { key: list(key), tx_id: null } }, value);
  }

  deleteBytes(key) {
    this.ask("delete in", { Delete: { key: list(key), tx_id: null } });
  }

  /** Sets a key if its value is `expected`, and tells whether it was. `undefined` is for "not there", in both. */
  compareAndSet(key, expected, value) {
    const bytes = (value) => (value === undefined ? null : jsonBytes(value));
    return this.compareAndSetBytes(jsonBytes(key), bytes(expected), bytes(value));
  }

  /** Likewise; null is for "not there". */
  compareAndSetBytes(key, expected, value) {
    const action = { CompareAndSet: { key: list(key), expected: expected === null ? null : list(expected) } };
    try {
      this.ask("compare and set in", action, value);
    } catch (error) {
      if (error instanceof ModuleError && error.kind === "NotAsExpected") return false;
      throw error;
    }
    return true;
  }

  /** Sets keys, and removes those with `undefined`: `[[key, value], …]`, all of it or nothing. */
  batch(changes) {
    this.batchBytes([...changes].map(([key, value]) => [jsonBytes(key), value === undefined ? null : jsonBytes(value)]));
  }

  /** Likewise; null removes a key. */
  batchBytes(changes) {
    const values = [];
    const told = [...changes].map(([key, value]) => {
      if (value === null) return { Delete: { key: list(key) } };
      const bytes = toBytes(value);
      values.push(bytes);
      return { Set: { key: list(key), bytes: bytes.length } };
    });
    this.ask("change", { Batch: told }, joined(values));
  }

  /**
   * Keys with their values, `[key, value]`, in order, page after page. `prefix` is how keys begin that are text, `from` the
   * first key, included. Changes that are made meanwhile may be seen or not.
   */
  *scan({ prefix = "", from, descending = false } = {}) {
    // All keys that are text begin with a quote, and those of the prefix with the same text.
    const asked = { prefix: prefix === "" ? "" : JSON.stringify(prefix).slice(0, -1), descending };
    for (let next = from === undefined ? null : jsonBytes(from); ; ) {
      const page = this.page({ ...asked, from: next });
      for (const [key, value] of page.entries) yield [fromJson(key), fromJson(value)];
      if (page.next === null) return;
      next = page.next;
    }
  }

  /** Some keys in order: `{ entries: [[key, value], …], next }` in bytes, with where to go on, as `from`; null when this was all. */
  page({ prefix = "", from = null, limit = null, descending = false } = {}) {
    const order = descending ? "Descending" : "Ascending";
    const scan = { prefix: list(prefix), from: from === null ? null : list(from), limit, order };
    const { entries, next } = this.ask("scan", { Scan: scan }).Scan;
    const values = blobBytes();
    let at = 0;
    const found = entries.map(({ key, bytes }) => [Uint8Array.from(key), values.slice(at, (at += bytes))]);
    return { entries: found, next: next === null ? null : Uint8Array.from(next) };
  }

  /** Begins a transaction. It is forgotten unless it is committed, at the latest with this process. */
  begin() {
    return new Transaction(this, this.ask("begin a transaction in", "BeginTx").BeginTx.tx_id);
  }
}

/** Changes that become visible together, or never. It sees its own changes, and what is committed. */
export class Transaction {
  constructor(database, id) {
    this.database = database;
    this.id = id;
  }

  /** The value of a key as this transaction sees it, or `otherwise`. */
  get(key, otherwise = null) {
    const found = this.getBytes(jsonBytes(key));
    return found === null ? otherwise : fromJson(found);
  }

  set(key, value) {
    this.setBytes(jsonBytes(key), jsonBytes(value));
  }

  delete(key) {
    this.deleteBytes(jsonBytes(key));
  }

  getBytes(key) {
    return valueOf(() => this.database.ask("get from", { GetInTx: { key: list(key), tx_id: this.id } }));
  }

  setBytes(key, value) {
    this.database.ask("set in", { Set: { key: list(key), tx_id: this.id } }, value);
  }

  deleteBytes(key) {
    this.database.ask("delete in", { Delete: { key: list(key), tx_id: this.id } });
  }

  /** Makes the changes. Throws a ModuleError "TxConflict" when what was read is not so any more: begin again then. */
  commit() {
    this.database.ask("commit to", { Commit: { tx_id: this.id } });
  }

  /** Forgets the changes. */
  rollBack() {
    this.database.ask("roll back in", { Rollback: { tx_id: this.id } });
  }
}

// The blob of an answer, or null when the key is not there.
function valueOf(get) {
  try {
    get();
  } catch (error) {
    if (error instanceof ModuleError && error.kind === "KeyNotFound") return null;
    throw error;
  }
  return blobBytes();
}

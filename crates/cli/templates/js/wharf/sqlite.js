// SQL. A database belongs to a package; its processes open it. The process must hold the messaging capability of
// `sqlite:distro:sys`. Statements are compiled once and kept, so parameters are better than text that is put together.
//
//   const notes = sqlite.open("notes");
//   notes.write("CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, text TEXT, image BLOB)");
//   notes.write("INSERT INTO note (text, image) VALUES (?1, ?2)", ["hello", new Uint8Array([1, 2])]);
//   for (const { id, text } of notes.read("SELECT id, text FROM note")) print(`${id}: ${text}`);
//
// | here | SQL |
// |---|---|
// | null | NULL |
// | a number without a fraction, a bigint, a boolean | INTEGER |
// | another number | REAL |
// | a string | TEXT |
// | Uint8Array | BLOB |
//
// Whole numbers beyond 2^53 lose digits when they are read: ask for them with CAST(… AS TEXT).

import { ourPackage, packageId } from "./address.js";
import { decode, fromBase64, toBase64 } from "./bytes.js";
import { blobBytes } from "./message.js";
import { ask } from "./module.js";

// The node interrupts statements earlier.
const TIMEOUT_S = 60;

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

  /** Asks for an action of docs/reference/sqlite.md. */
  ask(tried, action, params = []) {
    const asked = { package_id: this.owner, db: this.name, action };
    const bytes = params.length > 0 ? `[${params.map(toJson).join(",")}]` : null;
    return ask("sqlite", `${tried} database ${this.name}`, asked, bytes, TIMEOUT_S);
  }

  /** Runs a statement that changes something. */
  write(statement, params = []) {
    this.ask("write to", { Write: { statement, tx_id: null } }, params);
  }

  /** Runs a query: its rows, as objects with a property for each column. */
  read(query, params = []) {
    return asObjects(this.rows(query, params));
  }

  /** Runs a query: `{ columns, rows }`, each row a list with a value for each column. */
  rows(query, params = [], transaction = null) {
    const { columns } = this.ask("query", { QueryTyped: { statement: query, tx_id: transaction } }, params).Rows;
    return { columns, rows: JSON.parse(decode(blobBytes())).map((row) => row.map(fromJson)) };
  }

  /** Begins a transaction. Its statements run when it is committed; it is forgotten otherwise, at the latest with this process. */
  begin() {
    return new Transaction(this, this.ask("begin a transaction in", "BeginTx").BeginTx.tx_id);
  }
}

/** Statements that take effect together, or never. */
export class Transaction {
  constructor(database, id) {
    this.database = database;
    this.id = id;
  }

  /** Adds a statement. Whether it works shows at the commit. */
  write(statement, params = []) {
    this.database.ask("write to", { Write: { statement, tx_id: this.id } }, params);
  }

  /** Runs a query that sees what this transaction is going to do. Costs as much as doing it. */
  read(query, params = []) {
    return asObjects(this.database.rows(query, params, this.id));
  }

  /** Runs the statements. When one fails, none has any effect. */
  commit() {
    this.database.ask("commit to", { Commit: { tx_id: this.id } });
  }

  /** Forgets the statements. */
  rollBack() {
    this.database.ask("roll back in", { Rollback: { tx_id: this.id } });
  }
}

const asObjects = ({ columns, rows }) => rows.map((row) => Object.fromEntries(row.map((value, at) => [columns[at], value])));

// A parameter as JSON text, which has room for numbers that JSON.stringify would not write.
function toJson(value) {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "string") return JSON.stringify({ text: value });
  if (value instanceof Uint8Array) return JSON.stringify({ bytes: toBase64(value) });
  return JSON.stringify(value ?? null);
}

function fromJson(value) {
  if (value === null || typeof value !== "object") return value;
  if ("bytes" in value) return fromBase64(value.bytes);
  return value.real === "inf" ? Infinity : -Infinity;
}

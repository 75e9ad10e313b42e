// Write Wharf processes in JavaScript.
//
// A process is a module that exports `init(our)`. It lives until that function returns, and does everything by message.
// The node runs it synchronously: there are no promises to wait for, no timers, no `fetch`.
//
//   sending, answering, receiving    Request, Response, awaitMessage, Message, SendError, Refused
//   requests by their names          Service
//   the web                          Router, Reply
//   what is kept over restarts       state
//   who we are, what we may do       our, capabilities, print
//   files, keys and values, timers   in modules.js
//
// What goes wrong is thrown: a SendError when a request brought no response, Refused when a process said no.
// Addresses are text, `node@process:package:publisher`, and ids of processes `process:package:publisher`.
// The same shape as Rust's `wharf-process-lib`; this file belongs to the package, so change what you like.

import node from "kinode:process/standard@1.0.0";
import entropy from "wasi:random/random@0.2.0";

/** The version of Wharf that this file came with. */
export const VERSION = "0.1.0";

// ---- text ----

/** Text as UTF-8. Halves of pairs that are no character become U+FFFD. */
export function encode(text) {
  const escaped = unescape(encodeURIComponent(String(text).toWellFormed()));
  const bytes = new Uint8Array(escaped.length);
  for (let i = 0; i < escaped.length; i++) bytes[i] = escaped.charCodeAt(i);
  return bytes;
}

/** UTF-8 as text. Throws an Error when the bytes are none. */
export function decode(bytes) {
  let escaped = "";
  // In parts: a call can take only so many arguments.
  for (let at = 0; at < bytes.length; at += 4096) {
    escaped += String.fromCharCode.apply(null, bytes.subarray(at, at + 4096));
  }
  try {
    return decodeURIComponent(escape(escaped));
  } catch {
    throw new Error("the bytes are not UTF-8");
  }
}

const toBytes = (value) => (typeof value === "string" ? encode(value) : Uint8Array.from(value));

// ---- ids ----

const idText = (id) => `${id.processName}:${id.packageName}:${id.publisherNode}`;
const addressText = (address) => `${address.node}@${idText(address.process)}`;

function parseAddress(text) {
  const [, on, process] = /^(?:([^@]*)@)?(.*)$/.exec(text);
  const [processName, packageName, publisherNode, ...more] = process.split(":");
  if (!publisherNode || more.length > 0) throw new Error(`${text} is not process:package:publisher`);
  // Without a node it is this one.
  return { node: on ?? "our", process: { processName, packageName, publisherNode } };
}

const toCaps = (caps) => caps.map(({ issuer, params }) => ({ issuer: parseAddress(issuer), params }));
const fromCaps = (caps) => caps.map(({ issuer, params }) => ({ issuer: addressText(issuer), params }));

/** Our address. */
export const our = () => addressText(node.our());

/** Shows a line to whoever watches the node. Verbosity 0 is for everyone, 3 for debugging. */
export const print = (text, verbosity = 0) => node.printToTerminal(verbosity, String(text));

/** What this process may do: `[{ issuer, params }]`, `params` being JSON text. */
export const capabilities = () => fromCaps(node.ourCapabilities());

/**
 * A number from 0 to 1 that nobody can foresee. `Math.random` gives the same numbers in each life of the process: what
 * it starts from is settled when the package is built.
 */
export const random = () => Number(entropy.getRandomBytes(4).reduce((sum, byte) => sum * 256 + byte, 0)) / 2 ** 32;

/** Bytes that nobody can foresee. */
export const randomBytes = (length) => entropy.getRandomBytes(length);

// ---- receiving ----

/** A request or a response to this process. */
export class Message {
  constructor(source, kind, content, context) {
    /** "request" or "response". */
    this.kind = kind;
    /** Who sent it. */
    this.source = addressText(source);
    /** Opaque bytes, usually JSON. */
    this.body = content.body;
    /** Free text, or null. */
    this.metadata = content.metadata ?? null;
    /** What the sender shows it may do. */
    this.capabilities = fromCaps(content.capabilities);
    /** Of a request: seconds the sender waits; null when it does not. */
    this.expectsResponse = content.expectsResponse ?? null;
    /** Of a response: what was given with the request; null otherwise. */
    this.context = context ?? null;
  }

  /** Whether it is a request. */
  isRequest() {
    return this.kind === "request";
  }

  /** Whether this process of this node sent it. Names of other nodes' processes are theirs to choose. */
  isFrom(process) {
    return this.source === `${node.our().node}@${process}`;
  }

  /** The body as text. */
  text() {
    return decode(this.body);
  }

  /** The body read as JSON. Throws when it is none. */
  json() {
    return JSON.parse(this.text());
  }
}

const toMessage = ([source, { tag, val }]) =>
  tag === "request" ? new Message(source, tag, val, null) : new Message(source, tag, val[0], val[1]);

/** A request that brought no response: thrown by `awaitMessage` and `sendAndAwaitResponse`. */
export class SendError extends Error {
  constructor({ kind, target, message }, context) {
    const to = addressText(target);
    super(kind === "offline" ? `the node of ${to} cannot be reached` : `${to} sent no response in time`);
    this.name = "SendError";
    /** "offline" or "timeout". */
    this.kind = kind;
    /** Whom it was for. */
    this.target = to;
    /** What was sent. */
    this.body = message.tag === "request" ? message.val.body : message.val[0].body;
    /** What was given with it. */
    this.context = context ?? null;
  }
}

/** What a process answers when it does not do what it was asked: throw it in a handler, catch it from `ask`. */
export class Refused extends Error {
  constructor(reason) {
    super(reason);
    this.name = "Refused";
  }
}

// What the node answers with an error is thrown, as it is or in `payload`, depending on the tool.
const thrown = (error) => error?.payload ?? error;

/** Waits for the next message. Throws a SendError for a request of ours that failed. */
export function awaitMessage() {
  let received;
  try {
    received = node.receive();
  } catch (error) {
    const payload = thrown(error);
    if (!Array.isArray(payload)) throw error;
    throw new SendError(payload[0], payload[1]);
  }
  return toMessage(received);
}

/** Whether the message received last brought a blob. */
export const hasBlob = () => node.hasBlob();

/** What came beside the message received last: `{ mime, bytes }`, or null. */
export const blob = () => node.getBlob() ?? null;

// ---- sending ----

class Outgoing {
  constructor() {
    this.content = { inherit: false, body: new Uint8Array(), metadata: null, capabilities: [] };
    this.beside = null;
  }

  /** The body: bytes or text. */
  body(body) {
    this.content.body = toBytes(body);
    return this;
  }

  /** A body of JSON. */
  json(value) {
    return this.body(JSON.stringify(value));
  }

  /** Free text. */
  metadata(text) {
    this.content.metadata = text;
    return this;
  }

  /** Bytes (or text) beside the message, which the receiver pays for only when it asks for them. */
  blob(bytes, mime = null) {
    this.beside = { mime, bytes: toBytes(bytes) };
    return this;
  }

  /** Passes on the blob of the message being handled; a request also its id, and where its response goes. */
  inherit() {
    this.content.inherit = true;
    return this;
  }

  /** Shows capabilities to the receiver. Those this process neither issued nor holds are left out by the node. */
  capabilities(caps) {
    this.content.capabilities = toCaps(caps);
    return this;
  }
}

/** A request to be sent. Nothing happens before `send` or `sendAndAwaitResponse`. */
export class Request extends Outgoing {
  constructor(target) {
    super();
    this.target = parseAddress(target);
    this.content.expectsResponse = null;
    this.given = null;
  }

  /** To an address, or to a process of this node. */
  static to(target) {
    return new Request(target);
  }

  /** To a module of this node, for example "vfs" for `vfs:distro:sys`. */
  static toModule(name) {
    return new Request(`${name}:distro:sys`);
  }

  /** Bytes that come back with the response or the error. */
  context(bytes) {
    this.given = toBytes(bytes);
    return this;
  }

  /** Asks for a response within this many seconds. It comes to `awaitMessage`. */
  expectsResponse(seconds) {
    this.content.expectsResponse = seconds;
    return this;
  }

  /** Sends it. When it fails and a response is expected, `awaitMessage` says so. */
  send() {
    node.sendRequest(this.target, this.content, this.given, this.beside);
  }

  /** Sends it and waits for the response; other messages wait meanwhile. Throws a SendError. */
  sendAndAwaitResponse(seconds) {
    this.content.expectsResponse = seconds;
    let answer;
    try {
      answer = node.sendAndAwaitResponse(this.target, this.content, this.beside);
    } catch (error) {
      const payload = thrown(error);
      if (!payload?.target) throw error;
      throw new SendError(payload, this.given);
    }
    return toMessage(answer);
  }

  /** Sends it and reads the response as JSON. Throws Refused when the process says no, as a Service does, and a SendError. */
  ask(seconds) {
    const answer = this.sendAndAwaitResponse(seconds);
    const reason = answer.body.length === 0 ? failureIn(answer.metadata) : null;
    if (reason !== null) throw new Refused(reason);
    return answer.json();
  }
}

// The reason in a response's metadata; null when there is none.
function failureIn(metadata) {
  try {
    const reason = JSON.parse(metadata)?.error;
    return typeof reason === "string" ? reason : null;
  } catch {
    return null;
  }
}

/** An answer to the request received last that wants one. Nothing happens before `send`. */
export class Response extends Outgoing {
  /** Says in the metadata why something failed, for answers whose body has no room for it. */
  failure(error) {
    return this.metadata(JSON.stringify({ error: error?.message ?? String(error) }));
  }

  /** Sends it. */
  send() {
    node.sendResponse(this.content, this.beside);
  }
}

// ---- requests by their names ----

/**
 * Answers requests of processes as Rust's `Service` does. A request is `"Name"` or `{"Name": content}`. Its handler is given the
 * content (null when there is none) and the Message, and what it returns is the answer, as JSON, or a Response. What it throws
 * as Refused, and that a name is not known, is answered as a failure.
 */
export class Service {
  constructor() {
    this.handlers = new Map();
    this.onOther = () => {};
  }

  /** Answers the requests of this name. */
  on(name, handler) {
    this.handlers.set(name, handler);
    return this;
  }

  /** Handles what is no request: responses, for example. */
  onMessage(handler) {
    this.onOther = handler;
    return this;
  }

  /** Answers until the process ends. */
  serve() {
    for (;;) {
      try {
        this.handle(awaitMessage());
      } catch (error) {
        print(error?.stack ? `${error}\n${error.stack}` : error, error instanceof SendError ? 1 : 0);
      }
    }
  }

  /** Handles one message. */
  handle(message) {
    if (message.isRequest()) this.answer(message).send();
    else this.onOther(message);
  }

  /** What a request is answered with. */
  answer(message) {
    try {
      const [name, content] = named(message);
      const handler = this.handlers.get(name);
      if (!handler) throw new Refused(`not a request: \`${name}\` is none of ${[...this.handlers.keys()].join(", ")}`);
      const answer = handler(content, message);
      return answer instanceof Response ? answer : new Response().json(answer ?? null);
    } catch (error) {
      if (error instanceof Refused) return new Response().failure(error);
      // A mistake of this process is nobody else's business.
      print(`${error}\n${error?.stack ?? ""}`);
      return new Response().failure("something went wrong here");
    }
  }
}

// The name and the content of a request.
function named(message) {
  let asked;
  try {
    asked = message.json();
  } catch (error) {
    throw new Refused(`not a request: ${error.message}`);
  }
  if (typeof asked === "string") return [asked, null];
  const names = asked !== null && typeof asked === "object" ? Object.keys(asked) : [];
  if (names.length !== 1) throw new Refused('not a request: it is "Name" or {"Name": content}');
  return [names[0], asked[names[0]]];
}

// ---- state ----

/** What this process keeps over restarts and upgrades: one value, durable when `set` returns. */
export const state = {
  /** The saved value, or `otherwise` when nothing was ever saved. Throws when what is saved is not JSON. */
  get(otherwise = null) {
    const bytes = state.getBytes();
    return bytes === null ? otherwise : JSON.parse(decode(bytes));
  },
  /** Saves a value as JSON. */
  set(value) {
    state.setBytes(encode(JSON.stringify(value)));
  },
  getBytes: () => node.getState() ?? null,
  setBytes: (bytes) => node.setState(bytes),
  clear: () => node.clearState(),
};

// ---- the web ----

/** An HTTP answer. */
export class Reply {
  constructor(body = "", mime = null) {
    this.code = 200;
    this.headers = mime === null ? {} : { "Content-Type": mime };
    this.body = toBytes(body);
  }

  /** A status without a body. */
  static status(code) {
    return new Reply().withStatus(code);
  }

  /** 200 with bytes of a media type. */
  static bytes(mime, bytes) {
    return new Reply(bytes, mime);
  }

  static text(text) {
    return new Reply(text, "text/plain; charset=utf-8");
  }

  static html(html) {
    return new Reply(html, "text/html; charset=utf-8");
  }

  static json(value) {
    return new Reply(JSON.stringify(value), "application/json");
  }

  withStatus(code) {
    this.code = code;
    return this;
  }

  /** A header: text, or a list of texts for a header that comes several times. */
  header(name, value) {
    this.headers[name] = value;
    return this;
  }

  /** Answers the HTTP request being handled. */
  send() {
    new Response().json({ status: this.code, headers: this.headers }).blob(this.body).send();
  }
}

const HTTP_SERVER = "http-server:distro:sys";
const slashed = (path) => `/${path.replace(/^\/+|\/+$/g, "")}`;

/** An HTTP request for a path that this process bound. */
export class HttpRequest {
  /** Reads a message from the HTTP server of this node; null for every other message. What its owner sends comes from there, too. */
  static read(message) {
    if (!message.isRequest() || !message.isFrom(HTTP_SERVER)) return null;
    try {
      const incoming = message.json()?.Http;
      return incoming ? new HttpRequest(incoming) : null;
    } catch {
      return null;
    }
  }

  constructor(incoming) {
    const prefix = `/${idText(node.our().process)}`;
    const below = (path) => slashed(path === prefix || path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : path);
    /** "GET", "POST", … */
    this.method = incoming.method;
    /** The path below `/<process id>`, and the path as it was bound. */
    this.path = below(incoming.url.replace(/^[^:]*:\/\/[^/]*/, ""));
    this.boundPath = below(incoming.bound_path);
    /** What `:name` and `*name` of the bound path matched; the query; the headers, with names in lower case. */
    this.urlParams = incoming.url_params;
    this.query = incoming.query_params;
    this.headers = incoming.headers;
  }

  /** The bytes the client sent. Take them before waiting for anything else. */
  body() {
    return blob()?.bytes ?? new Uint8Array();
  }

  text() {
    return decode(this.body());
  }

  /** The body read as JSON; a reply that refuses with 400 is thrown when it is none. */
  json() {
    try {
      return JSON.parse(this.text());
    } catch (error) {
      throw Reply.text(`the body is not what was expected: ${error.message}\n`).withStatus(400);
    }
  }
}

/**
 * Answers the web: paths with their methods. Handlers are given the HttpRequest and return a Reply, or text.
 * `access` is "anyone", "logged-in" or "this-machine". The process must hold the messaging capability of
 * `http-server:distro:sys`, and grant it its own.
 */
export class Router {
  constructor() {
    this.paths = new Map();
    this.onOther = () => {};
  }

  method(method, path, access, handler) {
    const at = slashed(path);
    const entry = this.paths.get(at) ?? { access, methods: new Map() };
    // Of two accesses for one path the stricter one counts.
    const order = ["anyone", "this-machine", "logged-in"];
    if (!order.includes(access)) throw new Error(`access is one of ${order.join(", ")}, not ${access}`);
    if (order.indexOf(access) > order.indexOf(entry.access)) entry.access = access;
    entry.methods.set(method, handler);
    this.paths.set(at, entry);
    return this;
  }

  /** Answers GET, and HEAD with the same headers. `path` may have parts like `:id` and end in `*rest`. */
  get(path, access, handler) {
    return this.method("GET", path, access, handler);
  }

  post(path, access, handler) {
    return this.method("POST", path, access, handler);
  }

  put(path, access, handler) {
    return this.method("PUT", path, access, handler);
  }

  delete(path, access, handler) {
    return this.method("DELETE", path, access, handler);
  }

  /** Handles the messages that are not of the web. */
  onMessage(handler) {
    this.onOther = handler;
    return this;
  }

  /** Binds all paths and answers until the process ends. Throws when a path cannot be bound. */
  serve() {
    for (const [path, { access }] of this.paths) bind(path, access);
    for (;;) {
      try {
        this.handle(awaitMessage());
      } catch (error) {
        // Also what a handler throws: one request that goes wrong does not end the process.
        print(error?.stack ? `${error}\n${error.stack}` : error, error instanceof SendError ? 1 : 0);
      }
    }
  }

  /** Handles one message. */
  handle(message) {
    const request = HttpRequest.read(message);
    if (request === null) this.onOther(message);
    else this.answer(request).send();
  }

  /** What a request is answered with. */
  answer(request) {
    const methods = this.paths.get(request.boundPath)?.methods;
    if (!methods) return Reply.text("not found\n").withStatus(404);
    const handler = methods.get(request.method) ?? (request.method === "HEAD" ? methods.get("GET") : undefined);
    if (!handler) return Reply.status(405).header("Allow", [...methods.keys()].join(", "));
    try {
      const reply = handler(request);
      return reply instanceof Reply ? reply : Reply.text(reply);
    } catch (error) {
      if (error instanceof Reply) return error;
      if (error instanceof Refused) return Reply.text(`${error.message}\n`).withStatus(400);
      print(`${request.method} ${request.path}: ${error}\n${error?.stack ?? ""}`);
      return Reply.text("something went wrong here\n").withStatus(500);
    }
  }
}

/** Sends requests for a path to this process, for those with a loop of their own. */
export function bind(path, access) {
  const action = {
    Bind: { path, authenticated: access === "logged-in", local_only: access === "this-machine", cache: false },
  };
  const answer = Request.to(HTTP_SERVER).json(action).sendAndAwaitResponse(10).json();
  if ("Err" in answer) throw new Error(`cannot bind ${path}: ${JSON.stringify(answer.Err)}`);
}

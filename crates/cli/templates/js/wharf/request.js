// What goes out: requests and responses.

import node from "kinode:process/standard@1.0.0";

import { parseAddress, toCaps } from "./address.js";
import { toBytes } from "./bytes.js";
import { SendError, thrown, toMessage } from "./message.js";

/** What a process answers when it does not do what it was asked: throw it in a handler, catch it from `ask`. */
export class Refused extends Error {
  constructor(reason) {
    super(reason);
    this.name = "Refused";
  }
}

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

/** The reason in a response's metadata; null when there is none. */
export function failureIn(metadata) {
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

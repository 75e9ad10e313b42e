// What comes in: requests, responses, and the errors of requests that brought none.

import node from "kinode:process/standard@1.0.0";

import { addressText, fromCaps, our, sorted } from "./address.js";
import { decode } from "./bytes.js";

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

  /** Whether the sender shows a capability that this process issued with these params (JSON text). */
  shows(params) {
    const [issuer, wanted] = [our(), sorted(params)];
    return this.capabilities.some((shown) => shown.issuer === issuer && sorted(shown.params) === wanted);
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

/** A message of what the node gives. */
export const toMessage = ([source, { tag, val }]) =>
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

/** What the node answers with an error is thrown, as it is or in `payload`, depending on the tool. */
export const thrown = (error) => error?.payload ?? error;

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

/** What came beside the message received last: `{ mime, bytes }`, or null. Take it before waiting for anything else. */
export const blob = () => node.getBlob() ?? null;

/** The bytes of the blob; none when there is no blob. */
export const blobBytes = () => blob()?.bytes ?? new Uint8Array();

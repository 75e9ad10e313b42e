// Asking the web, and WebSockets to it.
//
// The process must hold the messaging capability of `http-client:distro:sys`, and for WebSockets grant it its own. One that
// holds capabilities for hosts (`{"host":"api.example.com"}`) may ask only those; addresses that are not public are refused
// unless the node's settings allow them.
//
//   const page = httpClient.get("https://example.com/");
//   print(`${page.status}: ${page.text()}`);
//   new httpClient.HttpCall("POST", "https://api.example.com/notes").json({ text: "a note" }).timeout(5).send();
//
// A WebSocket is a number that the process chooses. What comes from it are messages, which `event` reads:
//
//   const news = httpClient.WebSocket.open(1, "wss://news.example.com/live");
//   news.send("hello");
//   const event = httpClient.event(awaitMessage());
//   if (event?.kind === "text") print(event.text);

import { decode, decodeLossy, toBytes } from "./bytes.js";
import { blobBytes } from "./message.js";
import { ask } from "./module.js";

const TIMEOUT_S = 30;

/** Asks for a URL; waits at most 30 s. A server that answers is no failure, whatever its status. */
export const get = (url) => new HttpCall("GET", url).send();

/** Sends bytes (or text) to a URL; waits at most 30 s. */
export const post = (url, body) => new HttpCall("POST", url).body(body).send();

/** A request to be sent, to `http://…` or `https://…`. */
export class HttpCall {
  constructor(method, url) {
    this.request = { method, version: null, url, headers: {} };
    this.bytes = new Uint8Array();
    this.seconds = TIMEOUT_S;
  }

  /** A header, in place of one of this very name. */
  header(name, value) {
    this.request.headers[name] = value;
    return this;
  }

  /** "HTTP/1.1" or "HTTP/2.0", in place of what the server prefers. */
  version(version) {
    this.request.version = version;
    return this;
  }

  /** The body: bytes or text. */
  body(body) {
    this.bytes = toBytes(body);
    return this;
  }

  /** A body of JSON, with its content type. */
  json(value) {
    return this.body(JSON.stringify(value)).header("Content-Type", "application/json");
  }

  /** Waits at most so many seconds, in place of 30. The node has a bound of its own. */
  timeout(seconds) {
    this.seconds = seconds;
    return this;
  }

  /** Sends it and waits for the answer; other messages wait meanwhile. Redirects are followed. */
  send() {
    const { method, url } = this.request;
    const answer = ask("http-client", `${method} ${url}`, { Http: this.request }, this.bytes, this.seconds);
    return new HttpResponse(answer.Ok.Http, blobBytes());
  }
}

/** What a server answered. */
export class HttpResponse {
  constructor({ status, headers }, body) {
    this.status = status;
    /** Names Like-This. Repeated ones are joined with ", ", but of several Set-Cookie it is the last. */
    this.headers = headers;
    /** The body, as bytes. */
    this.body = body;
  }

  /** A header by its name, in any case; null when there is none. */
  header(name) {
    const found = Object.entries(this.headers).find(([own]) => own.toLowerCase() === name.toLowerCase());
    return found?.[1] ?? null;
  }

  /** The body as text; bytes that are not UTF-8 are replaced. */
  text() {
    return decodeLossy(this.body);
  }

  /** The body read as JSON. Throws when it is none. */
  json() {
    return JSON.parse(decode(this.body));
  }
}

/** A WebSocket to a server. It is closed by `close`, by the server, or when the process ends. */
export class WebSocket {
  /** The one of this number, which was opened before. */
  constructor(number) {
    this.number = number;
  }

  /** Opens one at `ws://…` or `wss://…` under this number; one of ours with the same number is closed first. */
  static open(number, url, headers = {}) {
    acknowledged(`open ${url}`, { WebSocketOpen: { url, headers, channel_id: number } });
    return new WebSocket(number);
  }

  /** Sends text, or bytes. Waits while too much is on its way already. */
  send(content) {
    this.push(typeof content === "string" ? "Text" : "Binary", content);
  }

  /** Sends JSON, as text. */
  sendJson(value) {
    this.send(JSON.stringify(value));
  }

  /** Asks the server for a sign of life, which comes as the event "pong". At most 125 bytes. */
  ping(bytes = "") {
    this.push("Ping", bytes);
  }

  /** Closes it, after what was sent before. Nothing comes from it any more then. */
  close() {
    acknowledged(`close WebSocket ${this.number}`, { WebSocketClose: { channel_id: this.number } });
  }

  push(message_type, content) {
    const action = { WebSocketPush: { channel_id: this.number, message_type } };
    acknowledged(`send to WebSocket ${this.number}`, action, toBytes(content));
  }
}

const acknowledged = (tried, action, bytes = null) => void ask("http-client", tried, action, bytes, TIMEOUT_S);

const KINDS = { Text: "text", Binary: "bytes", Ping: "ping", Pong: "pong", Close: "closed" };

/**
 * What a message of the HTTP client of this node tells of a WebSocket: `{ number, kind, bytes, text }`, `kind` being "text",
 * "bytes", "ping", "pong" or "closed"; null for every other message. Call it before waiting for anything else.
 */
export function event(message) {
  if (!message.isRequest() || !message.isFrom("http-client:distro:sys")) return null;
  const { WebSocketPush: push, WebSocketClose: closed } = message.json();
  if (closed) return { number: closed.channel_id, kind: "closed", bytes: null, text: null };
  if (!push) return null;
  const [kind, bytes] = [KINDS[push.message_type], blobBytes()];
  return { number: push.channel_id, kind, bytes, text: kind === "text" ? decodeLossy(bytes) : null };
}

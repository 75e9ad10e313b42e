// WebSockets that clients opened to this process.
//
//   const rooms = new Rooms();
//   new Router()
//     .socket("/live", "logged-in")
//     .onSocket((event) => {
//       if (event.kind === "opened") rooms.join("hall", event.channel);
//       if (event.kind === "text") rooms.send("hall", event.text);
//       if (event.kind === "closed") rooms.leaveAll(event.channel);
//     })
//     .serve();

import { decodeLossy, toBytes } from "./bytes.js";
import { perform, rules } from "./http_bind.js";
import { sentByServer } from "./http_request.js";
import { blobBytes } from "./message.js";
import { Request } from "./request.js";

/**
 * Opens WebSockets at a path for this process. "this-machine" is for programs that speak for the process: see `extension` in
 * docs/reference/http-server.md.
 */
export function bindSocket(path, access) {
  const { authenticated, local_only: extension } = rules(access);
  perform(`bind WebSockets at ${path}`, { WebSocketBind: { path, authenticated, extension } });
}

/** The path opens no WebSockets from now on. Those that are open stay so. */
export const unbindSocket = (path) => perform(`unbind WebSockets at ${path}`, { WebSocketUnbind: { path } });

/** An open WebSocket, as the node numbers it. */
export class Channel {
  constructor(number) {
    this.number = number;
  }

  /** Sends text, or bytes. That it arrives is not known: a socket that closes meanwhile says so with the event "closed". */
  send(content) {
    this.push(typeof content === "string" ? "Text" : "Binary", content);
  }

  /** Sends JSON, as text. */
  sendJson(value) {
    this.send(JSON.stringify(value));
  }

  /** Asks the other end for a sign of life, which comes as the event "pong". At most 125 bytes. */
  ping(bytes = "") {
    this.push("Ping", bytes);
  }

  /** Closes it. One that is closed stays so. */
  close() {
    Request.toModule("http-server").json({ WebSocketClose: this.number }).send();
  }

  push(message_type, content) {
    const action = { WebSocketPush: { channel_id: this.number, message_type } };
    Request.toModule("http-server").json(action).blob(toBytes(content)).send();
  }
}

const KINDS = { Text: "text", Binary: "bytes", Ping: "ping", Pong: "pong", Close: "closed" };

/** What happened to a WebSocket. */
export class SocketEvent {
  /** Reads a message from the HTTP server of this node; null for every other message. */
  static read(message) {
    return SocketEvent.of(sentByServer(message));
  }

  /** The one in what the server sent, or null. Take it before waiting for anything else. */
  static of(event) {
    if (event?.WebSocketOpen) return new SocketEvent("opened", event.WebSocketOpen.channel_id, event.WebSocketOpen.path, null);
    if (event?.WebSocketClose !== undefined) return new SocketEvent("closed", event.WebSocketClose, null, null);
    if (!event?.WebSocketPush) return null;
    const { channel_id, message_type } = event.WebSocketPush;
    return new SocketEvent(KINDS[message_type], channel_id, null, message_type === "Close" ? null : blobBytes());
  }

  constructor(kind, number, path, bytes) {
    /** "opened", "text", "bytes", "ping", "pong" or "closed". */
    this.kind = kind;
    /** The Channel. Two of the same socket are equal in their `number`. */
    this.channel = new Channel(number);
    /** Of "opened": where, below `/<process id>`, with a leading slash; null otherwise. */
    this.path = path;
    /** What came; null for "opened" and "closed". */
    this.bytes = bytes;
    /** Of "text": the text; null otherwise. */
    this.text = kind === "text" ? decodeLossy(bytes) : null;
  }
}

/** WebSockets in groups, each with a name. A socket may be in several. */
export class Rooms {
  constructor() {
    // Numbers of channels by room. A room without sockets is gone.
    this.rooms = new Map();
  }

  /** Puts a socket into a room, which is there from then on. */
  join(room, channel) {
    if (!this.rooms.has(room)) this.rooms.set(room, new Set());
    this.rooms.get(room).add(channel.number);
  }

  /** Takes a socket out of a room. */
  leave(room, channel) {
    const members = this.rooms.get(room);
    if (members?.delete(channel.number) && members.size === 0) this.rooms.delete(room);
  }

  /** Takes a socket out of all rooms, as when it is closed. */
  leaveAll(channel) {
    for (const room of this.of(channel)) this.leave(room, channel);
  }

  /** The rooms that a socket is in. */
  of(channel) {
    return [...this.rooms].filter(([, members]) => members.has(channel.number)).map(([room]) => room);
  }

  /** The sockets in a room. */
  members(room) {
    return [...(this.rooms.get(room) ?? [])].map((number) => new Channel(number));
  }

  /** Sends text, or bytes, to every socket in a room. */
  send(room, content) {
    for (const channel of this.members(room)) channel.send(content);
  }

  /** Sends JSON, as text, likewise. */
  sendJson(room, value) {
    this.send(room, JSON.stringify(value));
  }
}

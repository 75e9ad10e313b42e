// HTTP requests for the paths of this process.

import node from "kinode:process/standard@1.0.0";

import { idText } from "./address.js";
import { decode } from "./bytes.js";
import { blobBytes } from "./message.js";
import { Reply } from "./reply.js";
import { Stream } from "./stream.js";

/** What the HTTP server of this node sent, as JSON; null when a message is not from there, or none. */
export function sentByServer(message) {
  if (!message.isRequest() || !message.isFrom("http-server:distro:sys")) return null;
  try {
    return message.json();
  } catch {
    return null;
  }
}

/** With a slash before it and none behind. */
export const slashed = (path) => `/${path.replace(/^\/+|\/+$/g, "")}`;

/** An HTTP request for a path that this process bound. */
export class HttpRequest {
  /** Reads a message from the HTTP server of this node; null for every other message. What its owner sends comes from there, too. */
  static read(message) {
    return HttpRequest.of(sentByServer(message));
  }

  /** The one in what the server sent, or null. */
  static of(event) {
    return event?.Http ? new HttpRequest(event.Http) : null;
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
    /** Its Stream, at a path of `bindStream`; null elsewhere. */
    this.stream = incoming.stream === undefined ? null : new Stream(incoming.stream);
  }

  /** The bytes the client sent. Take them before waiting for anything else. */
  body() {
    return blobBytes();
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

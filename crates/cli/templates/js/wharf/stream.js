// Bodies of any length, piece by piece.
//
// Reading and writing wait for the client, and the process does nothing else meanwhile: one that serves many of them leaves
// this to children, one each.
//
//   new Router()
//     .stream("/shout", "logged-in", (request, stream) => {
//       const writer = stream.reply(Reply.status(200));
//       for (const piece of stream.reader()) writer.write(decode(piece).toUpperCase());
//       writer.finish();
//     })
//     .serve();

import { toBytes } from "./bytes.js";
import { perform, rules } from "./http_bind.js";
import { blobBytes } from "./message.js";
import { Request, Response } from "./request.js";

// The node takes 1 MiB at most, unless its owner says otherwise.
const PIECE_BYTES = 256 << 10;
// The node bounds how long a client may take.
const CLIENT_TIMEOUT_S = 3600;

/** Sends requests for a path to this process before their bodies have arrived: see `HttpRequest.stream`. */
export const bindStream = (path, access) =>
  perform(`bind ${path} for streams`, { StreamBind: { path, ...rules(access) } });

/** The two bodies of a request at a path of `bindStream`. */
export class Stream {
  constructor(number) {
    this.number = number;
    /** What the answer is written with, once there is one; null before. */
    this.writer = null;
  }

  /** Reads the body of the request: pieces of bytes, with `for … of`. */
  reader() {
    return new BodyReader(this.number);
  }

  /** Answers with the status and the headers of a Reply, and then with what is written. A body in the reply comes first. */
  reply(reply) {
    new Response().json({ status: reply.code, headers: reply.headers, stream: this.number }).send();
    this.writer = new BodyWriter(this.number);
    if (reply.body.length > 0) this.writer.write(reply.body);
    return this.writer;
  }
}

/** The body of a request. */
export class BodyReader {
  constructor(stream) {
    this.stream = stream;
  }

  /** The next piece; an empty one is the end. Throws a ModuleError "StreamBroken" when the body did not arrive whole. */
  read() {
    perform("read a body", { StreamRead: this.stream }, null, CLIENT_TIMEOUT_S);
    return blobBytes();
  }

  *[Symbol.iterator]() {
    for (let piece = this.read(); piece.length > 0; piece = this.read()) yield piece;
  }
}

/** The body of an answer. The client is told that something is missing until it is finished. */
export class BodyWriter {
  constructor(stream) {
    this.stream = stream;
  }

  /** Sends bytes, or text. Waits while the client takes too little. */
  write(content) {
    const bytes = toBytes(content);
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      perform("write a body", { StreamWrite: this.stream }, bytes.subarray(at, at + PIECE_BYTES), CLIENT_TIMEOUT_S);
    }
  }

  /** The body is complete. */
  finish() {
    perform("end a body", { StreamEnd: this.stream });
  }

  /** The body will not be complete: the client is told by a connection that breaks off. */
  abort() {
    Request.toModule("http-server").json({ StreamAbort: this.stream }).send();
  }
}

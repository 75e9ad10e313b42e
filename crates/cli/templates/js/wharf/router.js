// Answering the web by paths and methods.

import { print } from "./address.js";
import { bind, rules, stricter } from "./http_bind.js";
import { HttpRequest, sentByServer, slashed } from "./http_request.js";
import { awaitMessage } from "./message.js";
import { Reply } from "./reply.js";
import { Refused } from "./request.js";
import { Service, complain } from "./service.js";
import { SocketEvent, bindSocket } from "./socket.js";
import { bindStream } from "./stream.js";

/**
 * Answers the web: paths with their methods. Handlers are given the HttpRequest and return a Reply, or text.
 * `access` is "anyone", "logged-in" or "this-machine". The process must hold the messaging capability of
 * `http-server:distro:sys`, and grant it its own.
 */
export class Router {
  constructor() {
    this.paths = new Map();
    this.streams = new Map();
    this.sockets = new Map();
    this.service = new Service();
    this.onEvent = () => {};
  }

  /** Answers a method, which is written in capitals. Given twice, the later handler counts; of two accesses the stricter one. */
  method(method, path, access, handler) {
    rules(access);
    const at = slashed(path);
    const entry = this.paths.get(at) ?? { access, methods: new Map() };
    entry.access = stricter(entry.access, access);
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

  /** Answers a path, whatever the method, piece by piece: the handler is given the HttpRequest and its Stream. */
  stream(path, access, handler) {
    rules(access);
    this.streams.set(slashed(path), { access, handler });
    return this;
  }

  /** Opens WebSockets at a path. What happens to them goes to `onSocket`. */
  socket(path, access) {
    rules(access);
    this.sockets.set(slashed(path), access);
    return this;
  }

  /** Handles what happens to WebSockets, of all paths: it is given the SocketEvent. */
  onSocket(handler) {
    this.onEvent = handler;
    return this;
  }

  /** Answers the requests of processes by their names: see Service. */
  on(name, handler) {
    this.service.on(name, handler);
    return this;
  }

  /** Likewise, for who shows a capability: see Service. */
  onWith(params, name, handler) {
    this.service.onWith(params, name, handler);
    return this;
  }

  /** Handles the messages that are not of the web and that no handler of `on` understands: see Service. */
  onMessage(handler) {
    this.service.onMessage(handler);
    return this;
  }

  /** Binds all paths. Throws when one cannot be bound. */
  bind() {
    for (const [path, { access }] of this.paths) bind(path, access);
    for (const [path, { access }] of this.streams) bindStream(path, access);
    for (const [path, access] of this.sockets) bindSocket(path, access);
  }

  /** Binds all paths and answers until the process ends. */
  serve() {
    this.bind();
    for (;;) {
      try {
        this.handle(awaitMessage());
      } catch (error) {
        // Also what a handler throws: one request that goes wrong does not end the process.
        complain(error);
      }
    }
  }

  /** Handles one message. */
  handle(message) {
    const event = sentByServer(message);
    const request = HttpRequest.of(event);
    const socket = SocketEvent.of(event);
    const stream = request?.stream && this.streams.get(request.boundPath);
    if (stream) this.answerStream(stream.handler, request);
    else if (request !== null) this.answer(request).send();
    else if (socket !== null) this.onEvent(socket);
    else this.service.handle(message);
  }

  answerStream(handler, request) {
    const { stream } = request;
    try {
      handler(request, stream);
    } catch (error) {
      complain(error);
      // The client is told, in the way that is left.
      if (stream.writer === null) Reply.status(500).send();
      else stream.writer.abort();
    }
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

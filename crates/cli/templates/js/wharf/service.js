// Requests by their names.

import { print } from "./address.js";
import { SendError, awaitMessage } from "./message.js";
import { Refused, Response } from "./request.js";

/** Says what went wrong, to whoever watches the node. A request that brought no response is for those who debug. */
export const complain = (error) =>
  print(error?.stack ? `${error}\n${error.stack}` : error, error instanceof SendError ? 1 : 0);

/**
 * Answers requests of processes as Rust's `Service` does. A request is `"Name"` or `{"Name": content}`. Its handler is given the
 * content (null when there is none) and the Message, and what it returns is the answer, as JSON, or a Response. What it throws
 * as Refused, and that a name is not known, is answered as a failure.
 */
export class Service {
  constructor() {
    this.handlers = new Map();
    this.onOther = null;
  }

  /** Answers the requests of this name. */
  on(name, handler) {
    this.handlers.set(name, handler);
    return this;
  }

  /** Answers the requests of this name for who shows the capability with these params (JSON text) that this process issued. */
  onWith(params, name, handler) {
    return this.on(name, (content, message) => {
      if (!message.shows(params)) throw new Refused(`this takes the capability ${params} of this process`);
      return handler(content, message);
    });
  }

  /**
   * Handles what no handler understands: responses, what comes from timers and from WebSockets of `httpClient`, and other
   * requests, which are its to answer. Without it those are answered with a failure.
   */
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
        complain(error);
      }
    }
  }

  /** Handles one message. */
  handle(message) {
    if (message.isRequest() && (this.onOther === null || this.understands(message))) this.answer(message).send();
    else this.onOther?.(message);
  }

  /** Whether there is a handler for a request. */
  understands(message) {
    try {
      return this.handlers.has(named(message)[0]);
    } catch {
      return false;
    }
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


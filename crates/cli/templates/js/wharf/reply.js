// Answers to HTTP requests.

import { toBytes } from "./bytes.js";
import { Response } from "./request.js";

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

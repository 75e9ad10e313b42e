// Counts how often its page was opened: one number, shown on the web and told by message.
//
//   a browser    GET /                   counts one, shows the page
//   a program    GET /api, POST /api     {"count":n}; POST counts one
//   a process    "Get", "Increment"      {"count":n}
//
// The number is saved before it is told, so that nobody ever sees it go back.

import { Reply, Response, Router, state } from "./wharf.js";
import page from "./page.js";

// The page may run what is in it and talk to this node, and nothing else.
const SECURITY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; " +
  "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export function init(our) {
  // What is saved and not understood is left alone: better no counter than one that starts again.
  let { count } = state.get({ count: 0 });

  const increment = () => {
    state.set({ count: count + 1 });
    count += 1;
  };
  // Every view counts, so none may come from a cache.
  const told = () => Reply.json({ count }).header("Cache-Control", "no-store");
  const shown = () =>
    Reply.html(render(our, count)).header("Content-Security-Policy", SECURITY).header("Cache-Control", "no-store");

  new Router()
    .get("/", "anyone", () => (increment(), shown()))
    .method("HEAD", "/", "anyone", () => Reply.html("").header("Cache-Control", "no-store"))
    .get("/api", "anyone", told)
    .post("/api", "anyone", () => (increment(), told()))
    .onMessage((message) => {
      if (!message.isRequest()) return;
      const asked = message.text();
      if (asked === '"Increment"') increment();
      else if (asked !== '"Get"') return new Response().failure(`not a request to the counter: ${asked}`).send();
      new Response().json({ count }).send();
    })
    .serve();
}

// An id has no character that means something in HTML.
const render = (our, count) =>
  page
    .replace("{{count}}", count)
    .replace("{{times}}", count === 1 ? "time" : "times")
    .replace("{{api}}", `/${our.split("@")[1]}/api`);

// node --test tests/wharf.test.js

import assert from "node:assert/strict";
import test, { beforeEach } from "node:test";

import { answersAre, arrives, host } from "./host.js";

const wharf = await import("../wharf.js");
const { kv, timer, vfs, ModuleError } = await import("../modules.js");

beforeEach(() => Object.assign(host, { inbox: [], sent: [], responses: [], printed: [], state: null, blob: null }));

/** What one request is answered with. */
function answered(service, body, from) {
  arrives(body, from);
  service.handle(wharf.awaitMessage());
  const response = host.responses.pop();
  return response.metadata === null ? response.body : JSON.parse(response.metadata).error;
}

test("the version is the one of the node it came with", () => {
  assert.equal(wharf.VERSION, process.env.WHARF_VERSION);
});

test("text is UTF-8 and comes back", () => {
  const text = "héllo 😀 ".repeat(1000);
  assert.equal(wharf.decode(wharf.encode(text)), text);
  assert.deepEqual(wharf.encode("é"), new Uint8Array([0xc3, 0xa9]));
  assert.throws(() => wharf.decode(new Uint8Array([0xff])), /not UTF-8/);
});

test("a service answers everything", () => {
  const service = new wharf.Service()
    .on("Add", ([a, b], message) => ({ sum: a + b, to: message.source }))
    .on("Nothing", () => {})
    .on("Own", () => new wharf.Response().body("as it is"))
    .on("No", () => {
      throw new wharf.Refused("not today");
    })
    .on("Wrong", () => null.field);
  assert.deepEqual(JSON.parse(answered(service, '{"Add":[1,2]}')), { sum: 3, to: "test.os@asker:tests:test.os" });
  assert.equal(answered(service, '"Nothing"'), "null");
  assert.equal(answered(service, '"Own"'), "as it is");
  assert.equal(answered(service, '"No"'), "not today");
  assert.equal(answered(service, '"Other"'), "not a request: `Other` is none of Add, Nothing, Own, No, Wrong");
  assert.match(answered(service, "{"), /^not a request: /);
  for (const body of ["[]", "{}", "null", "1", '{"Add":1,"No":2}']) assert.match(answered(service, body), /it is "Name"/);
  assert.equal(host.printed.length, 0);
  assert.equal(answered(service, '"Wrong"'), "something went wrong here");
  assert.match(host.printed[0], /TypeError/);
});

test("what is asked brings a value, a refusal, or an error of sending", () => {
  const ask = () => wharf.Request.to("till:shop:test.os").json("Total").ask(5);
  answersAre(() => ({ body: "250" }));
  assert.equal(ask(), 250);
  answersAre(() => ({ metadata: '{"error":"closed"}' }));
  assert.throws(ask, (error) => error instanceof wharf.Refused && error.message === "closed");
  answersAre(() => "timeout");
  assert.throws(ask, (error) => error instanceof wharf.SendError && error.kind === "timeout");
});

test("files", () => {
  const answers = { Read: { body: '"Read"', bytes: "hello" }, ReadDir: { body: '{"ReadDir":[]}' } };
  answersAre((_, { action, path }) => {
    if (path.endsWith("none")) return { body: '{"Err":{"IOError":"No such file or directory (os error 2)"}}' };
    if (path.endsWith("locked")) return { body: '{"Err":"NoReadCap"}' };
    return answers[action] ?? { body: '"Ok"' };
  });
  const drive = vfs.createDrive("notes");
  assert.equal(drive, "/app:test.os/notes");
  vfs.write(`${drive}/a`, "hello");
  assert.deepEqual(host.sent.at(-1), ["vfs", { path: "/app:test.os/notes/a", action: "Write" }, "hello"]);
  assert.equal(vfs.readText(`${drive}/a`), "hello");
  assert.deepEqual(vfs.list(drive), []);
  assert.equal(vfs.exists("/app:test.os/notes/none"), false);
  const locked = (error) => error instanceof ModuleError && error.kind === "NoReadCap" && error.message.includes("/x/locked");
  assert.throws(() => vfs.read("/x/locked"), locked);
  assert.throws(() => vfs.exists("/x/locked"), locked);
});

test("keys and values", () => {
  answersAre((_, { action }) => {
    if (action === "Open" || action.Set || action.Delete) return { body: '"Ok"' };
    const there = String.fromCharCode(...action.Get) === '"ann"';
    return there ? { body: '{"Get":[]}', bytes: '{"n":1}' } : { body: '{"Err":"KeyNotFound"}' };
  });
  const visits = kv.open("visits");
  assert.deepEqual(host.sent[0][1], {
    package_id: { package_name: "app", publisher_node: "test.os" },
    db: "visits",
    action: "Open",
  });
  visits.set("ann", { n: 1 });
  assert.equal(host.sent.at(-1)[2], '{"n":1}');
  assert.deepEqual(visits.get("ann"), { n: 1 });
  assert.equal(visits.get("bob", 0), 0);
});

test("timers", () => {
  answersAre(() => ({ body: "" }));
  timer.sleep(1500);
  assert.deepEqual(host.sent[0].slice(0, 2), ["timer", { SetTimer: 1500 }]);
  answersAre(() => ({ body: '"Ok"' }));
  timer.every("report", "0 6 * * *", "x");
  assert.deepEqual(host.sent[1][1], { Every: { id: "report", cron: "0 6 * * *", body: [120] } });
  arrives("x", { source: "timer:distro:sys", metadata: '{"Fired":{"id":"report","due_unix_ms":1}}' });
  assert.equal(timer.fired(wharf.awaitMessage()), "report");
  arrives("x", { metadata: '{"Fired":{"id":"report","due_unix_ms":1}}' });
  assert.equal(timer.fired(wharf.awaitMessage()), null);
});

test("the web", () => {
  answersAre(() => ({ body: '{"Ok":null}' }));
  const router = new wharf.Router()
    .get("/notes/:id", "anyone", (asked) => `note ${asked.urlParams.id}`)
    .post("/notes", "logged-in", () => {
      throw new wharf.Refused("no more notes");
    });
  const asks = (method, path, bound) => {
    const http = { method, url: `http://x/main:app:test.os${path}`, bound_path: `/main:app:test.os${bound}` };
    const body = JSON.stringify({ Http: { ...http, url_params: { id: "7" }, query_params: {}, headers: {} } });
    arrives(body, { source: "http-server:distro:sys" });
    router.handle(wharf.awaitMessage());
    const { body: head, blob } = host.responses.pop();
    return [JSON.parse(head).status, wharf.decode(blob.bytes)];
  };
  assert.deepEqual(asks("GET", "/notes/7", "/notes/:id"), [200, "note 7"]);
  assert.deepEqual(asks("POST", "/notes", "/notes"), [400, "no more notes\n"]);
  assert.deepEqual(asks("PUT", "/notes", "/notes")[0], 405);
  assert.deepEqual(asks("GET", "/other", "/other")[0], 404);
  wharf.bind("/notes", "logged-in");
  assert.equal(host.sent[0][1].Bind.authenticated, true);
});

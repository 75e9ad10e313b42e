// node --test tests/

import assert from "node:assert/strict";
import test, { beforeEach } from "node:test";

import { answersAre, arrives, clear, host } from "./host.js";

const wharf = await import("../wharf.js");

beforeEach(clear);

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

test("what no handler understands goes elsewhere, if there is somewhere", () => {
  const heard = [];
  const router = new wharf.Router().on("Known", () => 1);
  assert.match(answered(router, '"Other"'), /none of Known/);
  router.onMessage((message) => heard.push(message.text()));
  arrives("wake up", { source: "timer:distro:sys" });
  router.handle(wharf.awaitMessage());
  assert.equal(answered(router, '"Known"'), "1");
  assert.deepEqual(heard, ["wake up"]);
});

test("a service answers those who show a capability", () => {
  const service = new wharf.Service().onWith('{"all":1,"of":2}', "Wipe", () => "gone");
  assert.match(answered(service, '"Wipe"'), /^this takes the capability/);
  assert.match(answered(service, '"Wipe"', { shows: ["no JSON"] }), /^this takes the capability/);
  assert.equal(answered(service, '"Wipe"', { shows: ['{ "of": 2, "all": 1 }'] }), '"gone"');
});

test("bytes are base64 and come back", () => {
  for (const [text, base64] of [["", ""], ["a", "YQ=="], ["ab", "YWI="], ["abc", "YWJj"], ["é?>", "w6k/Pg=="]]) {
    assert.equal(wharf.toBase64(text), base64);
    assert.deepEqual(wharf.fromBase64(base64), wharf.encode(text));
  }
  const all = Uint8Array.from({ length: 256 }, (_, at) => at);
  assert.deepEqual(wharf.fromBase64(wharf.toBase64(all)), all);
  for (const wrong of ["a", "YQ", "Y===", "a b=", "YQ==YQ=="]) assert.throws(() => wharf.fromBase64(wrong), /not base64/);
});

test("chance is the node's", () => {
  assert.deepEqual(wharf.randomBytes(3), new Uint8Array([7, 7, 7]));
  assert.equal(wharf.random(), 0x07070707 / 2 ** 32);
});

test("capabilities are kept, found and given up", () => {
  const { capability } = wharf;
  capability.save([{ issuer: "vfs:distro:sys", params: '{"a":1,"b":2}' }]);
  assert.equal(capability.find("vfs:distro:sys", "{}"), null);
  host.held[0].issuer.node = "test.os";
  const held = { issuer: "test.os@vfs:distro:sys", params: '{"a":1,"b":2}' };
  assert.deepEqual(capability.find("vfs:distro:sys", '{ "b": 2, "a": 1 }'), held);
  capability.drop([held]);
  assert.deepEqual(capability.ours(), []);
});

test("children, and the end", () => {
  const { process } = wharf;
  assert.equal(process.spawn("/app:test.os/pkg/worker.wasm", { name: "one", grant: [["a:b:c", '"messaging"']] }), "one:app:test.os");
  const holder = { processName: "a", packageName: "b", publisherNode: "c" };
  assert.deepEqual(host.spawned.grants, [[holder, '"messaging"']]);
  const taken = () => process.spawn("/app:test.os/pkg/worker.wasm", { name: "taken" });
  assert.throws(taken, (error) => error instanceof process.SpawnError && error.kind === "name-taken");
  process.setOnExit("restart");
  assert.equal(process.onExit(), "restart");
  process.setOnExit([wharf.Request.to("a:b:c").body("bye")]);
  assert.equal(host.onExit.val[0][0].process.processName, "a");
});

test("a script answers the terminal", () => {
  const run = wharf.script((our, args) => (args === "x" ? null.field : `${our}: ${args}`));
  arrives("nobody's");
  arrives("one two", { source: "terminal:terminal:sys" });
  run("me");
  assert.equal(host.responses.pop().body, "me: one two");
  arrives("x", { source: "terminal:terminal:sys" });
  run("me");
  assert.match(JSON.parse(host.responses.pop().metadata).error, /null/);
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
  wharf.http.bind("/notes", "logged-in");
  assert.equal(host.sent[0][1].Bind.authenticated, true);
});

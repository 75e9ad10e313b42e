// node --test tests/

import assert from "node:assert/strict";
import test, { beforeEach } from "node:test";

import { answersAre, arrives, clear, host } from "./host.js";

const wharf = await import("../wharf.js");
const { ModuleError, http, httpClient, kernel, kv, sqlite, state, timer, vfs } = wharf;

beforeEach(clear);

/** What was asked last: of whom, what, and with which bytes. */
const asked = () => host.sent.at(-1);
const is = (kind) => (error) => error instanceof ModuleError && error.kind === kind;

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
  assert.deepEqual(timer.fired(wharf.awaitMessage()), { id: "report", dueUnixMs: 1 });
  arrives("x", { metadata: '{"Fired":{"id":"report","due_unix_ms":1}}' });
  assert.equal(timer.fired(wharf.awaitMessage()), null);
});


test("more of keys and values", () => {
  answersAre(() => ({ body: '"Ok"' }));
  const visits = kv.open("visits", { durability: "power" });
  assert.deepEqual(asked()[1].action, { OpenWith: { durability: "power" } });
  visits.batch([["a", 1], ["b", undefined]]);
  const key = (name) => [34, name.charCodeAt(0), 34];
  assert.deepEqual(asked()[1].action.Batch, [{ Set: { key: key("a"), bytes: 1 } }, { Delete: { key: key("b") } }]);
  assert.equal(asked()[2], "1");
  assert.equal(visits.compareAndSet("a", undefined, 2), true);
  assert.deepEqual(asked().slice(1), [{ ...asked()[1], action: { CompareAndSet: { key: key("a"), expected: null } } }, "2"]);
  answersAre(() => ({ body: '{"Err":"NotAsExpected"}' }));
  assert.equal(visits.compareAndSet("a", 1, undefined), false);
  assert.equal(asked()[2], null);
  const entry = (name) => ({ key: key(name), bytes: 1 });
  answersAre((_, { action }) =>
    action.Scan.from === null
      ? { body: JSON.stringify({ Scan: { entries: [entry("a"), entry("b")], next: key("c") } }), bytes: "12" }
      : { body: JSON.stringify({ Scan: { entries: [entry("c")], next: null } }), bytes: "3" },
  );
  assert.deepEqual([...visits.scan({ prefix: "x" })], [["a", 1], ["b", 2], ["c", 3]]);
  assert.deepEqual(asked()[1].action.Scan.prefix, [34, 120]);
  answersAre((_, { action }) => ({ body: action === "BeginTx" ? '{"BeginTx":{"tx_id":7}}' : '"Ok"' }));
  const transaction = visits.begin();
  transaction.set("a", 1);
  assert.equal(asked()[1].action.Set.tx_id, 7);
  answersAre(() => ({ body: '{"Err":"TxConflict"}' }));
  assert.throws(() => transaction.commit(), is("TxConflict"));
});

test("SQL", () => {
  answersAre((_, { action }) => {
    if (action.QueryTyped) return { body: '{"Rows":{"columns":["n","x","b"]}}', bytes: '[[1,{"real":"-inf"},{"bytes":"AQI="}]]' };
    return { body: action === "BeginTx" ? '{"BeginTx":{"tx_id":7}}' : '"Ok"' };
  });
  const notes = sqlite.open("notes");
  notes.write("INSERT INTO note VALUES (?1)", ["YQ==", 2n ** 60n, 1.5, null, true, new Uint8Array([1, 2])]);
  assert.equal(asked()[2], '[{"text":"YQ=="},1152921504606846976,1.5,null,true,{"bytes":"AQI="}]');
  assert.deepEqual(notes.read("SELECT 1"), [{ n: 1, x: -Infinity, b: new Uint8Array([1, 2]) }]);
  const transaction = notes.begin();
  transaction.write("DELETE FROM note");
  assert.deepEqual(asked()[1].action, { Write: { statement: "DELETE FROM note", tx_id: 7 } });
  transaction.commit();
  assert.deepEqual(asked()[1].action, { Commit: { tx_id: 7 } });
  answersAre(() => ({ body: '{"Err":{"RusqliteError":"no such table"}}' }));
  assert.throws(() => notes.read("SELECT 1"), is("RusqliteError"));
});

test("files piece by piece", () => {
  const content = new TextEncoder().encode("one\ntwo\nthree");
  answersAre((_, { action }) => {
    const { offset, length } = action.ReadAt ?? {};
    if (action === "Metadata") return { body: '{"Metadata":{"len":13,"file_type":"File"}}' };
    return length === undefined ? { body: '"Ok"' } : { body: '"Read"', bytes: content.slice(offset, offset + Math.min(length, 5)) };
  });
  const file = vfs.File.open("/a/b/c");
  assert.equal(wharf.decode(file.read(3)), "one");
  assert.deepEqual([...file.seek(0).lines()], ["one", "two", "three"]);
  assert.equal(wharf.decode(file.seek(-5).readAll()), "three");
  file.seek(2).write("xy");
  assert.deepEqual(asked().slice(1), [{ path: "/a/b/c", action: { WriteAt: { offset: 2 } } }, "xy"]);
  vfs.File.open("/a/b/c", "a").write("end");
  assert.deepEqual(asked()[1].action, "Append");
  assert.throws(() => vfs.File.open("/a/b/c", "rw"), /r, w, a or x/);
  const read = { issuer: "test.os@vfs:distro:sys", params: '{"kind":"read","drive":"/a:b/c"}' };
  assert.deepEqual(vfs.driveCapability("a:b/c/d/e", "read"), read);
});

test("state, and that of a package", () => {
  assert.equal(state.get("none"), "none");
  state.set({ n: 1 });
  assert.deepEqual(state.get(), { n: 1 });
  answersAre(() => ({ body: '"DeleteState"' }));
  state.clearPackage("shop:ann.os");
  assert.deepEqual(asked()[1], { DeletePackage: { package_name: "shop", publisher_node: "ann.os" } });
});

test("timers are listed", () => {
  answersAre(() => ({ body: '{"List":[{"id":"a","cron":null,"next_unix_ms":5}]}' }));
  assert.deepEqual(timer.list(), [{ id: "a", cron: null, nextUnixMs: 5 }]);
});

test("asking the web", () => {
  answersAre(() => ({ body: '{"Ok":{"Http":{"status":200,"headers":{"Content-Type":"text/plain"}}}}', bytes: "[1]" }));
  const response = new httpClient.HttpCall("PUT", "https://a.example/").json({ n: 1 }).send();
  assert.deepEqual(asked()[1].Http.headers, { "Content-Type": "application/json" });
  assert.equal(asked()[2], '{"n":1}');
  assert.deepEqual([response.status, response.header("content-TYPE"), response.json()], [200, "text/plain", [1]]);
  answersAre(() => ({ body: '{"Err":{"BadUrl":{"url":"x"}}}' }));
  assert.throws(() => httpClient.get("x"), is("BadUrl"));
  answersAre(() => ({ body: '{"Ok":"WebSocketAck"}' }));
  httpClient.WebSocket.open(3, "wss://a.example/").send("hi");
  assert.deepEqual(asked().slice(1), [{ WebSocketPush: { channel_id: 3, message_type: "Text" } }, "hi"]);
  const client = { source: "http-client:distro:sys" };
  arrives('{"WebSocketPush":{"channel_id":3,"message_type":"Text"}}', { ...client, bytes: "ho" });
  const event = httpClient.event(wharf.awaitMessage());
  assert.deepEqual([event.number, event.kind, event.text], [3, "text", "ho"]);
  arrives('{"WebSocketClose":{"channel_id":3}}', client);
  assert.equal(httpClient.event(wharf.awaitMessage()).kind, "closed");
  arrives('{"WebSocketClose":{"channel_id":3}}');
  assert.equal(httpClient.event(wharf.awaitMessage()), null);
});

test("WebSockets of clients", () => {
  answersAre(() => ({ body: '{"Ok":null}' }));
  const rooms = new http.Rooms();
  const router = new wharf.Router().socket("/live", "logged-in").onSocket((event) => {
    if (event.kind === "opened") rooms.join(event.path, event.channel);
    if (event.kind === "text") rooms.sendJson("/live", event.text);
    if (event.kind === "closed") rooms.leaveAll(event.channel);
  });
  router.bind();
  assert.deepEqual(asked()[1], { WebSocketBind: { path: "/live", authenticated: true, extension: false } });
  const happens = (event, bytes) => {
    arrives(JSON.stringify(event), { source: "http-server:distro:sys", bytes });
    router.handle(wharf.awaitMessage());
  };
  happens({ WebSocketOpen: { path: "/live", channel_id: 7 } });
  happens({ WebSocketPush: { channel_id: 7, message_type: "Text" } }, "hi");
  assert.deepEqual(asked().slice(1), [{ WebSocketPush: { channel_id: 7, message_type: "Text" } }, '"hi"']);
  happens({ WebSocketClose: 7 });
  assert.deepEqual(rooms, new http.Rooms());
});

test("bodies piece by piece", () => {
  const pieces = ["one", "two", ""];
  answersAre((_, action) => ({ body: '{"Ok":null}', bytes: action.StreamRead ? pieces.shift() : null }));
  const router = new wharf.Router().stream("/shout", "anyone", (request, stream) => {
    if (request.query.fails) throw new Error("on purpose");
    const writer = stream.reply(wharf.Reply.status(200));
    for (const piece of stream.reader()) writer.write(wharf.decode(piece).toUpperCase());
    writer.finish();
  });
  const comes = (query_params) => {
    const Http = { method: "POST", url: "http://x/main:app:test.os/shout", bound_path: "/main:app:test.os/shout" };
    const body = JSON.stringify({ Http: { ...Http, url_params: {}, query_params, headers: {}, stream: 4 } });
    arrives(body, { source: "http-server:distro:sys" });
    router.handle(wharf.awaitMessage());
    return JSON.parse(host.responses.pop().body);
  };
  assert.deepEqual(comes({}), { status: 200, headers: {}, stream: 4 });
  const written = host.sent.filter(([, action]) => action.StreamWrite).map(([, , bytes]) => bytes);
  assert.deepEqual([written, asked()[1]], [["ONE", "TWO"], { StreamEnd: 4 }]);
  assert.equal(comes({ fails: "1" }).status, 500);
});

test("the kernel says why", () => {
  answersAre(() => ({ body: '{"Processes":[]}' }));
  assert.deepEqual(kernel.processes(), []);
  answersAre(() => ({ body: '"RunProcessError"', metadata: '{"error":"it runs already"}' }));
  assert.throws(() => kernel.run("a:b:c"), is("it runs already"));
  answersAre(() => ({ body: '{"Err":"no such process"}' }));
  assert.throws(() => kernel.kill("a:b:c"), /end process a:b:c: no such process/);
});

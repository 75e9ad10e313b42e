// Uses the node's modules, by every part of the library, and answers what came of it. As a script it doubles a number; as its
// own child it says hello.

import {
  ModuleError,
  Refused,
  Reply,
  Request,
  Response,
  Router,
  Service,
  capability,
  decode,
  http,
  httpClient,
  kernel,
  kv,
  our,
  process,
  random,
  script,
  sqlite,
  state,
  timer,
  vfs,
} from "./wharf.js";

const double = script((our, args) => String(2 * Number(args)));

export function init(our) {
  const name = our.split("@")[1].split(":")[0];
  if (name === "child") new Service().on("Hello", () => "hello parent").serve();
  else if (/^\d+$/.test(name)) double(our);
  else serve();
}

// What came that nobody asked for: timers, and frames of the client's WebSockets.
const heard = [];
const rooms = new http.Rooms();

function serve() {
  http.bindStatic("/about", "anyone", "text/plain", "about it");
  new Router()
    .on("Files", files)
    .on("Keys", keys)
    .on("Sql", sql)
    .on("Timers", timers)
    .on("Node", aboutNode)
    .on("Web", web)
    .on("Heard", () => heard)
    .on("No", () => {
      throw new Refused("not today");
    })
    .onWith('{"manage":true}', "Manage", () => "managed")
    .get("/notes/:id", "anyone", (request) => Reply.json({ id: request.urlParams.id, q: request.query.q }))
    .post("/notes/:id", "anyone", (request) => `${request.urlParams.id}: ${request.json().text}`)
    .stream("/shout", "anyone", shout)
    .socket("/live", "anyone")
    .onSocket(onSocket)
    .onMessage(onMessage)
    .serve();
}

// Why a module said no.
function refused(call) {
  try {
    call();
  } catch (error) {
    if (error instanceof ModuleError) return error.kind;
    throw error;
  }
  return null;
}

function files() {
  const drive = vfs.createDrive("notes");
  if (vfs.exists(`${drive}/log`)) vfs.remove(`${drive}/log`);
  const missing = vfs.exists(`${drive}/none`);
  vfs.write(`${drive}/a.txt`, "héllo");
  vfs.rename(`${drive}/a.txt`, `${drive}/b.txt`);
  vfs.append(`${drive}/b.txt`, " wörld");
  vfs.copy(`${drive}/b.txt`, `${drive}/c.txt`);
  const same = String(vfs.hash(`${drive}/b.txt`)) === String(vfs.hash(`${drive}/c.txt`));
  vfs.writeAt(`${drive}/c.txt`, 0, "J");
  vfs.setLen(`${drive}/c.txt`, 3);
  vfs.createDirAll(`${drive}/x/y`);
  const log = vfs.File.open(`${drive}/log`, "a");
  for (const line of ["one\n", "two\n", "three"]) log.write(line);
  const listed = vfs.list(drive).map((entry) => entry.path.split("/").at(-1));
  vfs.removeAll(`${drive}/x`);
  vfs.syncAll(`${drive}/log`);
  return {
    text: vfs.readText(`${drive}/b.txt`),
    part: decode(vfs.readAt(`${drive}/b.txt`, 1, 2)),
    cut: vfs.readText(`${drive}/c.txt`),
    lines: [...vfs.File.open(`${drive}/log`).lines()],
    end: decode(vfs.File.open(`${drive}/log`).seek(-5).readAll()),
    listed,
    len: vfs.metadata(`${drive}/log`).len,
    missing,
    same,
    refused: refused(() => vfs.read("/other:sys/pkg/secret")),
    twice: refused(() => vfs.createNew(`${drive}/b.txt`)),
  };
}

function keys() {
  const visits = kv.open("visits", { durability: "power" });
  visits.set("né", visits.get("né", 0) + 1);
  const people = kv.open("people");
  people.batch([["ann", 1], ["bob", { age: 2 }], ["eve", 3], [["not text"], 4]]);
  const swapped = [people.compareAndSet("ann", 7, 8), people.compareAndSet("ann", 1, 10), people.compareAndSet("zoe", undefined, 5)];
  people.delete("zoe");
  people.setBytes("raw", new Uint8Array([0, 255]));
  const raw = [...people.getBytes("raw")];
  people.deleteBytes("raw");
  const late = people.begin();
  late.get("ann");
  const transaction = people.begin();
  transaction.set("ann", transaction.get("ann") + 1);
  const before = people.get("ann");
  transaction.commit();
  late.set("ann", 0);
  const forgotten = people.begin();
  forgotten.delete("ann");
  forgotten.rollBack();
  const page = people.page({ limit: 1 });
  return {
    visits: visits.get("né"),
    swapped,
    raw,
    before,
    after: people.get("ann"),
    conflict: refused(() => late.commit()),
    scanned: [...people.scan({ prefix: "b" })],
    down: [...people.scan({ descending: true })].map(([key]) => key),
    page: [decode(page.entries[0][0]), decode(page.next)],
    others: refused(() => kv.ofOthers("shop:ann.os", "prices").get("tea")),
    removed: (kv.remove("people"), refused(() => people.get("ann"))),
  };
}

function sql() {
  const notes = sqlite.open("notes");
  notes.write("DROP TABLE IF EXISTS note");
  notes.write("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT, image BLOB, weight REAL)");
  const insert = "INSERT INTO note (text, image, weight) VALUES (?1, ?2, ?3)";
  notes.write(insert, ["YQ==", new Uint8Array([0, 255]), 1.5]);
  const transaction = notes.begin();
  transaction.write(insert, ["héllo", null, 0.5]);
  const inside = transaction.read("SELECT count(*) AS n FROM note");
  const outside = notes.read("SELECT count(*) AS n FROM note");
  transaction.commit();
  const rows = notes.read("SELECT * FROM note ORDER BY id");
  return {
    columns: notes.rows("SELECT id, text FROM note").columns,
    rows: rows.map((row) => [row.id, row.text, row.image === null ? null : [...row.image], row.weight]),
    found: notes.read("SELECT id FROM note WHERE text = ?1", ["YQ=="]),
    counted: [inside[0].n, outside[0].n],
    infinite: notes.read("SELECT 9e999 AS x")[0].x === Infinity,
    refused: refused(() => notes.read("SELECT * FROM nothing")),
  };
}

function timers() {
  timer.sleep(5);
  timer.every("report", "0 6 1 1 *", "daily");
  timer.at("far", 32503680000000);
  const listed = timer.list().map(({ id, cron, nextUnixMs }) => [id, cron, nextUnixMs > 0]);
  timer.cancel("report");
  timer.cancel("far");
  timer.at("now", 0, "wake up");
  timer.set(1, "again");
  return { listed, refused: [refused(() => timer.cancel("report")), refused(() => timer.every("bad", "never"))] };
}

function aboutNode() {
  const child = process.spawn(`/${process.ourPackage()}/pkg/tries.wasm`, { name: "child" });
  const said = Request.to(child).json("Hello").ask(120);
  kernel.kill(child);
  let taken = null;
  try {
    process.spawn("/no:one/pkg/none.wasm");
  } catch (error) {
    taken = error.kind;
  }
  const manage = { issuer: our(), params: '{"manage":true}' };
  capability.save([manage]);
  const managed = Request.to(our()).capabilities([manage]);
  state.set({ kept: 1 });
  const kept = state.get();
  state.clear();
  process.setOnExit("restart");
  const chance = random();
  return {
    child,
    said,
    taken,
    held: capability.find("kv:distro:sys", capability.MESSAGING) !== null,
    mine: capability.find(our(), '{ "manage": true }') !== null && managed.content.capabilities.length,
    kept: [kept, state.get()],
    onExit: process.onExit(),
    chance: chance >= 0 && chance < 1,
    status: kernel.status().node === our().split("@")[0],
    running: kernel.processes().some(({ id }) => id === our().split("@")[1]),
    refused: refused(() => kernel.run("no:such:process")) !== null,
  };
}

function web({ http: url, ws }) {
  const echoed = new httpClient.HttpCall("POST", `${url}/echo`).header("X-Test", "1").json({ n: 1 }).timeout(60).send();
  const found = httpClient.get(`${url}/json`);
  const socket = httpClient.WebSocket.open(7, `${ws}/ws`);
  socket.send("hello");
  socket.send(new Uint8Array([1, 2]));
  socket.send("bye");
  return {
    json: found.json(),
    type: found.header("content-TYPE"),
    echoed: [echoed.status, echoed.text().endsWith('{"n":1}')],
    missing: httpClient.get(`${url}/nothing`).status,
    refused: refused(() => httpClient.get("nonsense")),
  };
}

function shout(request, stream) {
  if (request.query.fails) throw new Error("on purpose");
  const writer = stream.reply(Reply.status(200).header("Content-Type", "text/plain"));
  for (const piece of stream.reader()) writer.write(decode(piece).toUpperCase());
  writer.finish();
}

function onSocket(event) {
  if (event.kind === "opened") rooms.join(event.path, event.channel);
  if (event.kind === "text") rooms.sendJson("/live", { text: event.text, others: rooms.members("/live").length });
  if (event.kind === "bytes") event.channel.close();
  if (event.kind === "closed") rooms.leaveAll(event.channel);
}

function onMessage(message) {
  const fired = timer.fired(message);
  const event = httpClient.event(message);
  if (fired) heard.push(["timer", fired.id, message.text()]);
  else if (event) heard.push(["socket", event.kind, event.kind === "bytes" ? [...event.bytes] : event.text]);
  else if (message.isRequest()) new Response().failure("nobody understands that").send();
  else heard.push(["response", decode(message.context), message.source.split("@")[1]]);
}

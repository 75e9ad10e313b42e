"""Uses the node's modules, by every part of the library, and answers what came of it. As a script it doubles a number; as its
own child it says hello."""

import math

from wharf import (
    ModuleError,
    Refused,
    Reply,
    Request,
    Response,
    Router,
    Service,
    capability,
    http,
    http_client,
    kernel,
    kv,
    our,
    process,
    script,
    sqlite,
    state,
    timer,
    vfs,
)
from wharf.address import Capability

double = script(lambda our, args: str(2 * int(args)))
# What came that nobody asked for: timers, and frames of the client's WebSockets.
heard = []
rooms = http.Rooms()


def init(our):
    name = our.split("@")[1].split(":")[0]
    if name == "child":
        Service().on("Hello", lambda _: "hello parent").serve()
    elif name.isdigit():
        double(our)
    else:
        serve()


def serve():
    http.bind_static("/about", "anyone", "text/plain", "about it")
    router = Router().on("Files", files).on("Keys", keys).on("Sql", sql).on("Timers", timers)
    router.on("Node", about_node).on("Web", web).on("Heard", lambda _: heard).on("No", no)
    router.on_with('{"manage":true}', "Manage", lambda _: "managed")
    router.get("/notes/:id", "anyone", lambda asked: Reply.json({"id": asked.url_params["id"], "q": asked.query.get("q")}))
    router.post("/notes/:id", "anyone", lambda asked: f"{asked.url_params['id']}: {asked.json()['text']}")
    router.stream("/shout", "anyone", shout).socket("/live", "anyone").on_socket(on_socket).on_message(on_message).serve()


def no(_):
    raise Refused("not today")


def refused(call):
    """Why a module said no."""
    try:
        call()
    except ModuleError as error:
        return error.kind
    return None


def files(_):
    drive = vfs.create_drive("notes")
    if vfs.exists(f"{drive}/log"):
        vfs.remove(f"{drive}/log")
    missing = vfs.exists(f"{drive}/none")
    vfs.write(f"{drive}/a.txt", "héllo")
    vfs.rename(f"{drive}/a.txt", f"{drive}/b.txt")
    vfs.append(f"{drive}/b.txt", " wörld")
    vfs.copy(f"{drive}/b.txt", f"{drive}/c.txt")
    same = vfs.hash(f"{drive}/b.txt") == vfs.hash(f"{drive}/c.txt")
    vfs.write_at(f"{drive}/c.txt", 0, "J")
    vfs.set_len(f"{drive}/c.txt", 3)
    vfs.create_dir_all(f"{drive}/x/y")
    with vfs.open(f"{drive}/log", "a") as log:
        print("one", "two", "three", sep="\n", end="", file=log)
    listed = [entry["path"].split("/")[-1] for entry in vfs.list(drive)]
    vfs.remove_all(f"{drive}/x")
    vfs.sync_all(f"{drive}/log")
    with vfs.open(f"{drive}/log") as log:
        lines = [line.rstrip("\n") for line in log]
    with vfs.open(f"{drive}/log", "rb") as log:
        log.seek(-5, 2)
        end = log.read().decode()
    return {
        "text": vfs.read_text(f"{drive}/b.txt"),
        "part": vfs.read_at(f"{drive}/b.txt", 1, 2).decode(),
        "cut": vfs.read_text(f"{drive}/c.txt"),
        "lines": lines,
        "end": end,
        "listed": listed,
        "len": vfs.metadata(f"{drive}/log")["len"],
        "missing": missing,
        "same": same,
        "refused": refused(lambda: vfs.read("/other:sys/pkg/secret")),
        "twice": refused(lambda: vfs.create_new(f"{drive}/b.txt")),
    }


def keys(_):
    visits = kv.open("visits", durability="power")
    visits.set("né", visits.get("né", 0) + 1)
    people = kv.open("people")
    people.batch([("ann", 1), ("bob", {"age": 2}), ("eve", 3), (["not text"], 4)])
    swapped = [people.compare_and_set(*told) for told in (("ann", 7, 8), ("ann", 1, 10), ("zoe", kv.NOTHING, 5))]
    people.delete("zoe")
    people.set_bytes("raw", b"\x00\xff")
    raw = [*people.get_bytes("raw")]
    people.delete_bytes("raw")
    late = people.begin()
    late.get("ann")
    with people.begin() as transaction:
        transaction.set("ann", transaction.get("ann") + 1)
        before = people.get("ann")
    late.set("ann", 0)
    forgotten = people.begin()
    forgotten.delete("ann")
    forgotten.roll_back()
    entries, following = people.page(limit=1)
    found = {
        "visits": visits.get("né"),
        "swapped": swapped,
        "raw": raw,
        "before": before,
        "after": people.get("ann"),
        "conflict": refused(late.commit),
        "scanned": [*people.scan(prefix="b")],
        "down": [key for key, _ in people.scan(descending=True)],
        "page": [entries[0][0].decode(), following.decode()],
        "others": refused(lambda: kv.of_others("shop:ann.os", "prices").get("tea")),
    }
    kv.remove("people")
    return found | {"removed": refused(lambda: people.get("ann"))}


def sql(_):
    notes = sqlite.open("notes")
    notes.write("DROP TABLE IF EXISTS note")
    notes.write("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT, image BLOB, weight REAL)")
    insert = "INSERT INTO note (text, image, weight) VALUES (?1, ?2, ?3)"
    notes.write(insert, ["YQ==", b"\x00\xff", 1.5])
    with notes.begin() as transaction:
        transaction.write(insert, ["héllo", None, 0.5])
        inside = transaction.read("SELECT count(*) AS n FROM note")
        outside = notes.read("SELECT count(*) AS n FROM note")
    rows = notes.read("SELECT * FROM note ORDER BY id")
    return {
        "columns": notes.rows("SELECT id, text FROM note")[0],
        "rows": [[row["id"], row["text"], row["image"] and [*row["image"]], row["weight"]] for row in rows],
        "found": notes.read("SELECT id FROM note WHERE text = ?1", ["YQ=="]),
        "counted": [inside[0]["n"], outside[0]["n"]],
        "infinite": notes.read("SELECT 9e999 AS x")[0]["x"] == math.inf,
        "refused": refused(lambda: notes.read("SELECT * FROM nothing")),
    }


def timers(_):
    timer.sleep(5)
    timer.every("report", "0 6 1 1 *", "daily")
    timer.at("far", 32503680000000)
    listed = [[each.id, each.cron, each.next_unix_ms > 0] for each in timer.list()]
    timer.cancel("report")
    timer.cancel("far")
    timer.at("now", 0, "wake up")
    timer.set(1, "again")
    return {
        "listed": listed,
        "refused": [refused(lambda: timer.cancel("report")), refused(lambda: timer.every("bad", "never"))],
    }


def about_node(_):
    child = process.spawn(f"/{process.our_package()}/pkg/tries.wasm", "child")
    said = Request(child).json("Hello").ask(120)
    kernel.kill(child)
    taken = None
    try:
        process.spawn("/no:one/pkg/none.wasm")
    except process.SpawnError as error:
        taken = error.kind
    manage = Capability(our(), '{"manage":true}')
    capability.save([manage])
    managed = Request(our()).capabilities([manage])
    state.set({"kept": 1})
    kept = state.get()
    state.clear()
    process.set_on_exit("restart")
    return {
        "child": child,
        "said": said,
        "taken": taken,
        "held": capability.find("kv:distro:sys", capability.MESSAGING) is not None,
        "mine": capability.find(our(), '{ "manage": true }') is not None and len(managed.content.capabilities),
        "kept": [kept, state.get()],
        "onExit": process.on_exit(),
        "chance": True,
        "status": kernel.status()["node"] == our().split("@")[0],
        "running": any(each["id"] == our().split("@")[1] for each in kernel.processes()),
        "refused": refused(lambda: kernel.run("no:such:process")) is not None,
    }


def web(told):
    url = told["http"]
    echoed = http_client.HttpCall("POST", f"{url}/echo").header("X-Test", "1").json({"n": 1}).timeout(60).send()
    found = http_client.get(f"{url}/json")
    socket = http_client.WebSocket.open(7, f"{told['ws']}/ws")
    socket.send("hello")
    socket.send(b"\x01\x02")
    socket.send("bye")
    return {
        "json": found.json(),
        "type": found.header("content-TYPE"),
        "echoed": [echoed.status, echoed.text().endswith('{"n": 1}')],
        "missing": http_client.get(f"{url}/nothing").status,
        "refused": refused(lambda: http_client.get("nonsense")),
    }


def shout(request, stream):
    if request.query.get("fails"):
        raise RuntimeError("on purpose")
    writer = stream.reply(Reply().header("Content-Type", "text/plain"))
    for piece in stream.reader():
        writer.write(piece.upper())
    writer.finish()


def on_socket(event):
    if event.kind == "opened":
        rooms.join(event.path, event.channel)
    elif event.kind == "text":
        rooms.send_json("/live", {"text": event.text, "others": len(rooms.members("/live"))})
    elif event.kind == "bytes":
        event.channel.close()
    elif event.kind == "closed":
        rooms.leave_all(event.channel)


def on_message(message):
    fired = timer.fired(message)
    event = http_client.event(message)
    if fired:
        heard.append(["timer", fired.id, message.text()])
    elif event:
        came = {"bytes": [*event.content], "closed": None}.get(event.kind, event.text)
        heard.append(["socket", event.kind, came])
    elif message.is_request():
        Response().failure("nobody understands that").send()
    else:
        heard.append(["response", message.context.decode(), message.source.split("@")[1]])

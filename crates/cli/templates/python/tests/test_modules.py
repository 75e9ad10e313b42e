"""python3 -m unittest discover tests"""

import json
import unittest

from host import node

import wharf
from wharf import ModuleError, http, http_client, kernel, kv, sqlite, state, timer, vfs


class Modules(unittest.TestCase):
    def setUp(self):
        node.__init__()

    def asked(self):
        """What was asked last, and with which bytes."""
        return node.sent[-1][1:]

    def assert_refused(self, kind, call):
        with self.assertRaises(ModuleError) as raised:
            call()
        self.assertEqual(raised.exception.kind, kind)

    def test_files(self):
        def answer(asked):
            if asked["path"].endswith("none"):
                return ('{"Err":{"IOError":"No such file or directory (os error 2)"}}',)
            if asked["path"].endswith("locked"):
                return ('{"Err":"NoReadCap"}',)
            return {"Read": ('"Read"', None, b"hello"), "ReadDir": ('{"ReadDir":[]}',)}.get(asked["action"], ('"Ok"',))

        node.answer = answer
        drive = vfs.create_drive("notes")
        self.assertEqual(drive, "/app:test.os/notes")
        vfs.write(f"{drive}/a", "hello")
        self.assertEqual(node.sent[-1], ("vfs", {"path": "/app:test.os/notes/a", "action": "Write"}, b"hello"))
        self.assertEqual(vfs.read_text(f"{drive}/a"), "hello")
        self.assertEqual(vfs.list(drive), [])
        self.assertFalse(vfs.exists("/app:test.os/notes/none"))
        for look in (vfs.read, vfs.exists):
            with self.assertRaises(ModuleError) as raised:
                look("/x/locked")
            self.assertEqual(raised.exception.kind, "NoReadCap")
            self.assertIn("/x/locked", str(raised.exception))

    def test_keys_and_values(self):
        def answer(asked):
            action = asked["action"]
            if not (isinstance(action, dict) and "Get" in action):
                return ('"Ok"',)
            is_there = bytes(action["Get"]) == '{"né":1}'.encode()
            return ('{"Get":[]}', None, b'{"n":1}') if is_there else ('{"Err":"KeyNotFound"}',)

        node.answer = answer
        visits = kv.open("visits")
        owner = {"package_name": "app", "publisher_node": "test.os"}
        self.assertEqual(node.sent[0][1], {"package_id": owner, "db": "visits", "action": "Open"})
        visits.set("ann", {"n": 1})
        self.assertEqual(json.loads(node.sent[-1][2]), {"n": 1})
        self.assertEqual(visits.get({"né": 1}), {"n": 1})
        self.assertEqual(visits.get("bob", 0), 0)

    def test_timers(self):
        node.answer = lambda asked: ("",)
        timer.sleep(1500)
        self.assertEqual(node.sent[0][:2], ("timer", {"SetTimer": 1500}))
        node.answer = lambda asked: ('"Ok"',)
        timer.every("report", "0 6 * * *", "x")
        self.assertEqual(node.sent[1][1], {"Every": {"id": "report", "cron": "0 6 * * *", "body": [120]}})
        notice = '{"Fired":{"id":"report","due_unix_ms":1}}'
        node.arrives("x", "timer:distro:sys", notice)
        self.assertEqual(timer.fired(wharf.await_message()), timer.Fired("report", 1))
        node.arrives("x", metadata=notice)
        self.assertIsNone(timer.fired(wharf.await_message()))

    def test_more_of_keys_and_values(self):
        node.answer = lambda asked: ('"Ok"',)
        visits = kv.open("visits", durability="power")
        self.assertEqual(self.asked()[0]["action"], {"OpenWith": {"durability": "power"}})
        visits.batch([("a", 1), ("b", kv.NOTHING)])
        told, content = self.asked()
        key = lambda name: [34, ord(name), 34]  # noqa: E731
        self.assertEqual(told["action"]["Batch"], [{"Set": {"key": key("a"), "bytes": 1}}, {"Delete": {"key": key("b")}}])
        self.assertEqual(content, b"1")
        self.assertTrue(visits.compare_and_set("a", kv.NOTHING, 2))
        told, content = self.asked()
        self.assertEqual((told["action"], content), ({"CompareAndSet": {"key": key("a"), "expected": None}}, b"2"))
        node.answer = lambda asked: ('{"Err":"NotAsExpected"}',)
        self.assertFalse(visits.compare_and_set("a", 1, kv.NOTHING))
        self.assertIsNone(self.asked()[1])

        def page(asked):
            entry = lambda name: {"key": key(name), "bytes": 1}  # noqa: E731
            if asked["action"]["Scan"]["from"] is None:
                return json.dumps({"Scan": {"entries": [entry("a"), entry("b")], "next": key("c")}}), None, b"12"
            return json.dumps({"Scan": {"entries": [entry("c")], "next": None}}), None, b"3"

        node.answer = page
        self.assertEqual([*visits.scan(prefix="x")], [("a", 1), ("b", 2), ("c", 3)])
        self.assertEqual(self.asked()[0]["action"]["Scan"]["prefix"], [34, 120])

    def test_transactions(self):
        node.answer = lambda asked: ('{"BeginTx":{"tx_id":7}}' if asked["action"] == "BeginTx" else '"Ok"',)
        with kv.open("visits").begin() as transaction:
            transaction.set("a", 1)
            self.assertEqual(self.asked()[0]["action"]["Set"]["tx_id"], 7)
        self.assertEqual(self.asked()[0]["action"], {"Commit": {"tx_id": 7}})
        with self.assertRaises(KeyError), sqlite.open("notes").begin() as transaction:
            transaction.write("DELETE FROM note")
            raise KeyError
        self.assertEqual(self.asked()[0]["action"], {"Rollback": {"tx_id": 7}})

    def test_sql(self):
        def answer(asked):
            if "QueryTyped" in asked["action"]:
                return '{"Rows":{"columns":["n","x","b"]}}', None, b'[[1,{"real":"-inf"},{"bytes":"AQI="}]]'
            return ('"Ok"',)

        node.answer = answer
        notes = sqlite.open("notes")
        notes.write("INSERT INTO note VALUES (?1)", ["YQ==", 2**60, 1.5, None, True, b"\1\2", float("inf")])
        told = [{"text": "YQ=="}, 2**60, 1.5, None, True, {"bytes": "AQI="}, None]
        self.assertEqual(json.loads(self.asked()[1]), told)
        self.assertEqual(notes.read("SELECT 1"), [{"n": 1, "x": float("-inf"), "b": b"\1\2"}])
        node.answer = lambda asked: ('{"Err":{"RusqliteError":"no such table"}}',)
        self.assert_refused("RusqliteError", lambda: notes.read("SELECT 1"))

    def test_files_as_python_has_them(self):
        files = {}

        def answer(asked):
            action, content = asked["action"], files.setdefault(asked["path"], bytearray())
            given = node.sent[-1][2]
            if action == "Metadata":
                return (json.dumps({"Metadata": {"len": len(content), "file_type": "File"}}),)
            if action == "CreateFile":
                content.clear()
            elif action == "Append":
                content.extend(given)
            elif isinstance(action, dict) and "WriteAt" in action:
                at = action["WriteAt"]["offset"]
                content[at : at + len(given)] = given
            elif isinstance(action, dict) and "ReadAt" in action:
                told = action["ReadAt"]
                return '"Read"', None, bytes(content[told["offset"] : told["offset"] + min(told["length"], 5)])
            return ('"Ok"',)

        node.answer = answer
        with vfs.open("/a/b/c", "w") as file:
            print("héllo", "wörld", sep="\n", file=file)
        with vfs.open("/a/b/c", "a") as file:
            file.write("end")
        with vfs.open("/a/b/c") as file:
            self.assertEqual(file.readlines(), ["héllo\n", "wörld\n", "end"])
        with vfs.open("/a/b/c", "r+b") as file:
            file.seek(-3, 2)
            file.write(b"END")
            file.seek(0)
            self.assertEqual(file.read(), "héllo\nwörld\nEND".encode())
        with self.assertRaisesRegex(ValueError, "r, w, a or x"):
            vfs.open("/a/b/c", "q")
        read = wharf.Capability("test.os@vfs:distro:sys", '{"kind": "read", "drive": "/a:b/c"}')
        self.assertEqual(vfs.drive_capability("a:b/c/d", "read"), read)

    def test_state_and_that_of_a_package(self):
        self.assertEqual(state.get("none"), "none")
        state.set({"n": 1})
        self.assertEqual(state.get(), {"n": 1})
        node.answer = lambda asked: ('"DeleteState"',)
        state.clear_package("shop:ann.os")
        self.assertEqual(self.asked()[0], {"DeletePackage": {"package_name": "shop", "publisher_node": "ann.os"}})

    def test_timers_are_listed(self):
        node.answer = lambda asked: ('{"List":[{"id":"a","cron":null,"next_unix_ms":5}]}',)
        self.assertEqual(timer.list(), [timer.Scheduled("a", None, 5)])

    def test_asking_the_web(self):
        head = '{"Ok":{"Http":{"status":200,"headers":{"Content-Type":"text/plain"}}}}'
        node.answer = lambda asked: (head, None, b"[1]")
        response = http_client.HttpCall("PUT", "https://a.example/").json({"n": 1}).send()
        told, content = self.asked()
        self.assertEqual((told["Http"]["headers"], json.loads(content)), ({"Content-Type": "application/json"}, {"n": 1}))
        self.assertEqual((response.status, response.header("content-TYPE"), response.json()), (200, "text/plain", [1]))
        node.answer = lambda asked: ('{"Err":{"BadUrl":{"url":"x"}}}',)
        self.assert_refused("BadUrl", lambda: http_client.get("x"))
        node.answer = lambda asked: ('{"Ok":"WebSocketAck"}',)
        http_client.WebSocket.open(3, "wss://a.example/").send("hi")
        self.assertEqual(self.asked(), ({"WebSocketPush": {"channel_id": 3, "message_type": "Text"}}, b"hi"))
        node.arrives('{"WebSocketPush":{"channel_id":3,"message_type":"Text"}}', "http-client:distro:sys", content=b"ho")
        event = http_client.event(wharf.await_message())
        self.assertEqual((event.number, event.kind, event.text), (3, "text", "ho"))
        node.arrives('{"WebSocketClose":{"channel_id":3}}', "http-client:distro:sys")
        self.assertEqual(http_client.event(wharf.await_message()).kind, "closed")
        node.arrives('{"WebSocketClose":{"channel_id":3}}')
        self.assertIsNone(http_client.event(wharf.await_message()))

    def test_web_sockets_of_clients(self):
        node.answer = lambda asked: ('{"Ok":null}',)
        rooms = http.Rooms()

        def on_socket(event):
            if event.kind == "opened":
                rooms.join(event.path, event.channel)
            elif event.kind == "text":
                rooms.send_json("/live", event.text)
            elif event.kind == "closed":
                rooms.leave_all(event.channel)

        router = wharf.Router().socket("/live", "logged-in").on_socket(on_socket)
        router.bind()
        bound = {"WebSocketBind": {"path": "/live", "authenticated": True, "extension": False}}
        self.assertEqual(self.asked()[0], bound)

        def happens(event, content=None):
            node.arrives(json.dumps(event), "http-server:distro:sys", content=content)
            router.handle(wharf.await_message())

        happens({"WebSocketOpen": {"path": "/live", "channel_id": 7}})
        happens({"WebSocketPush": {"channel_id": 7, "message_type": "Text"}}, b"hi")
        self.assertEqual(self.asked(), ({"WebSocketPush": {"channel_id": 7, "message_type": "Text"}}, b'"hi"'))
        self.assertEqual(rooms.of(http.Channel(7)), ["/live"])
        happens({"WebSocketClose": 7})
        self.assertEqual((rooms.of(http.Channel(7)), rooms.members("/live")), ([], []))

    def test_bodies_piece_by_piece(self):
        pieces = [b"one", b"two", b""]
        node.answer = lambda asked: ('{"Ok":null}', None, pieces.pop(0) if "StreamRead" in asked else None)

        def shout(request, stream):
            if request.query:
                raise RuntimeError("on purpose")
            writer = stream.reply(wharf.Reply())
            for piece in stream.reader():
                writer.write(piece.upper())
            writer.finish()

        router = wharf.Router().stream("/shout", "anyone", shout)

        def comes(query):
            at = "/main:app:test.os/shout"
            told = {"method": "POST", "url": f"http://x{at}", "bound_path": at, "url_params": {}, "query_params": query}
            node.arrives(json.dumps({"Http": told | {"headers": {}, "stream": 4}}), "http-server:distro:sys")
            router.handle(wharf.await_message())
            return json.loads(node.responses.pop()[0].body)

        self.assertEqual(comes({}), {"status": 200, "headers": {}, "stream": 4})
        written = [content for _, asked, content in node.sent if "StreamWrite" in asked]
        self.assertEqual((written, self.asked()[0]), ([b"ONE", b"TWO"], {"StreamEnd": 4}))
        self.assertEqual(comes({"fails": "1"})["status"], 500)

    def test_the_kernel_says_why(self):
        node.answer = lambda asked: ('{"Processes":[]}',)
        self.assertEqual(kernel.processes(), [])
        node.answer = lambda asked: ('"RunProcessError"', '{"error":"it runs already"}')
        self.assert_refused("it runs already", lambda: kernel.run("a:b:c"))
        node.answer = lambda asked: ('{"Err":"no such process"}',)
        with self.assertRaisesRegex(ModuleError, "end process a:b:c: no such process"):
            kernel.kill("a:b:c")


if __name__ == "__main__":
    unittest.main()

"""python3 -m unittest discover tests"""

import json
import os
import pathlib
import sys
import unittest

import host as fake

node = fake.install()
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import modules  # noqa: E402
import wharf  # noqa: E402
from modules import ModuleError, kv, timer, vfs  # noqa: E402


class Wharf(unittest.TestCase):
    def setUp(self):
        node.__init__()

    def answered(self, service, body: str):
        node.arrives(body)
        service.handle(wharf.await_message())
        content, _ = node.responses.pop()
        return content.body.decode() if content.metadata is None else json.loads(content.metadata)["error"]

    def test_the_version_is_the_one_of_the_node_it_came_with(self):
        self.assertEqual(wharf.VERSION, os.environ["WHARF_VERSION"])

    def test_a_service_answers_everything(self):
        def refuse(_):
            raise wharf.Refused("not today")

        service = wharf.Service()
        service.on("Add", lambda numbers: {"sum": sum(numbers), "to": service.message.source})
        service.on("Nothing", lambda _: None).on("Own", lambda _: wharf.Response().body("as it is"))
        service.on("No", refuse).on("Wrong", lambda _: {}["field"])
        added = json.loads(self.answered(service, '{"Add":[1,2]}'))
        self.assertEqual(added, {"sum": 3, "to": "test.os@asker:tests:test.os"})
        self.assertEqual(self.answered(service, '"Nothing"'), "null")
        self.assertEqual(self.answered(service, '"Own"'), "as it is")
        self.assertEqual(self.answered(service, '"No"'), "not today")
        unknown = "not a request: `Other` is none of Add, Nothing, Own, No, Wrong"
        self.assertEqual(self.answered(service, '"Other"'), unknown)
        for body in ("{", "[]", "{}", "null", "1", '{"Add":1,"No":2}'):
            self.assertIn("not a request: ", self.answered(service, body))
        self.assertEqual(node.printed, [])
        self.assertEqual(self.answered(service, '"Wrong"'), "something went wrong here")
        self.assertIn("KeyError", node.printed[0])

    def test_fibonacci(self):
        sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "fibonacci"))
        import app

        service = wharf.Service().on("Number", app.answer)
        self.assertEqual(json.loads(self.answered(service, '{"Number":93}')), {"Number": 12200160415121876738})
        self.assertIn("94 is too large", self.answered(service, '{"Number":94}'))
        self.assertIn("is no place of a number", self.answered(service, '{"Number":-1}'))

    def test_what_is_asked_brings_a_value_a_refusal_or_an_error_of_sending(self):
        def ask():
            return wharf.Request("till:shop:test.os").json("Total").ask(5)

        node.answer = lambda asked: ("250",)
        self.assertEqual(ask(), 250)
        node.answer = lambda asked: ("", '{"error":"closed"}')
        with self.assertRaisesRegex(wharf.Refused, "closed"):
            ask()
        node.answer = lambda asked: "timeout"
        with self.assertRaises(wharf.SendError) as raised:
            ask()
        self.assertEqual(raised.exception.kind, "timeout")

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
        self.assertEqual(timer.fired(wharf.await_message()), "report")
        node.arrives("x", metadata=notice)
        self.assertIsNone(timer.fired(wharf.await_message()))

    def test_the_web(self):
        def refuse(_):
            raise wharf.Refused("no more notes")

        node.answer = lambda asked: ('{"Ok":null}',)
        router = wharf.Router().get("/notes/:id", "anyone", lambda asked: f"note {asked.url_params['id']}")
        router.post("/notes", "logged-in", refuse)

        def asks(method, path, bound):
            http = {"method": method, "url": f"http://x/main:app:test.os{path}", "bound_path": f"/main:app:test.os{bound}"}
            http |= {"url_params": {"id": "7"}, "query_params": {}, "headers": {}}
            node.arrives(json.dumps({"Http": http}), "http-server:distro:sys")
            router.handle(wharf.await_message())
            head, blob = node.responses.pop()
            return json.loads(head.body)["status"], blob.bytes

        self.assertEqual(asks("GET", "/notes/7", "/notes/:id"), (200, b"note 7"))
        self.assertEqual(asks("POST", "/notes", "/notes"), (400, b"no more notes\n"))
        self.assertEqual(asks("PUT", "/notes", "/notes")[0], 405)
        self.assertEqual(asks("GET", "/other", "/other")[0], 404)
        wharf.bind("/notes", "logged-in")
        self.assertTrue(node.sent[0][1]["Bind"]["authenticated"])


if __name__ == "__main__":
    unittest.main()

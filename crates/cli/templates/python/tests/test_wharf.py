"""python3 -m unittest discover tests"""

import json
import os
import pathlib
import sys
import unittest

from host import node

import wharf


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

    def test_what_no_handler_understands_goes_elsewhere_if_there_is_somewhere(self):
        heard = []
        router = wharf.Router().on("Known", lambda _: 1)
        self.assertIn("none of Known", self.answered(router, '"Other"'))
        router.on_message(lambda message: heard.append(message.text()))
        node.arrives("wake up", "timer:distro:sys")
        router.handle(wharf.await_message())
        self.assertEqual(self.answered(router, '"Known"'), "1")
        self.assertEqual(heard, ["wake up"])

    def test_a_service_answers_those_who_show_a_capability(self):
        service = wharf.Service().on_with('{"all":1,"of":true}', "Wipe", lambda _: "gone")
        for shown in ([], ["no JSON"], ['{"all":1,"of":1}']):
            node.arrives('"Wipe"', shows=shown)
            service.handle(wharf.await_message())
            self.assertIn("this takes the capability", node.responses.pop()[0].metadata)
        node.arrives('"Wipe"', shows=['{ "of": true, "all": 1 }'])
        service.handle(wharf.await_message())
        self.assertEqual(node.responses.pop()[0].body, b'"gone"')

    def test_capabilities_are_kept_found_and_given_up(self):
        capability = wharf.capability
        held = wharf.Capability("test.os@vfs:distro:sys", '{"a":1,"b":2}')
        capability.save([held])
        self.assertIsNone(capability.find("vfs:distro:sys", "{}"))
        self.assertEqual(capability.find("vfs:distro:sys", '{ "b": 2, "a": 1 }'), held)
        capability.drop([held])
        self.assertEqual(capability.ours(), [])

    def test_children_and_the_end(self):
        process = wharf.process
        child = process.spawn("/app:test.os/pkg/worker.wasm", "one", grant=[("a:b:c", '"messaging"')], public=True)
        self.assertEqual(child, "one:app:test.os")
        self.assertEqual(node.spawned[0], "/app:test.os/pkg/worker.wasm")
        self.assertEqual((node.spawned[3][0][0].process_name, node.spawned[4]), ("a", True))
        with self.assertRaises(process.SpawnError) as raised:
            process.spawn("/app:test.os/pkg/worker.wasm", "taken")
        self.assertEqual(raised.exception.kind, "name-taken")
        self.assertEqual(process.on_exit(), "none")
        process.set_on_exit("restart")
        self.assertEqual(process.on_exit(), "restart")
        process.set_on_exit([wharf.Request("a:b:c").body("bye")])
        self.assertEqual(node.on_exit.value[0][1].body, b"bye")

    def test_a_script_answers_the_terminal(self):
        run = wharf.script(lambda our, args: f"{our}: {args}" if args != "x" else {}["field"])
        node.arrives("nobody's")
        node.arrives("one two", "terminal:terminal:sys")
        run("me")
        self.assertEqual(node.responses.pop()[0].body, b"me: one two")
        node.arrives("x", "terminal:terminal:sys")
        run("me")
        self.assertIn("field", json.loads(node.responses.pop()[0].metadata)["error"])

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
        wharf.http.bind("/notes", "logged-in")
        self.assertTrue(node.sent[0][1]["Bind"]["authenticated"])


if __name__ == "__main__":
    unittest.main()

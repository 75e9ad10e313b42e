"""Counts how often its page was opened: one number, shown on the web and told by message.

    a browser    GET /                   counts one, shows the page
    a program    GET /api, POST /api     {"count": n}; POST counts one
    a process    "Get", "Increment"      {"count": n}

The number is saved before it is told, so that nobody ever sees it go back.
"""

from page import PAGE
from wharf import Message, Reply, Response, Router, state

# The page may run what is in it and talk to this node, and nothing else.
SECURITY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Counter:
    def __init__(self, our: str):
        # What is saved and not understood is left alone: better no counter than one that starts again.
        self.count: int = state.get({"count": 0})["count"]
        self.process = our.split("@")[1]

    def increment(self) -> None:
        state.set({"count": self.count + 1})
        self.count += 1

    # Every view counts, so none may come from a cache.

    def told(self) -> Reply:
        return Reply.json({"count": self.count}).header("Cache-Control", "no-store")

    def shown(self) -> Reply:
        # An id has no character that means something in HTML.
        page = PAGE.replace("{{count}}", str(self.count)).replace("{{times}}", "time" if self.count == 1 else "times")
        reply = Reply.html(page.replace("{{api}}", f"/{self.process}/api"))
        return reply.header("Content-Security-Policy", SECURITY).header("Cache-Control", "no-store")

    def counted(self, answer) -> Reply:
        self.increment()
        return answer()

    def answer_process(self, message: Message) -> None:
        if not message.is_request():
            return
        if message.body == b'"Increment"':
            self.increment()
        elif message.body != b'"Get"':
            Response().failure("not a request to the counter").send()
            return
        Response().json({"count": self.count}).send()


def init(our: str) -> None:
    counter = Counter(our)
    (
        Router()
        .get("/", "anyone", lambda request: counter.counted(counter.shown))
        .method("HEAD", "/", "anyone", lambda request: Reply.html("").header("Cache-Control", "no-store"))
        .get("/api", "anyone", lambda request: counter.told())
        .post("/api", "anyone", lambda request: counter.counted(counter.told))
        .on_message(counter.answer_process)
        .serve()
    )

// Answering the web. Paths are below `/<process id>`. The process must hold the messaging capability of
// `http-server:distro:sys`, and grant it its own. `access` is "anyone", "logged-in" or "this-machine".
//
//   new Router()
//     .get("/hello", "anyone", (request) => `hello ${request.query.name ?? "you"}\n`)
//     .serve();
//
// Router does what most processes need. The functions beside it are for those with a loop of their own.

export { bind, bindStatic, unbind } from "./http_bind.js";
export { HttpRequest } from "./http_request.js";
export { Reply } from "./reply.js";
export { Router } from "./router.js";
export { Channel, Rooms, SocketEvent, bindSocket, unbindSocket } from "./socket.js";
export { BodyReader, BodyWriter, Stream, bindStream } from "./stream.js";

// Stands in for the node in the tests of wharf.js: what the imports of a component are here.

import { register } from "node:module";

if (!globalThis.wharfTests) {
  globalThis.wharfTests = { inbox: [], sent: [], responses: [], printed: [], state: null, blob: null, answer: null, held: [], onExit: { tag: "none" } };
  const hooks = `
    const names = ["kinode:process/standard@1.0.0", "wasi:random/random@0.2.0"];
    export function resolve(name, context, next) {
      if (!names.includes(name)) return next(name, context);
      return { url: ${JSON.stringify(import.meta.url)}, shortCircuit: true };
    }`;
  register(`data:text/javascript,${encodeURIComponent(hooks)}`);
}

/** What the tests see and set. */
export const host = globalThis.wharfTests;

const id = (name) => {
  const [processName, packageName, publisherNode] = name.split(":");
  return { processName, packageName, publisherNode };
};

/** Forgets all of it. */
export const clear = () =>
  Object.assign(host, { inbox: [], sent: [], responses: [], printed: [], state: null, blob: null, held: [], onExit: { tag: "none" } });

/** A request that comes in. */
export function arrives(body, { source = "asker:tests:test.os", metadata = null, shows = [], bytes = null } = {}) {
  const capabilities = shows.map((params) => ({ issuer: { node: "test.os", process: id("main:app:test.os") }, params }));
  const content = { body: new TextEncoder().encode(body), metadata, capabilities, expectsResponse: 5n };
  const message = [{ node: "test.os", process: id(source) }, { tag: "request", val: content }];
  host.inbox.push({ message, blob: bytes === null ? null : { mime: null, bytes: new TextEncoder().encode(bytes) } });
}

/** Answers of what is asked: a function of the target's process and the JSON of the request. */
export function answersAre(answer) {
  host.answer = answer;
}

export default {
  our: () => ({ node: "test.os", process: id("main:app:test.os") }),
  printToTerminal: (_, text) => host.printed.push(text),
  ourCapabilities: () => host.held,
  saveCapabilities: (caps) => host.held.push(...caps),
  dropCapabilities: (caps) => (host.held = host.held.filter(({ params }) => !caps.some((cap) => cap.params === params))),
  getOnExit: () => host.onExit,
  setOnExit: (onExit) => (host.onExit = onExit),
  spawn(name, path, onExit, give, grants, isPublic) {
    if (name === "taken") throw { payload: "name-taken" };
    host.spawned = { path, onExit, give, grants, isPublic };
    return id(`${name ?? "17"}:app:test.os`);
  },
  receive() {
    const next = host.inbox.shift();
    if (!next) throw new Error("nothing comes any more");
    host.blob = next.blob;
    return next.message;
  },
  hasBlob: () => host.blob !== null,
  getBlob: () => host.blob,
  sendRequest: (target, content, _, blob) =>
    host.sent.push([target.process.processName, JSON.parse(new TextDecoder().decode(content.body)), blob && text(blob.bytes)]),
  sendResponse: (content, blob) => host.responses.push({ ...content, body: new TextDecoder().decode(content.body), blob }),
  sendAndAwaitResponse(target, content, blob) {
    const asked = content.body.length === 0 ? null : JSON.parse(new TextDecoder().decode(content.body));
    host.sent.push([target.process.processName, asked, blob && text(blob.bytes)]);
    const answer = host.answer(target.process.processName, asked);
    if (answer === "timeout") {
      throw { payload: { kind: "timeout", target, message: { tag: "request", val: content } } };
    }
    const { body = "", metadata = null, bytes = null } = answer;
    host.blob = bytes === null ? null : { mime: null, bytes: typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes };
    return [target_of(target), { tag: "response", val: [{ body: new TextEncoder().encode(body), metadata, capabilities: [] }, null] }];
  },
  getState: () => host.state,
  setState: (bytes) => (host.state = bytes),
  clearState: () => (host.state = null),
  getRandomBytes: (length) => new Uint8Array(length).fill(7),
};

const text = (bytes) => new TextDecoder().decode(bytes);
const target_of = (target) => ({ node: "test.os", process: target.process });

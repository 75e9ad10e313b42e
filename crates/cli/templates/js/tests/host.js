// Stands in for the node in the tests of wharf.js and modules.js: what the imports of a component are here.

import { register } from "node:module";

if (!globalThis.wharfTests) {
  globalThis.wharfTests = { inbox: [], sent: [], responses: [], printed: [], state: null, blob: null, answer: null };
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

/** A request that comes in. */
export function arrives(body, { source = "asker:tests:test.os", metadata = null } = {}) {
  const content = { body: new TextEncoder().encode(body), metadata, capabilities: [], expectsResponse: 5n };
  host.inbox.push([{ node: "test.os", process: id(source) }, { tag: "request", val: content }]);
}

/** Answers of what is asked: a function of the target's process and the JSON of the request. */
export function answersAre(answer) {
  host.answer = answer;
}

export default {
  our: () => ({ node: "test.os", process: id("main:app:test.os") }),
  printToTerminal: (_, text) => host.printed.push(text),
  ourCapabilities: () => [],
  receive() {
    const next = host.inbox.shift();
    if (!next) throw new Error("nothing comes any more");
    host.blob = null;
    return next;
  },
  hasBlob: () => host.blob !== null,
  getBlob: () => host.blob,
  sendRequest: (target, content) => host.sent.push([target.process.processName, content]),
  sendResponse: (content, blob) => host.responses.push({ ...content, body: new TextDecoder().decode(content.body), blob }),
  sendAndAwaitResponse(target, content, blob) {
    const asked = content.body.length === 0 ? null : JSON.parse(new TextDecoder().decode(content.body));
    host.sent.push([target.process.processName, asked, blob && new TextDecoder().decode(blob.bytes)]);
    const answer = host.answer(target.process.processName, asked);
    if (answer === "timeout") {
      throw { payload: { kind: "timeout", target, message: { tag: "request", val: content } } };
    }
    const { body = "", metadata = null, bytes = null } = answer;
    host.blob = bytes === null ? null : { mime: null, bytes: new TextEncoder().encode(bytes) };
    return [target_of(target), { tag: "response", val: [{ body: new TextEncoder().encode(body), metadata, capabilities: [] }, null] }];
  },
  getState: () => host.state,
  setState: (bytes) => (host.state = bytes),
  clearState: () => (host.state = null),
  getRandomBytes: (length) => new Uint8Array(length).fill(7),
};

const target_of = (target) => ({ node: "test.os", process: target.process });

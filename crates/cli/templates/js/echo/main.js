// Answers every request with the body, metadata and blob it brought.

import { Response, awaitMessage, hasBlob, print } from "./wharf.js";

export function init(our) {
  for (;;) {
    try {
      const message = awaitMessage();
      // A late answer to nothing we asked: we send none.
      if (message.isRequest()) answer(message);
    } catch (error) {
      print(error);
    }
  }
}

function answer(message) {
  const response = new Response().body(message.body);
  if (message.metadata !== null) response.metadata(message.metadata);
  // The blob is sent back by the node; its bytes never come here.
  if (hasBlob()) response.inherit();
  response.send();
}

// A process that does nothing yet.

import { Response, awaitMessage, print } from "./wharf.js";

export function init(our) {
  print(`${our} is up`);
  for (;;) {
    try {
      const message = awaitMessage();
      // Whoever asks learns that nothing is understood here yet.
      if (message.isRequest()) new Response().failure("this process understands nothing yet").send();
    } catch (error) {
      print(error);
    }
  }
}

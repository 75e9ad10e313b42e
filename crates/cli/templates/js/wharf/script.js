// Scripts: programs that are run from the terminal, and end. A script is a component of a package, named in the package's
// `scripts.json` with what it may do.
//
//   import { script } from "./wharf.js";
//
//   export const init = script((our, args) => String(2 * Number(args)));

import { print } from "./address.js";
import { awaitMessage } from "./message.js";
import { Response } from "./request.js";

/**
 * The `init` of a script. `run` is given our address and the arguments, as one text, and returns the text that is shown; what
 * it throws is shown as the reason of a failure.
 */
export const script = (run) => (our) => {
  const message = args();
  let answer;
  try {
    const text = String(run(our, message.text()) ?? "");
    answer = new Response().body(text);
    if (message.expectsResponse === null && text !== "") print(text);
  } catch (error) {
    const why = error?.message ?? String(error);
    answer = new Response().body(why).failure(why);
    if (message.expectsResponse === null) print(why);
  }
  if (message.expectsResponse !== null) answer.send();
};

// They come from the terminal alone: a script has more rights than who might like to choose its arguments.
function args() {
  for (;;) {
    try {
      const message = awaitMessage();
      if (message.isRequest() && message.isFrom("terminal:terminal:sys")) return message;
    } catch (error) {
      print(error, 1);
    }
  }
}

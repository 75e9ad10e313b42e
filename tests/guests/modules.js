// Uses the node's modules, and answers what came of it.

import { ModuleError, kv, timer, vfs } from "./modules.js";
import { Refused, Service } from "./wharf.js";

export function init() {
  new Service()
    .on("Try", () => {
      const drive = vfs.createDrive("notes");
      const missing = vfs.exists(`${drive}/none`);
      vfs.write(`${drive}/a.txt`, "héllo");
      vfs.rename(`${drive}/a.txt`, `${drive}/b.txt`);
      const visits = kv.open("visits");
      visits.set("né", visits.get("né", 0) + 1);
      timer.sleep(5);
      const text = vfs.readText(`${drive}/b.txt`);
      return { text, files: vfs.list(drive).length, missing, visits: visits.get("né"), refused: refused() };
    })
    .on("No", () => {
      throw new Refused("not today");
    })
    .serve();
}

function refused() {
  try {
    vfs.read("/other:sys/pkg/secret");
  } catch (error) {
    if (error instanceof ModuleError) return error.kind;
  }
  return null;
}

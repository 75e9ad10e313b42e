"""Uses the node's modules, and answers what came of it."""

from modules import ModuleError, kv, timer, vfs
from wharf import Refused, Service


def refused():
    try:
        vfs.read("/other:sys/pkg/secret")
    except ModuleError as error:
        return error.kind
    return None


def everything(_):
    drive = vfs.create_drive("notes")
    missing = vfs.exists(f"{drive}/none")
    vfs.write(f"{drive}/a.txt", "héllo")
    vfs.rename(f"{drive}/a.txt", f"{drive}/b.txt")
    visits = kv.open("visits")
    visits.set("né", visits.get("né", 0) + 1)
    timer.sleep(5)
    text = vfs.read_text(f"{drive}/b.txt")
    return {
        "text": text,
        "files": len(vfs.list(drive)),
        "missing": missing,
        "visits": visits.get("né"),
        "refused": refused(),
    }


def no(_):
    raise Refused("not today")


def init(our):
    Service().on("Try", everything).on("No", no).serve()

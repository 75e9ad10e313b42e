// Files, in drives. A path is `/package:publisher/drive/…`.
//
// A process may use all drives of its own package; others take the read or write capability of the drive. Every package has the
// drives `pkg`, with what was installed, and `tmp`. The process must hold the messaging capability of `vfs:distro:sys`.
// What a call returned for survives the end of the node; `syncAll` makes it survive a loss of power, too.
//
//   const drive = vfs.createDrive("notes");
//   vfs.write(`${drive}/first.txt`, "hello");
//   vfs.readText(`${drive}/first.txt`);

import { our, ourPackage } from "./address.js";
import { decode } from "./bytes.js";
import { blobBytes } from "./message.js";
import { ModuleError, ask } from "./module.js";

export { File } from "./file.js";

// Unpacking and durable writes of large files are the slow ones.
const TIMEOUT_S = 60;

/** Asks for an action of docs/reference/vfs.md. */
export const perform = (tried, path, action, bytes = null) =>
  ask("vfs", `${tried} ${path}`, { path, action }, bytes, TIMEOUT_S);

/** Makes a drive of this package, if there is none of this name, and returns its path. */
export function createDrive(name) {
  const path = `/${ourPackage()}/${name}`;
  perform("create drive", path, "CreateDrive");
  return path;
}

/**
 * The capability for the drive of a path, `kind` being "read" or "write", as it is attached to a message. It is given to the
 * receiver only if this process holds it: whoever made the drive does.
 */
export function driveCapability(path, kind) {
  const drive = `/${path.split("/").filter(Boolean).slice(0, 2).join("/")}`;
  return { issuer: `${our().split("@")[0]}@vfs:distro:sys`, params: JSON.stringify({ kind, drive }) };
}

/** Makes a folder in an existing one. */
export const createDir = (path) => void perform("create folder", path, "CreateDir");

/** Makes a folder and those above it. */
export const createDirAll = (path) => void perform("create folder", path, "CreateDirAll");

/** The bytes of a file. */
export function read(path) {
  perform("read", path, "Read");
  return blobBytes();
}

/** A file as text. */
export const readText = (path) => decode(read(path));

/** At most so many bytes of a file, from an offset on; less only at its end. */
export function readAt(path, offset, length) {
  perform("read", path, { ReadAt: { offset, length } });
  return blobBytes();
}

/** Makes a file of bytes or text, or replaces all of it, at once: whatever happens, it is the old one or the new one. */
export const write = (path, content) => void perform("write", path, "Write", content);

/** Makes an empty file; throws when there is anything at the path. */
export const createNew = (path) => void perform("create", path, "CreateNew");

/** Writes bytes or text into an existing file, at an offset. */
export const writeAt = (path, offset, content) => void perform("write", path, { WriteAt: { offset } }, content);

/** Writes bytes or text at the end of an existing file. */
export const append = (path, content) => void perform("append to", path, "Append", content);

/** The entries of a folder: `[{ path, file_type }]`, with "File" or "Directory". Paths have no leading slash. */
export const list = (path) => perform("list", path, "ReadDir").ReadDir;

/** Length and kind: `{ len, file_type }`. */
export const metadata = (path) => perform("look at", path, "Metadata").Metadata;

/** Whether there is something. Any refusal other than "not found" is thrown. */
export function exists(path) {
  try {
    metadata(path);
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/** Whether an error says that there is no such file or folder. */
export const isNotFound = (error) => error instanceof ModuleError && String(error.detail).includes("(os error 2)");

/** SHA-256 of a file. */
export const hash = (path) => Uint8Array.from(perform("hash", path, "Hash").Hash);

/** Cuts a file, or extends it with zeros. */
export const setLen = (path, bytes) => void perform("set the length of", path, { SetLen: bytes });

/** Copies a file, and replaces the one that is there. */
export const copy = (from, to) => void perform("copy", from, { CopyFile: { new_path: to } });

/** Moves a file or folder; replaces the file, or the empty folder, that is there. */
export const rename = (from, to) => void perform("move", from, { Rename: { new_path: to } });

/** Removes a file. */
export const remove = (path) => void perform("remove", path, "RemoveFile");

/** Removes an empty folder. */
export const removeDir = (path) => void perform("remove", path, "RemoveDir");

/** Removes a folder with all in it. */
export const removeAll = (path) => void perform("remove", path, "RemoveDirAll");

/** Removes all drives of a package. This takes the capability `{"root":true}` of the vfs. */
export const removePackage = (name) => void perform("remove the drives of", `/${name}`, "RemoveDirAll");

/** Makes a file or folder, and the names that lead to it, survive a loss of power. */
export const syncAll = (path) => void perform("sync", path, "SyncAll");

/** Unpacks a zip into a folder, which is made if it does not exist. */
export const addZip = (path, zip) => void perform("unpack into", path, "AddZip", zip);

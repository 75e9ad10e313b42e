// A file that is read and written piece by piece.

import { decode, joined, toBytes } from "./bytes.js";
import { append, metadata, perform, readAt, setLen, writeAt } from "./vfs.js";

// As much as one answer carries. The node gives less when its own bound is lower.
const PIECE_BYTES = 1 << 20;

/**
 * A file: a path, and a place in it that is this object's own. Any number may be open, and none has to be closed. Each call is
 * a message to the node.
 *
 *   const log = vfs.File.open(`${drive}/log`, "a");
 *   log.write("one line\n");
 */
export class File {
  constructor(path, appends) {
    this.path = path;
    this.offset = 0;
    this.appends = appends;
  }

  /**
   * Opens a file, as C does: "r" one that is there; "w" makes an empty one, or empties it; "a" makes one if there is none,
   * and always writes at the end; "x" makes one that must not be there. All of them may be read and written.
   */
  static open(path, mode = "r") {
    if (mode === "w") perform("create", path, "CreateFile");
    else if (mode === "x") perform("create", path, "CreateNew");
    else if (mode === "a") perform("open", path, { OpenFile: { create: true } });
    else if (mode === "r") metadata(path);
    else throw new Error(`a file is opened with r, w, a or x, not ${mode}`);
    return new File(path, mode === "a");
  }

  /** At most so many bytes from here; none at the end. */
  read(length) {
    const bytes = readAt(this.path, this.offset, length);
    this.offset += bytes.length;
    return bytes;
  }

  /** All bytes from here to the end. */
  readAll() {
    const pieces = [];
    for (let piece = this.read(PIECE_BYTES); piece.length > 0; piece = this.read(PIECE_BYTES)) pieces.push(piece);
    return joined(pieces);
  }

  /** The rest, line by line, without the ends of lines. */
  *lines() {
    let rest = new Uint8Array();
    for (let piece = this.read(PIECE_BYTES); piece.length > 0; piece = this.read(PIECE_BYTES)) {
      rest = joined([rest, piece]);
      for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
        yield decode(rest.subarray(0, end));
        rest = rest.subarray(end + 1);
      }
    }
    if (rest.length > 0) yield decode(rest);
  }

  /** Writes all of these bytes, or this text. */
  write(content) {
    const bytes = toBytes(content);
    if (this.appends) return append(this.path, bytes);
    writeAt(this.path, this.offset, bytes);
    this.offset += bytes.length;
  }

  /** Goes to a place, in bytes from the start; from the end when it is negative. */
  seek(offset) {
    this.offset = offset < 0 ? Math.max(0, this.length() + offset) : offset;
    return this;
  }

  /** Bytes of all of it. */
  length() {
    return metadata(this.path).len;
  }

  /** Cuts it, or extends it with zeros. */
  setLength(bytes) {
    setLen(this.path, bytes);
  }
}

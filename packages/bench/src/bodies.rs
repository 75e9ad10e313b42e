//! Bodies of any length, piece by piece.

use std::io::{self, Read, Write};

use wharf_process_lib::http::{HttpRequest, Reply, Stream};
use wharf_process_lib::println;

const PIECE_BYTES: usize = 256 << 10;

/// Gives as many bytes as the query's `give` says, or counts those that come.
pub(crate) fn serve(request: &HttpRequest, stream: Stream) {
    let served = match request.query.get("give").and_then(|bytes| bytes.parse().ok()) {
        Some(bytes) => give(stream, bytes),
        None => count(stream),
    };
    if let Err(error) = served {
        println!("{error}");
    }
}

fn give(stream: Stream, bytes: usize) -> io::Result<()> {
    let (_, mut writer) = stream.reply(Reply::status(200));
    let piece = vec![b'x'; PIECE_BYTES];
    let mut left = bytes;
    while left > 0 {
        let part = piece.get(..left.min(piece.len())).unwrap_or_default();
        writer.write_all(part)?;
        left -= part.len();
    }
    writer.finish()
}

fn count(stream: Stream) -> io::Result<()> {
    let (mut reader, mut piece, mut count) = (stream.reader(), vec![0; PIECE_BYTES], 0);
    loop {
        match reader.read(&mut piece)? {
            0 => break,
            read => count += read,
        }
    }
    let (_, writer) = stream.reply(Reply::text(count.to_string()));
    writer.finish()
}

//! What a guest writes to stdout and stderr: the end of it is kept, to be shown when the guest traps. A guest that has no
//! other way to say something has its lines in the log, too.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wharf_kernel::public_id::PublicId;
use wharf_kernel::recorder::Recorder;

/// Bytes taken in one write.
const WRITE_BYTES_MAX: usize = 4096;

/// Most of one line that goes into the log in one piece.
const LINE_BYTES_MAX: usize = 8 << 10;

/// The last bytes that were written. Writing never fails and never waits.
#[derive(Clone, Debug)]
pub(crate) struct Tail {
    kept: Arc<Mutex<VecDeque<u8>>>,
    bytes_max: usize,
    lines: Option<Arc<Lines>>,
}

/// Brings lines into the log.
#[derive(Debug)]
struct Lines {
    recorder: Recorder,
    begun: Mutex<Begun>,
}

/// A line of which the end has not come yet, and the request that it is about.
#[derive(Debug, Default)]
struct Begun {
    line: Vec<u8>,
    request: Option<PublicId>,
}

impl Lines {
    fn push(&self, bytes: &[u8]) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (part, is_whole) = part.strip_suffix(b"\n").map_or((part, false), |line| (line, true));
            for piece in part.chunks(LINE_BYTES_MAX) {
                if begun.line.len().saturating_add(piece.len()) > LINE_BYTES_MAX {
                    self.print(&mut begun);
                }
                begun.line.extend_from_slice(piece);
            }
            if is_whole {
                self.print(&mut begun);
            }
        }
    }

    fn print(&self, begun: &mut Begun) {
        if !begun.line.is_empty() {
            self.recorder.print(begun.request, 0, &String::from_utf8_lossy(&begun.line));
            begun.line.clear();
        }
    }
}

impl Tail {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { kept: Arc::default(), bytes_max, lines: None }
    }

    /// One that brings lines into the log, too.
    pub(crate) fn with_lines(bytes_max: usize, recorder: Recorder) -> Self {
        let lines = Lines { recorder, begun: Mutex::default() };
        Self { lines: Some(Arc::new(lines)), ..Self::new(bytes_max) }
    }

    /// What is written from now on is about this request. A line that was begun before is over.
    pub(crate) fn now_about(&self, request: Option<PublicId>) {
        if let Some(lines) = &self.lines {
            let mut begun = lines.begun.lock().unwrap_or_else(PoisonError::into_inner);
            lines.print(&mut begun);
            begun.request = request;
        }
    }

    fn push(&self, bytes: &[u8]) {
        if let Some(lines) = &self.lines {
            lines.push(bytes);
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = bytes.len().min(self.bytes_max);
        let overflow = (kept.len() + fitting).saturating_sub(self.bytes_max);
        kept.drain(..overflow);
        kept.extend(bytes.iter().skip(bytes.len() - fitting));
    }

    /// What was kept, as text.
    pub(crate) fn text(&self) -> String {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = kept.iter().copied().collect();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }
}

impl IsTerminal for Tail {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Tail {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Tail {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Tail {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Tail {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept() {
        let tail = Tail::new(8);
        tail.push(b"0123456789");
        assert_eq!(tail.text(), "23456789");
        tail.push(b"ab");
        assert_eq!(tail.text(), "456789ab");
        tail.push(b"");
        tail.push(&[0xff; 3]);
        assert!(tail.text().starts_with("789ab"));
    }
}

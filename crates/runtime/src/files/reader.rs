//! A stream from a file.

use std::sync::Arc;

use bytes::Bytes;
use wasmtime_wasi::p2::{InputStream, Pollable, StreamError, StreamResult};

use crate::files::descriptor::OpenFile;
use crate::turn::Turn;

/// Most bytes of one read.
pub(crate) const READ_BYTES_MAX: usize = 1 << 20;

/// See the module.
pub(crate) struct FileReader {
    file: Arc<OpenFile>,
    offset: u64,
    turn: Arc<Turn>,
}

impl FileReader {
    pub(crate) fn new(file: Arc<OpenFile>, offset: u64, turn: &Arc<Turn>) -> Self {
        Self { file, offset, turn: Arc::clone(turn) }
    }

    /// The caller may block.
    fn read_now(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        let failed = |error| StreamError::LastOperationFailed(error);
        let file = self.file.file().map_err(|closed| failed(wasmtime::Error::new(closed)))?;
        let mut bytes = Vec::new();
        let read = file.read_onto(&mut bytes, self.offset, size.min(READ_BYTES_MAX));
        self.turn.blocked();
        let read = read.map_err(|failure| failed(wasmtime::Error::new(failure)))?;
        if read == 0 {
            return Err(StreamError::Closed);
        }
        self.offset = self.offset.saturating_add(read as u64);
        Ok(bytes.into())
    }
}

#[wasmtime_wasi::async_trait]
impl InputStream for FileReader {
    /// Nothing, on a thread that may not block: the guest then waits until it is [`Pollable::ready`].
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if self.turn.may_block() { self.read_now(size) } else { Ok(Bytes::new()) }
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.turn.blocking_thread().await;
        self.read_now(size)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for FileReader {
    async fn ready(&mut self) {
        self.turn.blocking_thread().await;
    }
}

//! A stream to a file.

use std::sync::Arc;

use bytes::Bytes;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};
use wharf_vfs::Failure;

use crate::files::descriptor::{Closed, OpenFile};
use crate::turn::Turn;

/// Most bytes of one write.
const WRITE_BYTES_MAX: usize = 64 << 10;

/// Where the next bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Offset(u64),
    End,
}

/// See the module.
pub(crate) struct FileWriter {
    file: Arc<OpenFile>,
    target: Target,
    turn: Arc<Turn>,
    /// Taken on a thread that may not block. The guest was not told that they are written: that is what flushing is for.
    taken: Bytes,
    /// Why they could not be.
    failed: Option<wasmtime::Error>,
}

/// Why bytes were not written.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error(transparent)]
    Closed(#[from] Closed),
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl WriteError {
    fn into_error(self) -> wasmtime::Error {
        match self {
            Self::Closed(closed) => wasmtime::Error::new(closed),
            Self::Failure(failure) => wasmtime::Error::new(failure),
        }
    }
}

impl FileWriter {
    pub(crate) fn new(file: Arc<OpenFile>, target: Target, turn: &Arc<Turn>) -> Self {
        Self { file, target, turn: Arc::clone(turn), taken: Bytes::new(), failed: None }
    }

    /// The caller may block.
    fn write_now(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let file = self.file.file()?;
        let written = match self.target {
            Target::Offset(offset) => file.write_at(bytes, offset).map(Target::Offset),
            Target::End => file.append(bytes).map(|_| Target::End),
        };
        self.turn.blocked();
        self.target = written?;
        Ok(())
    }

    /// Writes what was taken. The caller may block.
    fn settle(&mut self) {
        let taken = std::mem::take(&mut self.taken);
        if let Err(error) = self.write_now(&taken) {
            self.failed = Some(error.into_error());
        }
    }

    fn check(&mut self) -> StreamResult<()> {
        self.failed.take().map_or(Ok(()), |error| Err(StreamError::LastOperationFailed(error)))
    }
}

#[wasmtime_wasi::async_trait]
impl OutputStream for FileWriter {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if !self.taken.is_empty() {
            return Err(StreamError::trap("written to a stream that had no room: check-write said so"));
        }
        self.taken = bytes;
        if self.turn.may_block() {
            self.settle();
        }
        Ok(())
    }

    /// What is on its way is waited for with [`Pollable::ready`].
    fn flush(&mut self) -> StreamResult<()> {
        if self.turn.may_block() {
            self.settle();
        }
        self.check()
    }

    /// No room, on a thread that may not block.
    fn check_write(&mut self) -> StreamResult<usize> {
        self.check()?;
        if !self.turn.may_block() {
            return Ok(0);
        }
        self.settle();
        self.check()?;
        Ok(WRITE_BYTES_MAX)
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.turn.blocking_thread().await;
        self.settle();
        self.check()?;
        self.write_now(&bytes).map_err(|error| StreamError::LastOperationFailed(error.into_error()))
    }

    /// The stream is dropped: what was taken is still written.
    async fn cancel(&mut self) {
        if !self.taken.is_empty() {
            self.turn.blocking_thread().await;
            self.settle();
        }
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for FileWriter {
    async fn ready(&mut self) {
        self.turn.blocking_thread().await;
        self.settle();
    }
}

//! One end of a transfer: gets its task from its parent, does it, tells how far it is, and ends.

use anyhow::{anyhow, bail, ensure, Result};
use kinode_process_lib::vfs::{
    create_file, metadata, open_file, parse_response, remove_file, vfs_request, File, VfsAction, VfsResponse,
};
use kinode_process_lib::{
    await_message, call_init, get_blob, println, timer, Address, Message, ProcessId, Request, Response,
};

use crate::kinode::process::file_transfer::{
    Chunk, PieceProgress, ReceiveTask, Request as TransferRequest, Response as TransferResponse, SendRequest, SendTask,
    Transfer, TransferState, WorkerRequest, WorkerResponse,
};

wit_bindgen::generate!({
    path: "../wit",
    world: "file-transfer-test-dot-os-v0",
    generate_unused_types: true,
    additional_derives: [serde::Deserialize, serde::Serialize],
});

const CHUNK_BYTES: u64 = 64 * 1024;
/// How long the vfs, and whoever receives a piece, may take, in seconds.
const WAIT_S: u64 = 60;
/// What a response belongs to.
const ASKED: &[u8] = b"asked";

fn local(process: &str) -> Result<Address> {
    Ok(Address::new("our", process.parse::<ProcessId>()?))
}

/// Reads the file and sends it, a piece after the other.
fn send(task: &SendTask) -> Result<()> {
    let path = format!("{}/{}", task.drive, task.name);
    let size = metadata(&path, Some(WAIT_S))?.len;
    let file = open_file(&path, false, Some(WAIT_S))?;
    let receiver = local(&task.receiver)?;
    let mut offset = 0;
    loop {
        let mut bytes = vec![0; usize::try_from(CHUNK_BYTES.min(size - offset))?];
        if !bytes.is_empty() {
            file.read_at(&mut bytes)?;
        }
        let chunk = WorkerRequest::Chunk(Chunk { offset, size });
        offset += bytes.len() as u64;
        let answer = Request::to(&receiver)
            .body(serde_json::to_vec(&chunk)?)
            .blob_bytes(bytes)
            .send_and_await_response(WAIT_S)?
            .map_err(|error| anyhow!("the receiver does not answer: {:?}", error.kind()))?;
        let answer = serde_json::from_slice(answer.body())?;
        ensure!(matches!(answer, WorkerResponse::Chunk), "{answer:?}");
        if offset == size {
            return Ok(());
        }
    }
}

struct Receiver<'a> {
    parent: &'a Address,
    task: &'a ReceiveTask,
    part: String,
    file: File,
    received: u64,
}

impl Receiver<'_> {
    /// Asks for the file and takes what comes. A piece that takes too long ends it.
    fn run(&mut self, our: &Address) -> Result<u64> {
        let wanted = SendRequest { name: self.task.name.clone(), receiver: our.process.to_string() };
        Request::to(local(&self.task.source)?)
            .body(serde_json::to_vec(&TransferRequest::SendTo(wanted))?)
            .expects_response(self.task.answer_wait_s)
            .context(ASKED)
            .send()?;
        self.set_timer();
        loop {
            match await_message() {
                Ok(message @ Message::Request { .. }) => {
                    if let Some(size) = self.take(&message)? {
                        return Ok(size);
                    }
                }
                Ok(message) if message.context() == Some(ASKED) => {
                    // Whoever answers something else may still send.
                    if let Ok(TransferResponse::Failed(why)) = serde_json::from_slice(message.body()) {
                        bail!("{} does not send it: {why}", self.task.source);
                    }
                }
                Ok(message) => {
                    let before = message.context().map(|context| String::from_utf8_lossy(context).into_owned());
                    ensure!(before != Some(self.received.to_string()), "no piece came in time");
                    self.set_timer();
                }
                Err(error) => bail!("{} does not answer: {:?}", self.task.source, error.kind()),
            }
        }
    }

    /// With what has come until now, to see then whether more did.
    fn set_timer(&self) {
        timer::set_timer(self.task.piece_wait_s * 1000, Some(self.received.to_string().into_bytes()));
    }

    /// Takes a piece; the size of the whole when it was the last.
    fn take(&mut self, message: &Message) -> Result<Option<u64>> {
        let WorkerRequest::Chunk(chunk) = serde_json::from_slice(message.body())? else { return Ok(None) };
        let bytes = get_blob().map(|blob| blob.bytes).unwrap_or_default();
        let answer = if chunk.offset == self.received {
            self.file.write_all(&bytes)?;
            self.received += bytes.len() as u64;
            WorkerResponse::Chunk
        } else {
            WorkerResponse::Failed(format!("{} is wanted, not {}", self.received, chunk.offset))
        };
        Response::new().body(serde_json::to_vec(&answer)?).send()?;
        tell(
            self.parent,
            &self.task.name,
            TransferState::Receiving(PieceProgress { received: self.received, size: chunk.size }),
        )?;
        Ok((self.received == chunk.size).then_some(chunk.size))
    }

    /// Gives the file its name.
    fn finish(&self) -> Result<()> {
        let new_path = format!("{}/{}", self.task.drive, self.task.name);
        let renamed = vfs_request(&self.part, VfsAction::Rename { new_path })
            .send_and_await_response(WAIT_S)?
            .map_err(|error| anyhow!("{:?}", error.kind()))?;
        match parse_response(renamed.body())? {
            VfsResponse::Ok => Ok(()),
            other => bail!("{other:?}"),
        }
    }
}

fn receive(our: &Address, parent: &Address, task: &ReceiveTask) -> Result<()> {
    let part = format!("{}/{}.part", task.drive, task.name);
    let file = create_file(&part, Some(WAIT_S))?;
    let mut receiver = Receiver { parent, task, part: part.clone(), file, received: 0 };
    let done = receiver.run(our).and_then(|size| receiver.finish().map(|()| size));
    let state = match done {
        Ok(size) => TransferState::Done(size),
        Err(error) => {
            remove_file(&part, Some(WAIT_S))?;
            TransferState::Failed(format!("{error:#}"))
        }
    };
    tell(parent, &task.name, state)
}

fn tell(parent: &Address, name: &str, state: TransferState) -> Result<()> {
    let progress = TransferRequest::Progress(Transfer { name: name.to_string(), state });
    Request::to(parent).body(serde_json::to_vec(&progress)?).send()?;
    Ok(())
}

fn work(our: &Address) -> Result<()> {
    let message = await_message().map_err(|error| anyhow!("{error:?}"))?;
    match serde_json::from_slice(message.body())? {
        WorkerRequest::Receive(task) => receive(our, message.source(), &task),
        WorkerRequest::Send(task) => send(&task),
        WorkerRequest::Chunk(_) => bail!("a piece before the task"),
    }
}

call_init!(init);
fn init(our: Address) {
    if let Err(error) = work(&our) {
        println!("worker: {error:#}");
    }
}

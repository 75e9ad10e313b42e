//! Gets files from other processes and gives them its own. Each process of this package has a drive of its name for them; for
//! each transfer it spawns a worker, which has the rights that it has itself.

use std::collections::BTreeMap;

use kinode_process_lib::vfs::{create_drive, metadata, open_dir, FileType};
use kinode_process_lib::{
    await_message, call_init, our_capabilities, println, spawn, Address, Message, OnExit, ProcessId, Request, Response,
};

use crate::kinode::process::file_transfer::{
    DownloadRequest, FileInfo, ReceiveTask, Request as TransferRequest, Response as TransferResponse, SendRequest,
    SendTask, Transfer, TransferState, WorkerRequest,
};

wit_bindgen::generate!({
    path: "../wit",
    world: "file-transfer-test-dot-os-v0",
    generate_unused_types: true,
    additional_derives: [serde::Deserialize, serde::Serialize],
});

/// How long the vfs may take.
const WAIT_S: Option<u64> = Some(60);

struct Process {
    our: Address,
    drive: String,
    transfers: BTreeMap<String, TransferState>,
}

impl Process {
    fn handle(&mut self, message: &Message) -> anyhow::Result<()> {
        let Message::Request { body, expects_response, .. } = message else { return Ok(()) };
        let request = serde_json::from_slice(body)?;
        let answer = self.perform(request).unwrap_or_else(|error| TransferResponse::Failed(format!("{error:#}")));
        if expects_response.is_some() {
            Response::new().body(serde_json::to_vec(&answer)?).send()?;
        }
        Ok(())
    }

    fn perform(&mut self, request: TransferRequest) -> anyhow::Result<TransferResponse> {
        Ok(match request {
            TransferRequest::ListFiles => TransferResponse::ListFiles(self.files()?),
            TransferRequest::Download(wanted) => TransferResponse::Download(self.download(wanted)?.to_string()),
            TransferRequest::SendTo(wanted) => {
                self.send_to(wanted)?;
                TransferResponse::SendTo
            }
            TransferRequest::Progress(transfer) => {
                self.transfers.insert(transfer.name, transfer.state);
                self.transfers()
            }
            TransferRequest::Transfers => self.transfers(),
        })
    }

    fn transfers(&self) -> TransferResponse {
        let transfers = self.transfers.iter();
        TransferResponse::Transfers(
            transfers.map(|(name, state)| Transfer { name: name.clone(), state: state.clone() }).collect(),
        )
    }

    fn files(&self) -> anyhow::Result<Vec<FileInfo>> {
        let mut files = Vec::new();
        for entry in open_dir(&self.drive, false, WAIT_S)?.read()? {
            if entry.file_type == FileType::File {
                let name = entry.path.rsplit('/').next().unwrap_or_default().to_string();
                files.push(FileInfo { name, size: metadata(&entry.path, WAIT_S)?.len });
            }
        }
        Ok(files)
    }

    fn download(&mut self, wanted: DownloadRequest) -> anyhow::Result<ProcessId> {
        let source: ProcessId = wanted.source.parse()?;
        let worker = self.worker(&[&source])?;
        let DownloadRequest { name, source, answer_wait_s, piece_wait_s } = wanted;
        self.transfers.insert(name.clone(), TransferState::Waiting);
        let drive = self.drive.clone();
        let task = WorkerRequest::Receive(ReceiveTask { name, drive, source, answer_wait_s, piece_wait_s });
        Request::to(Address::new("our", worker.clone())).body(serde_json::to_vec(&task)?).send()?;
        Ok(worker)
    }

    fn send_to(&mut self, wanted: SendRequest) -> anyhow::Result<()> {
        metadata(&format!("{}/{}", self.drive, wanted.name), WAIT_S)?;
        // To answer it, the other end has to be allowed to message it.
        let receiver: ProcessId = wanted.receiver.parse()?;
        let worker = self.worker(&[&receiver])?;
        let SendRequest { name, receiver } = wanted;
        let task = WorkerRequest::Send(SendTask { name, drive: self.drive.clone(), receiver });
        Request::to(Address::new("our", worker)).body(serde_json::to_vec(&task)?).send()?;
        Ok(())
    }

    /// A worker that these may speak to, besides this process.
    fn worker(&self, others: &[&ProcessId]) -> anyhow::Result<ProcessId> {
        let messaging = |process: &ProcessId| (process.clone(), "\"messaging\"".to_string());
        let granted = others.iter().copied().map(messaging).collect();
        let wasm = format!("{}/pkg/worker.wasm", self.our.package_id());
        spawn(None, &wasm, OnExit::None, our_capabilities(), granted, false)
            .map_err(|error| anyhow::anyhow!("the worker cannot be spawned: {error:?}"))
    }
}

call_init!(init);
fn init(our: Address) {
    let drive = create_drive(our.package_id(), our.process(), WAIT_S).expect("the drive should be made");
    println!("{}: begin", our.process());
    let mut process = Process { our, drive, transfers: BTreeMap::new() };
    loop {
        match await_message() {
            Ok(message) => {
                if let Err(error) = process.handle(&message) {
                    println!("{}: {error:?}", process.our.process());
                }
            }
            Err(error) => println!("{error:?}"),
        }
    }
}

//! The module in a kernel: what goes over the wire.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use wharf_kernel::capability::Authority;
use wharf_kernel::envelope::{Blob, Content, Envelope, Payload, Seconds};
use wharf_kernel::launcher::{ComponentSource, Launcher, PrepareError, Prepared};
use wharf_kernel::module::{Access, Answer, Caller, Refusal, RuntimeModule};
use wharf_kernel::persistence::{Change, Persistence, SetStateError, StateRoom, StoreError, Stored};
use wharf_kernel::{Kernel, Limits, ModuleHandle, Parts, SendAs};
use wharf_types::{Address, Capability, PackageId, ProcessId};

use crate::{DriveSource, Vfs, VfsLimits, VfsModule};

struct Nothing;

impl Launcher for Nothing {
    fn prepare(&self, _: Payload) -> BoxFuture<'_, Result<Arc<dyn Prepared>, PrepareError>> {
        Box::pin(async { Err(PrepareError::Internal("there are no guests here".into())) })
    }
}

impl Persistence for Nothing {
    fn load(&self) -> BoxFuture<'_, Result<Stored, StoreError>> {
        Box::pin(async { Ok(Stored::default()) })
    }
    fn apply(&self, _: Vec<Change>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
    fn get_state(&self, _: ProcessId) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(async { Ok(None) })
    }
    fn set_state_within(&self, _: ProcessId, _: Payload, _: StateRoom) -> BoxFuture<'_, Result<(), SetStateError>> {
        Box::pin(async { Ok(()) })
    }
    fn clear_state(&self, _: ProcessId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn clear_states(&self, _: PackageId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}

/// Someone who sends the vfs requests: `client:distro:sys`, whose own package is `distro:sys`.
struct Client;

impl RuntimeModule for Client {
    type Request = Value;
    type Response = Value;
    const NAME: &'static str = "client";
    const ACCESS: Access = Access::Capability;

    async fn handle(&self, _: Caller, _: Value, _: Option<Blob>) -> Answer<Value> {
        Answer::Later
    }
    fn refuse(&self, _: Refusal) -> Option<Value> {
        None
    }
}

struct World {
    kernel: Kernel,
    client: ModuleHandle,
    vfs: Arc<Vfs>,
    _home: TempDir,
}

impl World {
    fn new(limits: Limits) -> Self {
        let home = TempDir::new().unwrap();
        let vfs = Vfs::open(home.path().join("vfs"), VfsLimits::default()).unwrap();
        let kernel = Kernel::new(Parts {
            node: "a.os".parse().unwrap(),
            authority: Authority::from_seed(&[1; 32]).unwrap(),
            limits: limits.into(),
            persistence: Arc::new(Nothing),
            launcher: Arc::new(Nothing),
            stop: CancellationToken::new(),
        });
        kernel.start_module(VfsModule::new(Arc::clone(&vfs)));
        let client = kernel.start_module(Client);
        Self { kernel, client, vfs, _home: home }
    }

    fn target() -> Address {
        "our@vfs:distro:sys".parse().unwrap()
    }

    async fn send(&self, body: Vec<u8>, blob: Option<&[u8]>) -> Envelope {
        let content = Content { metadata: Some("meta".into()), ..Content::body(body) };
        let blob = blob.map(|bytes| Blob::new(None, bytes.to_vec()));
        self.client.request(&Self::target(), content, blob, Seconds(30), SendAs::Module).await.unwrap()
    }

    async fn ask(&self, path: &str, action: Value, blob: Option<&[u8]>) -> Value {
        let answer = self.send(json!({ "path": path, "action": action }).to_string().into_bytes(), blob).await;
        serde_json::from_slice(&answer.content.body).unwrap()
    }

    fn capability(params: &str) -> Capability {
        Capability::new("a.os@vfs:distro:sys".parse().unwrap(), params)
    }

    async fn grant(&self, params: &str) {
        self.kernel.grant(&ProcessId::system("client"), vec![Self::capability(params)]).await.unwrap();
    }

    fn holds(&self, params: &str) -> bool {
        self.kernel.holds(&ProcessId::system("client"), &Self::capability(params))
    }
}

#[tokio::test]
async fn a_new_drive_comes_with_its_capabilities() {
    let world = World::new(Limits::default());
    assert_eq!(world.ask("/distro:sys/d", json!("CreateDrive"), None).await, json!("Ok"));
    assert!(world.holds(r#"{"kind": "read", "drive": "/distro:sys/d"}"#));
    assert!(world.holds(r#"{"drive": "/distro:sys/d", "kind": "write"}"#));
    assert_eq!(world.ask("/files:sys/d", json!("CreateDrive"), None).await, json!({"Err": "NoWriteCap"}));
    let answer = world.ask("/", json!("ReadDir"), None).await;
    assert_eq!(answer, json!({"Err": "NoReadCap"}));
}

#[tokio::test]
async fn capabilities_that_do_not_fit_are_not_claimed_to_be_there() {
    let world = World::new(Limits { capabilities_max: 1, ..Limits::default() });
    assert_eq!(world.ask("/distro:sys/d", json!("CreateDrive"), None).await, json!({"Err": "AddCapFailed"}));
}

#[tokio::test]
async fn answers_carry_bytes_media_type_and_metadata() {
    let world = World::new(Limits::default());
    world.ask("/distro:sys/d", json!("CreateDrive"), None).await;
    assert_eq!(world.ask("distro:sys/d/x", json!("Write"), Some(b"bytes")).await, json!("Ok"));
    let answer = world.send(br#"{"path":"/distro:sys/d/x","action":"Read"}"#.to_vec(), None).await;
    assert_eq!(answer.content.body.as_slice(), br#""Read""#);
    assert_eq!(answer.content.metadata.as_deref(), Some("meta"));
    let blob = answer.blob.unwrap();
    assert_eq!((blob.mime.as_deref(), blob.bytes.as_slice()), (Some("application/octet-stream"), b"bytes".as_slice()));
    let listed = world.ask("/distro:sys/d", json!("ReadDir"), None).await;
    assert_eq!(listed, json!({"ReadDir": [{"path": "distro:sys/d/x", "file_type": "File"}]}));
    let missing = world.ask("/distro:sys/no/x", json!("Read"), None).await;
    assert_eq!(missing, json!({"Err": {"IOError": "No such file or directory (os error 2)"}}));
}

#[tokio::test]
async fn other_packages_files_need_the_capability_for_what_is_done() {
    let world = World::new(Limits::default());
    world.vfs.create_drive(&"/files:sys/d".parse().unwrap()).unwrap();
    world.vfs.create_drive(&"/distro:sys/d".parse().unwrap()).unwrap();
    world.vfs.write(&"/files:sys/d/x".parse().unwrap(), b"x").unwrap();
    let read = || world.ask("/files:sys/d/x", json!("Len"), None);
    let write = || world.ask("/files:sys/d/x", json!("Write"), Some(b"y"));
    let take = || world.ask("/files:sys/d/x", json!({"Rename": {"new_path": "/distro:sys/d/x"}}), None);
    let give = || world.ask("/distro:sys/d/y", json!({"CopyFile": {"new_path": "/files:sys/d/y"}}), None);
    assert_eq!(read().await, json!({"Err": "NoReadCap"}));
    world.grant(r#"{"kind": "read", "drive": "/files:sys/d"}"#).await;
    assert_eq!(read().await, json!({"Len": 1}));
    for refused in [write().await, take().await, give().await] {
        assert_eq!(refused, json!({"Err": "NoWriteCap"}));
    }
    // A path that begins in the own drive is still the other's when it ends there.
    let climbed = world.ask("/distro:sys/d/../../files:sys/d/x", json!("Write"), Some(b"y")).await;
    assert_eq!(climbed, json!({"Err": "MalformedRequest"}));
    world.grant(r#"{"kind": "write", "drive": "/files:sys/d"}"#).await;
    assert_eq!(write().await, json!("Ok"));
    assert_eq!(take().await, json!("Ok"));
    world.grant(r#"{ "root": true }"#).await;
    let packages = json!([
        {"path": "distro:sys", "file_type": "Directory"}, {"path": "files:sys", "file_type": "Directory"}]);
    assert_eq!(world.ask("/", json!("ReadDir"), None).await, json!({ "ReadDir": packages }));
}

#[tokio::test]
async fn what_is_no_request_is_malformed() {
    let world = World::new(Limits::default());
    for body in ["", "{}", r#"{"path":"/distro:sys/d","action":"Fly"}"#, r#"{"path":"/distro:sys","action":"Read"}"#] {
        let answer = world.send(body.as_bytes().to_vec(), None).await;
        assert_eq!(answer.content.body.as_slice(), br#"{"Err":"MalformedRequest"}"#, "{body}");
    }
    let answer = world.ask("/distro:sys/d/x", json!("Write"), None).await;
    assert_eq!(answer, json!({"Err": "NoBlob"}));
}

/// A `CloseFile` that nobody waits for must not reset the cursor that a later request sets.
#[tokio::test]
async fn requests_of_one_process_are_done_in_order() {
    let world = World::new(Limits::default());
    world.ask("/distro:sys/d", json!("CreateDrive"), None).await;
    world.ask("/distro:sys/d/x", json!({"OpenFile": {"create": true}}), None).await;
    let mut expected = Vec::new();
    for number in 0..200_u8 {
        expected.push(number);
        let body = json!({"path": "/distro:sys/d/x", "action": "WriteAll"}).to_string().into_bytes();
        let blob = Some(Blob::new(None, vec![number]));
        world.client.tell(&World::target(), Content::body(body), blob, SendAs::Module).await.unwrap();
    }
    let close = json!({"path": "/distro:sys/d/x", "action": "CloseFile"}).to_string().into_bytes();
    world.client.tell(&World::target(), Content::body(close), None, SendAs::Module).await.unwrap();
    let answer = world.send(br#"{"path":"/distro:sys/d/x","action":"ReadToEnd"}"#.to_vec(), None).await;
    assert_eq!(answer.blob.unwrap().bytes.as_slice(), expected);
}

#[tokio::test]
async fn components_are_read_from_drives_only() {
    let world = World::new(Limits::default());
    world.vfs.create_drive(&"/app:sys/pkg".parse().unwrap()).unwrap();
    world.vfs.write(&"/app:sys/pkg/app.wasm".parse().unwrap(), b"wasm").unwrap();
    let source = DriveSource::new(Arc::clone(&world.vfs));
    for handle in ["/app:sys/pkg/app.wasm", "app:sys/pkg/app.wasm"] {
        assert_eq!(source.read(handle).await.unwrap(), b"wasm");
    }
    assert_eq!(source.read("/app:sys/pkg/no.wasm").await.unwrap_err().kind(), std::io::ErrorKind::NotFound);
    assert_eq!(source.read("/etc/passwd").await.unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
}

//! The module as its callers see it: beneath a real kernel, over a real database.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap fails the test")]

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tempfile::TempDir;
use wharf_kernel::capability::Authority;
use wharf_kernel::envelope::{Content, Payload, Seconds};
use wharf_kernel::launcher::{Launcher, PrepareError, Prepared};
use wharf_kernel::{Kernel, ModuleHandle, Parts, SendAs};
use wharf_types::{Address, Capability};

use super::*;
use crate::KernelStore;

const STATE_BYTES_MAX: usize = 1_000;

struct NoComponents;

impl Launcher for NoComponents {
    fn prepare(&self, _component: Payload) -> BoxFuture<'_, Result<Arc<dyn Prepared>, PrepareError>> {
        async { Err(PrepareError::Refused("there are no components here".into())) }.boxed()
    }
}

/// Somebody who may send the state module messages, and no more.
struct Client;

impl RuntimeModule for Client {
    type Request = ();
    type Response = ();

    const NAME: &'static str = "client";
    const ACCESS: Access = Access::Public;

    async fn handle(&self, _caller: Caller, _request: (), _blob: Option<Blob>) -> Answer<()> {
        Answer::Reply(())
    }

    fn refuse(&self, _refusal: Refusal) -> Option<()> {
        None
    }
}

struct Fixture {
    client: ModuleHandle,
    store: Arc<KernelStore>,
    _folder: TempDir,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(KernelStore::open(&folder.path().join("kernel.db")).unwrap());
    let kernel = Kernel::new(Parts {
        node: "a.os".parse().unwrap(),
        authority: Authority::from_seed(&[1; 32]).unwrap(),
        limits: Limits::default().into(),
        persistence: Arc::clone(&store) as Arc<dyn Persistence>,
        launcher: Arc::new(NoComponents),
        stop: Default::default(),
    });
    let snapshots = Snapshots::new(folder.path().join("kernel.db"), folder.path().to_owned());
    let limits = Limits { state_bytes_max: STATE_BYTES_MAX, ..Limits::default() };
    kernel.start_module(StateModule::new(Arc::clone(&store) as Arc<dyn Persistence>, snapshots, limits.into()));
    Fixture { client: kernel.start_module(Client), store, _folder: folder }
}

fn state_address() -> Address {
    "a.os@state:distro:sys".parse().unwrap()
}

impl Fixture {
    async fn send(&self, body: &[u8], blob: Option<&[u8]>) -> (StateResponse, Option<Blob>) {
        let blob = blob.map(|bytes| Blob::new(None, bytes.to_vec()));
        let content = Content::body(body.to_vec());
        let response = self.client.request(&state_address(), content, blob, Seconds(60), SendAs::Owner).await.unwrap();
        (serde_json::from_slice(&response.content.body).unwrap(), response.blob)
    }

    async fn ask(&self, action: StateAction, blob: Option<&[u8]>) -> (StateResponse, Option<Blob>) {
        self.send(&serde_json::to_vec(&action).unwrap(), blob).await
    }
}

fn own() -> ProcessId {
    ProcessId::system("client")
}

fn other() -> ProcessId {
    "main:chess:sys".parse().unwrap()
}

fn error_of((response, _): (StateResponse, Option<Blob>)) -> StateError {
    match response {
        StateResponse::Err(error) => error,
        response => panic!("{response:?} is no error"),
    }
}

#[tokio::test]
async fn a_process_may_save_read_and_forget_its_own_state() {
    let fixture = fixture();
    let missing = error_of(fixture.ask(StateAction::GetState(own()), None).await);
    assert_eq!(missing, StateError::NotFound { process_id: own() });
    assert!(matches!(fixture.ask(StateAction::SetState(own()), Some(b"mine")).await.0, StateResponse::SetState));

    let (response, blob) = fixture.ask(StateAction::GetState(own()), None).await;
    let blob = blob.unwrap();
    assert!(matches!(response, StateResponse::GetState));
    assert_eq!((blob.mime.as_deref(), &**blob.bytes), (Some("application/octet-stream"), &b"mine"[..]));

    assert!(matches!(fixture.ask(StateAction::DeleteState(own()), None).await.0, StateResponse::DeleteState));
    assert_eq!(fixture.store.get_state(own()).await.unwrap(), None);
}

/// S13: whoever may send the module messages can read and overwrite the state of every process.
#[tokio::test]
async fn s13_messaging_is_not_enough_to_touch_the_state_of_others() {
    let fixture = fixture();
    fixture.store.set_state(other(), Arc::new(b"secret".to_vec())).await.unwrap();
    for action in [
        StateAction::GetState(other()),
        StateAction::SetState(other()),
        StateAction::DeleteState(other()),
        StateAction::DeletePackage(other().package_id()),
        StateAction::DeletePackage(own().package_id()),
    ] {
        let (response, blob) = fixture.ask(action, Some(b"overwritten")).await;
        assert!(matches!(response, StateResponse::Err(StateError::BadRequest { .. })), "{response:?}");
        assert!(blob.is_none());
    }
    assert_eq!(fixture.store.get_state(other()).await.unwrap().unwrap(), b"secret");
}

#[tokio::test]
async fn a_holder_of_the_root_capability_may_touch_every_state() {
    let fixture = fixture();
    let root = Capability::new(state_address(), r#"{ "root": true }"#);
    fixture.client.kernel().grant(&own(), vec![root]).await.unwrap();
    assert!(matches!(fixture.ask(StateAction::SetState(other()), Some(b"new")).await.0, StateResponse::SetState));
    assert_eq!(fixture.store.get_state(other()).await.unwrap().unwrap(), b"new");
    let stored = fixture.store.load().await.unwrap();
    assert!(stored.capabilities.iter().any(|held| held.holder == own()), "a grant to a module is kept");
    let (response, _) = fixture.ask(StateAction::DeletePackage(other().package_id()), None).await;
    assert!(matches!(response, StateResponse::DeleteState), "{response:?}");
    assert_eq!(fixture.store.get_state(other()).await.unwrap(), None);
}

#[tokio::test]
async fn the_root_of_another_module_is_not_this_ones() {
    let fixture = fixture();
    let foreign = Capability::new("a.os@vfs:distro:sys".parse().unwrap(), ROOT);
    fixture.client.kernel().grant(&own(), vec![foreign]).await.unwrap();
    let error = error_of(fixture.ask(StateAction::GetState(other()), None).await);
    assert!(matches!(error, StateError::BadRequest { .. }), "{error:?}");
}

#[tokio::test]
async fn what_cannot_be_saved_is_refused_with_the_reason() {
    let fixture = fixture();
    let no_blob = error_of(fixture.ask(StateAction::SetState(own()), None).await);
    assert_eq!(no_blob, StateError::BadBytes { action: "SetState".into() });
    let largest = vec![0; STATE_BYTES_MAX];
    assert!(matches!(fixture.ask(StateAction::SetState(own()), Some(&largest)).await.0, StateResponse::SetState));
    let too_large = error_of(fixture.ask(StateAction::SetState(own()), Some(&[0; STATE_BYTES_MAX + 1])).await);
    assert!(too_large.to_string().contains("1001 bytes, 1000 are allowed"), "{too_large}");
    let malformed = error_of(fixture.send(b"{\"GetState\":\"x\"}", None).await);
    assert!(matches!(malformed, StateError::BadJson { .. }), "{malformed:?}");
}

#[tokio::test]
async fn a_store_that_fails_is_an_io_error() {
    let fixture = fixture();
    fixture.store.close().await;
    let error = error_of(fixture.ask(StateAction::GetState(own()), None).await);
    assert_eq!(
        error,
        StateError::IOError { error: "reading the state of client:distro:sys: the store is closed".into() }
    );
}

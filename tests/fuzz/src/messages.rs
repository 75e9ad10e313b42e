//! What processes say: ids, and the JSON of each module.

use std::fmt::Display;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use wharf_http_client::{HostPattern, PrivateHost};
use wharf_types::{Address, NodeName, PackageId, ProcessId};
use wharf_vfs::VfsPath;

/// Ids and paths, and names of hosts. What is read is written so that it is read as the same.
pub(crate) fn ids(bytes: &[u8]) {
    let text = &*String::from_utf8_lossy(bytes);
    read_and_written::<ProcessId>(text);
    read_and_written::<PackageId>(text);
    read_and_written::<Address>(text);
    read_and_written::<VfsPath>(text);
    if let Ok(name) = NodeName::new(text) {
        assert_eq!(name.as_str(), text);
    }
    let _ = (HostPattern::from_str(text).is_ok(), PrivateHost::from_str(text).is_ok());
}

fn read_and_written<T: FromStr + Display>(text: &str) {
    let Ok(read) = text.parse::<T>() else { return };
    let written = read.to_string();
    let again = written.parse::<T>().map(|again| again.to_string());
    assert_eq!(again.ok().as_ref(), Some(&written), "{text:?} is written so that it is not read");
}

macro_rules! each {
    ($bytes:ident: $($type:ty),+ $(,)?) => { $(json::<$type>($bytes);)+ };
}

/// Requests and answers.
pub(crate) fn module_json(bytes: &[u8]) {
    each!(bytes:
        wharf_types::app_store::AppStoreRequest, wharf_types::app_store::AppStoreResponse,
        wharf_types::ask::Ask,
        wharf_types::Capability, wharf_types::Request, wharf_types::OnExit, wharf_types::LazyLoadBlob,
        wharf_types::events::EventPage, wharf_types::exit::LastExit,
        wharf_types::http_client::HttpClientAction, wharf_types::http_client::HttpClientResponse,
        wharf_types::http_client::HttpClientRequest, wharf_types::http_client::HostParams,
        wharf_types::http_server::HttpServerAction, wharf_types::http_server::HttpServerRequest,
        wharf_types::http_server::HttpResponse, wharf_types::http_server::HttpServerError,
        wharf_types::kernel::KernelCommand, wharf_types::kernel::KernelResponse,
        wharf_types::kv::KvRequest, wharf_types::kv::KvResponse,
        wharf_types::login::LoginCommand, wharf_types::login::LoginReply,
        wharf_types::rpc::RpcMessage, wharf_types::rpc::RpcReply, wharf_types::rpc::RpcRefusal,
        wharf_types::sqlite::SqliteRequest, wharf_types::sqlite::SqliteResponse,
        wharf_types::state::StateAction, wharf_types::state::StateResponse,
        wharf_types::timer::TimerAction, wharf_types::timer::TimerResponse, wharf_types::timer::TimerNotice,
        wharf_types::trace::TracePage,
        wharf_types::vfs::VfsRequest, wharf_types::vfs::VfsResponse,
    );
}

/// What is read is written in one form, which is read as the same.
fn json<T: DeserializeOwned + Serialize>(bytes: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(bytes) else { return };
    let written = serde_json::to_string(&read).unwrap();
    let again = serde_json::from_str::<T>(&written).map(|again| serde_json::to_string(&again).unwrap());
    let name = std::any::type_name::<T>();
    assert_eq!(again.as_ref().ok(), Some(&written), "{name} is written so that it is not read: {again:?}");
}

//! From a request to its answer.

use wharf_process_lib::{LazyLoadBlob, Message, NodeName, Response, println};
use wharf_types::ProcessId;
use wharf_types::app_store::{AppStoreRequest, AppStoreResponse, GrantedScripts, NewPackageResponse, Outcome};

use crate::error::StoreError;
use crate::prepare::Told;
use crate::record::Record;
use crate::{api, downloads, granted, install, purge, trust, uninstall};

/// What goes back: the protocol's body, and beside it what the body has no room for.
struct Answer {
    body: AppStoreResponse,
    failure: Option<StoreError>,
    blob: Option<LazyLoadBlob>,
}

impl From<AppStoreResponse> for Answer {
    fn from(body: AppStoreResponse) -> Self {
        Self { body, failure: None, blob: None }
    }
}

/// Does what a request asks, and answers it.
pub(crate) fn answer(node: &NodeName, record: &mut Record, message: &Message) {
    let Answer { body, failure, blob } = if message.is_local() {
        match message.json() {
            Ok(request) => perform(node, record, request, message),
            Err(error) => AppStoreResponse::Err(format!("not a request to the app store: {error}")).into(),
        }
    } else {
        AppStoreResponse::Err("the app store serves its own node only".to_owned()).into()
    };
    let mut response = match Response::new().json(&body) {
        Ok(response) => response,
        Err(error) => Response::new().failure(format!("the answer cannot be written: {error}")),
    };
    if let Some(error) = failure {
        println!("{error}");
        response = response.failure(error);
    }
    if let Some(blob) = blob {
        response = response.blob(blob);
    }
    response.send();
}

fn perform(node: &NodeName, record: &mut Record, request: AppStoreRequest, message: &Message) -> Answer {
    match request {
        AppStoreRequest::NewPackage { package_id, mirror } => {
            let Some(blob) = message.blob() else {
                return AppStoreResponse::NewPackageResponse(NewPackageResponse::NoBlob).into();
            };
            let added = downloads::add(record, &package_id, blob.bytes);
            if mirror
                && added.is_ok()
                && let Err(error) = record.mirror(&package_id)
            {
                // The zip is kept all the same, which is what was wanted first.
                println!("{error}");
            }
            let (response, failure) = match added {
                Ok(()) => (NewPackageResponse::Success, None),
                Err(error) => (NewPackageResponse::InstallFailed, Some(error)),
            };
            Answer { body: AppStoreResponse::NewPackageResponse(response), failure, blob: None }
        }
        AppStoreRequest::Install { package_id, version_hash, metadata } => {
            let told = metadata.as_ref().map_or(Told::Nothing, Told::Metadata);
            let done = install::install(node, record, &package_id, &version_hash, told);
            outcome(done, AppStoreResponse::InstallResponse)
        }
        AppStoreRequest::Uninstall(package_id) => {
            outcome(uninstall::uninstall(record, &package_id), AppStoreResponse::UninstallResponse)
        }
        AppStoreRequest::Apis => AppStoreResponse::ApisResponse { apis: api::list(record) }.into(),
        AppStoreRequest::GetApi(package_id) => match api::get(record, &package_id) {
            Ok(blob) => {
                Answer { body: AppStoreResponse::GetApiResponse(Outcome::Success), failure: None, blob: Some(blob) }
            }
            Err(error) => outcome(Err(error), AppStoreResponse::GetApiResponse),
        },
        AppStoreRequest::Packages => AppStoreResponse::PackagesResponse(record.installed().to_vec()).into(),
        AppStoreRequest::Granted(package_id) => match granted::granted(record, &package_id) {
            Ok(asks) => AppStoreResponse::GrantedResponse(asks).into(),
            Err(error) => {
                Answer { body: AppStoreResponse::GrantedResponse(Vec::new()), failure: Some(error), blob: None }
            }
        },
        AppStoreRequest::GrantedScripts(package_id) => {
            let (scripts, failure) = match granted::granted_scripts(record, &package_id) {
                Ok(scripts) => (scripts, None),
                Err(error) => (GrantedScripts::default(), Some(error)),
            };
            Answer { body: AppStoreResponse::GrantedScriptsResponse(scripts), failure, blob: None }
        }
        AppStoreRequest::Trusted => AppStoreResponse::TrustedResponse(record.trusted().to_vec()).into(),
        AppStoreRequest::Rollback(package_id) => {
            let done = for_owner(message, "to roll back").and_then(|()| install::roll_back(node, record, &package_id));
            outcome(done, AppStoreResponse::RollbackResponse)
        }
        AppStoreRequest::Purge(package_id) => {
            let done = for_owner(message, "to purge").and_then(|()| purge::purge(record, &package_id));
            outcome(done, AppStoreResponse::PurgeResponse)
        }
        AppStoreRequest::Trust { publisher, public_key } => {
            let done = for_owner(message, TRUST).and_then(|()| trust::add(record, publisher, &public_key));
            outcome(done, AppStoreResponse::TrustResponse)
        }
        AppStoreRequest::Distrust { publisher } => {
            let done = for_owner(message, TRUST).and_then(|()| record.distrust(&publisher));
            outcome(done, AppStoreResponse::TrustResponse)
        }
    }
}

/// What only the owner may.
const TRUST: &str = "to say whom to trust";

/// The owner speaks as the web server, and nobody else does.
fn for_owner(message: &Message, what: &'static str) -> Result<(), StoreError> {
    if message.is_from(&ProcessId::system("http-server")) { Ok(()) } else { Err(StoreError::OwnerOnly(what)) }
}

fn outcome(done: Result<(), StoreError>, body: fn(Outcome) -> AppStoreResponse) -> Answer {
    match done {
        Ok(()) => body(Outcome::Success).into(),
        Err(error) => Answer { body: body(Outcome::Failure), failure: Some(error), blob: None },
    }
}

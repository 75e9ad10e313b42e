//! Binding and unbinding paths by message.

use std::sync::Arc;

use wharf_kernel::envelope::Blob;
use wharf_kernel::module::{Access, Answer, Caller, Refusal, RuntimeModule};
use wharf_types::Failure;
use wharf_types::http_server::{HttpServerAction, HttpServerError, HttpServerReply};

use crate::body::Cached;
use crate::routes::{Audience, Binding, Origin, Routes, Serves};

/// `http-server:distro:sys`.
pub struct HttpModule {
    routes: Arc<Routes>,
}

/// Whether the blob is the answer.
enum Cache {
    Blob,
    Nothing,
}

impl Cache {
    fn asked(cache: bool) -> Self {
        if cache { Self::Blob } else { Self::Nothing }
    }
}

impl HttpModule {
    pub(crate) fn new(routes: Arc<Routes>) -> Self {
        Self { routes }
    }

    fn bind(
        &self,
        caller: &Caller,
        path: &str,
        audience: Audience,
        origin: Origin,
        serves: Serves,
    ) -> Answer<HttpServerReply> {
        // The id becomes a part of URLs.
        if !caller.source().process().is_creatable() {
            return Answer::Reply(Err(HttpServerError::InvalidSourceProcess));
        }
        let binding = Binding { audience, origin, serves };
        match self.routes.bind(caller.source(), path, binding, |id| caller.kernel().is_alive(id)) {
            Ok(()) => Answer::Reply(Ok(())),
            // The protocol has no kind for a path that cannot be bound; the reason is in the metadata.
            Err(error) => Answer::ReplyBecause(Err(HttpServerError::MalformedRequest), Failure::new(error)),
        }
    }
}

fn serves(cache: &Cache, blob: Option<Blob>) -> Result<Serves, HttpServerError> {
    match cache {
        Cache::Nothing => Ok(Serves::Process),
        Cache::Blob => blob.map(Cached::new).map(Serves::Cached).ok_or(HttpServerError::NoBlob),
    }
}

impl RuntimeModule for HttpModule {
    type Request = HttpServerAction;
    type Response = HttpServerReply;

    const NAME: &'static str = "http-server";
    const ACCESS: Access = Access::Capability;

    async fn handle(&self, caller: Caller, request: HttpServerAction, blob: Option<Blob>) -> Answer<HttpServerReply> {
        let (path, audience, origin, cache) = match request {
            HttpServerAction::Bind { path, authenticated, local_only, cache } => (
                path,
                if authenticated { Audience::Owner } else { Audience::Anyone },
                if local_only { Origin::ThisMachine } else { Origin::Anywhere },
                Cache::asked(cache),
            ),
            HttpServerAction::SecureBind { path, cache } => {
                (path, Audience::OwnerApart, Origin::Anywhere, Cache::asked(cache))
            }
            HttpServerAction::Unbind { path } => {
                return self.bind(&caller, &path, Audience::Anyone, Origin::Anywhere, Serves::Nothing);
            }
            _ => return Answer::Reply(Err(HttpServerError::MalformedRequest)),
        };
        match serves(&cache, blob) {
            Ok(serves) => self.bind(&caller, &path, audience, origin, serves),
            Err(error) => Answer::Reply(Err(error)),
        }
    }

    fn refuse(&self, refusal: Refusal) -> Option<HttpServerReply> {
        match refusal {
            Refusal::Malformed(_) | Refusal::Overloaded | Refusal::Internal => {
                Some(Err(HttpServerError::MalformedRequest))
            }
            // S7: another node learns nothing, and binds nothing.
            Refusal::Foreign => None,
        }
    }
}

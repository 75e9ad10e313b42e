//! What processes ask of the server by message: binding and unbinding paths, and writing to their WebSockets.

use std::sync::Arc;

use wharf_kernel::envelope::Blob;
use wharf_kernel::module::{Access, Answer, Caller, Refusal, RuntimeModule};
use wharf_types::Failure;
use wharf_types::http_server::{HttpServerAction, HttpServerError, HttpServerReply};

use crate::content::{Cached, Compressor};
use crate::routes::{Audience, Binding, Origin, Routes, Serves};
use crate::socket::{ForExtension, Sockets};
use crate::stream::{Done, Streams};

/// `http-server:distro:sys`.
pub struct HttpModule {
    /// Paths at which processes answer.
    pub(crate) routes: Arc<Routes>,
    /// Paths at which they take WebSockets.
    pub(crate) socket_routes: Arc<Routes>,
    /// The open ones.
    pub(crate) sockets: Arc<Sockets>,
    /// Bodies that pass piece by piece.
    pub(crate) streams: Arc<Streams>,
    /// For answers that are given in advance.
    pub(crate) compressor: Compressor,
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
    async fn bind_http(
        &self,
        caller: &Caller,
        path: &str,
        (audience, origin): (Audience, Origin),
        cache: &Cache,
        blob: Option<Blob>,
    ) -> Answer<HttpServerReply> {
        match self.serves(cache, blob).await {
            Ok(serves) => bind(&self.routes, caller, path, Binding { audience, origin, serves }),
            Err(error) => Answer::Reply(Err(error)),
        }
    }

    async fn serves(&self, cache: &Cache, blob: Option<Blob>) -> Result<Serves, HttpServerError> {
        match (cache, blob) {
            (Cache::Nothing, _) => Ok(Serves::Process),
            (Cache::Blob, None) => Err(HttpServerError::NoBlob),
            (Cache::Blob, Some(blob)) => Ok(Serves::Cached(Box::new(Cached::prepare(blob, &self.compressor).await))),
        }
    }

    fn bind_sockets(&self, caller: &Caller, path: &str, audience: Audience, serves: Serves) -> Answer<HttpServerReply> {
        let origin = if matches!(serves, Serves::Extension) { Origin::ThisMachine } else { Origin::Anywhere };
        bind(&self.socket_routes, caller, path, Binding { audience, origin, serves })
    }
}

fn bind(routes: &Routes, caller: &Caller, path: &str, binding: Binding) -> Answer<HttpServerReply> {
    // The id becomes a part of URLs.
    if !caller.source().process().is_creatable() {
        return Answer::Reply(Err(HttpServerError::InvalidSourceProcess));
    }
    match routes.bind(caller.source(), path, binding, |id| caller.kernel().is_alive(id)) {
        Ok(()) => Answer::Reply(Ok(())),
        // The protocol has no kind for a path that cannot be bound; the reason is in the metadata.
        Err(error) => Answer::ReplyBecause(Err(HttpServerError::MalformedRequest), Failure::new(error)),
    }
}

fn audience(authenticated: bool) -> Audience {
    if authenticated { Audience::Owner } else { Audience::Anyone }
}

fn origin(local_only: bool) -> Origin {
    if local_only { Origin::ThisMachine } else { Origin::Anywhere }
}

fn answer(done: Done) -> Answer<HttpServerReply> {
    match done {
        Done::Now(reply) => Answer::Reply(reply),
        Done::Later => Answer::Later,
    }
}

/// Who is at the other end of the WebSockets of a path.
fn far_end(extension: bool) -> Serves {
    if extension { Serves::Extension } else { Serves::Process }
}

impl RuntimeModule for HttpModule {
    type Request = HttpServerAction;
    type Response = HttpServerReply;

    const NAME: &'static str = "http-server";
    const ACCESS: Access = Access::Capability;

    async fn handle(&self, caller: Caller, request: HttpServerAction, blob: Option<Blob>) -> Answer<HttpServerReply> {
        match request {
            HttpServerAction::Bind { path, authenticated, local_only, cache } => {
                let binding = (audience(authenticated), origin(local_only));
                self.bind_http(&caller, &path, binding, &Cache::asked(cache), blob).await
            }
            HttpServerAction::StreamBind { path, authenticated, local_only } => {
                let (audience, origin) = (audience(authenticated), origin(local_only));
                bind(&self.routes, &caller, &path, Binding { audience, origin, serves: Serves::Stream })
            }
            HttpServerAction::StreamRead(id) => answer(self.streams.read(&caller, id)),
            HttpServerAction::StreamWrite(id) => answer(self.streams.write(&caller, id, blob)),
            HttpServerAction::StreamEnd(id) => answer(self.streams.end(&caller, id)),
            HttpServerAction::StreamAbort(id) => answer(self.streams.abort(&caller, id)),
            HttpServerAction::SecureBind { path, cache } => {
                self.bind_http(&caller, &path, (Audience::OwnerApart, Origin::Anywhere), &Cache::asked(cache), blob)
                    .await
            }
            HttpServerAction::Unbind { path } => {
                let binding = Binding { audience: Audience::Anyone, origin: Origin::Anywhere, serves: Serves::Nothing };
                bind(&self.routes, &caller, &path, binding)
            }
            HttpServerAction::WebSocketBind { path, authenticated, extension } => {
                self.bind_sockets(&caller, &path, audience(authenticated), far_end(extension))
            }
            HttpServerAction::WebSocketSecureBind { path, extension } => {
                self.bind_sockets(&caller, &path, Audience::OwnerApart, far_end(extension))
            }
            HttpServerAction::WebSocketUnbind { path } => {
                self.bind_sockets(&caller, &path, Audience::Anyone, Serves::Nothing)
            }
            HttpServerAction::WebSocketPush { channel_id, message_type } => {
                Answer::Reply(self.sockets.push(&caller, channel_id, message_type, blob).await)
            }
            HttpServerAction::WebSocketExtPushOutgoing { channel_id, message_type, desired_reply_type } => {
                let sent = self.sockets.push_to_extension(&caller, channel_id, message_type, desired_reply_type, blob);
                match sent.await {
                    ForExtension::Sent => Answer::Later,
                    ForExtension::Refused(error) => Answer::Reply(Err(error)),
                    ForExtension::Because(why) => Answer::ReplyBecause(Err(HttpServerError::MalformedRequest), why),
                }
            }
            HttpServerAction::WebSocketClose(channel_id) => {
                self.sockets.end(&caller, channel_id);
                Answer::Reply(Ok(()))
            }
            HttpServerAction::WebSocketOpen { .. } | HttpServerAction::WebSocketExtPushData { .. } => {
                Answer::Reply(Err(HttpServerError::MalformedRequest))
            }
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

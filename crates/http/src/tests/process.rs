//! A process that answers HTTP. Modules are addressed like processes, so it is one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;
use wharf_kernel::envelope::Blob;
use wharf_kernel::module::{Access, Answer, Caller, Refusal, RuntimeModule};

/// What it was told of its WebSockets, and the blobs.
pub(super) type Told = (Value, Option<Vec<u8>>);

/// Answers by the last segment of the URL.
pub(super) struct Web {
    /// Messages it received.
    pub(super) received: Arc<AtomicUsize>,
    /// Where it tells what it is told of WebSockets.
    pub(super) told: UnboundedSender<Told>,
    /// It goes on only while this has a permit.
    pub(super) gate: Arc<Semaphore>,
}

impl RuntimeModule for Web {
    type Request = Value;
    type Response = Value;

    const NAME: &'static str = "web";
    const ACCESS: Access = Access::Public;

    async fn handle(&self, _: Caller, request: Value, blob: Option<Blob>) -> Answer<Value> {
        self.received.fetch_add(1, Ordering::SeqCst);
        let _goes_on = self.gate.acquire().await;
        if request.get("Http").is_none() {
            let _ = self.told.send((request, blob.map(|blob| blob.bytes.to_vec())));
            return Answer::Later;
        }
        let url = request["Http"]["url"].as_str().unwrap_or_default();
        match url.rsplit('/').next().unwrap_or_default() {
            "silent" => Answer::Later,
            "upload" => {
                let _ = self.told.send((request, None));
                Answer::Later
            }
            "download" => {
                let stream = request["Http"]["stream"].clone();
                let _ = self.told.send((request, None));
                Answer::Reply(json!({"status": 200, "headers": {"X-A": "b"}, "stream": stream}))
            }
            "page" => {
                let headers =
                    json!({"Content-Type": "text/html", "ETag": "\"mine\"", "Set-Cookie": ["a=1; HttpOnly", "b=2"]});
                Answer::ReplyWithBlob(json!({"status": 200, "headers": headers}), Blob::new(None, vec![b'x'; 100_000]))
            }
            "nonsense" => Answer::Reply(json!("no status")),
            "empty" => Answer::Reply(json!({"status": 204, "headers": {}})),
            "smuggle" => Answer::ReplyWithBlob(
                json!({"status": 200, "headers": {"Content-Length": "1", "Transfer-Encoding": "chunked", "X-Kept": "1"}}),
                Blob::new(None, b"whole".to_vec()),
            ),
            // Everything else comes back: what it was asked, and the body.
            _ => {
                let body = blob.map(|blob| String::from_utf8_lossy(&blob.bytes).into_owned());
                let seen = json!({"request": request, "body": body}).to_string().into_bytes();
                let headers = json!({"Content-Type": "application/json"});
                Answer::ReplyWithBlob(json!({"status": 200, "headers": headers}), Blob::new(Some("seen"), seen))
            }
        }
    }

    fn refuse(&self, _: Refusal) -> Option<Value> {
        None
    }
}

//! Plain axum, in a process of its own with as many worker threads as the daemon has.

use std::convert::Infallible;
use std::process::Command;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Query;
use axum::routing::get;
use futures_util::{TryStreamExt, stream};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::protocol::PAGE;
use crate::subprocess::Subprocess;
use crate::tools::Tools;

/// What the guest gives in one piece.
const PIECE_BYTES: usize = 256 << 10;

#[derive(Deserialize)]
struct Asked {
    give: usize,
}

/// Serves until killed. Prints its URL when it can be reached.
pub(crate) fn serve() -> Result<()> {
    let runtime = Builder::new_multi_thread().enable_all().build().context("starting worker threads")?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("binding a port")?;
        let address = listener.local_addr().context("the port that was bound")?;
        let app = Router::new().route("/", get(|| async { PAGE })).route("/bytes", get(give).post(count));
        println!("http://{address}/");
        axum::serve(listener, app).await.context("serving HTTP")
    })
}

/// As many bytes as are asked for, piece by piece.
async fn give(Query(asked): Query<Asked>) -> Body {
    let piece = Bytes::from(vec![b'x'; PIECE_BYTES]);
    let pieces = stream::unfold(asked.give, move |left| {
        let piece = piece.slice(..left.min(PIECE_BYTES));
        async move { (left > 0).then(|| (Ok::<_, Infallible>(piece.clone()), left - piece.len())) }
    });
    Body::from_stream(pieces)
}

/// How many bytes come.
async fn count(body: Body) -> String {
    let count =
        body.into_data_stream().map_ok(|piece| piece.len()).try_fold(0, |sum, len| async move { Ok(sum + len) });
    count.await.map_or_else(|error| error.to_string(), |count| count.to_string())
}

/// Starts [`serve`] in a process of its own; what it says when ready is its URL.
pub(crate) fn start(tools: &Tools) -> Result<Subprocess> {
    Subprocess::start(Command::new(&tools.own).arg("serve-http"))
}

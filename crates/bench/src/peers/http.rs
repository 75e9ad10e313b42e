//! Plain axum, in a process of its own with as many worker threads as the daemon has.

use std::process::Command;

use anyhow::{Context, Result};
use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::protocol::PAGE;
use crate::subprocess::Subprocess;
use crate::tools::Tools;

/// Serves until killed. Prints its URL when it can be reached.
pub(crate) fn serve() -> Result<()> {
    let runtime = Builder::new_multi_thread().enable_all().build().context("starting worker threads")?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("binding a port")?;
        let address = listener.local_addr().context("the port that was bound")?;
        let app = Router::new().route("/", get(|| async { PAGE }));
        println!("http://{address}/");
        axum::serve(listener, app).await.context("serving HTTP")
    })
}

/// Starts [`serve`] in a process of its own; what it says when ready is its URL.
pub(crate) fn start(tools: &Tools) -> Result<Subprocess> {
    Subprocess::start(Command::new(&tools.own).arg("serve-http"))
}

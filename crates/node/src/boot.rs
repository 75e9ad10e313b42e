//! How a node comes up and goes down.
//!
//! ```text
//! settings -> home taken -> log -> port bound -> store, vfs, runtime, kernel
//!   -> modules -> stored processes -> the node's own packages -> HTTP served -> `ready`
//! stop -> HTTP ends -> processes and modules end -> databases and store closed -> home given back
//! ```
//!
//! The port is bound before anything is started, so that a port in use costs nothing; it is served last, so that
//! whoever can connect finds a whole node.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wharf_database::DatabaseError;
use wharf_http::{Gate, HttpServer, Listening, Tls, Tools};
use wharf_kernel::api::KernelModule;
use wharf_kernel::capability::Authority;
use wharf_kernel::{Kernel, ModuleHandle, Parts};
use wharf_kv::KvModule;
use wharf_runtime::Runtime;
use wharf_sqlite::SqliteModule;
use wharf_store::{KernelStore, OpenError, Snapshots, StateModule};
use wharf_vfs::{DriveSource, Vfs, VfsModule};

use crate::acme::Acme;
use crate::args::Args;
use crate::drives::WithDrives;
use crate::exit::Stopped;
use crate::home::{self, Taken};
use crate::service_manager::ServiceManager;
use crate::settings::{HttpAt, Lifetime, Settings};
use crate::{bundled, doors, logging};

/// Runs a node until it is stopped.
pub fn run(args: Args) -> Result<(), Stopped> {
    let settings = Settings::read(args)?;
    let taken = home::take(&settings.home, settings.node.as_ref())?;
    let _logging = logging::start(&settings.home, &settings.log)?;
    let (tls, acme) = doors::tls(&settings)?;
    let doors = Doors { gate: doors::gate(&settings, &taken)?, tls, acme };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // A turn of a worker may be many of processes that speak with each other: input and output are looked at more often
        // than after the usual 61.
        .event_interval(16)
        .thread_name("wharf-worker")
        .build()
        .map_err(|error| Stopped::Failed(format!("starting worker threads: {error}")))?;
    let result = runtime.block_on(serve(settings, taken, doors));
    if let Err(error) = &result {
        tracing::error!(target: logging::DISK_ONLY, "{error}");
    }
    // Compiling cannot be interrupted; nothing waits for it.
    runtime.shutdown_background();
    result
}

/// What the web server lets people in with.
struct Doors {
    gate: Gate,
    tls: Option<Tls>,
    acme: Option<Acme>,
}

async fn serve(settings: Settings, taken: Taken, doors: Doors) -> Result<(), Stopped> {
    let listener = bind(settings.http).await?;
    let address =
        listener.local_addr().map_err(|error| Stopped::Failed(format!("the port that was bound: {error}")))?;
    let stop = CancellationToken::new();
    stop_on_signals(&stop)?;
    if settings.lifetime == Lifetime::Stdin {
        stop_with_stdin(&stop)?;
    }
    let manager = Arc::new(ServiceManager::of_environment());
    let store = open_store(&settings).await?;
    let node = Node::start(&settings, &taken, Arc::clone(&store), &stop, address).await?;
    let (kv, sqlite) = (node.kv.clone(), node.sqlite.clone());
    let url = format!("http://{}", reachable(address));
    let https = doors.tls.as_ref().map(|_| format!(" https=https://{}", reachable(address))).unwrap_or_default();
    remark(&settings, &doors);
    let (kernel, serving, keeping) = node.serve_http(listener, doors);
    taken.announce(&url)?;
    println!("ready node={} http={url}{https}", taken.node);
    tracing::info!(node = %taken.node, boot = %kernel.boot(), %url, "ready");
    manager.ready(&url);
    let signs_of_life = tokio::spawn(Arc::clone(&manager).stay_alive());
    stop.cancelled().await;
    tracing::info!("stopping");
    manager.stopping();
    if serving.await.is_err() {
        tracing::error!("the web server ended with a panic");
    }
    if let Some(keeping) = keeping
        && keeping.await.is_err()
    {
        tracing::error!("what keeps the certificate ended with a panic");
    }
    kernel.shut_down().await;
    kv.close().await;
    sqlite.close().await;
    store.close().await;
    signs_of_life.abort();
    tracing::info!("stopped");
    Ok(())
}

/// What runs.
struct Node {
    kernel: Kernel,
    server: HttpServer,
    http: ModuleHandle,
    kv: KvModule,
    sqlite: SqliteModule,
    stop: CancellationToken,
}

impl Node {
    async fn start(
        settings: &Settings,
        taken: &Taken,
        store: Arc<KernelStore>,
        stop: &CancellationToken,
        address: SocketAddr,
    ) -> Result<Self, Stopped> {
        let failed = |error: &dyn std::fmt::Display| Stopped::Failed(error.to_string());
        let vfs = Vfs::open(settings.home.vfs(), settings.vfs_limits.clone()).map_err(|error| failed(&error))?;
        let runtime = Runtime::new(settings.runtime.clone(), Arc::clone(&vfs)).map_err(|error| failed(&error))?;
        let kernel = Kernel::new(Parts {
            node: taken.node.clone(),
            authority: Authority::from_seed(&taken.seed).map_err(|error| Stopped::HomeUnusable(error.to_string()))?,
            limits: settings.limits.clone(),
            persistence: Arc::<KernelStore>::clone(&store),
            launcher: Arc::new(WithDrives::new(runtime, Arc::clone(&vfs))),
            stop: stop.clone(),
        });
        let server = HttpServer::new(settings.http_limits.clone());
        kernel.start_module(KernelModule { version: env!("CARGO_PKG_VERSION") });
        kernel.start_module(VfsModule::new(Arc::clone(&vfs)));
        let snapshots = Snapshots::new(settings.home.kernel_db(), settings.home.run_dir());
        kernel.start_module(StateModule::new(store, snapshots, settings.limits.clone()));
        let (kv, sqlite) = open_databases(settings).await?;
        kernel.start_module(kv.clone());
        kernel.start_module(sqlite.clone());
        let asked = wharf_http_client::start(&kernel, settings.http_client_limits.clone(), Some(address)).await;
        asked.map_err(|error| Stopped::BadSettings(error.to_string()))?;
        let (timers, wheel) =
            wharf_timer::timer(&kernel).await.map_err(|error| Stopped::HomeUnusable(error.to_string()))?;
        let http = kernel.start_module(server.module());
        kernel.run_until_stop(wheel.turn(stop.clone()));
        let components = DriveSource::new(Arc::clone(&vfs));
        let restored =
            kernel.restore(Arc::new(components)).await.map_err(|error| Stopped::HomeUnusable(error.to_string()))?;
        timers.processes_are_back().await;
        let fresh = match bundled::install_all(&kernel, &vfs, settings.packages.as_deref(), settings.tools).await {
            Ok(installed) => installed,
            // The next boot does it again.
            Err(_) if stop.is_cancelled() => 0,
            Err(error) => return Err(failed(&error)),
        };
        tracing::info!(restored, packages = fresh, "processes are running");
        Ok(Self { kernel, server, http, kv, sqlite, stop: stop.clone() })
    }

    /// Serves, and keeps the certificate, if that is to be done.
    fn serve_http(self, listener: TcpListener, doors: Doors) -> (Kernel, JoinHandle<()>, Option<JoinHandle<()>>) {
        let challenges = doors.acme.as_ref().map(Acme::challenges);
        let listening = Listening { listener, tls: doors.tls, challenges };
        let serving = tokio::spawn(self.server.serve(listening, self.http, doors.gate, self.stop.clone()));
        (self.kernel, serving, doors.acme.map(|acme| acme.keep(self.stop)))
    }
}

/// What the owner should know about who is let in.
fn remark(settings: &Settings, doors: &Doors) {
    if settings.tools == Tools::KitCompat {
        tracing::warn!("--kit-compat: whoever has an account on this machine can do everything with this node");
    }
    if !doors.gate.has_password() {
        tracing::info!("no password is set: `wharf login-link` prints a link with which to choose one");
    }
}

async fn bind(at: HttpAt) -> Result<TcpListener, Stopped> {
    let mut problem = None;
    for address in at.candidates() {
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) => problem = Some((address, error)),
        }
    }
    Err(match problem {
        Some((address, error)) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Stopped::PortInUse(format!("{address} is in use"))
        }
        Some((address, error)) => Stopped::BadSettings(format!("cannot serve HTTP at {address}: {error}")),
        None => Stopped::BadSettings("there is no address to serve HTTP at".to_owned()),
    })
}

/// A listener on every address is reached on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], v4.port())),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], v6.port())),
        other => other,
    }
}

async fn open_store(settings: &Settings) -> Result<Arc<KernelStore>, Stopped> {
    let path = settings.home.kernel_db();
    let opened: Result<KernelStore, OpenError> = tokio::task::spawn_blocking(move || KernelStore::open(&path))
        .await
        .map_err(|error| Stopped::Failed(format!("opening the store: {error}")))?;
    opened.map(Arc::new).map_err(|error| Stopped::HomeUnusable(error.to_string()))
}

/// The modules with databases of packages. None of those is opened before somebody asks for it, so that a damaged one is
/// the trouble of those who use it.
async fn open_databases(settings: &Settings) -> Result<(KvModule, SqliteModule), Stopped> {
    let (home, bounds) = (settings.home.clone(), &settings.databases);
    let (all, kv, sqlite) = (bounds.all.clone(), bounds.kv.clone(), bounds.sqlite.clone());
    let opened = tokio::task::spawn_blocking(move || {
        let kv = KvModule::open(home.kv(), home.run_dir(), all.clone(), kv)?;
        Ok((kv, SqliteModule::open(home.sqlite(), home.run_dir(), all, sqlite)?))
    });
    let opened = opened.await.map_err(|error| Stopped::Failed(format!("opening the databases: {error}")))?;
    opened.map_err(|error: DatabaseError| Stopped::HomeUnusable(error.to_string()))
}

fn stop_on_signals(stop: &CancellationToken) -> Result<(), Stopped> {
    let listen = |kind| signal(kind).map_err(|error| Stopped::Failed(format!("listening for signals: {error}")));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let stop = stop.clone();
    // Ends with the node: either it stops the node, or the node stops it.
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM"),
            _ = interrupt.recv() => tracing::info!("SIGINT"),
            () = stop.cancelled() => {}
        }
        stop.cancel();
    });
    Ok(())
}

/// For a node that belongs to a program: stops when that closes the pipe that is our stdin, also by dying.
fn stop_with_stdin(stop: &CancellationToken) -> Result<(), Stopped> {
    let pipe = std::io::stdin().as_fd().try_clone_to_owned().and_then(pipe::Receiver::from_owned_fd);
    let mut pipe = pipe.map_err(|error| Stopped::BadSettings(format!("--until-eof: stdin is not a pipe: {error}")))?;
    let stop = stop.clone();
    // Ends with the node: either it stops the node, or the node stops it.
    tokio::spawn(async move {
        let mut ignored = [0; 256];
        let closed = async { while matches!(pipe.read(&mut ignored).await, Ok(1..)) {} };
        tokio::select! {
            () = closed => tracing::info!("stdin was closed"),
            () = stop.cancelled() => {}
        }
        stop.cancel();
    });
    Ok(())
}

//! Two guests over wasmtime and nothing else: two queues where the node has a kernel. No ids, no capabilities, no limits,
//! no deadlines, one thread. What is left is what the engine, the interface and the guests themselves cost, and what a
//! node can come near to, but not below.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, InstancePre, Linker, ResourceTable};
use wasmtime::{Config, Engine, Error, Store, StoreContextMut};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wharf_bindings as wit;

use crate::protocol::{Command, Load, Reply, Style, Summary};
use crate::tools::Tools;

/// How often guests are interrupted: as often as a node does it.
const TICK: Duration = Duration::from_millis(10);

/// Messages that wait for one guest; never more than one does.
const QUEUE_MAX: usize = 16;

type Call<B> = (wit::Target, wit::Request<B>, Option<wit::LazyLoadBlob<B>>);
type Message = (Arc<wit::Address>, wit::Message<wit::Shared>);
type Received = std::result::Result<Message, (wit::SendError<wit::Shared>, Option<wit::Shared>)>;
type Awaited = std::result::Result<Message, wit::SendError<wit::Shared>>;

enum Mail {
    Request(wit::Shared),
    Response(wit::Shared),
}

/// One guest's side.
struct Guest {
    wasi: WasiCtx,
    resources: ResourceTable,
    inbox: mpsc::Receiver<Mail>,
    /// Where its requests go, if it makes any.
    asked: Option<mpsc::Sender<Mail>>,
    /// Where its responses go.
    answered: mpsc::Sender<Mail>,
    /// Who all messages come from, as far as guests are told.
    source: Arc<wit::Address>,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.resources }
    }
}

/// The bench's guests, compiled.
pub(crate) struct Bare {
    engine: Engine,
    guest: InstancePre<Guest>,
}

impl Bare {
    /// Compiles the guests that the node runs too.
    pub(crate) fn new(tools: &Tools) -> Result<Self> {
        let mut config = Config::new();
        config.wasm_component_model(true).epoch_interruption(true);
        let engine = Engine::new(&config).map_err(failed)?;
        let component = Component::new(&engine, component(tools)?).map_err(failed)?;
        let guest = linker(&engine, &component).and_then(|linker| linker.instantiate_pre(&component));
        let ticking = engine.weak();
        thread::spawn(move || {
            while let Some(engine) = ticking.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(TICK);
            }
        });
        Ok(Self { engine, guest: guest.map_err(failed)? })
    }

    /// Times batches of round trips through the generated bindings.
    pub(crate) fn round_trips(&self, body_bytes: usize, batches: usize, per_batch: usize) -> Result<Summary> {
        let load = Load::Body(body_bytes);
        let command = Command::RoundTrips { target: "bare".to_owned(), style: Style::Bare, load, batches, per_batch };
        let runtime =
            Builder::new_multi_thread().worker_threads(1).enable_all().build().context("starting a thread")?;
        runtime.block_on(async {
            let (to_driver, driver) = mpsc::channel(QUEUE_MAX);
            let (to_echo, echo) = mpsc::channel(QUEUE_MAX);
            let (to_us, mut us) = mpsc::channel(QUEUE_MAX);
            let command = Mail::Request(Arc::new(serde_json::to_vec(&command)?));
            to_driver.send(command).await.map_err(|_| anyhow!("the driver is gone"))?;
            runtime.spawn(self.live("bare", echo, None, to_driver));
            let driver = runtime.spawn(self.live("driver", driver, Some(to_echo), to_us));
            let Some(Mail::Response(reply)) = us.recv().await else { bail!("the driver ended: {:?}", driver.await) };
            match serde_json::from_slice(&reply)? {
                Reply::Summary(summary) => Ok(summary),
                other => bail!("the driver answered {other:?}"),
            }
        })
    }

    /// One guest, from its start to its end.
    fn live(
        &self,
        name: &str,
        inbox: mpsc::Receiver<Mail>,
        asked: Option<mpsc::Sender<Mail>>,
        answered: mpsc::Sender<Mail>,
    ) -> impl Future<Output = wasmtime::Result<()>> + Send + use<> {
        let our = format!("bench.os@{name}:bench:wharf.os");
        let guest = Guest {
            wasi: WasiCtx::builder().build(),
            resources: ResourceTable::new(),
            inbox,
            asked,
            answered,
            source: Arc::new(address()),
        };
        let (mut store, pre) = (Store::new(&self.engine, guest), self.guest.clone());
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        async move {
            let instance = pre.instantiate_async(&mut store).await?;
            let init = instance.get_typed_func::<(&str,), ()>(&mut store, wit::INIT)?;
            init.call_async(&mut store, (&our,)).await
        }
    }
}

/// Wasmtime's errors are not the ones that this program uses.
fn failed(error: Error) -> anyhow::Error {
    anyhow!("{error:#}")
}

fn component(tools: &Tools) -> Result<Vec<u8>> {
    let file = File::open(&tools.package).with_context(|| format!("opening {}", tools.package.display()))?;
    let mut bytes = Vec::new();
    zip::ZipArchive::new(file)?.by_name("bench.wasm")?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn address() -> wit::Address {
    let text = |text: &str| Arc::<str>::from(text);
    let process =
        wit::ProcessId { process_name: text("peer"), package_name: text("bench"), publisher_node: text("wharf.os") };
    wit::Address { node: text("bench.os"), process }
}

/// What of the interface is there.
const DONE: [&str; 3] = ["receive", "send-and-await-response", "send-response"];

/// What two guests need to talk. The rest of the interface traps.
fn linker(engine: &Engine, component: &Component) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    let mut standard = linker.instance(wit::INTERFACE)?;
    standard.func_wrap_async("receive", |mut store: StoreContextMut<'_, Guest>, ()| {
        Box::new(async move {
            let received: Received = Ok(next(store.data_mut()).await?);
            Ok((received,))
        })
    })?;
    standard.func_wrap_async("send-and-await-response", |mut store: StoreContextMut<'_, Guest>, call| {
        Box::new(async move {
            let (_, request, _): Call<wit::Lifted> = call;
            let guest = store.data_mut();
            let mail = Mail::Request(Arc::new(request.body));
            let sent = guest.asked.as_ref().map(|asked| asked.try_send(mail));
            if !matches!(sent, Some(Ok(()))) {
                return Err(Error::msg("there is nobody to ask"));
            }
            let awaited: Awaited = Ok(next(guest).await?);
            Ok((awaited,))
        })
    })?;
    standard.func_wrap(
        "send-response",
        |store: StoreContextMut<'_, Guest>,
         (response, _): (wit::Response<wit::Lifted>, Option<wit::LazyLoadBlob<wit::Lifted>>)| {
            let sent = store.data().answered.try_send(Mail::Response(Arc::new(response.body)));
            sent.map_err(|_| Error::msg("nobody waits for the response"))
        },
    )?;
    let Some(ComponentItem::ComponentInstance(interface)) =
        component.component_type().get_import(engine, wit::INTERFACE).map(|import| import.ty)
    else {
        return Err(Error::msg("the guests do not import the interface of processes"));
    };
    for (name, _) in interface.exports(engine).filter(|(name, _)| !DONE.contains(name)) {
        // The interface's types are exported too; they need no definition.
        if let Some(ComponentItem::ComponentFunc(_)) = interface.get_export(engine, name).map(|export| export.ty) {
            standard.func_new(name, |_, _, _, _| Err(Error::msg("not without a node")))?;
        }
    }
    Ok(linker)
}

/// The next message of a guest.
async fn next(guest: &mut Guest) -> wasmtime::Result<Message> {
    let mail = guest.inbox.recv().await.ok_or_else(|| Error::msg("the measurement is over"))?;
    let message = match mail {
        Mail::Request(body) => wit::Message::Request(wit::Request {
            inherit: false,
            expects_response: Some(60),
            body,
            metadata: None,
            capabilities: Vec::new(),
        }),
        Mail::Response(body) => {
            let response = wit::Response { inherit: false, body, metadata: None, capabilities: Vec::new() };
            wit::Message::Response((response, None))
        }
    };
    Ok((Arc::clone(&guest.source), message))
}

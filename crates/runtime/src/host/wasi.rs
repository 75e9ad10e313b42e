//! WASI 0.2: everything from wasmtime, except for files.

use wasmtime::Result;
use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings::{cli, clocks, random, sockets};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView};
use wasmtime_wasi_io::bindings::wasi::io;

use crate::files;
use crate::guest::{Guest, World};

struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

/// Adds all of it. The list is that of `wasmtime_wasi::p2::add_to_linker_async` without `wasi:filesystem`: that one has
/// folders of the host.
pub(super) fn add<W: World>(linker: &mut Linker<Guest<W>>) -> Result<()> {
    io::error::add_to_linker::<Guest<W>, HasTable>(linker, |guest| guest.ctx().table)?;
    io::poll::add_to_linker::<Guest<W>, HasTable>(linker, |guest| guest.ctx().table)?;
    io::streams::add_to_linker::<Guest<W>, HasTable>(linker, |guest| guest.ctx().table)?;
    clocks::wall_clock::add_to_linker::<Guest<W>, WasiClocks>(linker, Guest::clocks)?;
    clocks::monotonic_clock::add_to_linker::<Guest<W>, WasiClocks>(linker, Guest::clocks)?;
    random::random::add_to_linker::<Guest<W>, WasiRandom>(linker, |guest| guest.ctx().ctx.random())?;
    random::insecure::add_to_linker::<Guest<W>, WasiRandom>(linker, |guest| guest.ctx().ctx.random())?;
    random::insecure_seed::add_to_linker::<Guest<W>, WasiRandom>(linker, |guest| guest.ctx().ctx.random())?;
    cli::exit::add_to_linker::<Guest<W>, WasiCli>(linker, Guest::cli)?;
    cli::environment::add_to_linker::<Guest<W>, WasiCli>(linker, Guest::cli)?;
    cli::stdin::add_to_linker::<Guest<W>, WasiCli>(linker, Guest::cli)?;
    cli::stdout::add_to_linker::<Guest<W>, WasiCli>(linker, Guest::cli)?;
    cli::stderr::add_to_linker::<Guest<W>, WasiCli>(linker, Guest::cli)?;
    cli::terminal_input::add_to_linker::<Guest<W>, WasiCli>(linker, Guest::cli)?;
    cli::terminal_output::add_to_linker::<Guest<W>, WasiCli>(linker, Guest::cli)?;
    cli::terminal_stdin::add_to_linker::<Guest<W>, WasiCli>(linker, Guest::cli)?;
    cli::terminal_stdout::add_to_linker::<Guest<W>, WasiCli>(linker, Guest::cli)?;
    cli::terminal_stderr::add_to_linker::<Guest<W>, WasiCli>(linker, Guest::cli)?;
    sockets(linker)?;
    files::add_to_linker(linker)
}

/// They are there because components import them; every address is refused.
fn sockets<W: World>(linker: &mut Linker<Guest<W>>) -> Result<()> {
    let options = sockets::network::LinkOptions::default();
    sockets::tcp::add_to_linker::<Guest<W>, WasiSockets>(linker, Guest::sockets)?;
    sockets::udp::add_to_linker::<Guest<W>, WasiSockets>(linker, Guest::sockets)?;
    sockets::tcp_create_socket::add_to_linker::<Guest<W>, WasiSockets>(linker, Guest::sockets)?;
    sockets::udp_create_socket::add_to_linker::<Guest<W>, WasiSockets>(linker, Guest::sockets)?;
    sockets::instance_network::add_to_linker::<Guest<W>, WasiSockets>(linker, Guest::sockets)?;
    sockets::network::add_to_linker::<Guest<W>, WasiSockets>(linker, &options, Guest::sockets)?;
    sockets::ip_name_lookup::add_to_linker::<Guest<W>, WasiSockets>(linker, Guest::sockets)
}

//! The commands, one a file.

mod auto_update;
mod backup;
mod build;
mod caps;
mod check;
mod completions;
pub(crate) mod dev;
mod doctor;
pub(crate) mod fs;
pub(crate) mod install;
mod key;
mod kill;
mod kv;
mod list;
pub(crate) mod log_line;
mod login_link;
mod logs;
mod man;
mod new;
mod offer;
mod passwd;
mod ps;
mod publish;
mod registry;
mod restore;
mod rollback;
mod send;
mod service;
mod sessions;
mod shell;
mod sign;
mod sql;
mod status;
mod test;
mod top;
mod trace;
mod trust;
mod uninstall;
mod update;
pub(crate) mod watch;

use wharf_home::Home;

use crate::args::{Args, Command};
use crate::client::Client;
use crate::errors::{CliError, CliResult};
use crate::output::Output;

/// Does what the arguments say.
pub(crate) fn run(args: Args, output: &mut Output) -> CliResult<()> {
    let home = args.home.map(Home::new).or_else(Home::of_user).ok_or_else(|| {
        CliError::bad_input("cannot tell where the node's home is: your account has no home folder")
            .hint("name it with `--home DIR`")
    })?;
    match args.command {
        Command::New(args) => new::run(&args, output),
        Command::Build(args) => build::run(&args, output),
        Command::Check(args) => check::run(&args, output),
        Command::Watch(args) => watch::run(&args, &home, output),
        Command::Dev(args) => dev::run(&args, output),
        Command::Test(args) => test::run(&args, output),
        Command::Status => status::run(&home, &Client::of(&home)?, output),
        Command::Install(args) => install::run(&args, &home, output),
        Command::Update(args) => update::run(&args, &home, output),
        Command::AutoUpdate(args) => auto_update::run(&args, &home, output),
        Command::Uninstall(args) => uninstall::run(&args, &Client::of(&home)?, output),
        Command::Rollback(args) => rollback::run(&args, &Client::of(&home)?, output),
        Command::Publish(args) => publish::run(&args, output),
        Command::Registry(args) => registry::run(&args, output),
        Command::Sign(args) => sign::run(&args, output),
        Command::Key(args) => key::run(&args, output),
        Command::Trust(args) => trust::run(&args, &Client::of(&home)?, output),
        Command::List => list::run(&Client::of(&home)?, output),
        Command::Caps(args) => caps::run(&args, &Client::of(&home)?, output),
        Command::Ps(args) => ps::run(&args, &Client::of(&home)?, output),
        Command::Send(args) => send::run(&args, &Client::of(&home)?, output),
        Command::Shell(args) => shell::run(&args, &home, output),
        Command::Logs(args) => logs::run(&args, &home, output),
        Command::Fs(fs) => fs::run(&fs, &Client::of(&home)?, output),
        Command::Kill(args) => kill::run(&args, &Client::of(&home)?, output),
        Command::Kv(args) => kv::run(&args, &Client::of(&home)?, output),
        Command::Sql(args) => sql::run(&args, &Client::of(&home)?, output),
        Command::Passwd(args) => passwd::run(&args, &Client::of(&home)?, output),
        Command::Sessions(args) => sessions::run(&args, &Client::of(&home)?, output),
        Command::LoginLink(args) => login_link::run(&args, &Client::of(&home)?, output),
        Command::Backup(args) => backup::run(&args, &home, output),
        Command::Restore(args) => restore::run(&args, &home, output),
        Command::Top(args) => top::run(&args, &Client::of(&home)?, output),
        Command::Doctor => doctor::run(&home, output),
        Command::Service(command) => service::run(&command, &home, output),
        Command::Completions(args) => completions::run(&args, output),
        Command::Man(args) => man::run(&args, output),
        Command::Trace(args) => trace::run(&args, &Client::of(&home)?, output),
    }
}

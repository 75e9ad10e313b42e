//! `wharf passwd`: sets the password that browsers log in with.

use wharf_types::login::{LoginCommand, LoginReply};

use crate::args::Passwd;
use crate::client::{Client, unexpected};
use crate::errors::{CliError, CliResult};
use crate::output::{Format, Output};
use crate::prompt;

/// Sets it.
pub(crate) fn run(args: &Passwd, client: &Client, output: &mut Output) -> CliResult<()> {
    let password = if args.stdin {
        prompt::line()?
    } else {
        let password = prompt::password("New password")?;
        if prompt::password("Again")? != password {
            return Err(CliError::bad_input("the two are not the same").hint("run the command again"));
        }
        password
    };
    let answer = client.login(&LoginCommand::SetPassword { password })?;
    let LoginReply::PasswordSet { ended } = &answer else { return Err(unexpected("the node", &answer)) };
    match output.format() {
        Format::Json => output.json(&answer),
        Format::Text if *ended == 0 => output.line("the password is set"),
        Format::Text => output.line(&format!("the password is set; sessions that ended: {ended}")),
    }
}

//! `wharf login-link`: a link that logs a browser in, once.

use wharf_types::login::{LoginCommand, LoginReply};

use crate::args::LoginLink;
use crate::client::{Client, unexpected};
use crate::errors::{CliError, CliResult};
use crate::output::{Format, Output, note};
use crate::text;

/// Prints one.
pub(crate) fn run(args: &LoginLink, client: &Client, output: &mut Output) -> CliResult<()> {
    let url = args.url.as_deref().unwrap_or(client.url()).trim_end_matches('/');
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err(CliError::bad_input(format_args!("`{url}` is no URL of a node"))
            .hint("write it with its scheme, like `--url https://node.example`"));
    }
    let process = args.process.as_ref().map(|name| client.resolve(name)).transpose()?;
    let answer = client.login(&LoginCommand::Link { process })?;
    let LoginReply::Link { path, good_s } = &answer else { return Err(unexpected("the node", &answer)) };
    let link = format!("{url}{path}");
    if output.format() == Format::Json {
        return output.json(&serde_json::json!({ "url": link, "good_s": good_s }));
    }
    note(&format!("good once, for {}", text::duration(good_s.saturating_mul(1_000))));
    output.line(&link)
}

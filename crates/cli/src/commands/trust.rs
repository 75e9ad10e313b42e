//! `wharf trust`: the publishers whose signatures the node demands.

use serde_json::json;
use wharf_types::app_store::{AppStoreRequest, AppStoreResponse, Outcome, TrustedPublisher};

use crate::args::{Trust, TrustCommand};
use crate::client::{Client, QUICK_S, unexpected};
use crate::commands::install::{ask_app_store, reason};
use crate::errors::{CliError, CliResult};
use crate::output::{Format, Output, note};
use crate::table::{Align, Cell, Table};

/// Lists, adds or removes.
pub(crate) fn run(args: &Trust, client: &Client, output: &mut Output) -> CliResult<()> {
    match &args.command {
        TrustCommand::List => list(&trusted(client)?, output),
        TrustCommand::Add { publisher, public_key } => {
            let publisher = publisher.to_string();
            let request = AppStoreRequest::Trust { publisher: publisher.clone(), public_key: public_key.clone() };
            change(client, &request, "trust", &publisher)?;
            done(
                &publisher,
                Some(public_key),
                &format!("packages of {publisher} need signatures of this key now"),
                output,
            )
        }
        TrustCommand::Remove { publisher } => {
            let publisher = publisher.to_string();
            change(
                client,
                &AppStoreRequest::Distrust { publisher: publisher.clone() },
                "forget the key of",
                &publisher,
            )?;
            done(&publisher, None, &format!("no key of {publisher} is known now"), output)
        }
    }
}

/// The publishers whose keys are known.
pub(crate) fn trusted(client: &Client) -> CliResult<Vec<TrustedPublisher>> {
    match ask_app_store(client, &AppStoreRequest::Trusted, None, QUICK_S)?.body {
        AppStoreResponse::TrustedResponse(trusted) => Ok(trusted),
        other => Err(unexpected("the app store", &other)),
    }
}

fn change(client: &Client, request: &AppStoreRequest, verb: &str, publisher: &str) -> CliResult<()> {
    let answer = ask_app_store(client, request, None, QUICK_S)?;
    match answer.body {
        AppStoreResponse::TrustResponse(Outcome::Success) => Ok(()),
        AppStoreResponse::TrustResponse(Outcome::Failure) => {
            Err(CliError::refused(format_args!("cannot {verb} {publisher}: {}", reason(answer.failure)))
                .hint("`wharf trust list` lists the keys that are known"))
        }
        other => Err(unexpected("the app store", &other)),
    }
}

fn done(publisher: &str, public_key: Option<&String>, text: &str, output: &mut Output) -> CliResult<()> {
    match output.format() {
        Format::Json => output.json(&json!({ "publisher": publisher, "public_key": public_key })),
        Format::Text => output.line(text),
    }
}

fn list(trusted: &[TrustedPublisher], output: &mut Output) -> CliResult<()> {
    if output.format() == Format::Json {
        return output.json(&trusted);
    }
    if trusted.is_empty() {
        note("no publisher's key is known; the first signed package of one that you install brings it");
        return Ok(());
    }
    let mut table =
        Table::new(&[("PUBLISHER", Align::Left), ("PUBLIC KEY", Align::Left), ("FIRST SEEN WITH", Align::Left)]);
    for publisher in trusted {
        let from = publisher.first_seen_with.as_ref().map_or_else(|| "you added it".to_owned(), ToString::to_string);
        table.push(vec![Cell::new(&publisher.publisher), Cell::new(&publisher.public_key), Cell::new(from)]);
    }
    output.table(&table)
}

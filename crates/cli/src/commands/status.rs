//! `wharf status`: the node itself.

use serde_json::json;
use wharf_home::Home;
use wharf_types::kernel::{KernelCommand, KernelResponse};

use crate::certificate::Certificate;
use crate::client::{Client, unexpected};
use crate::errors::CliResult;
use crate::output::{Format, Output, Style};
use crate::text;

/// Shows the node.
pub(crate) fn run(home: &Home, client: &Client, output: &mut Output) -> CliResult<()> {
    let status = match client.kernel(&KernelCommand::Status)? {
        KernelResponse::Status(status) => status,
        other => return Err(unexpected("the kernel", &other)),
    };
    let certificate = Certificate::of(home);
    if output.format() == Format::Json {
        let mut status = json!(&status);
        if let (Some(certificate), Some(fields)) = (certificate, status.as_object_mut()) {
            fields.insert("certificate".to_owned(), certificate.document);
        }
        return output.json(&status);
    }
    let rows = [
        ("node", status.node),
        ("version", status.version),
        ("up for", text::duration(status.uptime_ms)),
        ("processes", status.processes.to_string()),
        ("listens on", client.url().to_owned()),
        ("home", home.root().display().to_string()),
        ("boot", status.boot),
        ("public key", status.public_key),
    ];
    let certificate = certificate.map(|certificate| ("certificate", certificate.line()));
    for (name, value) in rows.into_iter().chain(certificate) {
        let name = output.colour().paint(Style::Dim, &format!("{name:<11}"));
        output.line(&format!("{name}  {}", text::clean_line(&value)))?;
    }
    Ok(())
}

//! What installing a package would change on this node: what it replaces, what it asks for, whose signature it has.

use serde_json::json;
use wharf_package::trust::{Distrusted, Standing, judge};
use wharf_package::{Difference, Held};
use wharf_types::PackageId;
use wharf_types::app_store::{AppStoreRequest, AppStoreResponse, InstalledPackage};
use wharf_types::ask::Ask;
use wharf_types::kernel::{KernelCommand, KernelResponse};

use crate::asks;
use crate::client::{Client, QUICK_S, unexpected};
use crate::commands::install::{ask_app_store, reason};
use crate::commands::{list, trust};
use crate::errors::{CliError, CliResult};
use crate::output::{Colour, Format, Output, note};
use crate::source::Source;
use crate::text;

/// A package, seen from the node that it is for.
pub(crate) struct Offer<'a> {
    source: &'a Source,
    replaces: Option<InstalledPackage>,
    difference: Difference,
    standing: Standing,
}

impl<'a> Offer<'a> {
    /// Asks the node what is there. A package whose signature the node would refuse is refused here, before anything is asked.
    pub(crate) fn new(source: &'a Source, client: &Client) -> CliResult<Self> {
        let package = &source.package_id;
        let standing = standing(source, client)?;
        let replaces = list::installed(client)?.into_iter().find(|old| old.package_id == *package);
        let granted = match &replaces {
            Some(_) => granted(package, client)?,
            None => Vec::new(),
        };
        let held = held(replaces.as_ref(), client);
        let difference = Difference::new(&granted, &source.asks, |ask| held.lost(package, ask));
        Ok(Self { source, replaces, difference, standing })
    }

    /// Whether the owner has to agree: to a package that was not there, to more than it may do now, and to a new key.
    pub(crate) fn needs_consent(&self) -> bool {
        self.replaces.is_none() || self.difference.adds() || self.standing == Standing::FirstSeen
    }

    /// What the owner reads before agreeing.
    pub(crate) fn lines(&self, colour: Colour) -> Vec<String> {
        let publisher = &self.source.package_id.publisher_node;
        let key = self.source.signed_by.as_deref().unwrap_or_default();
        let mut lines = vec![match self.standing {
            Standing::Nobody => "not signed".to_owned(),
            Standing::Known => format!("signed with the key of {publisher} that this node knows"),
            Standing::FirstSeen => {
                format!("signed with the key {key}, which this node will take for that of {publisher} from now on")
            }
        }];
        match &self.replaces {
            None => lines.extend(asks::lines(&self.source.asks, colour).into_iter().map(|line| format!("  {line}"))),
            Some(old) => {
                lines.push(replaced(old, self.source));
                lines.extend(asks::difference(&self.difference, colour).into_iter().map(|line| format!("  {line}")));
            }
        }
        lines
    }

    /// The result: for programs, with all that was shown.
    pub(crate) fn report(&self, what: &str, output: &mut Output) -> CliResult<()> {
        let package = self.source.as_installed();
        match output.format() {
            Format::Text => output.line(&format!("{} {what}", package.package_id)),
            Format::Json => output.json(&json!({
                "package_id": package.package_id,
                "version": package.version,
                "version_hash": package.version_hash,
                "processes": package.processes,
                "signed_by": package.signed_by,
                "replaces": self.replaces,
                "asks": self.source.asks,
                "new": self.difference.new,
                "given_again": self.difference.given_again,
                "no_longer": self.difference.no_longer,
                "unchanged": self.difference.unchanged,
                "needs_consent": self.needs_consent(),
            })),
        }
    }
}

fn replaced(old: &InstalledPackage, new: &Source) -> String {
    let version = text::clean_line(old.version.as_deref().unwrap_or("without a number"));
    if old.version_hash == new.version_hash {
        format!("exactly this package is installed already (version {version}); it will be installed again")
    } else {
        format!("this replaces the installed version {version}")
    }
}

/// The node decides; this is to say so early, with the way out.
fn standing(source: &Source, client: &Client) -> CliResult<Standing> {
    let (package, publisher) = (&source.package_id, &source.package_id.publisher_node);
    let trusted = trust::trusted(client)?;
    let known = trusted.iter().find(|known| known.publisher == *publisher).map(|known| known.public_key.as_str());
    judge(publisher, known, source.signed_by.as_deref()).map_err(|error| {
        let refused = CliError::refused(format_args!("cannot install {package}: {error}"));
        match error {
            Distrusted::Unsigned { .. } => refused.hint(format_args!(
                "get the signed package; if it is yours, `wharf sign` it; `wharf trust remove {publisher}` ends the demand"
            )),
            Distrusted::OtherKey { found, .. } => refused.hint(format_args!(
                "somebody else may have made it. If {publisher} says, in a way that you trust, that the key has changed: \
                 `wharf trust add {publisher} {found}`"
            )),
        }
    })
}

fn granted(package: &PackageId, client: &Client) -> CliResult<Vec<Ask>> {
    let answer = ask_app_store(client, &AppStoreRequest::Granted(package.clone()), None, QUICK_S)?;
    let AppStoreResponse::GrantedResponse(asks) = answer.body else {
        return Err(unexpected("the app store", &answer.body));
    };
    if let Some(failure) = answer.failure {
        // All of it counts as new then.
        note(&format!("what {package} was given before is not known: {}", text::clean_line(&reason(Some(failure)))));
    }
    Ok(asks)
}

/// What the processes of the installed version hold.
fn held(installed: Option<&InstalledPackage>, client: &Client) -> Held {
    let mut held = Held::default();
    for process in installed.map(|installed| installed.processes.as_slice()).unwrap_or_default() {
        // Of a process that is gone nothing is known.
        if let Ok(KernelResponse::Capabilities(capabilities)) =
            client.kernel(&KernelCommand::Capabilities(process.clone()))
        {
            held.add(process.clone(), &capabilities);
        }
    }
    held
}

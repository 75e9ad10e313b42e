//! Short names for scripts: those that everybody has, and what the owner made of them.

use std::collections::BTreeMap;

use wharf_types::ProcessId;
use wharf_types::terminal::EditAliasOutcome;

use crate::error::TerminalError;
use crate::saved::Saved;

/// Scripts of the terminal's own package with an alias of the same name.
pub(crate) const BUNDLED: [&str; 9] = ["alias", "cat", "echo", "help", "hi", "kill", "m", "peers", "top"];
/// They are saved whole on each change, so they stay few.
const EDITED_MAX: usize = 256;
const ALIAS_BYTES_MAX: usize = 64;

/// What `alias` stands for.
pub(crate) fn find(saved: &Saved, alias: &str) -> Option<ProcessId> {
    match saved.aliases.get(alias) {
        Some(edited) => edited.clone(),
        None => bundled(alias),
    }
}

/// All of them.
pub(crate) fn all(saved: &Saved) -> BTreeMap<String, ProcessId> {
    let mut all: BTreeMap<String, ProcessId> =
        BUNDLED.iter().filter_map(|name| Some(((*name).to_owned(), bundled(name)?))).collect();
    for (alias, process) in &saved.aliases {
        match process {
            Some(process) => all.insert(alias.clone(), process.clone()),
            None => all.remove(alias),
        };
    }
    all
}

/// Sets or removes one, durable when it returns.
pub(crate) fn edit(saved: &mut Saved, alias: &str, process: Option<&str>) -> Result<EditAliasOutcome, TerminalError> {
    check(alias)?;
    let process = process.map(str::parse::<ProcessId>).transpose()?;
    if process.is_none() && find(saved, alias).is_none() {
        return Ok(EditAliasOutcome::AliasNotFound);
    }
    if saved.aliases.len() >= EDITED_MAX && !saved.aliases.contains_key(alias) {
        return Err(TerminalError::TooManyAliases(EDITED_MAX));
    }
    let outcome = if process.is_some() { EditAliasOutcome::AliasSet } else { EditAliasOutcome::AliasRemoved };
    saved.change(|saved| {
        // Nothing is kept of what is as if it had never been edited.
        if process == bundled(alias) {
            saved.aliases.remove(alias);
        } else {
            saved.aliases.insert(alias.to_owned(), process);
        }
    })?;
    Ok(outcome)
}

fn bundled(name: &str) -> Option<ProcessId> {
    BUNDLED.contains(&name).then(|| ProcessId::new(name, "terminal", "sys").ok()).flatten()
}

/// An alias never looks like the id of a process, nor like JSON.
fn check(alias: &str) -> Result<(), TerminalError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if alias.is_empty() || alias.len() > ALIAS_BYTES_MAX || !alias.bytes().all(is_plain) {
        return Err(TerminalError::Alias(alias.chars().take(ALIAS_BYTES_MAX).collect()));
    }
    Ok(())
}

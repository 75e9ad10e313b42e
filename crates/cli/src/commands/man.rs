//! `wharf man`: the manual pages, one for each command.

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;

use crate::args::{Args, Man};
use crate::errors::{CliError, CliResult};
use crate::output::{Format, Output};
use crate::reference;

/// Writes them.
pub(crate) fn run(args: &Man, output: &mut Output) -> CliResult<()> {
    fs::create_dir_all(&args.folder).map_err(|error| CliError::file("make the folder", &args.folder, &error))?;
    let pages = if args.markdown { vec![in_markdown(&args.folder)?] } else { for_man(&args.folder)? };
    match output.format() {
        Format::Json => output.json(&pages),
        Format::Text => pages.iter().try_for_each(|page| output.line(&page.display().to_string())),
    }
}

fn in_markdown(folder: &Path) -> CliResult<PathBuf> {
    let path = folder.join("commands.md");
    fs::write(&path, reference::render()).map_err(|error| CliError::file("write", &path, &error))?;
    Ok(path)
}

fn for_man(folder: &Path) -> CliResult<Vec<PathBuf>> {
    let mut command = Args::command().disable_help_subcommand(true);
    let failed = |error| CliError::file("write the pages into", folder, &error);
    clap_mangen::generate_to(command.clone(), folder).map_err(failed)?;
    command.build();
    let mut pages = Vec::new();
    list(&command, folder, &mut pages);
    Ok(pages)
}

/// The page of the command, and those of all beneath it.
fn list(command: &clap::Command, folder: &Path, pages: &mut Vec<PathBuf>) {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    pages.push(folder.join(format!("{name}.1")));
    command.get_subcommands().for_each(|beneath| list(beneath, folder, pages));
}

//! Every command in one page of Markdown: `docs/commands.md`, so that it can be read without the program.

use std::fmt::Write as _;

use clap::{Command, CommandFactory};

use crate::args::Args;

/// The page.
pub(crate) fn render() -> String {
    // What the variable is set to here is nobody's business.
    let mut command = Args::command().mut_arg("home", |home| home.hide_env_values(true)).disable_help_subcommand(true);
    command.build();
    let mut text = String::from(
        "# Commands\n\nWhat `wharf --help` and the help of each command say. `wharf man docs --markdown` writes this page.\n",
    );
    add(&mut command, &mut text);
    text
}

/// The command, and all beneath it.
fn add(command: &mut Command, text: &mut String) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    // Writing to a string cannot fail.
    let _ = write!(text, "\n## {name}\n\n```text\n{}\n```\n", help.join("\n").trim_end());
    command.get_subcommands_mut().for_each(|beneath| add(beneath, text));
}

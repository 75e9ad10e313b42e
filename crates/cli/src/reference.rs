//! `docs/commands.md`: the help of every command, so that it can be read without the program.
//!
//! `WHARF_WRITE_DOCS=1 cargo test -p wharf-cli --lib reference` writes it anew.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use clap::{Command, CommandFactory};

use crate::args::Args;

#[test]
fn the_reference_of_the_commands_is_what_they_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands.md");
    let now = render();
    if env::var_os("WHARF_WRITE_DOCS").is_some() {
        fs::write(&path, &now).expect("docs/commands.md is written");
    }
    let written = fs::read_to_string(&path).expect("docs/commands.md is there");
    assert!(
        written == now,
        "docs/commands.md is not what the commands say; WHARF_WRITE_DOCS=1 cargo test -p wharf-cli --lib reference writes it"
    );
}

fn render() -> String {
    // What the variable is set to here is nobody's business.
    let mut command = Args::command().mut_arg("home", |home| home.hide_env_values(true)).disable_help_subcommand(true);
    command.build();
    let mut text = String::from(
        "# Commands\n\nWhat `wharf --help` and the help of each command say. Written by a test of `wharf-cli`, which also compares.\n",
    );
    add(&mut command, &mut text);
    text
}

fn add(command: &mut Command, text: &mut String) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    write!(text, "\n## {name}\n\n```text\n{}\n```\n", help.join("\n").trim_end()).expect("a string can be written to");
    command.get_subcommands_mut().for_each(|beneath| add(beneath, text));
}

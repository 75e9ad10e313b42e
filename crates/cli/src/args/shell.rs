//! Arguments of `wharf shell`.

use clap::Args as ClapArgs;

pub(super) const SHELL_EXAMPLES: &str = "\
Examples:
  wharf shell                                    until Ctrl-D; Tab completes, Ctrl-R searches what was typed before
  wharf shell -c help                            one line
  wharf shell -c 'top kernel:distro:sys'
  wharf shell -c 'cat /terminal:sys/pkg/scripts.json' > scripts.json
  printf 'echo one\\necho two\\n' | wharf shell     several lines
  wharf shell --json -c 'echo hello' | jq -r .text

A line is a script and its arguments: `process:package:publisher`, or a short name (`alias` makes them). Ctrl-C ends the script
that runs. What a script answers goes to stdout, with what it prints; why it failed goes to stderr, and the exit code is 1.";

/// Arguments of `wharf shell`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Shell {
    /// Run this line and end
    #[arg(short, long, value_name = "LINE", allow_hyphen_values = true)]
    pub(crate) command: Option<String>,
}

//! `wharf`: watches and steers a Wharf node from the command line.

fn main() -> std::process::ExitCode {
    wharf_cli::main()
}

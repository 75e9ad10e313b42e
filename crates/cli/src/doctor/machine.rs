//! What building packages and running a node take.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Finding;
use crate::throwaway;

/// What packages are compiled for.
const TARGET: &str = "wasm32-wasip1";

/// The first Linux with `openat2`, by which files of guests stay beneath their drives.
const LINUX_MIN: (u32, u32) = (5, 6);

pub(super) fn examine() -> Vec<Finding> {
    let mut findings = vec![linux(), daemon()];
    findings.extend(rust());
    findings.push(tool(
        "c-compiler",
        &["cc", "gcc", "clang"],
        "Rust packages with build scripts or macros, and building Wharf itself",
        "apt-get install gcc libc6-dev",
    ));
    findings.push(tool("wasm-c-compiler", &["clang", "zig"], "packages in C", "apt-get install clang lld wasi-libc"));
    findings.push(tool(
        "npm",
        &["npm"],
        "packages in JavaScript, and pages with `npm run build`",
        "apt-get install npm",
    ));
    findings.push(tool("python", &["python3"], "packages in Python", "apt-get install python3 python3-venv"));
    findings
}

fn linux() -> Finding {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) < LINUX_MIN => Finding::problem(
            "linux",
            format!("Linux {release} has no openat2, which keeps files of packages in their drives"),
            format!("use Linux {}.{} or newer", LINUX_MIN.0, LINUX_MIN.1),
        ),
        _ => Finding::ok("linux", format!("Linux {release}")),
    }
}

fn daemon() -> Finding {
    match throwaway::find_daemon() {
        Ok(path) => Finding::ok("wharfd", path.display()),
        Err(error) => Finding::note("wharfd", error.message(), "cargo build --release -p wharf-node -p wharf-cli"),
    }
}

fn rust() -> Vec<Finding> {
    let Some(version) = says("rustc", &["--version"]) else {
        let mend = "curl --proto '=https' -sSf https://sh.rustup.rs | sh && rustup target add wasm32-wasip1";
        return vec![Finding::note("rust", "there is no rustc; it is for packages in Rust", mend)];
    };
    let sysroot = says("rustc", &["--print", "sysroot"]).unwrap_or_default();
    let target = if Path::new(&sysroot).join("lib/rustlib").join(TARGET).is_dir() {
        Finding::ok("wasm-target", TARGET)
    } else {
        let found = format!("the Rust compiler cannot build for {TARGET}; that is for packages in Rust");
        Finding::note("wasm-target", found, format!("rustup target add {TARGET}"))
    };
    vec![Finding::ok("rust", version), target]
}

/// The first of these programs that is there.
fn tool(check: &'static str, programs: &[&str], what_for: &str, mend: &str) -> Finding {
    let versions = ["--version", "version"];
    let tries = programs.iter().flat_map(|program| versions.map(|version| (program, version)));
    let found = tries.into_iter().find_map(|(program, version)| says(program, &[version]).map(|said| (program, said)));
    match found {
        Some((program, said)) if said.starts_with(program) => Finding::ok(check, said),
        Some((program, said)) => Finding::ok(check, format!("{program} {said}")),
        None => Finding::note(check, format!("there is no {}; it is for {what_for}", programs.join(" or ")), mend),
    }
}

/// The first line that a program prints, if it is there and works.
fn says(program: &str, args: &[&str]) -> Option<String> {
    let ran = Command::new(program).args(args).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&ran.stdout);
    ran.status.success().then(|| text.lines().next().unwrap_or_default().trim().to_owned())
}

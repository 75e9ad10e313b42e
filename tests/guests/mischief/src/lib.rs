//! A script that does what its arguments say, most of which scripts should not.

use wharf_process_lib::{Address, OnExit, capability, print, process, timer};

/// Longer than any test waits.
const FOR_EVER_MS: u64 = 3_600_000;
const LINE_BYTES: usize = 1024;

fn mischief(_our: Address, arguments: String) -> Result<String, String> {
    let (what, rest) = arguments.split_once(' ').unwrap_or((&arguments, ""));
    let count = || rest.parse::<usize>().map_err(|error| error.to_string());
    match what {
        // Prints the rest, and waits to be ended.
        "wait" => {
            print(0, rest);
            timer::sleep(FOR_EVER_MS).map_err(|error| error.to_string())?;
            Ok(String::new())
        }
        "trap" => std::process::abort(),
        "spin" => {
            print(0, rest);
            loop {
                std::hint::spin_loop();
            }
        }
        "fail" => Err(rest.to_owned()),
        "answer" => Ok("x".repeat(count()?)),
        // So many lines of 1 KiB.
        "print" => {
            for number in 0..count()? {
                print(0, &format!("{number:0>LINE_BYTES$}"));
            }
            Ok("printed".to_owned())
        }
        // What it holds, one a line.
        "caps" => {
            let held = capability::ours().into_iter().map(|held| format!("{} {}", held.issuer, held.params));
            Ok(held.collect::<Vec<_>>().join("\n"))
        }
        "again" => {
            process::set_on_exit(OnExit::Restart);
            Ok("again".to_owned())
        }
        other => Err(format!("what is `{other}`?")),
    }
}

wharf_process_lib::script!(mischief);

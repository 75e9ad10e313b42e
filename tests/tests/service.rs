//! Pins the node as a service: what systemd is told, the unit, and what `wharf doctor` finds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::fs;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use wharf_tests::{Node, paths};

/// What the service manager is told. It is read at once: few messages fit into such a socket, and more are lost.
fn heard(socket: UnixDatagram) -> Receiver<String> {
    let (hear, heard) = channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 1024];
        while let Ok(read) = socket.recv(&mut buffer) {
            if hear.send(String::from_utf8(buffer[..read].to_vec()).unwrap()).is_err() {
                return;
            }
        }
    });
    heard
}

fn told_all_of_a_life(socket: UnixDatagram, name: &str) {
    let heard = heard(socket);
    let told = || heard.recv_timeout(Duration::from_secs(120)).expect("something is told in time");
    // `$$` is the daemon's own number, because the shell becomes the daemon.
    let line = format!("export NOTIFY_SOCKET='{name}' WATCHDOG_USEC=100000 WATCHDOG_PID=$$; exec \"$@\"");
    let mut node = Node::builder().shell(&line).start();
    let ready = told();
    assert!(ready.starts_with("READY=1\n") && ready.contains(&format!("STATUS=serving at {}", node.url())), "{ready}");
    for _ in 0..3 {
        assert_eq!(told(), "WATCHDOG=1\n");
    }
    node.stop();
    let stopping = std::iter::repeat_with(told).find(|told| told != "WATCHDOG=1\n").unwrap();
    assert!(stopping.starts_with("STOPPING=1\n"), "{stopping}");
}

#[test]
fn the_service_manager_hears_that_the_node_serves_lives_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    told_all_of_a_life(UnixDatagram::bind(&path).unwrap(), path.to_str().unwrap());
}

#[test]
fn the_service_manager_may_have_an_abstract_socket() {
    let name = format!("wharf-test-{}", std::process::id());
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    told_all_of_a_life(socket, &format!("@{name}"));
}

#[test]
fn a_service_manager_that_is_not_there_keeps_no_node_from_running() {
    for socket in ["/nowhere/at/all", "not-a-path", "@nobody-listens-here"] {
        let mut node = Node::builder().shell(&format!("export NOTIFY_SOCKET='{socket}'; exec \"$@\"")).start();
        node.assert_serves();
        node.stop();
    }
}

/// A machine of its own for `wharf service`: a folder for settings, and a `systemctl` that writes down what it is told.
struct Machine {
    folder: TempDir,
}

impl Machine {
    fn new(systemctl: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("bin/systemctl");
        fs::create_dir(folder.path().join("bin")).unwrap();
        fs::write(&script, format!("#!/bin/sh\necho \"$@\" >> {}/told\n{systemctl}\n", folder.path().display()))
            .unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    fn wharf(&self, args: &[&str]) -> Output {
        let path = format!("{}/bin:/usr/bin:/bin", self.folder.path().display());
        let mut wharf = Command::new(paths::binary("wharf"));
        wharf.args(args).env("PATH", path).env("XDG_CONFIG_HOME", self.folder.path());
        wharf.env("WHARF_HOME", self.folder.path().join("a node")).env_remove("SUDO_USER").output().unwrap()
    }

    fn unit(&self) -> std::path::PathBuf {
        self.folder.path().join("systemd/user/wharf.service")
    }

    fn told(&self) -> String {
        fs::read_to_string(self.folder.path().join("told")).unwrap_or_default()
    }
}

fn code(output: &Output, expected: i32) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(expected), "{stderr}");
    format!("{}{stderr}", String::from_utf8_lossy(&output.stdout))
}

#[test]
fn a_service_is_installed_looked_at_and_removed() {
    let machine = Machine::new("case \"$*\" in *is-enabled*) echo enabled;; *is-active*) cat $0.state; exit 3;; esac");
    let state = machine.folder.path().join("bin/systemctl.state");
    fs::write(&state, "active\n").unwrap();
    code(&machine.wharf(&["service", "status"]), 3);
    code(&machine.wharf(&["service", "uninstall"]), 4);
    fs::remove_file(machine.folder.path().join("told")).unwrap();

    code(&machine.wharf(&["service", "install"]), 0);
    assert_eq!(machine.told(), "--user daemon-reload\n--user enable --now wharf.service\n");
    let unit = fs::read_to_string(machine.unit()).unwrap();
    assert!(unit.contains(&format!("--home \"{}/a node\"", machine.folder.path().display())), "{unit}");
    let printed = code(&machine.wharf(&["service", "install", "--print"]), 0);
    assert_eq!(printed, unit);

    let status: Value = serde_json::from_slice(&machine.wharf(&["service", "status", "--json"]).stdout).unwrap();
    assert_eq!(
        (&status["installed"], &status["enabled"], &status["active"]),
        (&true.into(), &"enabled".into(), &"active".into())
    );
    code(&machine.wharf(&["service", "status"]), 0);
    fs::write(&state, "failed\n").unwrap();
    assert!(code(&machine.wharf(&["service", "status"]), 3).contains("systemctl --user start"));

    code(&machine.wharf(&["service", "uninstall"]), 0);
    assert!(!machine.unit().exists() && machine.told().contains("--user disable --now wharf.service\n"));
}

#[test]
fn a_service_that_systemd_does_not_take_says_so() {
    let machine = Machine::new("echo 'Failed to connect to bus' >&2; exit 1");
    let said = code(&machine.wharf(&["service", "install"]), 4);
    assert!(said.contains("systemctl --user daemon-reload") && said.contains("Failed to connect to bus"), "{said}");
    // Nobody becomes root by leaving something out.
    let said = code(&machine.wharf(&["service", "install", "--system", "--print"]), 4);
    assert!(said.contains("--run-as"), "{said}");
    code(&machine.wharf(&["service", "install", "--run-as", "ann"]), 2);
}

/// Where there is a systemd, it is asked.
#[test]
fn systemd_understands_the_unit() {
    let machine = Machine::new("exit 0");
    for (file, args) in [
        ("wharf.service", &["service", "install", "--print"][..]),
        ("wharf-system.service", &["service", "install", "--print", "--system", "--run-as", "daemon"]),
    ] {
        let unit = code(&machine.wharf(args), 0);
        for line in ["Type=notify", "WatchdogSec=30", "Restart=on-failure", "RestartPreventExitStatus=2 3 4 6"] {
            assert!(unit.lines().any(|known| known == line), "{line} is not in {unit}");
        }
        let path = machine.folder.path().join(file);
        fs::write(&path, unit).unwrap();
        let Ok(verified) = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output() else {
            continue;
        };
        let said = String::from_utf8_lossy(&verified.stderr);
        assert!(!said.contains(file), "{said}");
    }
}

/// What the doctor found: exit code, and the findings.
fn examined(home: &Path, path: Option<&str>) -> (i32, Vec<Value>) {
    let mut doctor = Command::new(paths::binary("wharf"));
    doctor.arg("--home").arg(home).args(["doctor", "--json"]);
    if let Some(path) = path {
        doctor.env("PATH", path);
    }
    let ran = doctor.output().unwrap();
    let found =
        serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&ran.stderr)));
    (ran.status.code().unwrap(), found)
}

/// The finding about this has this state, and says this with its remedy.
#[track_caller]
fn finds(found: &[Value], check: &str, state: &str, words: &[&str]) {
    let of_check: Vec<&Value> = found.iter().filter(|finding| finding["check"] == check).collect();
    assert!(of_check.iter().any(|finding| finding["state"] == state), "{check}: {of_check:?}");
    for word in words {
        assert!(of_check.iter().any(|finding| finding.to_string().contains(word)), "{word:?}: {of_check:?}");
    }
}

#[test]
fn the_doctor_finds_what_is_wrong_with_a_node_and_what_mends_it() {
    let mut node = Node::start();
    let root = node.home().root().to_owned();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o700)).unwrap();
    let (code, found) = examined(&root, None);
    assert_eq!(code, 0, "{found:#?}");
    finds(&found, "running", "ok", &[node.url()]);
    finds(&found, "processes", "ok", &[]);
    finds(&found, "password", "note", &["wharf passwd"]);
    node.wharf_with_stdin(&["passwd", "--stdin"], "a good password").ok();
    finds(&examined(&root, None).1, "password", "ok", &[]);

    node.stop();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    fs::write(node.home().config(), format!("http = \"{address}\"\n")).unwrap();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
    let (code, found) = examined(&root, None);
    assert_eq!(code, 1, "{found:#?}");
    finds(&found, "running", "problem", &["wharfd --home"]);
    finds(&found, "port", "problem", &[&address.to_string(), "ss -ltnp"]);
    finds(&found, "home-readers", "problem", &["chmod 700"]);

    fs::write(node.home().config(), "http = 1\n[log\n").unwrap();
    fs::write(node.home().kernel_db(), "this is no database at all").unwrap();
    fs::write(node.home().node_key(), "").unwrap();
    fs::write(node.home().version(), "99").unwrap();
    let (_, found) = examined(&root, None);
    finds(&found, "settings", "problem", &["wharf.toml:2"]);
    finds(&found, "kernel-db", "problem", &["wharf restore"]);
    finds(&found, "node-key", "problem", &["wharf restore"]);
    finds(&found, "home", "problem", &["format 99"]);
}

#[test]
fn the_doctor_says_what_a_machine_lacks_and_that_is_no_problem() {
    let folder = tempfile::tempdir().unwrap();
    let (code, found) = examined(&folder.path().join("none"), Some("/nowhere"));
    assert_eq!(code, 0, "{found:#?}");
    finds(&found, "rust", "note", &["rustup"]);
    finds(&found, "c-compiler", "note", &["apt-get install gcc"]);
    finds(&found, "npm", "note", &["apt-get install npm"]);
    finds(&found, "python", "note", &["apt-get install python3"]);
    finds(&found, "home", "note", &["wharfd --home"]);
    finds(&found, "linux", "ok", &[]);
}

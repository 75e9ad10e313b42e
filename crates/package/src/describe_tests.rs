use super::*;
use crate::pack::Tree;

/// What a package with one process says, with one line for each ask: weight, process, text.
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
fn told(on_exit: &str, request: &str, grant: &str) -> Vec<String> {
    let manifest = format!(
        r#"[{{"process_name":"chat","process_wasm_path":"/chat.wasm","on_exit":{on_exit},
            "request_networking":true,"request_capabilities":{request},"grant_capabilities":{grant},"public":true}}]"#
    );
    let scripts = r#"{"run.wasm":{"root":true,"public":false,"request_networking":false}}"#;
    let mut tree = Tree::default();
    tree.add_file("manifest.json", manifest.into_bytes()).unwrap();
    tree.add_file("scripts.json", scripts.as_bytes().to_vec()).unwrap();
    for wasm in ["chat.wasm", "run.wasm"] {
        tree.add_file(wasm, b"\0asm\x0d\0\x01\0".to_vec()).unwrap();
    }
    let package = Package::check(&tree.to_zip().unwrap()).unwrap();
    let asks = package.asks(&PackageId::new("chat", "alice.os").unwrap());
    asks.iter().map(|ask| format!("{:?} {}: {}", ask.weight, ask.process, ask.text)).collect()
}

#[test]
fn a_package_is_told_in_plain_words_with_what_reaches_furthest_first() {
    let lines = told(
        "\"Restart\"",
        r#"["vfs:distro:sys","kernel:distro:sys","bob:chat:alice.os","http-client:distro:sys",
            {"process":"vfs:distro:sys","params":{"root":true}}, "main:app-store:sys",
            {"process":"kernel:distro:sys","params":{"root":true}},
            {"process":"vfs:distro:sys","params":{"kind":"read","drive":"/mail:bob.os/inbox"}},
            {"process":"vfs:distro:sys","params":{"kind":"write","drive":"/mail:bob.os/inbox"}},
            {"process":"kv:distro:sys","params":{"kind":"write","db_key":[{"package_name":"mail","publisher_node":"bob.os"},"m"]}},
            {"process":"http-server:distro:sys","params":{"paths":"public"}},
            {"process":"mail:mail:bob.os","params":7},"kernel:distro:sys"]"#,
        r#"["b:b:b.os",{"process":"terminal:terminal:sys","params":"Read"}]"#,
    );
    assert_eq!(
        lines,
        [
            "Danger chat: may read and change the files of every package on this node ({\"root\":true} from vfs:distro:sys)",
            "Danger chat: may install and remove packages on this node (main:app-store:sys)",
            "Danger chat: may do everything on this node: start, stop and empower any process \
             ({\"root\":true} from kernel:distro:sys)",
            "Danger chat: may change files of another package, in /mail:bob.os/inbox",
            "Danger chat: may change the kv database m of another package, mail:bob.os",
            "Care chat: may use the network: it can reach other nodes, and they can reach it",
            "Care chat: may send messages to kernel:distro:sys: it can see every process, and manage those of its package",
            "Care chat: may send messages to http-client:distro:sys: it can reach every public host of the internet",
            "Care chat: may read files of another package, in /mail:bob.os/inbox",
            "Care chat: answers everybody who reaches this node by HTTP, not only its owner",
            "Care chat: gets the right 7 from mail:mail:bob.os",
            "Usual chat: may send messages to vfs:distro:sys: it can keep files, in drives of its own package",
            "Usual chat: may send messages to bob:chat:alice.os, of the same package",
            "Usual chat: takes messages from b:b:b.os",
            "Usual chat: gives the right \"Read\" to terminal:terminal:sys",
            "Usual chat: takes messages from any process on this node",
            "Usual chat: is started again whenever it ends",
            "Danger script run.wasm: gets every right that the terminal has: it may do everything on this node",
        ]
    );
}

#[test]
fn hosts_are_named_where_a_process_is_held_to_some() {
    let lines = told(
        "\"None\"",
        r#"["http-client:distro:sys",{"process":"http-client:distro:sys","params":{"host":"*.example"}}]"#,
        "[]",
    );
    assert!(lines.contains(&"Usual chat: may send requests to *.example".to_owned()), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("every public host")), "{lines:?}");
}

#[test]
fn what_the_client_ignores_is_not_shown_as_a_limit() {
    for params in [
        r#"{"host":"api.example","x":1}"#,
        r#"{"host":"http://api.example"}"#,
        r#"{"host":"api example"}"#,
        r#"{"host":""}"#,
        r#"{"host":["api.example"]}"#,
        r#"{"hosts":"api.example"}"#,
    ] {
        let request = format!(r#"["http-client:distro:sys",{{"process":"http-client:distro:sys","params":{params}}}]"#);
        let lines = told("\"None\"", &request, "[]");
        let all =
            "Care chat: may send messages to http-client:distro:sys: it can reach every public host of the internet";
        assert!(lines.contains(&all.to_owned()), "{params}: {lines:?}");
        assert!(
            lines.contains(&format!("Care chat: gets the right {params} from http-client:distro:sys")),
            "{lines:?}"
        );
    }
}

#[test]
fn messaging_is_told_the_same_however_it_is_written() {
    for process in ["main:app-store:sys", "terminal:terminal:sys", "kernel:distro:sys", "bob:mail:bob.os"] {
        let long = format!(r#"[{{"process":"{process}","params":"messaging"}}]"#);
        let short = format!(r#"["{process}"]"#);
        assert_eq!(told("\"None\"", &long, &long), told("\"None\"", &short, &short), "{process}");
    }
    let lines = told("\"None\"", r#"[{"process":"main:app-store:sys","params":"messaging"}]"#, "[]");
    let line = "Danger chat: may install and remove packages on this node (main:app-store:sys)";
    assert!(lines.contains(&line.to_owned()), "{lines:?}");
}

#[test]
fn whoever_may_message_the_downloads_of_the_app_store_is_told_of_as_one_who_may_message_the_app_store() {
    let lines = told("\"None\"", r#"["downloads:app-store:sys"]"#, "[]");
    let line = "Danger chat: may remove kept packages and fill the store of this node (downloads:app-store:sys)";
    assert!(lines.contains(&line.to_owned()), "{lines:?}");
}

#[test]
fn the_listings_of_the_app_store_are_read_by_message_and_changed_by_right() {
    let request = r#"["chain:app-store:sys",{"process":"chain:app-store:sys","params":{"root":true}}]"#;
    let lines = told("\"None\"", request, "[]");
    for line in [
        "Usual chat: may see what registries list, and what is updated by itself (chain:app-store:sys)",
        "Care chat: may turn updates of packages on and off ({\"root\":true} from chain:app-store:sys)",
    ] {
        assert!(lines.contains(&line.to_owned()), "{lines:?}");
    }
}

#[test]
fn a_manifest_cannot_steer_the_terminal_it_is_shown_on() {
    let request = r#"[{"process":"a:b:c","params":"\u202e\u001b[2Jxxx"}]"#.replace("xxx", &"x".repeat(1000));
    for line in told("\"None\"", &request, "[]") {
        assert!(line.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) && line.len() < 500, "{line:?}");
    }
}

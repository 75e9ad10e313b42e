//! Pins how an owner comes in by browser: a link, a password, sessions; and who does not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::os::unix::fs::PermissionsExt;

use reqwest::blocking::{Client, Response};
use reqwest::header::{ACCEPT, COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use wharf_tests::prober::A;
use wharf_tests::{Node, paths};

const PASSWORD: &str = "correct horse battery";
const HELLO: &str = "only for the owner";

/// A node on which a guest has bound a page of the owner.
fn with_page(node: Node) -> Node {
    node.install(&paths::test_package("prober:test.os"));
    let bind = json!({ "Bind": { "path": "/mine", "authenticated": true, "local_only": false, "cache": true } });
    let secure = json!({ "SecureBind": { "path": "/safe", "cache": true } });
    for action in [bind, secure] {
        node.run(A, json!([{ "Await": { "to": "http-server:distro:sys", "body": action, "blob": HELLO } }]));
    }
    node
}

/// A browser that does not follow redirects by itself.
fn browser() -> Client {
    Client::builder().no_proxy().redirect(Policy::none()).build().unwrap()
}

fn visit(node: &Node, path: &str, cookie: &str) -> Response {
    browser().get(format!("{}{path}", node.url())).header(ACCEPT, "text/html").header(COOKIE, cookie).send().unwrap()
}

fn cookie_of(response: &Response) -> String {
    response.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
}

fn post_form(node: &Node, body: &str) -> Response {
    let request = browser().post(format!("{}/login", node.url())).header(ACCEPT, "text/html");
    request.header("content-type", "application/x-www-form-urlencoded").body(body.to_owned()).send().unwrap()
}

fn log_in(node: &Node, password: &str) -> Response {
    browser().post(format!("{}/login", node.url())).json(&json!({ "password": password })).send().unwrap()
}

fn mine() -> String {
    format!("/{A}/mine")
}

#[test]
fn the_first_visit_chooses_a_password_and_it_lasts() {
    let mut node = with_page(Node::start());
    let refused = visit(&node, &mine(), "");
    assert_eq!(refused.status(), 303);
    let page = visit(&node, refused.headers()[LOCATION].to_str().unwrap(), "").text().unwrap();
    assert!(page.contains("wharf login-link"), "{page}");
    assert_eq!(log_in(&node, PASSWORD).status(), 409, "a stranger chooses no password");

    let link = node.wharf(&["login-link"]).ok();
    let path = link.trim().strip_prefix(node.url()).unwrap();
    assert!(visit(&node, path, "").text().unwrap().contains("New password"));
    let secret = path.split_once("link=").unwrap().1;
    let chosen =
        post_form(&node, &format!("link={secret}&password={}&redirect={}", PASSWORD.replace(' ', "+"), mine()));
    assert_eq!(chosen.status(), 200);
    let cookie = cookie_of(&chosen);
    assert_eq!(visit(&node, &mine(), &cookie).text().unwrap(), HELLO);

    // What is kept is for the owner alone, and opens nothing.
    let kept = node.home().login();
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let kept = std::fs::read_to_string(kept).unwrap();
    assert!(kept.contains("$argon2id$") && !kept.contains(PASSWORD));
    assert!(!kept.contains(cookie.split_once('=').unwrap().1) && !node.log().contains(secret));

    node.restart();
    let node = with_page(node);
    assert_eq!(visit(&node, &mine(), &cookie).text().unwrap(), HELLO);
    assert_eq!(log_in(&node, PASSWORD).status(), 200);
    assert_eq!(log_in(&node, "another horse").status(), 401);
    assert_eq!(visit(&node, path, "").status(), 403, "a link is good once");
}

#[test]
fn passwd_and_sessions_do_what_they_say() {
    let node = with_page(Node::start());
    let set = |password: &str| node.wharf_with_stdin(&["passwd", "--stdin"], &format!("{password}\n"));
    assert!(set("short").failed(1).contains("at least 8 characters"));
    assert_eq!(set(PASSWORD).ok(), "the password is set\n");
    assert!(node.wharf(&["passwd"]).failed(4).contains("--stdin"));

    assert!(node.wharf(&["sessions"]).stderr.contains("nobody is logged in"));
    let cookies = [PASSWORD, PASSWORD].map(|password| cookie_of(&log_in(&node, password)));
    let listed: Value = serde_json::from_str(&node.wharf(&["sessions", "--json"]).ok()).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(listed[0]["from"], "127.0.0.1");
    let id = listed[0]["id"].as_str().unwrap();
    assert!(node.wharf(&["sessions"]).ok().contains(id));
    assert_eq!(node.wharf(&["sessions", "end", id]).ok(), "sessions that ended: 1\n");
    assert!(node.wharf(&["sessions", "end", id]).failed(1).contains("`wharf sessions`"));
    let open = || cookies.iter().filter(|cookie| visit(&node, &mine(), cookie).status() == 200).count();
    assert_eq!(open(), 1);
    assert_eq!(node.wharf(&["sessions", "end", "--all"]).code, 5, "it asks first");
    assert_eq!(node.wharf(&["sessions", "end", "--all", "--yes"]).ok(), "sessions that ended: 1\n");
    assert_eq!(open(), 0);

    let cookie = cookie_of(&log_in(&node, PASSWORD));
    assert_eq!(set("battery staple horse").ok(), "the password is set; sessions that ended: 1\n");
    assert_eq!(visit(&node, &mine(), &cookie).status(), 303);
}

#[test]
fn s22_passwords_are_tried_a_few_times_and_the_owner_still_comes_in() {
    let node = Node::builder().settings("[login]\naddress_attempts_per_minute = 3\n").start();
    node.wharf_with_stdin(&["passwd", "--stdin"], PASSWORD).ok();
    let statuses: Vec<_> = (0..8).map(|_| log_in(&node, "wrong horse").status().as_u16()).collect();
    assert!(statuses.starts_with(&[401, 401, 401]) && statuses.contains(&429), "{statuses:?}");
    let link = node.wharf(&["login-link"]).ok();
    let secret = link.trim().split_once("link=").unwrap().1.to_owned();
    assert!(post_form(&node, &format!("link={secret}")).headers().contains_key(SET_COOKIE));
    assert_eq!(post_form(&node, &format!("link={secret}")).status(), 401);
}

/// S23, S21: a browser that follows its way to a secure subdomain and back, by the address that all these names have.
#[test]
fn s23_a_browser_finds_its_way_to_a_secure_path() {
    let node = with_page(Node::start());
    node.wharf_with_stdin(&["passwd", "--stdin"], PASSWORD).ok();
    let port = node.url().rsplit_once(':').unwrap().1.to_owned();
    let to = |url: &str, cookie: &str| {
        let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let request = browser().get(format!("{}/{path}", node.url())).header("host", host);
        request.header(ACCEPT, "text/html").header(COOKIE, cookie).send().unwrap()
    };
    let location = |response: &Response| response.headers()[LOCATION].to_str().unwrap().to_owned();
    let own = cookie_of(&log_in(&node, PASSWORD));
    let subdomain = location(&visit(&node, &format!("/{A}/safe"), &own));
    assert!(
        subdomain.starts_with("http://prober-test-os-") && subdomain.contains(&format!(".localhost:{port}/")),
        "{subdomain}"
    );
    let login = location(&to(&subdomain, ""));
    assert!(login.starts_with(&format!("http://localhost:{port}/login?to=prober")), "{login}");
    let enter = location(&to(&login, &own));
    let entered = to(&enter, "");
    let theirs = cookie_of(&entered);
    assert_eq!(location(&entered), format!("/{A}/safe"));
    assert_eq!(to(&subdomain, &theirs).text().unwrap(), HELLO);
    assert_eq!(to(&subdomain, &own).status(), 303);
    assert_eq!(visit(&node, &mine(), &theirs).status(), 303);
}

/// C9: no redirect and no `Host` ends the node.
#[test]
fn c9_nonsense_after_a_good_login_ends_nothing() {
    use std::io::{Read, Write};
    let node = Node::builder().settings("[login]\naddress_attempts_per_minute = 100\n").start();
    node.wharf_with_stdin(&["passwd", "--stdin"], PASSWORD).ok();
    let body = format!("password={}&redirect=%0d%0a%00%ff%2F%2Fevil", PASSWORD.replace(' ', "+"));
    for host in ["", "Host: \r\n", "Host: a\r\nHost: b\r\n", "Host: \u{ff}\r\n", "Host: localhost\r\n"] {
        let mut stream = std::net::TcpStream::connect(node.url().trim_start_matches("http://")).unwrap();
        let head = format!(
            "POST /login?redirect=%0a HTTP/1.1\r\n{host}Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.starts_with(b"HTTP/1.1 "), "{host:?}");
        assert!(!String::from_utf8_lossy(&answer).contains("evil"), "{host:?}");
    }
    assert_eq!(log_in(&node, PASSWORD).status(), 200);
}

#[test]
fn a_home_with_damaged_logins_is_refused() {
    let mut node = Node::start();
    node.stop();
    std::fs::write(node.home().login(), "{\"format\":9}").unwrap();
    let output = Node::builder().home(node.home().root()).fail();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("login.json"), "{output:?}");
}

#[test]
fn passwords_and_sessions_are_in_a_backup() {
    let mut node = with_page(Node::start());
    node.wharf_with_stdin(&["passwd", "--stdin"], PASSWORD).ok();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("node.zip");
    node.wharf(&["backup", file.to_str().unwrap()]).ok();
    node.stop();
    node.wharf(&["restore", file.to_str().unwrap(), "--yes"]).ok();
    node.start_again();
    assert_eq!(log_in(&node, PASSWORD).status(), 200);
}

/// The calls of `kit start-package` and `kit inject-message`, as it makes them: without a token.
#[test]
fn kit_compat_answers_tools_that_know_no_token() {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    let node = Node::builder().arg("--kit-compat").start();
    let url = format!("{}/rpc:distro:sys/message", node.url());
    let call = |process: &str, body: Value, data: Option<String>| {
        let message = json!({
            "node": null, "process": process, "inherit": false, "expects_response": 15, "body": body.to_string(),
            "metadata": null, "context": null, "mime": "application/octet-stream", "data": data,
        });
        browser().post(&url).json(&message).send().unwrap()
    };
    let body_of = |response: Response| -> Value {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/html");
        let reply: Value = response.json().unwrap();
        let bytes: Vec<u8> = serde_json::from_value(reply["body"].clone()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    let id = json!({ "package_name": "echo", "publisher_node": "wharf.os" });
    let zip = std::fs::read(paths::package("echo:wharf.os")).unwrap();
    let hash = ring::digest::digest(&ring::digest::SHA256, &zip);
    let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let new = json!({ "NewPackage": { "package_id": id, "mirror": true } });
    let kept = body_of(call("main:app-store:sys", new, Some(BASE64_STANDARD.encode(&zip))));
    assert_eq!(kept, json!({ "NewPackageResponse": "Success" }));
    let metadata = json!({
        "name": null, "description": null, "image": null, "external_url": null, "animation_url": null,
        "properties": {
            "package_name": "echo", "publisher": "wharf.os", "current_version": "0.1.0", "mirrors": [],
            "code_hashes": [["0.1.0", hash]], "license": null, "screenshots": null, "wit_version": 1, "dependencies": null,
            "api_includes": null
        }
    });
    let install = json!({ "Install": { "package_id": id, "version_hash": hash, "metadata": metadata } });
    assert_eq!(body_of(call("main:app-store:sys", install, None)), json!({ "InstallResponse": "Success" }));
    assert_eq!(body_of(call("echo:echo:wharf.os", json!("hello"), None)), json!("hello"));

    // A page is no tool, and what takes the token elsewhere still does.
    let message = json!({ "process": "echo:echo:wharf.os", "expects_response": 15, "body": "\"x\"" });
    for (name, value) in [("origin", "http://evil.example"), ("host", "evil.example"), ("x-forwarded-for", "9.9.9.9")] {
        assert_eq!(browser().post(&url).header(name, value).json(&message).send().unwrap().status(), 403, "{name}");
    }
    let form = browser().post(&url).header("content-type", "text/plain").body(message.to_string());
    assert_eq!(form.send().unwrap().status(), 415);
    for path in ["/metrics", "/login:distro:sys"] {
        assert_eq!(browser().get(format!("{}{path}", node.url())).send().unwrap().status(), 401, "{path}");
    }
    let without = Node::start();
    let url = format!("{}/rpc:distro:sys/message", without.url());
    assert_eq!(browser().post(url).json(&message).send().unwrap().status(), 401);
}

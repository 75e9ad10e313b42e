//! Pins what a real browser makes of a node, with Chromium: logging in, a page with a WebSocket in two windows, and that a
//! page of somebody else gets nowhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use serde_json::{Value, json};
use wharf_tests::browser::ELSEWHERE;
use wharf_tests::prober::A;
use wharf_tests::{Browser, Node, Web, paths};

const PASSWORD: &str = "correct horse battery";
const CHAT: &str = "/chat:chat:wharf.os/";

/// A node with a password and these packages.
fn node(settings: &str) -> Node {
    let node = Node::builder().settings(settings).start();
    node.wharf_with_stdin(&["passwd", "--stdin"], &format!("{PASSWORD}\n")).ok();
    node.install(&paths::package("chat:wharf.os"));
    node
}

/// Goes to a page of the owner, and types the password in where the browser ends up.
fn log_in(browser: &Browser, node: &Node, path: &str) {
    browser.go(&format!("{}{path}", node.url()));
    assert!(browser.url().contains("/login"), "{}", browser.url());
    browser.type_into("input[name=password]", PASSWORD);
    browser.click("button");
    browser.wait_for("the page is there", &format!("return location.pathname === '{path}'"));
}

fn wait_for_line(browser: &Browser, text: &str) {
    let script =
        format!("return [...document.querySelectorAll('#lines li')].some(line => line.textContent.includes('{text}'))");
    browser.wait_for(&format!("the page shows {text:?}"), &script);
}

fn say(browser: &Browser, name: &str, text: &str) {
    browser.wait_for("the page is connected", "return !document.getElementById('send').disabled");
    browser.type_into("#name", name);
    browser.type_into("#text", text);
    browser.click("#send");
}

#[test]
fn two_windows_of_a_browser_see_what_is_said() {
    let node = node("");
    let browser = Browser::start();
    log_in(&browser, &node, CHAT);
    let one = browser.window();
    let other = browser.new_window();
    browser.switch_to(&other);
    browser.go(&format!("{}{CHAT}", node.url()));
    assert!(browser.url().ends_with(CHAT), "the session is that of the browser: {}", browser.url());
    browser.wait_for("the page is connected", "return !document.getElementById('send').disabled");

    browser.switch_to(&one);
    say(&browser, "ann", "is anybody there?");
    browser.switch_to(&other);
    wait_for_line(&browser, "is anybody there?");
    say(&browser, "bob", "it is only me");
    browser.switch_to(&one);
    wait_for_line(&browser, "it is only me");

    let cookies = browser.cookies();
    assert!(!cookies.is_empty());
    for cookie in &cookies {
        assert_eq!(cookie["httpOnly"], true, "{cookie}");
        assert_ne!(cookie["sameSite"], "None", "{cookie}");
    }
    assert_eq!(browser.run("return document.cookie"), "", "no script sees the session");
}

/// What a page of somebody else tries, with the cookies of the owner's browser: each returns what it could see.
const TRIES: [(&str, &str); 5] = [
    ("read a page", "const r = await fetch(NODE + PAGE, {credentials: 'include'}); return [r.status, await r.text()]"),
    (
        "message a process, as a form could",
        "const r = await fetch(NODE + RPC, {method: 'POST', credentials: 'include', mode: 'no-cors', body: MESSAGE}); \
         return [r.status, await r.text()]",
    ),
    (
        "message a process, as a program could",
        "const r = await fetch(NODE + RPC, {method: 'POST', credentials: 'include', body: MESSAGE, \
         headers: {'content-type': 'application/json'}}); return [r.status, await r.text()]",
    ),
    (
        "post to a page",
        "const r = await fetch(NODE + PAGE, {method: 'POST', credentials: 'include', mode: 'no-cors', body: 'forged'}); \
         return [r.status, await r.text()]",
    ),
    (
        "open a WebSocket",
        "return await new Promise(done => { const s = new WebSocket(NODE.replace('http', 'ws') + LIVE); \
         s.onopen = () => done([101, 'open']); s.onerror = () => done([0, '']); })",
    ),
];

/// S5: cookies go along with what a page of the same site asks, and another port is the same site.
#[test]
fn a_page_of_somebody_else_gets_nowhere() {
    let node = node("");
    node.install(&paths::test_package("prober:test.os"));
    let bind = json!({ "Bind": { "path": "/mine", "authenticated": true, "local_only": false, "cache": false } });
    node.run(A, json!([{ "Await": { "to": "http-server:distro:sys", "body": bind } }]));
    node.seen(A);
    let browser = Browser::start();
    log_in(&browser, &node, CHAT);

    let web = Web::start();
    let same_site = web.url("/");
    let other_site = format!("http://page.{ELSEWHERE}:{}/", web.port());
    let message = json!({ "process": A, "body": "forged" });
    let constants = format!(
        "const NODE = {:?}, PAGE = '/{A}/mine', RPC = '/rpc:distro:sys/message', LIVE = '{CHAT}live', MESSAGE = {:?};",
        node.url(),
        message.to_string()
    );
    for page in [same_site, other_site] {
        browser.go(&page);
        assert!(browser.run("return document.body.textContent").as_str().unwrap().contains("nothing here"));
        for (what, attempt) in TRIES {
            let got = browser.run_async(&format!("{constants} {attempt}"));
            let saw_nothing = got == json!([0, ""]) || got.as_str().is_some_and(|text| text.starts_with("threw "));
            assert!(saw_nothing, "{page} could {what}: {got}");
        }
    }
    // Nothing of it came to the process, either.
    let seen = node.seen(A);
    assert!(seen.iter().all(|seen| !seen.to_string().contains("forged") && !is_visit(seen)), "{seen:?}");
    // The owner's own page still may.
    browser.go(&format!("{}{CHAT}", node.url()));
    say(&browser, "ann", "still here");
    wait_for_line(&browser, "still here");
}

/// Whether a process was told of a request.
fn is_visit(seen: &Value) -> bool {
    seen["body"].as_str().is_some_and(|body| body.contains("Http"))
}

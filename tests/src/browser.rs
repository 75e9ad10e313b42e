//! A real browser: Chromium without a window, driven by `chromedriver` over WebDriver
//! (<https://www.w3.org/TR/webdriver2/>).
//!
//! Nothing here waits for a time: a command waits for its answer, and a test for what it wants to see.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::Method;
use reqwest::blocking::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::wait::eventually;

/// The name under which WebDriver passes an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// Every name below it is this machine, for a page from somewhere else.
pub const ELSEWHERE: &str = "elsewhere.example";
/// How long one command may take. Far more than it takes.
const COMMAND: Duration = Duration::from_secs(300);

/// A browser with nothing in it. It is gone when this is dropped: it lives on a pipe of the driver's.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    session: String,
    http: Client,
    _profile: TempDir,
}

/// A window of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window(String);

impl Browser {
    /// Starts one.
    pub fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let spawned = Command::new("chromedriver")
            .arg("--port=0")
            .env("TMPDIR", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut driver = spawned.expect("chromedriver is missing; `scripts/prepare --tests` installs it");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port =
            lines.find_map(|line| line.split("successfully on port ").nth(1)?.trim_end_matches('.').parse().ok());
        let port: u16 = port.expect("chromedriver says where it listens");
        // It may go on talking.
        std::thread::spawn(move || lines.for_each(drop));
        let http = Client::builder().no_proxy().timeout(COMMAND).build().unwrap();
        let base = format!("http://127.0.0.1:{port}/session");
        let mut browser = Self { driver, session: base, http, _profile: profile };
        let folder = format!("--user-data-dir={}", browser._profile.path().join("profile").display());
        let rules = format!("--host-resolver-rules=MAP *.{ELSEWHERE} 127.0.0.1, MAP {ELSEWHERE} 127.0.0.1");
        let args = json!([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--no-proxy-server",
            "--remote-debugging-pipe",
            folder,
            rules,
        ]);
        let options = json!({ "alwaysMatch": {
            "goog:chromeOptions": { "args": args },
            "timeouts": { "script": 120_000, "pageLoad": 240_000 },
        }});
        let made = browser.command(Method::POST, "", &json!({ "capabilities": options }));
        browser.session = format!("{}/{}", browser.session, made["sessionId"].as_str().unwrap());
        browser
    }

    fn command(&self, method: Method, path: &str, body: &Value) -> Value {
        self.try_command(method, path, body).unwrap_or_else(|error| panic!("the browser, {path} {body}: {error}"))
    }

    fn try_command(&self, method: Method, path: &str, body: &Value) -> Result<Value, Value> {
        let request = self.http.request(method.clone(), format!("{}{path}", self.session));
        let request = if method == Method::POST { request.json(body) } else { request };
        let answered = request.send().unwrap();
        let is_good = answered.status().is_success();
        let mut answer: Value = answered.json().unwrap();
        let value = answer["value"].take();
        if is_good { Ok(value) } else { Err(value) }
    }

    /// Goes to a page, and waits until it is loaded.
    pub fn go(&self, url: &str) {
        self.command(Method::POST, "/url", &json!({ "url": url }));
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.command(Method::GET, "/url", &Value::Null).as_str().unwrap().to_owned()
    }

    /// The window of the moment.
    pub fn window(&self) -> Window {
        Window(self.command(Method::GET, "/window", &Value::Null).as_str().unwrap().to_owned())
    }

    /// One more window. It becomes the one of the moment by [`Browser::switch_to`].
    pub fn new_window(&self) -> Window {
        let made = self.command(Method::POST, "/window/new", &json!({ "type": "window" }));
        Window(made["handle"].as_str().unwrap().to_owned())
    }

    /// What follows is about this window.
    pub fn switch_to(&self, window: &Window) {
        self.command(Method::POST, "/window", &json!({ "handle": window.0 }));
    }

    /// Waits for an element that this CSS selector finds.
    fn find(&self, selector: &str) -> String {
        let looked = json!({ "using": "css selector", "value": selector });
        let found = eventually(&format!("there is {selector} at {}", self.url()), || {
            self.try_command(Method::POST, "/element", &looked).ok()
        });
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    /// Types into an element, as with a keyboard.
    pub fn type_into(&self, selector: &str, text: &str) {
        let path = format!("/element/{}/value", self.find(selector));
        self.command(Method::POST, &path, &json!({ "text": text }));
    }

    /// Clicks on an element, as with a mouse.
    pub fn click(&self, selector: &str) {
        self.command(Method::POST, &format!("/element/{}/click", self.find(selector)), &json!({}));
    }

    /// What a piece of a script returns.
    pub fn run(&self, script: &str) -> Value {
        self.try_run(script).unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    fn try_run(&self, script: &str) -> Result<Value, Value> {
        self.try_command(Method::POST, "/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// What an asynchronous function with this body returns in the end.
    pub fn run_async(&self, body: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1]; \
             (async () => {{ {body} }})().then(done, error => done('threw ' + error));"
        );
        self.command(Method::POST, "/execute/async", &json!({ "script": script, "args": [] }))
    }

    /// Waits until a piece of a script returns something that is true, and returns it. While a page goes and the next one
    /// comes, scripts fail.
    pub fn wait_for(&self, what: &str, script: &str) -> Value {
        eventually(what, || {
            self.try_run(script).ok().filter(|value| !matches!(value, Value::Null | Value::Bool(false)))
        })
    }

    /// The cookies for the page of the moment, also those that no script sees.
    pub fn cookies(&self) -> Vec<Value> {
        self.command(Method::GET, "/cookie", &Value::Null).as_array().unwrap().clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // The pipe ends it anyway; so it ends in order.
            let _ = self.http.delete(&self.session).send();
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

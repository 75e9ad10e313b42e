//! Running a test: nodes of its own, then step by step.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use reqwest::blocking::Client as Http;
use reqwest::header::CONTENT_TYPE;
use wharf_types::Failure;
use wharf_types::rpc::{RpcMessage, RpcRefusalKind};

use super::expect::Came;
use super::file::{Action, Body, Method, Scenario, Step, Visitor};
use crate::args::DaemonArgs;
use crate::client::{self, Client, RpcError};
use crate::commands::dev;
use crate::commands::log_line;
use crate::commands::watch::Place;
use crate::errors::{CliError, CliResult};
use crate::helper::{Helper, Remarks};
use crate::interrupts::{Interrupts, LOOK};
use crate::log_file;
use crate::names::{self, ProcessName, Target};
use crate::output::Colour;
use crate::text;
use crate::throwaway::Throwaway;

/// How long a line of the log is waited for, if nothing else is said.
const LOG_WAIT_S: u64 = 15;

/// Lines of each node's log that are shown with a failure.
const LOG_LINES: usize = 20;

/// How a test ended.
pub(crate) struct Outcome<'a> {
    /// The test.
    pub(crate) scenario: &'a Scenario,
    /// How long it took.
    pub(crate) took: Duration,
    /// Why it failed, if it did.
    pub(crate) failure: Option<StepFailure>,
}

/// What was not as expected.
pub(crate) struct StepFailure {
    /// The step, counted from 1, and its line; `None` when the nodes were not ready for it.
    pub(crate) step: Option<(usize, usize, String)>,
    /// What came.
    pub(crate) why: String,
    /// What the nodes logged last about the package, for people.
    pub(crate) log: Vec<String>,
}

/// What tests are run with.
pub(crate) struct Runner<'a> {
    /// The package.
    pub(crate) place: &'a Place,
    /// Its zip.
    pub(crate) zip: &'a Path,
    /// How nodes are started.
    pub(crate) daemon: &'a DaemonArgs,
    /// Whether it is time to end.
    pub(crate) interrupts: &'a Interrupts,
}

impl Runner<'_> {
    /// Runs one test. An error only when it is time to end.
    pub(crate) fn run<'a>(&self, scenario: &'a Scenario) -> CliResult<Outcome<'a>> {
        let since = Instant::now();
        let mut nodes = Vec::new();
        let failure = match self.prepare(scenario, &mut nodes) {
            Ok(()) => self.steps(scenario, &mut nodes),
            Err(error) => {
                Some(StepFailure { step: None, why: error.message().to_owned(), log: self.last_lines(&nodes) })
            }
        };
        self.interrupts.check()?;
        Ok(Outcome { scenario, took: since.elapsed(), failure })
    }

    fn prepare(&self, scenario: &Scenario, nodes: &mut Vec<Throwaway>) -> CliResult<()> {
        for name in &scenario.nodes {
            let node = dev::start(dev::wanted(name, self.daemon)?, self.interrupts)?;
            nodes.push(node);
        }
        for node in nodes.iter() {
            for package in scenario.packages.iter().map(AsRef::as_ref).chain([self.zip]) {
                self.install(node, package)?;
            }
        }
        Ok(())
    }

    fn install(&self, node: &Throwaway, package: &Path) -> CliResult<()> {
        let home = node.home();
        let args =
            ["--home".as_ref(), home.root().as_os_str(), "install".as_ref(), package.as_os_str(), "--yes".as_ref()];
        let ended = Helper::start(args, Remarks::Kept)?.wait(self.interrupts)?;
        if ended.worked() {
            return Ok(());
        }
        Err(CliError::refused(format_args!("installing {}: {}", package.display(), ended.remarks.trim_end())))
    }

    fn steps(&self, scenario: &Scenario, nodes: &mut [Throwaway]) -> Option<StepFailure> {
        for (i, step) in scenario.steps.iter().enumerate() {
            let Some(node) = nodes.get_mut(step.node) else { continue };
            if let Err(why) = self.until_expected(step, node) {
                let step = Some((i + 1, step.line, step.action.describe()));
                return Some(StepFailure { step, why, log: self.last_lines(nodes) });
            }
        }
        None
    }

    fn until_expected(&self, step: &Step, node: &mut Throwaway) -> Result<(), String> {
        let wait_s = match step.action {
            Action::Log(_) => step.within_s.unwrap_or(LOG_WAIT_S),
            _ => step.within_s.unwrap_or(0),
        };
        let deadline = Instant::now() + Duration::from_secs(wait_s);
        loop {
            let differs = match self.perform(step, node) {
                Ok(None) => return Ok(()),
                Ok(Some(differs)) => differs,
                Err(error) => error.message().to_owned(),
            };
            if Instant::now() >= deadline || self.interrupts.happened() {
                return Err(differs);
            }
            thread::sleep(LOOK);
        }
    }

    /// In what the result is not as expected.
    fn perform(&self, step: &Step, node: &mut Throwaway) -> CliResult<Option<String>> {
        node.check()?;
        match &step.action {
            Action::Send { to, body } => Ok(step.expect.differs(&send(to, body, step.timeout_s, node)?)),
            Action::Http { method, path, body, by } => {
                let came = http(*method, path, body.as_ref(), *by, step.timeout_s, node)?;
                Ok(step.expect.differs(&came))
            }
            Action::Log(part) => {
                let lines = self.lines(node)?;
                let found = lines.iter().any(|line| log_line::message(line).is_some_and(|text| text.contains(part)));
                Ok((!found).then(|| format!("the package has not logged {part:?}")))
            }
            Action::Restart => node.restart(self.interrupts).map(|()| None),
            Action::Install => self.install(node, self.zip).map(|()| None),
        }
    }

    /// What a node logged about the package.
    fn lines(&self, node: &Throwaway) -> CliResult<Vec<Vec<u8>>> {
        let home = node.home();
        let failed = |error| CliError::file("read the logs in", &home.log_dir(), &error);
        let mut lines = Vec::new();
        for file in log_file::open_all(&home).map_err(failed)?.iter_mut().rev() {
            let each = |line: Vec<u8>| {
                if log_line::is_of_package(&line, &self.place.package) {
                    lines.push(line);
                }
                Ok::<(), std::io::Error>(())
            };
            log_file::drain(file, each).map_err(failed)?;
        }
        Ok(lines)
    }

    fn last_lines(&self, nodes: &[Throwaway]) -> Vec<String> {
        let mut last = Vec::new();
        for node in nodes {
            let lines = self.lines(node).unwrap_or_default();
            let skipped = lines.len().saturating_sub(LOG_LINES);
            last.extend(lines.iter().skip(skipped).map(|line| log_line::for_people(line, Colour::Off)));
        }
        last
    }
}

fn send(to: &Target, body: &str, timeout_s: u64, node: &Throwaway) -> CliResult<Came> {
    let client = Client::of(&node.home())?;
    let process = match &to.process {
        ProcessName::Full(id) => id.clone(),
        name @ ProcessName::Short(_) => match names::resolve(name, &client.processes()?) {
            Ok(id) => id,
            Err(error) => return Ok(Came { status: None, body: Vec::new(), failure: Some(error.to_string()) }),
        },
    };
    let message = RpcMessage {
        node: to.node.as_ref().map(ToString::to_string),
        expects_response: Some(timeout_s),
        body: Some(body.to_owned()),
        ..client::to(process)
    };
    match client.send(&message) {
        Ok(Some(reply)) => {
            let failure = Failure::from_metadata(reply.metadata.as_deref()).map(|failure| failure.error);
            Ok(Came { status: None, body: reply.body, failure })
        }
        Ok(None) => Ok(Came { status: None, body: Vec::new(), failure: None }),
        // Said by the node about the process: a test may expect that.
        Err(RpcError::Refused { kind, error, .. }) if kind != RpcRefusalKind::Unauthorized => {
            Ok(Came { status: None, body: Vec::new(), failure: Some(error) })
        }
        Err(error) => Err(error.into()),
    }
}

fn http(
    method: Method,
    path: &str,
    body: Option<&Body>,
    by: Visitor,
    timeout_s: u64,
    node: &Throwaway,
) -> CliResult<Came> {
    let failed = |error: &dyn std::fmt::Display| CliError::refused(format_args!("{path}: {error}"));
    let http = Http::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
    let http = http.map_err(|error| failed(&error))?;
    let url = format!("{}{path}", node.url());
    let request = match method {
        Method::Get => http.get(url),
        Method::Post => http.post(url),
        Method::Put => http.put(url),
        Method::Delete => http.delete(url),
    };
    let mut request = request.timeout(Duration::from_secs(timeout_s));
    if by == Visitor::Owner {
        let token = fs::read_to_string(node.home().token()).map_err(|error| failed(&error))?;
        request = request.bearer_auth(token.trim());
    }
    request = match body {
        Some(Body::Json(json)) => request.header(CONTENT_TYPE, "application/json").body(json.clone()),
        Some(Body::Text(text)) => request.header(CONTENT_TYPE, "text/plain; charset=utf-8").body(text.clone()),
        None => request,
    };
    let answer = request.send().map_err(|error| failed(&text::clean_line(&error.to_string())))?;
    let status = Some(answer.status().as_u16());
    let body = answer.bytes().map_err(|error| failed(&error))?.to_vec();
    Ok(Came { status, body, failure: None })
}

//! Reading the files of `test/`.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;
use wharf_types::NodeName;

use super::expect::Expect;
use crate::client;
use crate::errors::{CliError, CliResult};
use crate::names::Target;

/// Longest file that is read.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Most nodes of one test: each is a process of its own, with a home.
const NODES_MAX: usize = 16;

/// Longest that a step is tried again.
const WITHIN_S_MAX: u64 = 3_600;

/// A test of a package.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// The file that it is in, seen from the package's folder.
    pub(crate) file: PathBuf,
    /// Its name.
    pub(crate) name: String,
    /// Its nodes: at least one.
    pub(crate) nodes: Vec<NodeName>,
    /// Packages that are installed before the one under test.
    pub(crate) packages: Vec<PathBuf>,
    /// What is done, in order.
    pub(crate) steps: Vec<Step>,
}

/// One thing that is done.
#[derive(Debug)]
pub(crate) struct Step {
    /// The line that it begins at.
    pub(crate) line: usize,
    /// Which of the nodes, by its place among them.
    pub(crate) node: usize,
    /// What.
    pub(crate) action: Action,
    /// What has to come of it.
    pub(crate) expect: Expect,
    /// How long it is tried again.
    pub(crate) within_s: Option<u64>,
    /// How long an answer may take.
    pub(crate) timeout_s: u64,
}

/// What is done.
#[derive(Debug)]
pub(crate) enum Action {
    /// A message.
    Send { to: Target, body: String },
    /// An HTTP request.
    Http { method: Method, path: String, body: Option<Body>, by: Visitor },
    /// Waiting for a line of the package in the log.
    Log(String),
    /// The node stops and starts again.
    Restart,
    /// The package is installed once more.
    Install,
}

/// What an HTTP request brings.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// As `application/json`.
    Json(String),
    /// As `text/plain`.
    Text(String),
}

/// What an HTTP request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
    Delete,
}

/// Who makes an HTTP request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Visitor {
    /// Nobody known.
    #[default]
    Anyone,
    /// The owner, with the node's token.
    Owner,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileToml {
    #[serde(default)]
    test: Vec<TestToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestToml {
    name: String,
    #[serde(default)]
    nodes: Vec<NodeName>,
    #[serde(default)]
    packages: Vec<PathBuf>,
    step: Vec<Spanned<StepToml>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepToml {
    node: Option<NodeName>,
    send: Option<String>,
    get: Option<String>,
    post: Option<String>,
    put: Option<String>,
    delete: Option<String>,
    log: Option<String>,
    #[serde(rename = "do")]
    own: Option<Own>,
    body: Option<Value>,
    text: Option<String>,
    #[serde(default)]
    by: Visitor,
    #[serde(default)]
    expect: Expect,
    within_s: Option<u64>,
    timeout_s: Option<u64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Own {
    Restart,
    Install,
}

/// Every test of the package in `folder`, in the order of file names.
pub(crate) fn read_all(folder: &Path) -> CliResult<Vec<Scenario>> {
    let tests = folder.join("test");
    let failed = |error| CliError::file("read the folder", &tests, &error);
    let mut files = Vec::new();
    match fs::read_dir(&tests) {
        Ok(entries) => {
            for entry in entries {
                files.push(entry.map_err(failed)?.path());
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    files.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    files.sort();
    let mut scenarios = Vec::new();
    for path in files {
        let name = path.strip_prefix(folder).unwrap_or(&path).to_owned();
        scenarios.extend(read(&path, &name)?);
    }
    Ok(scenarios)
}

fn read(path: &Path, name: &Path) -> CliResult<Vec<Scenario>> {
    let failed = |error| CliError::file("read", path, &error);
    if fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
        return Err(CliError::bad_input(format_args!("{} is larger than {FILE_BYTES_MAX} bytes", path.display())));
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    let wrong = |at: Option<Range<usize>>, what: &str| {
        let line = at.map(|at| format!(":{}", line_of(&text, at.start))).unwrap_or_default();
        CliError::bad_input(format_args!("{}{line}: {what}", path.display()))
    };
    let file: FileToml = toml::from_str(&text).map_err(|error| {
        let failed = wrong(error.span(), error.message());
        if is_of_kit(&text) {
            return failed.hint("this is a file of Kinode's `kit run-tests`, which `wharf test` does not read");
        }
        failed.hint("`wharf test --help` shows how tests are written")
    })?;
    let mut scenarios = Vec::new();
    for test in file.test {
        scenarios.push(test.check(name, path, &text).map_err(|(at, what)| wrong(at, &what))?);
    }
    Ok(scenarios)
}

fn is_of_kit(text: &str) -> bool {
    text.parse::<toml::Table>().is_ok_and(|table| table.contains_key("tests") || table.contains_key("runtime"))
}

/// What is wrong, and where if that is known.
type Wrong = (Option<Range<usize>>, String);

impl TestToml {
    fn check(self, file: &Path, path: &Path, text: &str) -> Result<Scenario, Wrong> {
        let wrong = |what: &str| (None, format!("test {:?}: {what}", self.name));
        let mut nodes = self.nodes.clone();
        if nodes.is_empty() {
            nodes.push(NodeName::new("test.os").map_err(|error| wrong(&error.to_string()))?);
        }
        let mut distinct = nodes.clone();
        distinct.sort();
        distinct.dedup();
        if distinct.len() != nodes.len() || nodes.len() > NODES_MAX {
            return Err(wrong(&format!("nodes are at most {NODES_MAX}, each with a name of its own")));
        }
        let beside = path.parent().unwrap_or(Path::new("."));
        let packages = self.packages.iter().map(|package| beside.join(package)).collect();
        let mut steps = Vec::new();
        for step in self.step {
            let span = step.span();
            let line = line_of(text, span.start);
            steps.push(step.into_inner().check(line, &nodes).map_err(|what| (Some(span), what))?);
        }
        Ok(Scenario { file: file.to_owned(), name: self.name, nodes, packages, steps })
    }
}

impl StepToml {
    fn check(self, line: usize, nodes: &[NodeName]) -> Result<Step, String> {
        let node = match &self.node {
            None => 0,
            Some(name) => (nodes.iter().position(|node| node == name))
                .ok_or_else(|| format!("there is no node {name} in this test: name it in `nodes`"))?,
        };
        let (expect, within_s) = (self.expect.clone(), self.within_s);
        let timeout_s = self.timeout_s.unwrap_or(15).max(1);
        for (name, given, max) in
            [("within_s", within_s, WITHIN_S_MAX), ("timeout_s", self.timeout_s, client::WAIT_S_MAX)]
        {
            if given.is_some_and(|given| given > max) {
                return Err(format!("`{name}` is at most {max}"));
            }
        }
        Ok(Step { line, node, action: self.action()?, expect, within_s, timeout_s })
    }

    fn action(self) -> Result<Action, String> {
        let body = match (self.body, self.text) {
            (Some(_), Some(_)) => return Err("a step has `body` or `text`, not both".to_owned()),
            (Some(json), None) => Some(Body::Json(json.to_string())),
            (None, text) => text.map(Body::Text),
        };
        let http = [
            (Method::Get, self.get),
            (Method::Post, self.post),
            (Method::Put, self.put),
            (Method::Delete, self.delete),
        ];
        let mut actions: Vec<Action> = Vec::new();
        if let Some(to) = &self.send {
            let to = to.parse().map_err(|error| format!("`send`: {error}"))?;
            let (Some(Body::Json(body) | Body::Text(body)), true) = (body.clone(), self.by == Visitor::Anyone) else {
                return Err("a message has a `body` or a `text`, and comes from the owner".to_owned());
            };
            actions.push(Action::Send { to, body });
        }
        for (method, path) in http.into_iter().filter_map(|(method, path)| Some((method, path?))) {
            if !path.starts_with('/') {
                return Err(format!("the path {path:?} does not begin with `/`"));
            }
            actions.push(Action::Http { method, path, body: body.clone(), by: self.by });
        }
        actions.extend(self.log.map(Action::Log));
        actions.extend(self.own.map(|own| match own {
            Own::Restart => Action::Restart,
            Own::Install => Action::Install,
        }));
        match <[Action; 1]>::try_from(actions) {
            Ok([action]) => Ok(action),
            Err(_) => {
                Err("a step has exactly one of `send`, `get`, `post`, `put`, `delete`, `log` and `do`".to_owned())
            }
        }
    }
}

impl Action {
    /// What it is, for people.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Send { to, .. } => match &to.node {
                Some(node) => format!("send to {node}@{}", to.process),
                None => format!("send to {}", to.process),
            },
            Self::Http { method, path, .. } => format!("{} {path}", format!("{method:?}").to_uppercase()),
            Self::Log(text) => format!("log {text:?}"),
            Self::Restart => "restart".to_owned(),
            Self::Install => "install".to_owned(),
        }
    }
}

/// Counted from 1.
fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a failure here fails the test")]
mod tests {
    use super::*;

    fn read_text(text: &str) -> CliResult<Vec<Scenario>> {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("test")).unwrap();
        fs::write(dir.path().join("test/a.toml"), text).unwrap();
        read_all(dir.path())
    }

    fn refusal(text: &str) -> String {
        format!("{:?}", read_text(text).unwrap_err())
    }

    #[test]
    fn steps_know_their_line_and_their_node() {
        let text = "[[test]]\nname = \"a\"\nnodes = [\"ann.os\", \"bob.os\"]\n\n[[test.step]]\nsend = \"echo\"\nbody = { A = 1 }\n\n\
                    [[test.step]]\nget = \"/x\"\nnode = \"bob.os\"\nexpect.status = 404\n[[test.step]]\ndo = \"restart\"\n";
        let scenarios = read_text(text).unwrap();
        assert_eq!((scenarios.len(), scenarios[0].file.to_str().unwrap()), (1, "test/a.toml"));
        let steps = &scenarios[0].steps;
        assert_eq!(steps.iter().map(|step| (step.line, step.node)).collect::<Vec<_>>(), [(5, 0), (9, 1), (13, 0)]);
        let Action::Send { body, .. } = &steps[0].action else { panic!("{:?}", steps[0]) };
        assert_eq!(body, r#"{"A":1}"#);
        assert_eq!(steps[1].action.describe(), "GET /x");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let step = |step: &str| format!("[[test]]\nname = \"a\"\n[[test.step]]\n{step}\n");
        let cases = [
            (step("send = \"echo\""), ":3: a message has a `body`"),
            (step("get = \"/\"\npost = \"/\""), ":3: a step has exactly one of"),
            (step("get = \"x\""), ":3: the path"),
            (step("get = \"/\"\nnode = \"bob.os\""), ":3: there is no node bob.os"),
            (step("gte = \"/\""), ":4: unknown field"),
            (step("get = \"/\"\nwithin_s = 9999999999999999999"), "within_s"),
            (step("get = \"/\"\nwithin_s = 3601"), ":3: `within_s` is at most 3600"),
            (step("get = \"/\"\ntimeout_s = 9223372036854775807"), ":3: `timeout_s` is at most 900"),
            ("[[tests]]\ntest_package_paths = []\n".to_owned(), "kit run-tests"),
            ("[[test]]\nname = \"a\"\nnodes = [\"a.os\", \"a.os\"]\nstep = []".to_owned(), "a name of its own"),
        ];
        for (text, expected) in cases {
            let said = refusal(&text);
            assert!(said.contains(expected), "{said}");
        }
    }

    #[test]
    fn without_a_folder_there_are_no_tests() {
        assert!(read_all(tempfile::tempdir().unwrap().path()).unwrap().is_empty());
    }
}

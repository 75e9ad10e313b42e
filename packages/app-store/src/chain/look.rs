//! One look through the node's registries: what there is to ask, one request at a time, and what is made of the answers.
//!
//! ```text
//! main            what is installed
//! each registry   its catalogue, then the index of each package
//! a newer one     its zip, checked by its hash, and to main with it, which decides and installs
//! ```
//!
//! Nothing waits here: a request is sent, and the look goes on when the answer is received, so that whoever asks the process
//! is answered meanwhile. Everything has a bound: the answers, how long one is waited for, packages, and the whole look.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use wharf_process_lib::{LazyLoadBlob, Message, ProcessId, Request, SendError};
use wharf_registry::chain::Waiting;
use wharf_registry::{Catalogue, Index, Limits, PackageRef, Release, Version};
use wharf_types::app_store::{AppStoreRequest, AppStoreResponse, InstalledPackage};
use wharf_types::http_client::{HttpClientAction, HttpClientReply, HttpClientResponse, OutgoingHttpRequest};

use super::choose::{Choice, choose};
use super::listings::{LISTINGS_MAX, Listing, Listings};
use super::record::ChainRecord;
use crate::paths::sha256_hex;
use crate::update::{UpdateRequest, UpdateResponse};

/// How long a list of a registry is waited for.
const LIST_WAIT_S: u64 = 60;
/// How long a zip is.
const ZIP_WAIT_S: u64 = 600;
/// How long main is waited for: it may be installing something.
const MAIN_WAIT_S: u64 = 900;
/// How long one look goes on before it leaves the rest to the next.
const LOOK_MAX: Duration = Duration::from_secs(3600);
/// Most problems that are told of one look, and the length of one.
const PROBLEMS_MAX: usize = 32;
const PROBLEM_CHARS_MAX: usize = 400;

/// Who wanted a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AskedBy {
    /// Somebody who waits for its end.
    Someone,
    /// Nobody: it was time.
    Clock,
}

/// A look under way.
pub(crate) struct Look {
    number: u64,
    asked_by: AskedBy,
    begun: Instant,
    main: ProcessId,
    limits: Limits,
    installed: Vec<InstalledPackage>,
    tasks: VecDeque<Task>,
    /// What was asked and not answered yet.
    asked: Option<Asked>,
    /// Which lists were asked for: none twice.
    listed: BTreeSet<(String, PackageRef)>,
    listings: Listings,
    /// Registries that did not answer.
    down: BTreeSet<String>,
    problems: Vec<String>,
}

/// What is to be asked.
enum Task {
    Installed,
    Catalogue(String),
    Index(String, PackageRef),
    Zip(Candidate),
    Install(Candidate, Vec<u8>),
}

/// What was asked.
enum Asked {
    Installed,
    Catalogue(String),
    Index(String, PackageRef),
    Zip(Candidate),
    Install(Candidate),
}

/// A release that may be installed.
#[derive(Clone)]
struct Candidate {
    registry: String,
    package: PackageRef,
    version: Version,
    release: Release,
}

/// Why nothing came of a request.
enum Trouble {
    /// The registry cannot be reached; nothing more is asked of it in this look.
    Down(String),
    /// Anything else.
    Other(String),
}

impl Look {
    /// Begins one.
    pub(crate) fn new(number: u64, asked_by: AskedBy, main: ProcessId, record: &ChainRecord) -> Self {
        let catalogues = record.registries().iter().cloned().map(Task::Catalogue);
        Self {
            number,
            asked_by,
            begun: Instant::now(),
            main,
            limits: Limits::default(),
            installed: Vec::new(),
            tasks: std::iter::once(Task::Installed).chain(catalogues).collect(),
            asked: None,
            listed: BTreeSet::new(),
            listings: Listings::default(),
            down: BTreeSet::new(),
            problems: Vec::new(),
        }
    }

    /// Who wanted it.
    pub(crate) fn asked_by(&self) -> AskedBy {
        self.asked_by
    }

    /// Whether something that came is about this look.
    pub(crate) fn is_about(&self, context: Option<&[u8]>) -> bool {
        context == Some(self.number.to_string().as_bytes())
    }

    /// What went wrong, and what is listed now; of registries that did not answer, what was listed `before`.
    pub(crate) fn end(mut self, before: &Listings) -> (Vec<String>, Listings) {
        for registry in &self.down {
            self.listings.keep_from(before, registry);
        }
        (self.problems, self.listings)
    }

    /// Sends the next request; `None` when nothing is left.
    pub(crate) fn go_on(&mut self) -> Option<()> {
        while let Some(task) = self.tasks.pop_front() {
            if self.is_left_out(&task) {
                continue;
            }
            let request = match task {
                Task::Installed => {
                    self.asked = Some(Asked::Installed);
                    Request::to_local(&self.main).json(&AppStoreRequest::Packages).ok()?.expects_response(MAIN_WAIT_S)
                }
                Task::Catalogue(registry) => {
                    let url = format!("{registry}{}", Catalogue::FILE);
                    self.asked = Some(Asked::Catalogue(registry));
                    get(url, LIST_WAIT_S)?
                }
                Task::Index(registry, package) => {
                    let url = format!("{registry}{}", Index::path(&package));
                    self.asked = Some(Asked::Index(registry, package));
                    get(url, LIST_WAIT_S)?
                }
                Task::Zip(candidate) => {
                    let path = Index::zip_path(&candidate.package, &candidate.release.sha256);
                    let url = format!("{}{path}", candidate.registry);
                    self.asked = Some(Asked::Zip(candidate));
                    get(url, ZIP_WAIT_S)?
                }
                Task::Install(candidate, zip) => {
                    let update = UpdateRequest::Update {
                        package_id: candidate.package.id(),
                        version: candidate.version.to_string(),
                        version_hash: candidate.release.sha256.to_string(),
                    };
                    self.asked = Some(Asked::Install(candidate));
                    let request = Request::to_local(&self.main).json(&update).ok()?.expects_response(MAIN_WAIT_S);
                    request.blob(LazyLoadBlob { mime: None, bytes: zip })
                }
            };
            request.context(self.number.to_string()).send();
            return Some(());
        }
        None
    }

    fn is_left_out(&mut self, task: &Task) -> bool {
        let registry = match task {
            Task::Installed | Task::Install(..) => return false,
            Task::Catalogue(registry) | Task::Index(registry, _) => registry,
            Task::Zip(candidate) => &candidate.registry,
        };
        if self.down.contains(registry) {
            return true;
        }
        if self.begun.elapsed() < LOOK_MAX {
            return false;
        }
        let registry = registry.clone();
        self.problem(format!("{registry}: there was no time for the rest of it"));
        self.down.insert(registry);
        true
    }

    /// What was asked has been answered, or will not be.
    pub(crate) fn answered(&mut self, record: &mut ChainRecord, answer: Result<&Message, &SendError>) {
        let Some(asked) = self.asked.take() else { return };
        let (registry, done) = match asked {
            Asked::Installed => (None, self.installed(record, answer)),
            Asked::Catalogue(registry) => {
                let done = self.catalogue(&registry, answer);
                (Some(registry), done)
            }
            Asked::Index(registry, package) => {
                let done = self.index(record, &registry, &package, answer);
                (Some(registry), done)
            }
            Asked::Zip(candidate) => {
                let registry = candidate.registry.clone();
                (Some(registry), self.zip(candidate, answer))
            }
            Asked::Install(candidate) => (None, self.install(record, &candidate, answer)),
        };
        match (done, registry) {
            (Ok(()), _) => {}
            (Err(Trouble::Down(why)), Some(registry)) => {
                self.problem(format!("{registry}: {why}"));
                self.down.insert(registry);
            }
            (Err(Trouble::Down(why) | Trouble::Other(why)), _) => self.problem(why),
        }
    }

    fn problem(&mut self, what: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(what.chars().take(PROBLEM_CHARS_MAX).collect());
        }
    }

    fn installed(&mut self, record: &mut ChainRecord, answer: Result<&Message, &SendError>) -> Result<(), Trouble> {
        let told = answer
            .map_err(ToString::to_string)
            .and_then(|message| message.json::<AppStoreResponse>().map_err(|error| error.to_string()));
        match told {
            Ok(AppStoreResponse::PackagesResponse(installed)) => self.installed = installed,
            Ok(other) => return Err(Trouble::Other(format!("what is installed is not known: {other:?}"))),
            Err(error) => return Err(Trouble::Other(format!("what is installed is not known: {error}"))),
        }
        record.settle(&self.installed).map_err(|error| Trouble::Other(error.to_string()))?;
        // Those that are updated come first, whatever else a registry has.
        let from = |package: &PackageRef| record.find(package).and_then(|followed| followed.registry.clone());
        let packages = self.installed.iter().filter_map(|installed| PackageRef::of(&installed.package_id).ok());
        let lists: Vec<_> = packages.filter_map(|package| Some((from(&package)?, package))).collect();
        for (registry, package) in lists {
            if record.registries().contains(&registry) {
                self.ask_for_list(registry, package);
            }
        }
        Ok(())
    }

    fn ask_for_list(&mut self, registry: String, package: PackageRef) {
        // Each registry may list what another lists: so many requests are made at most.
        if self.listed.len() < LISTINGS_MAX.saturating_mul(2) && self.listed.insert((registry.clone(), package.clone()))
        {
            self.tasks.push_back(Task::Index(registry, package));
        }
    }

    fn catalogue(&mut self, registry: &str, answer: Result<&Message, &SendError>) -> Result<(), Trouble> {
        let Some(bytes) = file(answer, self.limits.list_bytes_max)? else {
            // What is updated from there is looked for all the same.
            return Err(Trouble::Other(format!("{registry}: there is no {} in it", Catalogue::FILE)));
        };
        let catalogue = Catalogue::parse(&bytes);
        let catalogue = catalogue.map_err(|error| Trouble::Other(format!("{registry}{}: {error}", Catalogue::FILE)))?;
        for package in catalogue.packages.into_iter().take(LISTINGS_MAX) {
            self.ask_for_list(registry.to_owned(), package);
        }
        Ok(())
    }

    fn index(
        &mut self,
        record: &mut ChainRecord,
        registry: &str,
        package: &PackageRef,
        answer: Result<&Message, &SendError>,
    ) -> Result<(), Trouble> {
        let other = |why: String| Trouble::Other(format!("{registry}: {package}: {why}"));
        let bytes = file(answer, self.limits.list_bytes_max)?;
        let bytes = bytes.ok_or_else(|| other("it is not there".to_owned()))?;
        let index = Index::parse(package, &bytes).map_err(|error| other(error.to_string()))?;
        let preferred = record.find(package).and_then(|followed| followed.registry.clone());
        let listing = Listing::new(registry, sha256_hex(&bytes), &index);
        self.listings.put(package.clone(), listing, preferred.as_deref());
        if preferred.as_deref() == Some(registry) { self.choose(record, registry, package, &index) } else { Ok(()) }
    }

    /// Of a package that is updated from this registry.
    fn choose(
        &mut self,
        record: &mut ChainRecord,
        registry: &str,
        package: &PackageRef,
        index: &Index,
    ) -> Result<(), Trouble> {
        let Some(installed) = self.installed.iter().find(|installed| installed.package_id == package.id()) else {
            return Ok(());
        };
        // Also where the node was ended before it was noted.
        let version = installed.version.as_deref().and_then(|text| text.parse::<Version>().ok());
        let present = version.and_then(|version| index.versions.get_key_value(&version));
        if let Some((version, release)) = present
            && release.sha256.as_str() == installed.version_hash
            && record.find(package).is_some_and(|followed| !followed.versions.contains_key(&version.to_string()))
        {
            record
                .remember(package, registry, version, &release.sha256)
                .map_err(|error| Trouble::Other(error.to_string()))?;
        }
        let Some(followed) = record.find(package).filter(|followed| followed.auto_update) else { return Ok(()) };
        match choose(followed, installed, index) {
            Choice::Stay => Ok(()),
            Choice::Problem(why) => Err(Trouble::Other(format!("{registry}: {package}: {why}"))),
            Choice::Take(version, release) if release.bytes > self.limits.zip_bytes_max => {
                let (bytes, max) = (release.bytes, self.limits.zip_bytes_max);
                let why = format!("version {version} has {bytes} bytes, and {max} is the most that is accepted");
                Err(Trouble::Other(format!("{registry}: {package}: {why}")))
            }
            Choice::Take(version, release) => {
                let (registry, package) = (registry.to_owned(), package.clone());
                self.tasks.push_front(Task::Zip(Candidate { registry, package, version, release }));
                Ok(())
            }
        }
    }

    fn zip(&mut self, candidate: Candidate, answer: Result<&Message, &SendError>) -> Result<(), Trouble> {
        let Candidate { registry, package, version, release } = &candidate;
        let what = format!("{registry}: the zip of {package}@{version}");
        let zip = file(answer, release.bytes)?.ok_or_else(|| Trouble::Other(format!("{what} is not there")))?;
        let actual = sha256_hex(&zip);
        if actual != release.sha256.as_str() {
            return Err(Trouble::Other(format!("{what} has SHA-256 {actual}, where {} is listed", release.sha256)));
        }
        self.tasks.push_front(Task::Install(candidate, zip));
        Ok(())
    }

    fn install(
        &mut self,
        record: &mut ChainRecord,
        candidate: &Candidate,
        answer: Result<&Message, &SendError>,
    ) -> Result<(), Trouble> {
        let Candidate { registry, package, version, release } = candidate;
        let what = format!("{package}@{version}");
        let answer = answer.map_err(|error| Trouble::Other(format!("{what}: {error}")))?;
        let answer = answer.json().map_err(|error| Trouble::Other(format!("{what}: {error}")))?;
        let waiting = |reason: String| Waiting {
            version: version.to_string(),
            sha256: release.sha256.clone(),
            reason: reason.chars().take(PROBLEM_CHARS_MAX).collect(),
        };
        let noted = match answer {
            UpdateResponse::Updated => record.remember(package, registry, version, &release.sha256),
            UpdateResponse::Waits { reason } => record.offer(package, waiting(reason)),
            UpdateResponse::Failed { reason } => {
                self.problem(format!("{what}: {reason}"));
                record.fail(package, waiting(reason))
            }
            // It changed while the registry was asked; the next look sees it as it is then.
            UpdateResponse::Outdated { .. } => Ok(()),
        };
        noted.map_err(|error| Trouble::Other(format!("{what}: {error}")))
    }
}

fn get(url: String, wait_s: u64) -> Option<Request> {
    let ask = OutgoingHttpRequest { method: "GET".to_owned(), version: None, url, headers: Default::default() };
    Some(Request::to_module("http-client").json(&HttpClientAction::Http(ask)).ok()?.expects_response(wait_s))
}

/// A file of a registry of at most so many bytes, if it is there.
fn file(answer: Result<&Message, &SendError>, bytes_max: u64) -> Result<Option<Vec<u8>>, Trouble> {
    let message = answer.map_err(|error| Trouble::Down(error.to_string()))?;
    let reply: HttpClientReply = message.json().map_err(|error| Trouble::Down(error.to_string()))?;
    let head = match reply {
        Ok(HttpClientResponse::Http(head)) => head,
        Ok(other) => return Err(Trouble::Down(format!("{other:?} is no answer"))),
        Err(error) => return Err(Trouble::Down(error.to_string())),
    };
    match head.status {
        200..300 => {}
        404 => return Ok(None),
        status => return Err(Trouble::Down(format!("it answered with status {status}"))),
    }
    let bytes = message.blob().map(|blob| blob.bytes).unwrap_or_default();
    if bytes.len() as u64 > bytes_max {
        return Err(Trouble::Other(format!("it sent more than {bytes_max} bytes, the most that is accepted")));
    }
    Ok(Some(bytes))
}

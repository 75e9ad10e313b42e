//! Which process a path belongs to.
//!
//! The table is an immutable value behind one atomic pointer: a lookup takes no lock, a change makes a new table that
//! shares with the old one all processes but the one that changed. Paths below `/<process id>` belong to that process
//! alone; the homepage binds the rest of the site.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use matchit::Router;
use tokio::sync::Semaphore;
use wharf_types::{Address, ProcessId};

use crate::content::Cached;
use crate::pattern::{self, Pattern, PatternError, Reach};
use crate::settings::HttpSettings;

/// Key of the process whose paths have no prefix. No id is empty.
const SITE: &str = "";

/// Why a path was not bound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BindError {
    /// Over the limit for one path.
    #[error("the path is {bytes} bytes long, and {bytes_max} are allowed")]
    PathTooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Over the limit for one process.
    #[error("cannot bind `{path}`: the process has bound {paths_max} paths, and more are not allowed")]
    TooManyPaths {
        /// The path.
        path: String,
        /// The limit.
        paths_max: usize,
    },
    /// Over the limit for cached answers.
    #[error("cannot bind `{path}`: with it, {whose} would have more than {bytes_max} bytes of cached answers")]
    TooMuchCached {
        /// The path.
        path: String,
        /// Whose limit.
        whose: &'static str,
        /// The limit.
        bytes_max: usize,
    },
    /// The matcher cannot tell it from another path.
    #[error("cannot bind `{path}`: it matches the same as another path that is bound")]
    Conflict {
        /// The path.
        path: String,
    },
    /// It cannot be matched at all.
    #[error("cannot bind a path: {0}")]
    Pattern(#[from] PatternError),
}

/// Who may see a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Everyone who can reach the node.
    Anyone,
    /// The node's owner.
    Owner,
    /// The node's owner, at the subdomain of the package.
    OwnerApart,
}

/// From where a path may be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From everywhere.
    Anywhere,
    /// From this machine.
    ThisMachine,
}

/// What answers on a path.
#[derive(Clone, Debug)]
pub(crate) enum Serves {
    /// The process.
    Process,
    /// The process, which takes and gives bodies piece by piece.
    Stream,
    /// These bytes for GET and HEAD, the process for everything else.
    Cached(Box<Cached>),
    /// For WebSockets: a program on this machine that speaks for the process.
    Extension,
    /// Nothing: it was unbound.
    Nothing,
}

/// What a process asked for.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    /// Who may see it.
    pub(crate) audience: Audience,
    /// From where.
    pub(crate) origin: Origin,
    /// What answers.
    pub(crate) serves: Serves,
}

/// A bound path.
#[derive(Debug)]
pub(crate) struct Route {
    /// The process that bound it.
    pub(crate) owner: Address,
    /// The path as guests see it, with the prefix of the process.
    pub(crate) bound_path: String,
    /// What it asked for.
    pub(crate) binding: Binding,
    /// Places for requests that the process has not answered yet, the same for all its paths.
    pub(crate) places: Arc<Semaphore>,
    pattern: Pattern,
}

impl Route {
    fn cached_bytes(&self) -> usize {
        match &self.binding.serves {
            Serves::Cached(cached) => cached.len(),
            Serves::Process | Serves::Stream | Serves::Extension | Serves::Nothing => 0,
        }
    }
}

/// A route that matches a path.
#[derive(Debug)]
pub(crate) struct Match<'path> {
    /// The route.
    pub(crate) route: Arc<Route>,
    /// What its parameters matched, in order.
    values: Vec<&'path str>,
}

impl<'path> Match<'path> {
    /// Names and values of the parameters that have a name.
    pub(crate) fn params(&self) -> impl Iterator<Item = (&str, &'path str)> {
        let names = self.route.pattern.names.iter().map(String::as_str);
        names.zip(self.values.iter().copied()).filter(|(name, _)| !name.is_empty())
    }
}

/// The paths of one process. Paths that end in `*name` have a matcher of their own, asked last, so that the more
/// specific path wins and the two kinds cannot conflict.
#[derive(Clone)]
struct App {
    owner: ProcessId,
    by_path: BTreeMap<String, Arc<Route>>,
    root: Option<Arc<Route>>,
    exact: Router<Arc<Route>>,
    below: Router<Arc<Route>>,
    cached_bytes: usize,
    places: Arc<Semaphore>,
}

impl App {
    fn new(owner: ProcessId, places: Arc<Semaphore>, by_path: BTreeMap<String, Arc<Route>>) -> Result<Self, BindError> {
        let mut app = Self {
            owner,
            places,
            root: by_path.get("").cloned(),
            exact: Router::new(),
            below: Router::new(),
            cached_bytes: by_path.values().map(|route| route.cached_bytes()).sum(),
            by_path: BTreeMap::new(),
        };
        for (path, route) in by_path.iter().filter(|(path, _)| !path.is_empty()) {
            let router = match route.pattern.reach {
                Reach::Segments => &mut app.exact,
                Reach::Below => &mut app.below,
            };
            let inserted = router.insert(route.pattern.matcher.as_str(), Arc::clone(route));
            inserted.map_err(|_| BindError::Conflict { path: path.clone() })?;
        }
        app.by_path = by_path;
        Ok(app)
    }

    fn find<'path>(&self, path: &'path str) -> Option<Match<'path>> {
        if path.is_empty() {
            return self.at_root();
        }
        let found = self.exact.at(path).or_else(|_| self.below.at(path)).ok()?;
        let values = found.params.iter().map(|(_, value)| value).collect();
        Some(Match { route: Arc::clone(found.value), values })
    }

    fn at_root<'path>(&self) -> Option<Match<'path>> {
        self.root.as_ref().map(|route| Match { route: Arc::clone(route), values: Vec::new() })
    }
}

type Apps = HashMap<Box<str>, Arc<App>>;

/// The routing table.
pub(crate) struct Routes {
    current: ArcSwap<Apps>,
    /// Held while a new table is made, never across an await.
    change: Mutex<()>,
    settings: HttpSettings,
}

fn key_of(owner: &ProcessId) -> Box<str> {
    if owner.has_parts("homepage", "homepage", "sys") { SITE.into() } else { owner.to_string().into() }
}

impl Routes {
    /// An empty table with the bounds of `settings`.
    pub(crate) fn new(settings: HttpSettings) -> Self {
        Self { current: ArcSwap::default(), change: Mutex::new(()), settings }
    }

    /// Binds a path, in place of what was bound there. Processes that are not alive lose theirs.
    pub(crate) fn bind(
        &self,
        owner: &Address,
        path: &str,
        binding: Binding,
        is_alive: impl Fn(&ProcessId) -> bool,
    ) -> Result<(), BindError> {
        let settings = &self.settings;
        if path.len() > settings.path_bytes_max {
            return Err(BindError::PathTooLong { bytes: path.len(), bytes_max: settings.path_bytes_max });
        }
        let path = pattern::normal(path);
        let key = key_of(owner.process());
        let prefix = if &*key == SITE { String::new() } else { format!("/{key}") };
        let (bound_path, pattern) = (format!("{prefix}{path}"), Pattern::new(&path)?);

        let _change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let mut apps = Apps::clone(&self.current.load());
        if !apps.contains_key(&key) {
            apps.retain(|_, app| is_alive(&app.owner));
        }
        let mut by_path = apps.get(&key).map(|app| app.by_path.clone()).unwrap_or_default();
        let places = apps
            .get(&key)
            .map(|app| Arc::clone(&app.places))
            .unwrap_or_else(|| Arc::new(Semaphore::new(settings.process_requests_max.min(Semaphore::MAX_PERMITS))));
        let route = Route { owner: owner.clone(), bound_path, binding, places: Arc::clone(&places), pattern };
        by_path.insert(path.clone(), Arc::new(route));
        if by_path.len() > settings.paths_max {
            return Err(BindError::TooManyPaths { path, paths_max: settings.paths_max });
        }
        let app = App::new(owner.process().clone(), places, by_path)?;
        let too_much = |whose, bytes_max| BindError::TooMuchCached { path: path.clone(), whose, bytes_max };
        if app.cached_bytes > settings.cached_bytes_max {
            return Err(too_much("the process", settings.cached_bytes_max));
        }
        apps.insert(key, Arc::new(app));
        if apps.values().map(|app| app.cached_bytes).sum::<usize>() > settings.node_cached_bytes_max {
            return Err(too_much("the node", settings.node_cached_bytes_max));
        }
        self.current.store(Arc::new(apps));
        Ok(())
    }

    /// Forgets every path of `owner`, unless it is alive (again).
    pub(crate) fn prune(&self, owner: &ProcessId, is_alive: impl Fn(&ProcessId) -> bool) {
        let _change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        if is_alive(owner) {
            return;
        }
        let mut apps = Apps::clone(&self.current.load());
        if apps.remove(&key_of(owner)).is_some() {
            self.current.store(Arc::new(apps));
        }
    }

    /// The processes that have bound anything.
    pub(crate) fn owners(&self) -> Vec<ProcessId> {
        self.current.load().values().map(|app| app.owner.clone()).collect()
    }

    /// The route of a URL path.
    ///
    /// Under the id of a process that bound anything: its own best match, else its root. Everywhere else: the best
    /// match of the homepage, else what it bound for the first segment.
    pub(crate) fn find<'path>(&self, url_path: &'path str) -> Option<Match<'path>> {
        let (path, segment) = split(url_path);
        let apps = self.current.load();
        if let Some(app) = apps.get(segment).filter(|_| !segment.is_empty()) {
            let below = path.get(1 + segment.len()..).unwrap_or_default();
            return app.find(below).or_else(|| app.at_root());
        }
        let site = apps.get(SITE)?;
        site.find(path).or_else(|| site.find(path.get(..=segment.len())?))
    }

    /// The route that matches all of a URL path; no root stands in for what is below it.
    pub(crate) fn find_exact<'path>(&self, url_path: &'path str) -> Option<Match<'path>> {
        let (path, segment) = split(url_path);
        let apps = self.current.load();
        match apps.get(segment).filter(|_| !segment.is_empty()) {
            Some(app) => app.find(path.get(1 + segment.len()..).unwrap_or_default()),
            None => apps.get(SITE)?.find(path),
        }
    }
}

/// A path without its last slash, and its first segment.
fn split(url_path: &str) -> (&str, &str) {
    let path = url_path.strip_suffix('/').unwrap_or(url_path);
    let segment = path.strip_prefix('/').unwrap_or(path);
    (path, segment.find('/').and_then(|end| segment.get(..end)).unwrap_or(segment))
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;

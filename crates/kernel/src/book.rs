//! Bounds of the node, and of packages that have others.

use std::collections::HashMap;
use std::sync::Arc;

use wharf_types::{PackageId, ProcessId};

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book<T> {
    node: Arc<T>,
    packages: HashMap<PackageId, Arc<T>>,
}

impl<T: Default> Default for Book<T> {
    fn default() -> Self {
        T::default().into()
    }
}

/// The same for all packages.
impl<T> From<T> for Book<T> {
    fn from(node: T) -> Self {
        Self::new(node, [])
    }
}

impl<T> Book<T> {
    /// The bounds of the node with exceptions for packages.
    pub fn new(node: T, packages: impl IntoIterator<Item = (PackageId, T)>) -> Self {
        let packages = packages.into_iter().map(|(package, bounds)| (package, Arc::new(bounds))).collect();
        Self { node: Arc::new(node), packages }
    }

    /// Those of the node.
    pub fn node(&self) -> &Arc<T> {
        &self.node
    }

    /// Those of one package.
    pub fn of(&self, package: &PackageId) -> &Arc<T> {
        self.packages.get(package).unwrap_or(&self.node)
    }

    /// The same book about something that is made of the bounds.
    pub fn map<U>(&self, make: impl Fn(&Arc<T>) -> U) -> Book<U> {
        Book::new(make(&self.node), self.packages.iter().map(|(package, bounds)| (package.clone(), make(bounds))))
    }

    /// Those of one process: of its package. Looked up once, when it or a life of it begins.
    pub fn of_process(&self, process: &ProcessId) -> &Arc<T> {
        if self.packages.is_empty() { &self.node } else { self.of(&process.package_id()) }
    }
}

//! What is in a folder, to see that nothing was left behind.

use std::path::Path;

/// Every file and folder below, with its kind and size, sorted.
pub fn contents(root: &Path) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let about = path.symlink_metadata().unwrap();
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            found.push(format!("{name} {:?} {}", about.file_type(), if about.is_file() { about.len() } else { 0 }));
            if about.is_dir() {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

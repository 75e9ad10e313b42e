//! Every bound of the vfs, in one place. Reaching one gives an error to whoever caused it.

/// Bounds of the vfs. In `wharf.toml` they are the table `[vfs_limits]`, by the same names;
/// `[packages."<package>:<publisher>".vfs_limits]` has others for the drives of one package.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VfsLimits {
    /// Bytes in the files of one package, in all its drives together.
    pub package_bytes_max: u64,
    /// Files and folders of one package.
    pub package_files_max: u64,
    /// Bytes in one file.
    pub file_bytes_max: u64,
    /// Bytes that one answer carries.
    pub read_bytes_max: u64,
    /// Bytes of text that one answer has in its body: a file read as text, or the paths of a listing.
    pub text_bytes_max: u64,
    /// Entries of one folder that are listed.
    pub dir_entries_max: usize,
    /// Files and folders that one zip makes, counting the folders that are only implied.
    pub zip_entries_max: usize,
    /// Bytes that one zip unpacks to.
    pub zip_bytes_max: u64,
    /// Folders above a file within a zip.
    pub zip_depth_max: usize,
    /// What an answered [`Write`](wharf_types::vfs::VfsAction::Write) survives. Not a bound, but settled in the same
    /// place.
    pub write_durability: Durability,
    /// Cursors of one process that stand elsewhere than at the start.
    pub process_cursors_max: usize,
    /// Cursors of all processes together.
    pub cursors_max: usize,
    /// Requests that use the disk at the same time.
    pub workers_max: usize,
}

/// What an acknowledged write survives. Whatever it is, the file is the old one or the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// The end of the node, however it ends. After a loss of power, what was written in the last seconds may be missing,
    /// unless it was synced.
    Process,
    /// A loss of power, too. Each write waits for the disk.
    Power,
}

impl VfsLimits {
    /// Those that hold for the node as a whole, so that a package cannot have others.
    pub const NODE_WIDE: &[&str] = &["process_cursors_max", "cursors_max", "workers_max"];
}

impl Default for VfsLimits {
    fn default() -> Self {
        Self {
            package_bytes_max: 16 << 30,
            package_files_max: 1_000_000,
            file_bytes_max: 4 << 30,
            read_bytes_max: 256 << 20,
            text_bytes_max: 8 << 20,
            dir_entries_max: 65_536,
            zip_entries_max: 20_000,
            zip_bytes_max: 1 << 30,
            zip_depth_max: 64,
            write_durability: Durability::Process,
            process_cursors_max: 4_096,
            cursors_max: 65_536,
            workers_max: 16,
        }
    }
}

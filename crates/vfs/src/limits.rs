//! Every bound of the vfs, in one place. Reaching one gives an error to whoever caused it.

/// Bounds of the vfs.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VfsLimits {
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
    /// Cursors of one process that stand elsewhere than at the start.
    pub process_cursors_max: usize,
    /// Cursors of all processes together.
    pub cursors_max: usize,
    /// Requests that use the disk at the same time.
    pub workers_max: usize,
}

impl Default for VfsLimits {
    fn default() -> Self {
        Self {
            file_bytes_max: 4 << 30,
            read_bytes_max: 256 << 20,
            text_bytes_max: 8 << 20,
            dir_entries_max: 65_536,
            zip_entries_max: 20_000,
            zip_bytes_max: 1 << 30,
            zip_depth_max: 64,
            process_cursors_max: 256,
            cursors_max: 16_384,
            workers_max: 16,
        }
    }
}

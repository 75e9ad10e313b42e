//! How often each limit refused something, for whoever watches the node.

use std::sync::atomic::{AtomicU64, Ordering};

/// Declares the limits once: the enum, its names, and their number.
macro_rules! limits {
    ($($(#[$doc:meta])* $limit:ident = $name:literal,)*) => {
        /// A limit that can be reached. Its name is that of the setting.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Limit {
            $($(#[$doc])* $limit,)*
        }

        const ALL: &[Limit] = &[$(Limit::$limit,)*];

        impl Limit {
            /// How many there are.
            pub(crate) const COUNT: usize = ALL.len();

            /// The key in `wharf.toml`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$limit => $name,)*
                }
            }
        }
    };
}

limits! {
    /// A mailbox had too many messages to take another.
    MailboxMessages = "mailbox_messages_max",
    /// A mailbox had too many bytes to take another message.
    MailboxBytes = "mailbox_bytes_max",
    /// A process waited for too many responses to ask for another.
    Outstanding = "outstanding_max",
    /// The requests of a process that wait for a response had too many bytes.
    OutstandingBytes = "outstanding_bytes_max",
    /// A body was too large.
    BodyBytes = "body_bytes_max",
    /// A blob was too large.
    BlobBytes = "blob_bytes_max",
    /// A process held too many capabilities to get another.
    Capabilities = "capabilities_max",
    /// A message had too many capabilities; some were left out.
    AttachedCapabilities = "attached_capabilities_max",
    /// A state was too large to be saved.
    StateBytes = "state_bytes_max",
    /// The processes of a package had saved too much.
    PackageStateBytes = "package_state_bytes_max",
    /// Too many processes of a package had saved something.
    PackageStates = "package_states_max",
    /// The node ran too many processes.
    Processes = "processes_max",
    /// A package ran too many processes.
    PackageProcesses = "package_processes_max",
    /// A process had too many children.
    Children = "children_max",
    /// A process was to leave too many requests for its end.
    OnExitRequests = "on_exit_requests_max",
    /// A process printed too much; a line was dropped.
    PrintedBytes = "printed_bytes_per_s_max",
    /// There was too much to say about a process; a line was dropped.
    Notices = "notices_per_s_max",
    /// A caller asked a module for too much at once.
    ModuleRequests = "module_requests_per_caller_max",
    /// A process had too many timers.
    ProcessTimers = "timers_per_process_max",
    /// The node had too many timers.
    Timers = "timers_max",
    /// The files of a package had too many bytes.
    PackageBytes = "package_bytes_max",
    /// A package had too many files and folders.
    PackageFiles = "package_files_max",
    /// A file was to be too large.
    FileBytes = "file_bytes_max",
    /// A process was in the middle of too many files.
    ProcessCursors = "process_cursors_max",
    /// A process had begun too many transactions of databases.
    Transactions = "process_transactions_max",
    /// A transaction of a database gathered too much.
    TransactionBytes = "transaction_bytes_max",
    /// A database was full.
    DatabaseBytes = "database_bytes_max",
    /// A statement of SQL took too long.
    StatementMs = "statement_ms_max",
    /// A query had too many rows.
    Rows = "rows_max",
    /// A process had too many scheduled timers.
    ProcessScheduled = "scheduled_per_process_max",
    /// The node had too many scheduled timers.
    Scheduled = "scheduled_max",
    /// What a scheduled timer was to send was too large.
    ScheduledBodyBytes = "scheduled_body_bytes_max",
    /// A process was asked for too much by HTTP at the same time.
    ProcessRequests = "process_requests_max",
    /// A process had too many WebSockets open.
    ProcessSockets = "process_sockets_max",
    /// A WebSocket's other end did not read what a process sent it.
    SocketQueue = "socket_queue_bytes_max",
    /// A process had too many requests of the HTTP client under way.
    ClientProcessRequests = "client_process_requests_max",
    /// All processes together had.
    ClientRequests = "client_requests_max",
    /// A process had too many WebSockets of the HTTP client.
    ClientProcessSockets = "client_process_sockets_max",
    /// All processes together had.
    ClientSockets = "client_sockets_max",
    /// The body of a request of the HTTP client was too large.
    SentBytes = "sent_bytes_max",
    /// The body of an answer to the HTTP client was too large.
    ReceivedBytes = "received_bytes_max",
    /// The answers to the HTTP client had too many bytes in memory.
    ReceivingBytes = "receiving_bytes_max",
    /// A message of a WebSocket of the HTTP client was too large.
    SocketMessageBytes = "socket_message_bytes_max",
    /// A guest was refused memory.
    MemoryBytes = "memory_bytes_max",
    /// A guest was refused table elements.
    TableElements = "table_elements_max",
    /// A guest made the host allocate too much in one call.
    HostCallBytes = "host_call_bytes_max",
    /// A guest had too many files open.
    OpenFiles = "open_files_max",
    /// All guests together had.
    NodeOpenFiles = "node_open_files_max",
    /// A guest computed for too long.
    CpuBurst = "cpu_burst_ms_max",
    /// A process that handles HTTP had too many requests waiting for an instance.
    HttpWaiting = "http_waiting_max",
    /// The instances of a process that handles HTTP wrote bodies with too many bytes.
    HttpBuffered = "http_buffered_bytes_max",
}

/// One counter for each limit.
#[derive(Debug)]
pub struct LimitHits {
    counts: [AtomicU64; ALL.len()],
}

impl Default for LimitHits {
    fn default() -> Self {
        Self { counts: std::array::from_fn(|_| AtomicU64::new(0)) }
    }
}

impl LimitHits {
    /// A limit refused something. Only called in `Process::hit`, which also tells whoever watches, and where nobody is
    /// there any more of whom to tell it.
    pub(crate) fn count(&self, limit: Limit) {
        // The number of a limit is its place in `ALL`.
        if let Some(count) = self.counts.get(limit as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often a limit refused something since the node came up.
    pub fn get(&self, limit: Limit) -> u64 {
        self.counts.get(limit as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Each limit's name and count.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        ALL.iter().map(|limit| (limit.name(), self.get(*limit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_has_a_name_and_a_counter_of_its_own() {
        let hits = LimitHits::default();
        for (n, limit) in ALL.iter().enumerate() {
            (0..=n).for_each(|_| hits.count(*limit));
        }
        let counted: Vec<_> = hits.iter().collect();
        assert!(counted.iter().zip(1..).all(|((_, count), n)| *count == n), "{counted:?}");
        let names: std::collections::BTreeSet<_> = counted.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), ALL.len());
    }
}

//! The text format, by itself. `tests/` reads the real one with a parser.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use wharf_types::kernel::ProcessPhase;
use wharf_types::metrics::Bucket;

use super::*;

fn process(id: &str, sent: u64) -> ProcessMetrics {
    ProcessMetrics {
        id: id.parse().unwrap(),
        phase: ProcessPhase::Running,
        age_ms: 0,
        received: Traffic::default(),
        sent: Traffic { messages_total: sent, bytes_total: 0 },
        mailbox: 2,
        mailbox_peak: sent,
        mailbox_full_total: 0,
        failed: BTreeMap::from([(FailureReason::Timeout, sent)]),
        restarts_total: 1,
        cpu_ms_total: None,
        memory_bytes: Some(65_536),
        capabilities: 3,
    }
}

fn node_of(processes: Vec<ProcessMetrics>) -> NodeMetrics {
    let time = Histogram {
        buckets: vec![Bucket { le_us: 10, count: 2 }, Bucket { le_us: 1_000_000, count: 3 }],
        count: 6,
        sum_us: 12_000_050,
    };
    let id = "vfs:distro:sys".parse().unwrap();
    NodeMetrics {
        node: "a.os".to_owned(),
        boot: "boot".to_owned(),
        uptime_ms: 1_050,
        phases: BTreeMap::from([(ProcessPhase::Running, 2)]),
        capabilities: 7,
        store: Default::default(),
        events_total: 0,
        limit_hits: BTreeMap::from([("mailbox_messages_max".to_owned(), 9)]),
        modules: vec![ModuleMetrics { id, requests_total: 6, failures_total: 1, in_work: 0, time }],
        families: Vec::new(),
        processes,
    }
}

fn has(text: &str, line: &str) {
    assert!(text.lines().any(|found| found == line), "no line `{line}` in\n{text}");
}

#[test]
fn text_from_outside_cannot_leave_its_place() {
    assert_eq!(escaped("a\"b\\c\nd", Quotes::Escaped), "a\\\"b\\\\c\\nd");
    assert_eq!(escaped("a\"b\\c\nd", Quotes::Plain), "a\"b\\\\c\\nd");
}

#[test]
fn times_are_written_without_rounding() {
    assert_eq!(seconds(1_050, 1_000), "1.050");
    assert_eq!(seconds(10, 1_000_000), "0.000010");
}

#[test]
fn steps_of_a_histogram_add_up() {
    let text = text(&node_of(Vec::new()), 10);
    has(&text, "wharf_module_request_seconds_bucket{module=\"vfs:distro:sys\",le=\"0.000010\"} 2");
    has(&text, "wharf_module_request_seconds_bucket{module=\"vfs:distro:sys\",le=\"1.000000\"} 5");
    has(&text, "wharf_module_request_seconds_bucket{module=\"vfs:distro:sys\",le=\"+Inf\"} 6");
    has(&text, "wharf_module_request_seconds_sum{module=\"vfs:distro:sys\"} 12.000050");
}

#[test]
fn limits_are_counted_by_their_names() {
    has(&text(&node_of(Vec::new()), 10), "wharf_limit_hits_total{limit=\"mailbox_messages_max\"} 9");
}

#[test]
fn beyond_the_bound_processes_are_one() {
    let text = text(&node_of(vec![process("a:x:y", 1), process("b:x:y", 2), process("c:x:y", 4)]), 1);
    has(&text, "wharf_process_messages_total{process=\"a:x:y\",direction=\"out\"} 1");
    has(&text, "wharf_process_messages_total{process=\"other\",direction=\"out\"} 6");
    has(&text, "wharf_process_mailbox_peak{process=\"other\"} 4");
    has(&text, "wharf_process_requests_failed_total{process=\"other\",reason=\"timeout\"} 6");
    has(&text, "wharf_process_memory_bytes{process=\"other\"} 131072");
    assert!(!text.contains("b:x:y") && !text.contains("c:x:y"));
}

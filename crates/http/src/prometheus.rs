//! `GET /metrics`: what the node counts, in the Prometheus text format 0.0.4. For the owner's tools alone, like the RPC
//! endpoint: who speaks how much with whom is nobody else's business.
//!
//! Every time series costs the program that collects it memory, so their number has a bound: the oldest processes are
//! shown one by one, all others together as `other`.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use wharf_types::metrics::{FailureReason, Family, Histogram, ModuleMetrics, NodeMetrics, ProcessMetrics, Traffic};

use crate::access::{NotOwner, check_owner};
use crate::auth::Arrival;
use crate::body::AnswerBody;
use crate::refusal::refuse;
use crate::serve::Server;

const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What all processes that are not shown alone are called.
const OTHER: &str = "other";

/// A family of samples: its name, its kind, its help, and the value for one `T`.
type Described<T, V> = (&'static str, &'static str, &'static str, fn(&T) -> V);

/// Answers a request for the counters.
pub(crate) fn answer<B>(server: &Server, arrival: &Arrival, request: Request<B>) -> Response<AnswerBody> {
    let (parts, _) = request.into_parts();
    match check_owner(arrival.peer.ip(), &parts, &server.token) {
        Ok(()) => {}
        Err(reason @ NotOwner::NotLocal(_)) => return refuse(StatusCode::FORBIDDEN, reason),
        Err(reason @ NotOwner::NoToken) => return refuse(StatusCode::UNAUTHORIZED, reason),
    }
    if parts.method != Method::GET {
        let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, "only GET is understood here");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        return response;
    }
    let text = text(&server.handle.kernel().metrics(), server.settings.metrics_processes_max);
    let mut response = Response::new(AnswerBody::from(text.into_bytes()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(FORMAT));
    response
}

fn text(metrics: &NodeMetrics, processes_max: usize) -> String {
    let mut page = Page::default();
    node(&mut page, metrics);
    modules(&mut page, &metrics.modules);
    metrics.families.iter().for_each(|counted| family(&mut page, counted));
    let (alone, others) = metrics.processes.split_at_checked(processes_max).unwrap_or((&metrics.processes, &[]));
    let mut shown: Vec<_> = alone.iter().map(Shown::alone).collect();
    if !others.is_empty() {
        shown.push(Shown::together(others));
    }
    processes(&mut page, &shown);
    page.0
}

fn node(page: &mut Page, metrics: &NodeMetrics) {
    page.begin("wharf_node_info", "gauge", "The node and this boot of it; always 1");
    page.sample("wharf_node_info", &[("node", &metrics.node), ("boot", &metrics.boot)], 1);
    page.one("wharf_uptime_seconds", "gauge", "Time since the node came up", seconds(metrics.uptime_ms, 1_000));
    page.begin("wharf_processes", "gauge", "Processes by phase");
    for (phase, count) in &metrics.phases {
        page.sample("wharf_processes", &[("phase", &format!("{phase:?}").to_lowercase())], count);
    }
    page.one("wharf_capabilities", "gauge", "Capabilities held", metrics.capabilities);
    page.one("wharf_events_total", "counter", "Events of processes and capabilities", metrics.events_total);
    page.begin("wharf_limit_hits_total", "counter", "Times that a limit refused something");
    for (limit, count) in &metrics.limit_hits {
        page.sample("wharf_limit_hits_total", &[("limit", limit)], count);
    }
    let store = &metrics.store;
    page.one("wharf_store_commits_total", "counter", "Transactions made durable", store.commits_total);
    page.one("wharf_store_writes_total", "counter", "Writes made durable in those", store.writes_total);
    page.one("wharf_store_batch_max", "gauge", "Most writes that shared one transaction", store.batch_max);
}

fn modules(page: &mut Page, modules: &[ModuleMetrics]) {
    let counters: [Described<ModuleMetrics, u64>; 3] = [
        ("wharf_module_requests_total", "counter", "Requests handled or refused", |module| module.requests_total),
        ("wharf_module_failures_total", "counter", "Requests refused or failed", |module| module.failures_total),
        ("wharf_module_requests_in_work", "gauge", "Requests worked on now", |module| module.in_work),
    ];
    for (name, kind, help, value) in counters {
        page.begin(name, kind, help);
        for module in modules {
            page.sample(name, &[("module", &module.id.to_string())], value(module));
        }
    }
    page.begin("wharf_module_request_seconds", "histogram", "Time until a request was answered or put off");
    for module in modules {
        page.histogram("wharf_module_request_seconds", ("module", &module.id.to_string()), &module.time);
    }
}

fn family(page: &mut Page, family: &Family) {
    let name = format!("wharf_{}_total", family.name);
    page.begin(&name, "counter", &family.help);
    for (value, count) in &family.values {
        page.sample(&name, &[(&family.label, value)], count);
    }
}

/// One process, or the sum of many.
struct Shown {
    name: String,
    received: Traffic,
    sent: Traffic,
    mailbox: u64,
    mailbox_peak: u64,
    mailbox_full: u64,
    failed: BTreeMap<FailureReason, u64>,
    restarts: u64,
    cpu_ms: Option<u64>,
    memory_bytes: Option<u64>,
}

impl Shown {
    fn alone(process: &ProcessMetrics) -> Self {
        Self {
            name: process.id.to_string(),
            received: process.received,
            sent: process.sent,
            mailbox: process.mailbox,
            mailbox_peak: process.mailbox_peak,
            mailbox_full: process.mailbox_full_total,
            failed: process.failed.clone(),
            restarts: process.restarts_total,
            cpu_ms: process.cpu_ms_total,
            memory_bytes: process.memory_bytes,
        }
    }

    fn together(processes: &[ProcessMetrics]) -> Self {
        let sum = |value: fn(&ProcessMetrics) -> u64| processes.iter().map(value).sum();
        let sum_known = |value: fn(&ProcessMetrics) -> Option<u64>| {
            processes.iter().filter_map(value).fold(None, |sum: Option<u64>, value| Some(sum.unwrap_or(0) + value))
        };
        let traffic = |which: fn(&ProcessMetrics) -> Traffic| Traffic {
            messages_total: processes.iter().map(|process| which(process).messages_total).sum(),
            bytes_total: processes.iter().map(|process| which(process).bytes_total).sum(),
        };
        let mut failed: BTreeMap<FailureReason, u64> = BTreeMap::new();
        for (reason, count) in processes.iter().flat_map(|process| &process.failed) {
            *failed.entry(*reason).or_default() += count;
        }
        Self {
            name: OTHER.to_owned(),
            received: traffic(|process| process.received),
            sent: traffic(|process| process.sent),
            mailbox: sum(|process| process.mailbox),
            mailbox_peak: processes.iter().map(|process| process.mailbox_peak).max().unwrap_or_default(),
            mailbox_full: sum(|process| process.mailbox_full_total),
            failed,
            restarts: sum(|process| process.restarts_total),
            cpu_ms: sum_known(|process| process.cpu_ms_total),
            memory_bytes: sum_known(|process| process.memory_bytes),
        }
    }
}

fn processes(page: &mut Page, shown: &[Shown]) {
    let traffic: [Described<Traffic, u64>; 2] = [
        ("wharf_process_messages_total", "counter", "Messages received and sent", |traffic| traffic.messages_total),
        ("wharf_process_message_bytes_total", "counter", "Bytes of their bodies and blobs", |traffic| {
            traffic.bytes_total
        }),
    ];
    for (name, kind, help, value) in traffic {
        page.begin(name, kind, help);
        for process in shown {
            for (direction, traffic) in [("in", &process.received), ("out", &process.sent)] {
                page.sample(name, &[("process", &process.name), ("direction", direction)], value(traffic));
            }
        }
    }
    page.begin("wharf_process_requests_failed_total", "counter", "Requests of a process that failed");
    for process in shown {
        for (reason, count) in &process.failed {
            let labels = [("process", process.name.as_str()), ("reason", reason.as_str())];
            page.sample("wharf_process_requests_failed_total", &labels, count);
        }
    }
    let figures: [Described<Shown, Option<u64>>; 5] = [
        ("wharf_process_mailbox_messages", "gauge", "Messages waiting for a process", |shown| Some(shown.mailbox)),
        ("wharf_process_mailbox_peak", "gauge", "Most that waited at once", |shown| Some(shown.mailbox_peak)),
        ("wharf_process_mailbox_full_total", "counter", "Requests that found it full", |shown| {
            Some(shown.mailbox_full)
        }),
        ("wharf_process_restarts_total", "counter", "Times a process was started again", |shown| Some(shown.restarts)),
        ("wharf_process_memory_bytes", "gauge", "Linear memory of a process", |shown| shown.memory_bytes),
    ];
    for (name, kind, help, value) in figures {
        page.begin(name, kind, help);
        for process in shown {
            if let Some(value) = value(process) {
                page.sample(name, &[("process", &process.name)], value);
            }
        }
    }
    page.begin("wharf_process_cpu_seconds_total", "counter", "Processor time of a process");
    for process in shown {
        if let Some(ms) = process.cpu_ms {
            page.sample("wharf_process_cpu_seconds_total", &[("process", &process.name)], seconds(ms, 1_000));
        }
    }
}

/// `count` parts of a second, of which there are `per_second`, as a decimal number without rounding.
fn seconds(count: u64, per_second: u64) -> String {
    let digits = per_second.ilog10() as usize;
    format!("{}.{:0digits$}", count / per_second, count % per_second)
}

/// The text as it grows.
#[derive(Default)]
struct Page(String);

impl Page {
    /// Says what the samples that follow are. All samples of one name come together.
    fn begin(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {}\n# TYPE {name} {kind}", escaped(help, Quotes::Plain));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        if !labels.is_empty() {
            let labels = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value, Quotes::Escaped)));
            let _ = write!(self.0, "{{{}}}", labels.collect::<Vec<_>>().join(","));
        }
        let _ = writeln!(self.0, " {value}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.begin(name, kind, help);
        self.sample(name, &[], value);
    }

    /// The format wants each step to have those before it in it.
    fn histogram(&mut self, name: &str, label: (&str, &str), histogram: &Histogram) {
        let bucket = format!("{name}_bucket");
        let mut so_far = 0;
        for step in &histogram.buckets {
            so_far += step.count;
            self.sample(&bucket, &[label, ("le", &seconds(step.le_us, 1_000_000))], so_far);
        }
        self.sample(&bucket, &[label, ("le", "+Inf")], histogram.count);
        self.sample(&format!("{name}_sum"), &[label], seconds(histogram.sum_us, 1_000_000));
        self.sample(&format!("{name}_count"), &[label], histogram.count);
    }
}

/// Whether a quote ends the text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    /// In help, it does not.
    Plain,
    /// In the value of a label, it does.
    Escaped,
}

fn escaped(text: &str, quotes: Quotes) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes == Quotes::Escaped => out.push_str("\\\""),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
#[path = "prometheus_tests.rs"]
mod tests;

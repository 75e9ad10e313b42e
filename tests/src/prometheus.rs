//! A strict reader of the Prometheus text format 0.0.4: whatever it does not expect fails the test.

use std::collections::{BTreeMap, BTreeSet};

/// A name and its labels.
type Series = (String, BTreeMap<String, String>);

/// A page of counters.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// What each family of samples is: `counter`, `gauge`, `histogram`.
    pub kinds: BTreeMap<String, String>,
    /// The samples by name and labels, in the order of the names of the labels.
    samples: BTreeMap<Series, f64>,
}

impl Page {
    /// Reads a page.
    pub fn read(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line is not ended");
        let (mut page, mut helped, mut current) = (Self::default(), BTreeSet::new(), String::new());
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, text) = help.split_once(' ').unwrap_or_else(|| panic!("help without text: {line}"));
                assert!(is_name(name) && !text.is_empty(), "{line}");
                assert!(helped.insert(name.to_owned()), "{name} is explained twice");
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert!(matches!(kind, "counter" | "gauge" | "histogram"), "{line}");
                assert!(helped.contains(name), "{name} is not explained");
                assert!(page.kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} begins twice");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                name.clone_into(&mut current);
            } else {
                page.sample(line, &current);
            }
        }
        page.check_histograms();
        page
    }

    fn sample(&mut self, line: &str, family: &str) {
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line:?}"));
        let (name, labels) = match series.split_once('{') {
            None => (series, BTreeMap::new()),
            Some((name, labels)) => (name, read_labels(labels)),
        };
        assert!(is_name(name), "{line}");
        let of_histogram = ["_bucket", "_sum", "_count"].iter().any(|suffix| name.strip_suffix(suffix) == Some(family));
        let histogram = self.kinds.get(family).is_some_and(|kind| kind == "histogram");
        assert!(if histogram { of_histogram } else { name == family }, "{line} stands among the samples of {family}");
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        assert!(value.is_finite() && value >= 0.0, "{line}");
        assert!(self.samples.insert((name.to_owned(), labels), value).is_none(), "twice: {line}");
    }

    fn check_histograms(&self) {
        let mut steps: BTreeMap<Series, Vec<(f64, f64)>> = BTreeMap::new();
        for ((name, labels), value) in &self.samples {
            let Some(family) = name.strip_suffix("_bucket") else { continue };
            let mut labels = labels.clone();
            let le = labels.remove("le").expect("a step has a bound");
            let le = if le == "+Inf" { f64::INFINITY } else { le.parse().unwrap() };
            steps.entry((family.to_owned(), labels)).or_default().push((le, *value));
        }
        for ((family, labels), mut steps) in steps {
            steps.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(steps.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{family} {labels:?}: {steps:?}");
            let count = self.samples[&(format!("{family}_count"), labels.clone())];
            assert_eq!(steps.last(), Some(&(f64::INFINITY, count)), "{family} {labels:?}");
            assert!(self.samples.contains_key(&(format!("{family}_sum"), labels)));
        }
    }

    /// The value of a sample.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.samples.get(&(name.to_owned(), labels)).copied()
    }

    /// The values that a label has in the samples of a name.
    pub fn values_of(&self, name: &str, label: &str) -> BTreeSet<String> {
        let samples = self.samples.keys().filter(|(found, _)| found == name);
        samples.filter_map(|(_, labels)| labels.get(label).cloned()).collect()
    }
}

fn is_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    first && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':')
}

/// `a="x",b="y"}`
fn read_labels(text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut rest = text;
    loop {
        let (name, value) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {rest}"));
        assert!(is_name(name) && !name.contains(':'), "{text}");
        let mut read = String::new();
        let mut chars = value.char_indices();
        let end = loop {
            match chars.next().unwrap_or_else(|| panic!("the value does not end: {text}")) {
                (at, '"') => break at,
                (_, '\\') => read.push(match chars.next().map(|(_, c)| c) {
                    Some('n') => '\n',
                    Some(c @ ('\\' | '"')) => c,
                    other => panic!("unknown escape {other:?}: {text}"),
                }),
                (_, c) => read.push(c),
            }
        };
        assert!(labels.insert(name.to_owned(), read).is_none(), "a label twice: {text}");
        match value[end + 1..].strip_prefix(',') {
            Some(more) => rest = more,
            None => {
                assert_eq!(&value[end + 1..], "}", "{text}");
                return labels;
            }
        }
    }
}

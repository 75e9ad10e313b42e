//! The result: one table for people, or JSON for programs.

use anyhow::Result;
use serde::Serialize;

use crate::compare::Compared;
use crate::machine::Machine;

/// Format of the JSON. It goes up when a field changes its meaning or goes away.
const JSON_FORMAT: u32 = 1;

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Unit {
    /// Nanoseconds.
    #[serde(rename = "ns")]
    Nanoseconds,
    /// Microseconds.
    #[serde(rename = "us")]
    Microseconds,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Thousands in a second.
    #[serde(rename = "k/s")]
    ThousandsPerSecond,
    /// In a second.
    #[serde(rename = "/s")]
    PerSecond,
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Kibibytes.
    #[serde(rename = "KiB")]
    Kibibytes,
    /// Mebibytes in a second.
    #[serde(rename = "MiB/s")]
    MebibytesPerSecond,
    /// How many times as much.
    #[serde(rename = "x")]
    Times,
}

impl Unit {
    fn text(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Microseconds => "us",
            Self::Milliseconds => "ms",
            Self::ThousandsPerSecond => "k/s",
            Self::PerSecond => "/s",
            Self::Seconds => "s",
            Self::Kibibytes => "KiB",
            Self::MebibytesPerSecond => "MiB/s",
            Self::Times => "x",
        }
    }
}

/// One line.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// For programs; never changes.
    id: String,
    /// For people.
    what: String,
    unit: Unit,
    wharf: f64,
    native: Option<f64>,
    /// Ours divided by theirs.
    native_ratio: Option<f64>,
    erlang: Option<f64>,
    erlang_ratio: Option<f64>,
    /// At most so much is aimed at.
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<f64>,
}

impl Row {
    /// Joins the figures of everyone.
    pub(crate) fn new(id: &str, what: &str, unit: Unit, figures: Compared<f64>) -> Self {
        let Compared { wharf, native, erlang } = figures;
        let ratio = |theirs: Option<f64>| theirs.filter(|theirs| *theirs > 0.0).map(|theirs| wharf / theirs);
        Self {
            id: id.to_owned(),
            what: what.to_owned(),
            unit,
            wharf,
            native,
            native_ratio: ratio(native),
            erlang,
            erlang_ratio: ratio(erlang),
            goal: None,
        }
    }

    /// Something that nobody else does, with the most that it should be.
    pub(crate) fn with_goal(id: &str, what: &str, unit: Unit, (figure, goal): (f64, f64)) -> Self {
        let figures = Compared { wharf: figure, native: None, erlang: None };
        Self { goal: Some(goal), ..Self::new(id, what, unit, figures) }
    }

    fn cells(&self) -> [String; 7] {
        let figure = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), figure_text);
        let ratio =
            |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{}x", figure_text(value)));
        let what = match self.goal {
            Some(goal) => format!("{} (goal {})", self.what, figure_text(goal)),
            None => self.what.clone(),
        };
        [
            what,
            self.unit.text().to_owned(),
            figure(Some(self.wharf)),
            figure(self.native),
            ratio(self.native_ratio),
            figure(self.erlang),
            ratio(self.erlang_ratio),
        ]
    }
}

/// Three digits that count.
fn figure_text(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.1 => 2,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

/// What a benchmark found.
#[derive(Default)]
pub(crate) struct Findings {
    /// Lines of the table.
    pub(crate) rows: Vec<Row>,
    /// What one must know to read them.
    pub(crate) notes: Vec<String>,
}

/// Everything that was found.
#[derive(Serialize)]
pub(crate) struct Report {
    format: u32,
    machine: Machine,
    rounds: usize,
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Report {
    /// Nothing yet.
    pub(crate) fn new(machine: Machine, rounds: usize) -> Self {
        Self { format: JSON_FORMAT, machine, rounds, rows: Vec::new(), notes: Vec::new() }
    }

    /// Adds what a benchmark found.
    pub(crate) fn add(&mut self, findings: Findings) {
        self.rows.extend(findings.rows);
        self.notes.extend(findings.notes);
    }

    /// Shows what the figures are taken on.
    pub(crate) fn print_head(&self) {
        let Machine { cores, processor, kernel, load, wharfd, erlang } = &self.machine;
        println!("{cores} cores of {processor}, Linux {kernel}, load {load}");
        match erlang {
            Some(release) => println!("{wharfd}, Erlang/OTP {release}"),
            None => println!("{wharfd}"),
        }
        println!("best of {} rounds, taken in turns; a ratio is ours divided by theirs", self.rounds);
        println!();
    }

    /// Shows the table and the notes.
    pub(crate) fn print_table(&self) -> Result<()> {
        let head = ["what", "unit", "wharf", "native", "ratio", "erlang", "ratio"].map(str::to_owned);
        let lines: Vec<_> = std::iter::once(head).chain(self.rows.iter().map(Row::cells)).collect();
        let mut widths = [0; 7];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = cell.chars().count().max(*width);
            }
        }
        for line in &lines {
            let cells = line.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
                0 | 1 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
        }
        if !self.notes.is_empty() {
            println!();
            self.notes.iter().for_each(|note| println!("- {note}"));
        }
        Ok(())
    }

    /// Shows all of it as JSON.
    pub(crate) fn print_json(&self) -> Result<()> {
        println!("{}", serde_json::to_string_pretty(self)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_ours_divided_by_theirs_and_absent_with_them() {
        let figures = Compared { wharf: 3.0, native: Some(2.0), erlang: None };
        let cells = Row::new("a", "a thing", Unit::Microseconds, figures).cells();
        assert_eq!(cells, ["a thing", "us", "3.00", "2.00", "1.50x", "-", "-"].map(str::to_owned));
    }

    #[test]
    fn a_goal_stands_beside_what_it_is_for() {
        let cells = Row::with_goal("a", "a thing", Unit::Seconds, (1.0, 5.0)).cells();
        assert_eq!(cells, ["a thing (goal 5.00)", "s", "1.00", "-", "-", "-", "-"].map(str::to_owned));
    }

    #[test]
    fn figures_have_three_digits_that_count() {
        assert_eq!([1234.5, 12.34, 1.234, 0.01234].map(figure_text), ["1234", "12.3", "1.23", "0.0123"]);
    }
}

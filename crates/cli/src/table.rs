//! Aligned columns.

use crate::output::{Colour, Style};
use crate::text;

/// Which side of its column a cell stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// One field of a row.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A cell with `text`, made safe for a terminal.
    pub(crate) fn new(text: impl ToString) -> Self {
        Self::styled(text, Style::Plain)
    }

    /// The same, with a style.
    pub(crate) fn styled(text: impl ToString, style: Style) -> Self {
        Self { text: text::clean_line(&text.to_string()), style }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// Columns with a title each, and rows of cells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    columns: Vec<(Cell, Align)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these columns and no rows.
    pub(crate) fn new(columns: &[(&str, Align)]) -> Self {
        let columns = columns.iter().map(|(title, align)| (Cell::styled(title, Style::Dim), *align)).collect();
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row. Cells beyond the last column are not shown.
    pub(crate) fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// The whole table, each line ended.
    pub(crate) fn render(&self, colour: Colour) -> String {
        let widths: Vec<usize> = (self.columns.iter().enumerate())
            .map(|(i, (title, _))| {
                self.rows.iter().filter_map(|row| row.get(i)).map(Cell::width).fold(title.width(), usize::max)
            })
            .collect();
        let titles: Vec<Cell> = self.columns.iter().map(|(title, _)| title.clone()).collect();
        std::iter::once(&titles).chain(&self.rows).map(|row| self.line(row, &widths, colour)).collect()
    }

    fn line(&self, row: &[Cell], widths: &[usize], colour: Colour) -> String {
        let mut line = String::new();
        // Blanks are written only in front of what follows them: no line ends in blanks.
        let mut gap = 0;
        for ((cell, (_, align)), width) in row.iter().zip(&self.columns).zip(widths) {
            let free = width.saturating_sub(cell.width());
            let (before, after) = match align {
                Align::Left => (0, free),
                Align::Right => (free, 0),
            };
            if cell.text.is_empty() {
                gap += width + 2;
                continue;
            }
            line.extend(std::iter::repeat_n(' ', gap + before));
            line += &colour.paint(cell.style, &cell.text);
            gap = after + 2;
        }
        line.push('\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[("NAME", Align::Left), ("COUNT", Align::Right), ("LAST", Align::Left)]);
        table.push(vec![Cell::new("a-long-name"), Cell::new(7), Cell::new("")]);
        table.push(vec![Cell::styled("b", Style::Red), Cell::new(1_234_567), Cell::new("x\ny")]);
        table
    }

    #[test]
    fn numbers_stand_right_and_no_line_ends_in_blanks() {
        let expected = "NAME           COUNT  LAST\na-long-name        7\nb            1234567  x\\ny\n";
        assert_eq!(table().render(Colour::Off), expected);
    }

    #[test]
    fn colour_does_not_move_columns() {
        let plain = table().render(Colour::On).replace("\x1b[31m", "").replace("\x1b[2m", "").replace("\x1b[0m", "");
        assert_eq!(plain, table().render(Colour::Off));
    }
}

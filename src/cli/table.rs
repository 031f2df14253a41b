//! Columns for a person: as wide as their longest cell, two spaces between them, none behind.

use std::fmt;

use super::terminal::{Colour, Form};
use crate::domain::plain::visible;

/// A table of texts, each of them on one line, whatever stands in it.
pub(super) struct Table {
    headings: Vec<String>,
    rows: Vec<Row>,
    /// The column that has a colour.
    mark: usize,
}

struct Row {
    cells: Vec<String>,
    colour: Option<Colour>,
}

impl Table {
    /// With these headings; none for a table without.
    pub(super) fn new(headings: &[&str]) -> Self {
        let headings = headings.iter().map(|heading| (*heading).to_owned()).collect();
        Self { headings, rows: Vec::new(), mark: 0 }
    }

    /// The same, whose rows say by this column how they stand.
    pub(super) fn marked(self, column: usize) -> Self {
        Self { mark: column, ..self }
    }

    /// Adds a line.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.coloured(cells, None);
    }

    /// Adds a line whose marked cell has a colour, where there are any.
    pub(super) fn coloured(&mut self, cells: impl IntoIterator<Item = String>, colour: Option<Colour>) {
        let cells = cells.into_iter().map(|cell| visible(&cell).into_owned());
        self.rows.push(Row { cells: cells.collect(), colour });
    }

    /// As it is printed.
    pub(super) fn show(&self, form: Form) -> String {
        let headings = [&self.headings].into_iter().filter(|headings| !headings.is_empty() && !form.no_headers);
        let headings = headings.map(|headings| (headings, None));
        let rows: Vec<_> = headings.chain(self.rows.iter().map(|row| (&row.cells, row.colour))).collect();
        let columns = rows.iter().map(|(cells, _)| cells.len()).max().unwrap_or(0);
        let width = |column: usize| rows.iter().filter_map(|(cells, _)| Some(cells.get(column)?.chars().count())).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        let mut text = String::new();
        for (cells, colour) in &rows {
            let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            let line = padded.join("  ");
            let line = line.trim_end();
            match colour.filter(|_| form.colour) {
                Some(colour) => text.push_str(&painted(cells, &widths, (self.mark, colour))),
                None => text.push_str(line),
            }
            text.push('\n');
        }
        text
    }
}

/// A line in which one cell has a colour, and none of the spaces beside it.
fn painted(cells: &[String], widths: &[usize], (mark, colour): (usize, Colour)) -> String {
    let last = cells.iter().rposition(|cell| !cell.is_empty()).unwrap_or(0);
    let shown = cells.iter().zip(widths).enumerate().take(last + 1);
    let shown = shown.map(|(column, (cell, width))| {
        let gap = if column == last { 0 } else { width.saturating_sub(cell.chars().count()) };
        let cell = if column == mark { colour.paint(cell) } else { cell.clone() };
        format!("{cell}{:gap$}", "")
    });
    shown.collect::<Vec<_>>().join("  ")
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show(Form::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_shown_and_does_nothing_else() {
        let mut table = Table::new(&["NAME", "STATE"]).marked(1);
        table.coloured(["we\u{1b}[31mb\n::error::x", "fai\u{202e}led"].map(str::to_owned), Some(Colour::Red));
        assert_eq!(table.to_string(), "NAME                STATE\nwe[31mb ::error::x  failed\n");
    }

    #[test]
    fn a_colour_repeats_a_word_and_moves_no_column() {
        let mut table = Table::new(&["NAME", "STATE", "WHY"]).marked(1);
        table.coloured(["web", "failed", ""].map(str::to_owned), Some(Colour::Red));
        table.coloured(["a-long-name", "ok", "x"].map(str::to_owned), Some(Colour::Green));
        table.row(["b", "idle", ""].map(str::to_owned));
        let plain = "NAME         STATE   WHY\nweb          failed\na-long-name  ok      x\nb            idle\n";
        assert_eq!(table.to_string(), plain);
        let coloured = table.show(Form { colour: true, ..Form::default() });
        assert!(coloured.contains("\u{1b}[31mfailed\u{1b}[0m\n") && coloured.contains("\u{1b}[32mok\u{1b}[0m      x"));
        let escapes = regex::Regex::new("\u{1b}\\[[0-9]+m").unwrap();
        assert_eq!(escapes.replace_all(&coloured, ""), plain);
        let bare = table.show(Form { no_headers: true, ..Form::default() });
        assert_eq!(bare, plain.split_once('\n').unwrap().1);
    }
}

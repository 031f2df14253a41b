//! Columns for a person: as wide as their longest cell, two spaces between them, none behind.

use std::fmt;

/// A table of texts.
pub(super) struct Table(Vec<Vec<String>>);

impl Table {
    /// With these headings; none for a table without.
    pub(super) fn new(headings: &[&str]) -> Self {
        let headings: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
        Self(if headings.is_empty() { Vec::new() } else { vec![headings] })
    }

    /// Adds a line.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.push(cells.into_iter().collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| self.0.iter().filter_map(|row| Some(row.get(column)?.chars().count())).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        for row in &self.0 {
            let padded: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            writeln!(f, "{}", padded.join("  ").trim_end())?;
        }
        Ok(())
    }
}

//! What was measured, what was promised, whether it holds.

/// Rows in the order in which they were measured.
pub(crate) struct Table(Vec<[String; 4]>);

impl Table {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    /// A row, also told at once on standard error.
    pub(crate) fn row(&mut self, what: &str, measured: String, bound: &str, holds: bool) {
        let word = if holds { "holds" } else { "MISSED" };
        eprintln!("{what}: {measured} ({bound}): {word}");
        self.0.push([what.into(), measured, bound.into(), word.into()]);
    }

    pub(crate) fn print(&self) {
        println!("\n| what | measured | bound | |\n|---|---|---|---|");
        for row in &self.0 {
            println!("| {} |", row.join(" | "));
        }
    }
}

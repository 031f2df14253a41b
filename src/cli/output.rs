//! How commands print.

use clap::ValueEnum;

use super::terminal::Terminal;

/// How a command prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// Columns for a person
    Table,
    /// More columns
    Wide,
    /// Names only, one a line
    Name,
    /// For programs, with a schema field
    Json,
    /// The same as YAML
    Yaml,
}

impl Output {
    /// What is printed, in letters that the reader's terminal shows; what is for programs is left as it is.
    pub(super) fn to(self, terminal: Terminal, text: String) -> String {
        match self {
            Self::Table | Self::Wide => terminal.text(text),
            Self::Name | Self::Json | Self::Yaml => text,
        }
    }
}

//! A workload that is looked at, wherever it is from.

use serde::Serialize;

use crate::domain::workload::Workload;

/// A workload, and how it is shown.
pub(super) struct Subject<'w> {
    pub(super) workload: &'w Workload,
    /// As `kubectl` abbreviates it.
    pub(super) kind: &'w str,
    /// The file that describes it, and the line of each container's image.
    pub(super) written: Option<(&'w str, &'w [usize])>,
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Spot {
    /// As it was named; `-` is standard input.
    pub(super) file: String,
    /// Counted from 1.
    pub(super) line: usize,
}

impl<'w> Subject<'w> {
    /// A workload of a cluster.
    pub(super) fn of(workload: &'w Workload) -> Self {
        Self { workload, kind: workload.id.kind.short(), written: None }
    }

    pub(super) fn container(&self, place: usize) -> &'w str {
        self.workload.containers.get(place).map_or("", |container| &*container.name)
    }

    pub(super) fn spot(&self, place: usize) -> Option<Spot> {
        let (file, lines) = self.written?;
        Some(Spot { file: file.to_owned(), line: lines.get(place).copied().unwrap_or_default() })
    }
}

//! `image-watcher check FILE|DIR…`: the images that manifests name, without a cluster.

mod manifest;
#[cfg(test)]
mod snapshots;
mod walk;
mod yaml;

use std::path::PathBuf;

pub(in crate::cli) use self::manifest::Manifest;
pub(in crate::cli) use self::walk::Missing;
use self::walk::Room;
use super::look::Look;
use super::report::{FilesRead, Report};
use super::row::Unread;
use super::stands::Place;
use super::subject::{Spot, Subject};
use crate::ambient::Ambient;
use crate::config::Config;
use crate::domain::fleet::{Fleet, Limits};
use crate::domain::settings::Bounds;
use crate::outbound::{Outbound, OutboundError};
use crate::registry::Registry;

/// All that was read, before any registry is asked.
#[derive(Default)]
pub(in crate::cli) struct Files {
    /// With the file that each is from.
    manifests: Vec<(String, Manifest)>,
    unread: Vec<Unread>,
    read: FilesRead,
    /// Whether there is an object in any of them.
    has_object: bool,
}

/// Reads files, folders, and `-` for standard input; where `only_watched`, nothing that the service would not watch.
pub(in crate::cli) fn read(paths: &[PathBuf], only_watched: bool) -> Result<Files, Missing> {
    let (mut files, mut room) = (Files::default(), Room::default());
    for found in walk::find(paths)? {
        let text = match found.wrong {
            None => room.read(&found.path),
            Some(wrong) => Err(wrong),
        };
        match text {
            Ok(text) => files.take((&found.file, found.is_named), &text, only_watched),
            Err(error) => files.unread.push(Unread::of_file(found.file, 0, None, &error)),
        }
    }
    if files.is_empty() {
        let named: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        files.unread.push(Unread::nowhere(format!("there is no manifest in {}", named.join(", "))));
    }
    Ok(files)
}

/// The workloads of files, and what of them can't be read, a line each.
///
/// # Errors
/// [`Missing`] for a file that is not there, or may not be read.
pub(in crate::cli) fn manifests(paths: &[PathBuf]) -> Result<(Vec<Manifest>, Vec<String>), Missing> {
    let files = read(paths, false)?;
    let unread = files.unread.iter().map(Unread::told).collect();
    Ok((files.manifests.into_iter().map(|(_, manifest)| manifest).collect(), unread))
}

/// Asks the registries about what was read, and decides as the service would.
pub(in crate::cli) async fn check_files(
    config: &Config,
    outbound: Result<Outbound, OutboundError>,
    files: Files,
) -> anyhow::Result<Report> {
    let ambient = Ambient::system();
    let registry = super::registry(config, &outbound?, &ambient)?;
    let report = files.report(&super::super::bounds(config), &registry, &ambient).await;
    Ok(Report { settings: super::ran_with(config), ..report })
}

impl Files {
    /// Whether no object was found at all, as where what should have made the manifests failed.
    fn is_empty(&self) -> bool {
        !self.has_object && self.unread.is_empty()
    }

    fn take(&mut self, (file, is_named): (&str, bool), text: &str, only_watched: bool) {
        let read = manifest::read(text, !is_named);
        self.has_object |= read.has_object;
        self.read.files += 1;
        self.read.passed_over += read.others;
        for manifest in read.manifests {
            if only_watched && !manifest.is_watched {
                self.read.passed_over += 1;
            } else {
                self.read.workloads += 1;
                self.manifests.push((file.to_owned(), manifest));
            }
        }
        let wrong = read.wrong.into_iter();
        self.unread.extend(
            wrong.map(|(document, error)| Unread::of_file(file.to_owned(), error.line(), Some(document), &error)),
        );
    }

    async fn report<R: Registry>(self, bounds: &Bounds, registry: &R, ambient: &Ambient) -> Report {
        let started = ambient.monotonic();
        let subjects: Vec<Subject<'_>> = self.manifests.iter().map(subject).collect();
        let (fleet, limits) = (Fleet::default(), Limits::default());
        let look = Look { bounds, place: Place::Files, registry, ambient, fleet, limits, brake: None };
        let (rows, lists) = look.rows(&subjects).await;
        let took = ambient.monotonic().saturating_sub(started);
        Report { rows, unread: self.unread, lists, took, settings: Vec::new(), files: Some(self.read) }
    }
}

fn subject((file, manifest): &(String, Manifest)) -> Subject<'_> {
    let written = Some((file.as_str(), &manifest.lines[..]));
    Subject { workload: &manifest.workload, kind: &manifest.kind, written }
}

impl Unread {
    /// A file, or a document of it.
    fn of_file(file: String, line: usize, document: Option<usize>, error: &(dyn std::error::Error + 'static)) -> Self {
        let error = crate::telemetry::chain(error).to_string();
        Self { namespace: None, kind: None, spot: Some(Spot { file, line }), document, error }
    }
}

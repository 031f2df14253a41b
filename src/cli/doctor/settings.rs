//! What the start warns about, and whether the data folder takes what is to be kept in it.

use std::io::ErrorKind;
use std::path::Path;

use super::{Check, Result};
use crate::config::queue::QueueConfig;
use crate::config::{Config, Problem};
use crate::filesystem::{Filesystem, try_to_write};

pub(super) fn checks(config: &Config, wrong: &[Problem]) -> Vec<Check> {
    let mut checks: Vec<Check> = wrong.iter().map(refused_setting).collect();
    if wrong.is_empty() {
        checks.push(Check::ok("the configuration can be used"));
    }
    if config.dry_run {
        let (name, hint) = ("IMAGE_WATCHER_DRY_RUN".to_owned(), "unset it to let updates happen");
        let told = "everything is decided and told as «would», and nothing is written to the cluster";
        checks.push(Check::but(name, Result::Warn, told, hint));
    }
    for warning in &config.warnings {
        let hint = "change or unset it, if it was meant otherwise";
        checks.push(Check::but(warning.variable.clone(), Result::Warn, warning.problem.clone(), hint));
    }
    checks.extend(config.templates.files().map(|file| {
        Check::ok(format!("the template {file} is used in the place of the built-in one; it stood hostile data"))
    }));
    checks.push(data_folder(&config.data, matches!(config.queue, QueueConfig::Sqlite)));
    checks
}

fn refused_setting(wrong: &Problem) -> Check {
    let hint = "mend it: a service that runs goes on by what was in force before, and does not start again with this";
    Check::but(wrong.variable.clone(), Result::Fail, wrong.problem.clone(), hint)
}

/// Whether a file can be written and taken away. A folder that is not there yet is made at the start, above which the
/// nearest one that is there has to take it.
fn data_folder(folder: &Path, holds_queue: bool) -> Check {
    let what = format!("data folder {}", folder.display());
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let Some(nearest) = whole.ancestors().find(|ancestor| ancestor.exists()) else {
        return Check::but(
            what,
            Result::Fail,
            "it is not there, nor anything above it",
            "see IMAGE_WATCHER_DATA in docs/settings.md",
        );
    };
    if let Err(error) = try_to_write(nearest).and_then(|()| try_what_is_there(&whole)) {
        let (problem, hint) = refused(&error);
        return Check::but(what, Result::Fail, problem, hint);
    }
    let filesystem = Filesystem::of(folder);
    if let Some(warning) = filesystem.as_ref().and_then(Filesystem::warning) {
        return Check::but(what, Result::Warn, warning, "see IMAGE_WATCHER_DATA in docs/settings.md");
    }
    let on = filesystem.map(|filesystem| format!(", on {filesystem}")).unwrap_or_default();
    let holds = if holds_queue { "; the queue is in it" } else { "; the queue is on NATS, and none of it here" };
    if nearest == whole {
        Check::ok(format!("{what}: a file was written and taken away{on}{holds}"))
    } else {
        Check::set(format!("{what}: is made at the start{on}"))
    }
}

/// The files of a queue that is there have to be ours as well.
fn try_what_is_there(folder: &Path) -> std::io::Result<()> {
    for name in ["queue.lock", "queue.db", "queue.db-wal", "queue.db-shm"] {
        match std::fs::OpenOptions::new().write(true).open(folder.join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn refused(error: &std::io::Error) -> (String, &'static str) {
    let (problem, hint) = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            ("it is full: a file of 1 MiB does not fit", "make space, or give it a larger volume")
        }
        ErrorKind::ReadOnlyFilesystem => ("it is mounted read-only", "mount it writable"),
        ErrorKind::PermissionDenied => {
            ("it can't be written by this user", "make it the user's that the service runs as: in a pod fsGroup: 65532")
        }
        ErrorKind::NotADirectory | ErrorKind::IsADirectory => {
            ("something that is no folder is in its place", "name another folder in IMAGE_WATCHER_DATA")
        }
        _ => return (format!("it can't be written: {error}"), "look at its volume"),
    };
    (format!("{problem}, so that the service can't start or take anything"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_written_is_not_ok() {
        let folder = tempfile::tempdir().unwrap();
        let check = data_folder(folder.path(), true);
        assert_eq!((check.result, std::fs::read_dir(folder.path()).unwrap().count()), (Result::Ok, 0), "{check:?}");
        assert!(check.description.ends_with("the queue is in it"), "{check:?}");
        assert!(data_folder(folder.path(), false).description.ends_with("none of it here"));
        let later = data_folder(&folder.path().join("not/yet"), true);
        assert!(later.result == Result::Set && !folder.path().join("not").exists(), "{later:?}");
        std::fs::write(folder.path().join("file"), "").unwrap();
        for nowhere in [folder.path().join("file"), "/proc/self/data".into()] {
            let check = data_folder(&nowhere, true);
            assert!(check.result == Result::Fail && check.hint.is_some(), "{check:?}");
        }
        std::fs::create_dir(folder.path().join("queue.db")).unwrap();
        assert_eq!(data_folder(folder.path(), true).result, Result::Fail, "its queue can't be written");
    }
}

//! The SQLite file: schema, migrations, and what is done with one that is damaged.

use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::Connection;

/// Each entry takes a file from the version of its index to the next; `PRAGMA user_version` says where a file is.
const MIGRATIONS: [&str; 14] = [
    "
    CREATE TABLE job (
        id         INTEGER PRIMARY KEY,
        topic      TEXT    NOT NULL,           -- look, deliver:<channel>, or gather:<channel>
        key        TEXT    NOT NULL UNIQUE,    -- equal keys are one job
        lane       TEXT    NOT NULL,           -- jobs of one lane run one after another
        format     INTEGER NOT NULL,           -- of the payload
        payload    TEXT    NOT NULL,
        trace      TEXT    NOT NULL,
        state      TEXT    NOT NULL CHECK (state IN ('ready', 'done', 'dead', 'parked')),
        attempts   INTEGER NOT NULL DEFAULT 0,
        not_before INTEGER NOT NULL,           -- milliseconds, Unix
        created    INTEGER NOT NULL,
        changed    INTEGER NOT NULL,
        error      TEXT
    ) STRICT;
    CREATE INDEX job_ready ON job (topic, not_before) WHERE state = 'ready';
    CREATE INDEX job_lane  ON job (lane, id)          WHERE state = 'ready';
",
    "
    CREATE TABLE kept (
        id    INTEGER PRIMARY KEY,             -- newer ones have larger ids
        key   TEXT    NOT NULL UNIQUE,
        bytes INTEGER NOT NULL,
        until INTEGER NOT NULL,                -- milliseconds, Unix
        value TEXT    NOT NULL
    ) STRICT;
",
    "
    ALTER TABLE job ADD COLUMN leased INTEGER NOT NULL DEFAULT 0; -- a process has it, or died with it
    ALTER TABLE job ADD COLUMN losses INTEGER NOT NULL DEFAULT 0; -- processes that died with it, one after another
    DROP INDEX job_ready;
    CREATE INDEX job_ended  ON job (changed)                WHERE state <> 'ready';
    CREATE INDEX job_depth  ON job (topic, state, created)  WHERE state <> 'done';
    CREATE INDEX job_losses ON job (topic, losses)          WHERE losses > 0;
",
    "
    CREATE TABLE record (
        uid          TEXT    PRIMARY KEY,         -- of the workload
        sequence     INTEGER NOT NULL DEFAULT 0,
        record       TEXT    NOT NULL DEFAULT '', -- as its annotation has it
        history      TEXT    NOT NULL DEFAULT '',
        disabled     INTEGER NOT NULL DEFAULT 0,  -- whether it was left alone at the last look
        answering    INTEGER NOT NULL DEFAULT 0,  -- sequence of an answer that may have been written, or 0
        answering_on INTEGER NOT NULL DEFAULT 0,  -- the workload's generation then
        answering_of TEXT    NOT NULL DEFAULT '', -- the container
        used         INTEGER NOT NULL             -- milliseconds, Unix
    ) STRICT;
    CREATE INDEX record_used ON record (used);
",
    "
    CREATE TABLE announced (
        repository TEXT    NOT NULL,
        tag        TEXT    NOT NULL,
        at         INTEGER NOT NULL,              -- milliseconds, Unix
        PRIMARY KEY (repository, tag)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX announced_at ON announced (at);
",
    "
    ALTER TABLE record DROP COLUMN disabled;
    ALTER TABLE record ADD COLUMN settings INTEGER; -- which settings the workload had at the last look, where known
",
    "
    CREATE TABLE brake (
        id    INTEGER PRIMARY KEY CHECK (id = 1),
        state TEXT    NOT NULL                  -- JSON: why automatic updates are stopped, and who resumed them last
    ) STRICT;
",
    "
    CREATE TABLE lane (
        lane TEXT    NOT NULL,                  -- messages that share one are sent one after another
        job  INTEGER NOT NULL,                  -- one that is ready
        PRIMARY KEY (lane, job)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX lane_job ON lane (job);
    INSERT INTO lane SELECT lane, id FROM job WHERE state = 'ready' AND topic <> 'look';
    DROP INDEX job_lane;
    ALTER TABLE job DROP COLUMN lane;
    CREATE INDEX job_message ON job (topic) WHERE state = 'ready' AND topic <> 'look';
",
    "
    ALTER TABLE job ADD COLUMN told INTEGER NOT NULL DEFAULT 0; -- whether somebody was told that it was given up
    UPDATE job SET told = 1 WHERE state = 'dead';
    CREATE INDEX job_untold ON job (id) WHERE told = 0 AND state = 'dead' AND topic <> 'look';
",
    "
    CREATE TABLE sign_in (
        number INTEGER PRIMARY KEY,             -- newer ones have larger numbers
        id     BLOB    NOT NULL UNIQUE,         -- SHA-256 of what the browser shows
        person TEXT    NOT NULL,
        what   TEXT    NOT NULL,                -- JSON: who they are, and who says so
        until  INTEGER NOT NULL                 -- milliseconds, Unix
    ) STRICT;
    CREATE INDEX sign_in_person ON sign_in (person);
",
    "
    ALTER TABLE record ADD COLUMN gone INTEGER; -- since when the workload is deleted: milliseconds, Unix
    CREATE INDEX record_gone ON record (gone) WHERE gone IS NOT NULL;
",
    "
    ALTER TABLE announced ADD COLUMN digest TEXT; -- what the tag points to, where that was said
",
    "
    CREATE TABLE move (
        id    INTEGER PRIMARY KEY CHECK (id = 1),
        state TEXT    NOT NULL                  -- JSON: where all of this was moved, or is being moved from
    ) STRICT;
",
    "
    ALTER TABLE record ADD COLUMN place TEXT;   -- kind, namespace and name of the workload, where known
",
];

/// The most statements that are kept as they were read: looks and messages use no more, one after another.
const STATEMENTS: usize = 48;

/// Older versions can corrupt a file in WAL mode (sqlite.org, "WAL-reset bug").
const OLDEST_SQLITE: i32 = 3_051_003;

/// Why the store can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder is missing, not ours, or read-only.
    #[error("the data folder {path} can't be written")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another process has it.
    #[error("the data folder {0} is in use by another image-watcher")]
    InUse(PathBuf),
    /// The folder can be read, and not written.
    #[error("the data folder {0} is read-only: mount it writable, for the user that image-watcher runs as")]
    ReadOnly(PathBuf),
    /// Nothing more fits on the disk.
    #[error("the disk of the data folder {0} is full: make space, or give it a larger volume")]
    Full(PathBuf),
    /// Made by a newer version.
    #[error("the queue in {path} has schema {found}, this version knows {known}: use a newer image-watcher")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: usize,
    },
    /// The library is too old to be trusted with the file.
    #[error("SQLite {0} is too old, 3.51.3 is needed")]
    OldLibrary(&'static str),
    /// SQLite says no.
    #[error("the queue in {path} can't be opened")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
}

impl OpenError {
    /// What SQLite's refusal means for whoever starts the process.
    pub(super) fn of(path: &Path, source: rusqlite::Error) -> Self {
        Self::of_refusal(path, source, try_to_write)
    }

    fn of_refusal(path: &Path, source: rusqlite::Error, write: impl Fn(&Path) -> std::io::Result<()>) -> Self {
        use rusqlite::ErrorCode::{DiskFull, ReadOnly, SystemIoFailure};
        let folder = path.parent().unwrap_or(path);
        let refused = match source.sqlite_error_code() {
            Some(ReadOnly) => return Self::ReadOnly(folder.to_owned()),
            Some(DiskFull) => return Self::Full(folder.to_owned()),
            // Where the index of its journal does not fit, SQLite does not say why.
            Some(SystemIoFailure) => write(folder).err().map(|error| Self::of_folder(folder, error)),
            _ => None,
        };
        match refused {
            Some(refused @ (Self::ReadOnly(_) | Self::Full(_))) => refused,
            _ => Self::Sqlite { path: path.to_owned(), source },
        }
    }

    /// What the system's refusal means.
    pub(super) fn of_folder(folder: &Path, source: std::io::Error) -> Self {
        use std::io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        match source.kind() {
            ReadOnlyFilesystem => Self::ReadOnly(folder.to_owned()),
            StorageFull | QuotaExceeded => Self::Full(folder.to_owned()),
            _ => Self::Folder { path: folder.to_owned(), source },
        }
    }
}

/// Writes as much as SQLite needs beside its file, and takes it away again.
fn try_to_write(folder: &Path) -> std::io::Result<()> {
    use std::io::Write as _;
    let path = folder.join("queue.probe");
    let written = private(&path).and_then(|mut file| {
        file.write_all(&vec![0; 64 * 1024])?;
        file.sync_all()
    });
    // What was not made needs not be taken away.
    let _ = std::fs::remove_file(&path);
    written
}

/// Makes the data folder if it is missing, and locks it. What is made here is for our user alone, as messages and what
/// endpoints answered stand in the queue.
pub(super) fn lock(folder: &Path) -> Result<std::fs::File, OpenError> {
    let refused = |source| OpenError::of_folder(folder, source);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(refused)?;
    let lock = private(&folder.join("queue.lock")).map_err(refused)?;
    lock.try_lock().map_err(|_| OpenError::InUse(folder.to_owned()))?;
    Ok(lock)
}

/// Opens or makes a file that only our user can read.
fn private(path: &Path) -> std::io::Result<std::fs::File> {
    let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    restrict(path, &file.metadata()?);
    Ok(file)
}

/// Takes an existing file's rights away from everybody else, as older versions left them. That fails when it is another
/// user's, as on volumes that were moved, and then the operator has to know.
fn restrict(path: &Path, found: &std::fs::Metadata) {
    if found.permissions().mode() & 0o077 != 0
        && let Err(error) = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
    {
        tracing::warn!(file = %path.display(), %error, "this file can be read by others, and its mode can't be set to 0600");
    }
}

/// The files of the queue: SQLite gives its journals the mode of the first.
pub(super) fn files(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|suffix| PathBuf::from(format!("{}{suffix}", path.display())))
}

/// Whether the last process did not close the file: SQLite takes the journal away when it is closed.
pub(super) fn was_left_open(path: &Path) -> bool {
    let [_, journal, _] = files(path);
    journal.metadata().is_ok_and(|found| found.len() > 0)
}

/// Opens or makes the file. One that is damaged is moved aside, as everything in it can be found again.
pub(super) fn open(path: &Path, now: DateTime<Utc>) -> Result<Connection, OpenError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(OpenError::OldLibrary(rusqlite::version()));
    }
    let folder = path.parent().unwrap_or(path);
    private(path).map_err(|source| OpenError::of_folder(folder, source))?;
    for file in files(path) {
        if let Ok(found) = file.metadata() {
            restrict(&file, &found);
        }
    }
    match connect(path) {
        Err(OpenError::Sqlite { source, .. }) if is_damage(&source) => {
            set_aside(path, now)?;
            private(path).map_err(|source| OpenError::of_folder(folder, source))?;
            connect(path)
        }
        opened => opened,
    }
}

/// Opens the file of a queue that is in use, after a connection to it failed. One that somebody took away is made, for our user
/// alone, and told: what it held is lost.
pub(super) fn connect_anew(path: &Path) -> Result<Connection, OpenError> {
    if !path.exists() {
        private(path).map_err(|source| OpenError::of_folder(path.parent().unwrap_or(path), source))?;
        tracing::error!(
            file = %path.display(),
            "the file of the queue is gone, and an empty one takes its place: messages that waited are lost, and what records say is told again at \
             the next start (docs/operations.md)"
        );
    }
    connect(path)
}

/// Opens a file, looks whether it is whole, and brings it to our schema.
pub(super) fn connect(path: &Path) -> Result<Connection, OpenError> {
    let failed = |source| OpenError::of(path, source);
    let mut connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(Duration::from_secs(2)).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Of its pages 512 KiB are held here: the system has them as well.
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864;
             PRAGMA cache_size = -512;",
        )
        .map_err(failed)?;
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if verdict != "ok" {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        return Err(failed(rusqlite::Error::SqliteFailure(code, Some(verdict))));
    }
    migrate(&mut connection, path)?;
    Ok(connection)
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::of(path, source);
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
    let known = MIGRATIONS.len();
    let from = usize::try_from(found).unwrap_or(usize::MAX);
    if from > known {
        return Err(OpenError::Newer { path: path.to_owned(), found, known });
    }
    let step = |connection: &mut Connection| -> rusqlite::Result<()> {
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for migration in MIGRATIONS.iter().skip(from) {
            transaction.execute_batch(migration)?;
        }
        transaction.execute_batch(&format!("PRAGMA user_version = {known}"))?;
        transaction.commit()
    };
    if from < known { step(connection).map_err(failed) } else { Ok(()) }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

/// Keeps a damaged file for whoever wants to look, under a name that says when.
fn set_aside(path: &Path, now: DateTime<Utc>) -> Result<(), OpenError> {
    let stamp = now.format("%Y%m%dT%H%M%SZ");
    for (from, suffix) in files(path).into_iter().zip(["", "-wal", "-shm"]) {
        let to = PathBuf::from(format!("{}.corrupt-{stamp}{suffix}", path.display()));
        if from.exists() {
            std::fs::rename(&from, &to).map_err(|source| OpenError::Folder { path: to, source })?;
        }
    }
    tracing::error!(file = %path.display(), "the queue was damaged and is set aside as queue.db.corrupt-{stamp}; a new one is begun");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn a_disk_without_room_for_the_journals_index_is_a_full_disk() {
        let failure = || {
            // What a full disk comes to when the file is opened again: SQLITE_IOERR_SHMSIZE.
            rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(4874), Some("disk I/O error".into()))
        };
        let reported = |kind: Option<ErrorKind>| {
            let write = |_: &Path| kind.map_or(Ok(()), |kind| Err(kind.into()));
            OpenError::of_refusal(Path::new("/data/queue.db"), failure(), write).to_string()
        };
        let full = "the disk of the data folder /data is full: make space, or give it a larger volume";
        assert_eq!(reported(Some(ErrorKind::StorageFull)), full);
        assert_eq!(reported(Some(ErrorKind::QuotaExceeded)), full);
        assert!(reported(Some(ErrorKind::ReadOnlyFilesystem)).contains("read-only"));
        for other in [None, Some(ErrorKind::Other)] {
            assert_eq!(reported(other), "the queue in /data/queue.db can't be opened", "it is another fault");
        }
    }

    #[test]
    fn trying_to_write_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        try_to_write(folder.path()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(try_to_write(&folder.path().join("missing")).is_err());
    }
}

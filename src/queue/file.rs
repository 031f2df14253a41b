//! The SQLite file: schema, migrations, and what is done with one that is damaged.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::Connection;

/// Each entry takes a file from the version of its index to the next; `PRAGMA user_version` says where a file is.
const MIGRATIONS: [&str; 2] = [
    "
    CREATE TABLE job (
        id         INTEGER PRIMARY KEY,
        topic      TEXT    NOT NULL,           -- look, or deliver:<channel>
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
];

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

/// Opens or makes the file. One that is damaged is moved aside, as everything in it can be found again.
pub(super) fn open(path: &Path, now: DateTime<Utc>) -> Result<Connection, OpenError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(OpenError::OldLibrary(rusqlite::version()));
    }
    match connect(path) {
        Err(OpenError::Sqlite { source, .. }) if is_damage(&source) => {
            set_aside(path, now)?;
            connect(path)
        }
        opened => opened,
    }
}

/// Opens a file, looks whether it is whole, and brings it to our schema.
pub(super) fn connect(path: &Path) -> Result<Connection, OpenError> {
    let failed = |source| OpenError::Sqlite { path: path.to_owned(), source };
    let mut connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(Duration::from_secs(2)).map_err(failed)?;
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864;")
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
    let failed = |source| OpenError::Sqlite { path: path.to_owned(), source };
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
    for suffix in ["", "-wal", "-shm"] {
        let from = PathBuf::from(format!("{}{suffix}", path.display()));
        let to = PathBuf::from(format!("{}.corrupt-{stamp}{suffix}", path.display()));
        if from.exists() {
            std::fs::rename(&from, &to).map_err(|source| OpenError::Folder { path: to, source })?;
        }
    }
    tracing::error!(file = %path.display(), "the queue was damaged and is set aside as queue.db.corrupt-{stamp}; a new one is begun");
    Ok(())
}

//! Brings commits to the disk, beside the thread that makes them.
//!
//! A commit is in the journal as soon as it returns: all read it, and it outlives the process. Until the journal is synced, a
//! loss of power takes the last commits back, never the file: <https://sqlite.org/pragma.html#pragma_synchronous>. Whoever is
//! promised more waits here, so that nobody else waits for the disk: not who reads, and not the look of a webhook, which is
//! begun while the promise to its sender is made good. While one sync is under way the next replies gather, so the number of
//! syncs follows the disk and not the load.
//!
//! What is committed comes to the disk in its order. Before SQLite takes a journal over into the file it syncs it as well.

use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;

use super::pending::{self, Pending};
use crate::queue::QueueError;
use crate::queue::handle::Wakers;
use crate::queue::waiting::Synced;

/// Syncs the file of this path.
type SyncFile = Box<dyn Fn(&Path) -> std::io::Result<()> + Send + Sync>;

/// The disk under a journal. Clones are the same.
#[derive(Clone)]
pub(super) struct Disk(Arc<Inner>);

struct Inner {
    journal: PathBuf,
    sync: SyncFile,
    synced: Synced,
    /// Who syncs: of a page that could not be written the system tells once.
    turn: Mutex<()>,
    /// Why the journal could not be synced, until it is written once more.
    failed: Mutex<Option<QueueError>>,
}

impl Disk {
    /// Under this journal; `synced` is told how far it is on it.
    pub(super) fn new(journal: PathBuf, synced: Synced) -> Self {
        // Opened each time, as a journal may be another file than before. Closing one drops no lock: those are on other files.
        let sync: SyncFile = Box::new(|journal| std::fs::File::open(journal)?.sync_data());
        Self(Arc::new(Inner { journal, sync, synced, turn: Mutex::default(), failed: Mutex::default() }))
    }

    /// The same with another disk.
    #[cfg(test)]
    pub(super) fn synced_by(&self, sync: SyncFile) -> Self {
        let (journal, synced) = (self.0.journal.clone(), self.0.synced.clone());
        Self(Arc::new(Inner { journal, sync, synced, turn: Mutex::default(), failed: Mutex::default() }))
    }

    /// Whether this commit is on it.
    pub(super) fn has(&self, commit: u64) -> bool {
        self.0.synced.has(commit)
    }

    /// Brings this commit to it, with all before it.
    ///
    /// # Errors
    /// The disk does not take it, or did not take one before it, and was not mended since.
    pub(super) fn sync(&self, commit: u64) -> Result<(), QueueError> {
        let _turn = lock(&self.0.turn);
        if self.has(commit) {
            return Ok(());
        }
        if let Some(error) = self.failed() {
            return Err(error);
        }
        match (self.0.sync)(&self.0.journal) {
            Ok(()) => {
                self.0.synced.reached(commit);
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "the journal of the queue could not be brought to the disk; nothing of it was acknowledged");
                let error = QueueError::Store(Arc::new(error));
                *lock(&self.0.failed) = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Why it did not take the journal.
    pub(super) fn failed(&self) -> Option<QueueError> {
        lock(&self.0.failed).clone()
    }

    /// Writes the journal once more, up to this commit, where it was not taken: what the system could not write it gives up, and
    /// what comes after such a gap would be lost with it.
    ///
    /// # Errors
    /// The disk still does not take it.
    pub(super) fn mend(&self, commit: u64) -> std::io::Result<()> {
        let _turn = lock(&self.0.turn);
        if self.failed().is_none() {
            return Ok(());
        }
        rewrite(&self.0.journal)?;
        (self.0.sync)(&self.0.journal)?;
        self.0.synced.reached(commit);
        *lock(&self.0.failed) = None;
        Ok(())
    }
}

/// Writes what a file has where it stands, so that it is to be brought to the disk again.
fn rewrite(path: &Path) -> std::io::Result<()> {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path)?;
    let (mut part, mut at) = (vec![0; 64 * 1024], 0);
    loop {
        let got = file.read_at(&mut part, at)?;
        let Some(read) = part.get(..got).filter(|read| !read.is_empty()) else { return Ok(()) };
        file.write_all_at(read, at)?;
        at = at.saturating_add(u64::try_from(got).unwrap_or(u64::MAX));
    }
}

/// Replies that are owed once a commit is on the disk.
struct HeldReplies {
    commit: u64,
    replies: Vec<Pending>,
}

/// The thread that syncs.
pub(super) struct Syncer {
    owed: mpsc::Sender<HeldReplies>,
    thread: JoinHandle<()>,
}

impl Syncer {
    /// Starts it.
    ///
    /// # Errors
    /// The system has no thread.
    pub(super) fn start(disk: Disk, wakers: Wakers) -> std::io::Result<Self> {
        let (owed, waiting) = mpsc::channel();
        let run = move || {
            while let Ok(first) = waiting.recv() {
                let all: Vec<HeldReplies> = std::iter::once(first).chain(waiting.try_iter()).collect();
                // What became of each of them is asked below.
                let _ = all.last().map(|last| disk.sync(last.commit));
                let mut woken = Vec::new();
                for HeldReplies { commit, replies } in all {
                    pending::send(replies, &disk.sync(commit), &mut woken);
                }
                wakers.wake(woken);
            }
        };
        let thread = std::thread::Builder::new().name("queue-disk".into()).spawn(run)?;
        Ok(Self { owed, thread })
    }

    /// Sends these replies when that commit is on the disk, or is not to come there.
    pub(super) fn owe(&self, commit: u64, replies: Vec<Pending>) {
        // Without the thread they are dropped, and whoever waits for them is told that the queue is closed.
        let _ = self.owed.send(HeldReplies { commit, replies });
    }

    /// Waits until all that is owed was sent.
    pub(super) fn end(self) {
        drop(self.owed);
        if self.thread.join().is_err() {
            tracing::error!("the thread that brings the queue to the disk ended by a fault");
        }
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

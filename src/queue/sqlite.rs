//! The embedded queue: one SQLite file in WAL mode, one thread that writes it, one commit for all who wait, and one thread that
//! brings what was committed to the disk.
//!
//! Callers send a command and wait for its answer. What is promised comes when it is on the disk, all else after the commit.

mod announced;
mod disk;
mod file;
mod gathering;
mod growth;
mod kept;
mod lanes;
mod leasing;
mod letter_command;
mod letters;
mod moving;
mod pending;
mod records;
mod reply;
mod sign_ins;
mod store;
mod troubles;
mod upkeep;
mod writer;

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{Notify, mpsc, watch};

use super::handle::{MOST_WAITING, SingleWriterCache, StoreHandle, Wakers};
use super::noted::StoredAnnouncements;
use crate::ambient::Ambient;

pub use file::OpenError;
use store::Store;
use writer::Writer;

/// A handle on a store that is kept in SQLite, for whoever opens no other.
pub type SqliteQueue = StoreHandle;

impl StoreHandle {
    /// Opens the queue of a data folder, which is made if it is missing, and starts its writer.
    ///
    /// # Errors
    /// [`OpenError`] when the folder can't be written, or is in use by another process.
    pub fn open(folder: &Path, ambient: &Ambient) -> Result<Self, OpenError> {
        let lock = file::lock(folder)?;
        let mut store = Store::open(folder, ambient.clone())?;
        store.begin()?;
        let (commands, waiting) = mpsc::channel(MOST_WAITING);
        let (looks, wakers, given_up) = (store.stored(), Wakers::default(), Arc::<Notify>::default());
        let disk = store.disk()?;
        let writer = Writer::new(store, waiting, (wakers.clone(), Arc::clone(&given_up)), (disk, lock))
            .map_err(|source| OpenError::of_folder(folder, source))?;
        let (open, file) = watch::channel(());
        let run = move || {
            writer.run();
            drop(open);
        };
        std::thread::Builder::new()
            .name("queue-writer".into())
            .spawn(run)
            .map_err(|source| OpenError::of_folder(folder, source))?;
        let known = SingleWriterCache { looks, announced: StoredAnnouncements::default() };
        Ok(Self::new(commands, Some(known), wakers, given_up).closing(file))
    }
}

#[cfg(test)]
mod tests;

//! The key that signs links: configured, or made on the first start and kept beside the queue.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::ambient::Ambient;
use crate::domain::approval::{LinkKey, LinkKeys, ShortKey};
use crate::domain::secret::Secret;

/// There is no key.
#[derive(Debug, thiserror::Error)]
pub enum LinkKeyError {
    /// The one that is configured is none.
    #[error(transparent)]
    Configured(#[from] ShortKey),
    /// The one that was made on an earlier start can't be read.
    #[error("the link key {path} can't be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A new one can't be kept.
    #[error("the link key can't be kept in {path}")]
    NotKept {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("the link key in {path} is damaged; remove the file to make a new one")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ShortKey,
    },
}

/// The configured keys, or the one of a data folder, which is made if it is missing. Beside configured ones that of the folder
/// verifies still, as it signed what is open.
///
/// # Errors
/// [`LinkKeyError`] when there is none.
pub fn link_keys(configured: &[Secret], folder: &Path, ambient: &Ambient) -> Result<LinkKeys, LinkKeyError> {
    let mut configured = configured.iter().map(|secret| LinkKey::new(secret.expose().as_bytes().to_vec()));
    let path = folder.join("link.key");
    if let Some(signing) = configured.next() {
        let (signing, mut older) = (signing?, configured.collect::<Result<Vec<_>, _>>()?);
        let made = std::fs::read(&path).ok().and_then(|bytes| LinkKey::new(bytes).ok());
        older.extend(made.filter(|made| *made.id() != *signing.id()));
        return Ok(LinkKeys::new(signing, older));
    }
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let bytes: [u8; 32] = ambient.bytes();
            keep(&path, &bytes).map_err(|source| LinkKeyError::NotKept { path: path.clone(), source })?;
            bytes.to_vec()
        }
        Err(source) => return Err(LinkKeyError::Unreadable { path, source }),
    };
    let key = LinkKey::new(bytes).map_err(|source| LinkKeyError::Damaged { path, source })?;
    Ok(key.into())
}

/// Writes a file that only we can read, whole or not at all.
fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_kept_for_us_alone() {
        let folder = tempfile::tempdir().unwrap();
        let ambient = Ambient::system();
        let made = link_keys(&[], folder.path(), &ambient).unwrap();
        let again = link_keys(&[], folder.path(), &ambient).unwrap();
        assert_eq!(made.signing().id(), again.signing().id());
        let configured = Secret::new("0123456789abcdef0123456789abcdef".into());
        let both = link_keys(std::slice::from_ref(&configured), folder.path(), &ambient).unwrap();
        assert_ne!(both.signing().id(), made.signing().id());
        assert!(both.named(&made.signing().id().to_string()).is_some(), "what it signed is believed still");
        let file = folder.path().join("link.key");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&file, "short").unwrap();
        let damaged = link_keys(&[], folder.path(), &ambient).unwrap_err();
        assert!(matches!(damaged, LinkKeyError::Damaged { .. }) && damaged.to_string().contains("remove the file"));
        let alone = link_keys(std::slice::from_ref(&configured), folder.path(), &ambient).unwrap();
        assert_eq!(alone.signing().id(), both.signing().id(), "a damaged one is passed over");
        assert!(alone.named(&made.signing().id().to_string()).is_none());
    }
}

//! Who this process is at NATS: a user and its password, an nkey, or credentials. What stands in a file is read again whenever a
//! connection is made, so that it may be changed there.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_nats::{Auth, AuthError, ConnectOptions};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use nkeys::KeyPair;

use crate::ambient::Ambient;
use crate::domain::secret::{Renewable, Secret};

/// Who this process is at NATS.
#[derive(Clone, Debug)]
pub enum Login {
    /// Whoever may connect.
    Nobody,
    /// A user.
    User {
        /// Its name.
        name: String,
        /// Its password.
        password: Renewable,
    },
    /// The seed of an nkey.
    Nkey(Renewable),
    /// A JWT with the seed of its nkey.
    Credentials(Renewable),
}

impl Login {
    /// Which credentials are over, and since when, as far as they say that themselves.
    pub(super) fn ended(&self, now: DateTime<Utc>) -> Option<(String, DateTime<Utc>)> {
        self.ends().filter(|(_, at)| *at <= now)
    }

    /// Which credentials end, and when.
    #[must_use]
    pub fn ends(&self) -> Option<(String, DateTime<Utc>)> {
        let Self::Credentials(credentials) = self else { return None };
        let held = Held::new(credentials.clone(), is_credentials);
        let name = name(credentials.file.as_deref());
        nkeys::credentials(held.now().expose()).ok().and_then(|(jwt, _)| end(jwt)).map(|at| (name, at))
    }
}

/// Credentials for people.
fn name(file: Option<&Path>) -> String {
    let named = |file: &Path| format!("the credentials in {}", file.display());
    file.map_or_else(|| "the credentials in IMAGE_WATCHER_NATS_CREDENTIALS".to_owned(), named)
}

/// When the time of a JWT is over.
fn end(jwt: &str) -> Option<DateTime<Utc>> {
    let claims = URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    DateTime::from_timestamp(claims.get("exp")?.as_i64()?, 0)
}

fn is_credentials(text: &str) -> bool {
    nkeys::credentials(text).is_ok_and(|(_, seed)| is_seed(seed))
}

fn is_seed(text: &str) -> bool {
    KeyPair::from_seed(text).is_ok()
}

fn is_password(text: &str) -> bool {
    !text.is_empty()
}

/// How the client says who it is.
pub(super) fn as_whom(login: &Login, ambient: &Ambient) -> ConnectOptions {
    let (ambient, whom) = (ambient.clone(), login.clone());
    let held = match login {
        Login::Nobody => return ConnectOptions::new(),
        Login::User { password, .. } => Held::new(password.clone(), is_password),
        Login::Nkey(seed) => Held::new(seed.clone(), is_seed),
        Login::Credentials(credentials) => Held::new(credentials.clone(), is_credentials),
    };
    // What is over is said once.
    let said = Arc::new(Mutex::new(None));
    ConnectOptions::with_auth_callback(move |nonce| {
        if let Some((credentials, at)) = whom.ended(ambient.now()) {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            if said.replace(at) != Some(at) {
                tracing::error!(
                    "{credentials} ended at {at}, so that NATS will refuse them: put new ones there, which are read at the next connection"
                );
            }
        }
        std::future::ready(auth(&whom, &held.now(), &nonce))
    })
}

fn auth(whom: &Login, held: &Secret, nonce: &[u8]) -> Result<Auth, AuthError> {
    let mut auth = Auth::new();
    match whom {
        Login::Nobody => {}
        Login::User { name, .. } => {
            auth.username = Some(name.clone());
            auth.password = Some(held.expose().to_owned());
        }
        Login::Nkey(_) => {
            let pair = KeyPair::from_seed(held.expose()).map_err(AuthError::new)?;
            auth.nkey = Some(pair.public_key());
            auth.signature = Some(pair.sign(nonce).map_err(AuthError::new)?);
        }
        Login::Credentials(_) => {
            let (jwt, seed) = nkeys::credentials(held.expose()).map_err(AuthError::new)?;
            let pair = KeyPair::from_seed(seed).map_err(AuthError::new)?;
            auth.jwt = Some(jwt.to_owned());
            auth.signature = Some(pair.sign(nonce).map_err(AuthError::new)?);
        }
    }
    Ok(auth)
}

/// A secret that may be changed in the file that it stands in.
struct Held {
    renewable: Renewable,
    /// Whether what was read can be used: a file that is being replaced is half there for a moment.
    fits: fn(&str) -> bool,
    /// As it was read last.
    last: Mutex<Secret>,
}

impl Held {
    fn new(renewable: Renewable, fits: fn(&str) -> bool) -> Self {
        let last = Mutex::new(renewable.first.clone());
        Self { renewable, fits, last }
    }

    fn now(&self) -> Secret {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let read = self.renewable.file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        let read = read.map(|text| text.trim_end_matches(['\r', '\n']).to_owned()).filter(|text| (self.fits)(text));
        if let Some(read) = read {
            *last = Secret::new(read);
        }
        last.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_read_again_and_the_last_one_holds_while_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        let first = Secret::new("one".to_owned());
        let password = Held::new(Renewable { file: Some(file.clone()), first }, is_password);
        assert_eq!(password.now().expose(), "one");
        std::fs::write(&file, "two\n").unwrap();
        assert_eq!(password.now().expose(), "two");
        std::fs::write(&file, "").unwrap();
        assert_eq!(password.now().expose(), "two");
        std::fs::remove_file(&file).unwrap();
        assert_eq!(password.now().expose(), "two");
    }

    #[test]
    fn credentials_say_when_they_end() {
        let claims = |json: &str| format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(json));
        assert_eq!(end(&claims(r#"{"exp":1700000000}"#)), DateTime::from_timestamp(1_700_000_000, 0));
        assert_eq!([end(&claims("{}")), end(&claims("7")), end("a"), end("a.!.c")], [None; 4]);
    }
}

//! Who signed in at a page of ours: a cookie that says nothing, and what it stands for in the store.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{COOKIE, HeaderMap};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::forms;
use crate::ambient::Ambient;
use crate::domain::actor::{Authority, ClusterUser, SignedIn};
use crate::queue::{QueueError, SignIn, SignIns};

/// A cookie's name and attributes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cookie {
    name: &'static str,
    /// Whether it goes over TLS alone; else this is a machine of somebody who develops.
    is_secure: bool,
}

impl Cookie {
    const PREFIX: &str = "__Host-";

    /// One of this name, which begins with `__Host-`: browsers then take it of nobody but this host over TLS.
    pub(super) const fn new(name: &'static str, is_secure: bool) -> Self {
        Self { name, is_secure }
    }

    fn name(self) -> &'static str {
        if self.is_secure { self.name } else { self.name.strip_prefix(Self::PREFIX).unwrap_or(self.name) }
    }

    /// What makes a browser keep it.
    pub(super) fn set(self, value: &str, age: Duration) -> String {
        let secure = if self.is_secure { "; Secure" } else { "" };
        format!("{}={value}; Path=/; Max-Age={}; HttpOnly{secure}; SameSite=Lax", self.name(), age.as_secs())
    }

    /// What makes a browser forget it.
    pub(super) fn forget(self) -> String {
        self.set("", Duration::ZERO)
    }

    /// What a browser shows; of two nobody knows whose they are.
    pub(super) fn read(self, headers: &HeaderMap) -> Option<String> {
        let lines = headers.get_all(COOKIE).filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(name, _)| *name == self.name()).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (Some(value), None) => Some(value.to_owned()),
            _ => None,
        }
    }
}

/// Somebody who is signed in, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) name: String,
    pub(super) groups: Vec<String>,
    /// What it hangs on: another password, or another provider, ends it.
    pub(super) proof: String,
    /// As whom the cluster knows them.
    pub(super) in_cluster: Option<(String, Vec<String>)>,
}

impl Session {
    /// Who it is, for whose name there is this authority.
    pub(super) fn person(&self, by: Authority) -> Option<SignedIn> {
        let person = SignedIn::by(by, &self.name)?;
        Some(match self.in_cluster.clone() {
            Some((name, groups)) => person.known_as(ClusterUser { name, groups }),
            None => person,
        })
    }
}

/// A session that was found, and what the forms of its pages bring along.
pub(super) struct Found {
    pub(super) session: Session,
    pub(super) form_token: String,
}

/// Who is signed in.
pub(super) struct Sessions {
    store: Arc<dyn SignIns>,
    cookie: Cookie,
    age: Duration,
    ambient: Ambient,
}

impl Sessions {
    pub(super) fn new(store: Arc<dyn SignIns>, is_secure: bool, age: Duration, ambient: Ambient) -> Self {
        Self { store, cookie: Cookie::new("__Host-image-watcher", is_secure), age, ambient }
    }

    /// Signs somebody in: the cookie to set.
    pub(super) async fn begin(&self, session: &Session) -> Result<String, QueueError> {
        let secret: [u8; 32] = self.ambient.bytes();
        let until = self.ambient.now() + TimeDelta::from_std(self.age).unwrap_or_default();
        let what = serde_json::to_string(session).unwrap_or_default();
        let (id, person) = (Sha256::digest(secret).into(), session.name.clone());
        self.store.remember_sign_in(SignIn { id, person, what, until }).await?;
        Ok(self.cookie.set(&URL_SAFE_NO_PAD.encode(secret), self.age))
    }

    /// Who shows the cookie of a session.
    pub(super) async fn find(&self, headers: &HeaderMap) -> Result<Option<Found>, QueueError> {
        let Some(secret) = self.shown(headers) else { return Ok(None) };
        let what = self.store.sign_in(Sha256::digest(secret).into()).await?;
        let session = what.and_then(|what| serde_json::from_str(&what).ok());
        Ok(session.map(|session| Found { session, form_token: forms::of_session(&secret) }))
    }

    /// Signs whoever shows a cookie out: the cookie to set.
    pub(super) async fn end(&self, headers: &HeaderMap) -> Result<String, QueueError> {
        if let Some(secret) = self.shown(headers) {
            self.store.forget_sign_in(Sha256::digest(secret).into()).await?;
        }
        Ok(self.cookie.forget())
    }

    fn shown(&self, headers: &HeaderMap) -> Option<[u8; 32]> {
        URL_SAFE_NO_PAD.decode(self.cookie.read(headers)?).ok()?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    #[test]
    fn a_cookie_is_read_as_it_was_set() {
        let cookie = Cookie::new("__Host-image-watcher", true);
        let set = cookie.set("value", Duration::from_secs(60));
        assert_eq!(set, "__Host-image-watcher=value; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax");
        let read = |lines: &[&str]| cookie.read(&headers(lines));
        assert_eq!(read(&["a=b; __Host-image-watcher=value; c=d"]).as_deref(), Some("value"));
        for wrong in [
            &[][..],
            &["image-watcher=value"],
            &["__host-image-watcher=value"],
            &["x__Host-image-watcher=value"],
            &["__Host-image-watcher=value; __Host-image-watcher=other"],
            &["__Host-image-watcher=value", "__Host-image-watcher=other"],
        ] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
        let plain = Cookie::new("__Host-image-watcher", false).set("value", Duration::from_secs(60));
        assert_eq!(plain, "image-watcher=value; Path=/; Max-Age=60; HttpOnly; SameSite=Lax", "no TLS, no __Host-");
    }
}

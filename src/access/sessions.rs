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
use crate::queue::{QueueError, SignIn, SignIns};

/// A cookie's name and attributes.
#[derive(Clone, Debug)]
pub(super) struct Cookie {
    name: String,
    /// Whether it goes over TLS alone; else this is a machine of somebody who develops.
    is_secure: bool,
}

impl Cookie {
    const PREFIX: &str = "__Host-";

    /// One of what is reached below a path, for a purpose. Its name begins with `__Host-`, so browsers take it of nobody but this
    /// host over TLS; they show it to all of the host then, so services beside each other have different names.
    pub(super) fn new(purpose: &str, base_path: &str, is_secure: bool) -> Self {
        let prefix = if is_secure { Self::PREFIX } else { "" };
        let purpose = if purpose.is_empty() { String::new() } else { format!("-{purpose}") };
        let beside = if base_path.is_empty() {
            String::new()
        } else {
            let hash: String = URL_SAFE_NO_PAD.encode(Sha256::digest(base_path)).chars().take(8).collect();
            format!("-{hash}")
        };
        Self { name: format!("{prefix}image-watcher{purpose}{beside}"), is_secure }
    }

    /// What makes a browser keep it.
    pub(super) fn set(&self, value: &str, age: Duration) -> String {
        let secure = if self.is_secure { "; Secure" } else { "" };
        format!("{}={value}; Path=/; Max-Age={}; HttpOnly{secure}; SameSite=Lax", self.name, age.as_secs())
    }

    /// What makes a browser forget it.
    pub(super) fn forget(&self) -> String {
        self.set("", Duration::ZERO)
    }

    /// What a browser shows; of two nobody knows whose they are.
    pub(super) fn read(&self, headers: &HeaderMap) -> Option<String> {
        let lines = headers.get_all(COOKIE).filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(name, _)| *name == self.name).map(|(_, value)| value);
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
    /// What it hangs on: another password, or a provider of whom any part that makes a name is another, ends it. What follows from
    /// name and groups by the configuration is not stored, as that may be another tomorrow.
    pub(super) proof: String,
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
    pub(super) fn new(store: Arc<dyn SignIns>, cookie: Cookie, age: Duration, ambient: Ambient) -> Self {
        Self { store, cookie, age, ambient }
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
        let cookie = Cookie::new("", "", true);
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
        let plain = Cookie::new("", "", false).set("value", Duration::from_secs(60));
        assert_eq!(plain, "image-watcher=value; Path=/; Max-Age=60; HttpOnly; SameSite=Lax", "no TLS, no __Host-");
    }

    #[test]
    fn services_behind_one_host_have_cookies_of_different_names() {
        let purposes = ["", "sign-in", "browser"];
        let paths = ["", "/prod", "/staging", "/prod/"];
        let all = paths.iter().flat_map(|path| purposes.map(|purpose| Cookie::new(purpose, path, true)));
        let all: Vec<Cookie> = all.collect();
        let names: std::collections::BTreeSet<&str> = all.iter().map(|cookie| cookie.name.as_str()).collect();
        assert_eq!(names.len(), all.len(), "{names:?}");
        assert!(names.iter().all(|name| name.starts_with("__Host-image-watcher")), "{names:?}");
        let shown = all.iter().map(|cookie| cookie.set("value", Duration::from_secs(60)));
        let shown: Vec<String> = shown.map(|set| set.split(';').next().unwrap().to_owned()).collect();
        let shown = headers(&[&shown.join("; ")]);
        assert!(all.iter().all(|cookie| cookie.read(&shown).as_deref() == Some("value")), "and none hides another");
    }
}

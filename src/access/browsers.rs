//! Browsers in which somebody signed in by a password before: they keep a part of the turns for themselves when strangers guess.
//!
//! What a browser keeps proves nothing but that. It is of one name and one password, opens nothing, and guessing with it is counted.

use std::time::Duration;

use actix_web::http::header::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use super::forms::code;
use super::sessions::Cookie;
use crate::ambient::Ambient;

/// So long it is remembered.
const AGE: Duration = Duration::from_secs(90 * 24 * 3600);

/// What tells browsers in which somebody signed in.
pub(super) struct Browsers {
    key: [u8; 32],
    cookie: Cookie,
    ambient: Ambient,
}

impl Browsers {
    pub(super) fn new(key: [u8; 32], cookie: Cookie, ambient: Ambient) -> Self {
        Self { key, cookie, ambient }
    }

    /// The cookie to set where somebody of this name signed in; `proof` is of their password.
    pub(super) fn remember(&self, name: &str, proof: &str) -> String {
        let id = URL_SAFE_NO_PAD.encode(self.ambient.bytes::<16>());
        let code = self.code(&id, name, proof);
        self.cookie.set(&format!("{id}.{code}"), AGE)
    }

    /// What tells this browser from others, if somebody of this name, and with this password, signed in there.
    pub(super) fn known(&self, headers: &HeaderMap, name: &str, proof: &str) -> Option<String> {
        let value = self.cookie.read(headers)?;
        let (id, code) = value.split_once('.')?;
        let is_ours: bool = self.code(id, name, proof).as_bytes().ct_eq(code.as_bytes()).into();
        is_ours.then(|| id.to_owned())
    }

    fn code(&self, id: &str, name: &str, proof: &str) -> String {
        code(&self.key, "browser", &format!("{id}\n{proof}\n{name}"))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{COOKIE, HeaderValue};

    use super::*;

    #[test]
    fn a_browser_is_known_by_the_name_that_signed_in_there_and_its_password() {
        let browsers = |key| Browsers::new([key; 32], Cookie::new("browser", "", true), Ambient::system());
        let shown = |set: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, HeaderValue::from_str(set.split(';').next().unwrap()).unwrap());
            headers
        };
        let ours = browsers(1);
        let (set, other) = (ours.remember("alice", "proof"), ours.remember("alice", "proof"));
        assert!(set.starts_with("__Host-image-watcher-browser=") && !set.contains("alice"), "{set}");
        let known = |set: &str, name: &str, proof: &str| ours.known(&shown(set), name, proof);
        let id = known(&set, "alice", "proof").unwrap();
        assert_ne!(known(&other, "alice", "proof").unwrap(), id, "each browser is one");
        for (name, proof) in [("bob", "proof"), ("alice", "another"), ("", ""), ("proof", "alice")] {
            assert_eq!(known(&set, name, proof), None, "{name} {proof}");
        }
        let forged =
            [set.replacen(&id, "AAAA", 1), set.replace('.', ""), "__Host-image-watcher-browser=x.y".to_owned()];
        assert!(forged.iter().all(|set| known(set, "alice", "proof").is_none()));
        assert_eq!(browsers(2).known(&shown(&set), "alice", "proof"), None, "another key");
        assert_eq!(ours.known(&HeaderMap::new(), "alice", "proof"), None);
    }
}

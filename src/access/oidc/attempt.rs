//! A sign-in that is under way at a provider: all of it is in the browser that began it, so strangers make us hold nothing.

use std::time::Duration;

use actix_web::http::header::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::super::forms::code;
use super::super::sessions::Cookie;
use crate::ambient::Ambient;

/// Whoever signs in has so long.
const PATIENCE: Duration = Duration::from_secs(600);

/// What signs attempts, and the cookie that holds one.
pub(super) struct Attempts {
    key: [u8; 32],
    cookie: Cookie,
    ambient: Ambient,
}

/// One attempt. What the provider is told follows from its seed, and only we can make it.
pub(super) struct Attempt {
    seed: String,
    /// Where the person wanted to go.
    pub(super) to: String,
    pub(super) state: String,
    pub(super) nonce: String,
    pub(super) verifier: String,
}

impl Attempt {
    fn of(key: &[u8; 32], seed: String, to: String) -> Self {
        let [state, nonce, verifier] = ["state", "nonce", "verifier"].map(|purpose| code(key, purpose, &seed));
        Self { seed, to, state, nonce, verifier }
    }

    /// What is shown of the verifier before (RFC 7636).
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.as_bytes()))
    }
}

impl Attempts {
    pub(super) fn new(key: [u8; 32], cookie: Cookie, ambient: Ambient) -> Self {
        Self { key, cookie, ambient }
    }

    /// Begins one: the cookie to set.
    pub(super) fn begin(&self, to: &str) -> (Attempt, String) {
        let seed = URL_SAFE_NO_PAD.encode(self.ambient.bytes::<32>());
        let (begun, to64) = (self.ambient.now().timestamp(), URL_SAFE_NO_PAD.encode(to));
        let text = format!("{seed}.{begun}.{to64}");
        let cookie = self.cookie.set(&format!("{text}.{}", code(&self.key, "attempt", &text)), PATIENCE);
        (Attempt::of(&self.key, seed, to.to_owned()), cookie)
    }

    /// The attempt that a browser holds, if what the provider brings back is of it.
    pub(super) fn find(&self, headers: &HeaderMap, state: &str) -> Option<Attempt> {
        let value = self.cookie.read(headers)?;
        let (text, signature) = value.rsplit_once('.')?;
        if !is_same(&code(&self.key, "attempt", text), signature) {
            return None;
        }
        let [seed, begun, to] = text.split('.').collect::<Vec<_>>()[..] else { return None };
        let age = self.ambient.now().timestamp().checked_sub(begun.parse().ok()?)?;
        let to = String::from_utf8(URL_SAFE_NO_PAD.decode(to).ok()?).ok()?;
        let attempt = Attempt::of(&self.key, seed.to_owned(), to);
        let is_in_time = (0..=i64::try_from(PATIENCE.as_secs()).ok()?).contains(&age);
        (is_in_time && !attempt.seed.is_empty() && is_same(&attempt.state, state)).then_some(attempt)
    }

    /// The cookie that ends it.
    pub(super) fn forget(&self) -> String {
        self.cookie.forget()
    }
}

pub(super) fn is_same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use actix_web::http::header::{COOKIE, HeaderValue};
    use chrono::{DateTime, Utc};

    use super::*;
    use crate::ambient::Clock;

    struct At(i64);

    impl Clock for At {
        fn now(&self) -> DateTime<Utc> {
            DateTime::from_timestamp(self.0, 0).unwrap()
        }
        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }

    fn attempts(key: u8, now: i64) -> Attempts {
        Attempts::new([key; 32], Cookie::new("sign-in", "", true), Ambient::system().at(Arc::new(At(now))))
    }

    fn shown(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let pair = cookie.split(';').next().unwrap();
        headers.insert(COOKIE, HeaderValue::from_str(pair).unwrap());
        headers
    }

    #[test]
    fn only_the_browser_that_began_it_may_end_it_and_in_time() {
        let ours = attempts(1, 1000);
        let (attempt, cookie) = ours.begin("/workloads?x=y");
        let found = ours.find(&shown(&cookie), &attempt.state).unwrap();
        assert_eq!(
            (found.to.as_str(), &found.nonce, &found.verifier),
            ("/workloads?x=y", &attempt.nonce, &attempt.verifier)
        );
        assert!(cookie.starts_with("__Host-") && cookie.contains("HttpOnly; Secure; SameSite=Lax"));
        for secret in [&attempt.state, &attempt.nonce, &attempt.verifier] {
            assert!(!cookie.contains(secret.as_str()) && secret.len() == 43, "what the provider is told is not in it");
        }
        let (other, theirs) = ours.begin("/");
        let none = |headers: &HeaderMap, state: &str| assert!(ours.find(headers, state).is_none());
        none(&shown(&cookie), &other.state);
        none(&shown(&theirs), &attempt.state);
        none(&HeaderMap::new(), &attempt.state);
        none(&shown(&cookie), "");
        for forged in [
            cookie.replace(".1000.", ".1001."),
            cookie.replacen('=', "=A", 1),
            format!("{}=..", "__Host-image-watcher-sign-in"),
            format!("{}=a.1000.Lw.", "__Host-image-watcher-sign-in"),
        ] {
            none(&shown(&forged), &attempt.state);
        }
        assert!(attempts(2, 1000).find(&shown(&cookie), &attempt.state).is_none(), "another key");
        assert!(attempts(1, 1600).find(&shown(&cookie), &attempt.state).is_some());
        assert!(attempts(1, 1601).find(&shown(&cookie), &attempt.state).is_none(), "too late");
        assert!(attempts(1, 999).find(&shown(&cookie), &attempt.state).is_none(), "from the future");
    }
}

//! Tokens of token services, and how each registry wants to be asked. Kept by host, repository and credential.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::shares::Shares;
use crate::domain::secret::Secret;

/// What a token service answers (distribution.github.io, "Token authentication specification").
#[derive(Deserialize)]
struct TokenResponse {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<Value>,
}

impl TokenResponse {
    /// Of two names for one thing the one that is filled in.
    fn text(self) -> Option<String> {
        let is_there = |text: &String| !text.is_empty();
        self.token.filter(is_there).or_else(|| self.access_token.filter(is_there))
    }

    /// In seconds, as a number or as the text of one.
    fn seconds(&self) -> Option<f64> {
        match self.expires_in.as_ref()? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }
}

/// A token, and how long it is used.
pub(super) struct Token {
    pub(super) secret: Secret,
    pub(super) lifetime: Duration,
}

/// The longest token, in bytes; few servers take a header that is longer.
pub(super) const LONGEST: usize = 8 * 1024;

/// Reads an answer; `None` when there is no token in it that could be sent.
pub(super) fn read(body: &[u8]) -> Option<Token> {
    let answer: TokenResponse = serde_json::from_slice(body).ok()?;
    let seconds = answer.seconds();
    let text = answer.text()?;
    if text.len() > LONGEST || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    // Without a word of it a token lives a minute; what is absurd is brought into bounds.
    let seconds = seconds.filter(|seconds| *seconds > 0.0).unwrap_or(60.0).clamp(10.0, 3600.0);
    Some(Token { secret: Secret::new(text), lifetime: Duration::from_secs_f64(seconds * 0.9) })
}

/// Whose: host, path, credential's scope.
pub(super) type Key = (String, String, String);

/// How a repository was asked with success.
#[derive(Clone, Debug)]
pub(super) enum Scheme {
    Basic,
    Bearer(Secret),
}

/// What is remembered of all registries together, in bytes; what is forgotten is asked for again.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// What an entry takes beside its texts, in bytes.
const ENTRY: usize = 200;

/// What is remembered. It only saves questions: nothing depends on an entry being there.
pub(super) struct Schemes(Mutex<Shares<Key, (Duration, Scheme)>>);

impl Default for Schemes {
    fn default() -> Self {
        Self(Mutex::new(Shares::new(MOST_BYTES)))
    }
}

impl Schemes {
    pub(super) fn get(&self, key: &Key, now: Duration) -> Option<Scheme> {
        let schemes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        schemes.get(&key.0, key).filter(|(until, _)| *until > now).map(|(_, scheme)| scheme.clone())
    }

    pub(super) fn put(&self, key: Key, until: Duration, scheme: Scheme) {
        let token = if let Scheme::Bearer(token) = &scheme { token.expose().len() } else { 0 };
        let weight = 2 * key.0.len() + key.1.len() + key.2.len() + token + ENTRY;
        let mut schemes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        schemes.insert(&key.0.clone(), key, (until, scheme), weight);
    }

    pub(super) fn forget(&self, key: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key.0, key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_used_within_bounds() {
        let seconds = |body: &str| read(body.as_bytes()).map(|token| token.lifetime.as_secs());
        assert_eq!(seconds(r#"{"token":"t","expires_in":300}"#), Some(270));
        assert_eq!(seconds(r#"{"access_token":"t"}"#), Some(54));
        assert_eq!(seconds(r#"{"token":"","access_token":"t","expires_in":null}"#), Some(54));
        assert_eq!(seconds(r#"{"token":"t","access_token":""}"#), Some(54));
        assert_eq!(seconds(r#"{"token":"t","expires_in":"300"}"#), Some(270));
        for unreadable in [r#""soon""#, r#""NaN""#, "true", "[300]", r#""-1""#] {
            assert_eq!(seconds(&format!(r#"{{"token":"t","expires_in":{unreadable}}}"#)), Some(54), "{unreadable}");
        }
        assert_eq!(seconds(r#"{"token":"t","expires_in":1e18}"#), Some(3240));
        assert_eq!(seconds(r#"{"token":"t","expires_in":-5}"#), Some(54));
        for bad in [r#"{"token":""}"#, r#"{"token":"a\nb"}"#, "{}", "", r#"{"token":1}"#] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}

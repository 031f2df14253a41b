//! Tokens of programs: ours, of which the configuration has the hashes, and those of `ServiceAccounts`, for which the API
//! server vouches. What is neither is nobody's business here: proxies pass tokens of their own on.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use crate::ambient::Ambient;
use crate::cluster::ClusterError;
use crate::config::auth::Token;
use crate::domain::actor::ClusterUser;
use crate::domain::secret::Secret;
use crate::telemetry::{Repeats, chain};

/// What our own tokens begin with.
const OURS: &str = "iwt_";
/// How long the API server's word counts, whichever it is.
const VOUCHED: Duration = Duration::from_secs(60);
const UNKNOWN: Duration = Duration::from_secs(10);
/// Tokens of which it is remembered.
const MOST_REMEMBERED: usize = 1024;
/// Questions to the API server at once.
const SIDE_BY_SIDE: usize = 4;

/// Asks the API server whose token this is, if it was made for an audience.
pub type WhoseToken =
    Arc<dyn Fn(Secret, String) -> BoxFuture<'static, Result<Option<ClusterUser>, ClusterError>> + Send + Sync>;

/// A new token for a program, from random bytes: what the program shows, and what the configuration holds.
#[must_use]
pub fn new_token(random: [u8; 32]) -> (Secret, String) {
    let token = format!("{OURS}{}", URL_SAFE_NO_PAD.encode(random));
    let hash = Sha256::digest(token.as_bytes()).iter().fold("sha256:".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    (Secret::new(token), hash)
}

/// A token that a request shows, and that is for us to judge.
#[derive(Debug)]
pub(super) enum Shown {
    Ours(Secret),
    OfServiceAccount(Secret),
}

/// Who shows a token.
#[derive(Debug)]
pub(super) enum Program<'t> {
    /// A program of the configuration.
    Listed(&'t Token),
    /// A `ServiceAccount`.
    OfCluster(ClusterUser),
}

/// What the API server said of a token.
#[derive(Clone)]
struct Vouched {
    user: Option<ClusterUser>,
    until: Duration,
}

/// The tokens that are taken.
pub(super) struct Programs {
    tokens: Vec<Token>,
    audience: Option<String>,
    whose: WhoseToken,
    known: Mutex<HashMap<[u8; 32], Vouched>>,
    asking: Semaphore,
    /// Until when the API server is not asked, as it gave no answer.
    silent: Mutex<Duration>,
    repeats: Repeats,
    ambient: Ambient,
}

/// The API server does not say now whose token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unsaid;

/// What a token says of itself before anybody vouches for it.
#[derive(Deserialize)]
struct Claimed {
    #[serde(default)]
    sub: String,
}

impl Programs {
    pub(super) fn new(tokens: Vec<Token>, audience: Option<String>, whose: WhoseToken, ambient: Ambient) -> Self {
        let (known, asking) = (Mutex::default(), Semaphore::new(SIDE_BY_SIDE));
        let (silent, repeats) = (Mutex::default(), Repeats::default());
        Self { tokens, audience, whose, known, asking, silent, repeats, ambient }
    }

    /// The token of a request, if it shows one that is for us.
    pub(super) fn shown(&self, headers: &HeaderMap) -> Option<Shown> {
        let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        let token = token.trim();
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        if token.starts_with(OURS) {
            return Some(Shown::Ours(Secret::new(token.to_owned())));
        }
        self.audience.as_ref()?;
        // Nobody who does not claim to be one makes us ask the API server.
        let claimed = jsonwebtoken::dangerous::insecure_decode_claims::<Claimed>(token).ok()?;
        let is_one = claimed.sub.starts_with("system:serviceaccount:");
        is_one.then(|| Shown::OfServiceAccount(Secret::new(token.to_owned())))
    }

    /// Who shows it; nobody, where it is none that is taken.
    pub(super) async fn whose(&self, shown: Shown) -> Result<Option<Program<'_>>, Unsaid> {
        match shown {
            Shown::Ours(token) => Ok(self.listed(&token).map(Program::Listed)),
            Shown::OfServiceAccount(token) => Ok(self.vouched(token).await?.map(Program::OfCluster)),
        }
    }

    fn listed(&self, token: &Secret) -> Option<&Token> {
        let (hash, now): ([u8; 32], _) = (Sha256::digest(token.expose().as_bytes()).into(), self.ambient.now());
        let found = self.tokens.iter().find(|listed| listed.sha256.ct_eq(&hash).into());
        found.filter(|listed| listed.until.is_none_or(|until| now < until))
    }

    async fn vouched(&self, token: Secret) -> Result<Option<ClusterUser>, Unsaid> {
        let Some(audience) = self.audience.clone() else { return Ok(None) };
        let hash: [u8; 32] = Sha256::digest(token.expose().as_bytes()).into();
        if let Some(known) = self.remembered(&hash) {
            return Ok(known.user);
        }
        // It is never closed.
        let _turn = self.asking.acquire().await.ok();
        if let Some(known) = self.remembered(&hash) {
            return Ok(known.user);
        }
        let now = self.ambient.monotonic();
        if now < *self.silent.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(Unsaid);
        }
        let user = (self.whose)(token, audience).await.map_err(|error| self.unsaid(&error, now))?;
        let is_one = |user: &ClusterUser| user.name.starts_with("system:serviceaccount:");
        let user = user.filter(is_one);
        self.remember(hash, user.clone());
        Ok(user)
    }

    /// Whoever shows tokens does not make us ask on and on where there is no answer.
    fn unsaid(&self, error: &ClusterError, now: Duration) -> Unsaid {
        *self.silent.lock().unwrap_or_else(PoisonError::into_inner) = now + UNKNOWN;
        if let Some(suppressed) = self.repeats.line("", "tokens", now) {
            tracing::warn!(suppressed, error = %chain(error), "whose token a program shows can't be asked, so tokens of ServiceAccounts let nobody in: set rbac.tokenReviews of the chart, or bind the ClusterRole of deploy/token-reviews to the ServiceAccount of this pod");
        }
        Unsaid
    }

    fn remembered(&self, hash: &[u8; 32]) -> Option<Vouched> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(hash).filter(|vouched| self.ambient.monotonic() < vouched.until).cloned()
    }

    fn remember(&self, hash: [u8; 32], user: Option<ClusterUser>) {
        let now = self.ambient.monotonic();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_REMEMBERED {
            known.retain(|_, vouched| now < vouched.until);
        }
        if known.len() >= MOST_REMEMBERED {
            known.clear();
        }
        let until = now + if user.is_some() { VOUCHED } else { UNKNOWN };
        known.insert(hash, Vouched { user, until });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use actix_web::http::header::HeaderValue;
    use chrono::TimeDelta;

    use super::*;
    use crate::domain::role::Role;

    fn listed(number: u8, until: Option<TimeDelta>) -> (String, Token) {
        let (token, hash) = new_token([number; 32]);
        let sha256 = Sha256::digest(token.expose().as_bytes()).into();
        assert_eq!(hash.len(), "sha256:".len() + 64);
        let until = until.map(|until| Ambient::system().now() + until);
        (token.expose().to_owned(), Token { name: format!("p{number}"), sha256, role: Role::Viewer, until })
    }

    fn headers(authorization: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(authorization).unwrap());
        headers
    }

    fn jwt(sub: &str) -> String {
        let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let head = part(serde_json::json!({"alg": "RS256", "typ": "JWT"}));
        format!("{head}.{}.c2ln", part(serde_json::json!({"sub": sub})))
    }

    /// The API server vouches for what `system:serviceaccount:ops:ci` signs; how often it was asked.
    fn programs(tokens: Vec<Token>, audience: Option<&str>) -> (Programs, Arc<AtomicUsize>) {
        let asked = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&asked);
        let whose: WhoseToken = Arc::new(move |token, audience| {
            counted.fetch_add(1, Ordering::Relaxed);
            let name = "system:serviceaccount:ops:ci".to_owned();
            let is_known = token.expose() == jwt(&name) && audience == "image-watcher";
            let user = is_known.then(|| ClusterUser { name, groups: vec!["system:serviceaccounts:ops".into()] });
            Box::pin(async move { Ok(user) })
        });
        (Programs::new(tokens, audience.map(str::to_owned), whose, Ambient::system()), asked)
    }

    #[tokio::test]
    async fn a_token_of_the_configuration_is_known_by_its_hash_and_for_its_time() {
        let hour = TimeDelta::hours(1);
        let ((first, one), (second, two), (late, over)) =
            (listed(1, None), listed(2, Some(hour)), listed(3, Some(-hour)));
        let (programs, _) = programs(vec![one, two, over], None);
        let name = async |token: &str| {
            let shown = programs.shown(&headers(&format!("Bearer {token}")))?;
            match programs.whose(shown).await.unwrap()? {
                Program::Listed(token) => Some(token.name.clone()),
                Program::OfCluster(user) => Some(user.name),
            }
        };
        assert_eq!((name(&first).await.as_deref(), name(&second).await.as_deref()), (Some("p1"), Some("p2")));
        let (_, hash) = new_token([1; 32]);
        for wrong in [&late, "iwt_", &first[..40], &format!("{first}x"), &hash.replace("sha256:", "iwt_")] {
            assert_eq!(name(wrong).await, None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn what_is_not_ours_is_left_to_others() {
        let (first, one) = listed(1, None);
        let (programs, asked) = programs(vec![one], None);
        let of_account = format!("Bearer {}", jwt("system:serviceaccount:ops:ci"));
        for other in [&format!("Basic {first}"), &first, "Bearer abc", &of_account, "Bearer"] {
            assert!(programs.shown(&headers(other)).is_none(), "{other}");
        }
        assert!(programs.shown(&headers(&format!("bearer  {first}"))).is_some(), "schemes have no case");
        assert_eq!(asked.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn an_api_server_that_says_nothing_is_left_alone_for_a_moment() {
        let asked = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&asked);
        let whose: WhoseToken = Arc::new(move |_, _| {
            counted.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Err(ClusterError::Gone("no answer".into())) })
        });
        let programs = Programs::new(Vec::new(), Some("image-watcher".into()), whose, Ambient::system());
        for number in 0..5 {
            let token = jwt(&format!("system:serviceaccount:ops:{number}"));
            let shown = programs.shown(&headers(&format!("Bearer {token}"))).unwrap();
            assert_eq!(programs.whose(shown).await.err(), Some(Unsaid));
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn the_api_server_is_asked_once_a_minute_and_by_who_claims_to_be_an_account_alone() {
        let (programs, asked) = programs(Vec::new(), Some("image-watcher"));
        let whose = async |sub: &str| {
            let shown = programs.shown(&headers(&format!("Bearer {}", jwt(sub))))?;
            match programs.whose(shown).await.unwrap()? {
                Program::OfCluster(user) => Some(user),
                Program::Listed(_) => None,
            }
        };
        for _ in 0..3 {
            let user = whose("system:serviceaccount:ops:ci").await.unwrap();
            assert_eq!(user.groups, ["system:serviceaccounts:ops"]);
            assert_eq!(whose("system:serviceaccount:ops:other").await, None);
        }
        assert_eq!((asked.load(Ordering::Relaxed), whose("alice").await), (2, None));
        (0..5000_u32).for_each(|number| {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&number.to_le_bytes());
            programs.remember(hash, None);
        });
        assert!(programs.known.lock().unwrap().len() <= MOST_REMEMBERED);
    }
}

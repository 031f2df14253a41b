//! Tokens of programs: ours, of which the configuration has the hashes, and those of `ServiceAccounts`, for which the API
//! server vouches. What is neither is nobody's business here: proxies pass tokens of their own on.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::turns::{Of, Turns};
use crate::ambient::Ambient;
use crate::cluster::ClusterError;
use crate::config::auth::Token;
use crate::domain::actor::ClusterUser;
use crate::domain::hex;
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
    let hash = format!("sha256:{}", hex::encode(&Sha256::digest(token.as_bytes())));
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

/// What is known of whoever shows a token before anybody is asked.
#[derive(Debug)]
pub(super) enum Known<'t> {
    /// Who it is.
    Program(Program<'t>),
    /// The token is none that is taken.
    Nobody,
    /// Only the API server can tell.
    Unasked(Question),
}

/// A token that the API server has to be asked about.
#[derive(Debug)]
pub(super) struct Question {
    token: Secret,
    audience: String,
    hash: [u8; 32],
    /// Whether it was right before, a while ago: strangers' guesses do not slow that down.
    pub(super) was_right: bool,
}

/// What the API server said of tokens, by their hashes, until when that counts. Who was vouched for is remembered apart from who
/// was not, so that no forged token makes a right one be forgotten.
#[derive(Default)]
struct Remembered {
    vouched: HashMap<[u8; 32], (ClusterUser, Duration)>,
    unknown: HashMap<[u8; 32], Duration>,
}

/// The tokens that are taken.
pub(super) struct Programs {
    tokens: Vec<Token>,
    audience: Option<String>,
    whose: WhoseToken,
    known: Mutex<Remembered>,
    asking: Turns,
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
        let (known, asking) = (Mutex::default(), Turns::new(SIDE_BY_SIDE));
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

    /// Who shows it, as far as that is known without asking anybody.
    pub(super) fn known(&self, shown: Shown) -> Known<'_> {
        match shown {
            Shown::Ours(token) => self.listed(&token).map_or(Known::Nobody, |it| Known::Program(Program::Listed(it))),
            Shown::OfServiceAccount(token) => {
                let Some(audience) = self.audience.clone() else { return Known::Nobody };
                let hash = Sha256::digest(token.expose().as_bytes()).into();
                match self.remembered(&hash) {
                    Some(Some(user)) => Known::Program(Program::OfCluster(user)),
                    Some(None) => Known::Nobody,
                    None => {
                        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                        let was_right = known.vouched.contains_key(&hash);
                        Known::Unasked(Question { token, audience, hash, was_right })
                    }
                }
            }
        }
    }

    fn listed(&self, token: &Secret) -> Option<&Token> {
        let (hash, now): ([u8; 32], _) = (Sha256::digest(token.expose().as_bytes()).into(), self.ambient.now());
        let found = self.tokens.iter().find(|listed| listed.sha256.get().ct_eq(&hash).into());
        found.filter(|listed| listed.until.is_none_or(|until| now < until))
    }

    /// Asks the API server, in the turn of a network, or of a token that was right before.
    pub(super) async fn ask(&self, question: Question, network: IpAddr) -> Result<Option<ClusterUser>, Unsaid> {
        let Question { token, audience, hash, was_right } = question;
        let of = if was_right { Of::Known(URL_SAFE_NO_PAD.encode(hash)) } else { Of::Network(network) };
        let _turn = self.asking.turn(of).await.map_err(|_| Unsaid)?;
        if let Some(user) = self.remembered(&hash) {
            return Ok(user);
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

    /// What the API server said of it a moment ago, if it was asked: who it is, or that it is nobody.
    #[expect(clippy::option_option, reason = "whether it was asked, and who it is if it is anybody")]
    fn remembered(&self, hash: &[u8; 32]) -> Option<Option<ClusterUser>> {
        let (known, now) = (self.known.lock().unwrap_or_else(PoisonError::into_inner), self.ambient.monotonic());
        let vouched = known.vouched.get(hash).filter(|(_, until)| now < *until);
        let unknown = known.unknown.get(hash).filter(|until| now < **until);
        vouched.map(|(user, _)| Some(user.clone())).or_else(|| unknown.map(|_| None))
    }

    fn remember(&self, hash: [u8; 32], user: Option<ClusterUser>) {
        let now = self.ambient.monotonic();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(user) = user else {
            if known.unknown.len() >= MOST_REMEMBERED {
                known.unknown.clear();
            }
            known.vouched.remove(&hash);
            known.unknown.insert(hash, now + UNKNOWN);
            return;
        };
        if known.vouched.len() >= MOST_REMEMBERED {
            known.vouched.retain(|_, (_, until)| now < *until);
        }
        if known.vouched.len() < MOST_REMEMBERED {
            known.vouched.insert(hash, (user, now + VOUCHED));
        }
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
        let sha256: [u8; 32] = Sha256::digest(token.expose().as_bytes()).into();
        assert_eq!(hash.len(), "sha256:".len() + 64);
        let until = until.map(|until| Ambient::system().now() + until);
        (
            token.expose().to_owned(),
            Token { name: format!("p{number}"), sha256: sha256.into(), role: Role::Viewer, until },
        )
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

    /// Who it is of, asked of the API server where that is not known.
    async fn asked_of(programs: &Programs, shown: Shown) -> Result<Option<ClusterUser>, Unsaid> {
        match programs.known(shown) {
            Known::Program(Program::OfCluster(user)) => Ok(Some(user)),
            Known::Program(Program::Listed(_)) | Known::Nobody => Ok(None),
            Known::Unasked(question) => programs.ask(question, [192, 0, 2, 1].into()).await,
        }
    }

    #[tokio::test]
    async fn a_token_of_the_configuration_is_known_by_its_hash_and_for_its_time() {
        let hour = TimeDelta::hours(1);
        let ((first, one), (second, two), (late, over)) =
            (listed(1, None), listed(2, Some(hour)), listed(3, Some(-hour)));
        let (programs, _) = programs(vec![one, two, over], None);
        let name = async |token: &str| {
            let shown = programs.shown(&headers(&format!("Bearer {token}")))?;
            match programs.known(shown) {
                Known::Program(Program::Listed(token)) => Some(token.name.clone()),
                Known::Program(Program::OfCluster(_)) | Known::Nobody | Known::Unasked(_) => None,
            }
        };
        assert_eq!((name(&first).await.as_deref(), name(&second).await.as_deref()), (Some("p1"), Some("p2")));
        let (_, hash) = new_token([1; 32]);
        for wrong in [&late, "iwt_", &first[..40], &format!("{first}x"), &hash.replace("sha256:", "iwt_")] {
            assert_eq!(name(wrong).await, None, "{wrong}");
        }
    }

    /// A clock that goes on when it is told to.
    #[derive(Default)]
    struct Steps(AtomicUsize);

    impl crate::ambient::Clock for Steps {
        fn now(&self) -> chrono::DateTime<chrono::Utc> {
            chrono::DateTime::from_timestamp(1_795_000_000, 0).unwrap()
        }
        fn monotonic(&self) -> Duration {
            Duration::from_secs(1000 + self.0.load(Ordering::Relaxed) as u64)
        }
    }

    #[tokio::test]
    async fn a_token_that_was_right_before_is_asked_about_anew_as_one_that_was() {
        let (clock, is_revoked) = (Arc::<Steps>::default(), Arc::<std::sync::atomic::AtomicBool>::default());
        let revoked = Arc::clone(&is_revoked);
        let whose: WhoseToken = Arc::new(move |_, _| {
            let user = ClusterUser { name: "system:serviceaccount:ops:ci".into(), groups: Vec::new() };
            let user = (!revoked.load(Ordering::Relaxed)).then_some(user);
            Box::pin(async move { Ok(user) })
        });
        let ambient = Ambient::system().at(Arc::clone(&clock) as Arc<dyn crate::ambient::Clock>);
        let programs = Programs::new(Vec::new(), Some("image-watcher".into()), whose, ambient);
        let token = || programs.shown(&headers(&format!("Bearer {}", jwt("system:serviceaccount:ops:ci")))).unwrap();
        let was_right = || match programs.known(token()) {
            Known::Unasked(question) => Some(question.was_right),
            Known::Program(_) | Known::Nobody => None,
        };
        assert_eq!(was_right(), Some(false), "nobody knows it");
        assert!(asked_of(&programs, token()).await.unwrap().is_some());
        assert_eq!(was_right(), None);
        clock.0.store(61, Ordering::Relaxed);
        assert_eq!(was_right(), Some(true));
        is_revoked.store(true, Ordering::Relaxed);
        assert_eq!(asked_of(&programs, token()).await.unwrap(), None);
        clock.0.store(200, Ordering::Relaxed);
        assert_eq!(was_right(), Some(false), "it is one no longer");
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
            assert_eq!(asked_of(&programs, shown).await.err(), Some(Unsaid));
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn the_api_server_is_asked_once_a_minute_and_by_who_claims_to_be_an_account_alone() {
        let (programs, asked) = programs(Vec::new(), Some("image-watcher"));
        let whose = async |sub: &str| {
            let shown = programs.shown(&headers(&format!("Bearer {}", jwt(sub))))?;
            asked_of(&programs, shown).await.unwrap()
        };
        for _ in 0..3 {
            let user = whose("system:serviceaccount:ops:ci").await.unwrap();
            assert_eq!(user.groups, ["system:serviceaccounts:ops"]);
            assert_eq!(whose("system:serviceaccount:ops:other").await, None);
        }
        assert_eq!((asked.load(Ordering::Relaxed), whose("alice").await), (2, None));
        let user = whose("system:serviceaccount:ops:ci").await;
        for is_vouched in [false, true] {
            (0..5000_u32).for_each(|number| {
                let mut hash = [0; 32];
                hash[..4].copy_from_slice(&number.to_le_bytes());
                programs.remember(hash, user.clone().filter(|_| is_vouched));
            });
            assert!(whose("system:serviceaccount:ops:ci").await.is_some());
            assert_eq!(asked.load(Ordering::Relaxed), 2, "no forged token makes a right one be forgotten");
        }
        let known = programs.known.lock().unwrap();
        assert!(known.vouched.len() <= MOST_REMEMBERED && known.unknown.len() <= MOST_REMEMBERED);
    }
}

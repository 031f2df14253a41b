//! Keys that tokens of others are signed with, and how their signatures are checked.
//!
//! A key is only ever taken from where the configuration says, never from a token.

mod signatures;

use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::sync::Mutex;

use crate::ambient::Ambient;
use crate::outbound;

/// How long a fetched key set is good, unless its sender says less.
const FRESH: Duration = Duration::from_secs(3600);
/// Keys are asked for again no sooner than this after the last time, whether they came or not.
const BETWEEN: Duration = Duration::from_secs(60);
/// A key set has a few kilobytes.
const MOST_KEYS: usize = 256 * 1024;
const DEADLINE: Duration = Duration::from_secs(5);

/// The key set of one sender, fetched when it is needed. Who waits for it holds up nobody else.
pub(crate) struct Keys {
    ambient: Ambient,
    client: Option<outbound::Client>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    set: Option<Fetched>,
    /// When keys were last asked for.
    asked: Option<Duration>,
    /// Whether they did not come then.
    failing: bool,
}

struct Fetched {
    keys: JwkSet,
    at: Duration,
}

/// Which key signed a token, as the token says.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'k> {
    /// Its name; nothing where the token says none, as where there is one key alone.
    pub(crate) kid: Option<&'k str>,
    /// How it signs.
    pub(crate) algorithm: Algorithm,
}

impl Keys {
    /// No key is known yet. Without a client only given sets can be used.
    pub(crate) fn new(ambient: Ambient, client: Option<outbound::Client>) -> Self {
        signatures::install();
        Self { ambient, client, known: Mutex::default() }
    }

    /// The key of a set that is given as text.
    pub(crate) fn given(text: &str, wanted: Wanted<'_>) -> Option<DecodingKey> {
        find(&serde_json::from_str(text).ok()?, wanted)
    }

    /// The key of the set at an address.
    pub(crate) async fn at(&self, url: &url::Url, wanted: Wanted<'_>) -> Option<DecodingKey> {
        let mut known = self.known.lock().await;
        let now = self.ambient.monotonic();
        let age = |at: Duration| now.saturating_sub(at);
        let held = known.set.as_ref().filter(|set| age(set.at) < FRESH).and_then(|set| find(&set.keys, wanted));
        // A key that has no name may be another by now.
        if known.asked.is_some_and(|at| age(at) < BETWEEN) || (held.is_some() && wanted.kid.is_some()) {
            return held;
        }
        known.asked = Some(now);
        match self.fetch(url.clone()).await {
            Ok(keys) => {
                known.failing = false;
                let key = find(&keys, wanted);
                known.set = Some(Fetched { keys, at: now });
                key
            }
            Err(error) => {
                if !std::mem::replace(&mut known.failing, true) {
                    tracing::warn!(host = outbound::written_host(url), error = %crate::telemetry::chain(&*error), "the keys that tokens are signed with can't be fetched; it is tried again each minute, and told once");
                }
                held
            }
        }
    }

    /// How many keys of the set at an address can be used. Nothing of it is remembered.
    pub(crate) async fn count_at(&self, url: url::Url) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
        let keys = self.fetch(url).await?;
        let is_usable = |key: &&Jwk| [Algorithm::RS256, Algorithm::ES256].iter().any(|one| is_for(key, *one));
        Ok(keys.keys.iter().filter(is_usable).count())
    }

    async fn fetch(&self, url: url::Url) -> Result<JwkSet, Box<dyn std::error::Error + Send + Sync>> {
        let client = self.client.as_ref().ok_or("there is no client to fetch it with")?;
        let answer = client.send(client.get(url), DEADLINE, MOST_KEYS).await?;
        if !answer.status.is_success() {
            return Err(format!("status {}", answer.status).into());
        }
        Ok(serde_json::from_slice(&answer.body)?)
    }
}

/// The key of this name, if the set has it and it is one for this algorithm; without a name, the only one for it
/// (`OpenID` Connect Core, 10.1).
fn find(keys: &JwkSet, wanted: Wanted<'_>) -> Option<DecodingKey> {
    let key = if let Some(kid) = wanted.kid {
        keys.find(kid)?
    } else {
        let mut all = keys.keys.iter().filter(|key| is_for(key, wanted.algorithm));
        let only = all.next()?;
        all.next().is_none().then_some(only)?
    };
    is_for(key, wanted.algorithm).then(|| DecodingKey::from_jwk(key).ok())?
}

fn is_for(key: &Jwk, algorithm: Algorithm) -> bool {
    match (&key.algorithm, algorithm) {
        _ if matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption)) => false,
        (AlgorithmParameters::RSA(_), Algorithm::RS256) => true,
        (AlgorithmParameters::EllipticCurve(curve), Algorithm::ES256) => curve.curve == EllipticCurve::P256,
        _ => false,
    }
}

//! What a provider answers to us, without anybody who signs in: whether it describes itself, has keys, and takes our name and secret.

use url::Url;

use super::{Oidc, OidcError};
use crate::ambient::Ambient;
use crate::config::auth::Provider;
use crate::outbound::Client;
use crate::telemetry::chain;

/// A code that no provider gave.
const NO_CODE: &str = "image-watcher-doctor";

/// What a provider answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// It describes itself, has this many keys that we can use, and takes our name and secret.
    Works(usize),
    /// The same, but of our name and secret it says neither yes nor no.
    Unclear(usize, String),
    /// It does not take our name or our secret.
    NotUs(String),
    /// It describes itself, and none of its keys can be used.
    NoKeys(String),
    /// It gives no answer, or one that is none.
    Silent(String),
}

/// Asks a provider, which leads people back to `redirect`. Nobody signs in by it.
pub async fn try_provider(provider: &Provider, client: Client, redirect: String) -> Trial {
    let oidc = Oidc::new(provider.clone(), client, redirect, [0; 32], Ambient::system());
    let discovered = match oidc.discover().await {
        Ok(discovered) => discovered,
        Err(error) => return Trial::Silent(chain(&error).to_string()),
    };
    let keys = match oidc.keys.count_at(discovered.jwks_uri.clone()).await {
        Ok(0) => return Trial::NoKeys(format!("none of {} is for RS256 or ES256", shown(&discovered.jwks_uri))),
        Ok(keys) => keys,
        Err(error) => return Trial::NoKeys(format!("{}: {}", shown(&discovered.jwks_uri), chain(&*error))),
    };
    match oidc.exchange(&discovered, NO_CODE, NO_CODE).await {
        Ok(_) => Trial::Unclear(keys, "it gave a token for a code that it never gave".into()),
        Err(error) => judged(&error, keys),
    }
}

/// What a refusal of a made-up code says of us.
fn judged(error: &OidcError, keys: usize) -> Trial {
    let told = chain(error).to_string();
    match error {
        OidcError::NoAnswer(_) => Trial::Silent(told),
        OidcError::Code(_) => Trial::Works(keys),
        OidcError::Client(_) => Trial::NotUs(told),
        _ => Trial::Unclear(keys, told),
    }
}

/// An address without what may be secret in it.
fn shown(url: &Url) -> String {
    format!("{}{}", crate::outbound::written_host(url), url.path())
}

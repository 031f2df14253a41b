//! Sign-in at an `OpenID` provider: the code flow, with PKCE, state and nonce.
//!
//! ```text
//! /sign-in/begin ─► provider ─► /sign-in/callback ─► code for ID token ─► who, and of which groups
//! ```

mod attempt;
#[cfg(test)]
mod tests;
mod token;
mod trial;

use std::time::Duration;

use actix_web::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, Semaphore};
use url::Url;
use url::form_urlencoded::{self, byte_serialize};

use self::attempt::Attempts;
pub(super) use self::token::Identified;
use self::token::TokenError;
pub use self::trial::{Trial, try_provider};
use super::sessions::Cookie;
use crate::ambient::Ambient;
use crate::config::auth::{Prefixes, Provider};
use crate::domain::actor::{Authority, SignedIn};
use crate::domain::rotating::Rotating;
use crate::domain::secret::Secret;
use crate::jwt::{Keys, Wanted};
use crate::listener::Form;
use crate::outbound::{self, OutboundError};

/// How long what the provider says of itself is good.
const FRESH: Duration = Duration::from_secs(3600);
/// It is asked for again no sooner than this after it did not come.
const BETWEEN: Duration = Duration::from_secs(10);
const DEADLINE: Duration = Duration::from_secs(10);
const MOST_BYTES: usize = 256 * 1024;
/// Where the provider leads people back to, below our own path.
pub(super) const CALLBACK: &str = "/sign-in/callback";
/// Codes that are exchanged at once; whoever comes then is told to try again.
const SIDE_BY_SIDE: usize = 8;

/// Why nobody signed in.
#[derive(Debug, thiserror::Error)]
pub(super) enum OidcError {
    /// What the browser brings back is of no sign-in that it began.
    #[error("this is of no sign-in that this browser began, or it took too long")]
    Stranger,
    /// The provider let nobody in.
    #[error("the provider answered {0}")]
    Refused(String),
    /// Too many at once.
    #[error("too many sign in at once")]
    Busy,
    /// The provider gave no answer.
    #[error("the provider gave no answer")]
    NoAnswer(#[from] OutboundError),
    /// The provider gave no answer a moment ago, and is not asked again yet.
    #[error("the provider gave no answer a moment ago")]
    Silent,
    /// The provider does not take the code that the browser brings.
    #[error("the provider does not take the code: {0}")]
    Code(String),
    /// The provider does not take our name or secret.
    #[error("the provider does not take our client: {0}")]
    Client(String),
    /// The provider gave an answer that is none.
    #[error("the answer of the provider's {what} is not what OpenID says: {problem}")]
    Answer {
        /// Of what.
        what: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The token lets nobody in.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl OidcError {
    /// Whether it is counted against whoever came, as one who guesses: a code that the provider never gave, or gave another browser.
    /// What is of no sign-in that this browser began proves nothing of who sent it, as any page makes a browser send it, and costs
    /// nothing.
    pub(super) fn is_counted(&self) -> bool {
        matches!(self, Self::Code(_) | Self::Token(TokenError::Nonce))
    }

    /// Whether it is of whoever came. All else is of the provider, or of what is configured of it, and nobody gets in until that is
    /// mended: a token comes from the provider itself, so that one that is wrong is the provider's.
    pub(super) fn is_of_stranger(&self) -> bool {
        match self {
            Self::Stranger | Self::Refused(_) | Self::Code(_) => true,
            Self::Token(token) => matches!(token, TokenError::Nonce | TokenError::Name(_) | TokenError::Unverified),
            Self::Busy | Self::NoAnswer(_) | Self::Silent | Self::Client(_) | Self::Answer { .. } => false,
        }
    }

    /// What whoever runs the service can do about it.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Client(_) => {
                "auth.oidc.clientId and the secret in auth.oidc.clientSecretFile have to be those of the client at the provider, which authenticates by its secret; `image-watcher doctor` tries them"
            }
            Self::NoAnswer(_) | Self::Silent | Self::Answer { .. } | Self::Token(_) => {
                "`image-watcher doctor` asks the provider (auth.oidc.issuer) and says what comes"
            }
            Self::Busy | Self::Stranger | Self::Refused(_) | Self::Code(_) => "",
        }
    }
}

/// What a provider says of itself.
#[derive(Clone, Debug, Deserialize)]
struct Discovered {
    issuer: String,
    #[serde(deserialize_with = "address")]
    authorization_endpoint: Url,
    #[serde(deserialize_with = "address")]
    token_endpoint: Url,
    #[serde(deserialize_with = "address")]
    jwks_uri: Url,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

fn address<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Url, D::Error> {
    Url::parse(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

#[derive(Default)]
struct Known {
    what: Option<(Discovered, Duration)>,
    failed: Option<Duration>,
}

#[derive(Deserialize)]
struct Exchanged {
    id_token: String,
}

/// What the provider sends the browser back with.
#[derive(Debug, Default)]
pub(super) struct Returned {
    code: Option<String>,
    state: String,
    error: Option<String>,
    iss: Option<String>,
}

impl Returned {
    /// Reads the query of the address that the browser comes back to. What is there twice is nobody's.
    pub(super) fn read(query: &str) -> Option<Self> {
        let fields = Form::parse(query.as_bytes());
        let one = |name: &str| fields.single(name).map(|value| value.map(str::to_owned));
        Some(Self {
            code: one("code").ok()?,
            state: one("state").ok()??,
            error: one("error").ok()?,
            iss: one("iss").ok()?,
        })
    }
}

/// The provider, as it is asked.
pub(super) struct Oidc {
    provider: Provider,
    client: outbound::Client,
    redirect: String,
    attempts: Attempts,
    keys: Keys,
    known: Mutex<Known>,
    exchanging: Semaphore,
    ambient: Ambient,
}

/// Somebody who came back from the provider.
pub(super) struct Arrived {
    pub(super) identified: Identified,
    /// Where they wanted to go.
    pub(super) to: String,
}

impl Oidc {
    /// A provider that leads people back to `redirect`.
    pub(super) fn new(
        provider: Provider,
        client: outbound::Client,
        redirect: String,
        key: [u8; 32],
        ambient: Ambient,
    ) -> Self {
        let path = Url::parse(&redirect).map(|url| url.path().trim_end_matches(CALLBACK).to_owned());
        let cookie = Cookie::new("sign-in", &path.unwrap_or_default(), redirect.starts_with("https://"));
        let attempts = Attempts::new(key, cookie, ambient.clone());
        let keys = Keys::new(ambient.clone(), Some(client.clone()));
        let (known, exchanging) = (Mutex::default(), Semaphore::new(SIDE_BY_SIDE));
        Self { provider, client, redirect, attempts, keys, known, exchanging, ambient }
    }

    /// What a session of this provider hangs on: all of the configuration that makes a name and groups of what it says.
    pub(super) fn proof(&self) -> String {
        let Provider { issuer, client_id, client_secret: _, scopes: _, name_claim, groups_claim, in_cluster } =
            &self.provider;
        let prefixes = in_cluster.as_ref().map(|Prefixes { user, groups }| [user, groups]);
        let all = serde_json::json!([issuer, client_id, name_claim, groups_claim, prefixes]).to_string();
        URL_SAFE_NO_PAD.encode(Sha256::digest(all))
    }

    /// Somebody of this name and these groups, whom the cluster knows as it is configured now.
    pub(super) fn person(&self, name: &str, groups: &[String]) -> Option<SignedIn> {
        SignedIn::by(Authority::OpenId, name).map(|person| token::known(person, groups, &self.provider))
    }

    /// Whether the browser began what the provider sends it back with.
    pub(super) fn began(&self, headers: &HeaderMap, returned: &Returned) -> bool {
        self.attempts.find(headers, &returned.state).is_some()
    }

    /// Where the browser is sent, and the cookie that it keeps.
    pub(super) async fn begin(&self, to: &str) -> Result<(String, String), OidcError> {
        let mut url = self.discovered().await?.authorization_endpoint;
        let (attempt, cookie) = self.attempts.begin(to);
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.provider.client_id)
            .append_pair("redirect_uri", &self.redirect)
            .append_pair("scope", &self.provider.scopes.join(" "))
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair("code_challenge", &attempt.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok((url.into(), cookie))
    }

    /// Who came back.
    pub(super) async fn finish(&self, headers: &HeaderMap, returned: &Returned) -> Result<Arrived, OidcError> {
        let attempt = self.attempts.find(headers, &returned.state).ok_or(OidcError::Stranger)?;
        if returned.iss.as_ref().is_some_and(|iss| *iss != self.provider.issuer) {
            return Err(OidcError::Stranger);
        }
        let code = match (&returned.code, &returned.error) {
            (Some(code), None) => code,
            (_, error) => return Err(OidcError::Refused(word(error.as_deref().unwrap_or("nothing")))),
        };
        let discovered = self.discovered().await?;
        let token = self.exchange(&discovered, code, &attempt.verifier).await?;
        let (kid, algorithm) = token::signed_with(token.expose())?;
        let wanted = Wanted { kid: kid.as_deref(), algorithm };
        let without = if kid.is_some() { TokenError::Key } else { TokenError::Unnamed };
        let key = self.keys.at(&discovered.jwks_uri, wanted).await.ok_or(without)?;
        let now = self.ambient.now().timestamp();
        let identified = token::read(token.expose(), (&key, algorithm), &self.provider, &attempt.nonce, now)?;
        Ok(Arrived { identified, to: attempt.to })
    }

    /// The cookie that ends an attempt.
    pub(super) fn forget(&self) -> String {
        self.attempts.forget()
    }

    async fn discovered(&self) -> Result<Discovered, OidcError> {
        let mut known = self.known.lock().await;
        let now = self.ambient.monotonic();
        if let Some((what, _)) = known.what.as_ref().filter(|(_, at)| now.saturating_sub(*at) < FRESH) {
            return Ok(what.clone());
        }
        if known.failed.is_some_and(|at| now.saturating_sub(at) < BETWEEN) {
            return Err(OidcError::Silent);
        }
        match self.discover().await {
            Ok(what) => {
                *known = Known { what: Some((what.clone(), now)), failed: None };
                Ok(what)
            }
            Err(error) => {
                known.failed = Some(now);
                Err(error)
            }
        }
    }

    async fn discover(&self) -> Result<Discovered, OidcError> {
        let wrong = |problem: String| OidcError::Answer { what: "discovery document", problem };
        let address = format!("{}/.well-known/openid-configuration", self.provider.issuer.trim_end_matches('/'));
        let url = Url::parse(&address).map_err(|error| wrong(error.to_string()))?;
        let is_plain = url.scheme() == "http";
        let answer = self.client.send(self.client.get(url), DEADLINE, MOST_BYTES).await?;
        if !answer.status.is_success() {
            return Err(wrong(format!("status {}", answer.status)));
        }
        let what: Discovered = serde_json::from_slice(&answer.body).map_err(|error| wrong(error.to_string()))?;
        if what.issuer != self.provider.issuer {
            return Err(wrong(
                "it is of another issuer than auth.oidc.issuer, which has to be the same to the letter".into(),
            ));
        }
        let all = [&what.authorization_endpoint, &what.token_endpoint, &what.jwks_uri];
        let is_safe = |url: &&Url| url.scheme() == "https" || (is_plain && url.scheme() == "http");
        if all.iter().all(is_safe) { Ok(what) } else { Err(wrong("it names an address without TLS".into())) }
    }

    async fn exchange(&self, at: &Discovered, code: &str, verifier: &str) -> Result<Secret, OidcError> {
        let _turn = self.exchanging.try_acquire().map_err(|_| OidcError::Busy)?;
        let wrong = |problem: String| OidcError::Answer { what: "token endpoint", problem };
        let methods = &at.token_endpoint_auth_methods_supported;
        let supports = |method: &str| methods.iter().any(|one| one == method);
        let in_form = !methods.is_empty() && !supports("client_secret_basic") && supports("client_secret_post");
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &self.redirect)
            .append_pair("code_verifier", verifier);
        let mut request = self.client.post(at.token_endpoint.clone()).header(ACCEPT.as_str(), "application/json");
        match self.provider.client_secret.as_ref().map(Rotating::get) {
            Some(secret) if !in_form => {
                request = request.header(AUTHORIZATION.as_str(), basic(&self.provider.client_id, &secret));
            }
            secret => {
                form.append_pair("client_id", &self.provider.client_id);
                if let Some(secret) = secret {
                    form.append_pair("client_secret", secret.expose());
                }
            }
        }
        let request = request.header(CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded").body(form.finish());
        let answer = self.client.send(request, DEADLINE, MOST_BYTES).await?;
        if !answer.status.is_success() {
            let (against, told) = refusal(answer.status.as_u16(), &answer.body);
            return Err(match against {
                Against::Code => OidcError::Code(told),
                Against::Client => OidcError::Client(told),
                Against::Request => wrong(told),
            });
        }
        // What is wrong with it is not told in its own words: it is a token.
        let token: Result<Exchanged, _> = serde_json::from_slice(&answer.body);
        token.map(|it| Secret::new(it.id_token)).map_err(|_| wrong("it has no id_token".into()))
    }
}

/// Name and secret of a client, each as of a form (RFC 6749, 2.3.1).
fn basic(id: &str, secret: &Secret) -> String {
    let [id, secret] = [id, secret.expose()].map(|text| byte_serialize(text.as_bytes()).collect::<String>());
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// What a token endpoint has something against.
enum Against {
    /// The code: it did not give it for this.
    Code,
    /// Our name or our secret.
    Client,
    /// Something else.
    Request,
}

/// What a token endpoint says in place of a token (RFC 6749, 5.2), and in words.
fn refusal(status: u16, body: &[u8]) -> (Against, String) {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let error = body.get("error").and_then(serde_json::Value::as_str);
    let against = match error {
        Some("invalid_grant") => Against::Code,
        Some("invalid_client" | "unauthorized_client") => Against::Client,
        _ => Against::Request,
    };
    let told = error.map_or_else(|| format!("status {status}"), |error| format!("status {status}, {}", word(error)));
    (against, told)
}

/// A word of OAuth, or what stands for one that is none.
fn word(text: &str) -> String {
    let is_one = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_one { text.to_owned() } else { "something that is no error of OAuth".to_owned() }
}

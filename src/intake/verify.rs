//! Who sent it. Nothing of a body is looked at before this.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use actix_web::web::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;

use super::oidc::Keys;
use crate::config::source::{Hosts, Scheme, Source};
use crate::domain::secret::Secret;
use crate::listener::Problem;

/// The same for an unknown source and for a wrong secret, so that neither can be told from the other.
pub(super) const REFUSED: Problem =
    Problem::new(StatusCode::UNAUTHORIZED, "no such source, or not the right credential for it");

/// A delivery whose sender is known. Only [`verify`] makes one, and parsers take nothing else.
pub(super) struct Verified<'r> {
    body: Bytes,
    headers: &'r HeaderMap,
    hosts: &'r Hosts,
}

impl<'r> Verified<'r> {
    /// A delivery for parsers alone, which no sender vouches for: of tests and fuzz targets.
    pub(super) fn unvouched(body: Bytes, headers: &'r HeaderMap, hosts: &'r Hosts) -> Self {
        Self { body, headers, hosts }
    }

    /// The body, byte for byte.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether the body is a form.
    pub(super) fn is_form(&self) -> bool {
        is_form(self.headers)
    }

    /// What the body is said to be, in lower case and without parameters.
    pub(super) fn media_type(&self) -> String {
        media_type(self.headers)
    }

    /// A header that is there exactly once. No signature covers it.
    pub(super) fn header(&self, name: &str) -> Option<&'r str> {
        single(self.headers, name)
    }

    /// Which registries the source means.
    pub(super) fn hosts(&self) -> &'r Hosts {
        self.hosts
    }
}

/// Checks the sender of a body in the way of its source.
///
/// `path` is the token of the path, if there is one.
pub(super) async fn verify<'r>(
    source: &'r Source,
    request: &'r HttpRequest,
    path: Option<&str>,
    body: Bytes,
    keys: &Keys,
) -> Result<Verified<'r>, Problem> {
    let (headers, secrets) = (request.headers(), &source.auth.secrets);
    let token = |token: Option<&str>| token.is_some_and(|token| any(secrets, token.as_bytes()));
    let right = match source.auth.scheme {
        Scheme::AuthorizationExact => token(single(headers, AUTHORIZATION.as_str())),
        Scheme::Bearer if source.kind.takes_access_tokens() => {
            token(bearer(headers)) || token(access_token(request).as_deref())
        }
        Scheme::Bearer => token(bearer(headers)),
        Scheme::Basic => basic(headers).is_some_and(|pair| any(secrets, &pair)),
        Scheme::HeaderToken => token(single(headers, &source.auth.header)),
        Scheme::JfrogPlain => token(single(headers, "X-JFrog-Event-Auth")),
        Scheme::QueryToken if source.kind.takes_access_tokens() => {
            token(query_token(request, &["token", "access_token"]).as_deref())
        }
        Scheme::QueryToken => token(query_token(request, &["token"]).as_deref()),
        Scheme::PathToken => token(path),
        Scheme::GitHubHmac => {
            let given = single(headers, "X-Hub-Signature-256").and_then(|value| value.strip_prefix("sha256="));
            signed::<Hmac<Sha256>>(secrets, given, &body)
        }
        Scheme::GiteaHmac => {
            let given = gitea_signature(headers);
            signed::<Hmac<Sha256>>(secrets, given, &body)
                || payload(headers, &body).is_some_and(|json| signed::<Hmac<Sha256>>(secrets, given, json.as_bytes()))
        }
        Scheme::JfrogHmac => signed::<Hmac<Sha256>>(secrets, single(headers, "X-JFrog-Event-Auth"), &body),
        Scheme::NexusHmac => signed::<Hmac<Sha1>>(secrets, single(headers, "X-Nexus-Webhook-Signature"), &body),
        Scheme::GoogleOidc => match (bearer(headers), &source.auth.token) {
            (Some(token), Some(rules)) => keys.vouch(&source.name, token, rules).await,
            _ => false,
        },
        Scheme::None => true,
    };
    if right { Ok(Verified { body, headers, hosts: &source.hosts }) } else { Err(REFUSED) }
}

/// Whether it is one of the secrets. All are tried, so that time does not tell which.
fn any(secrets: &[Secret], given: &[u8]) -> bool {
    !given.is_empty() && secrets.iter().fold(false, |found, secret| secret.matches(given) | found)
}

/// A header that is there exactly once.
fn single<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name);
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// The one parameter of the query that has one of these names.
fn query_token(request: &HttpRequest, names: &[&str]) -> Option<String> {
    let fields = url::form_urlencoded::parse(request.query_string().as_bytes());
    let mut tokens = fields.filter(|(name, _)| names.contains(&&**name));
    match (tokens.next(), tokens.next()) {
        (Some((_, token)), None) => Some(token.into_owned()),
        _ => None,
    }
}

/// Where a token may stand that is no header (cloudevents.io, "HTTP 1.1 Web Hooks for Event Delivery", "URI query
/// parameter"). One beside a header would be a second credential, and counts as none.
fn access_token(request: &HttpRequest) -> Option<String> {
    let headed = request.headers().contains_key(AUTHORIZATION);
    (!headed).then(|| query_token(request, &["access_token"])).flatten()
}

/// Forgejo names its signature after itself, and after Gitea as long as that is expected of it.
fn gitea_signature(headers: &HeaderMap) -> Option<&str> {
    let names = ["X-Gitea-Signature", "X-Forgejo-Signature"];
    single(headers, names.into_iter().find(|name| headers.contains_key(*name))?)
}

/// Gitea signs the JSON, also where it sends it in a form (`services/webhook/deliver.go`). It is what gets parsed.
fn payload(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    is_form(headers).then(|| form_payload(body)).flatten()
}

/// The field `payload` of a form, or of a query.
pub(super) fn form_payload(form: &[u8]) -> Option<String> {
    let mut fields = url::form_urlencoded::parse(form).filter(|(name, _)| name == "payload");
    fields.next().map(|(_, payload)| payload.into_owned())
}

fn is_form(headers: &HeaderMap) -> bool {
    media_type(headers) == "application/x-www-form-urlencoded"
}

fn media_type(headers: &HeaderMap) -> String {
    let content = single(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    content.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn credentials<'h>(headers: &'h HeaderMap, scheme: &str) -> Option<&'h str> {
    let (given, credentials) = single(headers, AUTHORIZATION.as_str())?.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| credentials.trim())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    credentials(headers, "bearer")
}

/// `user:password`
fn basic(headers: &HeaderMap) -> Option<Vec<u8>> {
    STANDARD.decode(credentials(headers, "basic")?).ok()
}

/// Lower-case hexadecimal of the whole MAC over the raw body (docs.github.com, "Validating webhook deliveries"; Gitea
/// `services/webhook/deliver.go`; JFrog "use secret for payload signing"; Nexus `WebhookServiceImpl`).
fn signed<M: Mac + KeyInit>(secrets: &[Secret], given: Option<&str>, body: &[u8]) -> bool {
    let Some(given) = given.and_then(|hex| unhex(hex, M::output_size())) else { return false };
    secrets.iter().fold(false, |found, secret| {
        let mac = M::new_from_slice(secret.expose().as_bytes());
        let right = mac.is_ok_and(|mac| mac.chain_update(body).verify_slice(&given).is_ok());
        right | found
    })
}

/// Exactly so many bytes as lower-case hexadecimal characters.
fn unhex(text: &str, bytes: usize) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * bytes {
        return None;
    }
    text.as_bytes().chunks_exact(2).map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::Ambient;
    use crate::config::source::{Auth, SourceKind};
    use actix_web::test::TestRequest;

    fn source(scheme: Scheme, secrets: &[&str]) -> Source {
        let secrets = secrets.iter().map(|s| Secret::new((*s).to_owned())).collect();
        let auth = Auth { scheme, secrets, header: "X-Webhook-Secret".into(), token: None };
        Source { name: "x".into(), kind: SourceKind::GitHub, auth, hosts: Hosts::default(), rate: None }
    }

    fn right_at(source: &Source, request: TestRequest, path: Option<&str>, body: &'static str) -> bool {
        let (keys, request) = (Keys::new(Ambient::system(), None), request.to_http_request());
        let body = Bytes::from_static(body.as_bytes());
        let verified = verify(source, &request, path, body, &keys);
        futures_util::FutureExt::now_or_never(verified).is_some_and(|verified| verified.is_ok())
    }

    fn right(source: &Source, request: TestRequest, body: &'static str) -> bool {
        right_at(source, request, None, body)
    }

    /// The vector of GitHub's documentation.
    const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    const SECRET: &str = "It's a Secret to Everybody";
    const BODY: &str = "Hello, World!";

    #[test]
    fn a_signature_is_over_the_raw_body() {
        let github = source(Scheme::GitHubHmac, &["older", SECRET]);
        let signed = |value: &str| TestRequest::post().insert_header(("X-Hub-Signature-256", value));
        assert!(right(&github, signed(SIGNATURE), BODY));
        assert!(!right(&github, signed(SIGNATURE), "Hello, World?"));
        assert!(!right(&source(Scheme::GitHubHmac, &["older"]), signed(SIGNATURE), BODY));
        let last_bit = SIGNATURE.replace("3e17", "3e16");
        let upper = SIGNATURE.to_uppercase();
        let bare = SIGNATURE.replace("sha256=", "");
        let long = format!("{SIGNATURE}00");
        for bad in [&last_bit, &upper, &bare, &long, "", "sha256=", "sha1=0f", "sha256=zz"] {
            assert!(!right(&github, signed(bad), BODY), "{bad}");
        }
        let twice = signed(SIGNATURE).append_header(("X-Hub-Signature-256", SIGNATURE));
        assert!(!right(&github, twice, BODY), "two signatures are none");
        assert!(!right(&github, TestRequest::post().insert_header(("X-Hub-Signature", "sha1=x")), BODY));
    }

    #[test]
    fn each_sender_signs_in_its_own_header() {
        let hex = SIGNATURE.trim_start_matches("sha256=");
        for (scheme, header) in [(Scheme::GiteaHmac, "X-Gitea-Signature"), (Scheme::JfrogHmac, "X-JFrog-Event-Auth")] {
            let of = |value: &str| TestRequest::post().insert_header((header, value));
            assert!(right(&source(scheme, &[SECRET]), of(hex), BODY), "{header}");
            for bad in ["", SIGNATURE, SECRET, "0"] {
                assert!(!right(&source(scheme, &[SECRET]), of(bad), BODY), "{header}: {bad}");
            }
            assert!(!right(&source(scheme, &[SECRET]), TestRequest::post(), BODY));
        }
        // HMAC-SHA1 of RFC 2202, test case 2.
        let nexus = source(Scheme::NexusHmac, &["Jefe"]);
        let of = |value: &str| TestRequest::post().insert_header(("X-Nexus-Webhook-Signature", value));
        let body = "what do ya want for nothing?";
        assert!(right(&nexus, of("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"), body));
        assert!(!right(&nexus, of("effcdf6ae5eb2fa2d27416d5f184df9c259a7c78"), body));
    }

    #[test]
    fn tokens_are_compared_whole() {
        let hub = source(Scheme::QueryToken, &["t0k en"]);
        for (uri, expected) in [
            ("/?token=t0k%20en", true),
            ("/?token=t0k+en&x=1", true),
            ("/?token=t0k", false),
            ("/?token=", false),
            ("/", false),
            ("/?token=t0k%20en&token=t0k%20en", false),
            ("/?Token=t0k%20en", false),
        ] {
            assert_eq!(right(&hub, TestRequest::post().uri(uri), ""), expected, "{uri}");
        }
        let cases = [
            (Scheme::Bearer, "Authorization", "Bearer t", true),
            (Scheme::Bearer, "Authorization", "bearer t", true),
            (Scheme::Bearer, "Authorization", "t", false),
            (Scheme::Bearer, "Authorization", "Basic t", false),
            (Scheme::Bearer, "Authorization", "Bearer ", false),
            (Scheme::Bearer, "Authorization", "Bearer tt", false),
            (Scheme::AuthorizationExact, "Authorization", "t", true),
            (Scheme::AuthorizationExact, "Authorization", "Bearer t", false),
            (Scheme::AuthorizationExact, "Authorization", "", false),
            (Scheme::HeaderToken, "X-Webhook-Secret", "t", true),
            (Scheme::HeaderToken, "X-Other", "t", false),
            (Scheme::JfrogPlain, "X-JFrog-Event-Auth", "t", true),
            (Scheme::JfrogPlain, "X-JFrog-Event-Auth", "u", false),
            (Scheme::Basic, "Authorization", "Basic dDp1", false),
        ];
        for (scheme, header, value, expected) in cases {
            let request = TestRequest::post().insert_header((header, value));
            assert_eq!(right(&source(scheme, &["t"]), request, ""), expected, "{scheme:?} {value}");
        }
        let basic = TestRequest::post().insert_header(("Authorization", "Basic dDp1"));
        assert!(right(&source(Scheme::Basic, &["t:u"]), basic, ""));
        let by_path = source(Scheme::PathToken, &["t"]);
        assert!(right_at(&by_path, TestRequest::post(), Some("t"), ""));
        assert!(!right_at(&by_path, TestRequest::post(), Some("u"), "") && !right(&by_path, TestRequest::post(), ""));
        assert!(right(&source(Scheme::None, &[]), TestRequest::post(), ""));
    }
}

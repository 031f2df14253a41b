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
use crate::listener::{Problem, single, unhex};

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

    /// The body, without the mark of its byte order that some senders write before it.
    pub(super) fn body(&self) -> &[u8] {
        without_mark(&self.body)
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

/// A text without the mark of its byte order (RFC 8259 §8.1 lets readers pass over it).
pub(super) fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text)
}

/// Why a sender is not believed. Neither the credential nor a part of it is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unproven {
    /// There is nothing where the credential has to be, or there are two.
    #[error("the credential is missing: this source looks for one {0}")]
    Missing(&'static str),
    /// There is something else than what this source looks for.
    #[error("the credential is of another scheme than this source expects: it looks for {0}")]
    Scheme(&'static str),
    /// It is not one of the secrets.
    #[error("the credential matches no secret of this source")]
    NoMatch,
}

impl Unproven {
    /// What reports say.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Missing(_) => "the credential is missing",
            Self::Scheme(_) => "the credential is of another scheme than this source expects",
            Self::NoMatch => "the credential matches no secret of this source",
        }
    }
}

/// That a sender was believed; it makes a body a [`Verified`] delivery. Only [`check`] gives one.
pub(super) struct Proof<'r> {
    headers: &'r HeaderMap,
    hosts: &'r Hosts,
}

impl<'r> Proof<'r> {
    /// The delivery of this sender.
    pub(super) fn of(self, body: Bytes) -> Verified<'r> {
        Verified { body, headers: self.headers, hosts: self.hosts }
    }
}

/// Whether a request carries what could be the signature of its body in one of these ways. Only then may a body be read
/// before its sender is known, and it depends on the request alone, so that it tells nothing about a source.
pub(super) fn may_be_signed(schemes: &[Scheme], headers: &HeaderMap) -> bool {
    schemes.iter().any(|scheme| signature(*scheme, headers).is_some_and(|signature| signature.is_ok()))
}

/// Checks the sender in the way of its source. `path` is the token of the path, if there is one; `body` is the body, or
/// what stands for it, where it was read already.
///
/// # Errors
/// [`Unproven`]; of a signature, when there is no body to compare it with, too.
pub(super) async fn check<'r>(
    source: &'r Source,
    request: &'r HttpRequest,
    path: Option<&str>,
    body: Option<&[u8]>,
    keys: &Keys,
) -> Result<Proof<'r>, Unproven> {
    let headers = request.headers();
    if let Some(given) = signature(source.auth.scheme, headers) {
        signed(source, &given?, headers, body.ok_or(Unproven::NoMatch)?)?;
    } else {
        let beside = beside(source, request, path, keys).await;
        if let (Err(_), Some(body)) = (&beside, body) {
            // The time tells as much as the answer: a body that was read is signed here, too.
            let _ = mac::<Hmac<Sha256>>(&source.auth.secrets.get(), &[0; 32], body);
        }
        beside?;
    }
    Ok(Proof { headers, hosts: &source.hosts })
}

/// The credential that stands beside the body.
async fn beside(source: &Source, request: &HttpRequest, path: Option<&str>, keys: &Keys) -> Result<(), Unproven> {
    let (headers, secrets) = (request.headers(), source.auth.secrets.get());
    let one_of = |given: &[u8]| if any(&secrets, given) { Ok(()) } else { Err(Unproven::NoMatch) };
    let token = |token: Option<&str>, place| one_of(token.ok_or(Unproven::Missing(place))?.as_bytes());
    let by_query = source.kind.takes_access_tokens();
    match source.auth.scheme {
        Scheme::AuthorizationExact => token(single(headers, AUTHORIZATION.as_str()), "in the header Authorization"),
        Scheme::Bearer if by_query && !headers.contains_key(AUTHORIZATION) => {
            token(query_token(request, &["access_token"]).as_deref(), "in the header Authorization or as access_token")
        }
        Scheme::Bearer => one_of(bearer(headers)?.as_bytes()),
        Scheme::Basic => one_of(&basic(headers)?),
        Scheme::HeaderToken => token(single(headers, &source.auth.header), "in the header that its tokenHeader names"),
        Scheme::JfrogPlain => token(single(headers, "X-JFrog-Event-Auth"), "in the header X-JFrog-Event-Auth"),
        Scheme::QueryToken => {
            let names: &[&str] = if by_query { &["token", "access_token"] } else { &["token"] };
            token(query_token(request, names).as_deref(), "as ?token= in the URL")
        }
        Scheme::PathToken => token(path, "behind its name in the path"),
        Scheme::GoogleOidc => {
            let given = bearer(headers)?;
            let rules = source.auth.token.as_ref().ok_or(Unproven::NoMatch)?;
            if keys.vouch(given, rules).await { Ok(()) } else { Err(Unproven::NoMatch) }
        }
        // These are of the body.
        Scheme::GitHubHmac | Scheme::GiteaHmac | Scheme::JfrogHmac | Scheme::NexusHmac => Err(Unproven::NoMatch),
        Scheme::None => Ok(()),
    }
}

/// The signature that a request carries, for a scheme that signs bodies: lower-case hexadecimal of the whole MAC over the
/// raw body (docs.github.com, "Validating webhook deliveries"; Gitea `services/webhook/deliver.go`; JFrog "use secret for
/// payload signing"; Nexus `WebhookServiceImpl`).
fn signature(scheme: Scheme, headers: &HeaderMap) -> Option<Result<Vec<u8>, Unproven>> {
    let (name, place, prefix, bytes) = match scheme {
        Scheme::GitHubHmac => ("X-Hub-Signature-256", "in the header X-Hub-Signature-256", "sha256=", 32),
        Scheme::GiteaHmac => (gitea_header(headers), "in the header X-Gitea-Signature", "", 32),
        Scheme::JfrogHmac => ("X-JFrog-Event-Auth", "in the header X-JFrog-Event-Auth", "", 32),
        Scheme::NexusHmac => ("X-Nexus-Webhook-Signature", "in the header X-Nexus-Webhook-Signature", "", 20),
        _ => return None,
    };
    let given = single(headers, name).filter(|given| !given.is_empty()).ok_or(Unproven::Missing(place));
    let read = |given: &str| unhex(given.strip_prefix(prefix)?, bytes);
    Some(given.and_then(|given| read(given).ok_or(Unproven::Scheme("a signature of the body"))))
}

fn signed(source: &Source, given: &[u8], headers: &HeaderMap, body: &[u8]) -> Result<(), Unproven> {
    let secrets = &source.auth.secrets.get();
    let right = match source.auth.scheme {
        Scheme::NexusHmac => mac::<Hmac<Sha1>>(secrets, given, body),
        // Gitea signs the JSON, also where it sends it in a form.
        Scheme::GiteaHmac => {
            let json = payload(headers, body);
            mac::<Hmac<Sha256>>(secrets, given, body)
                || json.is_some_and(|json| mac::<Hmac<Sha256>>(secrets, given, json.as_bytes()))
        }
        _ => mac::<Hmac<Sha256>>(secrets, given, body),
    };
    if right { Ok(()) } else { Err(Unproven::NoMatch) }
}

/// Whether it is one of the secrets. All are tried, so that time does not tell which.
fn any(secrets: &[Secret], given: &[u8]) -> bool {
    !given.is_empty() && secrets.iter().fold(false, |found, secret| secret.matches(given) | found)
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

/// Forgejo names its signature after itself, and after Gitea as long as that is expected of it.
fn gitea_header(headers: &HeaderMap) -> &'static str {
    let names = ["X-Gitea-Signature", "X-Forgejo-Signature"];
    names.into_iter().find(|name| headers.contains_key(*name)).unwrap_or("X-Gitea-Signature")
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

/// What stands behind the scheme of `Authorization`.
fn credentials<'h>(headers: &'h HeaderMap, scheme: &str, expected: &'static str) -> Result<&'h str, Unproven> {
    let whole = single(headers, AUTHORIZATION.as_str()).ok_or(Unproven::Missing("in the header Authorization"))?;
    match whole.split_once(' ') {
        Some((given, credentials)) if given.eq_ignore_ascii_case(scheme) => Ok(credentials.trim()),
        _ => Err(Unproven::Scheme(expected)),
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Unproven> {
    credentials(headers, "bearer", "Authorization: Bearer")
}

/// `user:password`
fn basic(headers: &HeaderMap) -> Result<Vec<u8>, Unproven> {
    let expected = "Authorization: Basic";
    STANDARD.decode(credentials(headers, "basic", expected)?).map_err(|_| Unproven::Scheme(expected))
}

/// Whether it is the MAC of the body by one of the secrets. All are tried, so that time does not tell which.
fn mac<M: Mac + KeyInit>(secrets: &[Secret], given: &[u8], body: &[u8]) -> bool {
    secrets.iter().fold(false, |found, secret| {
        let mac = M::new_from_slice(secret.expose().as_bytes());
        let right = mac.is_ok_and(|mac| mac.chain_update(body).verify_slice(given).is_ok());
        right | found
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::Ambient;
    use crate::config::source::{Auth, SourceKind};
    use actix_web::test::TestRequest;

    fn source(scheme: Scheme, secrets: &[&str]) -> Source {
        let secrets = secrets.iter().map(|s| Secret::new((*s).to_owned())).collect::<Vec<_>>().into();
        let auth = Auth { scheme, secrets, header: "X-Webhook-Secret".into(), token: None };
        Source { name: "x".into(), kind: SourceKind::GitHub, auth, hosts: Hosts::default(), rate: None }
    }

    fn checked(source: &Source, request: TestRequest, path: Option<&str>, body: &str) -> Result<(), Unproven> {
        let (keys, request) = (Keys::new(Ambient::system(), None), request.to_http_request());
        let checked = check(source, &request, path, Some(body.as_bytes()), &keys);
        futures_util::FutureExt::now_or_never(checked).unwrap().map(|_| ())
    }

    fn right_at(source: &Source, request: TestRequest, path: Option<&str>, body: &'static str) -> bool {
        checked(source, request, path, body).is_ok()
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

    #[test]
    fn why_a_sender_is_not_believed_is_told_apart() {
        use Unproven::{Missing, NoMatch, Scheme as Other};
        let with = |name: &'static str, value: &'static str| TestRequest::post().insert_header((name, value));
        let why = |scheme, request| checked(&source(scheme, &["t"]), request, None, "").err();
        let authorization = "in the header Authorization";
        assert_eq!(why(Scheme::Bearer, TestRequest::post()), Some(Missing(authorization)));
        assert_eq!(why(Scheme::Bearer, with("Authorization", "t")), Some(Other("Authorization: Bearer")));
        assert_eq!(why(Scheme::Bearer, with("Authorization", "Bearer u")), Some(NoMatch));
        assert_eq!(why(Scheme::Basic, with("Authorization", "Bearer t")), Some(Other("Authorization: Basic")));
        assert_eq!(why(Scheme::Basic, with("Authorization", "Basic %")), Some(Other("Authorization: Basic")));
        assert_eq!(why(Scheme::AuthorizationExact, TestRequest::post()), Some(Missing(authorization)));
        assert_eq!(why(Scheme::AuthorizationExact, with("Authorization", "Bearer t")), Some(NoMatch));
        assert_eq!(why(Scheme::QueryToken, TestRequest::post()), Some(Missing("as ?token= in the URL")));
        let hub = "X-Hub-Signature-256";
        assert!(matches!(why(Scheme::GitHubHmac, TestRequest::post()), Some(Missing(_))));
        assert!(matches!(why(Scheme::GitHubHmac, with(hub, "t")), Some(Other(_))));
        assert_eq!(why(Scheme::GitHubHmac, with(hub, SIGNATURE)), Some(NoMatch));
        let told = [Missing(""), Other(""), NoMatch].map(Unproven::as_str);
        assert!(told[0] != told[1] && told[1] != told[2]);
    }

    #[test]
    fn only_what_could_be_a_signature_asks_for_the_body() {
        let carried = |schemes: &[Scheme], name: &'static str, value: &'static str| {
            may_be_signed(schemes, TestRequest::post().insert_header((name, value)).to_http_request().headers())
        };
        let all = [Scheme::Bearer, Scheme::GitHubHmac, Scheme::NexusHmac];
        assert!(carried(&all, "X-Hub-Signature-256", SIGNATURE));
        assert!(!carried(&all, "X-Hub-Signature-256", "sha256=abc") && !carried(&all, "X-Hub-Signature-256", ""));
        assert!(!carried(&all[..1], "X-Hub-Signature-256", SIGNATURE), "nobody here signs so");
        assert!(!carried(&all, "Authorization", "Bearer t"));
    }
}

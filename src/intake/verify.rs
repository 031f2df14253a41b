//! Who sent it. Nothing of a body is looked at before this.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Bytes;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::config::{Source, SourceKind};
use crate::domain::secret::Secret;
use crate::listener::Problem;

/// The same for an unknown source and for a wrong secret, so that neither can be told from the other.
pub(super) const REFUSED: Problem =
    Problem::new(StatusCode::UNAUTHORIZED, "no such source, or not the right credential for it");

/// A body whose sender is known. Only [`verify`] makes one, and parsers take nothing else.
pub(super) struct Verified(Bytes);

impl Verified {
    /// A body for tests of parsers.
    #[cfg(test)]
    pub(super) fn for_test(body: &str) -> Self {
        Self(Bytes::copy_from_slice(body.as_bytes()))
    }

    /// The body, byte for byte.
    pub(super) fn body(&self) -> &[u8] {
        &self.0
    }
}

/// Checks the sender of a body in the way of its source.
pub(super) fn verify(source: &Source, request: &HttpRequest, body: Bytes) -> Result<Verified, Problem> {
    let right = match source.kind {
        SourceKind::DockerHub => query_token(request).is_some_and(|token| any(&source.secrets, token.as_bytes())),
        SourceKind::GitHub => github(&source.secrets, request, &body),
        SourceKind::Distribution => bearer(request).is_some_and(|token| any(&source.secrets, token.as_bytes())),
    };
    if right {
        return Ok(Verified(body));
    }
    tracing::warn!(
        "a delivery was refused: the credential is missing or wrong; compare the registry's setting with the secret of this source"
    );
    Err(REFUSED)
}

/// Whether it is one of the secrets. All are tried, so that time does not tell which.
fn any(secrets: &[Secret], given: &[u8]) -> bool {
    secrets.iter().fold(false, |found, secret| secret.matches(given) | found)
}

/// A header that is there exactly once.
fn single<'r>(request: &'r HttpRequest, name: &str) -> Option<&'r str> {
    let mut values = request.headers().get_all(name);
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Docker Hub has nothing but its URL: the token is a query parameter.
fn query_token(request: &HttpRequest) -> Option<String> {
    let mut tokens = url::form_urlencoded::parse(request.query_string().as_bytes()).filter(|(name, _)| name == "token");
    match (tokens.next(), tokens.next()) {
        (Some((_, token)), None) if !token.is_empty() => Some(token.into_owned()),
        _ => None,
    }
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    let (scheme, token) = single(request, AUTHORIZATION.as_str())?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()).then(|| token.trim())
}

/// `X-Hub-Signature-256: sha256=<64 hex>` over the raw body (docs.github.com, "Validating webhook deliveries"). The
/// SHA-1 header beside it is never looked at.
fn github(secrets: &[Secret], request: &HttpRequest, body: &[u8]) -> bool {
    let Some(given) = single(request, "X-Hub-Signature-256").and_then(|value| unhex(value.strip_prefix("sha256=")?))
    else {
        return false;
    };
    secrets.iter().fold(false, |found, secret| {
        let mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes());
        let right = mac.is_ok_and(|mac| mac.chain_update(body).verify_slice(&given).is_ok());
        right | found
    })
}

/// 64 lower-case hexadecimal characters.
fn unhex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn source(kind: SourceKind, secrets: &[&str]) -> Source {
        Source { name: "x", kind, secrets: secrets.iter().map(|s| Secret::new((*s).to_owned())).collect() }
    }

    fn right(source: &Source, request: TestRequest, body: &'static str) -> bool {
        verify(source, &request.to_http_request(), Bytes::from_static(body.as_bytes())).is_ok()
    }

    /// The vector of GitHub's documentation.
    const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    const BODY: &str = "Hello, World!";

    #[test]
    fn a_signature_is_over_the_raw_body() {
        let secret = "It's a Secret to Everybody";
        let github = source(SourceKind::GitHub, &["older", secret]);
        let signed = |value: &str| TestRequest::post().insert_header(("X-Hub-Signature-256", value));
        assert!(right(&github, signed(SIGNATURE), BODY));
        assert!(!right(&github, signed(SIGNATURE), "Hello, World?"));
        assert!(!right(&source(SourceKind::GitHub, &["older"]), signed(SIGNATURE), BODY));
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
    fn tokens_are_compared_whole() {
        let hub = source(SourceKind::DockerHub, &["t0k en"]);
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
        let registry = source(SourceKind::Distribution, &["t"]);
        for (value, expected) in [
            ("Bearer t", true),
            ("bearer t", true),
            ("t", false),
            ("Basic t", false),
            ("Bearer ", false),
            ("Bearer tt", false),
        ] {
            let request = TestRequest::post().insert_header(("Authorization", value));
            assert_eq!(right(&registry, request, ""), expected, "{value}");
        }
    }
}

//! What a registry says with a refusal (OCI distribution specification 1.1, "Error Codes").
//!
//! Whoever is shown a credential may send it back: in a message, or in a dump of the request. None of that is told.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::Deserialize;

use super::RegistryError;
use super::credential::Login;
use super::wire::{Incoming, Patience};
use crate::domain::plain::PlainText;
use crate::domain::redaction::{NOT_KEPT, redacted};
use crate::domain::secret::Secret;

/// So much of a refusal is read.
const MOST_BYTES: usize = 8 * 1024;
/// What is said where it is the whole repository that is not there, or not for whoever asks.
const OF_REPOSITORY: [&str; 3] = ["NAME_UNKNOWN", "DENIED", "UNAUTHORIZED"];

#[derive(Deserialize)]
struct Refused {
    errors: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    code: Option<String>,
    message: Option<String>,
}

/// So much of a registry's own words is shown, in characters.
const MOST_SHOWN: usize = 200;

/// Whether an answer says of the whole repository that it is not there, and not of what was asked for in it.
pub(super) async fn tells_of_repository(answer: Incoming<'_>, patience: &mut Patience) -> Result<bool, RegistryError> {
    Ok(is_of_repository(&beginning(answer, patience).await?))
}

/// The first code and message of a refusal, where it has any that may be told; it was asked for by `login`.
pub(super) async fn words(answer: Incoming<'_>, login: &Login, patience: &mut Patience) -> Option<Box<str>> {
    let token = answer.token().cloned();
    let body = answer.rest(patience).await;
    words_of(&body, &Shown { login, token: token.as_ref() })
}

/// What whoever answers was shown, and what that was got for.
struct Shown<'s> {
    login: &'s Login,
    token: Option<&'s Secret>,
}

impl Shown<'_> {
    /// What may be kept of words: nothing where they repeat any of this.
    fn kept(&self, said: &str) -> Option<String> {
        let user = self.login.user();
        let secrets = user.map(|(_, password)| password).into_iter().chain(self.token).map(Secret::expose);
        let secrets: Vec<&str> = secrets.filter(|secret| !secret.is_empty()).collect();
        // What is too short to be found in each spelling is found as it is, and as it was sent.
        let sent = user.map(|(name, password)| STANDARD_NO_PAD.encode(format!("{name}:{}", password.expose())));
        if secrets.iter().copied().chain(sent.as_deref()).any(|secret| said.contains(secret)) {
            return None;
        }
        Some(redacted(said, &secrets)).filter(|kept| kept != NOT_KEPT)
    }
}

/// The whole body; nothing of one that is too long.
async fn beginning(mut answer: Incoming<'_>, patience: &mut Patience) -> Result<Vec<u8>, RegistryError> {
    let mut bytes = Vec::new();
    while bytes.len() <= MOST_BYTES {
        let Some(chunk) = answer.chunk(patience).await? else { return Ok(bytes) };
        bytes.extend_from_slice(chunk.as_ref());
    }
    answer.finish(patience).await;
    Ok(Vec::new())
}

fn said(body: &[u8]) -> Vec<Said> {
    serde_json::from_slice::<Refused>(body).map(|refused| refused.errors).unwrap_or_default()
}

fn is_of_repository(body: &[u8]) -> bool {
    said(body).iter().filter_map(|one| one.code.as_deref()).any(|code| OF_REPOSITORY.contains(&code))
}

fn words_of(body: &[u8], shown: &Shown<'_>) -> Option<Box<str>> {
    let first = said(body).into_iter().next()?;
    let words: Vec<String> = [first.code, first.message].into_iter().flatten().filter(|it| !it.is_empty()).collect();
    let kept = shown.kept(&words.join(": "))?;
    let words = kept.split_whitespace().filter(|word| !is_of_one_answer(word)).collect::<Vec<_>>().join(" ");
    let words = PlainText::of(&words.chars().take(MOST_SHOWN).collect::<String>());
    Some(words.as_str()).filter(|words| !words.is_empty()).map(Into::into)
}

/// Whether a word is another in each answer, as the number of a request and the time are: what is told on a workload is to
/// stay the same for as long as the reason does.
fn is_of_one_answer(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let bare: String = word.chars().filter(|c| *c != '-').collect();
    let is_number =
        bare.len() >= 16 && bare.bytes().all(|b| b.is_ascii_hexdigit()) && bare.bytes().any(|b| b.is_ascii_digit());
    is_number || chrono::DateTime::parse_from_rfc3339(word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::credential::User;
    use super::*;

    fn shown(body: &[u8]) -> Option<Box<str>> {
        words_of(body, &Shown { login: &Login::Nobody, token: None })
    }

    #[test]
    fn what_is_shown_of_a_refusal_is_the_same_each_time() {
        for (message, expected) in [
            ("token expired.", "DENIED: token expired."),
            ("CorrelationId: 4d0c1f2a-6d6f-4c1e-9d3a-2f1f0c9e8b7a, retry", "DENIED: CorrelationId: retry"),
            ("trace 9f86d081884c7d659a2feaa0c55ad015", "DENIED: trace"),
            ("at 2026-11-28T12:00:00Z no", "DENIED: at no"),
            (
                "arn:aws:iam::123456789012:user/x is not authorized",
                "DENIED: arn:aws:iam::123456789012:user/x is not authorized",
            ),
            ("\u{202e}see https://evil.example/x @all", "DENIED: see [link] all"),
        ] {
            let body = serde_json::json!({"errors": [{"code": "DENIED", "message": message}]}).to_string();
            assert_eq!(shown(body.as_bytes()).as_deref(), Some(expected));
        }
        assert_eq!(shown(b"<html>"), None);
    }

    #[test]
    fn what_was_shown_is_told_in_no_spelling() {
        let user = |password: &str| User {
            scope: "ns/pull".into(),
            name: "robot$builder-of-shop".into(),
            password: Secret::new(password.into()),
            secret: None,
        };
        let token = Secret::new("eyJhbGciOiJub25lIn0.e30".into());
        let of = |login: &Login, message: &str| {
            let body = serde_json::json!({"errors": [{"message": message}]}).to_string();
            words_of(body.as_bytes(), &Shown { login, token: Some(&token) })
        };
        for password in ["hunter2-of-the-shop", "s3cr", ""] {
            let login = Login::Workload(user(password));
            let named = "robot$builder-of-shop may not read shop/app";
            assert_eq!(of(&login, named).as_deref(), Some(named), "a name is no secret");
        }
        for password in ["hunter2-of-the-shop", "s3cr"] {
            let login = Login::Workload(user(password));
            let both = format!("robot$builder-of-shop:{password}");
            let piece = token.expose().get(2..16).unwrap();
            for echo in [token.expose(), piece, password, &both, &STANDARD_NO_PAD.encode(&both)] {
                assert_eq!(of(&login, &format!("you sent {echo}")), None, "{echo}");
                let far = format!("{} {echo}", "word ".repeat(38));
                assert_eq!(of(&login, &far), None, "it would be cut in two: {echo}");
            }
        }
        assert_eq!(of(&Login::Nobody, &format!("you sent {}", token.expose())), None);
    }

    #[test]
    fn a_code_says_what_is_not_there() {
        for (body, expected) in [
            (r#"{"errors":[{"code":"NAME_UNKNOWN","message":"no","detail":{"name":"web"}}]}"#, true),
            (r#"{"errors":[{"message":"no"},{"code":"DENIED"}]}"#, true),
            (r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#, false),
            (r#"{"errors":[{"code":7}]}"#, false),
            (r#"{"errors":null}"#, false),
            ("<html>NAME_UNKNOWN</html>", false),
            ("", false),
        ] {
            assert_eq!(is_of_repository(body.as_bytes()), expected, "{body}");
        }
    }
}

//! What a registry says with a refusal (OCI distribution specification 1.1, "Error Codes").

use serde::Deserialize;

use super::RegistryError;
use super::wire::{Incoming, Patience};

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

/// The first code and message of a refusal, where it has any.
pub(super) async fn words(answer: Incoming<'_>, patience: &mut Patience) -> Result<Option<String>, RegistryError> {
    Ok(words_of(&beginning(answer, patience).await?))
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

fn words_of(body: &[u8]) -> Option<String> {
    let first = said(body).into_iter().next()?;
    let words: Vec<String> = [first.code, first.message].into_iter().flatten().filter(|it| !it.is_empty()).collect();
    let shown = words.join(": ").chars().filter(|c| !c.is_control()).take(MOST_SHOWN).collect::<String>();
    (!shown.is_empty()).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

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

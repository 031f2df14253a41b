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
}

/// Whether an answer says of the whole repository that it is not there, and not of what was asked for in it.
pub(super) async fn tells_of_repository(
    mut answer: Incoming<'_>,
    patience: &mut Patience,
) -> Result<bool, RegistryError> {
    let mut bytes = Vec::new();
    while bytes.len() <= MOST_BYTES {
        let Some(chunk) = answer.chunk(patience).await? else { return Ok(is_of_repository(&bytes)) };
        bytes.extend_from_slice(chunk.as_ref());
    }
    answer.finish(patience).await;
    Ok(false)
}

fn is_of_repository(body: &[u8]) -> bool {
    let said = serde_json::from_slice::<Refused>(body).map(|refused| refused.errors).unwrap_or_default();
    said.iter().filter_map(|one| one.code.as_deref()).any(|code| OF_REPOSITORY.contains(&code))
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

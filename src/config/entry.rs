//! What the entries of all lists need.

use chrono::TimeDelta;

use crate::domain::gathering::LONGEST_WINDOW;
use crate::domain::near::did_you_mean;
use crate::domain::policy::duration;
use crate::domain::secret::Secret;

/// Headers that say something else, and that clients send.
const OF_OTHERS: [&str; 8] =
    ["Accept", "Authorization", "Cookie", "Host", "Origin", "Referer", "User-Agent", "X-Forwarded-For"];

/// Reads files by path.
pub(super) type ReadFile<'f> = &'f dyn Fn(&str) -> std::io::Result<String>;

/// A field and what is wrong with it.
pub(super) type Wrong = (&'static str, String);

/// Everything that is wrong with an entry.
#[derive(Debug, Default)]
pub(super) struct AllWrong(Vec<Wrong>);

impl AllWrong {
    /// What was read; what is wrong with it is kept.
    pub(super) fn unless<T>(&mut self, read: Result<T, Wrong>) -> Option<T> {
        read.map_err(|wrong| self.push(wrong)).ok()
    }

    /// One more, unless the same is known.
    pub(super) fn push(&mut self, wrong: Wrong) {
        if !self.0.contains(&wrong) {
            self.0.push(wrong);
        }
    }

    /// What was read whole, where nothing is wrong; else all that is.
    pub(super) fn or<T>(self, read: Option<T>) -> Result<T, Vec<Wrong>> {
        read.filter(|_| self.0.is_empty()).ok_or(self.0)
    }
}

/// Whether a text can name an entry of a list: it stands in paths and annotations.
pub(super) fn named(name: &str) -> Result<(), Wrong> {
    let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if (1..=63).contains(&name.len()) && name.bytes().all(is_name) {
        Ok(())
    } else {
        Err(("name", "write up to 63 lower-case letters, digits and -".into()))
    }
}

/// The secret in a file that the file names; a line end after it is cut.
pub(super) fn secret_file(field: &'static str, path: &str, file: ReadFile<'_>) -> Result<Secret, Wrong> {
    let text = file(path).map_err(|error| (field, format!("{path} can't be read: {error}")))?;
    match one_line(&text) {
        Ok("") => Err((field, format!("{path} is empty; an empty secret would be no secret"))),
        Ok(text) => Ok(Secret::new(text.to_owned())),
        Err(told) => Err((field, format!("{path} {told}"))),
    }
}

/// A secret without the line end after it, and without the mark of a byte order that editors write before it.
///
/// # Errors
/// What is wrong where there is another line: which of them is meant is not known.
pub(super) fn one_line(text: &str) -> Result<&str, &'static str> {
    let text = cut(text);
    if text.contains(['\r', '\n']) { Err("has more than one line; a secret is one") } else { Ok(text) }
}

/// A text without the line ends after it, and without the mark of a byte order.
pub(super) fn cut(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text).trim_end_matches(['\r', '\n'])
}

/// What is told of a word that is none of these.
pub(super) fn none_of<'w>(words: impl Iterator<Item = &'w str> + Clone, word: &str) -> String {
    let near = did_you_mean(words.clone(), word);
    format!("is none of {}{near}", words.collect::<Vec<_>>().join(", "))
}

/// How long what is not urgent waits for others; nothing waits for no time.
pub(super) fn window(text: &str) -> Result<TimeDelta, Wrong> {
    let window = duration(text).ok().filter(|window| *window <= LONGEST_WINDOW);
    window.ok_or_else(|| ("window", "is no duration from 0s to 5m, as 30s".to_owned()))
}

/// Whether a header can be one in which a proxy says who signed in; in lower case.
pub(super) fn proxy_header(name: &str) -> Result<String, &'static str> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(is_token) {
        return Err("is no header; X-Forwarded-User, X-Auth-Request-Email and Remote-User are");
    }
    if OF_OTHERS.iter().any(|other| other.eq_ignore_ascii_case(name)) {
        return Err("says something else than who signed in");
    }
    Ok(name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_one_line_of_its_file() {
        let read = |text: &'static str| {
            let secret = secret_file("passwordFile", "/password", &|_| Ok(text.to_owned()));
            secret.map(|secret| secret.expose().to_owned()).map_err(|(field, told)| format!("{field}: {told}"))
        };
        for text in ["s3cr3t", "s3cr3t\n", "s3cr3t\r\n", "s3cr3t\n\n", "\u{feff}s3cr3t\r\n"] {
            assert_eq!(read(text), Ok("s3cr3t".to_owned()), "{text:?}");
        }
        assert_eq!(read(" s p \n"), Ok(" s p ".to_owned()), "a blank may be part of it");
        for text in ["s3cr3t\nother\n", "s3cr3t\r\nother", "\ns3cr3t"] {
            let told = read(text).unwrap_err();
            assert!(told.starts_with("passwordFile: /password has more than one line"), "{told}");
            assert!(!told.contains("s3cr3t"), "{told}");
        }
    }
}

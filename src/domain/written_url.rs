//! URLs as an operator writes them down: a password that was pasted as it is must not become another host.
//!
//! `smtps://iw:12/3ab@mail.example.com` is host `iw`, port 12 to every parser of URLs, and whoever answers there would
//! be handed the mail.

use url::Url;

/// Why a text is not taken for a URL. It never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrittenUrlError {
    /// A user or password ends the host early, or an `@` stands behind the host.
    #[error(
        "has a /, ?, #, \\ or @ in its user or password, or an @ behind the host: percent-encode it \
         (/ is %2F, ? is %3F, # is %23, \\ is %5C, @ is %40)"
    )]
    UserPart,
    /// Parsers drop or encode these silently.
    #[error("has a space or a line break in it: remove it, or percent-encode it (a space is %20)")]
    Space,
    /// No URL at all.
    #[error("is no URL")]
    Form,
}

/// Reads a URL whose parts mean to every reader what they mean to us.
///
/// # Errors
/// [`WrittenUrlError`] where a part of it could be taken for another.
pub fn parse(text: &str) -> Result<Url, WrittenUrlError> {
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(WrittenUrlError::Space);
    }
    let Some((_, rest)) = text.split_once("://") else { return Err(WrittenUrlError::Form) };
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, behind) = rest.split_at(end);
    if behind.contains('@') || authority.matches('@').count() > 1 {
        return Err(WrittenUrlError::UserPart);
    }
    // A parser of https URLs would take what follows a third slash for the host.
    let url = Some(authority).filter(|authority| !authority.is_empty()).and_then(|_| Url::parse(text).ok());
    url.filter(Url::has_host).ok_or(WrittenUrlError::Form)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every way in which a password can end the host early, and a few in which it can't.
    #[test]
    fn a_password_never_becomes_another_host() {
        for scheme in ["smtp", "smtps", "http", "https"] {
            for password in
                ["12/3ab", "12#3ab", "12?3ab", "12\\3ab", "12@3ab", "/", "#", "?", "@", "a@b.example/", "1/@2"]
            {
                for user in ["iw", "iw.example.com", "iw@example.com"] {
                    let text = format!("{scheme}://{user}:{password}@mail.example.com:465/x");
                    assert_eq!(parse(&text), Err(WrittenUrlError::UserPart), "{text}");
                }
            }
            for (user, password) in
                [("iw", "12%2F3ab"), ("iw%40example.com", "p%40ss:w+rd!$&'()*,;=~"), ("iw", "100%25")]
            {
                let text = format!("{scheme}://{user}:{password}@mail.example.com:465/x");
                assert_eq!(
                    parse(&text).map(|url| url.host_str().map(str::to_owned)),
                    Ok(Some("mail.example.com".into()))
                );
            }
        }
    }

    #[test]
    fn a_user_alone_is_held_to_the_same() {
        for text in [
            "smtps://iw/x@mail.example.com",
            "https://a.example/@https://b.example/",
            "https://token#x@git.example.com",
            "https://a@b@git.example.com",
        ] {
            assert_eq!(parse(text), Err(WrittenUrlError::UserPart), "{text}");
        }
    }

    #[test]
    fn what_parsers_would_drop_is_refused() {
        for text in [
            "https://hooks.example.com/ser\nvices",
            "https://a.example/\tx",
            "https://a.example/x y",
            "https://a\u{a0}b.example",
            "https://a.example/\0x",
        ] {
            assert_eq!(parse(text), Err(WrittenUrlError::Space), "{text:?}");
        }
    }

    #[test]
    fn usual_urls_are_urls() {
        for text in [
            "https://hooks.slack.example/services/T0/B0/x",
            "https://iw.example.com/base?to=a%40b.example#top",
            "http://[::1]:8080/v1",
            "smtp://relay.example.com:25?tls=none&helo=iw.example.com",
        ] {
            assert!(parse(text).is_ok(), "{text}");
        }
        for text in ["", "iw.example.com", "mailto:a@b.example", "https://", "https:///x", "https://a:b/"] {
            assert_eq!(parse(text), Err(WrittenUrlError::Form), "{text}");
        }
    }
}

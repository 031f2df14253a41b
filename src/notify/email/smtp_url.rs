//! `SMTP_URL`: where mail is handed in, how safely, and as whom.

use std::net::IpAddr;

use url::Url;

use crate::domain::secret::Secret;
use crate::domain::written_url::{self, WrittenUrlError};

/// Where mail is handed in, and how safely.
#[derive(Clone, Debug)]
pub struct SmtpUrl {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: SmtpTls,
    pub(super) login: Option<(String, Secret)>,
    /// What we call ourselves in EHLO, where the operator says so: a host's name, or an address in brackets.
    pub(super) helo: Option<String>,
}

/// How a conversation is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// STARTTLS, or nothing is sent.
    StartTls,
    /// Not at all, by an explicit word: a relay of one's own.
    None,
}

/// Why `SMTP_URL` can't be used. It never repeats the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmtpUrlError {
    /// Not one of the forms.
    #[error("smtps://user:pass@host:465, smtp://host:587 or smtp://host:25?tls=none is expected, without a path")]
    Form,
    /// A part of it could be taken for another.
    #[error(transparent)]
    Written(WrittenUrlError),
    /// A user without a password, or the other way round.
    #[error("a user and a password belong together, as in smtps://user:pass@host:465")]
    HalfLogin,
    /// An unknown option, one twice, or one with another value.
    #[error("the options are tls=none and helo=NAME, each once, as in ?tls=none&helo=iw.example.com")]
    Option,
    /// A name that no server takes.
    #[error("helo= is a host's name as iw.example.com, or an address as [192.0.2.1]")]
    Helo,
    /// `smtps` says the opposite.
    #[error("smtps:// is TLS, and tls=none is none; write smtp://host:25?tls=none for a relay without TLS")]
    Contradiction,
    /// A password in the clear over a network.
    #[error("tls=none would show the password to the network; leave user and password out, or use TLS")]
    PasswordInTheClear,
}

impl SmtpUrl {
    /// Reads `smtps://…` (implicit TLS), `smtp://…` (STARTTLS required) or `smtp://…?tls=none`, each with `helo=`.
    ///
    /// # Errors
    /// [`SmtpUrlError`] that says what would be right.
    pub fn parse(text: &str) -> Result<Self, SmtpUrlError> {
        let url = written_url::parse(text).map_err(|error| match error {
            WrittenUrlError::Form => SmtpUrlError::Form,
            other => SmtpUrlError::Written(other),
        })?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(SmtpUrlError::Form)?.to_owned();
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(SmtpUrlError::Form);
        }
        let (plain, helo) = options(&url)?;
        let (tls, usual) = match (url.scheme(), plain) {
            ("smtps", false) => (SmtpTls::Implicit, 465),
            ("smtp", false) => (SmtpTls::StartTls, 587),
            ("smtp", true) => (SmtpTls::None, 25),
            ("smtps", true) => return Err(SmtpUrlError::Contradiction),
            _ => return Err(SmtpUrlError::Form),
        };
        let smtp = Self { host, port: url.port().unwrap_or(usual), tls, login: login(&url)?, helo };
        if smtp.tls == SmtpTls::None && smtp.login.is_some() && !smtp.is_on_this_machine() {
            return Err(SmtpUrlError::PasswordInTheClear);
        }
        Ok(smtp)
    }

    /// How a conversation with it is protected.
    #[must_use]
    pub fn tls(&self) -> SmtpTls {
        self.tls
    }

    /// Whether nothing between us and the server can listen.
    #[must_use]
    pub fn is_on_this_machine(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// Whether TLS is off, and the name for EHLO.
fn options(url: &Url) -> Result<(bool, Option<String>), SmtpUrlError> {
    let (mut plain, mut helo) = (false, None);
    for (name, value) in url.query_pairs() {
        match (&*name, &*value) {
            ("tls", "none") if !plain => plain = true,
            ("helo", name) if helo.is_none() => helo = Some(helo_name(name)?),
            _ => return Err(SmtpUrlError::Option),
        }
    }
    Ok((plain, helo))
}

/// A domain (RFC 5321, 4.1.2), or an address literal (4.1.3).
fn helo_name(text: &str) -> Result<String, SmtpUrlError> {
    let literal = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let fits = match literal {
        Some(address) => match address.strip_prefix("IPv6:") {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => address.parse::<std::net::Ipv4Addr>().is_ok(),
        },
        None => text.len() <= 253 && text.split('.').all(is_label),
    };
    fits.then(|| text.to_owned()).ok_or(SmtpUrlError::Helo)
}

fn is_label(label: &str) -> bool {
    let edges = !label.starts_with('-') && !label.ends_with('-');
    (1..=63).contains(&label.len()) && edges && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// User and password, percent-decoded; `None` when it names neither.
fn login(url: &Url) -> Result<Option<(String, Secret)>, SmtpUrlError> {
    let decode = |text: &str| {
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
        decoded.map(String::from).map_err(|_| SmtpUrlError::Form)
    };
    match (url.username(), url.password().unwrap_or_default()) {
        ("", "") => Ok(None),
        ("", _) | (_, "") => Err(SmtpUrlError::HalfLogin),
        (user, password) => Ok(Some((decode(user)?, Secret::new(decode(password)?)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_how_safely() {
        let cases = [
            ("smtps://u:p@mail.example.com:465", Ok((SmtpTls::Implicit, 465))),
            ("smtps://mail.example.com", Ok((SmtpTls::Implicit, 465))),
            ("smtps://mail.example.com/", Ok((SmtpTls::Implicit, 465))),
            ("smtp://mail.example.com", Ok((SmtpTls::StartTls, 587))),
            ("smtp://u%40x:p%2Bq@mail.example.com:25", Ok((SmtpTls::StartTls, 25))),
            ("smtp://127.0.0.1:1025?tls=none", Ok((SmtpTls::None, 1025))),
            ("smtp://u:p@localhost:1025?tls=none", Ok((SmtpTls::None, 1025))),
            ("smtp://u:p@[::1]:1025?tls=none", Ok((SmtpTls::None, 1025))),
            ("smtp://relay.example.com?tls=none", Ok((SmtpTls::None, 25))),
            ("smtp://u:p@relay.example.com?tls=none", Err(SmtpUrlError::PasswordInTheClear)),
            ("smtps://mail.example.com?tls=none", Err(SmtpUrlError::Contradiction)),
            ("smtp://mail.example.com?tls=required", Err(SmtpUrlError::Option)),
            ("smtp://mail.example.com?tls=none&tls=none", Err(SmtpUrlError::Option)),
            ("smtp://mail.example.com?helo=a&helo=b", Err(SmtpUrlError::Option)),
            ("smtp://mail.example.com?TLS=none", Err(SmtpUrlError::Option)),
            ("smtp://mail.example.com?verify=off", Err(SmtpUrlError::Option)),
            ("https://mail.example.com", Err(SmtpUrlError::Form)),
            ("smtp://mail.example.com/inbox", Err(SmtpUrlError::Form)),
            ("smtp://mail.example.com#x", Err(SmtpUrlError::Form)),
            ("smtp://", Err(SmtpUrlError::Form)),
            ("mail.example.com", Err(SmtpUrlError::Form)),
            ("smtps://:p@mail.example.com", Err(SmtpUrlError::HalfLogin)),
            ("smtps://u@mail.example.com", Err(SmtpUrlError::HalfLogin)),
            ("smtps://iw:12/3ab@mail.example.com", Err(SmtpUrlError::Written(WrittenUrlError::UserPart))),
            ("smtps://iw@example.com:p@mail.example.com", Err(SmtpUrlError::Written(WrittenUrlError::UserPart))),
        ];
        for (text, expected) in cases {
            assert_eq!(SmtpUrl::parse(text).map(|url| (url.tls, url.port)), expected, "{text}");
        }
    }

    #[test]
    fn user_and_password_are_decoded_and_not_shown() {
        let url = SmtpUrl::parse("smtps://u%40x:p%2Bq+r%2F%23@mail.example.com").unwrap();
        let (user, password) = url.login.clone().unwrap();
        assert_eq!((user.as_str(), password.expose()), ("u@x", "p+q+r/#"));
        assert!(!format!("{url:?}").contains("p+q"));
    }

    #[test]
    fn we_are_called_as_the_operator_says() {
        let helo =
            |name: &str| SmtpUrl::parse(&format!("smtp://relay.example.com?tls=none&helo={name}")).map(|url| url.helo);
        for name in ["iw.example.com", "iw", "iw-0.example.com", "[192.0.2.1]", "[IPv6:2001:db8::1]"] {
            assert_eq!(helo(name), Ok(Some(name.to_owned())), "{name}");
        }
        for name in ["", "iw..example", "-iw", "iw_0", "a%20b", "%0d%0aMAIL", "[192.0.2]", "[::1]", "iw.example.com."] {
            assert_eq!(helo(name), Err(SmtpUrlError::Helo), "{name}");
        }
        assert_eq!(SmtpUrl::parse("smtp://relay.example.com").unwrap().helo, None);
    }
}

//! Where a registry leads, and why it is not followed there.

use url::Url;

use super::hosts::Hosts;
use crate::domain::plain::visible;
use crate::outbound::{Reach, written_host};

/// So much of where it leads is told, in characters: what names a host is never longer (RFC 1035), with scheme and port.
const MOST_SHOWN: usize = 280;

/// Why a redirect is not followed. The path and query of where it leads can be secrets, and are in none of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotFollowed {
    /// Nothing says where.
    #[error("without a Location that says where")]
    Nowhere,
    /// What says where can't be read.
    #[error("to a Location that is no URL")]
    NoUrl,
    /// With a name or a password in the URL.
    #[error("to {0} with a user in the URL, which is shown to nobody")]
    User(String),
    /// Where nobody is ever led.
    #[error("to {0}, a link-local address, which is never asked")]
    Never(String),
    /// In plain http, which nobody named the host for.
    #[error(
        "to {place} in plain http, for which it is not named; where that is right, add {{ host: \"{host}\", plainHttp: true }} to registries"
    )]
    Plain {
        /// Where.
        place: String,
        /// Its host and port, as an entry names it.
        host: String,
    },
    /// In another way than by HTTP.
    #[error("to {0}, and only https is followed, and http to hosts that are named for it")]
    Scheme(String),
}

/// Where an answer leads.
///
/// # Errors
/// Why it is not followed there.
pub(super) fn next(hosts: &Hosts, registry: &str, asked: &Url, location: Option<&str>) -> Result<Url, NotFollowed> {
    let location = location.filter(|it| !it.is_empty()).ok_or(NotFollowed::Nowhere)?;
    let next = asked.join(location).map_err(|_| NotFollowed::NoUrl)?;
    if hosts.may_follow(registry, &next) { Ok(next) } else { Err(NotFollowed::of(&next)) }
}

impl NotFollowed {
    fn of(next: &Url) -> Self {
        let (host, place) = (shown(&written_host(next)), place(next));
        if !matches!(next.scheme(), "http" | "https") || host.is_empty() {
            return Self::Scheme(place);
        }
        if !next.username().is_empty() || next.password().is_some() {
            return Self::User(place);
        }
        if next.host_str().is_some_and(Reach::is_never_reached) {
            return Self::Never(place);
        }
        Self::Plain { place, host }
    }
}

/// Scheme, host and port.
fn place(url: &Url) -> String {
    shown(&format!("{}://{}", url.scheme(), written_host(url)))
}

/// As much of a stranger's words as is told.
fn shown(text: &str) -> String {
    visible(text).chars().take(MOST_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::super::host::RegistryHost;
    use super::*;

    /// Why it is not followed from a registry by plain http to there.
    fn told(location: Option<&str>) -> String {
        let hosts = Hosts::of(RegistryHost::in_plain_http("registry.internal:5000").into_iter().collect());
        let asked = Url::parse("http://registry.internal:5000/v2/a/web/tags/list").unwrap();
        match next(&hosts, "registry.internal:5000", &asked, location) {
            Ok(url) => url.to_string(),
            Err(why) => why.to_string(),
        }
    }

    #[test]
    fn where_it_leads_is_told_with_what_to_add() {
        for (location, expected) in [
            (Some("/v2/b/tags/list"), "http://registry.internal:5000/v2/b/tags/list"),
            (Some("https://store.example/x?sig=secret"), "https://store.example/x?sig=secret"),
            (None, "without a Location that says where"),
            (Some(""), "without a Location that says where"),
            (Some("http://["), "to a Location that is no URL"),
            (
                Some("http://store.internal:9000/x?sig=secret"),
                "to http://store.internal:9000 in plain http, for which it is not named; where that is right, add { host: \"store.internal:9000\", plainHttp: true } to registries",
            ),
            (
                Some("http://169.254.169.254/latest"),
                "to http://169.254.169.254, a link-local address, which is never asked",
            ),
            (
                Some("https://joe:secret@store.example/"),
                "to https://store.example with a user in the URL, which is shown to nobody",
            ),
            (
                Some("file:///etc/passwd"),
                "to file://, and only https is followed, and http to hosts that are named for it",
            ),
            (
                Some("ftp://10.0.0.7/x"),
                "to ftp://10.0.0.7, and only https is followed, and http to hosts that are named for it",
            ),
        ] {
            assert_eq!(told(location), expected, "{location:?}");
        }
        let long = told(Some(&format!("foo://{}/", "h".repeat(20_000))));
        assert!(long.len() < 400, "{}", long.len());
    }
}

//! Where a registry leads, and why it is not followed there.

use url::Url;

use super::hosts::Hosts;
use crate::domain::plain::visible;
use crate::outbound::{NeverReached, Reach, written_host};

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
    #[error("to {0}, {1}, which is never asked")]
    Never(String, NeverReached),
    /// In plain http, which nobody named the host for.
    #[error("to {place} in plain http, for which it is not named; where that is right, {remedy}")]
    Plain {
        /// Where.
        place: String,
        /// What the operator would have to say.
        remedy: String,
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
    if hosts.may_follow(registry, &next) { Ok(next) } else { Err(NotFollowed::of(&next, hosts)) }
}

/// What the operator would have to say of a host, which is named as an entry names it.
fn remedy(host: &str, has_entry: bool) -> String {
    if has_entry {
        format!("set plainHttp: true on the entry of {host} in registries")
    } else {
        format!("add {{ host: \"{host}\", plainHttp: true }} to registries")
    }
}

impl NotFollowed {
    fn of(next: &Url, hosts: &Hosts) -> Self {
        let (host, place) = (shown(&written_host(next)), place(next));
        if !matches!(next.scheme(), "http" | "https") || host.is_empty() {
            return Self::Scheme(place);
        }
        if !next.username().is_empty() || next.password().is_some() {
            return Self::User(place);
        }
        if let Some(why) = next.host_str().and_then(Reach::never) {
            return Self::Never(place, why);
        }
        let has_entry = hosts.host(&host).is_some();
        Self::Plain { place, remedy: remedy(&host, has_entry) }
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
        let plain = RegistryHost::in_plain_http("registry.internal:5000").unwrap();
        let named = RegistryHost::named("mirror.internal").unwrap();
        let hosts = Hosts::of(vec![plain, named]);
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
                Some("http://mirror.internal/x?sig=secret"),
                "to http://mirror.internal in plain http, for which it is not named; where that is right, set plainHttp: true on the entry of mirror.internal in registries",
            ),
            (
                Some("http://metadata.google.internal/computeMetadata"),
                "to http://metadata.google.internal, a name under which clouds keep credentials, which is never asked",
            ),
            (Some("http://0.0.0.0/x"), "to http://0.0.0.0, the address of no host, which is never asked"),
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

//! `image-watcher/release-url`: where notes are, with a place for the version.

use url::{Host, Url};

use super::tag::upstream;

/// A place for release notes that depends on the tag: https, a host by name, the version in path or query alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReleaseUrl(String);

/// Why a text is no such place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseUrlError {
    /// A URL is a line, not a book.
    #[error("it has at most {MOST} bytes, this one more")]
    Length,
    /// Nothing says where the version goes.
    #[error("${{tag}} or ${{version}} is missing: the address of one release depends on its version")]
    Missing,
    /// Something else is to be put in.
    #[error("only ${{tag}} and ${{version}} can be put in")]
    Placeholder,
    /// Another scheme, a user, a fragment, or no URL at all.
    #[error(
        "write an https:// URL without user and fragment, as https://github.com/owner/name/releases/tag/v${{version}}"
    )]
    Form,
    /// What no address has in it: people would be shown another one than they wrote.
    #[error("it has a blank, a quotation mark or an angle bracket in it; write the address alone")]
    Character,
    /// A number instead of a name, or a name of this machine or network.
    #[error("its host has to be a public name")]
    Host,
    /// The version would say where it leads.
    #[error("${{tag}} and ${{version}} have their place in path or query, not in the host")]
    Elsewhere,
}

/// What people write around an address, and what is none of it.
const QUOTES: &str = "\"'`<>\u{2018}\u{2019}\u{201c}\u{201d}\u{ab}\u{bb}";
/// Its longest form, in bytes.
pub const MOST: usize = 2048;

impl ReleaseUrl {
    /// Reads a template.
    ///
    /// # Errors
    /// [`ReleaseUrlError`] for what could lead anywhere else than it says.
    pub fn parse(template: &str) -> Result<Self, ReleaseUrlError> {
        let template = template.trim();
        if template.len() > MOST {
            return Err(ReleaseUrlError::Length);
        }
        let bare = put(template, "", "");
        if bare.contains("${") {
            return Err(ReleaseUrlError::Placeholder);
        }
        let one = Url::parse(&put(template, "one", "one")).map_err(|_| ReleaseUrlError::Form)?;
        let plain = one.scheme() == "https" && one.username().is_empty() && one.password().is_none();
        if !plain || one.fragment().is_some() {
            return Err(ReleaseUrlError::Form);
        }
        match one.host() {
            Some(Host::Domain(name)) if is_public(name) => {}
            _ => return Err(ReleaseUrlError::Host),
        }
        let other = Url::parse(&put(template, "other", "other")).map_err(|_| ReleaseUrlError::Form)?;
        if template.contains(|letter: char| letter.is_whitespace() || letter.is_control() || QUOTES.contains(letter)) {
            return Err(ReleaseUrlError::Character);
        }
        if one.origin() != other.origin() {
            return Err(ReleaseUrlError::Elsewhere);
        }
        if one == other {
            return Err(ReleaseUrlError::Missing);
        }
        Ok(Self(template.to_owned()))
    }

    /// The template.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address for one tag, percent-encoded.
    #[must_use]
    pub fn for_tag(&self, tag: &str) -> String {
        put(&self.0, &encoded(tag), &encoded(upstream(tag)))
    }

    /// The address with a mark of letters where the version goes.
    #[must_use]
    pub fn marked(&self, mark: &str) -> Option<Url> {
        Url::parse(&put(&self.0, mark, mark)).ok()
    }
}

fn put(template: &str, tag: &str, version: &str) -> String {
    template.replace("${tag}", tag).replace("${version}", version)
}

/// Everything but what RFC 3986 calls unreserved.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

fn is_public(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let last = name.rsplit('.').next().unwrap_or_default();
    name.contains('.')
        && !matches!(last, "localhost" | "local" | "internal" | "svc" | "cluster" | "localdomain" | "lan")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_leads_where_it_says() {
        let at = |template: &str, tag: &str| ReleaseUrl::parse(template).unwrap().for_tag(tag);
        let seed = "https://api.github.com/repos/traefik/traefik/releases/tags/${tag}";
        assert_eq!(at(seed, "v3.1.0"), "https://api.github.com/repos/traefik/traefik/releases/tags/v3.1.0");
        assert_eq!(
            at("https://example.com/r/v${version}?t=${tag}", "1.2.3-alpine"),
            "https://example.com/r/v1.2.3?t=1.2.3-alpine"
        );
        assert_eq!(at(" https://example.com/${tag} ", "1.2_3"), "https://example.com/1.2_3");
        let of_length = |length: usize| ReleaseUrl::parse(&format!("{seed}{}", "a".repeat(length - seed.len())));
        assert_eq!(of_length(MOST).map(|it| it.as_str().len()), Ok(MOST));
        assert_eq!(of_length(MOST + 1), Err(ReleaseUrlError::Length));
        let marked = ReleaseUrl::parse("https://example.com/v${version}?t=${tag}").unwrap().marked("MARK");
        assert_eq!(marked.map(String::from).as_deref(), Some("https://example.com/vMARK?t=MARK"));
        assert_eq!(at("https://example.com/${tag}", "../../x#@?%0d"), "https://example.com/..%2F..%2Fx%23%40%3F%250d");
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        use ReleaseUrlError::{Character, Elsewhere, Form, Host, Length, Missing, Placeholder};
        let long = format!("https://example.com/${{tag}}/{}", "a".repeat(100_000));
        let cases = [
            ("http://example.com/${tag}", Form),
            ("ftp://example.com/${tag}", Form),
            ("javascript:alert(1)//${tag}", Form),
            ("file:///etc/passwd?${tag}", Form),
            ("https://user:pw@example.com/${tag}", Form),
            ("https://:pw@example.com/${tag}", Form),
            ("https://intranet/${tag}", Host),
            ("https://a.localhost/${tag}", Host),
            ("https://printer.local/${tag}", Host),
            ("https://git.lan/${tag}", Host),
            ("https://git.localdomain/${tag}", Host),
            ("https://git.cluster/${tag}", Host),
            ("https://example.com/#${tag}", Form),
            ("//x/${tag}", Form),
            ("", Form),
            ("\"https://example.com/${tag}\"", Form),
            ("https://example.com/${tag}\"", Character),
            ("https://example.com/release notes/${tag}", Character),
            ("https://example.com/${tag}'", Character),
            ("https://example.com/${tag}\thttps://other.example.com/", Character),
            ("https://example.com/<${tag}>", Character),
            ("https://example.com/\u{201c}${tag}", Character),
            ("https://${tag}.example.com/", Elsewhere),
            ("https://example.com:${tag}/", Form),
            ("https://example.com${tag}/", Elsewhere),
            ("https://example.com/${image}", Placeholder),
            ("https://example.com/${tag}/${TAG}", Placeholder),
            ("https://example.com/notes", Missing),
            ("https://10.0.0.1/${tag}", Host),
            ("https://127.1/${tag}", Host),
            ("https://0x7f000001/${tag}", Host),
            ("https://[::1]/${tag}", Host),
            ("https://169.254.169.254/${tag}", Host),
            ("https://localhost/${tag}", Host),
            ("https://metadata.google.internal/${tag}", Host),
            ("https://gitea.ops.svc/${tag}", Host),
            ("https://registry.ops.svc.cluster.local./${tag}", Host),
        ];
        for (template, expected) in cases {
            assert_eq!(ReleaseUrl::parse(template), Err(expected), "{template}");
        }
        assert_eq!(ReleaseUrl::parse(&long), Err(Length));
    }
}

//! What a key of a secret is for: `https://host/v1/`, `host:5000`, `*.host/path`.

use std::net::Ipv6Addr;

/// Longer keys are for no image: a name of one has fewer than 256 characters.
const LONGEST: usize = 512;

/// A key of a secret, as it is compared and ordered.
#[derive(Debug)]
pub(super) struct Address {
    /// The host and the path, without scheme; the path of an API's version is left out.
    text: Box<str>,
    port: Box<str>,
    labels: Box<[Label]>,
    path: Box<str>,
}

/// Where an image is.
#[derive(Debug)]
pub(super) struct Place {
    host: String,
    name: String,
    port: String,
    path: String,
}

/// A part of a host's name between dots; `*` stands for any text in it.
type Label = Box<str>;

impl Address {
    /// Reads a key; `None` where it is for nothing.
    pub(super) fn parse(key: &str) -> Option<Self> {
        if key.len() > LONGEST {
            return None;
        }
        let bare = ["https://", "http://"].iter().find_map(|scheme| key.strip_prefix(scheme)).unwrap_or(key);
        let (host, path) = split(bare)?;
        let path = ["/v2/", "/v1/"].iter().find(|version| path.starts_with(**version)).map_or(&*path, |_| &path[3..]);
        let text = if path == "/" { host.clone() } else { format!("{host}{path}") };
        // What is left is read once more, so a path that holds a written-out `?` ends there.
        let (host, path) = split(&text)?;
        let (name, port) = name_and_port(&host)?;
        let labels = name.split('.').map(Label::from).collect();
        Some(Self { port: port.into(), labels, path: path.into(), text: text.into() })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn bytes(&self) -> usize {
        2 * self.text.len() + self.labels.len() * size_of::<Label>()
    }

    pub(super) fn is_for(&self, place: &Place) -> bool {
        let labels = place.name.split('.');
        *self.port == *place.port
            && self.labels.len() == labels.clone().count()
            && place.path.starts_with(&*self.path)
            && self.labels.iter().zip(labels).all(|(label, text)| fits(label, text))
    }
}

impl Place {
    /// Reads an image's name, with its host.
    pub(super) fn parse(image: &str) -> Option<Self> {
        let (host, path) = split(image)?;
        let (name, port) = name_and_port(&host)?;
        Some(Self { name: name.to_owned(), port: port.to_owned(), host, path })
    }

    pub(super) fn is_docker_hub(&self) -> bool {
        self.host == "docker.io"
    }
}

/// Host and path, as Go's `net/url` reads them after a scheme.
fn split(text: &str) -> Option<(String, String)> {
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return None;
    }
    let text = text.split(['#', '?']).next().unwrap_or_default();
    let (authority, path) = text.find('/').map_or((text, ""), |slash| text.split_at(slash));
    let host = match authority.rsplit_once('@') {
        Some((user, host)) => user.bytes().all(is_of_user).then_some(host)?,
        None => authority,
    };
    let port = match host.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.rsplit_once(']')?;
            address.parse::<Ipv6Addr>().ok()?;
            port
        }
        None => host.find(':').map_or("", |colon| &host[colon..]),
    };
    let is_port =
        port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()));
    let is_host = !host.chars().skip(1).any(|letter| letter == '[') && host.bytes().all(is_of_host);
    (is_port && is_host).then_some(())?;
    Some((host.to_owned(), decoded(path)?))
}

fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"-_.~!$&'()*+,;=:[]<>\"".contains(&byte)
}

fn is_of_user(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte)
}

/// A path without its `%41`; `None` where one of them is none.
fn decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            bytes.push(digit(rest.next()?)? << 4 | digit(rest.next()?)?);
        } else {
            bytes.push(byte);
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A host's name and port, as Go's `net.SplitHostPort` tells them apart. Where an address in brackets has no port, it is
/// taken for a pattern of characters, which is for no image.
fn name_and_port(host: &str) -> Option<(&str, &str)> {
    match host.strip_prefix('[') {
        Some(rest) => rest.split_once("]:"),
        None => Some(host.split_once(':').unwrap_or((host, ""))),
    }
}

/// Whether a pattern fits a text: what `*` stands for grows until the rest fits, the last one's alone. No other sign of a
/// pattern comes so far: at a `?` the host of a URL ends, and with a bracket inside it is none.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        match text.find(part) {
            Some(at) => text = text.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    text.ends_with(last)
}

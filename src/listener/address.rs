//! Where a listener listens.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// Addresses and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// On which addresses.
    pub on: Addresses,
    /// On which port; 0 is any free one.
    pub port: u16,
}

/// Addresses of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// All of both families: IPv6 and IPv4 by one socket, or IPv4 alone where there is no IPv6.
    All,
    /// One address, or with `0.0.0.0` all of IPv4.
    One(IpAddr),
    /// Those of a name.
    Named(String),
}

/// No address and no name of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is neither an address nor a host's name; unset it to listen on all addresses of both families")]
pub struct AddressesError;

impl FromStr for Addresses {
    type Err = AddressesError;

    fn from_str(text: &str) -> Result<Self, AddressesError> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        let is_letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        match bare.parse::<IpAddr>() {
            Ok(address) if address == Ipv6Addr::UNSPECIFIED => Ok(Self::All),
            Ok(address) => Ok(Self::One(address)),
            Err(_) if !text.is_empty() && text.bytes().all(is_letter) => Ok(Self::Named(text.to_owned())),
            Err(_) => Err(AddressesError),
        }
    }
}

impl Listen {
    /// `host:port` at which this machine reaches the listener itself.
    #[must_use]
    pub fn from_here(&self) -> String {
        match &self.on {
            Addresses::All => format!("127.0.0.1:{}", self.port),
            Addresses::One(address) if address.is_unspecified() => format!("127.0.0.1:{}", self.port),
            Addresses::One(IpAddr::V6(address)) => format!("[{address}]:{}", self.port),
            Addresses::One(address) => format!("{address}:{}", self.port),
            Addresses::Named(name) => format!("{name}:{}", self.port),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.on {
            Addresses::All => write!(f, "port {} of all addresses", self.port),
            Addresses::One(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
            Addresses::One(address) => write!(f, "{address}:{}", self.port),
            Addresses::Named(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_an_address_or_a_name() {
        let cases = [
            ("::", Addresses::All, "127.0.0.1:1"),
            ("[::]", Addresses::All, "127.0.0.1:1"),
            ("0.0.0.0", Addresses::One(IpAddr::from([0, 0, 0, 0])), "127.0.0.1:1"),
            ("10.0.0.7", Addresses::One(IpAddr::from([10, 0, 0, 7])), "10.0.0.7:1"),
            ("::1", Addresses::One(Ipv6Addr::LOCALHOST.into()), "[::1]:1"),
            ("[::1]", Addresses::One(Ipv6Addr::LOCALHOST.into()), "[::1]:1"),
            ("localhost", Addresses::Named("localhost".into()), "localhost:1"),
        ];
        for (text, on, from_here) in cases {
            assert_eq!(text.parse(), Ok(on.clone()), "{text}");
            assert_eq!(Listen { on, port: 1 }.from_here(), from_here, "{text}");
        }
        for text in ["", "http://iw", "10.0.0.7:3000", "[10.0.0.7", "a b"] {
            assert_eq!(text.parse::<Addresses>(), Err(AddressesError), "{text}");
        }
    }
}

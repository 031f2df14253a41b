//! Which hosts may be reached, by who named them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Whom a client may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Public addresses only: the address is a tenant's or a stranger's choice.
    Public,
    /// Also private and loopback ones: the operator named the host.
    Named,
}

impl Reach {
    /// Whether a connection to this address is allowed. Link-local ones, where clouds keep credentials, never are.
    #[must_use]
    pub fn allows(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if is_link_local(address) || address.is_unspecified() || address.is_multicast() {
            return false;
        }
        self == Self::Named || !is_internal(address)
    }

    /// Why a host is never reached, whoever names it; nothing where it may be.
    #[must_use]
    pub fn never(host: &str) -> Option<NeverReached> {
        match literal(host) {
            Some(address) if Self::Named.allows(address) => None,
            Some(address) if is_link_local(address.to_canonical()) => Some(NeverReached::LinkLocal),
            Some(_) => Some(NeverReached::NoHost),
            None => (!Self::Named.allows_unseen(host)).then_some(NeverReached::Metadata),
        }
    }

    /// Whether a host may be asked for whose address only a proxy knows.
    #[must_use]
    pub fn allows_unseen(self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        if METADATA.contains(&host.as_str()) {
            return false;
        }
        let is_private = !host.contains('.') || PRIVATE.iter().any(|suffix| host.ends_with(suffix));
        self == Self::Named || literal(&host).is_some() || !is_private
    }
}

/// Why a host is never reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeverReached {
    /// It is a link-local address, as those where clouds keep credentials.
    LinkLocal,
    /// It is the address of no host, or of many.
    NoHost,
    /// It is a name under which clouds keep credentials.
    Metadata,
}

impl fmt::Display for NeverReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LinkLocal => "a link-local address",
            Self::NoHost => "the address of no host",
            Self::Metadata => "a name under which clouds keep credentials",
        })
    }
}

/// Where clouds keep credentials, by name.
const METADATA: [&str; 5] =
    ["metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal", "metadata.tencentyun.com"];

/// Endings that are of somebody's own network (RFC 6761, 6762, 8375; ICANN's `.internal`; names in a cluster).
const PRIVATE: [&str; 6] = [".localhost", ".local", ".internal", ".home.arpa", ".lan", ".svc"];

/// The address that a URL's host is.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => (v6.segments()[0] & 0xffc0) == 0xfe80,
    }
}

/// Addresses of somebody's own network (RFC 1918, 6598, 4193 and the special-purpose registries of IANA).
fn is_internal(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            v4.is_loopback()
                || v4.is_private()
                || v4.is_broadcast()
                || v4.is_documentation()
                || a == 0
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (b == 18 || b == 19))
                || a >= 240
        }
        IpAddr::V6(v6) => v6.is_loopback() || embeds_or_is_local(v6),
    }
}

fn embeds_or_is_local(v6: Ipv6Addr) -> bool {
    let [first, second, ..] = v6.segments();
    (first & 0xfe00) == 0xfc00 // unique local
        || first == 0x2002 // 6to4
        || (first == 0x64 && second == 0xff9b) // NAT64
        || (first == 0x2001 && second == 0xdb8) // documentation
        || first == 0x100 // discard
}

/// Whether a name is this machine's own, however it is resolved (RFC 6761, 6.3): no name server is asked for it.
fn is_own(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Resolves names, and drops addresses that may not be reached.
#[derive(Debug)]
pub(super) struct Filter(pub(super) Reach);

#[derive(Debug, thiserror::Error)]
#[error("no address that may be reached")]
pub(super) struct Unreachable;

impl Resolve for Filter {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            if reach == Reach::Public && is_own(name.as_str()) {
                return Err(Unreachable.into());
            }
            let all = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = all.filter(|address| reach.allows(address.ip())).collect();
            if allowed.is_empty() {
                return Err(Unreachable.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_are_known_without_a_name_server() {
        for name in ["localhost", "localhost.", "LocalHost", "x.localhost", "a.b.localhost."] {
            assert!(is_own(name), "{name}");
        }
        for name in ["localhost.example.com", "notlocalhost", "local", "", "."] {
            assert!(!is_own(name), "{name}");
        }
    }

    #[test]
    fn addresses_are_judged_by_who_named_them() {
        let cases = [
            ("93.184.216.34", true, true),
            ("2606:2800:220:1::1", true, true),
            ("127.0.0.1", false, true),
            ("127.255.0.9", false, true),
            ("10.1.2.3", false, true),
            ("172.16.0.1", false, true),
            ("172.32.0.1", true, true),
            ("192.168.1.1", false, true),
            ("100.64.0.1", false, true),
            ("100.128.0.1", true, true),
            ("192.0.0.8", false, true),
            ("198.18.0.1", false, true),
            ("198.51.100.1", false, true),
            ("203.0.113.9", false, true),
            ("240.0.0.1", false, true),
            ("255.255.255.255", false, true),
            ("0.0.0.0", false, false),
            ("0.1.2.3", false, true),
            ("224.0.0.1", false, false),
            ("169.254.169.254", false, false),
            ("169.254.0.1", false, false),
            ("::", false, false),
            ("::1", false, true),
            ("fe80::1", false, false),
            ("febf::1", false, false),
            ("fc00::1", false, true),
            ("fd12:3456::1", false, true),
            ("ff02::1", false, false),
            ("::ffff:127.0.0.1", false, true),
            ("::ffff:169.254.169.254", false, false),
            ("::ffff:10.0.0.1", false, true),
            ("64:ff9b::a9fe:a9fe", false, true),
            ("2002:7f00:1::", false, true),
            ("2001:db8::1", false, true),
        ];
        for (address, public, named) in cases {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!((Reach::Public.allows(address), Reach::Named.allows(address)), (public, named), "{address}");
        }
    }

    #[test]
    fn names_that_only_a_proxy_resolves_are_judged_by_what_they_say() {
        for (host, public, named) in [
            ("registry.example.com", true, true),
            ("93.184.216.34", true, true),
            ("[2606:2800:220:1::1]", true, true),
            ("kubernetes.default.svc", false, true),
            ("kubernetes.default.svc.cluster.local", false, true),
            ("intranet", false, true),
            ("Vault.Internal.", false, true),
            ("x.localhost", false, true),
            ("metadata.google.internal", false, false),
            ("Metadata.Google.Internal.", false, false),
            ("metadata", false, false),
        ] {
            assert_eq!(
                (Reach::Public.allows_unseen(host), Reach::Named.allows_unseen(host)),
                (public, named),
                "{host}"
            );
        }
    }
}

//! The variables that the kubelet injects for each Service of the pod's namespace: whatever they are called, nobody
//! wrote them for us.
//!
//! Shapes: `pkg/kubelet/envvars` of Kubernetes. Whoever may make a Service chooses the names, so that one called `admin`
//! sets `ADMIN_PORT`.

use std::net::{IpAddr, SocketAddr};

const PROTOCOLS: [&str; 3] = ["tcp", "udp", "sctp"];

/// Whether name and value are those of a variable that describes a Service. A person's value for the same name, as
/// `ADMIN_PORT=9091`, is none.
pub(super) fn describes_a_service(name: &str, value: &str) -> bool {
    is_host(name, value) || is_number_of_port(name, value) || is_link(name, value) || is_part_of_port(name, value)
}

/// `X_SERVICE_HOST`.
fn is_host(name: &str, value: &str) -> bool {
    name.strip_suffix("_SERVICE_HOST").is_some_and(is_name) && is_address(value)
}

/// `X_SERVICE_PORT` and `X_SERVICE_PORT_<NAME>`.
fn is_number_of_port(name: &str, value: &str) -> bool {
    let unnamed = name.strip_suffix("_SERVICE_PORT").is_some_and(is_name);
    let named = || name.split_once("_SERVICE_PORT_").is_some_and(|(service, port)| is_name(service) && is_name(port));
    (unnamed || named()) && is_port(value)
}

/// `X_PORT`, with a value that no port has; `PORT` itself is treated alike.
fn is_link(name: &str, value: &str) -> bool {
    (name == "PORT" || name.strip_suffix("_PORT").is_some_and(is_name)) && is_address_of_port(value)
}

/// `X_PORT_<n>_<PROTOCOL>` and what is made of it.
fn is_part_of_port(name: &str, value: &str) -> bool {
    let is_of_port = |name: &str| {
        let port = name.rsplit_once('_').filter(|(_, protocol)| is_protocol(&protocol.to_ascii_lowercase()));
        let number = port.and_then(|(port, _)| port.rsplit_once('_')).filter(|(_, number)| is_port(number));
        number.and_then(|(port, _)| port.strip_suffix("_PORT")).is_some_and(is_name)
    };
    let part = |suffix: &str| name.strip_suffix(suffix).is_some_and(is_of_port);
    (part("") && is_address_of_port(value))
        || (part("_PROTO") && is_protocol(value))
        || (part("_PORT") && is_port(value))
        || (part("_ADDR") && is_address(value))
}

/// The name of a Service or of its port, in upper case and with `_` for `-`.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

fn is_protocol(text: &str) -> bool {
    PROTOCOLS.contains(&text)
}

/// `tcp://10.0.0.1:80`.
fn is_address_of_port(text: &str) -> bool {
    let address = text.split_once("://").filter(|(protocol, _)| is_protocol(protocol));
    address.is_some_and(|(_, address)| address.parse::<SocketAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_known() {
        for service in
            ["IMAGE_WATCHER", "ADMIN", "SMTP", "IMAGE_WATCHER_MODE", "A", "2ND", "A_PORT_80_TCP", "X_SERVICE_PORT"]
        {
            for (suffix, value) in [
                ("SERVICE_HOST", "10.0.0.7"),
                ("SERVICE_HOST", "fd00::7"),
                ("SERVICE_PORT", "80"),
                ("SERVICE_PORT_PUBLIC", "80"),
                ("SERVICE_PORT_MY_FILE", "65535"),
                ("PORT", "tcp://10.0.0.7:80"),
                ("PORT", "udp://[fd00::7]:53"),
                ("PORT_80_TCP", "tcp://10.0.0.7:80"),
                ("PORT_53_UDP", "udp://[fd00::7]:53"),
                ("PORT_80_TCP_PROTO", "tcp"),
                ("PORT_9_SCTP_PORT", "9"),
                ("PORT_80_TCP_ADDR", "fd00::7"),
            ] {
                let name = format!("{service}_{suffix}");
                assert!(describes_a_service(&name, value), "{name}={value}");
            }
        }
    }

    #[test]
    fn what_a_person_writes_is_none() {
        for (name, value) in [
            ("ADMIN_PORT", "9091"),
            ("ADMIN_PORT", "tcp://admin:9091"),
            ("ADMIN_PORT", "http://10.0.0.7:80"),
            ("ADMIN_PORT", "tcp://10.0.0.7"),
            ("PORT", "80"),
            ("PORT", "70000"),
            ("IMAGE_WATCHER_PORT", "8080"),
            ("IMAGE_WATCHER_STRATGY", "MINOR"),
            ("IMAGE_WATCHER_SERVICE_HOST", "iw.example.com"),
            ("IMAGE_WATCHER_SERVICE_PORT", "public"),
            ("IMAGE_WATCHER_SERVICE_PORT_", "80"),
            ("IMAGE_WATCHER_PORT_80_HTTP", "tcp://10.0.0.7:80"),
            ("IMAGE_WATCHER_PORT_X_TCP", "tcp://10.0.0.7:80"),
            ("IMAGE_WATCHER_PORT_80_TCP_PORT", ""),
            ("_SERVICE_HOST", "10.0.0.7"),
            ("SMTP_HOST", "10.0.0.7"),
            ("smtp_PORT", "tcp://10.0.0.7:25"),
        ] {
            assert!(!describes_a_service(name, value), "{name}={value}");
        }
    }
}

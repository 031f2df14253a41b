//! Opens what a listener listens on.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs as _};

use socket2::{Domain, Protocol, Socket, Type};

use super::address::{Addresses, Listen};

/// Connections that wait until a worker takes them.
const BACKLOG: i32 = 1024;

/// It can't be listened there.
#[derive(Debug, thiserror::Error)]
#[error("{listen} can't be listened on")]
pub struct BindError {
    listen: Listen,
    source: io::Error,
}

/// Listens.
///
/// # Errors
/// When the port is taken, or the address is none of this machine.
pub fn bind(listen: &Listen) -> Result<TcpListener, BindError> {
    let opened = match &listen.on {
        Addresses::All => all(listen.port, open),
        Addresses::One(address) => open((*address, listen.port).into()),
        Addresses::Named(name) => named(name, listen.port),
    };
    opened.map_err(|source| BindError { listen: listen.clone(), source })
}

/// Both families by one socket. A machine without IPv6 refuses that; what a machine with it refuses, as a port that is
/// taken, is no reason to serve half of the clients.
fn all(port: u16, open: impl Fn(SocketAddr) -> io::Result<TcpListener>) -> io::Result<TcpListener> {
    match open((Ipv6Addr::UNSPECIFIED, port).into()) {
        Err(error) if !matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) => {
            tracing::info!(%error, "there is no IPv6 here; listening on IPv4 alone");
            open((Ipv4Addr::UNSPECIFIED, port).into())
        }
        opened => opened,
    }
}

fn named(name: &str, port: u16) -> io::Result<TcpListener> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (name, port).to_socket_addrs()? {
        match open(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // The port of a process that ended a moment ago.
    socket.set_reuse_address(true)?;
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        // Whatever net.ipv6.bindv6only says.
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn listen(host: &str) -> Listen {
        Listen { on: host.parse().unwrap(), port: 0 }
    }

    /// I5: `0.0.0.0` is nowhere on a cluster of IPv6 alone.
    #[test]
    fn all_addresses_are_those_of_both_families() {
        let listener = bind(&listen("::")).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        let has_ipv6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
        assert_eq!(TcpStream::connect((Ipv6Addr::LOCALHOST, port)).is_ok(), has_ipv6);
    }

    #[test]
    fn without_ipv6_there_is_ipv4() {
        let without = |address: SocketAddr| match address {
            SocketAddr::V6(_) => Err(io::Error::from_raw_os_error(97)),
            SocketAddr::V4(_) => open(address),
        };
        assert!(all(0, without).unwrap().local_addr().unwrap().is_ipv4());
    }

    #[test]
    fn a_port_that_is_taken_is_an_error_and_no_half() {
        let taken = |address: SocketAddr| match address {
            SocketAddr::V6(_) => Err(io::ErrorKind::AddrInUse.into()),
            SocketAddr::V4(_) => open(address),
        };
        assert_eq!(all(0, taken).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn an_address_or_a_name_is_that_one() {
        for host in ["127.0.0.1", "localhost"] {
            let listener = bind(&listen(host)).unwrap();
            assert!(listener.local_addr().unwrap().ip().is_loopback(), "{host}");
        }
        let error = bind(&Listen { on: "192.0.2.1".parse().unwrap(), port: 0 }).unwrap_err();
        assert!(error.to_string().starts_with("192.0.2.1:0 can't be listened on"), "{error}");
    }
}

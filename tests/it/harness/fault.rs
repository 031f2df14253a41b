//! A TCP proxy that goes wrong on demand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// What happens to connections. `Refuse` and `BlackHole` also hit those that are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// None: bytes go through.
    Pass,
    /// Closed as soon as accepted.
    Refuse,
    /// Accepted, and then nothing: no byte goes through in either direction.
    BlackHole,
    /// Reset once that many bytes of the answer went through.
    ResetAfter(usize),
    /// The answer comes this many bytes at a time, with that pause between.
    Drip(usize, Duration),
}

/// A proxy on its own port; ends when dropped.
pub(crate) struct FaultProxy {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    connections: Arc<AtomicUsize>,
    task: AbortHandle,
}

impl FaultProxy {
    /// Passes everything on to `target` (`host:port`) at first.
    pub(crate) async fn start(target: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (fault, faults) = watch::channel(Fault::Pass);
        let connections = Arc::new(AtomicUsize::new(0));
        let accept = accept(listener, target.into(), faults, Arc::clone(&connections));
        let task = tokio::runtime::Handle::current().spawn(accept).abort_handle();
        Self { address, fault, connections, task }
    }

    /// `host:port` of the proxy.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// From now on.
    pub(crate) fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// How many connections were made so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, target: String, faults: watch::Receiver<Fault>, count: Arc<AtomicUsize>) {
    // Dropped with this task, and the connections with it.
    let mut open = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        count.fetch_add(1, Ordering::SeqCst);
        open.spawn(connect(client, target.clone(), faults.clone()));
        while open.try_join_next().is_some() {}
    }
}

async fn connect(client: TcpStream, target: String, mut faults: watch::Receiver<Fault>) {
    let _ = client.set_nodelay(true);
    if faults.wait_for(|fault| *fault != Fault::BlackHole).await.is_err() {
        return;
    }
    if *faults.borrow() == Fault::Refuse {
        return;
    }
    let Ok(server) = TcpStream::connect(&target).await else { return };
    let _ = server.set_nodelay(true);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut refused = faults.clone();
    tokio::select! {
        () = up(from_client, to_server, faults.clone()) => {}
        () = down(from_server, to_client, faults) => {}
        _ = refused.wait_for(|fault| *fault == Fault::Refuse) => {}
    }
}

/// From the client to the server; returns only when the server can't be written to.
async fn up(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut faults: watch::Receiver<Fault>) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        match from.read(&mut buffer).await {
            // The client may have closed its half only, and still read.
            Ok(0) | Err(_) => {
                let _ = to.shutdown().await;
                return std::future::pending().await;
            }
            Ok(count) => {
                let _ = faults.wait_for(|fault| *fault != Fault::BlackHole).await;
                if to.write_all(&buffer[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// From the server to the client, where most faults are.
async fn down(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut faults: watch::Receiver<Fault>) {
    let mut buffer = vec![0; 16 << 10];
    let mut passed = 0;
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let _ = faults.wait_for(|fault| *fault != Fault::BlackHole).await;
        let fault = *faults.borrow();
        let bytes = &buffer[..count];
        let written = match fault {
            Fault::ResetAfter(limit) if passed + count >= limit => {
                let _ = to.write_all(&bytes[..limit.saturating_sub(passed)]).await;
                // Closed with unsent or unread bytes and no linger: that is a reset.
                let _ = to.as_ref().set_zero_linger();
                return;
            }
            Fault::Drip(size, pause) => drip(&mut to, bytes, size, pause).await,
            _ => to.write_all(bytes).await,
        };
        passed += count;
        if written.is_err() {
            return;
        }
    }
}

async fn drip(to: &mut OwnedWriteHalf, bytes: &[u8], size: usize, pause: Duration) -> std::io::Result<()> {
    for drop in bytes.chunks(size.max(1)) {
        to.write_all(drop).await?;
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

//! TLS with a certificate of the run's private authority, in front of a server that speaks none.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::pki::Certificate;

/// Ends TLS and passes on what is inside; ends when dropped.
pub(crate) struct TlsFront {
    address: SocketAddr,
    task: AbortHandle,
}

impl TlsFront {
    pub(crate) async fn start(certificate: &Certificate, target: &str) -> Self {
        Self::asking(None, certificate, target).await
    }

    /// The same; with an authority, who connects has to show a certificate of it.
    pub(crate) async fn asking(authority: Option<&Path>, certificate: &Certificate, target: &str) -> Self {
        let chain = CertificateDer::pem_file_iter(&certificate.chain).expect("a certificate");
        let chain = chain.collect::<Result<Vec<_>, _>>().expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(&certificate.key).expect("a key");
        let builder = rustls::ServerConfig::builder();
        let builder = match authority {
            Some(authority) => {
                let mut roots = rustls::RootCertStore::empty();
                roots.add(CertificateDer::from_pem_file(authority).expect("an authority")).expect("an authority");
                let verifier = rustls::server::WebPkiClientVerifier::builder(Arc::new(roots)).build();
                builder.with_client_cert_verifier(verifier.expect("a verifier"))
            }
            None => builder.with_no_client_auth(),
        };
        let config = builder.with_single_cert(chain, key);
        let acceptor = TlsAcceptor::from(Arc::new(config.expect("a certificate with its key")));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let task = tokio::runtime::Handle::current().spawn(accept(listener, acceptor, target.into())).abort_handle();
        Self { address, task }
    }

    /// `host:port` of it.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, target: String) {
    // Dropped with this task, and the connections with it.
    let mut open = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (acceptor, target) = (acceptor.clone(), target.clone());
        open.spawn(async move {
            let Ok(mut client) = acceptor.accept(client).await else { return };
            let Ok(mut server) = TcpStream::connect(&target).await else { return };
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        });
        while open.try_join_next().is_some() {}
    }
}

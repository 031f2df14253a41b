//! The machine's own certificate authorities: read when the first server shows a certificate of none of the others, as a
//! folder of them is slow to read, and most servers have one of the Mozilla programme's.

use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::trust::Authorities;

/// Authorities that are read once, when they are needed first. Clones are the same.
#[derive(Clone)]
pub struct Machine {
    read: fn() -> Authorities,
    once: Arc<OnceLock<Known>>,
}

/// What was read.
#[derive(Debug)]
struct Known {
    certificates: Vec<CertificateDer<'static>>,
    /// `None` where there is none.
    verifier: Option<Arc<WebPkiServerVerifier>>,
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.once.get().is_some() { "Machine(read)" } else { "Machine" })
    }
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn this() -> Self {
        Self { read: Authorities::of_this_machine, once: Arc::default() }
    }

    /// One that has none.
    #[must_use]
    pub fn without() -> Self {
        Self { read: Authorities::default, once: Arc::default() }
    }

    /// Its certificates, but for those of the Mozilla programme.
    pub(super) fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.known().certificates
    }

    fn known(&self) -> &Known {
        self.once.get_or_init(|| {
            let certificates = (self.read)().beside_mozilla();
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certificates.iter().cloned());
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), super::provider());
            Known { certificates, verifier: verifier.build().ok() }
        })
    }
}

/// Verifies by what is known from the start, and by the machine's authorities where that does not do.
#[derive(Debug)]
pub(super) struct Verifier {
    first: Arc<WebPkiServerVerifier>,
    machine: Machine,
}

impl Verifier {
    /// # Errors
    /// [`rustls::Error`] where there are no `roots`.
    pub(super) fn new(
        roots: RootCertStore,
        machine: Machine,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, rustls::Error> {
        let first = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        let first = first.map_err(|error| rustls::Error::General(error.to_string()))?;
        Ok(Self { first, machine })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let refused = match self.first.verify_server_cert(shown, between, name, ocsp, now) {
            Err(error @ rustls::Error::InvalidCertificate(_)) => error,
            done => return done,
        };
        let Some(second) = &self.machine.known().verifier else { return Err(refused) };
        let is_unknown = matches!(refused, rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer));
        // Of a certificate whose authority is known, what was said first is what is wrong with it.
        second
            .verify_server_cert(shown, between, name, ocsp, now)
            .map_err(|other| if is_unknown { other } else { refused })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.first.verify_tls12_signature(message, shown, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.first.verify_tls13_signature(message, shown, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.first.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

    use super::*;
    use crate::outbound::trust::mozilla;

    type Issuer = CertifiedIssuer<'static, KeyPair>;

    fn authority(name: &str) -> Issuer {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    fn certificate(by: &Issuer, name: &str) -> CertificateDer<'static> {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.signed_by(&KeyPair::generate().unwrap(), by).unwrap().der().clone()
    }

    #[test]
    fn the_machine_is_asked_only_where_nobody_else_knows_who_signed() {
        let (ours, of_machine, nobody) = (authority("ours"), authority("the machine's"), authority("nobody's"));
        let mut roots = mozilla();
        roots.add(ours.der().clone()).unwrap();
        let mut store = RootCertStore::empty();
        store.add(of_machine.der().clone()).unwrap();
        let machine = || Machine { once: Arc::default(), ..Machine::without() };
        let verify = |machine: &Machine, by: &Issuer, name: &'static str| {
            let verifier = Verifier::new(roots.clone(), machine.clone(), crate::outbound::provider()).unwrap();
            let name = ServerName::try_from(name).unwrap();
            let shown = certificate(by, "registry.example.com");
            verifier.verify_server_cert(&shown, &[], &name, &[], UnixTime::now()).map(drop)
        };
        let unread = machine();
        assert_eq!(verify(&unread, &ours, "registry.example.com"), Ok(()));
        assert!(unread.once.get().is_none(), "nobody needs it");
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        assert_eq!(verify(&unread, &of_machine, "registry.example.com"), Err(unknown.clone()), "it has none");
        assert!(unread.once.get().is_some());
        let read = machine();
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), crate::outbound::provider());
        let certificates = vec![of_machine.der().clone()];
        read.once.set(Known { certificates, verifier: verifier.build().ok() }).unwrap();
        assert_eq!(verify(&read, &of_machine, "registry.example.com"), Ok(()));
        assert_eq!(verify(&read, &nobody, "registry.example.com"), Err(unknown.clone()));
        let other = verify(&read, &of_machine, "elsewhere.example.com").unwrap_err();
        assert_ne!(other, unknown, "it is its name that is wrong: {other}");
    }
}

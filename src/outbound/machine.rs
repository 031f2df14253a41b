//! The machine's own certificate authorities: read when the first server shows a certificate of none of the others, as a
//! folder of them is slow to read, and most servers have one of the Mozilla programme's.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::trust::{Authorities, is_of_authority};

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
    /// Certificates that the operator named, as they are.
    named: Vec<CertificateDer<'static>>,
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
        Ok(Self { first, named: Vec::new(), machine })
    }

    /// Trusts a server that shows one of these itself, as one does that signed its own certificate as an authority.
    pub(super) fn naming(self, named: &[CertificateDer<'static>]) -> Self {
        Self { named: named.to_vec(), ..self }
    }

    /// Whether a certificate is refused for nothing but that it is an authority's, and is one that the operator named: whoever has
    /// its key could sign another for this name. Its time is judged before that, and its name here.
    fn is_named(
        &self,
        shown: &CertificateDer<'_>,
        name: &ServerName<'_>,
        refused: &CertificateError,
    ) -> Result<bool, rustls::Error> {
        if !is_of_authority(refused) || !self.named.iter().any(|named| named == shown) {
            return Ok(false);
        }
        verify_server_name(&ParsedCertificate::try_from(shown)?, name).map(|()| true)
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
            Err(rustls::Error::InvalidCertificate(why)) => {
                if self.is_named(shown, name, &why)? {
                    return Ok(ServerCertVerified::assertion());
                }
                rustls::Error::InvalidCertificate(why)
            }
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

    /// How a handshake with a server ends that shows this.
    fn shaken(named: &CertificateDer<'static>, server: &Own, name: &'static str) -> Result<(), rustls::Error> {
        use rustls::{ClientConnection, ServerConfig, ServerConnection};
        let client = crate::outbound::tls(std::slice::from_ref(named), &Machine::without(), None).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(server.1.serialize_der()).unwrap();
        let shows = ServerConfig::builder_with_provider(crate::outbound::provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![server.0.clone()], key)?;
        let mut client = ClientConnection::new(Arc::new(client), ServerName::try_from(name).unwrap())?;
        let mut server = ServerConnection::new(Arc::new(shows))?;
        while client.is_handshaking() {
            let mut wire = Vec::new();
            client.write_tls(&mut wire).unwrap();
            server.read_tls(&mut &wire[..]).unwrap();
            server.process_new_packets()?;
            wire.clear();
            server.write_tls(&mut wire).unwrap();
            client.read_tls(&mut &wire[..]).unwrap();
            client.process_new_packets()?;
        }
        Ok(())
    }

    /// A certificate that signed itself, and says of itself that it is an authority, as OpenSSL makes it; with its key.
    type Own = (CertificateDer<'static>, KeyPair);

    fn own(years: [i32; 2]) -> Own {
        let mut params = CertificateParams::new(vec!["registry.example.com".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = rcgen::date_time_ymd(years[0], 1, 1);
        params.not_after = rcgen::date_time_ymd(years[1], 1, 1);
        let key = KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().der().clone(), key)
    }

    #[test]
    fn a_certificate_that_signed_itself_is_trusted_where_exactly_that_is_named() {
        let (one, other, old) = (own([2020, 4000]), own([2020, 4000]), own([2020, 2021]));
        assert_eq!(shaken(&one.0, &one, "registry.example.com"), Ok(()));
        let elsewhere = shaken(&one.0, &one, "elsewhere.example.com").unwrap_err().to_string();
        assert!(elsewhere.contains("not valid for"), "{elsewhere}");
        let unknown = shaken(&one.0, &other, "registry.example.com");
        assert!(matches!(unknown, Err(rustls::Error::InvalidCertificate(_))), "{unknown:?}");
        let expired = shaken(&old.0, &old, "registry.example.com").unwrap_err().to_string();
        assert!(expired.contains("xpired"), "{expired}");
    }

    #[test]
    fn what_can_be_done_about_one_that_is_not_named_is_told() {
        let (one, other) = (own([2020, 4000]), own([2020, 4000]));
        let Err(rustls::Error::InvalidCertificate(why)) = shaken(&one.0, &other, "registry.example.com") else {
            panic!("it is trusted")
        };
        assert!(crate::outbound::trust::remedy(&why) == crate::domain::undelivered::Remedy::Itself, "{why:?}");
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

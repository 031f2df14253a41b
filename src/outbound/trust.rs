//! Which certificate authorities are trusted: those of the Mozilla programme, which the binary carries because its
//! image is empty; those of `SSL_CERT_FILE`; and the machine's own, where there are any.

use std::error::Error;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, CertificateError, RootCertStore, SignatureScheme};

use crate::domain::undelivered::Remedy;

/// A file of certificate authorities that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// It is damaged.
    #[error("is no file of certificates in PEM")]
    Form,
    /// It holds nothing of use.
    #[error("holds no certificate that could be an authority's")]
    Empty,
}

/// Certificate authorities beside those of the Mozilla programme.
#[derive(Clone, Debug, Default)]
pub struct Authorities(Vec<CertificateDer<'static>>);

impl Authorities {
    /// Reads a bundle in PEM. One that can't be an authority's is left out; the others count.
    ///
    /// # Errors
    /// [`TrustError`] when nothing in it counts.
    pub fn parse(pem: &[u8]) -> Result<Self, TrustError> {
        let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(|_| TrustError::Form)?;
        let mut store = RootCertStore::empty();
        let usable: Vec<_> = all.into_iter().filter(|certificate| store.add(certificate.clone()).is_ok()).collect();
        if usable.is_empty() { Err(TrustError::Empty) } else { Ok(Self(usable)) }
    }

    /// Those of the machine, which the image of the service has not. As OpenSSL does it, `SSL_CERT_FILE` takes their
    /// place; what can't be read is left out.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let mut store = RootCertStore::empty();
        let all = rustls_native_certs::load_native_certs().certs.into_iter();
        Self(all.filter(|certificate| store.add(certificate.clone()).is_ok()).collect())
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// These and others.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Those that the Mozilla programme has not, each once: most machines carry its list.
    #[must_use]
    pub(super) fn beside_mozilla(self) -> Vec<CertificateDer<'static>> {
        let mut store = mozilla();
        let mut kept = Vec::new();
        for certificate in self.0 {
            let known = store.roots.len();
            let is_new = store.add(certificate.clone()).is_ok()
                && store.roots.split_last().is_some_and(|(last, before)| !before.contains(last));
            if is_new {
                kept.push(certificate);
            } else {
                store.roots.truncate(known);
            }
        }
        kept
    }
}

/// A client's certificate that is none, or not with this key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The file of the certificate.
    #[error("is no certificate in PEM")]
    Certificate,
    /// The file of the key.
    #[error("is no private key in PEM")]
    Key,
    /// One is not the other's.
    #[error("is not the key of this certificate")]
    Pair,
}

/// What a client shows a server to be known by. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Identity(Arc<CertifiedKey>);

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

impl Identity {
    /// Reads a certificate, with those between it and its authority, and its key.
    ///
    /// # Errors
    /// [`IdentityError`] that says which of the two is wrong.
    pub fn parse(chain: &[u8], key: &[u8]) -> Result<Self, IdentityError> {
        let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(IdentityError::Certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| IdentityError::Key)?;
        let provider = rustls::crypto::ring::default_provider();
        let pair = CertifiedKey::from_der(chain, key, &provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => IdentityError::Pair,
            rustls::Error::InvalidCertificate(_) => IdentityError::Certificate,
            _ => IdentityError::Key,
        })?;
        Ok(Self(Arc::new(pair)))
    }

    pub(super) fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0)
    }
}

/// A client's certificate that may be changed in its files: it is read again for each connection.
#[derive(Debug)]
struct Renewed {
    files: [PathBuf; 2],
    /// As it was read last: files that are being replaced are not a pair for a moment.
    last: Mutex<Identity>,
}

impl Renewed {
    fn now(&self) -> Identity {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let [chain, key] = self.files.each_ref().map(std::fs::read);
        let read = chain.ok().zip(key.ok()).and_then(|(chain, key)| Identity::parse(&chain, &key).ok());
        if let Some(read) = read {
            *last = read;
        }
        last.clone()
    }
}

impl ResolvesClientCert for Renewed {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.now().certified())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl Identity {
    /// How TLS is spoken by whoever shows this, and what stands in its files, of certificate and key, when it connects again.
    #[must_use]
    pub fn shown_by(self, mut tls: rustls::ClientConfig, files: Option<[PathBuf; 2]>) -> rustls::ClientConfig {
        // A session that is taken up again shows nothing new.
        tls.resumption = rustls::client::Resumption::disabled();
        tls.client_auth_cert_resolver = match files {
            Some(files) => Arc::new(Renewed { files, last: Mutex::new(self) }),
            None => Arc::new(rustls::sign::SingleCertAndKey::from(self.certified())),
        };
        tls
    }
}

/// Whom one host is trusted by, and what it is shown, beside what holds for all.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// More authorities.
    pub authorities: Authorities,
    /// What it is shown.
    pub identity: Option<Identity>,
}

/// The authorities of the Mozilla programme.
pub(super) fn mozilla() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// What is wrong with a certificate, if that is why a connection failed, wherever a library has it in its error.
#[must_use]
pub fn refused_certificate<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e CertificateError> {
    match tls_error(error) {
        Some(rustls::Error::InvalidCertificate(why)) => Some(why),
        _ => None,
    }
}

/// What is wrong with a connection by TLS, wherever a library has it in its error.
fn tls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(why) = error.downcast_ref() {
            return Some(why);
        }
        // An `io::Error` passes over the error that it holds when it is asked for its source.
        let held = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = held.map(|held| held as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

/// What an operator can do about a connection that did not come about.
#[must_use]
pub fn remedy_without_tls(error: &(dyn Error + 'static)) -> Remedy {
    match tls_error(error) {
        Some(rustls::Error::InvalidMessage(_)) => Remedy::PlainHttp,
        Some(rustls::Error::AlertReceived(AlertDescription::CertificateRequired)) => Remedy::ClientCert,
        _ => Remedy::None,
    }
}

/// What an operator can do about it.
#[must_use]
pub fn remedy(why: &CertificateError) -> Remedy {
    match why {
        CertificateError::UnknownIssuer => Remedy::Authority,
        why if is_of_authority(why) => Remedy::Itself,
        _ => Remedy::None,
    }
}

/// Whether it is refused as an authority's own certificate, which is not to be a server's.
pub(super) fn is_of_authority(why: &CertificateError) -> bool {
    // The library below has a type for it that is none of ours.
    matches!(why, CertificateError::Other(other) if other.0.to_string().contains("CaUsedAsEndEntity"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.self_signed(&key).unwrap().pem()
    }

    #[test]
    fn who_speaks_no_tls_or_asks_for_a_certificate_is_told_apart() {
        let held = |error: rustls::Error| std::io::Error::new(std::io::ErrorKind::InvalidData, error);
        let plain = held(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType));
        assert_eq!(remedy_without_tls(&plain), Remedy::PlainHttp);
        let required = held(rustls::Error::AlertReceived(AlertDescription::CertificateRequired));
        assert_eq!(remedy_without_tls(&required), Remedy::ClientCert);
        let other = held(rustls::Error::AlertReceived(AlertDescription::InternalError));
        let others = [remedy_without_tls(&other), remedy_without_tls(&std::io::Error::other("else"))];
        assert_eq!(others, [Remedy::None; 2]);
    }

    #[test]
    fn a_bundle_is_read_and_nothing_is_kept_twice() {
        let (one, two) = (authority(), authority());
        let bundle = |text: &str| Authorities::parse(text.as_bytes());
        assert_eq!(bundle(&format!("# ours\n{one}{two}")).unwrap().beside_mozilla().len(), 2);
        let twice = bundle(&one).unwrap().and(bundle(&format!("{one}{two}")).unwrap());
        assert_eq!(twice.beside_mozilla().len(), 2);
    }

    fn identity() -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn a_certificate_is_shown_only_with_its_own_key() {
        let ((certificate, key), (_, other)) = (identity(), identity());
        let read = |certificate: &str, key: &str| Identity::parse(certificate.as_bytes(), key.as_bytes());
        let shown = read(&certificate, &key).unwrap();
        assert_eq!(format!("{shown:?}"), "Identity");
        for (certificate, key, expected) in [
            (&*certificate, &*other, IdentityError::Pair),
            ("", &key, IdentityError::Certificate),
            (&key, &key, IdentityError::Certificate),
            (&certificate, "", IdentityError::Key),
            (&certificate, &certificate, IdentityError::Key),
        ] {
            assert_eq!(read(certificate, key).unwrap_err(), expected);
        }
    }

    #[test]
    fn a_certificate_that_was_changed_in_its_files_is_shown_when_both_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["tls.crt", "tls.key"].map(|name| folder.path().join(name));
        let ((one, key_of_one), (two, key_of_two)) = (identity(), identity());
        let first = Identity::parse(one.as_bytes(), key_of_one.as_bytes()).unwrap();
        let renewed = Renewed { files: files.clone(), last: Mutex::new(first) };
        let shown = || renewed.now().certified().cert.clone();
        let of = |pem: &str| CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>().unwrap();
        assert_eq!(shown(), of(&one), "nothing is there");
        std::fs::write(&files[0], &two).unwrap();
        std::fs::write(&files[1], &key_of_one).unwrap();
        assert_eq!(shown(), of(&one), "half of it is there");
        std::fs::write(&files[1], &key_of_two).unwrap();
        assert_eq!(shown(), of(&two));
    }

    #[test]
    fn a_file_without_authorities_is_refused() {
        let broken = authority().replace("-----END CERTIFICATE-----", "");
        let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (text, expected) in [
            ("", TrustError::Empty),
            ("no certificate", TrustError::Empty),
            (junk, TrustError::Empty),
            (&broken, TrustError::Form),
        ] {
            assert_eq!(Authorities::parse(text.as_bytes()).unwrap_err(), expected, "{text}");
        }
    }
}

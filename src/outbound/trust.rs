//! Which certificate authorities are trusted: those of the Mozilla programme, which the binary carries because its
//! image is empty; those of `SSL_CERT_FILE`; and the machine's own, where there are any.

use std::error::Error;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{CertificateError, RootCertStore};

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

/// The authorities of the Mozilla programme.
pub(super) fn mozilla() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// What is wrong with a certificate, if that is why a connection failed, wherever a library has it in its error.
#[must_use]
pub fn refused_certificate<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e CertificateError> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(rustls::Error::InvalidCertificate(why)) = error.downcast_ref() {
            return Some(why);
        }
        // An `io::Error` passes over the error that it holds when it is asked for its source.
        let held = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = held.map(|held| held as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

/// What an operator can do about it, to stand behind a sentence.
#[must_use]
pub fn remedy(why: &CertificateError) -> &'static str {
    match why {
        CertificateError::UnknownIssuer => {
            "; if an authority of your own signed it, SSL_CERT_FILE has to name the file with that authority"
        }
        _ => "",
    }
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
    fn a_bundle_is_read_and_nothing_is_kept_twice() {
        let (one, two) = (authority(), authority());
        let bundle = |text: &str| Authorities::parse(text.as_bytes());
        assert_eq!(bundle(&format!("# ours\n{one}{two}")).unwrap().beside_mozilla().len(), 2);
        let twice = bundle(&one).unwrap().and(bundle(&format!("{one}{two}")).unwrap());
        assert_eq!(twice.beside_mozilla().len(), 2);
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

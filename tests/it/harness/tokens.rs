//! A token service for a registry that asks for tokens (CNCF Distribution, "Token Authentication Specification").

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, KeyPair};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

use super::registry::{PASSWORD, USER};
use super::serve::{Answer, Received, Server};

/// Who makes tokens, and for whom.
pub(crate) const ISSUER: &str = "tests";
pub(crate) const SERVICE: &str = "the registry of tests";

/// What signs tokens.
pub(crate) struct Signer {
    key: EcdsaKeyPair,
    certificate: Vec<u8>,
    file: PathBuf,
}

/// A service that gives tokens to read to [`USER`], and to nobody else.
pub(crate) struct TokenService {
    server: Server,
    signer: Arc<Signer>,
}

impl Signer {
    pub(crate) fn new(folder: &Path) -> Self {
        let key = KeyPair::generate().expect("a key");
        let certificate =
            CertificateParams::new(Vec::new()).expect("no names").self_signed(&key).expect("a certificate");
        let file = folder.join("tokens.pem");
        std::fs::write(&file, certificate.pem()).expect("a file");
        let random = ring::rand::SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key.serialize_der(), &random);
        Self { key: pair.expect("a key of P-256"), certificate: certificate.der().to_vec(), file }
    }

    /// The certificate that the registry knows it by.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// A token for one scope.
    pub(crate) fn token(&self, repository: &str, actions: &[&str]) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
        let header = json!({ "typ": "JWT", "alg": "ES256", "x5c": [STANDARD.encode(&self.certificate)] });
        let claims = json!({
            "iss": ISSUER, "sub": USER, "aud": SERVICE, "jti": now.to_string(),
            "iat": now - 10, "nbf": now - 10, "exp": now + 300,
            "access": [{ "type": "repository", "name": repository, "actions": actions }],
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&header), part(&claims));
        let random = ring::rand::SystemRandom::new();
        let signature = self.key.sign(&random, text.as_bytes()).expect("a signature");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    fn answer(&self, asked: &Received) -> Answer {
        let user = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
        let query = asked.path.split_once('?').map_or("", |(_, query)| query);
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let get = |name: &str| pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
        let repository = get("scope").strip_prefix("repository:").and_then(|rest| rest.strip_suffix(":pull"));
        match repository {
            Some(repository) if asked.header("authorization") == Some(&user) && get("service") == SERVICE => {
                Answer::status(200).body(json!({ "token": self.token(repository, &["pull"]) }).to_string())
            }
            _ => Answer::status(401),
        }
    }
}

impl TokenService {
    pub(crate) fn start(folder: &Path) -> Self {
        let signer = Arc::new(Signer::new(folder));
        let answers = Arc::clone(&signer);
        let server = Server::start(Arc::new(move |asked| Box::pin(std::future::ready(answers.answer(&asked)))));
        Self { server, signer }
    }

    /// Where tokens are asked for.
    pub(crate) fn realm(&self) -> String {
        self.server.url("/token")
    }

    /// `host:port` of it.
    pub(crate) fn host(&self) -> String {
        self.server.url("").trim_start_matches("http://").to_owned()
    }

    pub(crate) fn signer(&self) -> Arc<Signer> {
        Arc::clone(&self.signer)
    }
}

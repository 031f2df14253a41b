//! Keys and certificates of one run's control plane.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use serde_json::{Value, json};

/// A certificate and its key, in files.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

/// The certificate authority, and the folder that everything it makes lies in.
pub(crate) struct Pki {
    dir: PathBuf,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    /// Makes the authority, the API server's certificate and the key that signs tokens.
    pub(crate) fn make(dir: &Path) -> Self {
        std::fs::create_dir_all(dir).expect("a folder for certificates");
        let mut params = named("image-watcher test authority", None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let authority = CertifiedIssuer::self_signed(params, key()).expect("an authority");
        let pki = Self { dir: dir.into(), authority };
        pki.write("ca.crt", &pki.authority.pem());

        // The last two are for tests of proxies: a name that none resolves, and an address that is not the loopback's.
        pki.server("apiserver", &["127.0.0.1", "localhost", "kubernetes.default.svc", "0.0.0.0"]);
        let signer = key();
        pki.write("service-accounts.key", &signer.serialize_pem());
        pki.write("service-accounts.pub", &signer.public_key_pem());
        pki
    }

    /// A server's certificate for these names.
    pub(crate) fn server(&self, file: &str, names: &[&str]) -> Certificate {
        let names: Vec<String> = names.iter().copied().map(String::from).collect();
        let mut server = CertificateParams::new(names).expect("names");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(file, &server);
        Certificate { chain: self.path(&format!("{file}.crt")), key: self.path(&format!("{file}.key")) }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.dir.join(file)
    }

    /// A client's certificate.
    pub(crate) fn client_certificate(&self, name: &str) -> Certificate {
        let mut params = named(name, None);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(name, &params);
        Certificate { chain: self.path(&format!("{name}.crt")), key: self.path(&format!("{name}.key")) }
    }

    /// A kubeconfig with a client certificate; returns its path. `group` is an organisation, as Kubernetes
    /// reads it.
    pub(crate) fn client(&self, server: &str, user: &str, group: Option<&str>) -> PathBuf {
        let mut params = named(user, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let name = user.replace(':', "-");
        self.issue(&name, &params);
        let credentials = json!({
            "client-certificate": self.path(&format!("{name}.crt")),
            "client-key": self.path(&format!("{name}.key")),
        });
        self.kubeconfig(&name, server, "default", &credentials)
    }

    /// A kubeconfig with a bearer token; returns its path.
    pub(crate) fn bearer(&self, server: &str, name: &str, namespace: &str, token: &str) -> PathBuf {
        self.kubeconfig(name, server, namespace, &json!({ "token": token }))
    }

    /// JSON, which every reader of YAML reads.
    fn kubeconfig(&self, name: &str, server: &str, namespace: &str, user: &Value) -> PathBuf {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test", "namespace": namespace } }],
            "clusters": [{
                "name": "test",
                "cluster": { "server": server, "certificate-authority": self.path("ca.crt") },
            }],
            "users": [{ "name": "test", "user": user }],
        });
        self.write(&format!("{name}.kubeconfig"), &config.to_string())
    }

    fn issue(&self, name: &str, params: &CertificateParams) {
        let key = key();
        let certificate = params.signed_by(&key, &self.authority).expect("a certificate");
        self.write(&format!("{name}.crt"), &certificate.pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }

    fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.path(file);
        std::fs::write(&path, text).expect("a file in the folder of the run");
        path
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn named(name: &str, group: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    if let Some(group) = group {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params
}

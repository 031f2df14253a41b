//! What keeps the queue: the file in the data folder, or NATS.

use std::path::PathBuf;

use nkeys::KeyPair;
use url::Url;

use super::parse::Reader;
use crate::domain::secret::Renewable;
use crate::outbound::trust::{Identity, IdentityError};
use crate::outbound::{Outbound, OutboundError};
use crate::queue::nats::{Login, NatsSettings};

/// What keeps the queue.
#[derive(Debug)]
pub enum QueueConfig {
    /// One file in `IMAGE_WATCHER_DATA`.
    Sqlite,
    /// Buckets of JetStream.
    Nats(NatsConfig),
}

/// Where NATS is.
#[derive(Debug)]
pub struct NatsConfig {
    /// Its servers, any of which will do; nothing in them is secret.
    pub servers: Vec<Url>,
    /// Who this is there.
    pub login: Login,
    /// What is shown where TLS is spoken.
    pub certificate: Option<NatsCertificate>,
    /// `IMAGE_WATCHER_NATS_BUCKET`: what the names of the buckets begin with.
    pub buckets: String,
    /// `IMAGE_WATCHER_NATS_REPLICAS`: how many servers keep each entry.
    pub replicas: usize,
}

/// `IMAGE_WATCHER_NATS_CERTIFICATE` and `IMAGE_WATCHER_NATS_KEY`.
#[derive(Clone, Debug)]
pub struct NatsCertificate {
    /// As they were read first.
    pub identity: Identity,
    /// Their files, where they stand in some.
    pub files: Option<[PathBuf; 2]>,
}

impl QueueConfig {
    /// Whether several replicas may share it.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Nats(_))
    }

    /// Where NATS is, if the queue stands there; `outbound` says whom to trust.
    ///
    /// # Errors
    /// When TLS can't be set up.
    pub fn nats(
        &self,
        outbound: impl FnOnce() -> Result<Outbound, OutboundError>,
    ) -> Result<Option<NatsSettings>, OutboundError> {
        let Self::Nats(nats) = self else { return Ok(None) };
        let tls = outbound()?.tls();
        Ok(Some(NatsSettings {
            servers: nats.servers.clone(),
            login: nats.login.clone(),
            buckets: nats.buckets.clone(),
            replicas: nats.replicas,
            tls: match nats.certificate.clone() {
                Some(NatsCertificate { identity, files }) => identity.shown_by(tls, files),
                None => tls,
            },
        }))
    }
}

const QUEUE: &str = "IMAGE_WATCHER_QUEUE";
const USER: &str = "IMAGE_WATCHER_NATS_USER";
const PASSWORD: &str = "IMAGE_WATCHER_NATS_PASSWORD";
const CREDENTIALS: &str = "IMAGE_WATCHER_NATS_CREDENTIALS";
const NKEY: &str = "IMAGE_WATCHER_NATS_NKEY";
const CERTIFICATE: &str = "IMAGE_WATCHER_NATS_CERTIFICATE";
const KEY: &str = "IMAGE_WATCHER_NATS_KEY";
const LINK_KEY: &str = "IMAGE_WATCHER_LINK_KEY";
const BUCKET: &str = "IMAGE_WATCHER_NATS_BUCKET";
const REPLICAS: &str = "IMAGE_WATCHER_NATS_REPLICAS";
/// The most servers that are named; one of them says which others there are.
const MOST_SERVERS: usize = 16;
/// The most characters of what the names of buckets begin with.
const LONGEST_BUCKET: usize = 40;

impl Reader<'_> {
    /// What keeps the queue.
    pub(super) fn queue(&mut self) -> QueueConfig {
        let text = self.text(QUEUE).unwrap_or_else(|| "sqlite".into());
        if text == "sqlite" {
            for name in [USER, PASSWORD, CREDENTIALS, NKEY, CERTIFICATE, KEY, BUCKET, REPLICAS] {
                let by_file = format!("{name}_FILE");
                if self.text(name).is_some() || self.text(&by_file).is_some() {
                    self.problem(name, format!("is for {QUEUE}=nats://… alone"));
                }
            }
            return QueueConfig::Sqlite;
        }
        let servers: Result<Vec<Url>, &str> = self.list(QUEUE).iter().map(|server| address(server)).collect();
        let servers = servers.unwrap_or_else(|problem| {
            self.problem(QUEUE, problem);
            Vec::new()
        });
        if servers.len() > MOST_SERVERS {
            self.problem(QUEUE, format!("names more than {MOST_SERVERS} servers"));
        }
        let (login, certificate) = (self.nats_login(), self.nats_certificate());
        if !self.is_set(LINK_KEY) {
            // One that each replica makes for itself verifies nothing that another signed, and without a volume none is kept.
            self.problem(LINK_KEY, format!("is missing; {QUEUE}=nats://… needs it, the same for every replica"));
        }
        let buckets = self.text(BUCKET).unwrap_or_else(|| "image-watcher".into());
        let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        if buckets.len() > LONGEST_BUCKET || !buckets.chars().all(fits) {
            self.problem(
                BUCKET,
                format!("can't be used; up to {LONGEST_BUCKET} letters, digits, - and _ are expected"),
            );
        }
        // Whoever names three servers has a cluster; of one name nobody knows how many stand behind it.
        let usual = if servers.len() >= 3 { 3 } else { 1 };
        let mut replicas = self.parse(REPLICAS, "a number from 1 to 5").unwrap_or(usual);
        if !(1..=5).contains(&replicas) {
            self.problem(REPLICAS, "can't be read; a number from 1 to 5 is expected");
            replicas = usual;
        }
        QueueConfig::Nats(NatsConfig { servers, login, certificate, buckets, replicas })
    }

    /// A secret, and the file that it stands in.
    fn renewable(&mut self, name: &str) -> Option<Renewable> {
        let first = self.secret(name)?;
        Some(Renewable { file: self.file_of(name), first })
    }

    /// The same of a secret of many lines.
    fn renewable_text(&mut self, name: &str) -> Option<Renewable> {
        let first = self.secret_text(name)?;
        Some(Renewable { file: self.file_of(name), first })
    }

    fn file_of(&self, name: &str) -> Option<PathBuf> {
        self.text(&format!("{name}_FILE")).map(PathBuf::from)
    }

    /// Whether a variable is set, or the one of its file.
    fn is_set(&self, name: &str) -> bool {
        self.text(name).is_some() || self.text(&format!("{name}_FILE")).is_some()
    }

    /// One of three ways to say who this is.
    fn nats_login(&mut self) -> Login {
        let ways = [(USER, PASSWORD), (NKEY, NKEY), (CREDENTIALS, CREDENTIALS)];
        let ways = ways.into_iter().filter(|(one, other)| self.is_set(one) || self.is_set(other));
        let named: Vec<&str> = ways.map(|(one, other)| if self.is_set(one) { one } else { other }).collect();
        if let [first, others @ ..] = &named[..]
            && !others.is_empty()
        {
            self.problem(
                first,
                format!("is one way to say who this is, and {} another; keep one", others.join(" and ")),
            );
            return Login::Nobody;
        }
        if let Some(nkey) = self.renewable_text(NKEY) {
            let wrong = match KeyPair::from_seed(nkey.first.expose()) {
                Ok(pair) if pair.kind() == nkeys::Kind::User => None,
                Ok(_) => Some("is the seed of another kind: a user's is expected, which begins with SU".to_owned()),
                Err(error) => Some(error.to_string()),
            };
            if let Some(wrong) = wrong {
                self.problem(NKEY, wrong);
            }
            return Login::Nkey(nkey);
        }
        if let Some(credentials) = self.renewable_text(CREDENTIALS) {
            let read = nkeys::credentials(credentials.first.expose()).and_then(|(_, seed)| KeyPair::from_seed(seed));
            if let Err(error) = read {
                self.problem(CREDENTIALS, error.to_string());
            }
            return Login::Credentials(credentials);
        }
        self.nats_user().map_or(Login::Nobody, |(name, password)| Login::User { name, password })
    }

    fn nats_user(&mut self) -> Option<(String, Renewable)> {
        match (self.text(USER), self.renewable(PASSWORD)) {
            (Some(user), Some(password)) => Some((user, password)),
            (None, None) => None,
            (Some(_), None) => {
                self.problem(PASSWORD, format!("is missing; {USER} needs it"));
                None
            }
            (None, Some(_)) => {
                self.problem(USER, format!("is missing; {PASSWORD} needs it"));
                None
            }
        }
    }

    fn nats_certificate(&mut self) -> Option<NatsCertificate> {
        let (certificate, key) = match (self.renewable_text(CERTIFICATE), self.renewable_text(KEY)) {
            (Some(certificate), Some(key)) => (certificate, key),
            (None, None) => return None,
            (Some(_), None) => {
                self.problem(KEY, format!("is missing; {CERTIFICATE} needs it"));
                return None;
            }
            (None, Some(_)) => {
                self.problem(CERTIFICATE, format!("is missing; {KEY} needs it"));
                return None;
            }
        };
        let read = Identity::parse(certificate.first.expose().as_bytes(), key.first.expose().as_bytes());
        let identity = match read {
            Ok(identity) => identity,
            Err(error) => {
                let of = if error == IdentityError::Certificate { CERTIFICATE } else { KEY };
                self.problem(of, error.to_string());
                return None;
            }
        };
        let files = certificate.file.zip(key.file).map(|(certificate, key)| [certificate, key]);
        Some(NatsCertificate { identity, files })
    }
}

/// The address of a server. What is wrong is told without it, as a password may stand in it.
fn address(text: &str) -> Result<Url, &'static str> {
    const FORM: &str =
        "is neither sqlite nor nats://host:port or tls://host:port, or several of these, comma-separated";
    let url: Url = text.parse().map_err(|_| FORM)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has a user in it: that belongs in IMAGE_WATCHER_NATS_USER, and IMAGE_WATCHER_NATS_PASSWORD_FILE");
    }
    let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    let is_of_nats = matches!(url.scheme(), "nats" | "tls") && url.host_str().is_some_and(|host| !host.is_empty());
    if is_bare && is_of_nats { Ok(url) } else { Err(FORM) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_server_and_nothing_else() {
        for fits in ["nats://nats:4222", "tls://nats.example.com", "nats://[::1]:4222", "nats://10.0.0.1:4222/"] {
            assert!(address(fits).is_ok(), "{fits}");
        }
        for other in
            ["nats", "nats:4222", "nats://", "https://nats:4222", "ws://nats", "nats://nats/a", "nats://nats?a=b"]
        {
            assert!(address(other).is_err(), "{other}");
        }
        for secret in ["nats://iw:hunter2@nats:4222", "nats://hunter2@nats:4222"] {
            let told = address(secret).unwrap_err();
            assert!(told.contains("IMAGE_WATCHER_NATS_USER") && !told.contains("hunter2"), "{told}");
        }
    }
}

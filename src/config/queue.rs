//! What keeps the queue: the file in the data folder, or NATS.

use std::path::PathBuf;

use url::Url;

use super::parse::Reader;
use crate::domain::secret::Secret;

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
    /// `IMAGE_WATCHER_NATS_USER`, and `IMAGE_WATCHER_NATS_PASSWORD`.
    pub user: Option<(String, Secret)>,
    /// `IMAGE_WATCHER_NATS_PASSWORD_FILE`, where the password stands in one.
    pub password_file: Option<PathBuf>,
    /// `IMAGE_WATCHER_NATS_BUCKET`: what the names of the buckets begin with.
    pub buckets: String,
    /// `IMAGE_WATCHER_NATS_REPLICAS`: how many servers keep each entry.
    pub replicas: usize,
}

const QUEUE: &str = "IMAGE_WATCHER_QUEUE";
const USER: &str = "IMAGE_WATCHER_NATS_USER";
const PASSWORD: &str = "IMAGE_WATCHER_NATS_PASSWORD";
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
            for name in [USER, PASSWORD, BUCKET, REPLICAS] {
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
        let user = self.nats_user();
        let password_file = self.text(&format!("{PASSWORD}_FILE")).map(PathBuf::from);
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
        QueueConfig::Nats(NatsConfig { servers, user, password_file, buckets, replicas })
    }

    fn nats_user(&mut self) -> Option<(String, Secret)> {
        match (self.text(USER), self.secret(PASSWORD)) {
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

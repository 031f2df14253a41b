//! Credentials from a workload's pull secrets: those its pod template names, or those of its ServiceAccount where it names
//! none. Of its own namespace, and only for what a secret is for. Read when needed, held for minutes, never watched; read
//! again when a registry refuses what they held.
//!
//! That there is no user is known for certain, or it is not known: whoever asked a registry without a credential because
//! the API server was busy would blame the workload for the refusal.

mod outcome;
mod reader;
mod report;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};

use super::ClusterError;
use super::keyring;
use crate::ambient::Ambient;
use crate::domain::reference::{ImageReference, Repository};
use crate::domain::workload::Workload;
use crate::registry::{Anonymous, Credential, NamedAccount, Renewal, User};
use crate::telemetry::metrics::Metrics;
use outcome::{NoUsers, Outcome, Read};
use reader::Reader;

/// Reads pull secrets, and remembers them for minutes.
#[derive(Clone)]
pub(super) struct PullSecrets {
    reader: Arc<Reader>,
    ambient: Ambient,
}

/// Whose credential, and what for: enough to read it again.
struct Asker {
    secrets: PullSecrets,
    namespace: Box<str>,
    named: Box<[Box<str>]>,
    account: Option<Box<str>>,
    /// The image's name, as a node has it.
    image: String,
}

impl PullSecrets {
    pub(super) fn new(client: kube::Client, ambient: Ambient, metrics: Metrics) -> Self {
        Self { reader: Arc::new(Reader::new(client, ambient.clone(), metrics)), ambient }
    }

    /// The users that a node would try for the repository with the workload's secrets, in its order; nobody when there are
    /// none.
    pub(super) async fn credential(
        &self,
        workload: &Workload,
        repository: &Repository,
    ) -> Result<Credential, ClusterError> {
        let runs = workload.containers.iter().map(|container| &*container.image);
        let mut names = runs.filter(|image| is_of(image, repository)).map(keyring::name_of);
        let asker = Asker {
            secrets: self.clone(),
            namespace: workload.id.namespace.clone(),
            named: workload.pull_secrets.clone(),
            account: workload.service_account.clone(),
            image: names.next().unwrap_or_else(|| repository.to_string()),
        };
        Arc::new(asker).credential(None).await
    }

    /// The names of the pull secrets that a workload's pods get; `None` where that may not be looked at, or is not known.
    pub(super) async fn names(&self, workload: &Workload) -> Option<Arc<[Box<str>]>> {
        match &workload.service_account {
            Some(account) => self.reader.account(&workload.id.namespace, account, None).await.ok().flatten(),
            None => Some(workload.pull_secrets.iter().cloned().collect()),
        }
    }
}

impl Asker {
    /// What its secrets come to, read later than `after` where that is set.
    async fn credential(self: Arc<Self>, after: Option<Duration>) -> Result<Credential, ClusterError> {
        let named = match &self.account {
            Some(account) => match self.secrets.reader.account(&self.namespace, account, after).await {
                Ok(Some(named)) => named,
                Ok(None) => {
                    let account = NamedAccount { namespace: self.namespace.clone(), name: account.clone() };
                    let why = Anonymous::AccountNotAllowed(account);
                    let read = self.secrets.ambient.monotonic();
                    return Ok(Credential::anonymous(why).renewed_by(self, read));
                }
                Err(source) => {
                    let (namespace, name) = (self.namespace.to_string(), account.to_string());
                    return Err(ClusterError::AccountUnknown { namespace, name, source });
                }
            },
            None => self.named.iter().cloned().collect(),
        };
        let reads = named.iter().map(|name| self.secrets.reader.secret(&self.namespace, name, after));
        let outcomes = join_all(reads).await;
        let credential = self.combined(&named, outcomes)?;
        let read = self.secrets.ambient.monotonic();
        Ok(credential.renewed_by(self, read))
    }

    /// The choice among secrets that were read. One that could not be read leaves everything open; else one that is broken
    /// spoils all.
    fn combined(&self, named: &[Box<str>], outcomes: Vec<Outcome>) -> Result<Credential, ClusterError> {
        let (mut reads, mut broken, mut nobody) = (Vec::new(), None, None);
        for (name, outcome) in named.iter().zip(outcomes) {
            match outcome {
                Ok(read) => reads.push(read),
                Err(NoUsers::Nobody(why)) => {
                    nobody.get_or_insert(why);
                }
                Err(NoUsers::Broken(secret)) => {
                    broken.get_or_insert(secret);
                }
                Err(NoUsers::Unknown(source)) => {
                    let (namespace, name) = (self.namespace.to_string(), name.to_string());
                    return Err(ClusterError::SecretUnknown { namespace, name, source });
                }
            }
        }
        if let Some(broken) = broken {
            return Ok(Credential::broken(broken));
        }
        let chosen = keyring::choose(reads.iter().map(|read| &read.entries), &self.image);
        let users: Vec<User> =
            chosen.iter().filter_map(|choice| Some(user(reads.get(choice.secret)?, choice))).collect();
        if users.is_empty() {
            let none = if named.is_empty() { Anonymous::NoneNamed } else { Anonymous::OtherHosts };
            return Ok(Credential::anonymous(nobody.unwrap_or(none)));
        }
        Ok(Credential::users(users))
    }
}

impl Renewal for Asker {
    fn renew(self: Arc<Self>, since: Duration) -> BoxFuture<'static, Option<Credential>> {
        async move { self.credential(Some(since)).await.ok() }.boxed()
    }
}

fn user(read: &Read, choice: &keyring::Choice<'_>) -> User {
    User {
        scope: format!("{}#{}", read.scope, choice.number),
        name: choice.entry.name().to_owned(),
        password: choice.entry.password().clone(),
        secret: Some(read.named.clone()),
    }
}

fn is_of(image: &str, repository: &Repository) -> bool {
    ImageReference::parse(image).is_ok_and(|image| image.repository() == repository)
}

#[cfg(test)]
mod tests;

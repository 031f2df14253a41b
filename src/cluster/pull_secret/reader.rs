//! Secrets and service accounts as the API server has them.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Secret as KubeSecret, ServiceAccount};
use tokio::sync::Semaphore;

use super::super::apply::{Failed, within};
use super::super::cache::Cache;
use super::super::fields::Named;
use super::super::keyring::{Entries, Format};
use super::super::observed::pull_secrets;
use super::super::rights::{self, Object, Right};
use super::super::verb::Verb;
use super::outcome::{Names, NoUsers, Outcome, Read, Unsaid};
use super::report::Reports;
use crate::ambient::Ambient;
use crate::registry::{Anonymous, BrokenSecret, NamedSecret};
use crate::telemetry::metrics::Metrics;

/// How long a secret counts as read.
const READ: Duration = Duration::from_secs(300);
/// How long it counts that a secret is not there, or may not be read.
const REFUSED: Duration = Duration::from_secs(60);
/// How long nothing is asked of an API server that gave no answer.
const UNANSWERED: Duration = Duration::from_secs(3);
/// The largest secret that the API server takes.
const MOST_BYTES: usize = 1024 * 1024;
/// What is read at once, whatever its size.
const SIDE_BY_SIDE: usize = 4;

/// Reads them, a few at once, and remembers what it read for minutes.
pub(super) struct Reader {
    client: kube::Client,
    ambient: Ambient,
    metrics: Metrics,
    secrets: Cache<Outcome>,
    accounts: Cache<Names>,
    reports: Reports,
}

impl Reader {
    pub(super) fn new(client: kube::Client, ambient: Ambient, metrics: Metrics) -> Self {
        let turns = Arc::new(Semaphore::new(SIDE_BY_SIDE));
        let secrets = Cache::new(Arc::clone(&turns), ambient.clone());
        let accounts = Cache::new(turns, ambient.clone());
        Self { client, ambient, metrics, secrets, accounts, reports: Reports::default() }
    }

    /// A secret, read later than `after` where that is set.
    pub(super) async fn secret(&self, namespace: &str, name: &str, after: Option<Duration>) -> Outcome {
        self.secrets.get((namespace.into(), name.into()), after, self.fetch_secret(namespace, name)).await
    }

    /// The pull secrets of a ServiceAccount, read later than `after` where that is set.
    pub(super) async fn account(&self, namespace: &str, name: &str, after: Option<Duration>) -> Names {
        self.accounts.get((namespace.into(), name.into()), after, self.fetch_account(namespace, name)).await
    }

    /// What a secret holds, and how long that counts.
    async fn fetch_secret(&self, namespace: &str, name: &str) -> (Outcome, Duration) {
        let api: kube::Api<KubeSecret> = kube::Api::namespaced(self.client.clone(), namespace);
        let named = || NamedSecret { namespace: namespace.into(), name: name.into() };
        let (without, counts) = match within(&self.metrics, "secret", api.get_opt(name)).await {
            Ok(Some(secret)) => match read(named(), &secret) {
                Ok(read) => return (Ok(Arc::new(read)), READ),
                Err(without) => (without, READ),
            },
            Ok(None) => (NoUsers::Nobody(Anonymous::NotThere(named())), REFUSED),
            Err(Failed::Status(status)) if status.code == 403 => {
                (NoUsers::Nobody(Anonymous::NotAllowed(named())), REFUSED)
            }
            Err(failed) => return (Err(NoUsers::Unknown(unsaid(failed))), UNANSWERED),
        };
        self.reports.secret(namespace, &without, self.ambient.monotonic());
        (Err(without), counts)
    }

    /// Whether it may be looked at is asked first: the right is a choice, and who chose otherwise is to see no refusals.
    async fn fetch_account(&self, namespace: &str, name: &str) -> (Names, Duration) {
        let right = Right { namespace: Some(namespace.into()), object: Object::ServiceAccounts, verb: Verb::Get };
        if rights::may(&self.client, &right, &self.metrics).await == Some(false) {
            self.reports.accounts(namespace);
            return (Ok(None), READ);
        }
        let api: kube::Api<ServiceAccount> = kube::Api::namespaced(self.client.clone(), namespace);
        match within(&self.metrics, "serviceaccount", api.get_opt(name)).await {
            Ok(Some(account)) => {
                let named = account.image_pull_secrets.unwrap_or_default();
                let named: Vec<Named> = named.into_iter().map(|it| Named { name: it.name.into() }).collect();
                (Ok(Some(pull_secrets(&named).into())), READ)
            }
            Ok(None) => (Ok(Some(Arc::default())), REFUSED),
            Err(Failed::Status(status)) if status.code == 403 => {
                self.reports.accounts(namespace);
                (Ok(None), READ)
            }
            Err(failed) => (Err(unsaid(failed)), UNANSWERED),
        }
    }
}

fn unsaid(failed: Failed) -> Unsaid {
    match failed {
        Failed::Status(status) => {
            let answer = format!("the API server answers {}: {}", status.code, status.message);
            Box::<dyn std::error::Error + Send + Sync>::from(answer).into()
        }
        Failed::NoAnswer(error) => error.into(),
    }
}

/// Reads a secret that is there. One of another type, or with its data elsewhere, is none.
pub(super) fn read(named: NamedSecret, secret: &KubeSecret) -> Result<Read, NoUsers> {
    let data = || {
        let format = Format::of(secret.type_.as_deref()?)?;
        let value = &secret.data.as_ref()?.get(format.key())?.0;
        (!value.is_empty()).then_some((format, value))
    };
    let Some((format, value)) = data() else { return Err(NoUsers::Nobody(Anonymous::NoUser(named))) };
    if value.len() > MOST_BYTES {
        let why = format!("it has more than {} MiB, which no API server takes", MOST_BYTES >> 20);
        return Err(NoUsers::Broken(BrokenSecret { secret: named, why }));
    }
    let entries = match Entries::read(format, value) {
        Ok(entries) if entries.is_empty() => return Err(NoUsers::Nobody(Anonymous::NoUser(named))),
        Ok(entries) => entries,
        Err(broken) => return Err(NoUsers::Broken(BrokenSecret { secret: named, why: broken.to_string() })),
    };
    let uid = secret.metadata.uid.as_deref().unwrap_or_default();
    let version = secret.metadata.resource_version.as_deref().unwrap_or_default();
    let scope = format!("{}/{}/{uid}/{version}", named.namespace, named.name);
    Ok(Read { scope, named, entries })
}

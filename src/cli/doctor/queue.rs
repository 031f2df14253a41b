//! What keeps the queue, where that is NATS: whether it can be used, and what a job survives that is stored there.

use chrono::{DateTime, TimeDelta, Utc};

use super::own::Asker;
use super::{Check, Result};
use crate::ambient::Ambient;
use crate::cluster::lease::{lease_of, own_lease};
use crate::cluster::{Granted, KubeCluster, OF_THE_LEASE, Object, Right, words};
use crate::config::Config;
use crate::config::queue::{NatsConfig, QueueConfig};
use crate::queue::nats::{Examined, ExaminedBucket, NatsError, examine, identity_of};
use crate::telemetry::chain;

/// Messages of several workloads have some ten thousand bytes.
const ENOUGH_OF_ONE: usize = 128 * 1024;
/// From this part of its bound on a bucket takes no new job, in hundredths.
const FULL: u64 = 80;
/// Credentials that end so soon are told of.
const SOON: TimeDelta = TimeDelta::days(7);
const MEBIBYTE: u64 = 1024 * 1024;

/// Connects to NATS, where the queue stands there, and changes nothing.
pub(super) async fn checks(config: &Config) -> Vec<Check> {
    let QueueConfig::Nats(nats) = &config.queue else { return Vec::new() };
    let ambient = Ambient::system();
    let (examined, ends) = match config.queue.nats(|| config.outbound()) {
        Ok(Some(settings)) => (examine(&settings, &ambient).await, settings.login.ends()),
        Ok(None) => return Vec::new(),
        Err(error) => {
            let hint = "see the ways out below";
            return vec![Check::but("NATS can't be asked", Result::Fail, chain(&error).to_string(), hint)];
        }
    };
    let mut checks = examined.map_or_else(|error| vec![unreached(nats, &error)], |examined| found(nats, examined));
    checks.extend(ends.and_then(|ends| of_credentials(ends, ambient.now())));
    checks.push(promise(nats));
    checks
}

/// Where an operator looks when the queue can't be used: behind «look at».
pub(super) fn where_it_is(queue: &QueueConfig) -> &'static str {
    match queue {
        QueueConfig::Sqlite => "the space of the data folder, and at its disk",
        QueueConfig::Nats(_) => "the servers that IMAGE_WATCHER_QUEUE names, and at the space that JetStream has there",
    }
}

/// Credentials that end soon. Where they have ended, that is why nothing is reached.
fn of_credentials((credentials, at): (String, DateTime<Utc>), now: DateTime<Utc>) -> Option<Check> {
    let told = format!("they end at {at}");
    let hint = "put new ones there in time; they are read whenever a connection is made, without a restart";
    (now < at && at - now < SOON).then(|| Check::but(credentials, Result::Warn, told, hint))
}

/// What of the rights to the Lease is not granted.
pub(super) struct MissingOfLease {
    namespace: String,
    /// The one of the usual name, and behind it the one that is needed, where the first is that of another queue.
    leases: Vec<String>,
    rights: Vec<Right>,
}

/// What is missing of the rights to the Lease, by which replicas agree who does what one does alone; nothing where none is needed.
pub(super) async fn missing_of_lease(config: &Config, kube: &KubeCluster, namespace: &str) -> Option<MissingOfLease> {
    let QueueConfig::Nats(nats) = &config.queue else { return None };
    let usual = lease_of(&nats.buckets);
    let own = match kube.lease_is_of(namespace, &usual).await {
        Some(whose) => needed_beside(&usual, &whose, own_identity(config).await.as_deref()),
        None => None,
    };
    let leases: Vec<String> = [Some(usual), own].into_iter().flatten().collect();
    let needed = leases.last().map(String::as_str).unwrap_or_default();
    let mut missing = Vec::new();
    for verb in OF_THE_LEASE {
        let right = Right { namespace: Some(namespace.into()), object: Object::Lease(needed.into()), verb };
        let granted: Granted = kube.may(&right).await;
        if granted == Some(false) {
            missing.push(right);
        }
    }
    Some(MissingOfLease { namespace: namespace.to_owned(), leases, rights: missing })
}

/// What tells the queue from others of the same names.
async fn own_identity(config: &Config) -> Option<String> {
    let settings = config.queue.nats(|| config.outbound()).ok()??;
    identity_of(&settings, &Ambient::system()).await
}

/// The Lease that is needed where the one of the usual name says to be of another queue.
fn needed_beside(usual: &str, whose: &str, own: Option<&str>) -> Option<String> {
    own.filter(|own| *own != whose).map(|own| own_lease(usual, own))
}

/// What is to be said of the Lease.
pub(super) fn of_lease(missing: &MissingOfLease, asker: &Asker) -> Check {
    let MissingOfLease { namespace, leases, rights: missing } = missing;
    let what = match leases.as_slice() {
        [usual, own] => {
            format!("the Lease {own} in namespace {namespace}, as {usual} is that of a queue on another NATS")
        }
        _ => format!("the Lease {} in namespace {namespace}", leases.concat()),
    };
    if missing.is_empty() {
        return Check::ok(format!("{what}: may be made, read and written"));
    }
    let told = format!(
        "may not {}, so no replica follows the schedule or does what else one does alone, and messages go out late",
        words(missing)
    );
    Check::but(what, Result::Fail, told, asker.of_lease(namespace, leases))
}

fn servers(nats: &NatsConfig) -> String {
    nats.servers.iter().map(url::Url::as_str).collect::<Vec<_>>().join(", ")
}

fn unreached(nats: &NatsConfig, error: &NatsError) -> Check {
    let hint =
        "look at its address, at who this is there, and at network policies; the service waits until it is there";
    Check::but(format!("NATS at {}", servers(nats)), Result::Fail, chain(error).to_string(), hint)
}

fn found(nats: &NatsConfig, examined: Examined) -> Vec<Check> {
    let Examined { version, is_new_enough, max_payload, alive: (subject, is_heard), buckets } = examined;
    let what = format!("NATS {version} at {}", servers(nats));
    let mut checks = vec![if is_new_enough {
        Check::ok(format!("{what} takes the connection"))
    } else {
        Check::but(what, Result::Fail, "it is too old", "2.12 or newer is needed, in all servers")
    }];
    if max_payload < ENOUGH_OF_ONE {
        let told = format!("it takes messages of up to {max_payload} bytes, and what is larger is refused");
        checks.push(Check::but("max_payload of NATS", Result::Warn, told, "leave it at the usual 1 MiB"));
    }
    if !is_heard {
        let told = "what is published there is not heard: replicas take one another for dead, and «queue move» does not see who runs";
        let hint = format!("grant this user to publish and to subscribe {subject}, as in the table of docs/nats.md");
        checks.push(Check::but(format!("the subject {subject}"), Result::Fail, told, hint));
    }
    match buckets {
        Ok(buckets) => checks.extend(buckets.into_iter().map(|bucket| of_bucket(nats, bucket))),
        Err(error) => {
            let hint = "turn it on in the servers, and for the account of this user";
            checks.push(Check::but("JetStream", Result::Fail, chain(&error).to_string(), hint));
        }
    }
    checks
}

fn number(servers: usize) -> String {
    if servers == 1 { "1 server".to_owned() } else { format!("{servers} servers") }
}

fn of_bucket(nats: &NatsConfig, bucket: ExaminedBucket) -> Check {
    let (name, replicas, storage, bytes, bound, differences) = match bucket {
        ExaminedBucket::Missing { name } => {
            return Check::set(format!(
                "the bucket {name} is made at the start, to be kept by {}",
                number(nats.replicas)
            ));
        }
        ExaminedBucket::There { name, replicas, storage, bytes, bound, differences } => {
            (name, replicas, storage, bytes, bound, differences)
        }
    };
    let of = bound.map_or_else(|| "without a bound".to_owned(), |bound| format!("of {} MiB", bound / MEBIBYTE));
    let what = format!(
        "the bucket {name} is kept by {} ({} wanted), storage {storage}, and holds {} MiB {of}",
        number(replicas),
        nats.replicas,
        bytes / MEBIBYTE
    );
    if !differences.is_empty() {
        let hint = "change it by «nats stream edit», or name others in IMAGE_WATCHER_NATS_BUCKET";
        return Check::but(what, Result::Fail, differences, hint);
    }
    if bound.is_some_and(|bound| bytes >= bound / 100 * FULL) {
        let (told, hint) = if name.ends_with("-jobs") {
            let told = "it is nearly full: no new job is taken, and webhooks are answered 503";
            (told, "look at what is not done, or raise its max_bytes")
        } else {
            ("it is nearly full: it takes nothing but records, and nobody new can sign in", "raise its max_bytes")
        };
        return Check::but(what, Result::Warn, told, hint);
    }
    Check::ok(what)
}

/// What a job survives that was acknowledged.
fn promise(nats: &NatsConfig) -> Check {
    let what = format!("the queue is on NATS at {}, in the buckets {}-…", servers(nats), nats.buckets);
    match nats.replicas {
        ..3 => {
            let told = "fewer than 3 servers keep it: a 202 means that one has it, and its loss may lose it";
            Check::but(what, Result::Warn, told, "see docs/nats.md for what survives what")
        }
        replicas => Check::set(format!(
            "{what}: a 202 means that most of {replicas} servers have it, so the loss of one loses nothing; what they have not \
             synced is lost if all lose power at once, without sync_interval: always"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::nats::Login;

    fn nats(replicas: usize) -> NatsConfig {
        let servers = vec!["nats://nats:4222".parse().unwrap()];
        NatsConfig { servers, login: Login::Nobody, certificate: None, buckets: "prod".into(), replicas }
    }

    fn there(bytes: u64, differences: &str) -> ExaminedBucket {
        ExaminedBucket::There {
            name: "prod-jobs".into(),
            replicas: 1,
            storage: "File".into(),
            bytes,
            bound: Some(512 * MEBIBYTE),
            differences: differences.into(),
        }
    }

    fn lines(checks: &[Check]) -> String {
        let line = |check: &Check| format!("{:?} {} | {:?}\n", check.result, check.description, check.error);
        checks.iter().map(line).collect()
    }

    #[test]
    fn a_lease_that_is_anothers_is_not_what_is_needed() {
        assert_eq!(needed_beside("iw", "0a1b2c3d", Some("0a1b2c3d")), None);
        assert_eq!(needed_beside("iw", "0a1b2c3d", None), None, "which queue this is can't be told");
        assert_eq!(needed_beside("iw", "0a1b2c3d", Some("99999999")).as_deref(), Some("iw-99999999"));
        let object = Object::Lease("image-watcher-99999999".into());
        let right = Right { namespace: Some("iw".into()), object, verb: OF_THE_LEASE[1] };
        let leases = vec!["image-watcher".to_owned(), "image-watcher-99999999".to_owned()];
        let missing = MissingOfLease { namespace: "iw".into(), leases, rights: vec![right] };
        let check = of_lease(&missing, &Asker::of(Some("system:serviceaccount:iw:watcher".into())));
        let hint = check.hint.clone().unwrap_or_default();
        assert!(check.description.starts_with("the Lease image-watcher-99999999 in namespace iw"), "{check:?}");
        assert!(hint.contains("rbac.leases") && hint.contains("[image-watcher, image-watcher-99999999]"), "{hint}");
    }

    #[test]
    fn what_nats_is_and_has_is_said_with_what_a_202_means() {
        let missing = ExaminedBucket::Missing { name: "prod-state".into() };
        let examined = |buckets| Examined {
            version: "2.15.2".into(),
            is_new_enough: true,
            max_payload: 1 << 20,
            alive: ("prod.alive".into(), true),
            buckets,
        };
        let mut checks = found(&nats(1), examined(Ok(vec![there(3 * MEBIBYTE, ""), missing])));
        checks.push(promise(&nats(1)));
        checks.push(promise(&nats(3)));
        let others = [there(3, "history is 5 and has to be 1"), there(420 * MEBIBYTE, "")];
        let old = Examined {
            version: "2.10.1".into(),
            is_new_enough: false,
            max_payload: 65_536,
            alive: ("prod.alive".into(), false),
            ..examined(Ok(others.to_vec()))
        };
        checks.extend(found(&nats(3), old));
        checks.extend(found(&nats(3), examined(Err(NatsError::Away))));
        checks.push(unreached(&nats(3), &NatsError::Away));
        let expired = NatsError::Expired {
            servers: "nats://nats:4222/".into(),
            credentials: "the credentials in /secrets/nats.creds".into(),
            at: DateTime::UNIX_EPOCH,
            source: "authorization violation".into(),
        };
        checks.push(unreached(&nats(3), &expired));
        let ends =
            |days: i64| ("the credentials in /secrets/nats.creds".into(), DateTime::UNIX_EPOCH + TimeDelta::days(days));
        checks.extend([-1, 3, 9].into_iter().filter_map(|days| of_credentials(ends(days), DateTime::UNIX_EPOCH)));
        insta::assert_snapshot!(lines(&checks));
    }
}

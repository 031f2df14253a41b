//! What the running service says of itself on its private listener.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::own::Pod;
use super::queue::where_it_is;
use super::{Check, Result};
use crate::api::Condition;
use crate::config::Config;
use crate::outbound::{Client, Outbound, Reach};
use crate::queue::{Trouble, Troubles};
use crate::registry::UNTRUSTED;
use crate::telemetry::chain;

/// Each question.
const DEADLINE: Duration = Duration::from_secs(5);
/// The longest answer.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// How many repositories and workloads are named that processes died with.
const MOST_NAMED: usize = 10;

/// What the service said.
#[derive(Debug, Default)]
pub(super) struct Service {
    pub(super) condition: Condition,
    pub(super) sources: Vec<Source>,
    /// Registries that gave an answer which could be used, since the service was started.
    pub(super) answered: BTreeSet<String>,
    /// Questions that it asked anew since then, as the key of their links was gone.
    pub(super) asked_anew: u64,
    /// How the last question to a registry ended, where that ends by nothing but somebody's doing.
    pub(super) faults: BTreeMap<String, Fault>,
    /// Why channels are closed, in words of metrics.
    pub(super) closed: BTreeMap<String, String>,
}

/// What no waiting mends of a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It refuses the credential, or wants one.
    Refused,
    /// Its certificate is not trusted.
    Untrusted,
}

impl Fault {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "unauthorized" => Some(Self::Refused),
            UNTRUSTED => Some(Self::Untrusted),
            _ => None,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Registries {
    items: Vec<RegistrySaid>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RegistrySaid {
    host: String,
    last_outcome: Option<String>,
}

impl Registries {
    fn faults(self) -> BTreeMap<String, Fault> {
        let fault = |it: RegistrySaid| Some((it.host, Fault::parse(it.last_outcome.as_deref()?)?));
        self.items.into_iter().filter_map(fault).collect()
    }
}

/// One source of webhooks.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) last_accepted: Option<DateTime<Utc>>,
    pub(super) last_refused: Option<DateTime<Utc>>,
    pub(super) last_refused_as: Option<Refusal>,
    pub(super) last_refusal: Option<String>,
    pub(super) missed: u64,
    #[serde(default)]
    pub(super) missed_in_a_row: u64,
}

/// Why deliveries are refused, as far as the remedy differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Refusal {
    BadSignature,
    BadPayload,
    Limited,
    Overloaded,
    #[serde(other)]
    Unknown,
}

#[derive(Deserialize)]
struct Sources {
    items: Vec<Source>,
}

impl Service {
    /// What does not get done; nothing is known of it when the queue gave no answer.
    pub(super) fn troubles(&self) -> Option<&Troubles> {
        self.condition.queue.as_ref()
    }

    pub(super) fn failing(&self) -> &[Trouble] {
        self.troubles().map(|troubles| troubles.failing.as_slice()).unwrap_or_default()
    }
}

/// Asks the service, where it listens for this machine.
pub(super) async fn ask(config: &Config) -> std::result::Result<Service, String> {
    let read = async {
        let client = Outbound::new(None)?.client(Reach::Named)?;
        let base = format!("http://{}", config.private.from_here());
        let condition = document(&client, &format!("{base}/api/v1/health")).await?;
        let sources: Sources = document(&client, &format!("{base}/api/v1/sources")).await?;
        let registries: Registries = document(&client, &format!("{base}/api/v1/registries")).await?;
        let faults = registries.faults();
        let metrics = body(&client, &format!("{base}/metrics")).await?;
        let metrics = String::from_utf8_lossy(&metrics);
        let (answered, asked_anew, closed) = (answered(&metrics), asked_anew(&metrics), closed(&metrics));
        anyhow::Ok(Service { condition, sources: sources.items, answered, asked_anew, faults, closed })
    };
    read.await.map_err(|error| {
        let error: &(dyn std::error::Error + 'static) = error.as_ref();
        chain(error).to_string()
    })
}

async fn document<T: DeserializeOwned>(client: &Client, url: &str) -> anyhow::Result<T> {
    Ok(serde_json::from_slice(&body(client, url).await?)?)
}

async fn body(client: &Client, url: &str) -> anyhow::Result<Vec<u8>> {
    let answer = client.send(client.get(url::Url::parse(url)?), DEADLINE, MOST_BYTES).await?;
    anyhow::ensure!(answer.status.is_success(), "it answers {}", answer.status);
    Ok(answer.body)
}

/// How many questions the metrics say were asked anew.
fn asked_anew(metrics: &str) -> u64 {
    let counted = |line: &&str| {
        line.starts_with("image_watcher_decisions_total{")
            && line.contains("outcome=\"proposed\"")
            && line.contains("reason=\"other_key\"")
    };
    let value = |line: &str| line.rsplit(' ').next()?.parse::<u64>().ok();
    metrics.lines().filter(counted).filter_map(value).sum()
}

/// The value of a label of a series.
fn label(line: &str, name: &str) -> Option<String> {
    let (_, rest) = line.split_once(&format!("{name}=\""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

/// Why the channels are closed that are.
fn closed(metrics: &str) -> BTreeMap<String, String> {
    let holds = |line: &&str| line.starts_with("image_watcher_channel_state{") && line.ends_with(" 1");
    let states =
        metrics.lines().filter(holds).filter_map(|line| Some((label(line, "channel")?, label(line, "state")?)));
    states.filter(|(_, state)| state != "open").collect()
}

/// The registries of which the metrics count answers that could be used.
fn answered(metrics: &str) -> BTreeSet<String> {
    let good = |line: &&str| label(line, "code").is_some_and(|code| matches!(code.as_str(), "200" | "206" | "304"));
    let requests = metrics.lines().filter(|line| line.starts_with("image_watcher_registry_requests_total{"));
    requests.filter(good).filter_map(|line| label(line, "registry")).collect()
}

/// What is to be said of the process itself.
pub(super) fn checks(service: &std::result::Result<Service, String>, config: &Config, pod: &Pod) -> Vec<Check> {
    let at = config.private.from_here();
    let service = match service {
        Ok(service) => service,
        Err(error) => {
            let error =
                format!("no answer at {at}, so that nothing is known of its queue, registries and deliveries: {error}");
            return vec![Check::but(
                "the running service",
                Result::Warn,
                error,
                format!("run this in its pod, by the names of your install: {}", pod.run("doctor")),
            )];
        }
    };
    let condition = &service.condition;
    let mut checks = vec![Check::ok(format!("the service answers at {at}"))];
    checks.extend(silent(condition));
    checks.extend(configuration(condition));
    checks.extend(unready(condition));
    checks.push(queue(condition, config));
    checks.extend(replicas(condition));
    checks.extend(stopped(condition, pod));
    checks.extend(asked_anew_of(service));
    checks.extend(suspects(service, pod));
    checks
}

/// A part that gives no answer.
fn silent(condition: &Condition) -> Option<Check> {
    let part = condition.silent.as_ref()?;
    let hint = "the kubelet restarts it; if that does not help, look at the disk and at the pod's limits";
    Some(Check::but("the running service", Result::Fail, format!("{part} does not answer"), hint))
}

/// What of the configuration's files is not in force.
fn configuration(condition: &Condition) -> Vec<Check> {
    let (name, not, mut checks) = ("the configuration", &condition.configuration, Vec::new());
    if !not.refused.is_empty() {
        let refused = not.refused.join("; ");
        let error = format!("the files were changed and can't be used, so what was before is in force: {refused}");
        checks.push(Check::but(name, Result::Fail, error, "image-watcher config --check FILE has all of it"));
    }
    if !not.after_restart.is_empty() {
        let error = format!("its files say something else than what runs: {}", not.after_restart.join(", "));
        checks.push(Check::but(name, Result::Warn, error, "restart the pod, which takes it over"));
    }
    checks
}

/// That no workload can be watched yet.
fn unready(condition: &Condition) -> Option<Check> {
    let hint = "see «cluster» below; /readyz?verbose has each watch";
    let error = "no workload can be watched yet";
    (!condition.ready).then(|| Check::but("the running service", Result::Fail, error, hint))
}

/// Whether the queue can be used.
fn queue(condition: &Condition, config: &Config) -> Check {
    match &condition.queue_error {
        Some(error) => {
            let hint = format!("look at {}", where_it_is(&config.queue));
            Check::but("the queue", Result::Fail, error, hint)
        }
        None => Check::ok("the queue answers"),
    }
}

/// What is wrong between replicas.
fn replicas(condition: &Condition) -> impl Iterator<Item = Check> + '_ {
    let hint = "see «What one replica does alone» in docs/nats.md";
    condition.between_replicas.iter().map(move |words| Check::but("the replicas", Result::Warn, words, hint))
}

/// That automatic updates are stopped everywhere.
fn stopped(condition: &Condition, pod: &Pod) -> Option<Check> {
    let error = format!("stopped everywhere {}", condition.stopped.as_ref()?);
    let hint = format!("look at what failed, then {}", pod.run("brake --resume"));
    Some(Check::but("automatic updates", Result::Warn, error, hint))
}

/// Questions that were asked anew, as the key of their links is not configured.
fn asked_anew_of(service: &Service) -> Option<Check> {
    let error = format!(
        "{} questions were asked anew since the start, a few a minute, as the key that signed their links is not configured",
        service.asked_anew
    );
    let hint = "if the old key is at hand, put it behind the new one in IMAGE_WATCHER_LINK_KEY; keep link.key of the data folder in a backup";
    (service.asked_anew > 0).then(|| Check::but("the link key", Result::Warn, error, hint))
}

/// Jobs that wait, as one process after another died with them.
fn suspects(service: &Service, pod: &Pod) -> Vec<Check> {
    let failing: Vec<&Trouble> = service.failing().iter().filter(|trouble| trouble.suspect > 0).collect();
    let mut checks: Vec<Check> = failing
        .iter()
        .take(MOST_NAMED)
        .map(|trouble| {
            let all = trouble.host.as_deref().unwrap_or(&trouble.topic);
            let jobs = match (trouble.suspect, trouble.last_suspect.as_deref()) {
                (1, about) => format!("the job for {} waits", about.unwrap_or(all)),
                (count, Some(about)) => format!("{count} jobs wait, that for {about} among them"),
                (count, None) => format!("{count} jobs for {all} wait"),
            };
            let hint = format!("{}; raise the memory limit, or set that workload to DISABLED", pod.last_words());
            Check::but(
                "the queue",
                Result::Fail,
                format!("{jobs}, as the process died with it three times and more"),
                hint,
            )
        })
        .collect();
    if let Some(more) = failing.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
        checks.push(Check::but(
            "the queue",
            Result::Fail,
            format!("{more} more registries or channels like these"),
            "see above",
        ));
    }
    checks
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A service that said this.
    pub(in super::super) fn said(failing: &serde_json::Value, last_done: &serde_json::Value) -> Service {
        let condition = serde_json::json!({
            "schema": "image-watcher/health/v1", "ready": true, "queue": {"failing": failing, "lastDone": last_done},
        });
        Service { condition: serde_json::from_value(condition).unwrap(), ..Service::default() }
    }

    #[test]
    fn only_usable_answers_count_as_answered() {
        let metrics = "\
image_watcher_registry_requests_total{registry=\"a.example\",operation=\"tags\",code=\"200\"} 3
image_watcher_registry_requests_total{registry=\"b.example\",operation=\"tags\",code=\"error\"} 3
image_watcher_registry_requests_total{registry=\"c.example:5000\",operation=\"digest\",code=\"404\"} 1
image_watcher_registry_requests_total{registry=\"d.example:5000\",operation=\"digest\",code=\"304\"} 1
image_watcher_other_total{registry=\"e.example\",code=\"200\"} 1
";
        let decided = "image_watcher_decisions_total{outcome=\"proposed\",reason=\"other_key\"} 7\n\
            image_watcher_decisions_total{outcome=\"proposed\",reason=\"already\"} 9\n";
        assert_eq!(asked_anew(decided), 7);
        let stand = "image_watcher_channel_state{channel=\"oncall\",state=\"open\"} 0\n\
            image_watcher_channel_state{channel=\"oncall\",state=\"refused\"} 1\n\
            image_watcher_channel_state{channel=\"team\",state=\"open\"} 1\n";
        assert_eq!(closed(stand), BTreeMap::from([("oncall".to_owned(), "refused".to_owned())]));
        assert_eq!(answered(metrics), ["a.example", "d.example:5000"].map(str::to_owned).into());
    }

    #[test]
    fn a_brake_that_was_pulled_is_told_with_what_releases_it() {
        let config =
            Config::read(std::iter::empty(), &|_| Err(std::io::ErrorKind::NotFound.into()), DateTime::UNIX_EPOCH);
        let mut service = said(&serde_json::json!([]), &serde_json::json!({}));
        service.condition.stopped = Some("since 2026-01-01T00:00:00Z: 2 of the last 5 failed".into());
        let told = checks(&Ok(service), &config.unwrap(), &Pod::documented());
        let told = told.iter().find(|check| check.result == Result::Warn).unwrap();
        assert!(told.error.as_ref().is_some_and(|error| error.contains("2 of the last 5 failed")), "{told:?}");
        assert!(told.hint.as_ref().is_some_and(|hint| hint.ends_with("/image-watcher brake --resume")), "{told:?}");
    }

    #[test]
    fn what_is_wrong_between_replicas_is_told() {
        let config =
            Config::read(std::iter::empty(), &|_| Err(std::io::ErrorKind::NotFound.into()), DateTime::UNIX_EPOCH);
        let mut service = said(&serde_json::json!([]), &serde_json::json!({}));
        service.condition.between_replicas = vec!["no replica holds the Lease".into()];
        let told = checks(&Ok(service), &config.unwrap(), &Pod::documented());
        let told = told.iter().find(|check| check.result == Result::Warn).unwrap();
        assert_eq!(told.error.as_deref(), Some("no replica holds the Lease"));
    }

    #[test]
    fn a_job_that_processes_died_with_fails_and_is_named() {
        let config =
            Config::read(std::iter::empty(), &|_| Err(std::io::ErrorKind::NotFound.into()), DateTime::UNIX_EPOCH);
        let config = config.unwrap();
        let good = checks(&Ok(said(&serde_json::json!([]), &serde_json::json!({}))), &config, &Pod::documented());
        assert!(good.iter().all(|check| check.result == Result::Ok), "{good:?}");
        let failing = serde_json::json!([{
            "topic": "look", "host": "registry.example.com", "retried": 0, "suspect": 1, "dead": 0,
            "lastSuspect": "registry.example.com/web",
            "last": {"about": "registry.example.com/web", "at": "2026-01-01T00:00:00Z"},
        }]);
        let bad = checks(&Ok(said(&failing, &serde_json::json!({}))), &config, &Pod::documented());
        let told = bad.iter().find(|check| check.result == Result::Fail).and_then(|check| check.error.clone());
        assert!(told.is_some_and(|told| told.contains("registry.example.com/web waits")), "{bad:?}");
        let gone = checks(&Err("connection refused".into()), &config, &Pod::documented());
        assert!(gone.len() == 1 && gone[0].result == Result::Warn, "{gone:?}");
        assert!(gone[0].hint.as_ref().is_some_and(|hint| hint.contains("kubectl -n image-watcher exec")), "{gone:?}");
    }
}

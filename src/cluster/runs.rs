//! The runs of a `CronJob`: its Jobs, read while an update of it is followed. Its own status moves when a run begins and when it
//! ends, so nothing else has to be watched.

use chrono::{DateTime, Utc};
use kube::api::ListParams;
use kube::core::{ObjectList, Request};

use super::index::{Index, updated};
use super::observed::Object;
use super::request::{Failed, within};
use crate::domain::rollout::Rollout;
use crate::domain::rollout::cron_job::{End, Run, Runs, Since};
use crate::domain::workload::{Container, Kind, Workload};
use crate::telemetry::metrics::Metrics;

/// The most pages of Jobs of one namespace that are read.
const MOST_PAGES: usize = 20;

/// The reasons of `FailureTarget` and `Failed` are the same; the former comes first.
const FAILED: [&str; 2] = ["Failed", "FailureTarget"];

/// A `CronJob` whose runs are of interest.
#[derive(Debug)]
pub(super) struct Followed {
    /// As it was seen.
    pub(super) workload: Workload,
    /// Which update of it is followed.
    pub(super) since: Since,
    /// See [`Runs::one_at_a_time`].
    pub(super) one_at_a_time: bool,
    /// See [`Runs::ended_well`].
    pub(super) ended_well: Option<DateTime<Utc>>,
}

impl Followed {
    /// One of a `CronJob` with this record, if an update of it is followed, as far as that record or a newer one says: where another
    /// tool applies an older one again and again, what is known counts all the same.
    pub(super) fn of(object: &Object, record: &Workload, index: Option<&Index>) -> Option<Self> {
        let is_cron_job = record.id.kind == Kind::CronJob;
        let known = || index?.rolls(&record.id.uid);
        let since = is_cron_job.then(|| updated(record).or_else(known)).flatten()?;
        Some(Self {
            since,
            workload: record.clone(),
            one_at_a_time: object.runs_one_at_a_time(),
            ended_well: object.ended_well(),
        })
    }

    /// How it stands by its runs. Where they may not be read, its own status says only what went well.
    pub(super) async fn judge(&self, client: &kube::Client, metrics: &Metrics) -> Result<Rollout, Failed> {
        let all = match runs(client, &self.workload, metrics).await {
            Err(Failed::Status(status)) if matches!(status.code, 403 | 404) => Vec::new(),
            other => other?,
        };
        let runs = Runs { all: &all, one_at_a_time: self.one_at_a_time, ended_well: self.ended_well };
        Ok(runs.judge(self.since, self.workload.rollout.clone()))
    }
}

/// Reads the runs of a `CronJob`.
async fn runs(client: &kube::Client, cron_job: &Workload, metrics: &Metrics) -> Result<Vec<Run>, Failed> {
    let path = format!("/apis/batch/v1/namespaces/{}/jobs", cron_job.id.namespace);
    let mut parameters = ListParams::default().limit(500);
    let mut all = Vec::new();
    for _ in 0..MOST_PAGES {
        let request = Request::new(&path).list(&parameters).map_err(|error| Failed::NoAnswer(error.into()))?;
        let page = within(metrics, "jobs", client.request::<ObjectList<Object>>(request)).await?;
        let ours = page.items.iter().filter(|job| job.is_owned_by(&cron_job.id.uid));
        all.extend(ours.filter_map(|job| run(job, &cron_job.containers)));
        let Some(token) = page.metadata.continue_.filter(|token| !token.is_empty()) else { break };
        parameters = parameters.continue_token(&token);
    }
    Ok(all)
}

/// A Job as a run, beside what its `CronJob` says now.
fn run(job: &Object, containers: &[Container]) -> Option<Run> {
    let (made, status) = job.as_run()?;
    let failed = || FAILED.into_iter().find_map(|word| status.condition(word));
    let end = match status.condition("Complete") {
        Some(_) => Some(End::Complete),
        None => failed().map(End::Failed),
    };
    let is_newest = job.containers().eq(containers.iter().cloned());
    Some(Run { made, is_newest, end, ready: status.ready, is_suspended: job.is_suspended() })
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::rollout::{Progress, Stall};

    /// How a `CronJob` stands by the Jobs among these objects.
    pub(in crate::cluster) fn shared_state(
        cron_job: &serde_json::Value,
        others: &[serde_json::Value],
        since: DateTime<Utc>,
    ) -> Rollout {
        let object = |value: &serde_json::Value| serde_json::from_value::<Object>(value.clone()).unwrap();
        let record = object(cron_job)
            .record(super::super::kinds::Row::of(Kind::CronJob), &crate::domain::defaults::Defaults::default())
            .unwrap();
        let jobs = others.iter().filter(|item| item["kind"] == "Job").map(object);
        let ours = jobs.filter(|job| job.is_owned_by(&record.id.uid));
        let all: Vec<Run> = ours.filter_map(|job| run(&job, &record.containers)).collect();
        Runs { all: &all, one_at_a_time: false, ended_well: None }
            .judge(Since { at: since, undoes: false }, record.rollout)
    }

    fn job(image: &str, conditions: &Value) -> Object {
        serde_json::from_value(json_of(image, conditions)).unwrap()
    }

    fn json_of(image: &str, conditions: &Value) -> Value {
        json!({
            "metadata": {"name": "report-1", "creationTimestamp": "2026-11-20T09:30:00Z", "ownerReferences": [
                {"apiVersion": "batch/v1", "kind": "CronJob", "name": "report", "uid": "u", "controller": true}]},
            "spec": {"template": {"spec": {"containers": [{"name": "report", "image": image}]}}},
            "status": {"ready": 1, "conditions": conditions},
        })
    }

    #[test]
    fn a_run_is_read_from_its_job() {
        let containers = [Container::main("report", "report:2")];
        let condition = |word: &str, status: &str| {
            json!({"type": word, "status": status, "reason": "BackoffLimitExceeded", "message": "no",
                "lastTransitionTime": "2026-11-20T09:40:00Z"})
        };
        let failed = || {
            Some(End::Failed(Stall {
                reason: "BackoffLimitExceeded".into(),
                message: "no".into(),
                since: "2026-11-20T09:40:00Z".into(),
                progress: Progress::default(),
                refusal: None,
            }))
        };
        let cases = [
            (json!([]), None),
            (json!([condition("SuccessCriteriaMet", "True")]), None),
            (json!([condition("SuccessCriteriaMet", "True"), condition("Complete", "True")]), Some(End::Complete)),
            (json!([condition("Failed", "False")]), None),
            (json!([condition("FailureTarget", "True")]), failed()),
            (json!([condition("FailureTarget", "True"), condition("Failed", "True")]), failed()),
        ];
        for (conditions, end) in cases {
            let run = run(&job("report:2", &conditions), &containers).unwrap();
            assert_eq!((run.end, run.is_newest, run.ready), (end, true, 1), "{conditions}");
        }
        assert!(!run(&job("report:2", &json!([])), &containers).unwrap().is_suspended);
        let mut queued = json_of("report:2", &json!([]));
        queued["spec"]["suspend"] = true.into();
        assert!(run(&serde_json::from_value(queued).unwrap(), &containers).unwrap().is_suspended);
        let older = job("report:1", &json!([]));
        assert!(!run(&older, &containers).unwrap().is_newest);
        assert!(older.is_owned_by("u") && !older.is_owned_by("v"));
    }

    /// Each `CronJob` of the shared corpus, where it stands beside the project.
    #[test]
    fn the_shared_states_of_runs_are_read_as_they_are() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/pods");
        let Ok(index) = std::fs::read_to_string(folder.join("INDEX.jsonl")) else {
            eprintln!("skipped: no shared corpus at {}", folder.display());
            return;
        };
        for line in index.lines().filter(|line| line.contains("\"CronJob\"")) {
            let case: Value = serde_json::from_str(line).unwrap();
            let list = std::fs::read_to_string(folder.join(case["file"].as_str().unwrap())).unwrap();
            let list: Value = serde_json::from_str(&list).unwrap();
            let items = list["items"].as_array().unwrap();
            let since = case["follow"]["since"].as_str().unwrap().parse().unwrap();
            let judged = match shared_state(&items[0], &items[1..], since) {
                Rollout::Waiting(waits) => ("waiting", waits.as_str().to_owned()),
                Rollout::Stalled(stall) => ("failed", stall.reason.to_string()),
                other => panic!("{}: {other:?}", case["file"]),
            };
            let expected = (&case["expect"]["outcome"], &case["expect"]["reason"]);
            assert_eq!((&judged.0.into(), &judged.1.into()), expected, "{}", case["file"]);
        }
    }
}

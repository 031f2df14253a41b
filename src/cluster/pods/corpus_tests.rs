//! What we say of each state of the shared corpus, where it stands beside the project, object and pods together.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::object::Object;
use crate::cluster::kinds::Row;
use crate::domain::rollout::pods::{Pod, Sight};
use crate::domain::rollout::{Follower, Reading, Rollout, ready, unwell};
use crate::domain::workload::{Container, Kind};

/// The settle time of the corpus.
const SETTLE: Duration = Duration::from_secs(60);

/// One state and what is right to say of it.
struct Case(Value);

impl Case {
    fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    fn moment(&self, pointer: &str) -> DateTime<Utc> {
        self.text(pointer).parse().unwrap()
    }

    /// What we say of it; `None` of a kind that is not watched, or that is judged by its Jobs.
    fn read(&self, folder: &Path) -> Option<Reading> {
        let kind = Kind::named(self.text("/kind"))?;
        let list = std::fs::read_to_string(folder.join(self.text("/file"))).unwrap();
        let list: Value = serde_json::from_str(&list).unwrap();
        let (object, others) = list["items"].as_array().unwrap().split_first().unwrap();
        let mut verdict = crate::cluster::observed::tests::rollout_of(Row::of(kind), object.clone());
        if kind == Kind::CronJob && others.iter().any(|it| it["kind"] == "Job") {
            verdict = crate::cluster::runs::tests::shared_state(object, others, self.moment("/follow/since"));
        }
        let (name, now, since) = (&object["metadata"]["name"], self.moment("/now"), self.moment("/follow/since"));
        let mut pods: Vec<Pod> = Vec::new();
        for pod in others.iter().filter(|it| it["kind"] == "Pod") {
            let pod: Object = serde_json::from_value(pod.clone()).unwrap();
            let owner = pod.owner().unwrap_or_else(|| panic!("{} has no owner", pod.name()));
            assert_eq!((owner.kind, &*owner.name), (kind, name.as_str().unwrap()), "{}", pod.name());
            pods.push(pod.record());
        }
        let moved = moved(others, now).max(Some(since)).unwrap_or(since);
        let (container, ends) = (self.text("/follow/container"), kind == Kind::CronJob);
        // The corpus has a name of its own for them.
        let name = container.strip_prefix("volume:").map_or(container.into(), Container::name_of_volume);
        let written = [(&*name, self.text("/follow/image"))];
        let last = ready(&pods, &written).into_iter().filter_map(|(_, since)| since).max();
        let complete = last.and_then(|last| (now - last).to_std().ok()).unwrap_or_default();
        let reading = Follower {
            verdict: &verdict,
            // A condition from before our write is of the rollout before.
            is_stall_old: matches!(&verdict, Rollout::Stalled(stall) if *stall.since < *self.text("/follow/since")),
            is_ordered: verdict.is_ordered(),
            goes_back: false,
            ends,
            unwell_before: &unwell(&pods, &written, Sight { ends, now: Some(now) }).unwrap_or_default(),
            written: &written,
            pods: Some(&pods),
            still: (now - moved).to_std().unwrap(),
            stands: false,
            complete,
            settle: SETTLE,
            now,
        };
        Some(reading.read())
    }
}

/// When a pod became ready last, which is what moves a rollout.
fn moved(others: &[Value], now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let conditions = others.iter().filter_map(|it| it["status"]["conditions"].as_array()).flatten();
    let ready = conditions.filter(|it| it["type"] == "Ready" && it["status"] == "True");
    let moments = ready.filter_map(|it| it["lastTransitionTime"].as_str()?.parse::<DateTime<Utc>>().ok());
    moments.filter(|at| *at <= now).max()
}

/// The folder of the corpus, where it is there.
fn corpus() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/pods");
    if !folder.join("INDEX.jsonl").exists() {
        eprintln!("skipped: no shared corpus at {}", folder.display());
        return None;
    }
    Some(folder)
}

#[test]
fn the_shared_states_are_read_as_they_are() {
    let Some(folder) = corpus() else { return };
    let index = std::fs::read_to_string(folder.join("INDEX.jsonl")).unwrap();
    let (mut wrong, mut read) = (Vec::new(), 0);
    for line in index.lines() {
        let case = Case(serde_json::from_str(line).unwrap());
        let Some(reading) = case.read(&folder) else {
            eprintln!("skipped: {} is not judged by its pods", case.text("/file"));
            continue;
        };
        let (outcome, reason) = (case.text("/expect/outcome"), case.text("/expect/reason"));
        let says = reading.message().contains(case.text("/expect/message_contains"));
        if (reading.outcome(), reading.reason()) != (outcome, reason) || !says {
            wrong.push(format!("{}: {reading:?}, and {outcome} {reason} is right", case.text("/file")));
        }
        read += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(read > 20, "{read} cases were read");
}

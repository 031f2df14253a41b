//! Keel: what its annotations and labels mean, as its source has it.

use regex::Regex;

use super::{Plan, Subject, is_init};
use crate::cli::marks::is_of_keel;
use crate::domain::workload::Place;

/// The most people that can be asked for.
const MOST_APPROVALS: u32 = 10;

/// What becomes of a workload; `None` where Keel does not look after it.
pub(super) fn plan(subject: &Subject) -> Option<Plan> {
    let policy = subject.mark("keel.sh/policy").or_else(|| subject.mark("keel.observer/policy"))?;
    let mut plan = Plan::default();
    plan.annotations.extend(subject.annotations.keys().filter(|name| is_of_keel(name)).cloned());
    plan.labels.extend(subject.labels.keys().filter(|name| is_of_keel(name)).cloned());
    what(subject, policy, &mut plan);
    if plan.settings.get("mode").is_some_and(|mode| mode == "DISABLED") {
        return Some(plan);
    }
    who(subject, &mut plan);
    which(subject, &mut plan);
    told(subject, &mut plan);
    Some(plan)
}

/// To which versions it goes.
fn what(subject: &Subject, policy: &str, plan: &mut Plan) {
    let is_true = |name: &str| subject.mark(name).map(|value| value == "true");
    let match_tag = is_true("keel.sh/matchTag").or_else(|| is_true("keel.sh/match-tag")) == Some(true);
    match policy.split_once(':').unwrap_or((policy, "")) {
        ("all", _) => {
            plan.set("strategy", "ALL");
            plan.set("prerelease", "true");
            plan.note("Keel's policy all takes prereleases of a release, so image-watcher/prerelease is true; leave it out to take releases only");
        }
        ("major", _) => plan.set("strategy", "MAJOR"),
        ("minor", _) => plan.set("strategy", "MINOR"),
        ("patch", _) => plan.set("strategy", "PATCH"),
        ("force", _) if match_tag => plan.set("track", "digest"),
        ("force", _) => {
            plan.set("track", "digest");
            plan.note("policy force without matchTag goes to whatever tag was pushed last, also to an older one: that has no equal. The running tag is followed instead; image-watcher/tag-policy with tag-order newest takes other tags");
        }
        ("glob", pattern) => selected(plan, &format!("glob:{pattern}"), "alphabetical"),
        ("regexp", pattern) => selected(plan, &format!("regex:{pattern}"), "alphabetical"),
        ("newest", pattern) => selected(plan, &format!("regex:{pattern}"), "newest"),
        ("never", _) => plan.set("mode", "DISABLED"),
        _ => {
            plan.set("mode", "DISABLED");
            plan.note(format!("Keel knows no policy {policy:?} and does nothing with it, so nothing is done here; set image-watcher/mode and image-watcher/strategy"));
        }
    }
    if is_true("keel.sh/matchPreRelease") == Some(false) && ["major", "minor", "patch"].contains(&policy) {
        plan.set("prerelease", "true");
    }
}

fn selected(plan: &mut Plan, policy: &str, order: &str) {
    plan.set("tag-policy", policy);
    plan.set("tag-order", order);
    if order == "alphabetical" {
        plan.note("Keel orders what a pattern finds by its letters, in which 1.9 is above 1.10; so does tag-order alphabetical. semver is mostly what is meant, or numeric with a group named compare");
    } else {
        plan.note("tag-order newest goes by when a tag was pushed, Keel by when its image was built");
    }
}

/// Who says yes.
fn who(subject: &Subject, plan: &mut Plan) {
    let asked = subject.mark("keel.sh/approvals").map(str::trim).filter(|asked| *asked != "0");
    let Some(asked) = asked else {
        plan.set("mode", "AUTO_UPDATE");
        plan.note("an update whose rollout fails goes back by itself, which Keel does not do; image-watcher/rollback: \"false\" leaves it");
        return;
    };
    plan.set("mode", "NOTIFICATION");
    match asked.parse::<u32>() {
        Ok(asked @ 2..=MOST_APPROVALS) => plan.set("approvals", asked.to_string()),
        Ok(0 | 1) => {}
        Ok(asked) => {
            plan.set("approvals", MOST_APPROVALS.to_string());
            plan.note(format!("{asked} approvals are asked for; {MOST_APPROVALS} are the most"));
        }
        Err(_) => plan.note(format!("keel.sh/approvals {asked:?} is no number: one approval is asked for")),
    }
    if let Some(hours) = subject.mark("keel.sh/approvalDeadline") {
        plan.note(format!("keel.sh/approvalDeadline ({hours} hours) has no equal: a question stays open until it is answered or there is something newer, and each of its links holds for three days"));
    }
}

/// Which containers.
fn which(subject: &Subject, plan: &mut Plan) {
    let is_on = |name: &str| subject.mark(name) == Some("true");
    let (init, volumes) = (is_on("keel.sh/initContainers"), is_on("keel.sh/imageVolumes"));
    let monitored = subject.mark("keel.sh/monitorContainers").filter(|pattern| !pattern.is_empty());
    let pattern = monitored.map(Regex::new);
    if let Some(Err(_)) = &pattern {
        plan.note("keel.sh/monitorContainers is no pattern that is understood here: all containers are watched; image-watcher/mode.CONTAINER: DISABLED leaves one out");
    }
    let pattern = pattern.and_then(Result::ok);
    subject.leave(plan, |container| match container.place {
        Place::Volume(_) => !volumes,
        _ if is_init(container) && !init => true,
        _ => pattern.as_ref().is_some_and(|pattern| !pattern.is_match(&container.name)),
    });
}

/// When it looks, and who is told.
fn told(subject: &Subject, plan: &mut Plan) {
    if let Some(schedule) = subject.mark("keel.sh/pollSchedule") {
        plan.note(format!("keel.sh/pollSchedule ({schedule}) has no equal for one workload: IMAGE_WATCHER_SCHEDULE is for all, and webhooks come between"));
    }
    if let Some(channels) = subject.mark("keel.sh/notify") {
        plan.note(format!("keel.sh/notify ({channels}) names channels of Slack; image-watcher/notify names channels of the configuration file: add them there, then set it"));
    }
    if let Some(url) = subject.mark("keel.sh/releaseNotes") {
        plan.set("release-url", url);
    }
    if let Some(secret) = subject.mark("keel.sh/imagePullSecret") {
        plan.note(format!("keel.sh/imagePullSecret ({secret}) has no equal: the pull secrets of the pod and its ServiceAccount are used; add it there, or to registries in the configuration file"));
    }
}

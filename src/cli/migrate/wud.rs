//! WUD (What's up Docker?): what its annotations mean, as its documents have it. It asks nobody and, in Kubernetes, writes
//! nothing: who is told is said by its triggers.

use super::{Plan, Subject, is_init};
use crate::cli::marks::property_of_wud as property;

/// Its properties that have an equal here.
const PROPERTIES: [&str; 5] = ["watch.digest", "watch", "tag.include", "tag.exclude", "link.template"];

/// What becomes of a workload; `None` where WUD is told nothing about it.
pub(super) fn plan(subject: &Subject) -> Option<Plan> {
    let mut plan = Plan::default();
    plan.annotations.extend(subject.annotations.keys().filter(|name| property(name).is_some()).cloned());
    plan.labels.extend(subject.labels.keys().filter(|name| property(name).is_some()).cloned());
    if plan.annotations.is_empty() && plan.labels.is_empty() {
        return None;
    }
    plan.set("mode", "NOTIFICATION");
    let marks = subject.labels.iter().chain(&subject.annotations);
    for (property, value) in marks.filter_map(|(name, value)| Some((property(name)?, value))) {
        one(subject, property, value, &mut plan);
    }
    if subject.containers.iter().any(is_init) {
        plan.note("init containers are watched, too; image-watcher/mode.CONTAINER: DISABLED leaves one out");
    }
    Some(plan)
}

/// What one property says, of all containers or of one.
fn one(subject: &Subject, property: &str, value: &str, plan: &mut Plan) {
    let of = |known: &str| {
        let rest = property.strip_prefix(known)?;
        let container = rest.strip_prefix('.');
        let is_container = |name: &str| subject.containers.iter().any(|container| *container.name == *name);
        match container {
            Some(name) if is_container(name) => Some(format!(".{name}")),
            None if rest.is_empty() => Some(String::new()),
            _ => None,
        }
    };
    let found = PROPERTIES.iter().find_map(|known| Some((*known, of(known)?)));
    match found {
        Some(("watch", suffix)) if value == "false" => plan.set(&format!("mode{suffix}"), "DISABLED"),
        Some(("watch.digest", suffix)) if value == "true" => plan.set(&format!("track{suffix}"), "digest"),
        // What is said anyway.
        Some(("watch" | "watch.digest", _)) => {}
        Some(("tag.include", suffix)) => plan.set(&format!("include{suffix}"), value),
        Some(("tag.exclude", suffix)) => plan.set(&format!("exclude{suffix}"), value),
        Some((_, suffix)) => link(&suffix, value, plan),
        None => nothing(property, value, plan),
    }
}

fn link(suffix: &str, template: &str, plan: &mut Plan) {
    let version = "${major}.${minor}.${patch}";
    let url = template.replace(version, "${version}").replace("${original}", "${tag}").replace("${raw}", "${tag}");
    let rest = url.replace("${version}", "").replace("${tag}", "");
    if rest.contains("${") {
        plan.note(format!("link.template {template} has parts that have no equal: image-watcher/release-url knows ${{tag}} and ${{version}}"));
    } else {
        plan.set(&format!("release-url{suffix}"), url);
    }
}

/// What has no equal.
fn nothing(property: &str, value: &str, plan: &mut Plan) {
    let why = match property {
        _ if property.starts_with("display.") || property.starts_with("stack") => return,
        _ if property.starts_with("tag.transform") => {
            "tags are understood without it; image-watcher/tag-policy regex:… with a group named compare orders by a part of them"
        }
        _ if property.starts_with("trigger.") => {
            "image-watcher/notify names channels of the configuration file: add them there, then set it"
        }
        _ if property.contains("delay") => "image-watcher/cooldown, as 24h, is how long a version has to be known",
        _ => "it is not known here",
    };
    plan.note(format!("{property} ({value}) has no equal: {why}"));
}

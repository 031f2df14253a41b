//! Where the sources take deliveries, and what became of the last ones.

use super::queue::where_it_is;
use super::service::{Refusal, Service, Source};
use super::{Check, Result};
use crate::config::Config;
use crate::config::queue::QueueConfig;

/// After so many missed pushes a source is taken for dead.
const DEAD_AFTER: u64 = 3;

pub(super) fn checks(config: &Config, service: Option<&Service>) -> Vec<Check> {
    let base = if config.base_url.is_some() { "" } else { " behind the address that the registry reaches" };
    let mut checks: Vec<Check> = config
        .sources
        .iter()
        .map(|source| Check::set(format!("{} takes deliveries at {}{base}", source.name, config.webhook_url(source))))
        .collect();
    if config.sources.is_empty() {
        let hint = "open one, by a variable or in the file";
        checks.push(Check::but(
            "webhooks",
            Result::Warn,
            "no source is open: images are found on the schedule only",
            hint,
        ));
    }
    let sources = service.into_iter().flat_map(|service| &service.sources);
    checks.extend(sources.map(|of| source(of, &config.queue)));
    checks
}

fn source(source: &Source, queue: &QueueConfig) -> Check {
    let name = &source.name;
    let last = source.last_accepted.map_or("none".to_owned(), |at| at.format("%F %T UTC").to_string());
    if source.missed_in_a_row >= DEAD_AFTER {
        let missed = source.missed_in_a_row;
        let error = format!("{missed} pushes were found before a delivery told of them; last delivery: {last}");
        let hint = "look at the registry whether the webhook is still set up, and press its test button; of a tag that is made in its own page some registries send none";
        return Check::but(name, Result::Fail, error, hint);
    }
    if source.last_refused > source.last_accepted {
        let reason = source.last_refusal.as_deref().unwrap_or("the log says why");
        let error = match source.last_accepted {
            None => format!("nothing but refusals: {reason}"),
            Some(_) => format!("the last delivery was refused: {reason}; the last that was taken: {last}"),
        };
        let (result, hint) = remedy(source, queue);
        return Check::but(name, result, error, hint);
    }
    match source.last_accepted {
        None => {
            Check::but(name, Result::Warn, "nothing came yet", "press the registry's test button, or push an image")
        }
        Some(_) => Check::ok(format!("{name}: last delivery {last}, {} missed", source.missed)),
    }
}

/// What to do about a refusal. A stranger can have one written by sending rubbish, so that most are a warning; what is
/// refused for a reason of ours had the right credential.
fn remedy(source: &Source, queue: &QueueConfig) -> (Result, String) {
    match source.last_refused_as.unwrap_or(Refusal::Unknown) {
        Refusal::BadSignature => (
            Result::Warn,
            "compare the registry's secret with this source's; when one changes, change the other".into(),
        ),
        Refusal::BadPayload => {
            let hint =
                format!("this source is of kind {}: open one of the kind of the registry that sends", source.kind);
            (Result::Warn, hint)
        }
        Refusal::Limited => {
            (Result::Warn, "look at who sends so much, or raise the limits of this source in the file".into())
        }
        Refusal::Overloaded => {
            let hint = "nothing is wrong at the registry, which sends it again: look at";
            (Result::Fail, format!("{hint} {}", where_it_is(queue)))
        }
        Refusal::Unknown => (Result::Warn, "look at the log, which says what was refused".into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(accepted: Option<&str>, refused: Option<&str>, kind: &str) -> Check {
        source(
            &serde_json::from_value(json!({
                "name": "harbor", "kind": "harbor", "missed": 0, "missedInARow": 0, "lastAccepted": accepted, "lastRefused": refused,
                "lastRefusedAs": kind, "lastRefusal": "no secret matches",
            }))
            .unwrap(),
            &QueueConfig::Sqlite,
        )
    }

    #[test]
    fn what_happened_last_counts() {
        let (early, late) = (Some("2026-01-01T00:00:00Z"), Some("2026-01-02T00:00:00Z"));
        assert_eq!(told(late, early, "bad_signature").result, Result::Ok, "it was mended");
        assert_eq!(told(late, None, "bad_signature").result, Result::Ok);
        let rotated = told(early, late, "bad_signature");
        assert_eq!(rotated.result, Result::Warn);
        assert!(rotated.error.is_some_and(|error| error.contains("last delivery was refused: no secret matches")));
        assert!(told(None, late, "bad_signature").error.is_some_and(|error| error.contains("nothing but refusals")));
        assert!(told(None, None, "").error.is_some_and(|error| error.contains("nothing came")));
    }

    #[test]
    fn each_refusal_has_its_own_remedy() {
        for (kind, result, remedy) in [
            ("bad_signature", Result::Warn, "secret"),
            ("bad_payload", Result::Warn, "of kind harbor"),
            ("limited", Result::Warn, "limits"),
            ("overloaded", Result::Fail, "data folder"),
            ("of a later version", Result::Warn, "log"),
        ] {
            let check = told(Some("2026-01-01T00:00:00Z"), Some("2026-01-02T00:00:00Z"), kind);
            let hint = check.hint.unwrap_or_default();
            assert_eq!(check.result, result, "{kind}");
            assert!(hint.contains(remedy), "{kind}: {hint}");
            assert!(kind == "bad_signature" || !hint.contains("secret"), "{kind}: {hint}");
        }
    }
}

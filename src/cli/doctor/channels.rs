//! Channel by channel: whether messages arrive.

use chrono::{DateTime, Utc};

use super::service::Service;
use super::{Check, Result};
use crate::config::Config;
use crate::config::channel::{ChannelConfig, Destination};
use crate::notify::Tried;
use crate::queue::{Topic, Trouble, Troubles};
use crate::telemetry::chain;

pub(super) fn checks(config: &Config, service: Option<&Service>) -> Vec<Check> {
    let mut checks: Vec<Check> = config.channels.iter().map(|channel| of_channel(channel, service)).collect();
    if config.channels.is_empty() {
        let hint = "set SMTP_URL, SLACK_URL or WEBHOOK_URL";
        checks.push(Check::but("messages", Result::Warn, "nobody is told of anything, as no channel is set", hint));
    }
    let is_configured = |topic: &str| config.channels.iter().any(|channel| channel.name == name_in(topic));
    let failing = service.map(Service::failing).unwrap_or_default();
    let removed = failing.iter().filter(|trouble| trouble.host.is_none() && !is_configured(&trouble.topic));
    checks.extend(removed.map(removed_channel));
    let waits = service.is_some_and(|it| it.condition.configuration.after_restart.iter().any(|key| key == "baseUrl"));
    checks.push(if waits {
        let told = "they begin with what was in force at the start, and not with what the configuration says now";
        Check::but("links", Result::Warn, told, "restart the pod: baseUrl is read at its start alone")
    } else if let Some(url) = &config.base_url {
        Check::set(format!("links begin with {url}"))
    } else {
        let hint = "set it to the address that people reach";
        Check::but("links", Result::Warn, "messages have none, as BASE_URL is not set", hint)
    });
    checks
}

/// Asks each channel whether it would take messages. Nothing is sent.
pub(super) async fn tried(config: &Config) -> Vec<Check> {
    let outbound = match config.outbound() {
        Ok(outbound) => outbound,
        Err(error) => return vec![Check::but("channels", Result::Fail, chain(&error).to_string(), A_WAY)],
    };
    let all = config.channels.iter().map(async |channel| match channel.open(&outbound) {
        Ok(open) => shown(&channel.name, open.tried().await),
        Err(error) => Check::but(&channel.name, Result::Fail, chain(&error).to_string(), A_WAY),
    });
    futures_util::future::join_all(all).await
}

fn shown(name: &str, tried: Tried) -> Check {
    match tried {
        Tried::Works(words) => Check::ok(format!("{name}: {words}")),
        Tried::Answers(words) => Check::set(format!("{name}: {words}")),
        Tried::Fails(words) => Check::but(name, Result::Fail, words, A_WAY),
        Tried::Unseen => Check::set(format!(
            "{name}: whether it takes messages shows only when one is sent; image-watcher notify-test {name} sends one"
        )),
    }
}

const A_WAY: &str = "look at its address and its credentials, and at «ways out» below for the way to it";

/// What to do about a channel that does not take us.
const REFUSED: &str = "replace its credentials, and restart the pod, which reads variables at its start alone: it does not take those that it is shown, and is tried again from time to time";

/// The channel that a topic is of.
fn name_in(topic: &str) -> &str {
    topic.split_once(':').map_or(topic, |(_, channel)| channel)
}

/// What is wrong with the messages of a channel, and with what waits there to be made into some, together.
fn trouble_of(channel: &str, troubles: &Troubles) -> Option<Trouble> {
    let topics = [Topic::Deliver(channel.to_owned()), Topic::Gather(channel.to_owned())].map(|topic| topic.name());
    // What failed last comes first.
    let of_it = troubles.failing.iter().filter(|trouble| topics.contains(&trouble.topic)).cloned();
    of_it.reduce(|last, other| Trouble {
        retried: last.retried + other.retried,
        waiting: last.waiting + other.waiting,
        suspect: last.suspect + other.suspect,
        dead: last.dead + other.dead,
        ..last
    })
}

fn of_channel(channel: &ChannelConfig, service: Option<&Service>) -> Check {
    let name = &channel.name;
    let troubles = service.and_then(Service::troubles);
    let Some(troubles) = troubles else {
        return Check::set(format!("told by {name}; whether messages arrive was not tried"));
    };
    let done = troubles.last_done.get(&Topic::Deliver(name.clone()).name()).copied();
    let trouble = trouble_of(name, troubles);
    match (trouble.filter(|trouble| trouble.retried + trouble.dead > 0), done) {
        (Some(trouble), done) => {
            let closed = service.and_then(|service| service.closed.get(name)).map(String::as_str);
            failing(channel, &trouble, done, closed)
        }
        (None, Some(at)) => Check::ok(format!("told by {name}; the last message arrived {}", at.format("%F %T UTC"))),
        (None, None) => Check::set(format!("told by {name}; there was no message yet")),
    }
}

/// What arrived after the last failure says that the way is open again.
fn failing(channel: &ChannelConfig, trouble: &Trouble, done: Option<DateTime<Utc>>, closed: Option<&str>) -> Check {
    let is_open = done.is_some_and(|done| done > trouble.last.at);
    let result = if is_open { Result::Warn } else { Result::Fail };
    let arrived = match done {
        Some(at) => format!("the last message arrived {}", at.format("%F %T UTC")),
        None => "none arrived".to_owned(),
    };
    let hint = match (&channel.destination, is_open) {
        _ if closed == Some("refused") => REFUSED,
        _ if closed == Some("gone") => "make it anew at the other side, or take it out of the configuration",
        _ if closed == Some("busy") => "nothing, if it passes: it asked to be left alone for a while",
        (_, true) => "others arrive: look at what this one says",
        (Destination::Email(_), _) => "look at SMTP_URL, and at «ways out» below for the way to it",
        (Destination::Service(_), _) => "look at its URL, and at «ways out» below for the way to it",
    };
    Check::but(&channel.name, result, format!("{}; {arrived}", what(trouble)), hint)
}

fn removed_channel(trouble: &Trouble) -> Check {
    let name = name_in(&trouble.topic);
    let hint = "nothing, if it was meant; else configure the channel again";
    Check::but(format!("{name}, which is not configured"), Result::Warn, what(trouble), hint)
}

/// How many messages did not arrive, and what the last of them failed with.
fn what(trouble: &Trouble) -> String {
    let mut parts = Vec::new();
    for (count, one, more) in [
        (trouble.waiting.max(trouble.retried), "message waits", "messages wait"),
        (trouble.dead, "message was given up", "messages were given up"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {}", if count == 1 { one } else { more }));
        }
    }
    let reason = trouble.last.reason.as_deref().unwrap_or("the reason is not known");
    format!("{}; the last, about {}: {reason}", parts.join(", "), trouble.last.about)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::service::tests::said;
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Config {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::read(variables, &|_| Err(std::io::ErrorKind::NotFound.into()), DateTime::UNIX_EPOCH).unwrap()
    }

    fn with_hook() -> Config {
        config(&[
            ("WEBHOOK_URL", "https://hooks.example.com/iw"),
            ("WEBHOOK_SECRET", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
        ])
    }

    fn failing(topic: &str, retried: u64, dead: u64) -> serde_json::Value {
        json!([{
            "topic": topic, "retried": retried, "suspect": 0, "dead": dead,
            "last": {"about": "shop/deploy/web", "at": "2026-01-02T00:00:00Z", "reason": "it answers 535"},
        }])
    }

    /// Faults x20-18 and x20-21: all that waits is counted, and what is in force is told.
    #[test]
    fn all_that_waits_is_counted_and_links_are_told_as_they_are_in_force() {
        let mut troubles = failing("deliver:webhook", 2, 0);
        troubles[0]["waiting"] = json!(12);
        let mut service = said(&troubles, &json!({}));
        let told = checks(&with_hook(), Some(&service)).remove(0).error.unwrap_or_default();
        assert!(told.starts_with("12 messages wait"), "{told}");
        let links = |service: &Service| {
            checks(&config(&[("BASE_URL", "https://iw.example.com")]), Some(service)).pop().unwrap()
        };
        assert_eq!(links(&service).result, Result::Set);
        service.condition.configuration.after_restart = vec!["baseUrl".into()];
        assert_eq!(links(&service).result, Result::Warn);
    }

    #[test]
    fn a_channel_is_ok_when_a_message_arrived_and_nothing_failed_since() {
        let (config, topic) = (with_hook(), "deliver:webhook");
        let first = |service: Option<&Service>| checks(&config, service).remove(0);
        assert_eq!(first(None).result, Result::Set);
        assert_eq!(first(Some(&said(&json!([]), &json!({})))).result, Result::Set);
        let (early, late) = (json!({topic: "2026-01-01T00:00:00Z"}), json!({topic: "2026-01-03T00:00:00Z"}));
        assert_eq!(first(Some(&said(&json!([]), &early))).result, Result::Ok);
        for (retried, dead, done, expected) in [
            (1, 0, &early, Result::Fail),
            (0, 31, &early, Result::Fail),
            (0, 31, &json!({}), Result::Fail),
            (0, 31, &late, Result::Warn),
        ] {
            let check = first(Some(&said(&failing(topic, retried, dead), done)));
            assert_eq!(check.result, expected, "{check:?}");
            let error = check.error.unwrap_or_default();
            assert!(error.contains("about shop/deploy/web: it answers 535"), "{error}");
            assert!(dead == 0 || error.starts_with("31 messages were given up"), "{error}");
        }
    }

    /// Fault r26: what is put off by quiet hours waits to be gathered, and did not arrive.
    #[test]
    fn what_failed_and_waits_for_the_end_of_quiet_hours_is_told_of_its_channel() {
        let early = json!({"deliver:webhook": "2026-01-01T00:00:00Z"});
        let mut troubles = failing("gather:webhook", 14, 0);
        let told = |troubles: &serde_json::Value| checks(&with_hook(), Some(&said(troubles, &early))).remove(0);
        let check = told(&troubles);
        assert_eq!(check.result, Result::Fail, "{check:?}");
        assert!(check.error.as_deref().unwrap_or_default().starts_with("14 messages wait"), "{check:?}");
        let mut others = failing("deliver:webhook", 2, 1);
        troubles.as_array_mut().unwrap().append(others.as_array_mut().unwrap());
        let error = told(&troubles).error.unwrap_or_default();
        assert!(error.starts_with("16 messages wait, 1 message was given up"), "{error}");
    }

    #[test]
    fn dead_letters_of_a_channel_that_was_removed_are_told() {
        let told = checks(&with_hook(), Some(&said(&failing("gather:webhook", 0, 1), &json!({}))));
        assert!(told.iter().all(|check| !check.description.contains("not configured")), "{told:?}");
        let told = checks(&config(&[]), Some(&said(&failing("deliver:email", 0, 31), &json!({}))));
        let email = told.iter().find(|check| check.description.starts_with("email"));
        assert!(email.is_some_and(|check| check.result == Result::Warn), "{told:?}");
    }
}

//! A generic webhook, signed after Standard Webhooks 1.0 (standardwebhooks.com): whoever holds the secret can tell that
//! it is ours, whole and fresh, and recognises a repetition by its id.

mod digest;
mod format;
mod keys;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};

pub use format::Format;
use format::cloud_event;
pub use keys::{SecretError, WebhookSecrets};

use super::attempt::Refusal;
use super::service::{Request, Sending, Service, Style, put, secrets_of};
use super::template::{Template, made};
use crate::domain::actor::Actor;
use crate::domain::event::{ApprovalView, ImageView, Notice, NoticeKind, Told, Trouble, WayBack};
use crate::domain::gone::Lost;
use crate::domain::group::{Move, Plan};
use crate::domain::history::rfc3339;
use crate::domain::release::{Release, ReleaseNotes, Room};
use crate::domain::rollout::obstacle::InTheWay;
use crate::domain::secret::Secret;
use crate::message::{clean, release_url};

/// What an event has room for.
pub(super) const ROOM: Room = Room { alerts: 40, releases: 20, lines: 20, characters: 3600 };
/// The longest event, in bytes: with the envelope of a CloudEvent it is below the 64 KiB that everybody has to forward.
const MOST_OF_AN_EVENT: usize = 62_000;
/// The longest summary, in characters (the event's schema).
const MOST_OF_A_SUMMARY: usize = 4000;
/// The longest cause of a rollback, likewise.
const MOST_OF_A_CAUSE: usize = 256;

/// The channel behind one endpoint.
#[derive(Debug)]
pub struct WebhookChannel {
    url: Secret,
    secrets: WebhookSecrets,
    format: Format,
    template: Option<Arc<Template>>,
}

impl WebhookChannel {
    /// A channel.
    #[must_use]
    pub fn new(url: Secret, secrets: WebhookSecrets, format: Format) -> Self {
        Self { url, secrets, format, template: None }
    }

    /// The same, whose body is what this template makes of the event.
    #[must_use]
    pub fn written_by(self, template: Option<Arc<Template>>) -> Self {
        Self { template, ..self }
    }

    /// What the template makes, where it makes JSON.
    fn made(&self, sending: &Sending<'_>, event: &Value) -> Option<String> {
        let made = made(self.template.as_deref(), &template_values(sending, event))?;
        if serde_json::from_str::<serde::de::IgnoredAny>(&made).is_ok() {
            return Some(made);
        }
        tracing::warn!(
            delivery_id = sending.delivery.id(),
            "the template of a webhook's body makes no JSON of this message, and the event itself is sent"
        );
        None
    }

    fn unsigned(&self, sending: &Sending<'_>) -> Result<Request, Refusal> {
        let event = body(sending);
        if let Some(made) = self.made(sending, &event) {
            return Ok(Request { body: made.into_bytes(), ..Request::json(&self.url, &Value::Null)? });
        }
        match &self.format {
            Format::Standard => Request::json(&self.url, &event),
            Format::CloudEvents { source } => {
                let mut request = Request::json(&self.url, &cloud_event(sending, &event, source))?;
                let kind = HeaderValue::from_static("application/cloudevents+json");
                request.headers.insert(CONTENT_TYPE, kind);
                Ok(request)
            }
        }
    }
}

impl Service for WebhookChannel {
    fn room(&self) -> Room {
        ROOM
    }

    fn address(&self) -> &Secret {
        &self.url
    }

    fn secrets(&self) -> Vec<&str> {
        secrets_of(&self.url)
    }

    fn is_program(&self) -> bool {
        true
    }

    fn request(&self, sending: &Sending<'_>) -> Result<Request, Refusal> {
        let request = self.unsigned(sending)?;
        // The time is this attempt's: receivers refuse what is older than minutes.
        let (id, now) = (sending.delivery.id(), sending.now.timestamp());
        let signature = self.secrets.sign(&id, now, &request.body);
        request
            .header("webhook-id", &id)?
            .header("webhook-timestamp", &now.to_string())?
            .header("webhook-signature", &signature)
    }
}

/// What the template of a body may show: the event as it would be sent, and the message in words.
pub(super) fn template_values(sending: &Sending<'_>, event: &Value) -> Value {
    json!({"id": sending.delivery.id(), "event": event, "message": sending.message})
}

/// The event. Fields are only ever added; those without a value are left out. One that would be too long, or that its
/// receiver does not take as it is, goes without what can be read elsewhere.
pub(super) fn body(sending: &Sending<'_>) -> Value {
    let rich = event(sending, sending.style);
    if rich.to_string().len() <= MOST_OF_AN_EVENT { rich } else { event(sending, Style::Plain) }
}

fn event(sending: &Sending<'_>, style: Style) -> Value {
    let Sending { delivery, links, notes, .. } = sending;
    let (at, data) = match &delivery.told {
        Told::One(notice) => (moment_of(notice), update(notice, links.whole.as_deref(), *notes, style)),
        Told::Several { notices, .. } => {
            (notices.iter().map(moment_of).max().unwrap_or(sending.now), digest::several(notices, links, style))
        }
        Told::Trouble(trouble) => (trouble.since, self::trouble(trouble)),
        Told::Test(trial) => (trial.at, json!({"id": trial.id, "channel": delivery.channel})),
    };
    json!({"type": delivery.event(), "timestamp": rfc3339(at), "schema_version": 1, "data": data})
}

fn moment_of(notice: &Notice) -> DateTime<Utc> {
    notice.ended.unwrap_or(notice.at)
}

/// One of several, which says itself what happened and when.
fn typed(notice: &Notice, mut update: Value) -> Value {
    put(&mut update, "type", json!(notice.kind.as_str()));
    put(&mut update, "timestamp", json!(rfc3339(moment_of(notice))));
    update
}

/// What is wrong with image-watcher itself.
fn trouble(trouble: &Trouble) -> Value {
    let message: String = clean(&trouble.reason).chars().take(2000).collect();
    json!({
        "component": "notifier", "reason": trouble.kind.reason(), "message": message, "channel": trouble.channel,
        "first_seen": rfc3339(trouble.since), "count": trouble.messages.max(1),
    })
}

/// What happened to a container. In the plain style it is what has to be known to decide, and where.
fn update(notice: &Notice, link: Option<&str>, notes: Option<&ReleaseNotes>, style: Style) -> Value {
    let id = &notice.workload;
    let (is_rich, notes) = (style == Style::Rich, notes.filter(|_| style == Style::Rich));
    let failure = notice.failure.as_ref().map(|failure| {
        let message = failure.message.chars().take(2000).collect::<String>();
        if failure.log.is_empty() || !is_rich {
            json!({"reason": failure.reason, "message": message})
        } else {
            json!({"reason": failure.reason, "message": message, "log": failure.log})
        }
    });
    let data = [
        ("update_id", Some(json!(notice.update_id()))),
        (
            "workload",
            Some(json!({
                "api_version": id.kind.api_version(), "kind": id.kind.as_str(), "namespace": id.namespace, "name": id.name,
                "uid": id.uid, "container": notice.container,
            })),
        ),
        ("group", notice.group.as_ref().filter(|_| is_rich).map(|plan| group(plan))),
        ("from", Some(image(&notice.from))),
        ("to", Some(image(&notice.to)).filter(|_| notice.lost.is_none() || notice.to.tag != notice.from.tag)),
        ("bump", Some(json!(bump(&notice.level)))),
        ("owner", notice.owner.as_ref().map(|owner| json!(owner.to_string()))),
        ("why", notice.why.as_ref().map(|why| json!(why.to_string()))),
        ("declares", Some(json!(notice.declared.kinds.names())).filter(|_| !notice.declared.is_none())),
        ("because", notice.because.as_ref().map(|because| json!(because))),
        ("preflight", notice.preflight.as_ref().filter(|_| is_rich).map(|preflight| json!(preflight))),
        ("release", release_url(notice, notes).map(|url| release(url, notes))),
        ("failure", failure),
        ("reminder", Some(json!(notice.reminder)).filter(|_| notice.reminder > 0)),
        ("approvals", notice.approvals.map(|approvals| json!({"needed": approvals.needed, "given": approvals.given}))),
        ("no_link", notice.no_link.map(|reason| json!(reason.as_str()))),
        ("links", link.filter(|_| notice.kind == NoticeKind::Stopped).map(|link| json!({"review": link}))),
        ("gone", notice.lost.map(gone)),
        ("held", (notice.kind == NoticeKind::Held).then(|| held(notice))),
        ("rollback", rollback(notice)),
        (
            "in_the_way",
            Some(notice.in_the_way.iter().map(in_the_way).collect::<Value>()).filter(|_| !notice.in_the_way.is_empty()),
        ),
        ("decided", decided(notice)),
        ("approval", notice.approval.as_ref().map(|approval| self::approval(notice, approval, link))),
    ];
    present(data)
}

/// Where all of a group go, in the order in which they are written.
fn group(plan: &Plan) -> Value {
    let one = |one: &Move| {
        let id = &one.workload;
        json!({
            "kind": id.kind.as_str(), "name": id.name, "uid": id.uid, "container": one.container, "with": one.with,
            "from": one.from_tag().map(|tag| tag.to_string()), "to": one.tag.as_str(), "digest": one.digest.as_str(),
        })
    };
    json!({"name": plan.name.as_str(), "members": plan.moves.iter().map(one).collect::<Vec<_>>()})
}

/// What going back waits for, or what was deleted for it.
fn in_the_way(one: &InTheWay) -> Value {
    let left = one.is_left.then_some(json!(true));
    present([
        ("kind", Some(json!(one.kind.as_str()))),
        ("name", Some(json!(one.name))),
        ("by_us", Some(json!(one.is_ours))),
        ("left", left),
    ])
}

/// What of the running image is gone.
fn gone(lost: Lost) -> Value {
    let moved = (lost == Lost::Moved).then_some(true);
    let release = lost.is_taken_back().then_some(true);
    present([
        ("tag", Some(json!(lost.is_of_registry()))),
        ("image", Some(json!(lost == Lost::Image))),
        ("release", release.map(Value::from)),
        ("moved", moved.map(Value::from)),
    ])
}

/// What the update changes. Texts are strangers', as plain text; nothing in them is to be acted on.
fn release(url: &str, notes: Option<&ReleaseNotes>) -> Value {
    let Some(notes) = notes else { return json!({"url": url}) };
    let highlights = notes.summary.as_ref().map(|summary| {
        let line =
            |highlight: &crate::domain::release::Highlight| format!("{}: {}", highlight.kind.as_str(), highlight.text);
        summary.highlights.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    let source = if highlights.is_some() { "llm" } else { notes.text.as_str() };
    let summary: String = highlights.unwrap_or_else(|| notes.text()).chars().take(MOST_OF_A_SUMMARY).collect();
    let version = |release: &Release| {
        present([
            ("version", Some(json!(release.version))),
            ("url", Some(json!(release.url))),
            ("published", release.published.as_ref().map(|day| json!(day))),
        ])
    };
    present([
        ("url", Some(json!(url))),
        ("found_by", Some(json!(notes.found_by))),
        ("summary", Some(json!(summary)).filter(|_| !summary.is_empty())),
        ("summary_source", Some(json!(source))),
        ("summary_model", notes.summary.as_ref().map(|summary| json!(summary.model))),
        ("risk", notes.summary.as_ref().map(|summary| json!(summary.risk))),
        ("alerts", Some(json!(notes.alerts)).filter(|_| !notes.alerts.is_empty())),
        (
            "versions",
            Some(notes.releases.iter().map(version).collect::<Value>()).filter(|_| !notes.releases.is_empty()),
        ),
        ("versions_left_out", Some(json!(notes.left_out)).filter(|_| notes.left_out > 0)),
    ])
}

/// The event's word for a step: what is neither a step between versions nor a digest is unknown to receivers.
fn bump(level: &str) -> &str {
    match level {
        "build" | "pattern" | "" => "unknown",
        other => other,
    }
}

fn approval(notice: &Notice, approval: &ApprovalView, link: Option<&str>) -> Value {
    let state = match notice.kind {
        NoticeKind::Available | NoticeKind::Held | NoticeKind::Gone | NoticeKind::Stopped => "pending",
        _ if notice.asks() => "pending",
        NoticeKind::Skipped => "rejected",
        NoticeKind::Granted
        | NoticeKind::Applied
        | NoticeKind::Failed
        | NoticeKind::Stalled
        | NoticeKind::RolledBack => "granted",
    };
    // Who set a version back, or decided on an update, decided nothing about this question.
    let decided_by = notice.by.as_ref().filter(|_| state != "pending");
    present([
        ("id", Some(json!(approval.id))),
        ("state", Some(json!(state))),
        ("expires_at", Some(json!(rfc3339(approval.expires)))),
        ("links", link.map(|link| json!({"review": link}))),
        ("decided_at", decided_by.map(|_| json!(rfc3339(notice.at)))),
        ("decided_by", decided_by.map(decider)),
    ])
}

/// Who decided what this is about, and when, whatever can be answered to it by now. A rollout that stands still is told with
/// since when it does.
fn decided(notice: &Notice) -> Option<Value> {
    let at = match notice.kind {
        NoticeKind::Granted
        | NoticeKind::Skipped
        | NoticeKind::Applied
        | NoticeKind::Failed
        | NoticeKind::RolledBack => Some(json!(rfc3339(notice.at))),
        NoticeKind::Stalled => None,
        NoticeKind::Available | NoticeKind::Held | NoticeKind::Gone | NoticeKind::Stopped => return None,
    };
    let by = notice.by.as_ref()?;
    Some(present([("at", at), ("by", Some(decider(by)))]))
}

/// Who decided, and whether somebody answers for who that is: whoever held a link, or ran a command, only says so.
fn decider(by: &Actor) -> Value {
    let who = if let Actor::OutsideTheWindow(who) = by { who } else { by };
    let (kind, id) = match who {
        Actor::Policy => ("policy", None),
        Actor::Holder { .. } => ("link", None),
        Actor::Command(_) => ("command", None),
        Actor::SignedIn(name) => ("sign-in", Some(name)),
        Actor::Slack(user) => ("slack", Some(user)),
        Actor::Telegram(user) => ("telegram", Some(user)),
        Actor::Several(_) | Actor::OutsideTheWindow(_) => ("people", None),
        Actor::Program(_) => ("program", None),
    };
    present([
        ("kind", Some(json!(kind))),
        ("id", id.map(|id| json!(clean(id)))),
        ("display", Some(json!(clean(&by.words())))),
        ("verified", Some(json!(by.is_signed_in()))),
    ])
}

/// What runs again, and why; or what becomes of an update that failed.
fn rollback(notice: &Notice) -> Option<Value> {
    let cause = || {
        let failure = notice.failure.as_ref().map(|failure| clean(&format!("{}: {}", failure.reason, failure.message)));
        let by = || notice.by.as_ref().map(|by| clean(&by.words()));
        failure.or_else(by).map(|cause| cause.chars().take(MOST_OF_A_CAUSE).collect::<String>())
    };
    match (notice.kind, notice.way_back) {
        (NoticeKind::RolledBack, _) => {
            Some(present([("to", Some(image(&notice.from))), ("cause", cause().map(|cause| json!(cause)))]))
        }
        (NoticeKind::Failed | NoticeKind::Stalled, Some(way)) => {
            let is_way_back = matches!(way, WayBack::Failed | WayBack::StandsStill);
            let back_to = if is_way_back { &notice.to } else { &notice.from };
            Some(json!({"to": image(back_to), "state": way.as_str()}))
        }
        _ => None,
    }
}

/// What was set back, and by whom as far as the API server knows it: `to` is held, `from` was put in its place.
fn held(notice: &Notice) -> Value {
    present([
        ("since", Some(json!(rfc3339(notice.at)))),
        ("set_back_by", notice.by.as_ref().map(|by| json!(clean(&by.words())))),
    ])
}

fn image(view: &ImageView) -> Value {
    present([
        ("repository", Some(json!(view.repository))),
        ("tag", Some(json!(view.tag))),
        ("digest", view.digest.as_ref().map(|digest| json!(digest))),
    ])
}

/// An object of the members that have a value.
fn present<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::tests::{asking, said};
    use super::*;
    use crate::message::Links;

    const CURRENT: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    pub(super) fn channel(format: Format) -> WebhookChannel {
        let secrets = WebhookSecrets::parse(CURRENT).unwrap();
        WebhookChannel::new(Secret::new("https://hooks.example.com/iw".into()), secrets, format)
    }

    #[test]
    fn a_cloud_event_wraps_the_same_data_and_is_signed_too() {
        let [standard, wrapped] = [Format::Standard, Format::cloud_events(Some("prod eu-1"))]
            .map(|format| super::super::hostile::rendered(&channel(format), Style::Rich));
        let body = |request: &Request| serde_json::from_slice::<Value>(&request.body).unwrap();
        let (plain, event) = (body(&standard), body(&wrapped));
        assert_eq!((&event["data"], &event["time"]), (&plain["data"], &plain["timestamp"]));
        assert_eq!(event["type"], "dev.image-watcher.update.available.v1");
        assert_eq!(event["source"], "/clusters/prod%20eu-1/image-watcher");
        assert_eq!(event["id"].as_str().unwrap(), wrapped.headers["webhook-id"].to_str().unwrap());
        assert_eq!((&event["specversion"], &event["datacontenttype"]), (&json!("1.0"), &json!("application/json")));
        let workload = &event["data"]["workload"];
        let subject = ["namespace", "kind", "name", "container"].map(|part| workload[part].as_str().unwrap()).join("/");
        assert_eq!(event["subject"], subject);
        assert_eq!(wrapped.headers["content-type"], "application/cloudevents+json");
        let (id, at) = (&wrapped.headers["webhook-id"], &wrapped.headers["webhook-timestamp"]);
        let at = at.to_str().unwrap().parse().unwrap();
        let signature = WebhookSecrets::parse(CURRENT).unwrap().sign(id.to_str().unwrap(), at, &wrapped.body);
        assert_eq!(wrapped.headers["webhook-signature"], signature);
        assert_eq!(Format::cloud_events(None), Format::CloudEvents { source: "/image-watcher".into() });
    }

    /// Fault r28-13: whether to go back is asked with nearly each end, and the event said that nobody had decided yet.
    #[test]
    fn who_decided_an_update_is_told_whatever_is_asked_by_then() {
        let event = |kind, by: Option<&str>| {
            let mut delivery = asking();
            let notice = &mut delivery.notices_mut()[0];
            (notice.kind, notice.by) = (kind, by.map(Into::into));
            notice.approval.as_mut().unwrap().allows = crate::domain::approval::Allows::Back;
            let (message, links, now) = (said(&delivery, None, None), Links::default(), DateTime::UNIX_EPOCH);
            let (delivery, message, links) = (&delivery, &message, &links);
            body(&Sending { delivery, message, links, notes: None, style: Style::Plain, now })["data"].take()
        };
        for kind in [NoticeKind::Applied, NoticeKind::Failed] {
            let data = event(kind, Some("sign-in bob, outside the window"));
            assert_eq!(
                (&data["approval"]["state"], &data["approval"]["decided_by"]),
                (&json!("pending"), &Value::Null)
            );
            let at = rfc3339(asking().notices()[0].at);
            let by = json!({"kind": "sign-in", "id": "bob", "display": "bob (signed in), outside the window", "verified": true});
            assert_eq!(data["decided"], json!({"at": at, "by": by}), "{kind:?}");
        }
        assert_eq!(event(NoticeKind::Applied, Some("policy"))["decided"]["by"]["kind"], "policy");
        assert!(event(NoticeKind::Stalled, Some("policy"))["decided"]["at"].is_null());
        for kind in [NoticeKind::Available, NoticeKind::Held] {
            assert!(event(kind, Some("kubectl"))["decided"].is_null(), "nothing of it is decided");
        }
    }

    #[test]
    fn what_is_signed_is_what_the_template_makes() {
        use super::super::template::Part;
        let (delivery, link) = (asking(), Some("https://iw.example.com/a/x"));
        let (message, links) = (said(&delivery, link, None), Links::one(link));
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let (delivery, message, links) = (&delivery, &message, &links);
        let sending = Sending { delivery, message, links, notes: None, style: Style::Rich, now };
        let sent = |text: &str| {
            let template = Arc::new(Template::read(Part::WebhookBody, text).unwrap());
            let channel = WebhookChannel::new(
                Secret::new("https://hooks.example.com/x".into()),
                WebhookSecrets::parse(CURRENT).unwrap(),
                Format::Standard,
            );
            let request = channel.written_by(Some(template)).request(&sending).unwrap();
            let (id, at) = (delivery.id(), now.timestamp());
            let signature = WebhookSecrets::parse(CURRENT).unwrap().sign(&id, at, &request.body);
            assert_eq!(request.headers["webhook-signature"], signature, "over what is sent");
            assert_eq!(request.headers["content-type"], "application/json");
            serde_json::from_slice::<Value>(&request.body).unwrap()
        };
        let made = sent("{\"text\": {{ message.sentence }}, \"to\": {{ event.data.to.tag }}, \"id\": {{ id }}}");
        assert_eq!(made, json!({"text": message.sentence, "to": "1.3.0", "id": delivery.id()}));
        for broken in [
            "{{ a.b.c }}",
            "{\"text\": {{ message.sentence|safe }}}",
            "{% for a in range(10000) %}{{ id }}{% endfor %}",
        ] {
            assert_eq!(sent(broken), body(&sending), "{broken}");
        }
    }

    #[test]
    fn another_hand_verifies_what_we_sign() {
        let (delivery, link) = (asking(), Some("https://iw.example.com/a/x"));
        let (message, links) = (said(&delivery, link, None), Links::one(link));
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let (delivery, message, links) = (&delivery, &message, &links);
        let body = body(&Sending { delivery, message, links, notes: None, style: Style::Rich, now }).to_string();
        #[expect(clippy::disallowed_methods, reason = "the receiver's library compares with the real clock")]
        let now = chrono::Utc::now().timestamp();
        let signature = WebhookSecrets::parse(CURRENT).unwrap().sign("msg_1", now, body.as_bytes());
        let mut headers = http::HeaderMap::new();
        headers.insert("webhook-id", "msg_1".parse().unwrap());
        headers.insert("webhook-timestamp", now.to_string().parse().unwrap());
        headers.insert("webhook-signature", signature.parse().unwrap());
        let receiver = standardwebhooks::Webhook::new(CURRENT).unwrap();
        assert!(receiver.verify(body.as_bytes(), &headers).is_ok());
        assert!(receiver.verify(format!("{body} ").as_bytes(), &headers).is_err());
    }

    /// Row 44 of the design's table: nothing signed is stored, so what waits is signed with what is configured when it goes.
    #[test]
    fn what_waits_while_the_secret_is_rotated_is_signed_with_what_is_configured_then() {
        const NEW: &str = "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";
        let sent = |secrets: &str| {
            let secrets = WebhookSecrets::parse(secrets).unwrap();
            let url = Secret::new("https://hooks.example.com/iw".into());
            let request =
                super::super::hostile::rendered(&WebhookChannel::new(url, secrets, Format::Standard), Style::Rich);
            let header = |name: &str| request.headers[name].to_str().unwrap().to_owned();
            (header("webhook-id"), header("webhook-signature"), request.body)
        };
        let (before, both, after) = (sent(CURRENT), sent(&format!("{NEW} {CURRENT}")), sent(NEW));
        assert_eq!(both.1, format!("{} {}", after.1, before.1), "the new one first");
        assert_eq!((&before.0, &before.2), (&after.0, &after.2), "it is the same message");
    }
}

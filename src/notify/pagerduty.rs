//! PagerDuty, by the Events API v2 (developer.pagerduty.com, "Send an Alert Event"): what failed opens an incident, and the
//! end of the same update closes it.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use url::Url;

use super::attempt::{Attempt, Refusal};
use super::budget::{Unit, cut, fitted};
use super::layout::buttons;
use super::service::{Request, Sending, Service, Style, at, body_of, by_status, put, refused, under};
use crate::domain::event::{Delivery, Notice, NoticeKind, Told};
use crate::domain::release::Room;
use crate::domain::secret::Secret;
use crate::domain::undelivered::Said;
use crate::message::{Message, Severity};
use crate::outbound::Response;

/// An incident needs no notes of what was released.
const ROOM: Room = Room { alerts: 0, releases: 0, lines: 0, characters: 0 };
/// The longest summary and key.
const MOST_OF_A_SUMMARY: usize = 1024;
const MOST_OF_A_KEY: usize = 255;
/// PagerDuty takes 512 KB; nobody reads as much.
const MOST_OF_AN_EVENT: usize = 32_000;

/// What closes an incident.
const RESOLVE: &str = "resolve";

/// A service that is on call.
#[derive(Debug)]
pub struct PagerDutyChannel {
    url: Secret,
    key: Secret,
}

impl PagerDutyChannel {
    /// A channel: where events are sent, and the key of an integration.
    #[must_use]
    pub fn new(api: &Url, key: Secret) -> Self {
        Self { url: under(api, &["v2", "enqueue"]), key }
    }

    fn event(&self, mut event: Value, delivery: &Delivery) -> Result<Request, Refusal> {
        put(&mut event, "routing_key", json!(self.key.expose()));
        put(&mut event, "dedup_key", json!(cut(&incident(delivery), Unit::Bytes, MOST_OF_A_KEY)));
        Request::json(&self.url, &event)
    }
}

impl Service for PagerDutyChannel {
    fn room(&self) -> Room {
        ROOM
    }

    fn address(&self) -> &Secret {
        &self.url
    }

    fn secrets(&self) -> Vec<&str> {
        vec![self.key.expose()]
    }

    /// What opens an incident, and what closes it.
    fn usually_wants(&self, kind: NoticeKind) -> bool {
        matches!(kind, NoticeKind::Failed | NoticeKind::Stopped) || ends_well(kind)
    }

    /// Nothing says that such a trouble is over, so nothing would close its incident.
    fn usually_wants_troubles(&self) -> bool {
        false
    }

    /// Nothing broke where a version was never tried, and nothing would ever close its incident.
    fn has_use_for(&self, notice: &Notice) -> bool {
        !notice.is_passed_over()
    }

    fn takes_several(&self) -> bool {
        false
    }

    /// That the event is taken.
    fn is_its_own(&self, answer: &Response) -> bool {
        *at(&body_of(answer), "/status") == "success"
    }

    fn request(&self, sending: &Sending<'_>) -> Result<Request, Refusal> {
        let Sending { delivery, message, .. } = sending;
        let event = match (sending.style, is_over(delivery)) {
            (_, true) => json!({"event_action": RESOLVE}),
            (Style::Rich, false) => fitted(message, |message| trigger(message, delivery), fits),
            (Style::Plain, false) => {
                json!({"event_action": "trigger", "payload": payload(message, delivery)})
            }
        };
        self.event(event, delivery)
    }

    fn end_of_trial(&self, sending: &Sending<'_>) -> Option<Result<Request, Refusal>> {
        Some(self.event(json!({"event_action": RESOLVE}), sending.delivery))
    }

    /// A key that is none is answered with 400, as if it were about the event.
    fn judge(&self, answer: &Response, now: DateTime<Utc>) -> Attempt<Refusal> {
        let told = at(&body_of(answer), "/errors").to_string().to_lowercase();
        match by_status(answer, now) {
            Attempt::TooRich { .. } if told.contains("routing_key") || told.contains("routing key") => {
                refused(Said::PagerDutyKey, answer)
            }
            attempt => attempt,
        }
    }
}

fn ends_well(kind: NoticeKind) -> bool {
    matches!(kind, NoticeKind::Applied | NoticeKind::RolledBack)
}

/// Whether all that is told ended well, so that there is nothing to be woken for.
fn is_over(delivery: &Delivery) -> bool {
    let notices = delivery.notices();
    !notices.is_empty() && notices.iter().all(|notice| ends_well(notice.kind) || notice.is_resumed())
}

/// What opens and closes an incident is about the same update.
fn incident(delivery: &Delivery) -> String {
    match &delivery.told {
        Told::One(notice) => notice.stopped().map_or_else(|| notice.update_id(), |stopped| stopped.id().to_string()),
        // Of each day one, as it is told: in one that was left open, nobody would be woken again.
        Told::Trouble(trouble) => {
            format!("{}:{}:{}", trouble.kind.reason(), trouble.channel, trouble.at.date_naive())
        }
        Told::Several { notices, .. } => notices.first().map_or_else(|| delivery.id(), Notice::update_id),
        Told::Test(_) => delivery.id(),
    }
}

fn payload(message: &Message, delivery: &Delivery) -> Value {
    let severity = match message.severity {
        Severity::Info | Severity::Success => "info",
        Severity::Warning => "warning",
        Severity::Failure => "error",
    };
    let first = delivery.notices().first();
    let source = first.map(|notice| {
        let id = &notice.workload;
        format!("{}/{}/{}", id.namespace, id.kind.as_str(), id.name)
    });
    let mut payload = json!({
        "summary": cut(&message.alone(), Unit::Utf16, MOST_OF_A_SUMMARY),
        "source": source.unwrap_or_else(|| "image-watcher".to_owned()),
        "severity": severity,
        "class": delivery.event(),
    });
    if let Some(notice) = first {
        put(&mut payload, "component", json!(notice.container));
    }
    payload
}

fn trigger(message: &Message, delivery: &Delivery) -> Value {
    let facts = message.facts.iter().map(|fact| (fact.label.clone(), json!(fact.value)));
    let remarks = message.remarks.iter().map(|remark| (remark.label.clone(), json!(remark.text)));
    let sections = message.sections.iter().map(|section| {
        let lines: Vec<&str> = section.items.iter().map(|item| item.line.as_str()).collect();
        (section.heading.clone(), json!(lines))
    });
    let mut payload = payload(message, delivery);
    put(&mut payload, "custom_details", facts.chain(remarks).chain(sections).collect::<Map<_, _>>().into());
    let links: Vec<Value> = buttons(message)
        .map(|action| json!({"href": action.url, "text": cut(&action.label, Unit::Utf16, 80)}))
        .collect();
    json!({"event_action": "trigger", "payload": payload, "links": links, "client": "image-watcher"})
}

fn fits(event: &Value) -> bool {
    event.to_string().len() + MOST_OF_A_KEY * 2 <= MOST_OF_AN_EVENT
}

#[cfg(test)]
mod tests {
    use super::super::hostile::{answered, rendered, request_of};
    use super::super::tests::asking;
    use super::*;

    fn channel() -> PagerDutyChannel {
        let api = "https://events.pagerduty.com".parse().unwrap();
        PagerDutyChannel::new(&api, Secret::new("0123456789abcdef0123456789abcdef".into()))
    }

    fn event(kind: NoticeKind) -> Value {
        let mut delivery = asking();
        let notice = &mut delivery.notices_mut()[0];
        (notice.kind, notice.by) = (kind, Some("policy".into()));
        serde_json::from_slice(&request_of(&channel(), &delivery, Style::Rich).body).unwrap()
    }

    #[test]
    fn what_failed_is_closed_by_the_end_of_the_same_update() {
        let (failed, applied, back) =
            (event(NoticeKind::Failed), event(NoticeKind::Applied), event(NoticeKind::RolledBack));
        assert_eq!((&failed["event_action"], &failed["payload"]["severity"]), (&json!("trigger"), &json!("error")));
        for end in [applied, back] {
            assert_eq!((&end["event_action"], &end["dedup_key"]), (&json!("resolve"), &failed["dedup_key"]));
        }
        assert_eq!(rendered(&channel(), Style::Rich).url.as_str(), "https://events.pagerduty.com/v2/enqueue");
    }

    #[test]
    fn it_is_woken_by_failures_alone() {
        let wanted = NoticeKind::ALL.into_iter().filter(|kind| channel().usually_wants(*kind));
        let wanted: Vec<&str> = wanted.map(NoticeKind::as_str).collect();
        assert_eq!(wanted, ["update.applied", "update.failed", "update.rolled_back", "updates.stopped"]);
        assert!(!channel().takes_several());
    }

    /// A version that was never tried broke nothing, and a stop ends by a person's word.
    #[test]
    fn nobody_is_woken_for_what_never_ran_and_a_stop_has_an_end() {
        use crate::domain::fleet::{Asks, Stopped};
        let notice = |kind, by: Option<&str>| {
            let mut notice = asking().notices()[0].clone();
            (notice.kind, notice.by) = (kind, by.map(Into::into));
            notice
        };
        assert!(!channel().has_use_for(&notice(NoticeKind::Failed, None)));
        assert!(channel().has_use_for(&notice(NoticeKind::Failed, Some("policy"))));
        let since = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let stop = |by| {
            let because = Some(Box::new(Asks::Stopped(Stopped { since, failed: Vec::new() })));
            let notice = Notice { because, approval: None, ..notice(NoticeKind::Stopped, by) };
            assert!(channel().has_use_for(&notice));
            let mut delivery = asking();
            delivery.notices_mut()[0] = notice;
            let event = request_of(&channel(), &delivery, Style::Rich).body;
            serde_json::from_slice::<Value>(&event).unwrap()
        };
        let (began, ended) = (stop(None), stop(Some("sign-in alice")));
        assert_eq!((&began["event_action"], &ended["event_action"]), (&json!("trigger"), &json!("resolve")));
        assert_eq!(began["dedup_key"], ended["dedup_key"]);
    }

    /// Nothing tells that a channel works again, so nobody is woken for one who did not ask for that; and then each day anew.
    #[test]
    fn what_nothing_closes_opens_no_incident_unasked() {
        use super::super::{Channel, Channels, Scope, Transport};
        let opened = |name: &str, scope| {
            let outbound = crate::outbound::Outbound::new(None).unwrap();
            let client = Box::new(outbound.client(crate::outbound::Reach::Named).unwrap());
            Channel::new(name.into(), scope, Transport::Service(client, std::sync::Arc::new(channel())))
        };
        let asked = Scope { events: Some(vec![NoticeKind::Failed]), troubles: true, ..Scope::default() };
        let beside = |scope| Channels::new(vec![opened("pager", scope)], None).beside("mail").is_some();
        assert_eq!((beside(Scope::default()), beside(asked)), (false, true));
        let since = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let key = |days| {
            let told = Told::Trouble(Box::new(crate::domain::event::Trouble {
                kind: crate::domain::event::TroubleKind::ChannelPaused,
                channel: "mail".into(),
                reason: "status 401".into(),
                since,
                at: since + chrono::TimeDelta::days(days),
                messages: 0,
            }));
            let body = request_of(&channel(), &Delivery { told, ..asking() }, Style::Rich).body;
            serde_json::from_slice::<Value>(&body).unwrap()["dedup_key"].clone()
        };
        assert!(key(0) == key(0) && key(0) != key(30));
    }

    /// A trial leaves no incident behind.
    #[tokio::test]
    async fn a_trial_closes_what_it_opened() {
        use super::super::follow::{Turn, attempt};
        use super::super::service::tests::answering;
        const TAKEN: &[u8] =
            b"HTTP/1.1 202 Accepted\r\nconnection: close\r\ncontent-length: 20\r\n\r\n{\"status\":\"success\"}";
        let (api, asked, _serving) = answering(TAKEN).await;
        let pager = PagerDutyChannel::new(&api, Secret::new("0".repeat(32)));
        let client = crate::outbound::Outbound::new(None).unwrap().client(crate::outbound::Reach::Named).unwrap();
        let trial = crate::domain::event::Trial { id: "1".into(), at: DateTime::UNIX_EPOCH };
        for (delivery, times) in [(Delivery { told: Told::Test(trial), ..asking() }, 2), (asking(), 3)] {
            let (message, links) = (super::super::tests::said(&delivery, None, None), crate::message::Links::default());
            let (delivery, now) = (&delivery, DateTime::UNIX_EPOCH);
            let sending = Sending { delivery, message: &message, links: &links, notes: None, style: Style::Rich, now };
            let sent = attempt(&pager, &client, &sending, Turn { before: None, is_news: true }).await;
            assert_eq!((sent.attempt, asked.load(std::sync::atomic::Ordering::SeqCst)), (Attempt::Delivered, times));
            if times == 2 {
                let event = |request: Request| serde_json::from_slice::<Value>(&request.body).unwrap();
                let begun = event(pager.request(&sending).unwrap());
                let ended = event(pager.end_of_trial(&sending).unwrap().unwrap());
                assert_eq!((&begun["event_action"], &ended["event_action"]), (&json!("trigger"), &json!("resolve")));
                assert_eq!(begun["dedup_key"], ended["dedup_key"]);
            }
        }
    }

    #[test]
    fn answers_are_judged() {
        let judged = |status, body: &str| answered(&channel(), status, body, &[]);
        assert_eq!(judged(202, r#"{"status":"success"}"#), Attempt::Delivered);
        let key = r#"{"status":"invalid event","errors":["Invalid routing key"]}"#;
        assert!(matches!(judged(400, key), Attempt::Refused { .. }));
        assert!(matches!(judged(400, r#"{"errors":["'payload.summary' is too long"]}"#), Attempt::TooRich { .. }));
        assert!(matches!(judged(429, ""), Attempt::Busy { .. }));
    }
}

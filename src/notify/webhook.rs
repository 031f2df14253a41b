//! A generic webhook, signed after Standard Webhooks 1.0 (standardwebhooks.com): whoever holds the secret can tell that
//! it is ours, whole and fresh, and recognises a repetition by its id.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::attempt::Refusal;
use super::service::{Request, Sending, Service, secrets_of};
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
/// How many updates a digest has in full (the event's schema).
const MOST_ITEMS: usize = 50;
/// The longest summary, in characters (the event's schema).
const MOST_OF_A_SUMMARY: usize = 4000;
/// The longest cause of a rollback, likewise.
const MOST_OF_A_CAUSE: usize = 256;

/// Why a secret can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It does not begin with `whsec_`.
    #[error("whsec_ and 24 to 64 bytes in base64 are expected; several, for rotation, are separated by a space")]
    Form,
    /// Too few bytes to be safe, or more than the specification allows.
    #[error("a secret has 24 to 64 bytes, this one {0}")]
    Length(usize),
}

/// The keys that sign: the current one first, then those that are on their way out.
#[derive(Clone)]
pub struct WebhookSecrets(Vec<Zeroizing<Vec<u8>>>);

impl std::fmt::Debug for WebhookSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WebhookSecrets({})", self.0.len())
    }
}

impl WebhookSecrets {
    /// Reads `whsec_<base64>`, one or several.
    ///
    /// # Errors
    /// [`SecretError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let read = |one: &str| {
            let encoded = one.strip_prefix("whsec_").ok_or(SecretError::Form)?;
            let bytes = STANDARD.decode(encoded).map_err(|_| SecretError::Form)?;
            if (24..=64).contains(&bytes.len()) {
                Ok(Zeroizing::new(bytes))
            } else {
                Err(SecretError::Length(bytes.len()))
            }
        };
        let secrets: Vec<_> =
            text.split([' ', ',', '\n', '\r']).filter(|one| !one.is_empty()).map(read).collect::<Result<_, _>>()?;
        if secrets.is_empty() { Err(SecretError::Form) } else { Ok(Self(secrets)) }
    }

    /// The header `webhook-signature`: one signature for each key, separated by spaces.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let signature = |key: &Zeroizing<Vec<u8>>| {
            let mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
            let mac = mac.chain_update(format!("{id}.{timestamp}.")).chain_update(body);
            Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
        };
        self.0.iter().filter_map(signature).collect::<Vec<_>>().join(" ")
    }
}

/// The channel behind one endpoint.
#[derive(Debug)]
pub struct WebhookChannel {
    url: Secret,
    secrets: WebhookSecrets,
}

impl WebhookChannel {
    /// A channel.
    #[must_use]
    pub fn new(url: Secret, secrets: WebhookSecrets) -> Self {
        Self { url, secrets }
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
        let request = Request::json(&self.url, &body(sending))?;
        // The time is this attempt's: receivers refuse what is older than minutes.
        let (id, now) = (sending.delivery.id(), sending.now.timestamp());
        let signature = self.secrets.sign(&id, now, &request.body);
        request
            .header("webhook-id", &id)?
            .header("webhook-timestamp", &now.to_string())?
            .header("webhook-signature", &signature)
    }
}

/// The event. Fields are only ever added; those without a value are left out.
pub(super) fn body(sending: &Sending<'_>) -> Value {
    let Sending { delivery, links, notes, .. } = sending;
    let link = |at: usize| links.each.get(at).and_then(Option::as_deref);
    let (at, data) = match &delivery.told {
        Told::One(notice) => (moment_of(notice), update(notice, links.whole.as_deref(), *notes)),
        Told::Several { notices, .. } => {
            let items = notices.iter().enumerate().take(MOST_ITEMS);
            let items: Vec<Value> = items.map(|(at, notice)| typed(notice, update(notice, link(at), None))).collect();
            let others: Vec<Value> = notices.iter().skip(MOST_ITEMS).map(in_brief).collect();
            let at = notices.iter().map(moment_of).max().unwrap_or(sending.now);
            let others = Some(json!(others)).filter(|_| !others.is_empty());
            (at, present([("total", Some(json!(notices.len()))), ("items", Some(json!(items))), ("others", others)]))
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
    if let Some(fields) = update.as_object_mut() {
        fields.insert("type".to_owned(), json!(notice.kind.as_str()));
        fields.insert("timestamp".to_owned(), json!(rfc3339(moment_of(notice))));
    }
    update
}

/// One of those that have no room among the items.
fn in_brief(notice: &Notice) -> Value {
    json!({
        "type": notice.kind.as_str(), "update_id": notice.update_id(), "kind": notice.workload.kind.as_str(),
        "namespace": notice.workload.namespace, "name": notice.workload.name, "container": notice.container,
        "from": notice.from.tag, "to": notice.to.tag,
    })
}

/// What is wrong with image-watcher itself.
fn trouble(trouble: &Trouble) -> Value {
    let message: String = clean(&trouble.reason).chars().take(2000).collect();
    json!({
        "component": "notifier", "reason": trouble.kind.reason(), "message": message, "channel": trouble.channel,
        "first_seen": rfc3339(trouble.since), "count": trouble.messages.max(1),
    })
}

/// What happened to a container.
fn update(notice: &Notice, link: Option<&str>, notes: Option<&ReleaseNotes>) -> Value {
    let id = &notice.workload;
    let failure = notice.failure.as_ref().map(|failure| {
        let message = failure.message.chars().take(2000).collect::<String>();
        if failure.log.is_empty() {
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
        ("group", notice.group.as_ref().map(|plan| group(plan))),
        ("from", Some(image(&notice.from))),
        ("to", Some(image(&notice.to)).filter(|_| notice.lost.is_none() || notice.to.tag != notice.from.tag)),
        ("bump", Some(json!(bump(&notice.level)))),
        ("owner", notice.owner.as_ref().map(|owner| json!(owner.to_string()))),
        ("why", notice.why.as_ref().map(|why| json!(why.to_string()))),
        ("declares", Some(json!(notice.declared.kinds.names())).filter(|_| !notice.declared.is_none())),
        ("because", notice.because.as_ref().map(|because| json!(because))),
        ("preflight", notice.preflight.as_ref().map(|preflight| json!(preflight))),
        ("release", release_url(notice, notes).map(|url| release(url, notes))),
        ("failure", failure),
        ("no_link", notice.no_link.map(|reason| json!(reason.as_str()))),
        ("gone", notice.lost.map(gone)),
        ("held", (notice.kind == NoticeKind::Held).then(|| held(notice))),
        ("rollback", rollback(notice)),
        (
            "in_the_way",
            Some(notice.in_the_way.iter().map(in_the_way).collect::<Value>()).filter(|_| !notice.in_the_way.is_empty()),
        ),
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
    json!({"kind": one.kind.as_str(), "name": one.name, "by_us": one.is_ours})
}

/// What of the running image is gone.
fn gone(lost: Lost) -> Value {
    let release = (!lost.is_of_registry()).then_some(true);
    present([
        ("tag", Some(json!(lost.is_of_registry()))),
        ("image", Some(json!(lost == Lost::Image))),
        ("release", release.map(Value::from)),
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
        NoticeKind::Granted | NoticeKind::Applied | NoticeKind::Failed | NoticeKind::RolledBack => "granted",
    };
    // Who set a version back, or decided on an update, decided nothing about this question.
    let decided_by = notice.by.as_ref().filter(|_| state != "pending");
    present([
        ("id", Some(json!(approval.id))),
        ("state", Some(json!(state))),
        ("expires_at", Some(json!(rfc3339(approval.expires)))),
        ("links", link.map(|link| json!({"review": link}))),
        ("decided_at", decided_by.map(|_| json!(rfc3339(notice.at)))),
        ("decided_by", decided_by.map(|by| json!({"kind": "link", "display": clean(&by.words()), "verified": false}))),
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
        (NoticeKind::Failed, Some(way)) => {
            let back_to = if way == WayBack::Failed { &notice.to } else { &notice.from };
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
mod tests {
    use super::super::service::Style;
    use super::super::tests::{asking, said};
    use super::*;
    use crate::message::Links;

    const CURRENT: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const OLD: &str = "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

    #[test]
    fn signatures_are_those_of_the_specification() {
        let cases = [
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#,
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            (
                "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                1_649_367_553,
                r#"{"email":"test@example.com","username":"test_user"}"#,
                "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            ),
            (
                CURRENT,
                "msg_utf8",
                1_735_787_045,
                r#"{"type":"update.available","data":{"note":"é — 🚀"}}"#,
                "v1,0+VDO4+MwxCpge90maf17/YiratiT0ahXppDUF3NbIU=",
            ),
            (CURRENT, "msg_empty", 1_735_787_045, "", "v1,qAqWPvtnld1EGk6fkScQ86gLyeolBIOHzP4iFnQ+MN8="),
        ];
        for (secret, id, timestamp, body, expected) in cases {
            assert_eq!(WebhookSecrets::parse(secret).unwrap().sign(id, timestamp, body.as_bytes()), expected, "{id}");
        }
    }

    #[test]
    fn a_rotated_secret_signs_beside_the_new_one() {
        let both = WebhookSecrets::parse(&format!("{CURRENT} {OLD}\n")).unwrap();
        let alone = |secret: &str| WebhookSecrets::parse(secret).unwrap().sign("msg_1", 1, b"x");
        assert_eq!(both.sign("msg_1", 1, b"x"), format!("{} {}", alone(CURRENT), alone(OLD)));
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

    #[test]
    fn secrets_that_are_none_are_refused() {
        for (bad, expected) in [
            ("whsec_", SecretError::Length(0)),
            ("whsec_MTIzNDU2Nzg5MA==", SecretError::Length(10)),
            ("whsec_%%%", SecretError::Form),
            ("whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", SecretError::Form),
            ("", SecretError::Form),
        ] {
            assert_eq!(WebhookSecrets::parse(bad).unwrap_err(), expected, "{bad}");
        }
        let long = format!("whsec_{}", STANDARD.encode([1; 65]));
        assert_eq!(WebhookSecrets::parse(&long).unwrap_err(), SecretError::Length(65));
    }
}

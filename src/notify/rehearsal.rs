//! What templates are tried with before any message depends on them: everything that a message may be, in words that mean
//! ill.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use super::service::{Sending, Style};
use super::template::{Part, Template, TemplateError};
use super::webhook;
use crate::domain::approval::Allows;
use crate::domain::event::{
    ApprovalView, Delivery, Failure, ImageView, Notice, NoticeKind, Told, Trial, Trouble, TroubleKind,
};
use crate::domain::plain::PlainText;
use crate::domain::release::{
    Alert, AlertKind, FoundBy, Highlight, Language, Line, LineKind, Release, ReleaseNotes, Risk, Summary, TextSource,
    Topic,
};
use crate::domain::workload::{Kind, WorkloadId};
use crate::message::{Frame, Links, Message};

/// What no message of ours has as it is.
const HOSTILE: &str = "<script>alert(1)</script>\"'&`${{ 7 * 7 }}{% endif %}\\";
/// What the link ends with.
const TOKEN: &str = "rehearsal";

impl Template {
    /// Reads a template, and tries it.
    ///
    /// # Errors
    /// [`TemplateError`] says what is wrong with it.
    pub fn tried(part: Part, text: &str) -> Result<Self, TemplateError> {
        let template = Self::read(part, text)?;
        let notes = notes();
        for language in [Language::English, Language::French] {
            for delivery in deliveries() {
                template.try_with(part, &delivery, None, language)?;
                if let Told::One(_) = delivery.told {
                    template.try_with(part, &delivery, Some(&notes), language)?;
                }
            }
        }
        Ok(template)
    }

    fn try_with(
        &self,
        part: Part,
        delivery: &Delivery,
        notes: Option<&ReleaseNotes>,
        language: Language,
    ) -> Result<(), TemplateError> {
        let link = format!("https://image-watcher.example/a/{TOKEN}");
        let asks = delivery.notices().iter().any(Notice::asks);
        let links = Links { whole: Some(link).filter(|_| asks), each: vec![None; delivery.notices().len()] };
        let frame = Frame { cluster: Some(HOSTILE), zone: Tz::UTC, language, links: &links, notes };
        let message = Message::of(delivery, &frame);
        let (style, now) = (Style::Rich, DateTime::UNIX_EPOCH);
        let sending = Sending { delivery, message: &message, links: &links, notes, style, now };
        if part == Part::WebhookBody {
            let made = self.render(&webhook::template_values(&sending, &webhook::body(&sending)))?;
            return serde_json::from_str::<Value>(&made).map(drop).map_err(|_| TemplateError::NotJson);
        }
        let made = self.render(&message)?;
        match part {
            _ if asks && !made.contains(TOKEN) => Err(TemplateError::NoLink),
            Part::EmailHtml if made.contains("<script>alert") => Err(TemplateError::Unescaped),
            _ => Ok(()),
        }
    }
}

fn deliveries() -> Vec<Delivery> {
    let mut all: Vec<Delivery> = NoticeKind::ALL.into_iter().map(|kind| to_one(notice(kind))).collect();
    let several = NoticeKind::ALL.map(notice).to_vec();
    let (at, text) = (DateTime::<Utc>::UNIX_EPOCH, HOSTILE.to_owned());
    let (kind, channel, reason) = (TroubleKind::ChannelPaused, text.clone(), text.clone());
    let trouble = Trouble { kind, channel, reason, since: at, at, messages: 1 };
    for told in [
        Told::Several { id: "col_rehearsal".to_owned(), notices: several },
        Told::Trouble(Box::new(trouble)),
        Told::Test(Trial { id: text, at }),
    ] {
        all.push(Delivery { channel: "rehearsal".to_owned(), recipient: String::new(), told });
    }
    all
}

/// What strangers write of a release. All of it may be shown as text, and as nothing else.
fn notes() -> ReleaseNotes {
    let text = || PlainText::of(HOSTILE);
    let line = |kind| Line { kind, text: text() };
    let release = Release {
        version: text(),
        url: "https://example.com/releases/1".to_owned(),
        published: Some(HOSTILE.to_owned()),
        lines: [LineKind::Heading, LineKind::Item, LineKind::Text].map(line).to_vec(),
        is_cut: true,
    };
    let alert = |kind| Alert { kind, text: text(), version: text() };
    let highlight = Highlight { kind: Topic::Security, text: text() };
    ReleaseNotes {
        page: "https://example.com/releases".to_owned(),
        found_by: FoundBy::Label,
        text: TextSource::Release,
        releases: vec![release],
        left_out: 1,
        alerts: vec![alert(AlertKind::Breaking)],
        more_alerts: 1,
        declared: None,
        summary: Some(Summary { model: text(), highlights: vec![highlight], risk: Risk::High }),
    }
}

fn to_one(notice: Notice) -> Delivery {
    Delivery::of("rehearsal", "", notice)
}

fn notice(kind: NoticeKind) -> Notice {
    let at = DateTime::<Utc>::UNIX_EPOCH;
    let image = |letter: &str| ImageView {
        repository: HOSTILE.to_owned(),
        tag: format!("{HOSTILE}{letter}"),
        digest: Some(format!("sha256:{}", letter.repeat(64))),
    };
    let workload = WorkloadId {
        namespace: HOSTILE.into(),
        kind: Kind::Deployment,
        name: HOSTILE.into(),
        uid: "00000000-0000-0000-0000-000000000000".into(),
    };
    let allows = match kind {
        NoticeKind::Available => Some(Allows::Update),
        NoticeKind::Held | NoticeKind::RolledBack => Some(Allows::Held),
        NoticeKind::Applied | NoticeKind::Failed => Some(Allows::Back),
        NoticeKind::Granted | NoticeKind::Skipped | NoticeKind::Stalled | NoticeKind::Gone | NoticeKind::Stopped => {
            None
        }
    };
    let approval = allows.map(|allows| ApprovalView {
        id: "apr_00000000000000000000000000".to_owned(),
        key: String::new(),
        expires: at,
        nonce: String::new(),
        from_image: HOSTILE.to_owned(),
        allows,
    });
    let failure = Failure { log: vec![HOSTILE.to_owned(); 3], ..Failure::new(HOSTILE, HOSTILE) };
    Notice {
        level: HOSTILE.to_owned(),
        policy: HOSTILE.to_owned(),
        release_url: Some(format!("https://example.com/{HOSTILE}")),
        approval,
        failure: Some(failure).filter(|_| kind == NoticeKind::Failed),
        ..Notice::new(kind, at, (&workload, HOSTILE), (image("a"), image("b")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTML: &str = include_str!("../../templates/email/update.html");
    const TEXT: &str = include_str!("../../templates/email/update.txt");

    #[test]
    fn ours_stand_the_trial_that_others_have_to_stand() {
        for (part, text) in [(Part::EmailHtml, HTML), (Part::EmailText, TEXT)] {
            assert!(Template::tried(part, text).is_ok(), "{:?}", Template::tried(part, text).err());
        }
        let body = "{\"id\": {{ id }}, \"title\": {{ message.title }}, \"of\": {{ event.data.workload.name if event.data.workload else none }}}";
        assert!(
            Template::tried(Part::WebhookBody, body).is_ok(),
            "{:?}",
            Template::tried(Part::WebhookBody, body).err()
        );
    }

    /// A name, a tag or a line of others without a place to break at would make the mail wider than a phone, and with it
    /// every line below. Labels have fixed words, and a width.
    #[test]
    fn whatever_a_mail_shows_may_be_broken_at_any_character() {
        let opens = ["<p ", "<h1 ", "<h2 ", "<h3 ", "<div ", "<ul ", "<td class=\"text", "<td style"];
        let shows = |line: &&str| opens.iter().any(|tag| line.contains(tag)) && line.contains("{{");
        let (_, body) = HTML.split_once("<body").unwrap();
        let lines = body.lines().filter(shows).filter(|line| !line.contains("display:none"));
        let unbroken: Vec<&str> = lines.filter(|line| !line.contains("word-break:")).collect();
        assert!(unbroken.is_empty(), "{unbroken:#?}");
    }

    #[test]
    fn what_would_mislead_people_is_found_before_they_see_it() {
        let html = |text: &str| Template::tried(Part::EmailHtml, text).unwrap_err().to_string();
        assert!(html("<p>{{ sentence }}</p>").contains("action.url"));
        assert!(html("{{ sentence|safe }}{{ action.url }}").contains("as it is"));
        assert!(html("{% autoescape false %}{{ title }}{{ action.url }}{% endautoescape %}").contains("as it is"));
        assert!(
            html("{{ action.url }}{{ facts[40].label }}").contains("undefined"),
            "{}",
            html("{{ action.url }}{{ facts[40].label }}")
        );
        assert!(Template::tried(Part::EmailHtml, "{{ sentence }} {{ action.url if action }}").is_ok());
        // What a release says is a stranger's word too.
        let of_notes = |text: &str| {
            let shown =
                "{{ action.url if action }}{% if notes and notes.changes %}{% for release in notes.changes.releases %}";
            html(&format!("{shown}{{% for line in release.lines %}}{text}{{% endfor %}}{{% endfor %}}{{% endif %}}"))
        };
        assert!(of_notes("{{ line.text|safe }}").contains("as it is"));
        // So is a button that only questions about updates show: what is held, and what can be undone, have one too.
        assert!(html("{% if severity == 'info' %}{{ action.url if action }}{% endif %}").contains("action.url"));
        let body = |text: &str| Template::tried(Part::WebhookBody, text).unwrap_err().to_string();
        assert!(body("{\"text\": \"{{ message.sentence }}\"}").contains("does not make JSON"));
        assert!(body("{\"text\": {{ message.sentence|safe }}}").contains("does not make JSON"));
    }
}

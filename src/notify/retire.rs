//! A question that a newer one takes the place of has buttons and a link that lead nowhere any more: where a service can
//! change what was posted, the message of the older one says so, before the newer one is posted.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::attempt::Attempt;
use super::sender::{KnownRecords, SHOWN, Sender};
use super::service::post;
use super::{Channel, Transport};
use crate::domain::approval::ApprovalId;
use crate::domain::event::{Delivery, Notice, NoticeKind, Told};
use crate::domain::press::Posted;
use crate::domain::record::{Known, Record};
use crate::message::{chat, newest, subject_of};
use crate::queue::{Kept, Queue};

/// The question about a container that was posted last in a channel.
#[derive(Debug, Deserialize, Serialize)]
struct Asked {
    /// The chat, see [`super::Answered::home`].
    home: String,
    /// The update that it asks about.
    update: String,
    /// The approval, by which its record knows it.
    approval: String,
    /// What its message says, in a line.
    subject: String,
    /// Where it stands, until it says that something else took its place.
    posted: Option<Posted>,
}

/// Whether it asks people about an update.
fn is_question(notice: &Notice) -> bool {
    notice.kind == NoticeKind::Available && notice.asks()
}

impl Channel {
    fn question_of(&self, notice: &Notice) -> String {
        format!("question {} {} {}", self.name(), notice.workload.uid, notice.container)
    }

    /// The question before this one, where it is about another update and stands there still.
    fn older(&self, kept: &str, notice: &Notice) -> Option<(Asked, Posted)> {
        let mut asked: Asked = serde_json::from_str(kept).ok()?;
        let is_older = asked.update != notice.update_id() && asked.home == self.transport().answered()?.home();
        let posted = asked.posted.take().filter(|_| is_older)?;
        Some((asked, posted))
    }

    /// Has the message of an older question say what took its place.
    async fn retire(&self, asked: &Asked, posted: &Posted, notice: &Notice, now: DateTime<Utc>) -> Attempt {
        let transport = self.transport();
        let Transport::Service(client, service) = &*transport else { return Attempt::Delivered };
        let language = self.scope().language;
        let text = format!("{}\n{}", asked.subject, chat::replaced(language, &newest(notice, language)));
        let Some(request) = service.answered().and_then(|app| app.retired(posted, &text)) else {
            return Attempt::Delivered;
        };
        let (attempt, answer) = post(&**service, client, Ok(request), now).await;
        let is_gone = answer.zip(service.answered()).is_some_and(|(answer, app)| app.is_out_of_reach(&answer));
        if is_gone { Attempt::Delivered } else { attempt.redacted(&transport.secrets()) }
    }
}

impl<Q: Queue + Kept> Sender<Q> {
    /// Has the messages of older questions say what takes their place. An attempt is given where the service can't be
    /// reached now, or refuses us: then the newer one can't be posted either.
    pub(super) async fn retire_older(&self, delivery: &Delivery, known: &KnownRecords) -> Option<Attempt> {
        let channel = self.channels.find(&delivery.channel)?;
        channel.transport().answered()?;
        for notice in delivery.notices().iter().filter(|notice| is_question(notice)) {
            let key = channel.question_of(notice);
            let Some(kept) = self.queue.recall(&key).await else { continue };
            let Some((asked, posted)) = channel.older(&kept, notice) else { continue };
            if !known.record(notice).is_some_and(|record| is_unanswered(record, &asked.approval)) {
                continue;
            }
            match channel.retire(&asked, &posted, notice, self.ambient.now()).await {
                Attempt::Delivered
                | Attempt::TooRich { .. }
                | Attempt::GaveUp { .. }
                | Attempt::Later { .. }
                | Attempt::Unsent { .. } => {}
                of_channel => return Some(of_channel),
            }
            if let Ok(kept) = serde_json::to_string(&asked) {
                self.queue.keep(&key, kept, self.ambient.now() + SHOWN).await;
            }
        }
        None
    }

    /// Keeps where a question stands that was posted, or asked again below its message.
    pub(super) async fn keep_question(&self, delivery: &Delivery, posted: Option<&Posted>) {
        let (Told::One(notice), Some(posted)) = (&delivery.told, posted) else { return };
        let Some(channel) = self.channels.find(&delivery.channel).filter(|_| is_question(notice)) else { return };
        let transport = channel.transport();
        let Some(app) = transport.answered() else { return };
        let Some(approval) = notice.approval.as_ref().map(|approval| approval.id.clone()) else { return };
        let subject = subject_of(notice, channel.scope().language, self.channels.cluster());
        let asked =
            Asked { home: app.home(), update: notice.update_id(), approval, subject, posted: Some(posted.clone()) };
        if let Ok(kept) = serde_json::to_string(&asked) {
            self.queue.keep(&channel.question_of(notice), kept, self.ambient.now() + SHOWN).await;
        }
    }
}

/// Whether nobody answered a question: what was answered says how that goes on. A record forgets questions when their time
/// is over, and its history has what they came to.
fn is_unanswered(record: &Record, approval: &str) -> bool {
    let Some(id) = ApprovalId::parse(approval) else { return false };
    match record.find(&id) {
        Some((_, Known::Newest(_) | Known::Replaced(_))) => true,
        Some((_, Known::Answered(_))) => false,
        None => record.history.decided_by(approval).is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sender::tests::through;
    use std::sync::atomic::Ordering;
    use std::sync::{Arc, Mutex};

    use chrono::TimeDelta;

    use super::super::service::tests::answering;
    use super::super::tests::asking;
    use super::super::{Channels, Scope, slack_app::SlackApp};
    use super::*;
    use crate::ambient::Ambient;
    use crate::domain::approval::LIFETIME;
    use crate::domain::event::Job;
    use crate::domain::news::Seen;
    use crate::domain::record::tests::question;
    use crate::domain::record::{Event, Question};
    use crate::domain::secret::Secret;
    use crate::outbound::{Outbound, Reach};
    use crate::queue::sqlite::SqliteQueue;
    use crate::queue::worker::Verdict;
    use crate::queue::{LeaseId, Leased};

    fn start() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_100, 0).unwrap()
    }

    /// The question of this number, asked at another time.
    fn asked_at(number: u8, at: DateTime<Utc>) -> Question {
        let mut asked = question(number);
        (asked.terms.id, asked.terms.expires) = (ApprovalId::mint(at, [number; 10]), at + LIFETIME);
        asked
    }

    /// Who posts to a channel of Slack, and finds this record of every workload.
    fn sender(api: &url::Url, folder: &std::path::Path, known: &Arc<Mutex<Record>>) -> Sender<SqliteQueue> {
        let client = Outbound::new(None).unwrap().client(Reach::Named).unwrap();
        let app = Arc::new(SlackApp::new(api, Secret::new("xoxb-1".into()), "C1".into()));
        let app = Channel::new("app".into(), Scope::default(), Transport::Service(Box::new(client), app));
        let (ambient, records) = (Ambient::system(), Arc::clone(known));
        let (queue, channels) =
            (SqliteQueue::open(folder, &ambient).unwrap(), Arc::new(Channels::new(vec![app], None)));
        Sender {
            records: Arc::new(move |_| {
                let record = records.lock().unwrap().clone();
                Box::pin(async move { Seen::Here { record: Box::new(record), no_answer: None } })
            }),
            ..through(&queue, &channels, &ambient)
        }
    }

    /// The first attempt at a message to that channel, made at this moment.
    fn leased(number: u8, notice: Notice, created: DateTime<Utc>) -> Leased {
        let job = Job::Deliver(Box::new(Delivery::of("app", "", notice)));
        let lease = LeaseId::new(u64::from(number), 1);
        Leased { lease, job, trace: "".into(), also: Vec::new(), attempt: 1, created, failed: None }
    }

    /// What Slack says of the older message in a word that nobody knows holds up no other.
    #[tokio::test]
    async fn an_older_question_that_can_not_be_changed_now_is_not_in_the_way_of_the_newer_one() {
        let said = r#"{"ok":false,"error":"something_new"}"#;
        let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{said}", said.len());
        let (api, requests, _serving) = answering(Box::leak(answer.into_bytes().into_boxed_slice())).await;
        let (folder, known) = (tempfile::tempdir().unwrap(), Arc::new(Mutex::new(Record::default())));
        let sender = sender(&api, folder.path(), &known);
        let mut notice = asking().notices()[0].clone();
        notice.approval.as_mut().unwrap().expires = DateTime::<Utc>::MAX_UTC;
        let posted = Some(Posted { channel: "C1".into(), message: "1.1".into() });
        let approval = asked_at(1, start()).terms.id.as_str().to_owned();
        let asked =
            Asked { home: "C1".into(), update: "upd_older".into(), approval, subject: "web 1.2.4".into(), posted };
        let key = sender.channels.find("app").unwrap().question_of(&notice);
        let later = sender.ambient.now() + TimeDelta::days(1);
        sender.queue.keep(&key, serde_json::to_string(&asked).unwrap(), later).await;
        sender.send(&leased(1, notice, start())).await;
        let tried = requests.load(Ordering::SeqCst);
        assert_eq!(tried, 3, "the older one is changed, and the newer one is posted, then as plain text");
    }

    /// A newer version comes when the links of the older question are long out of their time.
    #[test]
    fn what_the_record_forgot_is_unanswered_unless_its_history_says_otherwise() {
        let later = start() + TimeDelta::days(4);
        let first = asked_at(1, start());
        for is_answered in [false, true] {
            let mut record = Record::default();
            record.on("web", Event::Ask(Box::new(first.clone())), start());
            assert!(is_unanswered(&record, first.terms.id.as_str()));
            if is_answered {
                record.on("web", Event::Skip { by: "link email".into() }, start());
            }
            record.on("web", Event::Ask(Box::new(asked_at(2, later))), later);
            record.on("web", Event::Skip { by: "link email".into() }, later);
            assert_eq!(record.find(&first.terms.id), None, "it is forgotten");
            assert_eq!(is_unanswered(&record, first.terms.id.as_str()), !is_answered);
        }
    }

    /// A reminder stands in the message that asked first, and is another question to the record.
    #[tokio::test]
    async fn the_buttons_of_a_question_that_was_asked_again_are_taken_away_unless_somebody_pressed_them() {
        let said = r#"{"ok":true,"channel":"C1","ts":"1.1"}"#;
        let taken = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{said}", said.len());
        let taken: &'static [u8] = Box::leak(taken.into_bytes().into_boxed_slice());
        let (again, later) = (start() + TimeDelta::days(7), start() + TimeDelta::days(11));
        for (is_answered, expected) in [(false, 5), (true, 4)] {
            let (api, requests, _serving) = answering(taken).await;
            let (folder, known) = (tempfile::tempdir().unwrap(), Arc::new(Mutex::new(Record::default())));
            let sender = sender(&api, folder.path(), &known);
            for (number, version, at) in [(1, "1.3.0", start()), (2, "1.3.0", again), (3, "1.4.0", later)] {
                let asked = asked_at(number, at);
                let mut notice = asking().notices()[0].clone();
                notice.to.tag = version.into();
                let view = notice.approval.as_mut().unwrap();
                // What is asked is in its time, whatever the clock of this machine says.
                (view.id, view.expires) = (asked.terms.id.as_str().into(), DateTime::<Utc>::MAX_UTC);
                // The record has forgotten the first one by the time that it matters.
                if number > 1 {
                    known.lock().unwrap().on("web", Event::Ask(Box::new(asked)), at);
                }
                assert_eq!(sender.send(&leased(number, notice, at)).await, Verdict::Done);
                if number == 2 && is_answered {
                    known.lock().unwrap().on("web", Event::Skip { by: "link email".into() }, at);
                }
            }
            assert_eq!(requests.load(Ordering::SeqCst), expected, "answered: {is_answered}");
        }
    }
}

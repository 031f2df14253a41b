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
use crate::domain::record::Known;
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
        let is_older = asked.update != notice.update_id() && asked.home == self.transport.answered()?.home();
        let posted = asked.posted.take().filter(|_| is_older)?;
        Some((asked, posted))
    }

    /// Has the message of an older question say what took its place.
    async fn retire(&self, asked: &Asked, posted: &Posted, notice: &Notice, now: DateTime<Utc>) -> Attempt {
        let Transport::Service(client, service) = &self.transport else { return Attempt::Delivered };
        let language = self.scope().language;
        let text = format!("{}\n{}", asked.subject, chat::replaced(language, &newest(notice, language)));
        let Some(request) = service.answered().and_then(|app| app.retired(posted, &text)) else {
            return Attempt::Delivered;
        };
        let (attempt, answer) = post(&**service, client, Ok(request), now).await;
        let is_gone = answer.zip(service.answered()).is_some_and(|(answer, app)| app.is_out_of_reach(&answer));
        if is_gone { Attempt::Delivered } else { attempt.redacted(&self.transport.secrets()) }
    }
}

impl<Q: Queue + Kept> Sender<Q> {
    /// Has the messages of older questions say what takes their place. An attempt is given where the service can't be
    /// reached now, or refuses us: then the newer one can't be posted either.
    pub(super) async fn retire_older(&self, delivery: &Delivery, known: &KnownRecords) -> Option<Attempt> {
        let channel = self.channels.find(&delivery.channel)?;
        channel.transport.answered()?;
        for notice in delivery.notices().iter().filter(|notice| is_question(notice)) {
            let key = channel.question_of(notice);
            let Some(kept) = self.queue.recall(&key).await else { continue };
            let Some((asked, posted)) = channel.older(&kept, notice) else { continue };
            if !is_unanswered(notice, &asked.approval, known) {
                continue;
            }
            match channel.retire(&asked, &posted, notice, self.ambient.now()).await {
                Attempt::Delivered | Attempt::TooRich { .. } | Attempt::GaveUp { .. } => {}
                later => return Some(later),
            }
            if let Ok(kept) = serde_json::to_string(&asked) {
                self.queue.keep(&key, kept, self.ambient.now() + SHOWN).await;
            }
        }
        None
    }

    /// Keeps where a question was posted.
    pub(super) async fn keep_question(&self, delivery: &Delivery, posted: Option<&Posted>) {
        let (Told::One(notice), Some(posted)) = (&delivery.told, posted) else { return };
        let Some(channel) = self.channels.find(&delivery.channel).filter(|_| is_question(notice)) else { return };
        let Some(app) = channel.transport.answered() else { return };
        let Some(approval) = notice.approval.as_ref().map(|approval| approval.id.clone()) else { return };
        let subject = subject_of(notice, channel.scope().language, self.channels.cluster());
        let asked =
            Asked { home: app.home(), update: notice.update_id(), approval, subject, posted: Some(posted.clone()) };
        if let Ok(kept) = serde_json::to_string(&asked) {
            self.queue.keep(&channel.question_of(notice), kept, self.ambient.now() + SHOWN).await;
        }
    }
}

/// Whether its record knows a question, and no answer to it: what was answered says how that goes on.
fn is_unanswered(notice: &Notice, approval: &str, known: &KnownRecords) -> bool {
    known.get(&*notice.workload.uid).zip(ApprovalId::parse(approval)).is_some_and(|(record, approval)| {
        matches!(record.find(&approval), Some((_, Known::Newest(_) | Known::Replaced(_))))
    })
}

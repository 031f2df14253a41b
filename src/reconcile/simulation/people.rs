//! Who is told, and what they do with their mail.

use super::world::{Shared, World};
use crate::cluster::annotations::claimed;
use crate::domain::approval::{Allows, LinkKey};
use crate::domain::event::{Delivery, Job, Notice, NoticeKind, holder};
use crate::queue::row::NOT_TOLD;
use crate::queue::worker::Verdict;
use crate::reconcile::Audience;

/// Who has an address in the channel `email`.
const PEOPLE: [&str; 2] = ["ann@example.com", "joe@example.com"];

/// The port.
pub(super) struct Everybody;

impl Audience for Everybody {
    fn messages(&self, notice: &Notice, only: Option<&[String]>) -> Vec<Job> {
        if only.is_some_and(|only| !only.iter().any(|name| name == "email")) {
            return Vec::new();
        }
        let of = |recipient: &&str| Job::Deliver(Box::new(Delivery::of("email", recipient, notice.clone())));
        PEOPLE.iter().map(of).collect()
    }

    fn holders(&self) -> Vec<String> {
        PEOPLE.iter().map(|recipient| holder("email", recipient)).collect()
    }

    fn reads(&self, channel: &str, _: &str, _: Allows) -> bool {
        channel == "email"
    }
}

/// A message that arrived.
#[derive(Clone, Debug)]
pub(super) struct Mail {
    pub(super) kind: NoticeKind,
    /// The id of what is asked.
    pub(super) question: Option<String>,
    pub(super) token: Option<String>,
}

/// The key of a number.
pub(super) fn key(number: u8) -> LinkKey {
    LinkKey::new(vec![number; 32]).unwrap()
}

impl World {
    /// Whether the record of its workload says that what a message asks is closed for now.
    fn is_closed(&self, delivery: &Delivery) -> bool {
        let [notice] = delivery.notices() else { return false };
        let Some(asked) = notice.approval.as_ref().filter(|_| notice.asks() && !notice.kind.is_end()) else {
            return false;
        };
        let object = self.objects.values().find(|object| object.id.uid == notice.workload.uid);
        let record = object.and_then(|object| object.record()).map(|workload| claimed(&workload));
        let question = record.as_ref().and_then(|record| record.ledger(&notice.container)?.question.as_ref());
        question.is_some_and(|it| it.terms.id.as_str() == asked.id && it.is_closed())
    }

    /// A message arrives, with its link where it has one.
    pub(super) fn arrives(&mut self, delivery: &Delivery) {
        let [notice] = delivery.notices() else { return };
        let view = notice.approval.as_ref().filter(|_| notice.asks());
        let token = view.and_then(|_| {
            let approval = notice.asked()?;
            let now = self.now();
            self.keys.iter().find_map(|number| approval.token(&key(*number).into(), &delivery.holder(), now))
        });
        let question = view.map(|view| view.id.clone());
        self.log(format!("mail to {}: {} {}", delivery.recipient, notice.kind.as_str(), notice.to.tag));
        self.delivered(delivery);
        self.mail.push(Mail { kind: notice.kind, question, token });
    }
}

/// The channel, as the real sender uses it: what can't be answered any more is not sent, and is told where it can be again.
pub(super) async fn deliver(world: &Shared, delivery: &Delivery) -> Verdict {
    world.point("channel.deliver").await;
    let verdict = world.with(|world| {
        if world.chance.permille(world.faults.channel) {
            world.log("channel: the message is refused for now");
            return Verdict::Retry { retry_after: None, no_later: None, reason: "refused for now".into() };
        }
        if world.is_closed(delivery) {
            world.log(format!("channel: {} is closed, and not told", delivery.id()));
            world.model.owed.remove(&delivery.id());
            return Verdict::Withdrawn { reason: format!("{NOT_TOLD}it is closed") };
        }
        let notice = delivery.notices().first();
        let question = notice.filter(|notice| notice.asks() && !notice.kind.is_end());
        let question = question.and_then(|notice| notice.approval.as_ref());
        if question.is_none_or(|question| world.now() < question.expires) {
            world.arrives(delivery);
        }
        Verdict::Done
    });
    world.point("channel.deliver, arrived").await;
    verdict
}

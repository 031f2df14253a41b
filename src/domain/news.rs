//! Whether what people are to be told is true still when it is sent: a message may have waited for hours, as its channel was
//! closed, or for its turn.
//!
//! What happened stays so, and is told: that an update was approved, or how it ended. What tells how things stand is told only as long
//! as they stand so. What is not known is no reason to keep quiet.

use chrono::{DateTime, Utc};

use super::approval::ApprovalId;
use super::history::Outcome;
use super::notice::{NoLink, Notice, NoticeKind};
use super::record::{Known, Ledger, Question, Record};
use super::reference::{Digest, Tag};

/// What is known of the workload that a notice tells of, when it is sent.
#[derive(Clone, Debug, Default)]
pub enum Seen {
    /// It is watched.
    Here {
        /// Its record.
        record: Box<Record>,
        /// Why no answer could be carried out now, where none could.
        no_answer: Option<NoLink>,
    },
    /// It was deleted, or is watched no more.
    Gone,
    /// That can't be said now.
    #[default]
    Unknown,
}

impl Seen {
    /// Its record, where that is known.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        match self {
            Self::Here { record, .. } => Some(record),
            Self::Gone | Self::Unknown => None,
        }
    }

    /// The same notice, which offers no answer that could not be carried out now, and says why where it asks for one.
    #[must_use]
    pub fn answerable(&self, notice: Notice) -> Notice {
        match self {
            Self::Here { no_answer: Some(why), .. } if notice.asks() => {
                let no_link = if notice.kind.is_end() { notice.no_link } else { Some(*why) };
                Notice { approval: None, no_link, ..notice }
            }
            // Nobody can go back on what is gone, nor by what was answered or has a newer question in its place.
            Self::Gone => Notice { approval: None, ..notice },
            Self::Here { record, .. } if notice.kind.is_end() && is_answered_or_past(record, &notice) => {
                Notice { approval: None, ..notice }
            }
            Self::Here { .. } | Self::Unknown => notice,
        }
    }
}

/// Whether what a notice of an end offers can be pressed no more.
fn is_answered_or_past(record: &Record, notice: &Notice) -> bool {
    let offered = notice.approval.as_ref();
    offered.is_some_and(|offered| over(record, record.ledger(&notice.container), &offered.id).is_some())
}

/// Why a notice need not be told any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stale {
    /// The time of its question is over.
    Expired,
    /// Its question was answered.
    Answered,
    /// Somebody put its question off: people are asked anew when that is over.
    PutOff,
    /// A newer question took its place.
    Replaced,
    /// Its question was closed.
    Closed,
    /// There is no such workload any more.
    Gone,
    /// It could not be answered when it was told of, and people were asked since.
    AskedSince,
    /// What it proposes runs, or was written.
    Runs,
    /// The rollout that stood still has ended, or another took its place.
    Ended,
    /// What was held is held no more.
    HeldNoMore,
    /// What is gone from its registry does not run any more.
    RunsNoMore,
    /// Automatic updates are resumed.
    Resumed,
}

impl Stale {
    /// Whether the very same may have to be told later: a question is opened again with its links, settings are put back, what is
    /// proposed runs no more.
    #[must_use]
    pub fn may_pass(self) -> bool {
        match self {
            Self::PutOff
            | Self::Closed
            | Self::Gone
            | Self::AskedSince
            | Self::Runs
            | Self::HeldNoMore
            | Self::RunsNoMore => true,
            Self::Expired | Self::Answered | Self::Replaced | Self::Ended | Self::Resumed => false,
        }
    }
}

/// Why a notice need not be told any more, as far as its workload says so.
#[must_use]
pub fn stale(notice: &Notice, seen: &Seen, now: DateTime<Utc>) -> Option<Stale> {
    // How an update ended is news, whatever can be answered to it still.
    let question = notice.approval.as_ref().filter(|_| notice.asks() && !notice.kind.is_end());
    if question.is_some_and(|asked| now >= asked.expires) {
        return Some(Stale::Expired);
    }
    match seen {
        // The stop is about all workloads, and not about the one that failed last.
        Seen::Gone if notice.kind != NoticeKind::Stopped && !is_past(notice) => Some(Stale::Gone),
        Seen::Gone | Seen::Unknown => None,
        Seen::Here { record, .. } => {
            let ledger = record.ledger(&notice.container);
            match question {
                Some(asked) => over(record, ledger, &asked.id).or_else(|| put_off(record, &asked.id, now)),
                None => stands_no_more(notice, ledger?, now),
            }
        }
    }
}

/// Whether it tells what happened, which stays so.
fn is_past(notice: &Notice) -> bool {
    match notice.kind {
        NoticeKind::Granted | NoticeKind::Skipped | NoticeKind::Applied | NoticeKind::RolledBack => true,
        NoticeKind::Failed => !notice.is_passed_over(),
        NoticeKind::Available | NoticeKind::Stalled | NoticeKind::Held | NoticeKind::Gone | NoticeKind::Stopped => {
            false
        }
    }
}

/// Why what is told of how things stand, and asks nothing, is not so any more.
fn stands_no_more(notice: &Notice, ledger: &Ledger, now: DateTime<Utc>) -> Option<Stale> {
    match notice.kind {
        NoticeKind::Available if notice.approval.is_none() => answerable_since(notice, ledger, now),
        NoticeKind::Stalled => {
            let update = ledger.update.as_ref()?;
            let is_it = is_version(notice, &update.tag, Some(&update.digest));
            let is_over = if is_it { update.outcome != Outcome::RollingOut } else { update.at > notice.at };
            is_over.then_some(Stale::Ended)
        }
        NoticeKind::Held => {
            let is_held = ledger.held.as_ref().is_some_and(|held| held.tag.as_str() == notice.to.tag);
            (!is_held).then_some(Stale::HeldNoMore)
        }
        NoticeKind::Gone => {
            let runs = ledger.runs.as_ref()?;
            (runs.tag.as_str() != notice.from.tag).then_some(Stale::RunsNoMore)
        }
        _ => None,
    }
}

/// Why nobody need hear of a version that could not be answered for: it can by now, or was.
fn answerable_since(notice: &Notice, ledger: &Ledger, now: DateTime<Utc>) -> Option<Stale> {
    let asks = |asked: &Question| {
        let is_open = asked.is_open(now) && is_version(notice, &asked.terms.tag, Some(&asked.terms.digest));
        is_open || asked.asked > notice.at
    };
    if ledger.question.as_ref().is_some_and(asks) {
        return Some(Stale::AskedSince);
    }
    let runs = ledger.runs.as_ref().is_some_and(|runs| is_version(notice, &runs.tag, runs.digest.as_ref()));
    let is_written = ledger
        .update
        .as_ref()
        .is_some_and(|update| update.at > notice.at && is_version(notice, &update.tag, Some(&update.digest)));
    (runs || is_written).then_some(Stale::Runs)
}

/// Whether a notice proposes this version. A tag that is followed is another one by its digest alone.
fn is_version(notice: &Notice, tag: &Tag, digest: Option<&Digest>) -> bool {
    let is_manifest = match (&notice.to.digest, digest) {
        (Some(to), Some(digest)) => *to == digest.to_string(),
        _ => notice.from.tag != notice.to.tag,
    };
    notice.to.tag == tag.as_str() && is_manifest
}

/// Why nobody needs to be asked any more.
fn over(record: &Record, ledger: Option<&Ledger>, approval: &str) -> Option<Stale> {
    let approval = ApprovalId::parse(approval)?;
    match record.find(&approval) {
        Some((_, Known::Answered(_))) => Some(Stale::Answered),
        Some((_, Known::Replaced(_))) => Some(Stale::Replaced),
        Some((_, Known::Newest(question))) => question.is_closed().then_some(Stale::Closed),
        None => {
            let newest = ledger?.question.as_ref();
            newest.filter(|newest| newest.terms.id > approval).map(|_| Stale::Replaced)
        }
    }
}

/// Whether nobody is to be asked before a time that is to come.
fn put_off(record: &Record, approval: &str, now: DateTime<Utc>) -> Option<Stale> {
    let (_, known) = record.find(&ApprovalId::parse(approval)?)?;
    let Known::Newest(question) = known else { return None };
    question.snoozed_until(now).map(|_| Stale::PutOff)
}

#[cfg(test)]
mod tests {
    use super::super::notice::tests::notice;
    use super::super::notice::{ImageView, WayBack};
    use super::super::record::tests::{question, update};
    use super::super::record::{Event, Running, Stands, Update};
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000 + seconds, 0).unwrap()
    }

    fn here(events: Vec<Event>) -> Seen {
        let mut record = Record::default();
        for (second, event) in (50..).zip(events) {
            record.on("web", event, at(second));
        }
        Seen::Here { record: Box::new(record), no_answer: None }
    }

    /// A notice about what the question of this number asks for.
    fn told(kind: NoticeKind, of: &Question) -> Notice {
        let Question { terms, .. } = of;
        let to = ImageView { tag: terms.tag.to_string(), digest: Some(terms.digest.to_string()), ..notice(kind).to };
        Notice { at: at(10), to, approval: None, ..notice(kind) }
    }

    fn asking(of: &Question) -> Notice {
        Notice { approval: Some((&of.terms).into()), ..told(NoticeKind::Available, of) }
    }

    fn without_link(of: &Question) -> Notice {
        Notice { no_link: Some(NoLink::MayNotPatch), ..told(NoticeKind::Available, of) }
    }

    fn asked(of: &Question) -> Event {
        Event::Ask(Box::new(of.clone()))
    }

    fn runs(number: u8) -> Event {
        let of = question(number).terms;
        let of = Running {
            of: "registry.example.com/shop/web".into(),
            tag: of.tag,
            digest: Some(of.digest),
            is_learnt: false,
        };
        Event::Runs(of)
    }

    #[test]
    fn a_question_is_over_when_its_record_says_so() {
        let (first, second) = (question(1), question(2));
        let judged = |notice: &Notice, events| stale(notice, &here(events), at(100));
        assert_eq!(judged(&asking(&first), vec![]), None, "it is not seen yet");
        assert_eq!(judged(&asking(&first), vec![asked(&first)]), None, "it is open");
        assert_eq!(judged(&asking(&second), vec![asked(&first)]), None, "it is not seen yet");
        assert_eq!(judged(&asking(&first), vec![asked(&first), asked(&second)]), Some(Stale::Replaced));
        let closed = vec![asked(&first), asked(&second), Event::NothingToAsk];
        assert_eq!(judged(&asking(&second), closed.clone()), Some(Stale::Closed));
        assert_eq!(judged(&asking(&question(0)), closed), Some(Stale::Replaced), "one that is forgotten");
        let skipped = vec![asked(&first), Event::Skip { by: "link email".into() }];
        assert_eq!(judged(&asking(&first), skipped), Some(Stale::Answered));
        assert_eq!(stale(&asking(&first), &Seen::Unknown, first.terms.expires), Some(Stale::Expired));
    }

    /// Fault x20-22: the channel opens hours later, and the namespace is gone.
    #[test]
    fn how_things_stand_is_told_of_nobody_who_is_gone_and_what_happened_is() {
        use NoticeKind::{Applied, Available, Failed, Gone, Granted, Held, RolledBack, Skipped, Stalled, Stopped};
        let of = question(1);
        let judged = |notice: &Notice, seen: &Seen| stale(notice, seen, at(100));
        for kind in [Available, Held, Gone, Stalled, Failed] {
            assert_eq!(judged(&told(kind, &of), &Seen::Gone), Some(Stale::Gone), "{kind:?}");
            assert_eq!(judged(&told(kind, &of), &Seen::Unknown), None, "{kind:?}");
        }
        assert_eq!(judged(&asking(&of), &Seen::Gone), Some(Stale::Gone));
        for kind in [Granted, Skipped, Applied, Failed, RolledBack, Stopped] {
            let by = Some(crate::domain::actor::Actor::Policy);
            assert_eq!(judged(&Notice { by, ..told(kind, &of) }, &Seen::Gone), None, "{kind:?}");
        }
    }

    /// Fault x20-22: told without a link as a right was missing, and asked with one since.
    #[test]
    fn what_could_not_be_answered_is_told_until_people_are_asked() {
        let (first, second) = (question(1), question(2));
        let judged = |events| stale(&without_link(&first), &here(events), at(100));
        assert_eq!(judged(vec![]), None);
        assert_eq!(judged(vec![runs(0)]), None);
        assert_eq!(judged(vec![asked(&first)]), Some(Stale::AskedSince));
        let later = Question { asked: at(40), ..second.clone() };
        assert_eq!(judged(vec![asked(&later)]), Some(Stale::AskedSince), "of a newer version");
        let before = Question { asked: at(5), ..second };
        assert_eq!(judged(vec![asked(&before)]), None, "of another one, before");
        assert_eq!(judged(vec![runs(1)]), Some(Stale::Runs));
        let mut written = update(1, None);
        written.at = at(20);
        assert_eq!(judged(vec![Event::Write(Box::new(written))]), Some(Stale::Runs));
    }

    #[test]
    fn what_stands_still_is_held_or_gone_is_told_as_long_as_it_is() {
        let of = question(1);
        let judged = |kind, events| stale(&told(kind, &of), &here(events), at(100));
        let write = |number, second| Event::Write(Box::new(Update { at: at(second), ..update(number, None) }));
        assert_eq!(judged(NoticeKind::Stalled, vec![write(1, 0), Event::Stalled]), None);
        let ended = vec![write(1, 0), Event::Stalled, Event::End(Outcome::Healthy, None)];
        assert_eq!(judged(NoticeKind::Stalled, ended), Some(Stale::Ended));
        assert_eq!(judged(NoticeKind::Stalled, vec![write(2, 30)]), Some(Stale::Ended));
        let to = |number| match runs(number) {
            Event::Runs(running) => running,
            _ => unreachable!(),
        };
        let back = || Event::SetBack { to: to(0), by: Vec::new(), owned: false, question: None };
        assert_eq!(judged(NoticeKind::Held, vec![runs(1), back()]), None);
        let released = vec![runs(1), back(), Event::LetGo { by: "command".into() }];
        assert_eq!(judged(NoticeKind::Held, released), Some(Stale::HeldNoMore));
        let gone = |running| {
            let mut notice = told(NoticeKind::Gone, &of);
            notice.from.tag = "1.0.1".into();
            stale(&notice, &here(vec![runs(running)]), at(100))
        };
        assert_eq!((gone(1), gone(2)), (None, Some(Stale::RunsNoMore)));
    }

    /// A right was taken away while a question waited: its message says so, and offers nothing.
    #[test]
    fn what_could_not_be_carried_out_is_offered_to_nobody() {
        let of = question(1);
        let forbidden = Seen::Here { record: Box::default(), no_answer: Some(NoLink::MayNotPatch) };
        let told = forbidden.answerable(asking(&of));
        assert_eq!((told.no_link, told.offers(at(20)).is_none()), (Some(NoLink::MayNotPatch), true));
        let mut applied = Notice { kind: NoticeKind::Applied, ..asking(&of) };
        applied.approval.as_mut().unwrap().allows = crate::domain::approval::Allows::Back;
        for seen in [&forbidden, &Seen::Gone] {
            let told = seen.answerable(applied.clone());
            assert_eq!((told.no_link, told.asks()), (None, false), "what happened is told as it was");
        }
        assert_eq!(Seen::Unknown.answerable(asking(&of)), asking(&of));
        assert_eq!(here(Vec::new()).answerable(asking(&of)), asking(&of));
    }

    /// It waited for others to be told with, or for a channel, and somebody snoozed it meanwhile by a command or at the page.
    #[test]
    fn what_is_put_off_is_not_asked_before_that_is_over() {
        let of = question(1);
        let snoozed = |until| {
            let mut put_off = of.clone();
            put_off.stands = Stands::Snoozed(at(until));
            here(vec![asked(&put_off)])
        };
        assert_eq!(stale(&asking(&of), &snoozed(500), at(100)), Some(Stale::PutOff));
        assert_eq!(stale(&asking(&of), &snoozed(99), at(100)), None);
        assert_eq!(stale(&asking(&of), &here(vec![asked(&of)]), at(100)), None);
    }

    /// Fault r25d-7: it waited for the morning, and a newer question took the place of its own.
    #[test]
    fn an_end_offers_no_way_back_that_a_newer_question_took_the_place_of() {
        let mut back = question(1);
        back.terms.allows = crate::domain::approval::Allows::Back;
        for kind in [NoticeKind::Applied, NoticeKind::Failed] {
            let mut told = Notice { kind, ..asking(&back) };
            told.approval.as_mut().unwrap().allows = crate::domain::approval::Allows::Back;
            let offered = |events| {
                let seen = here(events);
                assert_eq!(stale(&told, &seen, at(100)), None, "it is news all the same");
                seen.answerable(told.clone()).asks()
            };
            assert!(offered(vec![asked(&back)]) && offered(Vec::new()), "{kind:?}");
            assert!(!offered(vec![asked(&back), asked(&question(2))]), "{kind:?}: a newer one was asked");
            assert!(!offered(vec![asked(&back), Event::NothingToAsk]), "{kind:?}: it is closed");
        }
    }

    #[test]
    fn how_an_update_ended_is_news_whatever_came_after() {
        let (first, second) = (question(1), question(2));
        let events = || vec![asked(&first), Event::Skip { by: "link email".into() }, asked(&second), runs(2)];
        for kind in [NoticeKind::Granted, NoticeKind::Skipped, NoticeKind::Applied, NoticeKind::RolledBack] {
            assert_eq!(stale(&told(kind, &first), &here(events()), at(100)), None, "{kind:?}");
        }
        let failed = Notice { way_back: Some(WayBack::Goes), ..told(NoticeKind::Failed, &first) };
        assert_eq!(stale(&failed, &here(events()), at(100)), None);
    }
}

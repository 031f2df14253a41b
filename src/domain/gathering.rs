//! When notices that wait for a channel go out, and which of them together.
//!
//! Many things happen about the same time: a push runs on thirty workloads, a new install finds two hundred versions. A
//! message a notice would be a flood, so what is not urgent waits a moment for others of its kind.

use chrono::{DateTime, TimeDelta, Utc};

use super::notice::{Notice, NoticeKind};

/// What waits alone goes out after this time: others of the same cause follow within it.
const ALONE: TimeDelta = TimeDelta::milliseconds(700);
/// The longest that anything waits for the first look over a cluster to end.
const FIRST_LOOK: TimeDelta = TimeDelta::minutes(5);
/// What goes out so much later than its window closed has waited for something else.
const LATE: TimeDelta = TimeDelta::minutes(1);
/// How soon it is asked again whether that look has ended.
const ASK_AGAIN: TimeDelta = TimeDelta::seconds(1);
/// What is more than this in one window goes out as one message, whatever it is about.
const MOST_MESSAGES: usize = 10;
/// The window closes early when so many wait.
pub const MOST_GATHERED: usize = 500;

/// A message that is stored has so many bytes at most, as every store takes them: NATS takes 1 MiB, with what stands around them.
const MOST_BYTES: usize = 900 * 1024;

/// The usual length of a window.
pub const WINDOW: TimeDelta = TimeDelta::seconds(30);
/// The longest window.
pub const LONGEST_WINDOW: TimeDelta = TimeDelta::minutes(5);

/// What is known of a channel at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Now.
    pub now: DateTime<Utc>,
    /// How long what is not urgent waits for others.
    pub window: TimeDelta,
    /// When notices last went out, if they did since the start.
    pub last: Option<DateTime<Utc>>,
    /// When the first look over all of the cluster had ended, if it has.
    pub looked: Option<DateTime<Utc>>,
    /// Until when people are not to be disturbed, or can't be reached, while that is so.
    pub quiet_until: Option<DateTime<Utc>>,
}

/// When what waits goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing waits.
    Never,
    /// At once.
    Now,
    /// Not before, if nothing else comes.
    At(DateTime<Utc>),
}

/// When what has been waiting since these moments, oldest first, goes out.
#[must_use]
pub fn due(since: &[DateTime<Utc>], at: Moment) -> Due {
    let Some(oldest) = since.first() else { return Due::Never };
    if let Some(until) = at.quiet_until {
        return Due::At(until);
    }
    let oldest = began(*oldest, at);
    if since.len() >= MOST_GATHERED || at.window.is_zero() {
        return Due::Now;
    }
    let when = if at.looked.is_none() {
        (oldest + FIRST_LOOK).min(at.now + ASK_AGAIN)
    } else if since.len() == 1 {
        let quiet = at.last.filter(|last| *last <= at.now).map(|last| last + at.window);
        (oldest + ALONE).max(quiet.unwrap_or(oldest)).min(oldest + at.window)
    } else {
        oldest + at.window
    };
    let is_due = if at.looked.is_some() { when <= at.now } else { oldest + FIRST_LOOK <= at.now };
    if is_due { Due::Now } else { Due::At(when) }
}

/// Since when something waits, by a clock that may have been set back since: what is to come within a window may be of another
/// machine's clock and waits for it, and what is further ahead has waited long enough, as nobody knows for how long.
fn began(oldest: DateTime<Utc>, at: Moment) -> DateTime<Utc> {
    if oldest - at.now > at.window { at.now - FIRST_LOOK.max(at.window) } else { oldest.min(at.now) }
}

/// Whether what has been waiting since then goes out as one message, whatever it is about: what the first look found, what
/// came in quiet hours, or while nobody could send.
fn is_one(oldest: DateTime<Utc>, at: Moment) -> bool {
    // An end that is still to come is by a clock that was set back since.
    let of_first_look = at.looked.is_none_or(|ended| oldest <= ended && ended <= at.now);
    of_first_look || at.now - oldest > at.window + LATE
}

/// How notices that go out at the same moment are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Each by itself: nothing is waited for.
    Each,
    /// One message a cause, and one for all where there are many.
    Cause,
    /// One for all.
    All,
}

impl Binding {
    /// How what has been waiting since then is put together.
    #[must_use]
    pub fn of(oldest: DateTime<Utc>, at: Moment) -> Self {
        match (at.window.is_zero(), is_one(oldest, at)) {
            (true, _) => Self::Each,
            (false, true) => Self::All,
            (false, false) => Self::Cause,
        }
    }
}

/// Which notices go out together, as their places in the list. What others make old news is left out: who is told that an
/// update was applied need not be told that it is available.
#[must_use]
pub fn together(notices: &[&Notice], binding: Binding) -> Vec<Vec<usize>> {
    let fresh: Vec<usize> = (0..notices.len()).filter(|at| !is_old_news(notices, *at)).collect();
    if binding == Binding::Each {
        return fresh.into_iter().map(|at| vec![at]).collect();
    }
    let mut messages: Vec<Vec<usize>> = Vec::new();
    for at in &fresh {
        let cause = |place: usize| notices.get(place).map(|notice| notice.cause());
        let same = |message: &&mut Vec<usize>| message.first().is_some_and(|first| cause(*first) == cause(*at));
        match messages.iter_mut().find(same) {
            Some(message) => message.push(*at),
            None => messages.push(vec![*at]),
        }
    }
    let is_digest = binding == Binding::All || fresh.len() > MOST_MESSAGES;
    if is_digest && messages.len() > 1 { vec![fresh] } else { messages }
}

/// What is one message, as several where it has more bytes than one may have: each as many as there is room for, and at least one.
#[must_use]
pub fn within<T>(message: Vec<T>, notice: impl Fn(&T) -> &Notice) -> Vec<Vec<T>> {
    let (mut all, mut left) = (Vec::<Vec<T>>::new(), 0_usize);
    for one in message {
        let bytes = stored(notice(&one));
        if let Some(last) = all.last_mut().filter(|_| bytes <= left) {
            last.push(one);
        } else {
            left = MOST_BYTES;
            all.push(vec![one]);
        }
        left = left.saturating_sub(bytes);
    }
    all
}

/// The bytes of a notice in a store that keeps a message as text within text.
fn stored(notice: &Notice) -> usize {
    let text = serde_json::to_string(notice).unwrap_or_default();
    text.len() + text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count() + 1
}

/// Whether a later one makes it old news.
fn is_old_news(notices: &[&Notice], at: usize) -> bool {
    let Some(notice) = notices.get(at) else { return false };
    stage(notice.kind).is_some() && notices.iter().skip(at + 1).any(|later| makes_old(later, notice))
}

/// How far an update is of which this is told; nothing where it is told of no update, or of one that nobody wants.
fn stage(kind: NoticeKind) -> Option<u8> {
    match kind {
        NoticeKind::Available => Some(0),
        NoticeKind::Granted => Some(1),
        NoticeKind::Stalled => Some(2),
        NoticeKind::Applied | NoticeKind::Failed => Some(3),
        NoticeKind::RolledBack => Some(4),
        NoticeKind::Skipped | NoticeKind::Held | NoticeKind::Gone | NoticeKind::Stopped => None,
    }
}

/// Whether one notice makes another old news that was put before it and waits still: both tell of the same update, which is
/// further by now. What is urgent overtakes what waits, so that without this people would be told that there is an update
/// after they were told how it ended.
#[must_use]
pub fn makes_old(told: &Notice, waiting: &Notice) -> bool {
    let is_further = stage(told.kind).zip(stage(waiting.kind)).is_some_and(|(told, waiting)| waiting < told);
    is_further && !told.is_passed_over() && told.update_id() == waiting.update_id()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::notice::tests::notice;
    use super::*;

    fn at(milliseconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_795_000_000_000 + milliseconds).unwrap()
    }

    fn moment(now: i64) -> Moment {
        Moment { now: at(now), window: WINDOW, last: None, looked: Some(at(-86_400_000)), quiet_until: None }
    }

    #[test]
    fn one_alone_goes_out_within_a_second_and_several_wait_for_their_window() {
        assert_eq!(due(&[], moment(0)), Due::Never);
        let none = Moment { window: TimeDelta::zero(), looked: None, ..moment(0) };
        assert_eq!((due(&[at(0), at(0)], none), Binding::of(at(0), none)), (Due::Now, Binding::Each));
        assert_eq!(due(&[at(0)], moment(10)), Due::At(at(700)));
        assert_eq!(due(&[at(0)], moment(700)), Due::Now);
        assert_eq!(due(&[at(0), at(400)], moment(700)), Due::At(at(30_000)));
        assert_eq!(due(&[at(0), at(400)], moment(30_000)), Due::Now);
        assert_eq!(due(&vec![at(0); MOST_GATHERED], moment(1)), Due::Now);
    }

    #[test]
    fn what_waits_since_a_moment_that_is_far_ahead_has_waited_long_enough() {
        let ahead = |by: i64| due(&[at(by), at(by + 10)], moment(0));
        assert_eq!(ahead(7_200_000), Due::Now, "the clock was set back by two hours");
        assert_eq!(due(&[at(7_200_000)], moment(0)), Due::Now);
        let looking = Moment { looked: None, ..moment(0) };
        assert_eq!(due(&[at(7_200_000)], looking), Due::Now);
        assert_eq!(ahead(5_000), Due::At(at(30_000)), "another machine's clock is a little ahead");
    }

    #[test]
    fn what_follows_a_message_soon_waits_for_the_window_of_that() {
        let soon = Moment { last: Some(at(-10_000)), ..moment(0) };
        assert_eq!(due(&[at(0)], soon), Due::At(at(20_000)));
        let long_ago = Moment { last: Some(at(-40_000)), ..moment(0) };
        assert_eq!(due(&[at(0)], long_ago), Due::At(at(700)));
        let in_future = Moment { last: Some(at(40_000)), ..moment(0) };
        assert_eq!(due(&[at(0)], in_future), Due::At(at(700)), "the clock was set back");
    }

    #[test]
    fn the_first_look_is_waited_for_and_not_for_ever() {
        let looking = |now| Moment { looked: None, ..moment(now) };
        assert_eq!(due(&[at(0)], looking(40_000)), Due::At(at(41_000)));
        assert_eq!(due(&[at(0)], looking(299_500)), Due::At(at(300_000)));
        assert_eq!(due(&[at(0)], looking(300_000)), Due::Now);
    }

    #[test]
    fn what_the_first_look_found_is_one_message_though_it_has_ended_by_then() {
        let ended = Moment { looked: Some(at(2_000)), ..moment(30_000) };
        assert_eq!((due(&[at(0), at(10)], ended), Binding::of(at(0), ended)), (Due::Now, Binding::All));
        assert_eq!(Binding::of(at(2_001), ended), Binding::Cause, "what came after it");
        let set_back = Moment { looked: Some(at(3_600_000)), ..moment(30_000) };
        assert_eq!(Binding::of(at(0), set_back), Binding::Cause, "a clock that was set back");
    }

    #[test]
    fn quiet_hours_hold_everything_back_and_what_came_in_them_is_one_message() {
        let night = Moment { quiet_until: Some(at(3_600_000)), ..moment(100_000) };
        assert_eq!(due(&[at(0), at(10)], night), Due::At(at(3_600_000)));
        let morning = moment(3_600_000);
        assert_eq!((due(&[at(0), at(10)], morning), is_one(at(0), morning)), (Due::Now, true));
        assert!(!is_one(at(3_570_000), morning), "a window that closes in time");
        assert!(is_one(at(3_570_000), Moment { looked: None, ..morning }));
    }

    fn on(name: &str, kind: NoticeKind, to: &str) -> Notice {
        let mut notice = notice(kind);
        notice.workload.uid = name.into();
        notice.to.tag = to.into();
        notice
    }

    fn composed(notices: &[Notice], binding: Binding) -> Vec<Vec<usize>> {
        together(&notices.iter().collect::<Vec<_>>(), binding)
    }

    #[test]
    fn one_cause_is_one_message_and_many_are_one_digest() {
        let push: Vec<Notice> = (0..30).map(|n| on(&n.to_string(), NoticeKind::Available, "1.3.0")).collect();
        assert_eq!(composed(&push, Binding::Cause), [(0..30).collect::<Vec<_>>()]);
        let few: Vec<Notice> =
            [("a", "1.3.0"), ("b", "2.0.0"), ("c", "1.3.0")].map(|(n, to)| on(n, NoticeKind::Available, to)).into();
        assert_eq!(composed(&few, Binding::Cause), [vec![0, 2], vec![1]]);
        assert_eq!(composed(&few, Binding::All), [vec![0, 1, 2]], "the first look is always one");
        assert_eq!(composed(&few, Binding::Each), [vec![0], vec![1], vec![2]]);
        let many: Vec<Notice> =
            (0..200).map(|n| on(&n.to_string(), NoticeKind::Available, &format!("1.{}.0", n % 7))).collect();
        assert_eq!(composed(&many, Binding::Cause), [(0..200).collect::<Vec<_>>()]);
    }

    /// Fault r28-1: what was too large for the store was tried again for ever, and nothing behind it went out.
    #[test]
    fn a_message_is_as_many_as_a_store_takes_and_none_of_it_is_lost() {
        let long = |n: usize| {
            let mut notice = on(&n.to_string(), NoticeKind::Available, "1.3.0");
            notice.policy = "\"\\\u{1}".repeat(n * 5);
            notice
        };
        for count in [1, 30, 100, MOST_GATHERED] {
            let notices: Vec<Notice> = (0..count).map(long).collect();
            let pieces = within(notices.clone(), |notice| notice);
            assert_eq!(pieces.concat(), notices, "{count}");
            for piece in &pieces {
                let text = serde_json::to_string(&serde_json::to_string(piece).unwrap()).unwrap();
                assert!(text.len() <= MOST_BYTES + 8, "{count}: {}", text.len());
            }
        }
        let alone = || vec![long(20_000), long(1), long(1), long(20_000)];
        assert_eq!(within(alone(), |notice| notice).iter().map(Vec::len).collect::<Vec<_>>(), [1, 2, 1]);
        let usual: Vec<Notice> =
            (0..MOST_GATHERED).map(|n| on(&n.to_string(), NoticeKind::Available, "1.3.0")).collect();
        assert_eq!(within(usual, |notice| notice).len(), 1, "the usual is one message still");
        assert!(within(Vec::<Notice>::new(), |notice| notice).is_empty());
    }

    #[test]
    fn who_hears_that_it_was_applied_need_not_hear_that_it_is_available() {
        let both = [on("a", NoticeKind::Available, "1.3.0"), on("a", NoticeKind::Applied, "1.3.0")];
        assert_eq!(composed(&both, Binding::Cause), [vec![1]]);
        let others = [on("a", NoticeKind::Available, "1.3.0"), on("b", NoticeKind::Applied, "1.3.0")];
        assert_eq!(composed(&others, Binding::Cause), [vec![0], vec![1]]);
        let again = [on("a", NoticeKind::Applied, "1.3.0"), on("a", NoticeKind::Available, "1.3.0")];
        assert_eq!(composed(&again, Binding::Cause), [vec![0], vec![1]], "what comes later is news");
    }

    #[test]
    fn what_tells_that_an_update_is_further_makes_old_what_tells_of_it_before() {
        use NoticeKind::{Applied, Available, Failed, Granted, RolledBack, Stalled};
        let makes = |told, waiting| makes_old(&on("a", told, "1.3.0"), &on("a", waiting, "1.3.0"));
        let order = [Available, Granted, Stalled, Applied, RolledBack];
        for (at, earlier) in order.into_iter().enumerate() {
            for (then, later) in order.into_iter().enumerate() {
                assert_eq!(makes(later, earlier), at < then, "{later:?} after {earlier:?}");
            }
        }
        let by = |kind| Notice { by: Some(crate::domain::actor::Actor::Policy), ..on("a", kind, "1.3.0") };
        assert!(makes_old(&by(Failed), &on("a", Available, "1.3.0")), "it was tried");
        assert!(!makes(Failed, Available), "what is passed over was never an update");
        assert!(!makes_old(&by(Failed), &on("a", Applied, "1.3.0")) && !makes_old(&by(Failed), &by(Failed)));
        for other in [on("b", Available, "1.3.0"), on("a", Available, "1.4.0")] {
            assert!(!makes_old(&by(Failed), &other), "another update");
        }
        for apart in [NoticeKind::Skipped, NoticeKind::Held, NoticeKind::Gone, NoticeKind::Stopped] {
            assert!(!makes(RolledBack, apart) && !makes(apart, Available), "{apart:?}");
        }
    }

    fn any_notice() -> impl Strategy<Value = Notice> {
        let kind = prop_oneof![Just(NoticeKind::Available), Just(NoticeKind::Applied), Just(NoticeKind::Gone)];
        (0..9_u8, kind, 0..3_u8).prop_map(|(name, kind, to)| on(&name.to_string(), kind, &format!("1.{to}.0")))
    }

    /// What happens to one of a few updates.
    fn any_step() -> impl Strategy<Value = Notice> {
        let kind = prop::sample::select(NoticeKind::ALL.to_vec());
        (0..3_u8, kind).prop_map(|(name, kind)| {
            let by = (kind == NoticeKind::Failed).then_some(crate::domain::actor::Actor::Policy);
            Notice { by, ..on(&name.to_string(), kind, "1.3.0") }
        })
    }

    proptest! {
        /// Each notice is in one message at most, and what is in none is told by a later one.
        #[test]
        fn nothing_is_lost_and_nothing_told_twice(notices in proptest::collection::vec(any_notice(), 0..60), all: bool) {
            let messages = composed(&notices, if all { Binding::All } else { Binding::Cause });
            let mut told: Vec<usize> = messages.iter().flatten().copied().collect();
            for message in &messages {
                prop_assert!(message.is_sorted() && !message.is_empty());
            }
            told.sort_unstable();
            let count = told.len();
            told.dedup();
            prop_assert_eq!(count, told.len());
            for (place, notice) in notices.iter().enumerate() {
                let ends = |later: &usize| *later > place && makes_old(&notices[*later], notice);
                prop_assert!(told.contains(&place) || told.iter().any(ends));
            }
            prop_assert!(messages.len() <= MOST_MESSAGES);
        }

        /// Whatever happens in which order, and whenever what waits goes out: of one update nothing is told after what is
        /// further, unless it happened after that; and what is not told was old news by then.
        #[test]
        fn nobody_is_told_of_an_update_what_was_before_what_was_told(
            happens in proptest::collection::vec((any_step(), any::<bool>()), 1..60)
        ) {
            let mut waiting: Vec<(usize, Notice)> = Vec::new();
            let mut told: Vec<(usize, Notice)> = Vec::new();
            let mut dropped = Vec::new();
            for (at, (notice, goes_out)) in happens.iter().enumerate() {
                if notice.is_urgent() {
                    let (old, still): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, it)| makes_old(notice, it));
                    (waiting, dropped) = (still, [dropped, old].concat());
                    told.push((at, notice.clone()));
                } else {
                    waiting.push((at, notice.clone()));
                }
                if *goes_out {
                    let all: Vec<&Notice> = waiting.iter().map(|(_, notice)| notice).collect();
                    let places: Vec<usize> = together(&all, Binding::Each).concat();
                    let (out, old): (Vec<_>, Vec<_>) =
                        std::mem::take(&mut waiting).into_iter().enumerate().partition(|(at, _)| places.contains(at));
                    told.extend(out.into_iter().map(|(_, item)| item));
                    dropped.extend(old.into_iter().map(|(_, item)| item));
                }
            }
            for (place, (at, notice)) in told.iter().enumerate() {
                let before = told[..place].iter().find(|(then, before)| then > at && makes_old(before, notice));
                prop_assert!(before.is_none(), "{:?} after {:?}", notice.kind, before);
            }
            for (at, notice) in &dropped {
                prop_assert!(told.iter().any(|(then, later)| then > at && makes_old(later, notice))
                    || dropped.iter().chain(&waiting).any(|(then, later)| then > at && makes_old(later, notice)));
            }
            prop_assert_eq!(told.len() + dropped.len() + waiting.len(), happens.len(), "nothing is lost");
        }

        #[test]
        fn whatever_waits_goes_out(gaps in proptest::collection::vec(0..9_000_i64, 1..40), looked: bool) {
            let mut moments = Vec::new();
            let mut now = 0;
            for gap in gaps {
                now += gap;
                moments.push(at(now));
            }
            let late = moment(now + 300_000);
            let late = Moment { looked: late.looked.filter(|_| looked), ..late };
            prop_assert_eq!(due(&moments, late), Due::Now);
        }
    }
}

//! Who holds the Lease, as one candidate sees it. Pure: time and chance are arguments.
//!
//! No two wall clocks are compared. Another's Lease is over when it was not seen to change for as long as it lasts, by our
//! own monotonic clock; our own is over some seconds before that, counted from before the last renewal was sent. So two clocks
//! may say what they like: whoever takes it does so after the one before knows that it is none.

use std::time::Duration;

/// How long a Lease lasts that nobody renews.
pub(super) const LASTS: Duration = Duration::from_secs(15);
/// Whoever could not renew it for so long holds it no longer.
pub(super) const HELD: Duration = Duration::from_secs(10);
/// It is renewed this often.
const RENEWED: Duration = Duration::from_secs(4);
/// It is read by whoever does not hold it after this time and up to [`SPREAD`] more.
const READ: Duration = Duration::from_secs(2);
const SPREAD: Duration = Duration::from_secs(3);
/// What failed is tried again after this time, and up to as much more.
const AGAIN: Duration = Duration::from_secs(1);
/// What was another queue's is left alone for so long after it was last renewed: its service may be between two processes.
const ANOTHERS: Duration = Duration::from_secs(60);
/// A Lease says itself how long it lasts; nobody waits longer than this for one.
const LONGEST: Duration = Duration::from_secs(60);

/// What stands in a Lease, as far as an election needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lease {
    /// Which state of the object this is: the next write is made on it alone.
    pub(super) version: String,
    /// Who holds it; empty for nobody.
    pub(super) holder: String,
    /// When it says that it was renewed. A mark that changes, and never compared with a clock.
    pub(super) renewed: Option<String>,
    /// When it says that the holder took it.
    pub(super) acquired: Option<String>,
    /// How often it went from one to another.
    pub(super) transitions: i32,
    /// How long it says that it lasts, seconds.
    pub(super) seconds: Option<i32>,
    /// Whether it is that of another queue, which stands on another NATS.
    pub(super) is_anothers: bool,
}

impl Lease {
    /// Whether nobody has written it since, but what is beside the election.
    fn is_unchanged(&self, since: &Self) -> bool {
        Self { version: String::new(), ..self.clone() } == Self { version: String::new(), ..since.clone() }
    }

    fn lasts(&self) -> Duration {
        if self.is_anothers {
            return ANOTHERS;
        }
        let said = self.seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
        said.unwrap_or(LASTS).clamp(LASTS, LONGEST)
    }
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing for so long.
    Wait(Duration),
    /// Read the Lease.
    Read,
    /// Write it.
    Write(Draft),
}

/// What is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Draft {
    /// On which state of the object; nothing where it is to be made.
    pub(super) version: Option<String>,
    /// How often it went from one to another, with this.
    pub(super) transitions: i32,
    /// Whether somebody else held it before, or nobody.
    pub(super) takes: bool,
}

/// Why a write did not happen.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Somebody else wrote it, or made it, before.
    Conflict,
    /// Nobody knows whether it happened, or it was refused.
    Unknown,
}

/// One that wants to hold the Lease.
#[derive(Debug)]
pub(super) struct Candidate {
    me: String,
    /// What stands there, and since when it was seen to stand there unchanged; nothing where there is no Lease.
    known: Option<(Lease, Duration)>,
    /// Whether what is known was just read, and may be taken.
    takes: bool,
    /// Whether another queue's service was seen to renew it.
    is_anothers: bool,
    /// When the last renewal was sent that succeeded, while it is held.
    held: Option<Duration>,
    next: Duration,
}

impl Candidate {
    pub(super) fn new(me: String) -> Self {
        Self { me, known: None, takes: false, is_anothers: false, held: None, next: Duration::ZERO }
    }

    /// Whether it holds the Lease at `now`.
    pub(super) fn holds(&self, now: Duration) -> bool {
        self.ends().is_some_and(|end| now < end)
    }

    /// Until when it holds the Lease, if nothing is heard any more.
    pub(super) fn ends(&self) -> Option<Duration> {
        self.held.map(|sent| sent + HELD)
    }

    /// Whether a service of another queue has it, and lives.
    pub(super) fn is_anothers(&self) -> bool {
        self.is_anothers
    }

    /// Whether it is that of another queue, whose service may live.
    pub(super) fn may_be_anothers(&self) -> bool {
        self.known.as_ref().is_some_and(|(lease, _)| lease.is_anothers)
    }

    /// Whether this one or another is known to hold it at `now`: of another that was seen to renew it lately.
    pub(super) fn is_held(&self, now: Duration) -> bool {
        let renews = |(lease, since): &(Lease, Duration)| {
            !lease.is_anothers
                && !lease.holder.is_empty()
                && lease.holder != self.me
                && now.saturating_sub(*since) < lease.lasts()
        };
        self.holds(now) || self.known.as_ref().is_some_and(renews)
    }

    /// Who holds it, as was last seen; empty for nobody.
    pub(super) fn holder(&self) -> &str {
        self.known.as_ref().map_or("", |(lease, _)| &lease.holder)
    }

    /// What is to be done at `now`.
    pub(super) fn step(&mut self, now: Duration) -> Step {
        if self.held.is_some() && !self.holds(now) {
            // What was known is too old to be written on.
            (self.held, self.takes, self.next) = (None, false, now);
        }
        if now < self.next {
            let until = self.ends().map_or(self.next, |end| end.min(self.next));
            return Step::Wait(until.saturating_sub(now));
        }
        if self.held.is_some() || self.takes { Step::Write(self.draft()) } else { Step::Read }
    }

    fn draft(&self) -> Draft {
        let Some((lease, _)) = &self.known else { return Draft { version: None, transitions: 0, takes: true } };
        let takes = lease.holder != self.me;
        let transitions = lease.transitions.max(0).saturating_add(i32::from(takes));
        Draft { version: Some(lease.version.clone()), transitions, takes }
    }

    /// How it is given back at `now`, if it is held.
    pub(super) fn release(&self, now: Duration) -> Option<Draft> {
        self.holds(now).then(|| self.draft()).filter(|draft| draft.version.is_some())
    }

    /// The Lease was read: it stands so, or there is none. `jitter` is in `0.0..1.0`.
    pub(super) fn saw(&mut self, lease: Option<Lease>, now: Duration, jitter: f64) {
        let since = |lease: &Lease| {
            self.known.as_ref().filter(|(known, _)| lease.is_unchanged(known)).map_or(now, |(_, since)| *since)
        };
        self.is_anothers |= lease.as_ref().zip(self.known.as_ref()).is_some_and(|(lease, (known, _))| {
            lease.is_anothers
                && !lease.holder.is_empty()
                && lease.holder == known.holder
                && lease.renewed != known.renewed
        });
        self.known = lease.map(|lease| (since(&lease), lease)).map(|(since, lease)| (lease, since));
        let over = self.known.as_ref().map_or(now, |(lease, since)| {
            let is_free = !lease.is_anothers && (lease.holder.is_empty() || lease.holder == self.me);
            if is_free { now } else { *since + lease.lasts() }
        });
        self.takes = over <= now;
        self.next = if self.takes { now } else { (now + READ + SPREAD.mul_f64(jitter)).min(over.max(now + AGAIN)) };
    }

    /// It could not be read.
    pub(super) fn saw_nothing(&mut self, now: Duration, jitter: f64) {
        (self.takes, self.next) = (false, now + READ + SPREAD.mul_f64(jitter));
    }

    /// A write that was sent at `sent` came to this at `now`.
    pub(super) fn wrote(&mut self, came: Result<Lease, Failure>, sent: Duration, now: Duration, jitter: f64) {
        self.takes = false;
        match came {
            Ok(lease) => {
                self.known = Some((lease, now));
                (self.held, self.next) = (Some(sent), now + RENEWED.mul_f64(0.875 + jitter / 4.0));
            }
            Err(Failure::Conflict) => {
                // Of what was held, it is seen at once who has it now; who was faster to take it has it.
                self.next = if self.held.is_some() { now } else { now + AGAIN.mul_f64(1.0 + jitter) };
                self.held = None;
            }
            Err(Failure::Unknown) => self.next = now + AGAIN.mul_f64(1.0 + jitter),
        }
    }
}

#[cfg(test)]
mod tests;

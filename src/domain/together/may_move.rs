//! Whether a member of a group may move, before any registry is asked: one that may not keeps all.

use super::Seen;
use crate::domain::group::Waits;
use crate::domain::history::Outcome;
use crate::domain::policy::Mode;
use crate::domain::rollout::Rollout;
use crate::domain::settings::{Problems, Settings};

/// What about one member keeps all of its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// Its settings are not understood.
    Settings(Problems),
    /// It is to be left alone.
    Disabled,
    /// It may not be written.
    NotWritable,
    /// An update of it is under way.
    UnderWay,
}

impl Keeps {
    /// For what its group waits; `member` is how people call the member.
    #[must_use]
    pub fn waits(&self, member: String) -> Waits {
        match self {
            Self::Settings(_) => Waits::Settings(member),
            Self::Disabled => Waits::Disabled(member),
            Self::NotWritable => Waits::NotWritable(member),
            Self::UnderWay => Waits::UnderWay(member),
        }
    }
}

impl Seen<'_> {
    /// Whether it may move, by what its settings say and by whether it may be written.
    ///
    /// # Errors
    /// [`Keeps`] where it may not, and keeps all of its group.
    pub fn may_move(&self, settings: Result<&Settings, &Problems>, is_writable: bool) -> Result<(), Keeps> {
        let settings = settings.map_err(|problems| Keeps::Settings(problems.clone()))?;
        match settings.mode {
            Mode::Disabled => Err(Keeps::Disabled),
            _ if !is_writable => Err(Keeps::NotWritable),
            _ if self.is_under_way() => Err(Keeps::UnderWay),
            _ => Ok(()),
        }
    }

    /// Whether an update of what it runs goes on by itself; one that waits for somebody keeps nobody.
    fn is_under_way(&self) -> bool {
        let update = self.ledger().and_then(|ledger| ledger.update.as_ref());
        let is_followed =
            update.is_some_and(|it| it.outcome == Outcome::RollingOut && it.runs_on(self.workload, self.container));
        is_followed && !matches!(self.workload.rollout, Rollout::Waiting(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::tests::update;
    use crate::domain::record::{Event, Record};
    use crate::domain::rollout::{Progress, Waits as Somebody};
    use crate::domain::settings::Bounds;
    use crate::domain::workload::Workload;
    use crate::domain::workload::tests::workload;

    #[test]
    fn a_member_may_move_that_is_understood_writable_and_at_rest() {
        let written = |outcome| {
            let (mut record, now) = (Record::default(), update(1, None).at);
            record.on("web", Event::Write(Box::new(update(1, None))), now);
            if outcome != Outcome::RollingOut {
                record.on("web", Event::End(outcome, None), now);
            }
            record
        };
        let may = |mode: &str, tag: &str, rollout, record: Option<Record>, is_writable| {
            let image = format!("registry.example.com/shop/web:{tag}");
            let workload = Workload { rollout, ..workload(&[("web", &image)], &[("mode", mode)]) };
            let settings = Settings::read(&workload, "web", &Bounds::default());
            let seen = Seen { workload: &workload, container: "web", record: record.as_ref() };
            let kept = seen.may_move(settings.as_ref(), is_writable).err();
            kept.map(|keeps| keeps.waits("deploy/web".into()).word())
        };
        let (up, goes_on) = (|| Rollout::Complete, || Rollout::Progressing(Progress::default()));
        let rolling = || Some(written(Outcome::RollingOut));
        let cases = [
            (may("NOTIFICATION", "1.0.1", up(), None, true), None),
            (may("SOMETIMES", "1.0.1", up(), None, true), Some("invalid_setting")),
            (may("DISABLED", "1.0.1", up(), None, false), Some("disabled")),
            (may("AUTO_UPDATE", "1.0.1", goes_on(), rolling(), false), Some("not_writable")),
            (may("AUTO_UPDATE", "1.0.1", goes_on(), rolling(), true), Some("rolling_out")),
            // It is up, and has not been well for long enough.
            (may("AUTO_UPDATE", "1.0.1", up(), rolling(), true), Some("rolling_out")),
            (may("AUTO_UPDATE", "1.0.1", Rollout::Waiting(Somebody::Paused), rolling(), true), None),
            (may("AUTO_UPDATE", "1.0.0", goes_on(), rolling(), true), None),
            (may("AUTO_UPDATE", "1.0.1", goes_on(), Some(written(Outcome::Healthy)), true), None),
            (may("AUTO_UPDATE", "1.0.1", goes_on(), Some(written(Outcome::Failed)), true), None),
        ];
        for (n, (kept, expected)) in cases.into_iter().enumerate() {
            assert_eq!(kept, expected, "case {n}");
        }
    }
}

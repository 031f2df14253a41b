//! What stands on buttons in a chat, and what is said to who presses them: short, as a phone shows it above the keyboard.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::phrases::Phrases;
use super::words;
use crate::domain::actor::Actor;
use crate::domain::answer::Action;
use crate::domain::release::Language;
use crate::domain::rollout::Waits;

/// What stands on buttons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buttons {
    /// Yes.
    pub approve: &'static str,
    /// Not this version.
    pub skip: &'static str,
    /// Ask again in a week.
    pub snooze: &'static str,
    /// Asked before a yes counts.
    pub sure: &'static str,
    /// Not now.
    pub cancel: &'static str,
}

impl Buttons {
    /// What stands on the button for an action, where there is one.
    #[must_use]
    pub fn of(&self, action: Action) -> Option<&'static str> {
        match action {
            Action::Approve => Some(self.approve),
            Action::Skip => Some(self.skip),
            Action::Snooze => Some(self.snooze),
            Action::ApproveOutsideWindow | Action::Rollback | Action::Resume | Action::Renew => None,
        }
    }
}

/// What stands on buttons in a language.
#[must_use]
pub fn buttons(language: Language) -> Buttons {
    words(language).buttons()
}

/// The same, by the two letters of the language.
#[must_use]
pub fn buttons_of(code: &str) -> Buttons {
    buttons(code.parse().unwrap_or_default())
}

/// What a press came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pressed {
    /// It was approved then, now or before; for what its rollout waits, where it does.
    Approved(Option<DateTime<Utc>>, Option<Waits>),
    /// It was skipped then, now or before.
    Skipped(Option<DateTime<Utc>>),
    /// It is put off until then.
    PutOff(DateTime<Utc>),
    /// So many of so many have approved.
    Voted(usize, usize),
}

/// Why nothing was done, or not yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    /// Whoever pressed is not among those who may.
    MayNot,
    /// It takes longer than people wait.
    UnderWay,
    /// A button is not enough for it.
    OneMoreStep,
    /// What was shown beside the button is not known.
    Unknown,
    /// The same person approved before, and others have to.
    Again,
    /// The link's time is over.
    Expired,
    /// A newer question took its place.
    Superseded,
    /// The tag points to something else now.
    Moved,
    /// The workload runs something else now.
    Changed,
    /// There is nothing to decide any more.
    Over,
    /// Somebody does not answer now.
    Later,
}

impl Nothing {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::MayNot,
        Self::UnderWay,
        Self::OneMoreStep,
        Self::Unknown,
        Self::Again,
        Self::Expired,
        Self::Superseded,
        Self::Moved,
        Self::Changed,
        Self::Over,
        Self::Later,
    ];
}

/// The words of chats in one language.
pub trait ChatWords: Phrases {
    /// What stands on buttons.
    fn buttons(&self) -> Buttons;
    /// What a press came to.
    fn pressed(&self, pressed: &Pressed, zone: Tz) -> String;
    /// What happened, and by whom.
    fn done_by(&self, what: &str, who: &str) -> String;
    /// That a newer question took the place of this one.
    fn replaced(&self, by: &str) -> String;
    /// Why nothing was done.
    fn nothing(&self, why: Nothing) -> &'static str;
}

/// What a press came to, in words.
#[must_use]
pub fn pressed(language: Language, pressed: &Pressed, zone: Tz) -> String {
    words(language).pressed(pressed, zone)
}

/// What happened, and by whom.
#[must_use]
pub fn by(language: Language, what: &str, who: &str) -> String {
    words(language).done_by(what, who)
}

/// That a newer question took the place of this one.
#[must_use]
pub fn replaced(language: Language, by: &str) -> String {
    words(language).replaced(by)
}

/// Several people.
#[must_use]
pub fn all_of(language: Language, all: &[String]) -> String {
    words(language).all_of(&all.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Who decided, as people read it.
#[must_use]
pub fn actor(language: Language, who: &Actor) -> String {
    words(language).actor(who)
}

/// Somebody, named so, who chose to do it outside the window.
#[must_use]
pub fn outside_the_window(language: Language, who: &str) -> String {
    words(language).outside_the_window(who)
}

/// Why nothing was done, in words.
#[must_use]
pub fn nothing(language: Language, why: Nothing) -> &'static str {
    words(language).nothing(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_fits_where_it_is_shown() {
        for language in [Language::English, Language::French] {
            for why in Nothing::ALL {
                let said = nothing(language, why);
                assert!(said.encode_utf16().count() <= 200, "Telegram shows no more: {said}");
                let apart = [" :", " ;", " ?", " !"].iter().any(|mark| said.contains(mark));
                assert!(!apart, "no line begins with it: {said}");
            }
            let Buttons { approve, skip, snooze, sure, cancel } = buttons(language);
            assert!([approve, cancel].iter().all(|label| label.chars().count() <= 30), "Slack's dialog");
            assert!(sure.chars().count() <= 100 && [skip, snooze].iter().all(|label| label.chars().count() <= 60));
        }
        assert_eq!(buttons_of("fr"), buttons(Language::French));
        assert_eq!(buttons_of("xx"), buttons(Language::English));
    }

    #[test]
    fn what_came_of_a_press_is_told_in_the_channels_language() {
        let at = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let said = |language| {
            [
                Pressed::Approved(Some(at), None),
                Pressed::Approved(None, Some(Waits::Paused)),
                Pressed::Skipped(None),
                Pressed::PutOff(at),
                Pressed::Voted(1, 2),
            ]
            .map(|it| pressed(language, &it, Tz::Europe__Paris).replace('\u{a0}', " "))
        };
        assert_eq!(
            said(Language::English),
            [
                "Approved 18 Nov 2026 12:06 CET",
                "Approved (its rollout waits: rollouts are paused)",
                "Skipped",
                "Put off until 18 Nov 2026 12:06 CET",
                "Approved: 1 of 2"
            ]
        );
        assert_eq!(
            said(Language::French),
            [
                "Approuvé le 18 nov. 2026 12:06 CET",
                "Approuvé (son déploiement n’avance pas : les déploiements sont en pause)",
                "Version ignorée",
                "Reporté au 18 nov. 2026 12:06 CET",
                "Approuvé : 1 sur 2"
            ]
        );
        let both = Actor::Several(vec![Actor::Policy, Actor::Telegram("7".into())]);
        assert_eq!(actor(Language::French, &both), "la politique et 7 (Telegram)");
        assert_eq!(by(Language::French, "Approuvé", "7"), "Approuvé, par 7");
    }
}

//! What stands on buttons in a chat, and what is said to who presses them: short, as a phone shows it above the keyboard.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::words;
use crate::domain::actor::Actor;
use crate::domain::release::Language;

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

/// What stands on buttons in a language.
#[must_use]
pub fn buttons(language: Language) -> Buttons {
    match language {
        Language::English => Buttons {
            approve: "Approve",
            skip: "Skip this version",
            snooze: "Ask again in 7 days",
            sure: "Approve this update?",
            cancel: "Cancel",
        },
        Language::French => Buttons {
            approve: "Approuver",
            skip: "Ignorer cette version",
            snooze: "Redemander dans 7 jours",
            sure: "Approuver cette mise à jour\u{a0}?",
            cancel: "Annuler",
        },
    }
}

/// The same, by the two letters of the language.
#[must_use]
pub fn buttons_of(code: &str) -> Buttons {
    buttons(code.parse().unwrap_or_default())
}

/// What a press came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pressed {
    /// It was approved then, now or before.
    Approved(Option<DateTime<Utc>>),
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
    /// It would not be asked today.
    Refused,
    /// The tag points to something else now.
    Moved,
    /// The workload runs something else now.
    Changed,
    /// There is nothing to decide any more.
    Over,
    /// The cluster does not take it.
    NotWritten,
    /// Somebody does not answer now.
    Later,
}

impl Nothing {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::MayNot,
        Self::UnderWay,
        Self::OneMoreStep,
        Self::Unknown,
        Self::Again,
        Self::Expired,
        Self::Superseded,
        Self::Refused,
        Self::Moved,
        Self::Changed,
        Self::Over,
        Self::NotWritten,
        Self::Later,
    ];
}

/// What a press came to, in words.
#[must_use]
pub fn pressed(language: Language, pressed: &Pressed, zone: Tz) -> String {
    let moment = |at: DateTime<Utc>| words(language).moment(at, zone);
    let le = if language == Language::French { " le" } else { "" };
    let then = |at: &Option<DateTime<Utc>>| at.map(|at| format!("{le} {}", moment(at))).unwrap_or_default();
    match (language, pressed) {
        (Language::English, Pressed::Approved(at)) => format!("Approved{}", then(at)),
        (Language::English, Pressed::Skipped(at)) => format!("Skipped{}", then(at)),
        (Language::English, Pressed::PutOff(until)) => format!("Put off until {}", moment(*until)),
        (Language::English, Pressed::Voted(count, needed)) => format!("Approved: {count} of {needed}"),
        (Language::French, Pressed::Approved(at)) => format!("Approuvé{}", then(at)),
        (Language::French, Pressed::Skipped(at)) => format!("Version ignorée{}", then(at)),
        (Language::French, Pressed::PutOff(until)) => format!("Reporté au {}", moment(*until)),
        (Language::French, Pressed::Voted(count, needed)) => format!("Approuvé\u{a0}: {count} sur {needed}"),
    }
}

/// What happened, and by whom.
#[must_use]
pub fn by(language: Language, what: &str, who: &str) -> String {
    match language {
        Language::English => format!("{what}, by {who}"),
        Language::French => format!("{what}, par {who}"),
    }
}

/// Several people.
#[must_use]
pub fn all_of(language: Language, all: &[String]) -> String {
    all.join(match language {
        Language::English => " and ",
        Language::French => " et ",
    })
}

/// Who decided, as people read it.
#[must_use]
pub fn actor(language: Language, who: &Actor) -> String {
    words(language).actor(who)
}

/// Why nothing was done, in words.
#[must_use]
pub fn nothing(language: Language, why: Nothing) -> &'static str {
    match language {
        Language::English => english(why),
        Language::French => in_french(why),
    }
}

fn english(why: Nothing) -> &'static str {
    match why {
        Nothing::MayNot => {
            "You may not answer this here: only people whom the configuration of this channel names may. Nothing was done."
        }
        Nothing::UnderWay => "Your answer is under way. What comes of it is said here.",
        Nothing::OneMoreStep => "This update takes one more step: open the link in the message. Nothing was done.",
        Nothing::Unknown => "This button is not known here: it may be too old. Nothing was done; the link says more.",
        Nothing::Again => "You have approved already. It is applied when enough others approve, too.",
        Nothing::Expired => "Its time is over. Nothing was done; the link in the message can ask for a new one.",
        Nothing::Superseded => "A newer version took its place. Nothing was done.",
        Nothing::Refused => "This would not be asked today. Nothing was done; the link in the message says why.",
        Nothing::Moved => "The tag points to another image now. Nothing was done; you are asked again about it.",
        Nothing::Changed => "The workload is not what it was when you were asked. Nothing was done.",
        Nothing::Over => "There is nothing to decide about this any more. Nothing was done.",
        Nothing::NotWritten => {
            "The cluster refuses to write it. Nothing was done; the link in the message says what it said."
        }
        Nothing::Later => {
            "The registry or the cluster does not answer. Nothing was done, and nothing is lost: press again in a minute."
        }
    }
}

fn in_french(why: Nothing) -> &'static str {
    match why {
        Nothing::MayNot => {
            "Vous ne pouvez pas répondre ici\u{a0}: seules les personnes nommées dans la configuration de ce canal le peuvent. Rien n’a été fait."
        }
        Nothing::UnderWay => "Votre réponse est en cours de traitement. Le résultat sera dit ici.",
        Nothing::OneMoreStep => {
            "Cette mise à jour demande une étape de plus\u{a0}: ouvrez le lien du message. Rien n’a été fait."
        }
        Nothing::Unknown => {
            "Ce bouton n’est pas connu ici\u{a0}: il est peut-être trop ancien. Rien n’a été fait\u{a0}; le lien en dit plus."
        }
        Nothing::Again => {
            "Vous avez déjà approuvé. La mise à jour est appliquée dès qu’assez d’autres personnes approuvent."
        }
        Nothing::Expired => {
            "Le délai est écoulé. Rien n’a été fait\u{a0}; le lien du message permet d’en demander un nouveau."
        }
        Nothing::Superseded => "Une version plus récente a pris sa place. Rien n’a été fait.",
        Nothing::Refused => {
            "La question ne se poserait plus aujourd’hui. Rien n’a été fait\u{a0}; le lien dit pourquoi."
        }
        Nothing::Moved => {
            "Le tag désigne maintenant une autre image. Rien n’a été fait\u{a0}; une nouvelle question sera posée."
        }
        Nothing::Changed => "La charge n’est plus ce qu’elle était lors de la question. Rien n’a été fait.",
        Nothing::Over => "Il n’y a plus rien à décider à ce sujet. Rien n’a été fait.",
        Nothing::NotWritten => "Le cluster refuse l’écriture. Rien n’a été fait\u{a0}; le lien du message en dit plus.",
        Nothing::Later => {
            "Le registre ou le cluster ne répond pas. Rien n’a été fait, rien n’est perdu\u{a0}: réessayez dans une minute."
        }
    }
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
            [Pressed::Approved(Some(at)), Pressed::Skipped(None), Pressed::PutOff(at), Pressed::Voted(1, 2)]
                .map(|it| pressed(language, &it, Tz::Europe__Paris).replace('\u{a0}', " "))
        };
        assert_eq!(
            said(Language::English),
            ["Approved 18 Nov 2026 12:06 CET", "Skipped", "Put off until 18 Nov 2026 12:06 CET", "Approved: 1 of 2"]
        );
        assert_eq!(
            said(Language::French),
            [
                "Approuvé le 18 nov. 2026 12:06 CET",
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

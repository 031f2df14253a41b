//! Parts of sentences, in French.

use std::fmt::Display;

use crate::domain::actor::Actor;
use crate::domain::declared::Kinds;
use crate::domain::group::{Move, Plan};
use crate::domain::tag::Level;
use crate::message::clean;

/// A number and what it counts: in French, zero and one are singular.
pub fn counted<N: Copy + Display + PartialOrd + From<u8>>(count: N, one: &str, several: &str) -> String {
    let word = if count < N::from(2) { one } else { several };
    format!("{count} {word}")
}

pub(super) fn charges(count: usize) -> String {
    counted(count, "charge de travail", "charges de travail")
}

/// In quotation marks: what a stranger, a registry or a cluster says, as it says it.
pub(super) fn quoted(text: &str) -> String {
    format!("«\u{a0}{text}\u{a0}»")
}

/// Which cluster speaks.
pub(super) fn of_cluster(cluster: Option<&str>) -> String {
    cluster.map(|cluster| format!(", dans le cluster {}", clean(cluster))).unwrap_or_default()
}

pub(super) fn how_far(level: Level) -> &'static str {
    match level {
        Level::Build => "build",
        Level::Prerelease => "préversion",
        Level::Patch => "correctif",
        Level::Minor => "mineure",
        Level::Major => "majeure",
        Level::Digest => "digest",
        Level::Pattern => "selon le motif",
    }
}

/// Mode and strategy, as a notice carries them.
pub(super) fn policy(text: &str) -> String {
    match text.split_once(", strategy ") {
        Some((mode, strategy)) => format!("{mode}, stratégie {strategy}"),
        None => text.to_owned(),
    }
}

/// Who or what decided.
pub(in crate::message) fn actor(who: &Actor) -> String {
    match who {
        Actor::Policy => "la politique".to_owned(),
        Actor::Holder { channel, address: Some(address) } => format!("{address} ({channel})"),
        Actor::Holder { channel, address: None } => format!("une personne qui a le lien dans {channel}"),
        Actor::Command(Some(user)) => format!("{user} (ligne de commande)"),
        Actor::Command(None) => "quelqu’un, en ligne de commande".to_owned(),
        Actor::Program(name) => name.clone(),
        Actor::SignedIn(name) => format!("{name} (identifié)"),
        // Identifiers and the names of services are the same in every language.
        Actor::Slack(_) | Actor::Telegram(_) => who.words(),
        Actor::Several(all) => {
            let all: Vec<String> = all.iter().map(actor).collect();
            all_of(&all.iter().map(String::as_str).collect::<Vec<_>>())
        }
        Actor::OutsideTheWindow(who) => outside_the_window(&actor(who)),
    }
}

/// Somebody who chose to do it outside the window.
pub(super) fn outside_the_window(who: &str) -> String {
    format!("{who}, hors de la fenêtre")
}

/// Several things in a row: `a, b et c`.
pub(super) fn all_of(all: &[&str]) -> String {
    match all {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [before @ .., last] => format!("{} et {last}", before.join(", ")),
    }
}

/// What the makers declare; nothing where nothing is declared.
pub(super) fn declared(Kinds { breaking, manual, migration, unread }: Kinds) -> Option<String> {
    let all = [
        (breaking, "des changements incompatibles"),
        (manual, "des étapes à faire à la main"),
        (migration, "une migration des données"),
    ];
    let all: Vec<&str> = all.into_iter().filter_map(|(is, words)| is.then_some(words)).collect();
    let rollback = if migration {
        " Le retour en arrière automatique est désactivé, car l’ancienne version pourrait ne plus lire ces données."
    } else {
        ""
    };
    let says = (!all.is_empty()).then(|| format!("Ses auteurs annoncent {}.{rollback}", all_of(&all)));
    let unread =
        unread.then(|| "Les notes des auteurs jusqu’à cette version n’ont pas toutes pu être lues.".to_owned());
    let said: Vec<String> = says.into_iter().chain(unread).collect();
    (!said.is_empty()).then(|| said.join(" "))
}

/// Where each member of a group goes, so that nothing is left out.
pub(super) fn group(plan: &Plan) -> String {
    let one = |one: &Move| {
        let from = one.from_tag().map(|tag| tag.to_string()).unwrap_or_default();
        let member = one.member();
        let all: Vec<&str> = [&*member].into_iter().chain(one.with.iter().map(|name| &**name)).collect();
        format!("{} {from} → {}", clean(&all_of(&all)), one.tag)
    };
    let all: Vec<String> = plan.moves.iter().map(one).collect();
    format!("{}, tous dans cet ordre ou aucun\u{a0}: {}", plan.name, all.join("\u{a0}; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::NoticeKind;
    use crate::message::french::French;
    use crate::message::{Catalogue as _, Phrases as _};

    #[test]
    fn one_and_none_are_singular() {
        let words = |count| [French.section(NoticeKind::Gone, count), French.more_versions(count)].join(" ");
        assert_eq!(words(0), "0 disparue de son registre … et 0 autre version");
        assert_eq!(words(1), "1 disparue de son registre … et 1 autre version");
        assert_eq!(words(2), "2 disparues de leur registre … et 2 autres versions");
    }

    #[test]
    fn what_is_declared_is_one_sentence_or_several() {
        let of = |breaking, manual, migration, unread| declared(Kinds { breaking, manual, migration, unread });
        assert_eq!(of(false, false, false, false), None);
        assert_eq!(of(true, false, false, false).unwrap(), "Ses auteurs annoncent des changements incompatibles.");
        let all = of(true, true, true, true).unwrap();
        let start =
            "Ses auteurs annoncent des changements incompatibles, des étapes à faire à la main et une migration";
        assert!(all.starts_with(start) && all.ends_with("n’ont pas toutes pu être lues."), "{all}");
        assert!(all.contains("retour en arrière automatique est désactivé"), "{all}");
    }

    /// Fault r28-11: it was written into the name, and is English there.
    #[test]
    fn that_somebody_decided_outside_the_window_is_said_in_french() {
        for (by, words) in [
            ("link email:o…@example.com, outside the window", "o…@example.com (email), hors de la fenêtre"),
            ("slack T1/U2, outside the window", "U2 (Slack), hors de la fenêtre"),
            ("people sign-in a; sign-in b, outside the window", "a (identifié) et b (identifié), hors de la fenêtre"),
        ] {
            assert_eq!(French.actor(&Actor::from(by)), words);
        }
    }

    #[test]
    fn words_that_are_not_known_stay() {
        assert_eq!((French.level("minor"), French.level("other")), ("mineure".into(), "other".into()));
        assert_eq!(policy("AUTO_UPDATE, strategy MINOR"), "AUTO_UPDATE, stratégie MINOR");
        assert_eq!((policy(""), policy("DISABLED")), (String::new(), "DISABLED".into()));
    }
}

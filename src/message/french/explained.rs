//! Where a container would go or why it stays, in French.

use chrono_tz::Tz;

use super::grounds::grounds;
use super::verdict::verdict;
use crate::domain::policy::{Counts, Unmatched};
use crate::domain::view::{Gist, Pointed, State, Why};

/// In one sentence, without what stands in the way.
pub fn explained(Gist { subject, from, implied, to, state, why, .. }: &Gist, zone: Tz) -> String {
    let why = reason(why, zone);
    let from = if *implied { format!("{from} (l’image ne nomme pas de tag)") } else { from.clone() };
    match (to, state) {
        (Some(to), _) => format!("{subject} passerait de {from} à {to}\u{a0}: {why}."),
        (None, State::UpToDate | State::NoVersion | State::NoDigest) => {
            format!("{subject} reste à {from}\u{a0}: {why}.")
        }
        (None, _) => format!("rien ne peut être décidé pour {subject} à {from}\u{a0}: {why}."),
    }
}

fn reason(why: &Why, zone: Tz) -> String {
    match why {
        Why::Version(it) => grounds(it),
        Why::Cooling(it, counts) => {
            let from = match counts {
                Counts::FirstSeen => "qu’elle est connue",
                Counts::Pushed => "son push, selon le registre",
            };
            format!("{}\u{a0}; son délai d’attente compte depuis {from}", grounds(it))
        }
        Why::HeldBack(tag, by) => format!("{tag} est retenue\u{a0}: {}", verdict(&by.verdict(), zone)),
        Why::NothingNewer => "rien dans la liste n’est plus récent et de la même famille".to_owned(),
        Why::NoneOfItsKind(1) => {
            "l’autre tag de la liste est d’une autre sorte, rien ne peut donc être plus récent".to_owned()
        }
        Why::NoneOfItsKind(others) => {
            format!("aucun des {others} autres tags de la liste n’est de sa sorte, rien ne peut donc être plus récent")
        }
        Why::NoOrder(by) => match by.verdict().unmatched() {
            Some(of) => unmatched(of).to_owned(),
            None => format!(
                "il n’a pas d’ordre ({}), rien ne peut donc être plus récent\u{a0}; image-watcher/track: digest suit ce qu’il désigne",
                verdict(&by.verdict(), zone)
            ),
        },
        Why::NoTags => "la liste des tags est vide".to_owned(),
        Why::Followed(to) => format!("image-watcher/track est digest, et {}", pointed(*to)),
    }
}

fn unmatched(of: Unmatched) -> &'static str {
    match of {
        Unmatched::Pattern => {
            "le tag en service est hors de image-watcher/tag-policy, rien n’est donc plus récent\u{a0}; écrivez-en une qui le prend, ou choisissez un tag qui est pris"
        }
        Unmatched::Order => {
            "le tag en service n’a pas de place dans image-watcher/tag-order, rien n’est donc plus récent\u{a0}; écrivez un ordre qui en a une, ou nommez ce qui est comparé, comme dans regex:^build-(?P<compare>[0-9]+)$"
        }
    }
}

fn pointed(to: Pointed) -> &'static str {
    match to {
        Pointed::Elsewhere => "le tag désigne un autre manifeste",
        Pointed::Unknown => "ce que le tag désigne est noté au prochain passage",
        Pointed::Skipped => "image-watcher/skip nomme ce que le tag désigne à présent",
        Pointed::Unfit => "le tag désigne un autre manifeste, qui ne démarrerait pas",
        Pointed::Same => "le tag désigne ce qui est en service",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::grounds::Grounds;
    use crate::domain::policy::Verdict;
    use crate::domain::tag::Level;

    /// Each of them, so that what is said can be read as a whole.
    #[test]
    fn what_is_decided_is_said_in_french() {
        let moved = || Grounds::Moved { release: false };
        let all = [
            (Some("1.3.0"), State::Update, Why::Version(moved())),
            (Some("1.3.0"), State::Cooling, Why::Cooling(moved(), Counts::FirstSeen)),
            (Some("1.3.0"), State::Cooling, Why::Cooling(moved(), Counts::Pushed)),
            (None, State::UpToDate, Why::HeldBack("2.0.0".into(), Verdict::AboveStrategy(Level::Major).into())),
            (None, State::UpToDate, Why::NothingNewer),
            (None, State::UpToDate, Why::NoneOfItsKind(1)),
            (None, State::UpToDate, Why::NoneOfItsKind(7)),
            (None, State::NoVersion, Why::NoOrder(Verdict::Named.into())),
            (None, State::NoVersion, Why::NoOrder(Verdict::OutsidePattern.into())),
            (None, State::NoVersion, Why::NoOrder(Verdict::WithoutOrder.into())),
            (None, State::NoTags, Why::NoTags),
            (Some("stable"), State::Update, Why::Followed(Pointed::Elsewhere)),
            (None, State::NoDigest, Why::Followed(Pointed::Unknown)),
            (None, State::UpToDate, Why::Followed(Pointed::Skipped)),
            (None, State::UpToDate, Why::Followed(Pointed::Unfit)),
            (None, State::UpToDate, Why::Followed(Pointed::Same)),
        ];
        let gist = |(to, state, why): (Option<&str>, _, _)| {
            let (subject, from, to) = ("web".into(), "1.2.3".into(), to.map(str::to_owned));
            Gist { subject, from, implied: false, to, state, why, rollout: None, blockers: Vec::new() }
        };
        let said = all.map(|one| explained(&gist(one), Tz::UTC));
        insta::assert_snapshot!(said.join("\n"));
        let implied = Gist { implied: true, ..gist((None, State::UpToDate, Why::NothingNewer)) };
        assert!(explained(&implied, Tz::UTC).contains("reste à 1.2.3 (l’image ne nomme pas de tag)"));
    }
}

//! Why this version, and why people are asked about it, in French.

use std::fmt::Write as _;

use chrono_tz::Tz;

use super::moment::moment;
use super::phrases::{how_far, quoted};
use super::preflight::unfit as unfit_version;
use crate::domain::fleet::brake::COUNTED;
use crate::domain::fleet::{Asks, Failed, Stopped};
use crate::domain::gone::{Gone, Lost};
use crate::domain::grounds::Grounds;
use crate::domain::policy::{Refused, Steps, Withheld};
use crate::domain::preflight::Unfit;

/// What speaks for a version.
pub(super) fn grounds(grounds: &Grounds) -> String {
    match grounds {
        Grounds::Highest { strategy, level, steps, missing, withheld, unfit, skipped } => {
            let level = how_far(*level);
            let best = format!("la plus haute de sa famille que la stratégie {strategy} autorise ({level})");
            best + &beside(*steps, &PassedOver { missing, withheld, unfit, skipped })
        }
        Grounds::HighestByPattern { steps, missing, withheld, unfit, skipped } => {
            let best = "la plus haute selon image-watcher/tag-policy et tag-order".to_owned();
            best + &beside(*steps, &PassedOver { missing, withheld, unfit, skipped })
        }
        Grounds::Group { name, members: 1 } => format!("la version la plus récente du seul conteneur du groupe {name}"),
        Grounds::Group { name, members } => {
            format!("la version la plus récente que les {members} conteneurs du groupe {name} ont tous")
        }
        Grounds::Moved { release: true } => {
            "le tag désigne un autre manifeste\u{a0}: une version publiée une seconde fois".to_owned()
        }
        Grounds::Moved { release: false } => "le tag désigne un autre manifeste".to_owned(),
        Grounds::Gone(gone) => self::gone(gone),
        Grounds::Words(words) => quoted(words),
    }
}

/// Newer versions that were not taken, and why.
struct PassedOver<'p> {
    missing: &'p [String],
    withheld: &'p [Withheld],
    unfit: &'p [Unfit],
    skipped: &'p [String],
}

/// What was not jumped over, and what was passed over.
fn beside(steps: Option<Steps>, &PassedOver { missing, withheld, unfit, skipped }: &PassedOver<'_>) -> String {
    let mut told = match steps {
        Some(Steps::Major) => ", sans sauter de version majeure".to_owned(),
        Some(Steps::Minor) => ", sans sauter de version mineure".to_owned(),
        None => String::new(),
    };
    if !missing.is_empty() {
        let passed_over = if missing.len() == 1 { "écartée" } else { "écartées" };
        let _ = write!(told, "\u{a0}; {passed_over}, faute de manifeste\u{a0}: {}", missing.join(", "));
    }
    for Withheld { tag, refused: Refused { status, said } } in withheld {
        let said = said.as_ref().map(|said| format!(", {}", quoted(said))).unwrap_or_default();
        let _ = write!(told, "\u{a0}; écartée\u{a0}: {tag}, que son registre refuse (statut {status}{said})");
    }
    for one in unfit {
        let _ = write!(told, "\u{a0}; écartée\u{a0}: {}", unfit_version(one));
    }
    if !skipped.is_empty() {
        let word = if skipped.len() == 1 { "ignorée" } else { "ignorées" };
        let _ = write!(told, "\u{a0}; {word}\u{a0}: {}", skipped.join(", "));
    }
    told
}

fn gone(Gone { tag, lost, good, .. }: &Gone) -> String {
    let what = match lost {
        Lost::Tag => {
            format!(
                "le tag {tag}, en service, a disparu de son registre\u{a0}; son image y est encore, sous son digest"
            )
        }
        Lost::Unknown => format!(
            "le tag {tag}, en service, a disparu de son registre\u{a0}: un nœud qui n’a pas l’image ne peut pas la récupérer"
        ),
        Lost::Image => format!(
            "{tag}, en service, a disparu de son registre, par tag et par digest\u{a0}: un nœud qui ne l’a pas ne peut pas la récupérer"
        ),
        Lost::Prerelease => format!("{tag}, en service, est désormais marquée comme préversion par son projet"),
        Lost::Release => format!("{tag}, en service, n’est plus publiée par son projet\u{a0}: elle a été retirée"),
        Lost::Moved => format!(
            "{tag}, en service, a été publiée de nouveau sous le même tag, qui désigne autre chose que ce qui a été déployé"
        ),
    };
    let next = match good {
        Some(good) if !lost.is_of_registry() => format!("la plus récente avant elle est {good}"),
        None if !lost.is_of_registry() => "aucune plus ancienne de son genre n’est connue".to_owned(),
        Some(good) => format!("passez à {good}, la version la plus récente qui existe"),
        None => "publiez l’image de nouveau, ou choisissez un tag qui existe".to_owned(),
    };
    format!("{what}\u{a0}; {next}")
}

/// Why people are asked first.
pub(super) fn asks(asks: &Asks, zone: Tz) -> String {
    match asks {
        Asks::Failed(one) => format!("{}\u{a0}; votre accord est donc demandé d’abord", failed(one, zone)),
        Asks::Stopped(all) => {
            format!("{}\u{a0}; votre accord est demandé jusqu’à ce que quelqu’un les relance", stopped(all, zone))
        }
    }
}

/// An update that failed elsewhere.
pub(super) fn failed(Failed { workload, tag, reason, at, .. }: &Failed, zone: Tz) -> String {
    let reason = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
    format!("{tag} a échoué sur {workload}{reason}, le {}", moment(*at, zone))
}

fn stopped(Stopped { failed: all, .. }: &Stopped, zone: Tz) -> String {
    let which: Vec<String> = all.iter().map(|one| failed(one, zone)).collect();
    let which = if which.is_empty() { String::new() } else { format!("\u{a0}: {}", which.join("\u{a0}; ")) };
    let count = all.len();
    let have = if count < 2 { "a" } else { "ont" };
    format!(
        "les mises à jour automatiques sont suspendues partout, car {count} des {COUNTED} dernières {have} échoué{which}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::Strategy;
    use crate::domain::preflight::Flaw;
    use crate::domain::reference::{Digest, Tag};
    use crate::domain::tag::Level;

    /// Each of them, so that what is said can be read as a whole.
    #[test]
    fn all_grounds() {
        let unfit = Unfit {
            tag: Tag::parse("1.5.0").unwrap(),
            digest: Digest::parse(&format!("sha256:{}", "a".repeat(64))).unwrap(),
            flaw: Flaw::NoCommand,
        };
        let highest = |steps, missing: &[&str], unfit: &[Unfit]| Grounds::Highest {
            strategy: Strategy::Minor,
            level: Level::Minor,
            steps,
            missing: missing.iter().map(|tag| (*tag).to_owned()).collect(),
            withheld: Vec::new(),
            unfit: unfit.to_vec(),
            skipped: Vec::new(),
        };
        let group = |members| Grounds::Group { name: "shop".parse().unwrap(), members };
        let gone = |lost, good: Option<&str>| {
            let good = good.map(|tag| Tag::parse(tag).unwrap());
            Grounds::Gone(Gone { tag: Tag::parse("1.0.2").unwrap(), digest: None, lost, good })
        };
        let all = [
            highest(None, &[], &[]),
            highest(Some(Steps::Minor), &["1.4.0"], &[]),
            highest(Some(Steps::Major), &["1.4.0", "1.4.1"], std::slice::from_ref(&unfit)),
            Grounds::HighestByPattern {
                steps: None,
                missing: Vec::new(),
                withheld: Vec::new(),
                unfit: vec![unfit],
                skipped: vec!["1.5.0".into()],
            },
            group(1),
            group(3),
            Grounds::Moved { release: true },
            Grounds::Moved { release: false },
            gone(Lost::Tag, None),
            gone(Lost::Unknown, Some("1.0.1")),
            gone(Lost::Image, Some("1.0.1")),
            gone(Lost::Prerelease, Some("1.0.1")),
            gone(Lost::Release, None),
            gone(Lost::Moved, Some("1.0.1")),
            Grounds::Words("highest of all".into()),
        ];
        let all: Vec<String> = all.iter().map(grounds).collect();
        insta::assert_snapshot!(all.join("\n"));
    }
}

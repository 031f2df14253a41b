//! How a group stands, for one of its members.

use chrono::{DateTime, Utc};

use super::French;
use super::others::waits_for_others;
use crate::domain::event::WayBack;
use crate::domain::group::{MOST_MEMBERS, Waits};
use crate::domain::view::{GroupStands, OfGroup};
use crate::web::words::{Said, beside};

pub(super) fn group(OfGroup { name, stands, .. }: &OfGroup, now: DateTime<Utc>) -> Said {
    let when = |at: DateTime<Utc>| beside(at, now, &French);
    let fact = match stands {
        GroupStands::Waits(waits) => return self::waits(waits, now).beginning(&format!("Le groupe {name} attend")),
        GroupStands::Asked(by, until) => {
            return Said::new(
                format!("Groupe {name}\u{a0}: un accord est demandé par la question de {by}"),
                format!("fin {}", when(*until)),
            );
        }
        GroupStands::Unanswered(by) => {
            return Said::new(
                format!("Groupe {name}\u{a0}: personne n’a répondu à temps à la question de {by}"),
                "la réponse se donne là-bas",
            );
        }
        GroupStands::PutOff(by, until) => {
            return Said::new(
                format!("Groupe {name}\u{a0}: la question de {by} est reportée"),
                format!("nouvelle demande {}", when(*until)),
            );
        }
        GroupStands::Person => format!("Le groupe {name} attend un accord"),
        GroupStands::First(member) => format!("Groupe {name}\u{a0}: {member} passe d’abord"),
        GroupStands::GoesBack(failed) => {
            format!("Le groupe {name} revient en arrière\u{a0}: {failed} a échoué ou est revenu")
        }
        GroupStands::WentBackWithout(why) => {
            return Said::new(format!("Le groupe {name} est revenu en arrière, sans celui-ci"), stays(*why));
        }
    };
    Said::new(fact, "")
}

/// Why what was written is not undone, in a few words.
fn stays(why: WayBack) -> &'static str {
    match why {
        WayBack::Goes => "il revient",
        WayBack::Further => "il revient à ce qui tournait bien en dernier",
        WayBack::Off => "ses réglages laissent le retour à une personne",
        WayBack::Migration => "ses auteurs déclarent qu’elle modifie des données enregistrées",
        WayBack::Unread => "ses notes n’ont pas pu être lues, donc on ignore si elle modifie des données enregistrées",
        WayBack::Unknown => {
            "ce qui tournait avant n’est pas connu par son empreinte, ou l’image a été changée par une autre main"
        }
        WayBack::Before => "des pods de la version d’avant ont le même problème",
        WayBack::Gone => "ce qui tournait avant n’est plus dans son registre",
        WayBack::Refused => "le serveur d’API refuse d’écrire ce qui tournait avant",
        WayBack::Failed => "c’était le retour",
        WayBack::StandsStill => "c’est le retour, et il n’avance pas",
        WayBack::PutBack => "une autre main l’a remise",
    }
}

/// Why all of a group wait: the detail behind that they do.
fn waits(waits: &Waits, now: DateTime<Utc>) -> Said {
    let when = |at: DateTime<Utc>| beside(at, now, &French);
    let detail = match waits {
        Waits::TooMany => format!("il a plus de {MOST_MEMBERS} conteneurs\u{a0}; faites-en des groupes plus petits"),
        Waits::Settings(member) => format!("les réglages de {member} ne sont pas compris"),
        Waits::Disabled(member) => format!("le mode de {member} est DISABLED"),
        Waits::NotWritable(member) => format!("{member} ne peut pas être modifié (patch)"),
        Waits::UnderWay(member) => format!("une mise à jour de {member} est en cours"),
        Waits::Undecided(member, why) => {
            return Said::new("", format!("rien ne peut être décidé pour {member}")).quoting(Some(why));
        }
        Waits::Incomparable(member) => format!("ce que {member} exécute n’est pas une version comparable"),
        Waits::Lacking { version, without } => {
            format!("{version} n’existe pas pour {}, ou leurs réglages ne la prennent pas", without.join(", "))
        }
        Waits::Passed { member, version, why } => {
            return Said::new("", format!("{version} est écartée pour {member}")).quoting(Some(why));
        }
        Waits::Held(member, version) => format!("{version} est retenue sur {member}"),
        Waits::Failed(member, version) => {
            format!("{version} a échoué sur {member}, et rien ne revient seul en arrière")
        }
        Waits::Refused(member, again) => {
            format!("le serveur d’API refuse d’écrire {member}, nouvel essai {}", when(*again))
        }
        Waits::Window(member, until) => format!("la fenêtre de {member} est fermée, elle s’ouvre {}", when(*until)),
        Waits::Paused(member) => format!("les déploiements de {member} sont en pause"),
        Waits::Notes(member) => format!("les notes de version de {member} ne sont pas encore lisibles"),
        Waits::StandsStill(member, version) => {
            format!("le déploiement de {version} sur {member} n’avance pas, ou attend quelqu’un")
        }
        Waits::Others(member, why) => {
            let Said { fact, detail, .. } = waits_for_others(why);
            let said: Vec<String> = std::iter::once(fact).chain(detail).collect();
            format!("{member}\u{a0}: {}", said.join(", "))
        }
    };
    Said::new("", detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fleet;
    use crate::domain::reference::Tag;

    /// Each of them, so that what is said can be read as a whole.
    #[test]
    fn how_a_group_stands_is_said_in_french() {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let until = now + chrono::TimeDelta::hours(5);
        let (web, version) = (|| "deploy/web".to_owned(), Tag::parse("1.3.0").unwrap());
        let waits = [
            Waits::TooMany,
            Waits::Settings(web()),
            Waits::Disabled(web()),
            Waits::NotWritable(web()),
            Waits::UnderWay(web()),
            Waits::Undecided(web(), "no list".into()),
            Waits::Incomparable(web()),
            Waits::Lacking { version: version.clone(), without: vec![web()] },
            Waits::Passed { member: web(), version: version.clone(), why: "it would not start".into() },
            Waits::Held(web(), version.clone()),
            Waits::Failed(web(), version.clone()),
            Waits::Refused(web(), until),
            Waits::Window(web(), until),
            Waits::Paused(web()),
            Waits::Notes(web()),
            Waits::StandsStill(web(), version),
            Waits::Others(web(), Box::new(fleet::Waits::Unlisted)),
        ];
        let stands = [
            GroupStands::Asked(web(), until),
            GroupStands::Unanswered(web()),
            GroupStands::PutOff(web(), until),
            GroupStands::Person,
            GroupStands::First(web()),
            GroupStands::GoesBack(web()),
        ];
        let all = stands.into_iter().chain(waits.into_iter().map(GroupStands::Waits));
        let said: Vec<String> = all
            .map(|stands| {
                let Said { fact, detail, quote, .. } =
                    group(&OfGroup { name: "shop".parse().unwrap(), stands, to: None }, now);
                let quote = quote.map(|quote| format!(" «{quote}»")).unwrap_or_default();
                format!("{fact} · {}{quote}", detail.unwrap_or_default())
            })
            .collect();
        insta::assert_snapshot!(said.join("\n"));
    }
}

//! Why an update failed or stands still, in French.

use super::phrases::{actor, counted, quoted};
use crate::domain::event::Failure;
use crate::domain::rollout::pods::Exit;
use crate::domain::rollout::{Account, Blame};
use crate::domain::view::Stuck;

/// Why it failed, with the end of its log where that is known.
pub(super) fn in_words(failure: &Failure) -> String {
    let Failure { reason, message, log, .. } = failure;
    let message = if message.is_empty() { String::new() } else { format!("\u{a0}: {}", account(&failure.account())) };
    let log = if log.is_empty() {
        String::new()
    } else {
        format!("\u{a0}; fin de son journal\u{a0}: {}", quoted(&log.join(" | ")))
    };
    format!("{reason}{message}{log}")
}

/// Why a rollout stands still, and how what is in its way is deleted.
#[must_use]
pub fn stuck(of: &Stuck) -> String {
    let deleted = of.in_the_way.as_ref();
    let deleted = deleted.map(|(pod, namespace)| format!("\u{a0}: kubectl delete pod {pod} -n {namespace}"));
    let why = if of.why.reason.is_empty() { account(&of.why.account()) } else { in_words(&of.why) };
    why + &deleted.unwrap_or_default()
}

/// How a container ended last.
fn ended(Exit { code, word, message, .. }: &Exit) -> String {
    let word = if matches!(&**word, "" | "Error") { String::new() } else { format!(" ({word})") };
    let last =
        if message.is_empty() { String::new() } else { format!(", ses derniers mots\u{a0}: {}", quoted(message)) };
    format!("son dernier code de sortie est {code}{word}{last}")
}

/// Whether it may be laid on what was written.
fn blame(on: Blame) -> &'static str {
    match on {
        Blame::Written => "ce qui a été écrit ne démarre pas",
        Blame::OtherContainer => {
            "l’image de ce conteneur n’a pas été changée\u{a0}: regardez ce dont il a besoin par ailleurs"
        }
        Blame::Before => {
            "des pods d’une autre version ont le même problème\u{a0}: regardez ce dont les deux versions ont besoin"
        }
    }
}

/// Why an update failed or stands still.
fn account(of: &Account) -> String {
    match of {
        Account::Said(words) => quoted(words),
        Account::OfContainer { pod, container, said, exit } => {
            let exit = exit.as_ref().map(|exit| format!("\u{a0}; {}", ended(exit))).unwrap_or_default();
            format!("pod {pod}, conteneur {container}\u{a0}: {}{exit}", quoted(said))
        }
        Account::OfPod { pod, said } => format!("pod {pod}\u{a0}: {}", quoted(said)),
        Account::Restarted { pod, container, restarts, exit } => {
            let why = if exit.is_killed() { ", comme celui d’un conteneur dont la sonde de vie échoue" } else { "" };
            format!(
                "pod {pod}\u{a0}: le conteneur {container} a été relancé {restarts} fois\u{a0}; {}{why}",
                ended(exit)
            )
        }
        Account::WithPod { said, reason, why } => format!("{}\u{a0}; {reason}\u{a0}: {}", quoted(said), account(why)),
        Account::Blamed { why, on } => format!("{}\u{a0}; {}", account(why), blame(*on)),
        Account::NotObserved(minutes) => format!(
            "son contrôleur ne l’a pas examinée depuis {}\u{a0}; ce contrôleur tourne-t-il\u{a0}?",
            counted(*minutes, "minute", "minutes")
        ),
        Account::NoProgress(minutes) => {
            let minutes = counted(*minutes, "minute", "minutes");
            format!("le déploiement n’a pas avancé depuis {minutes}\u{a0}; regardez ses pods")
        }
        Account::NoPods(minutes) => {
            let minutes = counted(*minutes, "minute", "minutes");
            format!(
                "le déploiement n’a créé aucun pod depuis {minutes}\u{a0}; les Events disent pourquoi, par exemple un quota ou \
                 une règle d’admission"
            )
        }
        Account::Unsteady(seconds) => {
            let seconds = counted(*seconds, "seconde", "secondes");
            format!("ses pods ne restent pas tous prêts {seconds} de suite\u{a0}; regardez-les")
        }
        Account::InTheWay { pod, is_broken: true, said } => format!(
            "son contrôleur attend le pod {pod} d’une autre version, qui ne démarre pas\u{a0}: supprimez ce pod ({})",
            quoted(said)
        ),
        Account::InTheWay { pod, is_broken: false, said } => format!(
            "son contrôleur attend le pod {pod} d’une autre version, qui n’est pas prêt\u{a0}: s’il ne doit pas le devenir, supprimez ce pod ({})",
            quoted(said)
        ),
        Account::NotWritten(version) => format!("le serveur d’API refuse d’écrire {version}"),
        Account::OfMember { member, group, why } => format!("{member}, du groupe {group}\u{a0}: {}", account(why)),
        Account::Wanted { group, by } => {
            format!("le groupe {group} revient en arrière, à la demande de {}", actor(by))
        }
        Account::NotBack { why, said } => {
            format!("{}\u{a0}; le serveur d’API refuse le retour en arrière\u{a0}: {}", account(why), quoted(said))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::actor::Actor;

    /// Each of them, so that what is said can be read as a whole.
    #[test]
    fn all_accounts() {
        let said = || Box::new(Account::Said("0/3 nodes are available".into()));
        let in_the_way =
            |is_broken| Account::InTheWay { pod: "db-2".into(), is_broken, said: "CrashLoopBackOff: back-off".into() };
        let exit =
            |code, word: &str, message: &str| Exit { code, word: word.into(), message: message.into(), at: None };
        let of_container = |said: &str, exit| {
            let (pod, container) = ("web-1".into(), "web".into());
            Account::OfContainer { pod, container, said: said.into(), exit }
        };
        let restarted = |exit| {
            let (pod, container) = ("web-1".into(), "web".into());
            Account::Restarted { pod, container, restarts: 3, exit }
        };
        let with_pod = || {
            let why = Box::new(of_container("back-off", None));
            Account::WithPod { said: "no progress".into(), reason: "CrashLoopBackOff".into(), why }
        };
        let blamed = |on| Account::Blamed { why: Box::new(with_pod()), on };
        let member = |why| Account::OfMember { member: "deploy/api".into(), group: "shop".into(), why };
        let all = [
            *said(),
            of_container("CrashLoopBackOff", None),
            of_container("back-off", Some(exit(1, "Error", "no such table"))),
            Account::OfPod { pod: "web-1".into(), said: "0/3 nodes are available".into() },
            restarted(exit(137, "", "")),
            restarted(exit(137, "OOMKilled", "")),
            with_pod(),
            blamed(Blame::Before),
            blamed(Blame::OtherContainer),
            Account::NotObserved(15),
            Account::NoProgress(15),
            Account::NoPods(15),
            Account::Unsteady(30),
            in_the_way(true),
            in_the_way(false),
            member(Box::new(Account::NotWritten("1.3.0".into()))),
            Account::Wanted { group: "shop".into(), by: Actor::Command(None) },
            Account::NotBack { why: Box::new(member(said())), said: "denied".into() },
        ];
        let both = all.map(|one| format!("{one}\n{}\n", account(&one)));
        insta::assert_snapshot!(both.concat());
    }
}

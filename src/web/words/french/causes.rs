//! Why a container stands as it does.

use chrono::{DateTime, Utc};

use super::French;
use super::group::group;
use super::no_ground::no_ground;
use super::others::waits_for_others;
use crate::api::view::ContainerView;
use crate::domain::declared::Kinds;
use crate::domain::fleet::Asks;
use crate::domain::grounds::Grounds;
use crate::domain::record::{AsksOnly, WentBack};
use crate::domain::reference::Tag;
use crate::domain::rollout::Refusal;
use crate::domain::view::{Blocker, Cause, Gist, PutBack, Stands, Unfinished};
use crate::message::{counted_in_french, stuck_in_french, waits_in_french};
use crate::web::words::{Said, Words, beside};

pub(super) fn why(container: &ContainerView, now: DateTime<Utc>) -> Said {
    let when = |at: DateTime<Utc>| beside(at, now, &French);
    let words: &dyn Words = &French;
    match &container.status.cause {
        Cause::Asked { .. } => asked(container, now),
        Cause::Unanswered => Said::new("Personne n’a répondu à temps", "une nouvelle demande suivra"),
        Cause::Blocked(blocker) => blocked(blocker, now),
        Cause::Gone(gone) => Said::new(words.of_messages().grounds(&Grounds::Gone(gone.as_ref().clone())), ""),
        Cause::Rollout(rollout, reason) => of_rollout(rollout, reason.as_deref(), now),
        Cause::WentBack(returned) => {
            let held = &returned.held;
            let reason = held.failure.as_ref().map(|failure| failure.reason.clone()).unwrap_or_default();
            match (&returned.stands, &returned.said) {
                (None, _) => Said::new(format!("Revenu à {}\u{a0}: échec de {}", held.back_to, held.tag), reason),
                (Some(stands), said) => {
                    let detail = match stands {
                        _ if said.is_some() => String::new(),
                        Stands::Waits(waits) => waits_in_french(*waits).to_owned(),
                        _ => reason,
                    };
                    let fact = format!("Revient à {}\u{a0}: échec de {}", held.back_to, held.tag);
                    Said::new(fact, detail).quoting(said.as_deref())
                }
            }
        }
        Cause::PutBack(version, by, _) => put_back(version, by),
        Cause::Settings(problems) => Said::new(words.of_messages().problems(problems), ""),
        Cause::Record(_) => Said::new("L’annotation de suivi n’est pas de nous", "le prochain passage la corrige"),
        Cause::Undecided(why) => no_ground(why, container, now),
        Cause::Group(of) => group(of, now),
        Cause::Applies => Said::new("Appliquée dans un instant", ""),
        Cause::MayNotWrite(kind, namespace) => French.no_right(kind.plural(), namespace),
        Cause::Unfit(version, why) => Said::new(format!("{version} ne démarrerait pas"), words.of_messages().flaw(why)),
        Cause::NotLookedAt => Said::new("Pas encore regardé", ""),
        Cause::NothingNewer => match &container.checked {
            Some(at) => Said::new(format!("Vu {}", when(at.0)), ""),
            None => Said::new("Rien de plus récent d’autorisé", ""),
        },
        Cause::Disabled => Said::new("Laissé tel quel", "mode DISABLED"),
    }
}

fn put_back(version: &Tag, by: &PutBack) -> Said {
    Said::new(format!("{version}, qui a échoué ici, a été remise"), format!("par {}", by.by))
}

/// What stands in the way of what is decided: the rollout of what runs, and all that comes first.
pub(super) fn in_the_way(gist: &Gist, now: DateTime<Utc>) -> Vec<Said> {
    let put_back = |it: &Unfinished| it.put_back.as_deref().map(|by| put_back(&it.version, by));
    let rollout = gist.rollout.iter().flat_map(|it| put_back(it).into_iter().chain([of_rollout(it, None, now)]));
    rollout.chain(gist.blockers.iter().map(|blocker| blocked(blocker, now))).collect()
}

/// What a cluster says stays as it says it.
fn of_rollout(
    Unfinished { version, since, stands, .. }: &Unfinished,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Said {
    let rolls = || format!("Déploiement de {version} en cours");
    let hangs = || format!("Le déploiement de {version} n’avance pas");
    match stands {
        Stands::Failed => Said::new(format!("Échec de {version}"), reason.unwrap_or_default()),
        Stands::UnderWay => Said::new(rolls(), format!("commencé {}", beside(*since, now, &French))),
        Stands::Refused(Refusal { reason, message }) => {
            Said::new(rolls(), "ses pods sont refusés").quoting(Some(&format!("{reason}: {message}")))
        }
        Stands::StandsStill(stuck) | Stands::Slow(stuck) => Said::new(hangs(), stuck_in_french(stuck)),
        Stands::Waits(waits) => Said::new(hangs(), waits_in_french(*waits)),
    }
}

fn asked(container: &ContainerView, now: DateTime<Utc>) -> Said {
    let Cause::Asked { until, given, needed } = &container.status.cause else { return Said::default() };
    let because = container.question.as_ref().and_then(|question| question.because.as_deref());
    let fact = match because {
        Some(Asks::Failed(failed)) => format!("Échec de {} sur {}", failed.tag, failed.workload),
        Some(Asks::Stopped(_)) => "Mises à jour automatiques suspendues".to_owned(),
        None if *needed > 1 => format!("{} sur {needed}", counted_in_french(*given, "approbation", "approbations")),
        None => "Un accord est demandé".to_owned(),
    };
    // What is said before it does not end by itself.
    let end = if because.is_some() { "fin de la demande" } else { "fin" };
    Said::new(fact, format!("{end} {}", beside(*until, now, &French)))
}

fn blocked(blocker: &Blocker, now: DateTime<Utc>) -> Said {
    let when = |at: DateTime<Utc>| beside(at, now, &French);
    match blocker {
        Blocker::Disabled => Said::new("Laissé tel quel", "mode DISABLED"),
        Blocker::Cooldown(until) => Said::new("Délai d’attente", format!("fini {}", when(*until))),
        Blocker::Held(held) if held.by.is_empty() => {
            Said::new(format!("{} est retenue ici", held.tag), "jusqu’à un accord, ou une version plus récente")
        }
        Blocker::Held(held) => {
            Said::new(format!("{} est retenue ici", held.tag), format!("retour fait par {}", held.by.join(", ")))
        }
        Blocker::Refused(refused) => Said::new(
            format!("Le serveur d’API refuse {}", refused.tag),
            format!("nouvel essai {}", when(refused.again)),
        ),
        Blocker::Snoozed(until) => Said::new("Reportée", format!("nouvelle demande {}", when(*until))),
        Blocker::Asked(until, _) => Said::new("Un accord est demandé", format!("fin {}", when(*until))),
        Blocker::Person => Said::new("Un accord est demandé d’abord", ""),
        Blocker::AsksOnly(why) => Said::new("Un accord est demandé d’abord", asks_only(*why)),
        Blocker::Owned(owner) => Said::new("Un accord est demandé d’abord", format!("propriétaire\u{a0}: {owner}")),
        Blocker::Window(until) => Said::new("Hors de sa fenêtre", format!("elle s’ouvre {}", when(*until))),
        Blocker::Rolling { container, tag } => {
            Said::new("Un autre conteneur passe avant", format!("{container} passe à {tag}"))
        }
        Blocker::Paused => Said::new("Ses déploiements sont en pause", ""),
        Blocker::Because(because) => match &**because {
            Asks::Failed(failed) => {
                Said::new(format!("Échec de {} sur {}", failed.tag, failed.workload), "un accord est demandé")
            }
            Asks::Stopped(_) => Said::new("Mises à jour automatiques suspendues", "un accord est demandé"),
        },
        Blocker::Waits(waits) => waits_for_others(waits),
        Blocker::Notes(until) => {
            Said::new("Ses notes de version sont illisibles", format!("elle s’en passe {}", when(*until)))
        }
        Blocker::WasStopped(_) => {
            Said::new("Les mises à jour automatiques étaient suspendues", "qui les a relancées n’est pas connu ici")
        }
    }
}

/// Why people are asked although the mode is `AUTO_UPDATE`.
pub(super) fn asks_only(why: AsksOnly) -> &'static str {
    match why {
        AsksOnly::SetBackTwice => {
            "l’outil à qui ce workload appartient a annulé deux mises à jour\u{a0}; laissez-le écrire la nouvelle version ou, dès qu’il les laisse, mettez image-watcher/mode à NOTIFICATION, puis à AUTO_UPDATE quand ce message a disparu"
        }
        AsksOnly::Released => {
            "elle était retenue, et ne l’est plus par une requête sur le workload, que peut écrire quiconque peut l’annoter"
        }
        AsksOnly::Declared(kinds) if !kinds.any() => {
            "toutes les notes de version jusqu’à celle-ci n’ont pas pu être lues"
        }
        AsksOnly::Declared(Kinds { migration: false, .. }) => {
            "les notes de version annoncent des ruptures ou des étapes manuelles"
        }
        AsksOnly::Declared(_) => {
            "les notes de version annoncent une migration de données, ou qu’il n’y a pas de retour"
        }
        AsksOnly::SettingsWentBack(WentBack::Older) => {
            "les réglages d’image-watcher ont changé avec ce qui a ramené ce workload en arrière, comme le fait kubectl rollout undo\u{a0}; s’ils sont justes, mettez image-watcher/mode à NOTIFICATION, puis à AUTO_UPDATE quand ce message a disparu"
        }
        AsksOnly::SettingsWentBack(WentBack::Replaced) => {
            "les réglages d’image-watcher ont changé en même temps qu’image-watcher/record, retirée ou remplacée\u{a0}; s’ils sont justes, mettez image-watcher/mode à NOTIFICATION, puis à AUTO_UPDATE quand ce message a disparu"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::Counts;
    use crate::domain::rollout::Waits;
    use crate::domain::view::{State, Why};

    /// All that the English sentence of an explanation ends with.
    #[test]
    fn what_stands_in_the_way_is_said_in_french() {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let until = now + chrono::TimeDelta::hours(5);
        let version = Tag::parse("1.2.3").unwrap();
        let said = |rollout, blockers| {
            let why = Why::Cooling(Grounds::Moved { release: false }, Counts::FirstSeen);
            let (subject, from, to) = ("web".into(), "1.2.3".into(), Some("1.3.0".into()));
            let gist = Gist { subject, from, implied: false, to, state: State::Cooling, why, rollout, blockers };
            let one = |Said { fact, detail, quote, is_foreign }: Said| {
                assert!(!is_foreign, "{fact}");
                let quote = quote.map(|quote| format!(" «{quote}»")).unwrap_or_default();
                format!("{fact} · {}{quote}", detail.unwrap_or_default())
            };
            in_the_way(&gist, now).into_iter().map(one).collect::<Vec<_>>().join("\n")
        };
        let refusal = Refusal { reason: "FailedCreate".into(), message: "exceeded quota".into() };
        let why = crate::domain::event::Failure::new("FailedCreate", "exceeded quota");
        let stuck = Box::new(crate::domain::view::Stuck { version: version.clone(), why, in_the_way: None });
        let rollouts = [
            Stands::UnderWay,
            Stands::Refused(refusal),
            Stands::StandsStill(stuck.clone()),
            Stands::Slow(stuck),
            Stands::Waits(Waits::Paused),
            Stands::Failed,
        ];
        let rollouts = rollouts.map(|stands| {
            let put_back = Some(Box::new(PutBack { reason: None, by: "kubectl".into() }));
            let put_back = put_back.filter(|_| stands == Stands::UnderWay);
            said(Some(Unfinished { version: version.clone(), since: now, stands, put_back }), Vec::new())
        });
        let blockers = vec![
            Blocker::Disabled,
            Blocker::Cooldown(until),
            Blocker::Snoozed(until),
            Blocker::Asked(until, None),
            Blocker::Person,
            Blocker::AsksOnly(AsksOnly::Released),
            Blocker::Window(until),
            Blocker::Rolling { container: "proxy".into(), tag: version.clone() },
            Blocker::Paused,
            Blocker::Notes(until),
        ];
        insta::assert_snapshot!([rollouts.join("\n"), said(None, blockers)].join("\n"));
    }
}

//! Why a container stands as it does.

use chrono::{DateTime, Utc};

use super::French;
use crate::api::view::ContainerView;
use crate::domain::fleet::{Asks, Waits};
use crate::domain::view::{Blocker, Cause};
use crate::web::words::{Said, beside};

pub(super) fn why(container: &ContainerView, now: DateTime<Utc>) -> Said {
    let when = |at: DateTime<Utc>| beside(at, now, &French);
    match &container.status.cause {
        Cause::Asked { .. } => asked(container, now),
        Cause::Unanswered => Said::new("Personne n’a répondu à temps", "une nouvelle demande suivra"),
        Cause::Blocked(blocker) => blocked(blocker, now),
        Cause::Gone(gone) => Said::foreign(&gone.to_string()),
        Cause::RolloutFailed { version, reason } => {
            Said::new(format!("Échec de {version}"), reason.clone().unwrap_or_default())
        }
        Cause::WentBack(held) => {
            let reason = held.failure.as_ref().map(|failure| failure.reason.clone()).unwrap_or_default();
            Said::new(format!("Revenu à {}\u{a0}: échec de {}", held.back_to, held.tag), reason)
        }
        Cause::Settings(problems) => Said::foreign(problems),
        Cause::Record(_) => Said::new("L’annotation de suivi n’est pas de nous", "le prochain passage la corrige"),
        Cause::Undecided(why) | Cause::Group(why) => Said::foreign(why),
        Cause::RollingOut(version) => {
            let since =
                container.rollout.as_ref().map(|it| format!("depuis {}", super::super::since(it.since, now, &French)));
            Said::new(format!("Déploiement de {version} en cours"), since.unwrap_or_default())
        }
        Cause::RolloutWaits(version, _) => {
            let why = container.status.cause.to_string();
            let why = why.split_once(": ").map(|(_, why)| why.to_owned()).unwrap_or(why);
            Said::new(format!("Le déploiement de {version} n’avance pas"), why)
        }
        Cause::Applies => Said::new("Appliquée dans un instant", ""),
        Cause::Unfit(version, why) => Said::new(format!("{version} ne démarrerait pas"), why.as_str()),
        Cause::NotLookedAt => Said::new("Pas encore regardé", ""),
        Cause::NothingNewer => match &container.checked {
            Some(at) => Said::new(format!("Vu {}", when(at.0)), ""),
            None => Said::new("Rien de plus récent d’autorisé", ""),
        },
        Cause::Disabled => Said::new("Laissé tel quel", "mode DISABLED"),
    }
}

fn asked(container: &ContainerView, now: DateTime<Utc>) -> Said {
    let Cause::Asked { until, given, needed } = &container.status.cause else { return Said::default() };
    let because = container.question.as_ref().and_then(|question| question.because.as_deref());
    let fact = match because {
        Some(Asks::Failed(failed)) => format!("Échec de {} sur {}", failed.tag, failed.workload),
        Some(Asks::Stopped(_)) => "Mises à jour automatiques suspendues".to_owned(),
        None if *needed > 1 => format!("{given} approbations sur {needed}"),
        None => "Un accord est demandé".to_owned(),
    };
    Said::new(fact, format!("fin {}", beside(*until, now, &French)))
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
        Blocker::Asked(until) => Said::new("Un accord est demandé", format!("fin {}", when(*until))),
        Blocker::Person => Said::new("Un accord est demandé d’abord", ""),
        Blocker::AsksOnly(why) => Said::new("Un accord est demandé d’abord", why.words()),
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
        Blocker::Waits(waits) => match &**waits {
            Waits::First { workload, tag } => {
                Said::new("Un autre workload passe avant", format!("{workload}, vers {tag}"))
            }
            Waits::Full(bound) => Said::new("Attend son tour", bound.to_string()),
            Waits::Unlisted => Said::new("Attend son tour", "jusqu’à ce que tout soit listé"),
        },
    }
}

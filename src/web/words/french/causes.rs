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
use crate::domain::rollout;
use crate::domain::view::{Blocker, Cause, Stands, Unfinished};
use crate::message::counted_in_french;
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
                    let waits = match stands {
                        Stands::Waits(waits) => stands_still(*waits).to_owned(),
                        _ => reason,
                    };
                    let detail = said.clone().unwrap_or(waits);
                    Said::new(format!("Revient à {}\u{a0}: échec de {}", held.back_to, held.tag), detail)
                }
            }
        }
        Cause::PutBack(version, put_back, _) => {
            Said::new(format!("{version}, qui a échoué ici, a été remise"), format!("par {}", put_back.by))
        }
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
        Stands::Refused(refusal) => Said::new(rolls(), format!("{}\u{a0}: {}", refusal.reason, refusal.message)),
        Stands::StandsStill(said) => Said::new(hangs(), said.to_string()),
        Stands::Waits(waits) => Said::new(hangs(), stands_still(*waits)),
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

/// For whom or what a rollout waits.
fn stands_still(waits: rollout::Waits) -> &'static str {
    use rollout::Waits;
    match waits {
        Waits::Paused => "les déploiements sont en pause",
        Waits::ZeroReplicas => "aucun réplica n’est voulu",
        Waits::OnDelete => "ses pods sont remplacés quand quelqu’un les supprime",
        Waits::Partition => "la partition de sa stratégie retient des pods",
        Waits::NoNodes => "aucun nœud ne doit l’exécuter",
        Waits::NextRun => "sa prochaine exécution sera la première",
        Waits::Suspended => "il est suspendu et ne s’exécute pas",
        Waits::NoSchedule => "sa planification ne tombe aucun jour, il ne s’exécute donc jamais",
        Waits::OlderRun => {
            "une exécution de la version d’avant continue, et concurrencyPolicy Forbid n’en lance pas d’autre\u{a0}; si elle est bloquée, supprimez son Job"
        }
        Waits::CanaryPause => "son canari attend que quelqu’un le promeuve",
        Waits::BlueGreenPause => "son aperçu attend que quelqu’un le promeuve",
        Waits::Inconclusive => "son analyse n’a rien donné\u{a0}: quelqu’un doit promouvoir ou abandonner",
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

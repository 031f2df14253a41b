//! Rollouts that wait, in French.

use crate::domain::rollout::Waits;

/// For whom or what a rollout waits.
#[must_use]
pub fn waits(waits: Waits) -> &'static str {
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

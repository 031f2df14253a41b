//! What an update waits for of other workloads.

use crate::domain::fleet::{Bound, Waits};
use crate::web::words::Said;

/// Which other workload goes first, or for how many it waits.
pub(super) fn waits_for_others(waits: &Waits) -> Said {
    match waits {
        Waits::First { workload, tag } => Said::new("Un autre workload passe avant", format!("{workload}, vers {tag}")),
        Waits::Full(Bound::Total(most)) => Said::new("Attend son tour", format!("au plus {most} à la fois")),
        Waits::Full(Bound::Namespace(most)) => {
            Said::new("Attend son tour", format!("au plus {most} à la fois dans son espace de noms"))
        }
        Waits::Unlisted => Said::new("Attend son tour", "jusqu’à ce que tout soit listé"),
        Waits::BrakeUnread => Said::new(
            "Attend son tour",
            "impossible de lire pour l’instant si les mises à jour automatiques sont arrêtées",
        ),
    }
}

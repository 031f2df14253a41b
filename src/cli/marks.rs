//! What other tools call their settings, so that whoever reads manifests keeps those and no more.

use crate::domain::workload::PREFIX;

/// How names of WUD begin, the documented one first.
const WUD: [&str; 4] = ["getwud.app/", "wud/", "wud.getwud.io/", "wud."];

/// Whether an annotation or label may be of one of these tools, or is ours.
pub(super) fn is_of_another(name: &str) -> bool {
    is_of_keel(name) || property_of_wud(name).is_some() || name.starts_with(PREFIX)
}

/// Whether it is Keel's.
pub(super) fn is_of_keel(name: &str) -> bool {
    name.starts_with("keel.sh/") || name == "keel.observer/policy"
}

/// What WUD calls it, without its prefix.
pub(super) fn property_of_wud(name: &str) -> Option<&str> {
    WUD.iter().find_map(|prefix| name.strip_prefix(prefix))
}

//! Who says that image-watcher looks after a workload, in English.

use crate::domain::workload::Origin;

/// Why somebody gets a message about a container.
pub(super) fn origin(mode_from: Option<Origin>, container: &str) -> String {
    match mode_from {
        Some(Origin::Operator) => "of IMAGE_WATCHER_MODE".to_owned(),
        Some(Origin::Container) => format!("of image-watcher/mode.{container} on this workload"),
        Some(Origin::Workload) => "of image-watcher/mode on this workload".to_owned(),
        Some(Origin::Namespace) => "of image-watcher/mode on its Namespace".to_owned(),
        Some(Origin::Rule) => "of a rule of the configuration file".to_owned(),
        Some(Origin::Default) | None => "image-watcher watches this workload".to_owned(),
    }
}

/// The same about several, of which all have it from the same, or not.
pub(super) fn origin_of_several(mode_from: Option<Origin>) -> &'static str {
    match mode_from {
        Some(Origin::Operator) => "of IMAGE_WATCHER_MODE",
        Some(Origin::Container | Origin::Workload) => "of image-watcher/mode on these workloads",
        Some(Origin::Namespace) => "of image-watcher/mode on their Namespace",
        Some(Origin::Rule) => "of a rule of the configuration file",
        Some(Origin::Default) | None => "image-watcher watches these workloads",
    }
}

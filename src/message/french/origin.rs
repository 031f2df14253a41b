//! Who says that image-watcher looks after a workload, in French.

use crate::domain::workload::Origin;

/// Why somebody gets a message about a container.
pub(super) fn origin(mode_from: Option<Origin>, container: &str) -> String {
    match mode_from {
        Some(Origin::Operator) => "en raison de IMAGE_WATCHER_MODE".to_owned(),
        Some(Origin::Container) => {
            format!("en raison de l’annotation image-watcher/mode.{container} de cette charge de travail")
        }
        Some(Origin::Workload) => "en raison de l’annotation image-watcher/mode de cette charge de travail".to_owned(),
        Some(Origin::Namespace) => "en raison de l’annotation image-watcher/mode de son Namespace".to_owned(),
        Some(Origin::Rule) => "en raison d’une règle du fichier de configuration".to_owned(),
        Some(Origin::Default) | None => "parce qu’image-watcher suit cette charge de travail".to_owned(),
    }
}

/// The same about several, of which all have it from the same, or not.
pub(super) fn origin_of_several(mode_from: Option<Origin>) -> &'static str {
    match mode_from {
        Some(Origin::Operator) => "en raison de IMAGE_WATCHER_MODE",
        Some(Origin::Container | Origin::Workload) => {
            "en raison de l’annotation image-watcher/mode de ces charges de travail"
        }
        Some(Origin::Namespace) => "en raison de l’annotation image-watcher/mode de leur Namespace",
        Some(Origin::Rule) => "en raison d’une règle du fichier de configuration",
        Some(Origin::Default) | None => "parce qu’image-watcher suit ces charges de travail",
    }
}

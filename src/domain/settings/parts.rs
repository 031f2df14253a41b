//! Which containers of a workload are parts of one program.

use crate::domain::policy::Mode;
use crate::domain::workload::{Container, Workload, said};

/// The containers that are parts of one program with this one, itself among them: they run the same release, and the same mode
/// holds for them, be it the one that the operator forces. What people are asked of one they are asked of all, and what one
/// of them holds the others do not go to either.
#[must_use]
pub fn parts_of_one<'w>(workload: &'w Workload, container: &str, forced: Option<Mode>) -> Vec<&'w Container> {
    let mode = mode_of(workload, container, forced);
    let together = workload.together(container).into_iter();
    together.filter(|other| mode_of(workload, &other.name, forced) == mode).collect()
}

/// The mode that holds for a container, whatever its other settings say; `None` where it is not understood.
fn mode_of(workload: &Workload, container: &str, forced: Option<Mode>) -> Option<Mode> {
    forced
        .or_else(|| said(workload, "mode", container).map_or(Some(Mode::Notification), |said| said.value.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::workload::tests::workload;

    #[test]
    fn what_runs_one_release_and_has_one_mode_is_one_program() {
        let images = [("web", "web:1.0.0"), ("migrate", "web:1.0.0"), ("log", "log:1.0.0"), ("old", "web:0.9.0")];
        let with = |of: &str, annotations: &[(&str, &str)], forced| -> Vec<String> {
            let workload = workload(&images, annotations);
            parts_of_one(&workload, of, forced).iter().map(|it| it.name.to_string()).collect()
        };
        let (auto, asks) = (("mode", "AUTO_UPDATE"), ("mode.migrate", "NOTIFICATION"));
        for of in ["web", "migrate"] {
            assert_eq!(with(of, &[auto], None), ["web", "migrate"]);
            assert_eq!(with(of, &[auto, asks], None), [of]);
            assert_eq!(with(of, &[auto, asks], Some(Mode::AutoUpdate)), ["web", "migrate"], "whoever asks");
            assert_eq!(with(of, &[asks], None), ["web", "migrate"], "who says nothing is asked");
            assert_eq!(with(of, &[auto, ("mode.web", "SOMETIMES")], None), [of]);
        }
        assert_eq!(with("log", &[auto], None), ["log"]);
    }
}

//! `kubernetes.io/change-cause`: why a revision is there, for `kubectl rollout history`. Controllers copy it from the object to
//! the revision, so it is written in the same write as the image.

use super::actor::Actor;
use super::kept::is_cut;
use super::remembered::CUT;
use super::workload::{Kind, Workload};

/// The annotation.
pub const ANNOTATION: &str = "kubernetes.io/change-cause";
/// What all that we write begin with.
const OURS: &str = "image-watcher: ";
/// The longest cause that is written, in characters, or remembered, in bytes.
const LONGEST: usize = 256;

/// What is remembered of the one that is there.
#[must_use]
pub fn remembered(cause: &str) -> Box<str> {
    if cause.len() > LONGEST { CUT.into() } else { cause.into() }
}

/// Whether the kind has revisions that it is copied to, and nobody else writes the object by a manifest of his own.
#[must_use]
pub fn is_written(workload: &Workload, patch_owned: bool) -> bool {
    let has_revisions = matches!(workload.id.kind, Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet);
    has_revisions && (workload.owner.is_none() || patch_owned) && !workload.change_cause.as_deref().is_some_and(is_cut)
}

/// Whether what is there is what we wrote.
#[must_use]
pub fn is_ours(workload: &Workload) -> bool {
    workload.change_cause.as_deref().is_some_and(|cause| cause.starts_with(OURS))
}

/// That of an update; after `before`, which is of another container in the same write.
#[must_use]
pub fn of_update(before: Option<&str>, container: &str, (from, to): (&str, &str), by: &Actor) -> String {
    let by = match by {
        Actor::Policy => "as its policy allows".to_owned(),
        Actor::Holder { .. }
        | Actor::Command(_)
        | Actor::SignedIn(_)
        | Actor::Slack(_)
        | Actor::Telegram(_)
        | Actor::Several(_)
        | Actor::OutsideTheWindow(_) => {
            format!("approved by {}", by.words())
        }
        Actor::Program(_) => format!("by {}", by.words()),
    };
    joined(before, &format!("{container} {from} → {to}, {by}"))
}

/// That of a way back: by whom, or that what is left failed.
#[must_use]
pub fn of_return(container: &str, (from, to): (&str, &str), by: &Actor) -> String {
    let by = match by {
        Actor::Policy => format!("as {from} failed"),
        by => format!("by {}", by.words()),
    };
    joined(None, &format!("{container} {from} → {to}, back {by}"))
}

fn joined(before: Option<&str>, said: &str) -> String {
    let whole = before.map_or_else(|| format!("{OURS}{said}"), |before| format!("{before}; {said}"));
    let shown = whole.chars().filter(|c| !c.is_control());
    let mut short: String = shown.take(LONGEST).collect();
    while short.len() > LONGEST {
        short.pop();
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::owner::Owner;
    use crate::domain::workload::tests::workload;

    #[test]
    fn a_cause_says_what_and_who_within_bounds() {
        let step = ("1.2.0", "1.3.0");
        let policy = of_update(None, "app", step, &Actor::Policy);
        assert_eq!(policy, "image-watcher: app 1.2.0 → 1.3.0, as its policy allows");
        let both = of_update(Some(&policy), "log", ("1", "2"), &Actor::holder("email:o…@example.com"));
        assert_eq!(both, format!("{policy}; log 1 → 2, approved by o…@example.com (email)"));
        let back = of_return("app", ("1.3.0", "1.1.0"), &Actor::Command(Some("alice".into())));
        assert_eq!(back, "image-watcher: app 1.3.0 → 1.1.0, back by alice (command line)");
        let failed = of_return("app", ("1.3.0", "1.1.0"), &Actor::Policy);
        assert_eq!(failed, "image-watcher: app 1.3.0 → 1.1.0, back as 1.3.0 failed");
        let long = of_update(None, &"é".repeat(300), step, &Actor::Policy);
        assert_eq!(long, format!("{OURS}{}", "é".repeat(120)), "as many letters as fit");
        let (fits, cut) = ("x".repeat(LONGEST - 37), "x".repeat(LONGEST - 36));
        assert_eq!(of_update(None, &fits, step, &Actor::Program("y\n".into())).len(), LONGEST);
        assert_eq!(of_update(None, &cut, step, &Actor::Program("y".into())).len(), LONGEST);
        assert_eq!(
            of_update(None, "app", step, &Actor::Program("a\nb\u{1b}".into())),
            "image-watcher: app 1.2.0 → 1.3.0, by ab"
        );
    }

    #[test]
    fn ours_is_what_begins_as_we_write_it() {
        let of = |cause: Option<&str>| {
            let mut workload = workload(&[("web", "web:1")], &[]);
            workload.change_cause = cause.map(remembered);
            is_ours(&workload)
        };
        assert!(of(Some(&of_update(None, "app", ("1", "2"), &Actor::Policy))));
        assert!(!of(Some("kubectl set image, after image-watcher: ")) && !of(None));
    }

    #[test]
    fn it_is_written_where_there_are_revisions_and_nobody_else_writes() {
        let of = |kind: Kind, owned: bool, cause: Option<&str>| {
            let mut workload = workload(&[("web", "web:1")], &[]);
            workload.id.kind = kind;
            workload.owner = owned.then(|| Box::new(Owner::controller("Web", "shop")));
            workload.change_cause = cause.map(remembered);
            workload
        };
        for (kind, expected) in [
            (Kind::Deployment, true),
            (Kind::StatefulSet, true),
            (Kind::DaemonSet, true),
            (Kind::CronJob, false),
            (Kind::Rollout, false),
        ] {
            assert_eq!(is_written(&of(kind, false, None), false), expected, "{kind}");
        }
        assert!(!is_written(&of(Kind::Deployment, true, None), false), "a tool writes it");
        assert!(is_written(&of(Kind::Deployment, true, None), true), "and it is said that we may");
        let (fits, long) = ("x".repeat(LONGEST), "x".repeat(LONGEST + 1));
        assert!(is_written(&of(Kind::Deployment, false, Some(&fits)), false), "it can be put back");
        assert!(!is_written(&of(Kind::Deployment, false, Some(&long)), false), "it could not be put back");
    }
}

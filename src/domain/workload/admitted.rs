//! What admission makes of an image that is to be written: a webhook or a policy may keep what was there, or write another one.

use super::Workload;
use super::patch::{GuardedContainer, WorkloadPatch};
use crate::domain::reference::ImageReference;

impl WorkloadPatch {
    /// Where the workload that an API server answers with has another image than it was asked to write, in a sentence.
    ///
    /// The same version pulled from elsewhere is what was asked for, and so is a version whose digest is left out or filled in, as
    /// long as it can be told from what ran.
    #[must_use]
    pub fn not_admitted(&self, now: &Workload) -> Option<String> {
        self.guards.iter().find_map(|guard| {
            let (_, found) = now.container(&guard.container)?;
            guard.not_admitted(&found.image)
        })
    }
}

impl GuardedContainer {
    fn not_admitted(&self, left: &str) -> Option<String> {
        let asked = self.to.as_deref()?;
        if left == asked {
            return None;
        }
        let (is_asked, what) = match (ImageReference::parse(asked), ImageReference::parse(left)) {
            (Ok(asked), Ok(left)) => (left_is(&asked, &left, &self.from), short(&asked, &left)),
            _ => (false, "another image".to_owned()),
        };
        let is_asked = is_asked && left != &*self.from;
        (!is_asked).then(|| format!("admission leaves {what} here (a webhook or policy changes it)"))
    }
}

/// Whether what is left is the version that was asked for in the place of `from`.
fn left_is(asked: &ImageReference, left: &ImageReference, from: &str) -> bool {
    if let (Some(asked), Some(left)) = (asked.digest(), left.digest()) {
        return asked == left;
    }
    let runs = ImageReference::parse(from).ok().and_then(|from| from.running_tag());
    let is_told_by_its_digest = asked.digest().is_some() && asked.running_tag() == runs;
    asked.running_tag() == left.running_tag() && !is_told_by_its_digest
}

/// What is left, in a few words.
fn short(asked: &ImageReference, left: &ImageReference) -> String {
    let tag = left.running_tag().map(|tag| tag.to_string()).unwrap_or_default();
    let what = match left.digest() {
        Some(digest) => format!("{tag}@{}", digest.short()),
        None if asked.digest().is_some() && asked.running_tag() == left.running_tag() => {
            format!("{tag} without its digest")
        }
        None => tag,
    };
    if asked.repository() == left.repository() { what } else { format!("{}:{what}", left.repository()) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::workload;
    use super::*;

    const ONE: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
    const TWO: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";

    fn left(from: &str, asked: &str, left: &str) -> Option<String> {
        let of = |image: &str| workload(&[("web", image)], &[]);
        WorkloadPatch::of(&of(from)).guarded_by(&of(from), "web").image(asked.into()).not_admitted(&of(left))
    }

    #[test]
    fn another_version_than_was_asked_for_is_not_taken_for_it() {
        let said = |what: &str| Some(format!("admission leaves {what} here (a webhook or policy changes it)"));
        let asked = format!("a.example/web:1.0.1@{ONE}");
        let (old, follows) = ("a.example/web:1.0.0", "a.example/web:latest");
        assert_eq!(left(old, &asked, old), said("1.0.0"));
        assert_eq!(left(old, &asked, "b.example/web:1.0.0"), said("b.example/web:1.0.0"));
        assert_eq!(left(old, &asked, &format!("a.example/web:1.0.1@{TWO}")), said("1.0.1@222222222222"));
        assert_eq!(left(old, &asked, "?"), said("another image"));
        let pinned = format!("{follows}@{ONE}");
        assert_eq!(left(follows, &pinned, follows), said("latest without its digest"));
        let before = format!("{follows}@{TWO}");
        assert_eq!(left(&before, &pinned, follows), said("latest without its digest"));
        assert_eq!(left(&before, follows, &before), said("latest@222222222222"), "a way back that is kept out");
    }

    #[test]
    fn the_same_version_from_elsewhere_is_what_was_asked_for() {
        let asked = format!("a.example/web:1.0.1@{ONE}");
        let old = "a.example/web:1.0.0";
        for image in ["a.example/web:1.0.1", "b.example/mirror/web:1.0.1"] {
            assert_eq!(left(old, &asked, image), None, "{image}");
        }
        assert_eq!(left(old, &asked, &format!("b.example/mirror/web:1.0.1@{ONE}")), None);
        assert_eq!(left(old, &asked, &format!("a.example/web@{ONE}")), None);
        assert_eq!(left(old, "a.example/web:1.0.1", &asked), None, "its digest is filled in");
        let of = workload(&[("web", old)], &[]);
        assert_eq!(WorkloadPatch::of(&of).guarded_by(&of, "web").not_admitted(&of), None, "nothing is asked for");
    }
}

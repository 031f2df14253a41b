//! What became of a version's release since it was published: a prerelease, a draft, or gone.
//!
//! Only where the project is sure is it asked: by the workload's own address of releases, the image's label, or its fame.
//! A guess from a name decides nothing.

use chrono::TimeDelta;

use super::listing::Listing;
use super::origin::Origin;
use super::select::Wanted;
use super::{Effort, Releases, Subject, wanted};
use crate::domain::standing::Standing;
use crate::queue::Kept;
use crate::registry::{Labels, Registry};

/// What was asked within this is as good as asking now.
const FRESH: TimeDelta = TimeDelta::minutes(5);

impl<K: Kept, R: Registry> Releases<K, R> {
    /// What the release of the new version is by now; `None` when its project is not sure, has no release of it, or can't
    /// be asked and was not before.
    pub async fn standing(&self, subject: &Subject) -> Option<Standing> {
        if let Some(url) = &subject.url {
            return self.standing_at(&Origin::of_annotation(url, &self.forges)?, subject, &Labels::default()).await;
        }
        let labels = self.labels(subject, Effort::Ask).await??;
        let all = Origin::all(&subject.repository, &subject.to, &labels, &self.forges);
        for origin in all.iter().filter(|origin| origin.is_sure) {
            if let Some(standing) = self.standing_at(origin, subject, &labels).await {
                return Some(standing);
            }
        }
        None
    }

    async fn standing_at(&self, origin: &Origin, subject: &Subject, labels: &Labels) -> Option<Standing> {
        let wanted = wanted(origin, subject, labels);
        let access = self.access(&origin.project, Effort::Ask).await;
        self.listing(origin, &wanted, access, (Effort::Ask, FRESH)).await?.standing(&wanted)
    }
}

impl Listing {
    /// What the release of a version is; `None` where there was none.
    pub(super) fn standing(&self, wanted: &Wanted) -> Option<Standing> {
        let mut of_it = self.releases.iter().filter(|release| wanted.is_of(&release.tag)).peekable();
        if of_it.peek().is_some() {
            let is_released = of_it.any(|release| !release.is_prerelease);
            return Some(if is_released { Standing::Released } else { Standing::Prerelease });
        }
        self.withdrawn.iter().any(|tag| wanted.is_of(tag)).then_some(Standing::Withdrawn)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::super::listing::{Before, read_list};
    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    /// A list of `tag`, `tag?` for a prerelease and `tag!` for a draft, of which so many were asked for.
    fn list(tags: &[&str], asked: u32) -> Listing {
        let release = |text: &&str| {
            let tag = text.trim_end_matches(['?', '!']);
            serde_json::json!({"tag_name": tag, "prerelease": text.ends_with('?'), "draft": text.ends_with('!')})
        };
        let all: Vec<_> = tags.iter().map(release).collect();
        Listing::new(None, read_list(serde_json::json!(all).to_string().as_bytes()).unwrap(), asked, NOW)
    }

    fn standing(listing: &Listing, tag: &str) -> Option<Standing> {
        let wanted = Wanted { from: "1.0.0".into(), to: tag.into(), names: vec!["web".into()], form: None };
        listing.standing(&wanted)
    }

    #[test]
    fn a_release_is_what_its_project_says_now_and_withdrawn_is_what_was_there_before() {
        let before = list(&["v1.2.0", "web-1.1.0", "v1.0.1", "v1.0.0"], 100);
        for tag in ["1.2.0", "1.2.0-alpine", "1.1.0"] {
            assert_eq!(standing(&before, tag), Some(Standing::Released), "{tag}");
        }
        assert_eq!(standing(&before, "1.3.0"), None, "many versions never have a release");
        assert_eq!(standing(&before, "1.2"), None, "which of them it is is not known");
        let after = list(&["v1.2.0?", "web-1.1.0!", "v1.0.0"], 100).after(&Before::of(&before));
        assert_eq!(standing(&after, "1.2.0"), Some(Standing::Prerelease));
        assert_eq!(standing(&after, "1.1.0"), Some(Standing::Withdrawn), "a draft is nobody's to see");
        assert_eq!(standing(&after, "1.0.1"), Some(Standing::Withdrawn));
        let later = list(&["v1.2.0", "v1.0.1", "v1.0.0"], 100).after(&Before::of(&after));
        assert_eq!(standing(&later, "1.0.1"), Some(Standing::Released), "it is back");
        assert_eq!(standing(&later, "1.1.0"), Some(Standing::Withdrawn), "it is not");
        let twice = list(&["v1.2.0?", "web-1.2.0"], 100);
        assert_eq!(standing(&twice, "1.2.0"), Some(Standing::Released), "one of its names is a release");
    }

    #[test]
    fn what_a_longer_list_pushed_to_its_next_page_is_not_withdrawn() {
        let before = list(&["v1.2.0", "v1.1.0", "v1.0.0"], 3);
        let after = list(&["v1.3.0", "v1.2.0", "v1.1.0"], 3).after(&Before::of(&before));
        assert_eq!(standing(&after, "1.0.0"), None);
        let after = list(&["v1.3.0", "v1.2.1", "v1.1.0"], 3).after(&Before::of(&before));
        assert_eq!(standing(&after, "1.2.0"), Some(Standing::Withdrawn), "what is older is there");
        assert_eq!(
            standing(&list(&["v9", "v8", "v7"], 3).after(&Before::of(&before)), "1.2.0"),
            None,
            "all may have moved on"
        );
    }

    #[test]
    fn what_a_project_prunes_at_the_end_of_its_list_is_not_withdrawn() {
        let before = list(&["v1.3.0", "v1.2.0", "v1.1.0", "v1.0.0"], 100);
        let after = |tags: &[&str]| list(tags, 100).after(&Before::of(&before));
        let pruned = after(&["v1.4.0", "v1.3.0", "v1.1.0"]);
        assert_eq!(standing(&pruned, "1.0.0"), None, "it was outlived");
        assert_eq!(standing(&pruned, "1.2.0"), Some(Standing::Withdrawn), "an older one is there");
        assert_eq!(standing(&after(&["v1.5.0", "v1.4.0", "v1.3.0"]), "1.1.0"), None);
        for taken_back in [&["v1.4.0"][..], &[]] {
            assert_eq!(standing(&after(taken_back), "1.3.0"), Some(Standing::Withdrawn), "none of them is there");
        }
    }

    #[test]
    fn what_was_asked_for_by_itself_is_in_no_list_and_not_missed_there() {
        let mut before = list(&["v1.3.0", "v1.2.0"], 2);
        before.add(super::super::listing::Listed::test("v1.0.1"));
        assert_eq!(standing(&before, "1.0.1"), Some(Standing::Released));
        let after = list(&["v1.3.0", "v1.2.0"], 2).after(&Before::of(&before));
        assert_eq!(standing(&after, "1.0.1"), None);
    }
}

//! A change log says what changed, and never what is released: that is the list's to say, whoever asks for what.

use super::unread_tests::{World, subject};
use super::{Effort, Lookup};
use crate::domain::release::{ReleaseNotes, TextSource};
use crate::domain::standing::Standing;

const LOG: &str =
    "# Changes\n\n## [1.3.0]\n- of the file\n\n## [1.2.5]\n- never released\n\n## [1.2.0]\n- of the file\n";

impl World {
    async fn standing(&self, to: &str) -> Option<Standing> {
        self.releases.standing(&subject("1.1.0", to)).await
    }

    async fn notes(&self, to: &str) -> ReleaseNotes {
        match self.releases.notes(&subject("1.1.0", to), Effort::Ask).await {
            Lookup::Notes(notes) => *notes,
            other => panic!("{other:?}"),
        }
    }

    fn lists(&self, tags: &[&str]) {
        *self.pages.lock().unwrap() = Some(vec![tags.iter().map(|tag| (*tag).to_owned()).collect()]);
    }
}

async fn world(tags: &[&str]) -> World {
    let world = World::new(&[tags]).await;
    *world.file.lock().unwrap() = Some(LOG.to_owned());
    world
}

#[tokio::test]
async fn a_version_that_was_taken_back_is_not_released_by_a_line_in_a_change_log() {
    let world = world(&["v1.3.0", "v1.2.0"]).await;
    assert_eq!(world.standing("1.3.0").await, Some(Standing::Released));
    world.lists(&["v1.2.0"]);
    for _ in 0..3 {
        world.later(6);
        assert_eq!(world.standing("1.3.0").await, Some(Standing::Withdrawn));
        assert_eq!(world.notes("1.3.0").await.text, TextSource::Changelog, "what it brought is still told");
    }
    world.lists(&["v1.3.0", "v1.2.0"]);
    world.later(6);
    assert_eq!(world.standing("1.3.0").await, Some(Standing::Released), "it is back");
}

#[tokio::test]
async fn what_one_asks_for_changes_nothing_for_another_of_the_same_project() {
    let world = world(&["v1.3.0?", "v1.2.0", "v1.1.0"]).await;
    assert_eq!(world.standing("1.3.0").await, Some(Standing::Prerelease));
    let notes = world.notes("1.2.5").await;
    assert_eq!((notes.text, notes.releases[0].version.as_str()), (TextSource::Changelog, "1.2.5"));
    assert_eq!(world.standing("1.2.5").await, None, "it was never released");
    assert_eq!(world.standing("1.3.0").await, Some(Standing::Prerelease));
    assert_eq!(world.notes("1.2.0").await.text, TextSource::Release);
    world.later(6);
    assert_eq!(world.standing("1.3.0").await, Some(Standing::Prerelease));
}

#[tokio::test]
async fn what_was_taken_back_is_remembered_while_its_project_is_away() {
    let world = world(&["v1.3.0", "v1.2.0"]).await;
    assert_eq!(world.standing("1.3.0").await, Some(Standing::Released));
    world.lists(&["v1.2.0"]);
    world.later(6);
    assert_eq!(world.standing("1.3.0").await, Some(Standing::Withdrawn));
    *world.is_away.lock().unwrap() = true;
    world.later(6);
    assert_eq!(world.standing("1.3.0").await, Some(Standing::Withdrawn));
    *world.is_away.lock().unwrap() = false;
    world.later(61);
    assert_eq!(world.standing("1.3.0").await, Some(Standing::Withdrawn));
}

#[tokio::test]
async fn a_project_without_releases_has_the_notes_of_its_change_log() {
    let world = world(&[]).await;
    let notes = world.notes("1.3.0").await;
    assert_eq!((notes.text, notes.releases.len()), (TextSource::Changelog, 3));
    assert_eq!(world.standing("1.3.0").await, None);
}

/// A tenant with many projects fills what is kept of lists.
#[tokio::test]
async fn what_was_taken_back_outlives_the_list_that_had_it() {
    let world = world(&["v1.3.0", "v1.2.0"]).await;
    assert_eq!(world.standing("1.3.0").await, Some(Standing::Released));
    world.lists(&["v1.2.0"]);
    for _ in 0..2 {
        world.releases.kept.lose("releases:");
        world.later(6);
        assert_eq!(world.standing("1.3.0").await, Some(Standing::Withdrawn));
    }
}

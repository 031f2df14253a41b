//! What one write does to a workload, and what it was decided on.

use super::{Place, Workload, WorkloadId};
use crate::domain::kept::is_cut;

/// The most bytes that the name of an annotation has behind its prefix.
const LONGEST_NAME: usize = 63;

/// A change to one of our annotations, guarded by the value that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnotationChange {
    /// The name without the prefix.
    pub name: String,
    /// What it said when the change was planned.
    pub old: Option<String>,
    /// What it is to say; `None` removes it.
    pub new: Option<String>,
}

/// A change of what is said of why a revision is there, guarded by what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CauseChange {
    /// What it said when the change was planned.
    pub old: Option<String>,
    /// What it is to say; `None` removes it.
    pub new: Option<String>,
}

/// A container that has to be what it was when the write was planned: name, place and image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardedContainer {
    /// Its name.
    pub container: Box<str>,
    /// What it is to its pod.
    pub place: Place,
    /// Where it stands in its list.
    pub index: usize,
    /// The image that is to be there still.
    pub from: Box<str>,
    /// The image to write, if one is.
    pub to: Option<String>,
}

/// Everything that one write does to a workload. It leaves no choice to whoever executes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadPatch {
    /// The object, by uid.
    pub id: WorkloadId,
    /// Which version of it the patch was made from; see [`Workload::resource_version`].
    pub resource_version: u64,
    /// Whether it only applies to that version.
    pub is_exact: bool,
    /// Whether the object had annotations, whosever; see [`Workload::is_annotated`].
    pub is_annotated: bool,
    /// The containers that the patch is about, guarded even when their images stay. All are written or none.
    pub guards: Vec<GuardedContainer>,
    /// Our annotations.
    pub annotations: Vec<AnnotationChange>,
    /// `kubernetes.io/change-cause`, with an image alone.
    pub cause: Option<CauseChange>,
    /// Annotations of ours that are to say still what they said: names without the prefix, and values.
    pub unchanged: Vec<(String, Option<String>)>,
}

impl WorkloadPatch {
    /// A patch that writes nothing yet.
    #[must_use]
    pub fn of(workload: &Workload) -> Self {
        Self {
            id: workload.id.clone(),
            resource_version: workload.resource_version,
            is_exact: false,
            is_annotated: workload.is_annotated,
            guards: Vec::new(),
            annotations: Vec::new(),
            cause: None,
            unchanged: Vec::new(),
        }
    }

    /// Only applies while nobody, us included, changed anything of the object.
    #[must_use]
    pub fn exactly(self) -> Self {
        Self { is_exact: true, ..self }
    }

    /// Only applies while these annotations say what they say now, whether they are there or not.
    #[must_use]
    pub fn while_unchanged(mut self, workload: &Workload, names: impl Iterator<Item = String>) -> Self {
        self.unchanged.extend(names.map(|name| {
            let value = workload.annotation(&name).map(str::to_owned);
            (name, value)
        }));
        self
    }

    /// Only applies while `container` runs the image it runs now, beside the containers that are guarded already.
    ///
    /// Of one that is not there it never applies, rather than without that guard.
    #[must_use]
    pub fn guarded_by(mut self, workload: &Workload, container: &str) -> Self {
        let (index, place, from) = match workload.container(container) {
            Some((index, found)) => (index, found.place, found.image.clone()),
            None => (0, Place::Main, Box::default()),
        };
        let known = self.guards.iter().position(|guard| *guard.container == *container);
        let to = known.and_then(|known| self.guards.remove(known).to);
        self.guards.push(GuardedContainer { container: container.into(), place, index, from, to });
        self
    }

    /// Writes the image of the container that was guarded last.
    #[must_use]
    pub fn image(mut self, to: String) -> Self {
        if let Some(guard) = self.guards.last_mut() {
            guard.to = Some(to);
        }
        self
    }

    /// Sets or removes one of our annotations; a value that is there already is no change. One whose name the API server would
    /// refuse, as that of a container is long, is left out rather than the whole write.
    #[must_use]
    pub fn set(mut self, workload: &Workload, name: &str, new: Option<String>) -> Self {
        let old = workload.annotation(name);
        if old != new.as_deref() && name.len() <= LONGEST_NAME {
            self.annotations.push(AnnotationChange { name: name.to_owned(), old: old.map(str::to_owned), new });
        }
        self
    }

    /// Says why the revision is there that an image makes; what is there already is no change.
    #[must_use]
    pub fn because(mut self, workload: &Workload, new: Option<String>) -> Self {
        let old = workload.change_cause.as_deref().map(str::to_owned);
        self.cause = (old != new).then_some(CauseChange { old, new });
        self
    }

    /// The images that it writes, by container.
    #[must_use]
    pub fn images(&self) -> Vec<(&str, &str)> {
        self.guards.iter().filter_map(|guard| Some((&*guard.container, guard.to.as_deref()?))).collect()
    }

    /// Whether any image is written.
    #[must_use]
    pub fn writes_image(&self) -> bool {
        self.guards.iter().any(|guard| guard.to.is_some())
    }

    /// Whether it would write nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.writes_image() && self.annotations.is_empty()
    }

    /// Whether it depends on what annotations there are, or writes any.
    #[must_use]
    pub fn is_about_annotations(&self) -> bool {
        !(self.annotations.is_empty() && self.unchanged.is_empty() && self.cause.is_none())
    }

    /// Whether `now` is still what the write was planned on.
    #[must_use]
    pub fn holds_on(&self, now: &Workload) -> bool {
        let is_same_version = now.resource_version == self.resource_version;
        let is_so = |name: &str, value: Option<&str>| {
            now.annotation(name) == value && (is_same_version || !value.is_some_and(is_cut))
        };
        self.id == now.id
            && (self.is_annotated == now.is_annotated || !self.is_about_annotations())
            && self.guards.iter().all(|guard| guard.runs(&guard.from, now))
            && self.annotations.iter().all(|change| is_so(&change.name, change.old.as_deref()))
            && self.cause.iter().all(|cause| now.change_cause.as_deref() == cause.old.as_deref())
            && self.unchanged.iter().all(|(name, value)| is_so(name, value.as_deref()))
    }

    /// Whether `now` is what the write was to make of it.
    #[must_use]
    pub fn is_done_on(&self, now: &Workload) -> bool {
        self.id == now.id
            && self.guards.iter().all(|guard| guard.runs(guard.to.as_deref().unwrap_or(&guard.from), now))
            && self.cause.iter().all(|cause| now.change_cause.as_deref() == cause.new.as_deref())
            && self.annotations.iter().all(|change| now.annotation(&change.name) == change.new.as_deref())
    }
}

impl GuardedContainer {
    /// Whether the container is where it was and runs `image`.
    fn runs(&self, image: &str, now: &Workload) -> bool {
        now.container(&self.container).is_some_and(|(index, found)| {
            index == self.index && found.place.list() == self.place.list() && *found.image == *image
        })
    }

    /// What it is called in its list.
    #[must_use]
    pub fn entry(&self) -> &str {
        self.place.entry(&self.container)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{with_init, workload};
    use super::*;

    #[test]
    fn a_patch_remembers_what_it_saw_and_skips_what_is_so_already() {
        let workload = workload(&[("web", "web:1.0.0")], &[("error", "old"), ("mode", "NOTIFICATION")]);
        let patch = WorkloadPatch::of(&workload).set(&workload, "error", None).set(
            &workload,
            "mode",
            Some("NOTIFICATION".into()),
        );
        assert_eq!(patch.annotations, [AnnotationChange { name: "error".into(), old: Some("old".into()), new: None }]);
        assert!(!patch.is_empty());
        assert!(WorkloadPatch::of(&workload).guarded_by(&workload, "web").is_empty());
    }

    #[test]
    fn a_name_that_no_annotation_can_have_is_left_out() {
        let workload = workload(&[("web", "web:1.0.0")], &[]);
        let of = |length: usize| {
            let name = format!("last-notified-version.{}", "a".repeat(length - 22));
            WorkloadPatch::of(&workload).set(&workload, &name, Some("1.0.0".into()))
        };
        assert!(!of(63).is_empty() && of(64).is_empty());
    }

    fn pod() -> Workload {
        let main = workload(&[("web", "web:1.0.0"), ("log", "log:1.0.0")], &[("mode", "AUTO_UPDATE")]);
        with_init(main, &[("migrate", "web:1.0.0", Place::Init)])
    }

    /// The workload with this image in this container.
    fn with(mut workload: Workload, container: &str, image: &str) -> Workload {
        let found = workload.containers.iter_mut().find(|found| *found.name == *container);
        found.unwrap().image = image.into();
        workload
    }

    fn both() -> WorkloadPatch {
        let patch = WorkloadPatch::of(&pod()).guarded_by(&pod(), "web").image("web:1.0.1".into());
        patch.guarded_by(&pod(), "migrate").image("web:1.0.1".into()).guarded_by(&pod(), "log")
    }

    #[test]
    fn the_first_annotation_is_written_where_there_is_none_still() {
        let bare = || Workload { is_annotated: false, ..workload(&[("web", "web:1.0.0")], &[]) };
        let marked = || Workload { is_annotated: true, resource_version: 2, ..bare() };
        let set = |on: &Workload| WorkloadPatch::of(on).set(on, "error", Some("no".into()));
        assert!(set(&bare()).holds_on(&bare()) && set(&marked()).holds_on(&marked()));
        assert!(!set(&bare()).holds_on(&marked()) && !set(&marked()).holds_on(&bare()));
        let image = WorkloadPatch::of(&bare()).guarded_by(&bare(), "web").image("web:1.0.1".into());
        assert!(image.holds_on(&marked()), "an image alone asks for none");
    }

    #[test]
    fn containers_are_written_together_or_not_at_all() {
        let patch = both();
        assert!(patch.writes_image() && !patch.is_empty());
        assert!(patch.holds_on(&pod()) && !patch.is_done_on(&pod()));
        let half = with(pod(), "web", "web:1.0.1");
        assert!(!patch.holds_on(&half) && !patch.is_done_on(&half), "somebody wrote the one only");
        let done = with(half, "migrate", "web:1.0.1");
        assert!(patch.is_done_on(&done) && !patch.holds_on(&done));
        let other = with(done, "log", "log:2.0.0");
        assert!(!patch.is_done_on(&other), "what is guarded alone has to stay as it was");
    }

    /// The workload with this annotation changed, as the next version of it.
    fn annotated(mut workload: Workload, name: &str, value: Option<&str>) -> Workload {
        let mut all = workload.annotations.into_vec();
        all.retain(|(known, _)| **known != *name);
        all.extend(value.map(|value| (name.into(), value.into())));
        all.sort();
        workload.annotations = all.into();
        workload.resource_version += 1;
        workload
    }

    #[test]
    fn a_write_holds_while_what_it_changes_or_was_planned_on_is_so() {
        let now = workload(&[("web", "web:1.0.0")], &[("error", "old"), ("mode", "AUTO_UPDATE")]);
        let set = WorkloadPatch::of(&now).set(&now, "error", None);
        let other = annotated(now.clone(), "error", Some("new"));
        let done = annotated(now.clone(), "error", None);
        assert_eq!([&now, &other, &done].map(|now| set.holds_on(now)), [true, false, false]);
        assert_eq!([&now, &other, &done].map(|now| set.is_done_on(now)), [false, false, true]);
        let names = || ["mode", "window"].map(str::to_owned).into_iter();
        let planned = WorkloadPatch::of(&now).while_unchanged(&now, names());
        let narrowed = annotated(now.clone(), "window", Some("08:00-09:00"));
        let disabled = annotated(now.clone(), "mode", Some("DISABLED"));
        assert_eq!(
            [&now, &other, &narrowed, &disabled].map(|now| planned.holds_on(now)),
            [true, true, false, false],
            "whether they were there or not"
        );
    }

    #[test]
    fn of_what_is_not_remembered_whole_only_the_same_version_is_the_same() {
        use crate::domain::kept::MOST_OF_A_SETTING;
        let long = "x".repeat(MOST_OF_A_SETTING + 1);
        let kept = crate::domain::kept::kept(vec![("skip", &long)]);
        let now = Workload { annotations: kept, ..workload(&[("web", "web:1.0.0")], &[]) };
        let later = Workload { resource_version: 2, ..now.clone() };
        let planned = WorkloadPatch::of(&now).while_unchanged(&now, ["skip".to_owned()].into_iter());
        assert_eq!([&now, &later].map(|now| planned.holds_on(now)), [true, false]);
        let set = WorkloadPatch::of(&now).set(&now, "skip", None);
        assert_eq!([&now, &later].map(|now| set.holds_on(now)), [true, false]);
    }

    #[test]
    fn why_a_revision_is_there_is_changed_from_what_it_was() {
        let with = |cause: Option<&str>| Workload { change_cause: cause.map(Into::into), ..pod() };
        let patch = WorkloadPatch::of(&with(Some("old"))).because(&with(Some("old")), Some("new".into()));
        let all = [Some("old"), Some("new"), None].map(with);
        assert_eq!(all.each_ref().map(|now| patch.holds_on(now)), [true, false, false]);
        assert_eq!(all.each_ref().map(|now| patch.is_done_on(now)), [false, true, false]);
        let same = WorkloadPatch::of(&with(Some("old"))).because(&with(Some("old")), Some("old".into()));
        assert_eq!(same.cause, None, "what is there already is no change");
    }

    #[test]
    fn a_container_that_moved_is_another() {
        let mut swapped = pod();
        swapped.containers.swap(0, 1);
        assert!(!both().holds_on(&swapped));
        let mut promoted = pod();
        promoted.containers[2].place = Place::Sidecar;
        assert!(both().holds_on(&promoted), "it stands where it stood, in the same list");
        let mut beside = pod();
        beside.containers[0].place = Place::Init;
        assert!(!WorkloadPatch::of(&pod()).guarded_by(&pod(), "web").holds_on(&beside), "it stands in another list");
        let mut recreated = pod();
        recreated.id.uid = "uid-2".into();
        assert!(!both().holds_on(&recreated) && !both().is_done_on(&recreated));
        let mut done = with(with(pod(), "web", "web:1.0.1"), "migrate", "web:1.0.1");
        assert!(both().is_done_on(&done));
        done.id.uid = "uid-2".into();
        assert!(!both().is_done_on(&done), "another object of that name");
    }

    #[test]
    fn what_is_not_there_guards_for_ever_and_takes_no_other_image() {
        let patch = WorkloadPatch::of(&pod()).guarded_by(&pod(), "web").guarded_by(&pod(), "gone").image("x:1".into());
        assert!(!patch.holds_on(&pod()));
        assert_eq!(patch.guards[0].to, None, "the image of another container is not written");
    }

    #[test]
    fn a_container_is_guarded_once() {
        let again = both().guarded_by(&pod(), "web");
        assert_eq!(again.guards.len(), 3);
        assert_eq!(again.guards.last().and_then(|guard| guard.to.as_deref()), Some("web:1.0.1"));
    }
}

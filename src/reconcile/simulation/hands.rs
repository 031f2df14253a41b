//! What others do to the cluster and the registry: kubectl, GitOps tools, backups, whoever pushes.

use std::sync::{Arc, OnceLock};

use chrono::TimeDelta;

use super::cluster::{Annotations, Object, Place, Template};
use super::registry::Pushed;
use super::wish::{parts, version};
use super::world::World;
use crate::domain::reference::Digest;
use crate::domain::settings::is_state;
use crate::domain::workload::{Kind, PREFIX, WorkloadId};

/// What an object was made of once.
#[derive(Clone, Debug)]
pub(super) struct Export {
    pub(super) place: Place,
    annotations: Annotations,
    template: Template,
    kind: Kind,
}

/// What others can do; a run has some of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hand {
    Push,
    PushAgain,
    Unpush,
    Mend,
    Undo,
    ApplyOld,
    Git,
    Copy,
    Recreate,
    EditSettings,
    EditRecord,
    SetImage,
    Pause,
    Deny,
}

impl Hand {
    pub(super) const ALL: [Self; 14] = [
        Self::Push,
        Self::PushAgain,
        Self::Unpush,
        Self::Mend,
        Self::Undo,
        Self::ApplyOld,
        Self::Git,
        Self::Copy,
        Self::Recreate,
        Self::EditSettings,
        Self::EditRecord,
        Self::SetImage,
        Self::Pause,
        Self::Deny,
    ];
}

const MODES: [&str; 5] = ["AUTO_UPDATE", "AUTO_UPDATE", "NOTIFICATION", "NOTIFICATION", "DISABLED"];
const STRATEGIES: [&str; 4] = ["ALL", "MAJOR", "MINOR", "PATCH"];
/// The repositories of the world.
pub(super) const REPOSITORIES: [&str; 2] = ["r.example/web", "r.example/log"];

fn is_record(key: &str) -> bool {
    key.strip_prefix(PREFIX).is_some_and(is_state)
}

impl World {
    /// The world at the beginning.
    pub(super) fn furnish(&mut self, objects: usize) {
        for repository in REPOSITORIES {
            for tag in ["1.0.0", "1.0.1", "1.1.0", "stable", "nightly-2026"] {
                self.push(repository, tag, true);
            }
        }
        for n in 0..objects {
            let kind = if self.chance.permille(800) { Kind::Deployment } else { Kind::StatefulSet };
            let mut template: Template = vec![("web".into(), "r.example/web:1.0.0".into())];
            if self.chance.permille(300) {
                template.push(("log".into(), "r.example/log:1.0.1".into()));
            }
            let mut annotations = Annotations::new();
            annotations.insert("example.com/team".into(), "a <b> & c".into());
            annotations.insert(format!("{PREFIX}patch-owned"), "true".into());
            self.set(&mut annotations, "mode", &MODES[..4]);
            if self.chance.permille(300) {
                self.set(&mut annotations, "strategy", &STRATEGIES);
            }
            if self.chance.permille(150) {
                annotations.insert(format!("{PREFIX}cooldown"), "6h".into());
            }
            if self.chance.permille(150) {
                annotations.insert(format!("{PREFIX}track"), "digest".into());
                template[0].1 = "r.example/web:stable".into();
                template.truncate(1);
            }
            self.create(&("shop".into(), format!("app-{n}")), kind, annotations, template);
        }
    }

    fn set(&mut self, annotations: &mut Annotations, name: &str, values: &[&str]) {
        let value = self.chance.pick(values).copied().unwrap_or_default();
        annotations.insert(format!("{PREFIX}{name}"), value.into());
    }

    fn push(&mut self, repository: &str, tag: &str, is_good: bool) {
        let at = self.now();
        let number = self.chance.next();
        let digest = Digest::of(format!("{repository}:{tag} {number}").as_bytes());
        let has_manifest = !self.chance.permille(self.faults.glitch);
        self.log(format!("push of {repository}:{tag}, good {is_good}, manifest {has_manifest}"));
        let first = *self.shelves.first.entry((repository.to_owned(), tag.to_owned())).or_insert(at);
        self.shelves.change(repository, at, |tags| {
            tags.insert(tag.to_owned(), Pushed { digest, at, first, has_manifest, is_good });
        });
        self.disturbed(None);
    }

    fn create(&mut self, place: &Place, kind: Kind, annotations: Annotations, template: Template) {
        let (namespace, name) = (place.0.as_str().into(), place.1.as_str().into());
        let object = Object {
            id: WorkloadId { namespace, kind, name, uid: self.uid() },
            version: 0,
            generation: 0,
            observed: 0,
            annotations,
            template,
            paused: false,
            replica_sets: Vec::new(),
            rolled: Vec::new(),
            is_up: false,
            since: self.now(),
            stall: None,
            is_stall_old: false,
            git: None,
            recorded: OnceLock::new(),
        };
        self.log(format!("create {}/{}: {} {:?}", place.0, place.1, object.id.uid, object.template));
        self.store(object, None);
        self.control(place);
        self.control(place);
    }

    /// Somebody else changes an object.
    fn change(&mut self, place: &Place, who: &str, change: impl FnOnce(&mut Object)) {
        let Some(before) = self.objects.get(place).cloned() else { return };
        let mut after = Object::clone(&before);
        change(&mut after);
        if self.store(after, Some(&before)) {
            let after = Arc::clone(&self.objects[place]);
            self.log(format!("{who} of {}/{}: {:?}", place.0, place.1, after.template));
            self.touched(&before, &after);
        }
    }

    fn any(&mut self) -> Option<Place> {
        let places: Vec<Place> = self.objects.keys().cloned().collect();
        self.chance.pick(&places).cloned()
    }

    fn annotations_of_settings(object: &Object) -> Annotations {
        object.annotations.iter().filter(|(key, _)| !is_record(key)).map(|(k, v)| (k.clone(), v.clone())).collect()
    }

    /// Takes the state of an object, as `kubectl get -o yaml` or a backup does.
    pub(super) fn export(&mut self) -> Option<Export> {
        let place = self.any()?;
        let object = self.objects.get(&place)?;
        let (annotations, template) = (object.annotations.clone(), object.template.clone());
        Some(Export { place, annotations, template, kind: object.id.kind })
    }

    /// Somebody does something.
    pub(super) fn hand(&mut self, hand: Hand, exports: &[Export]) {
        let Some(place) = self.any() else { return };
        match hand {
            Hand::Push => self.push_next(),
            Hand::PushAgain => {
                let tag = if self.chance.permille(700) { "stable" } else { "1.1.0" };
                self.push(REPOSITORIES[0], tag, true);
            }
            Hand::Unpush => self.unpush(),
            Hand::Mend => self.mend(),
            Hand::Undo => self.undo(&place),
            Hand::Git => self.take_under_git(&place),
            Hand::EditSettings => self.edit_settings(&place),
            Hand::EditRecord => self.edit_record(&place, exports),
            Hand::SetImage => self.set_image(&place),
            Hand::Pause => self.change(&place, "pause or resume", |object| object.paused = !object.paused),
            Hand::Deny => {
                self.log("the Role of shop is unbound or bound");
                if !self.denied.remove("shop") {
                    self.denied.insert("shop".into());
                }
            }
            Hand::ApplyOld | Hand::Copy | Hand::Recreate => {
                let Some(export) = self.chance.pick(exports).cloned() else { return };
                self.restore(hand, &export);
            }
        }
    }

    fn push_next(&mut self) {
        let repository = *self.chance.pick(&REPOSITORIES).unwrap();
        let list = self.shelves.list(repository);
        let highest = list.iter().filter_map(|tag| version(tag)).max().unwrap_or([1, 0, 0]);
        let next = match self.chance.below(6) {
            0 => [highest[0] + 1, 0, 0],
            1 | 2 => [highest[0], highest[1] + 1, 0],
            _ => [highest[0], highest[1], highest[2] + 1],
        };
        let is_good = self.chance.permille(800);
        self.push(repository, &next.map(|number| number.to_string()).join("."), is_good);
    }

    fn unpush(&mut self) {
        let tag = self.chance.pick(&self.shelves.list(REPOSITORIES[0])).cloned();
        let Some(tag) = tag.filter(|tag| tag.as_str() != "stable") else { return };
        self.log(format!("{tag} is deleted"));
        let now = self.now();
        self.shelves.change(REPOSITORIES[0], now, |tags| drop(tags.remove(&tag)));
        self.disturbed(None);
    }

    fn mend(&mut self) {
        self.log("what made pods fail is mended");
        for tags in self.shelves.repositories.values_mut() {
            for pushed in tags.values_mut() {
                pushed.is_good = true;
            }
        }
    }

    fn undo(&mut self, place: &Place) {
        let Some(object) = self.objects.get(place).filter(|object| !object.paused) else { return };
        if object.id.kind == Kind::StatefulSet {
            return;
        }
        let Some(older) = object.replica_sets.iter().rfind(|set| set.template != object.template).cloned() else {
            return;
        };
        self.change(place, "kubectl rollout undo", |object| {
            object.template.clone_from(&older.template);
            object.annotations.clone_from(&older.annotations);
        });
    }

    /// Now and then what it holds is an export of the object, with our record in it.
    fn take_under_git(&mut self, place: &Place) {
        let is_exported = self.chance.permille(300);
        self.change(place, "a GitOps tool takes it", |object| {
            let id = format!("app:apps/Deployment:{}", object.id.name);
            object.annotations.insert("argocd.argoproj.io/tracking-id".into(), id);
            let settings = Self::annotations_of_settings(object);
            let held = if is_exported { object.annotations.clone() } else { settings };
            object.git = Some((held, object.template.clone()));
        });
    }

    /// GitOps tools put back what they hold.
    pub(super) fn sync(&mut self) {
        let held: Vec<Place> =
            self.objects.iter().filter(|(_, it)| it.git.is_some()).map(|(at, _)| at.clone()).collect();
        for place in held {
            let prunes = self.chance.permille(100);
            self.change(&place, "a GitOps tool's sync", |object| {
                let Some((annotations, template)) = object.git.clone() else { return };
                object.template = template;
                if prunes {
                    object.annotations = annotations;
                } else {
                    object.annotations.extend(annotations);
                }
            });
        }
    }

    /// GitOps tools stop.
    pub(super) fn leave_alone(&mut self) {
        let places: Vec<Place> = self.objects.keys().cloned().collect();
        for place in places {
            self.change(&place, "nobody holds it", |object| (object.git, object.paused) = (None, false));
        }
        for tags in self.shelves.repositories.values_mut() {
            for pushed in tags.values_mut() {
                pushed.has_manifest = true;
            }
        }
        self.denied.clear();
    }

    fn edit_settings(&mut self, place: &Place) {
        let mut changed = Annotations::new();
        let mut gone = None;
        match self.chance.below(5) {
            0 | 1 => self.set(&mut changed, "mode", &MODES),
            2 => self.set(&mut changed, "strategy", &STRATEGIES),
            3 => {
                let tag = self.chance.pick(&self.shelves.list(REPOSITORIES[0])).cloned().unwrap_or_default();
                changed.insert(format!("{PREFIX}skip"), tag);
            }
            _ => gone = self.chance.pick(&["skip", "cooldown", "strategy"]).copied(),
        }
        self.change(place, &format!("kubectl annotate {changed:?} {gone:?}"), |object| {
            object.annotations.extend(changed);
            gone.map(|gone| object.annotations.remove(&format!("{PREFIX}{gone}")));
        });
    }

    /// Our own annotations are removed, made rubbish, or become what they were once, here or elsewhere.
    fn edit_record(&mut self, place: &Place, exports: &[Export]) {
        let object = self.objects.get(place).cloned();
        let ours: Vec<String> =
            object.iter().flat_map(|object| object.annotations.keys()).filter(|key| is_record(key)).cloned().collect();
        let older = self.chance.pick(exports).cloned();
        let (way, one) = (self.chance.below(5), self.chance.pick(&ours).cloned());
        self.change(place, &format!("kubectl annotate {one:?} ({way})"), |object| match (way, one, older) {
            (0, _, _) => object.annotations.retain(|key, _| !is_record(key)),
            (1, Some(one), _) => drop(object.annotations.remove(&one)),
            (2, Some(one), _) => drop(object.annotations.insert(one, "{\"a\": \"<rubbish>\"}".into())),
            (3, Some(one), Some(older)) => {
                let value = older.annotations.get(&one).cloned();
                value.map(|value| object.annotations.insert(one, value));
            }
            (_, _, Some(older)) => {
                let record = older.annotations.into_iter().filter(|(key, _)| is_record(key));
                object.annotations.extend(record);
            }
            _ => {}
        });
    }

    fn set_image(&mut self, place: &Place) {
        let tag = self.chance.pick(&self.shelves.list(REPOSITORIES[0])).cloned();
        let Some(tag) = tag.filter(|tag| version(tag).is_some()) else { return };
        self.change(place, "kubectl set image", |object| {
            let (_, running, _) = parts(&object.template[0].1);
            if version(running).is_some() {
                object.template[0].1 = format!("{}:{tag}", REPOSITORIES[0]);
            }
        });
    }

    /// `kubectl apply` of an old manifest, the same in another namespace, or a backup that is restored.
    fn restore(&mut self, how: Hand, export: &Export) {
        let Export { place, annotations, template, kind } = export.clone();
        match how {
            Hand::ApplyOld => self.change(&place, "kubectl apply of an old manifest", |object| {
                object.annotations.extend(annotations);
                object.template = template;
            }),
            Hand::Copy => {
                let there = (format!("copy-{}", self.chance.below(2)), place.1.clone());
                if !self.objects.contains_key(&there) {
                    self.create(&there, kind, annotations, template);
                    self.came_with_a_record(&place, &there);
                }
            }
            _ => {
                let Some(before) = self.objects.remove(&place) else { return };
                self.log(format!("{}/{} is deleted", place.0, place.1));
                self.happened(&(before.id.clone(), None));
                self.create(&place, kind, annotations, template);
                let Some(after) = self.objects.get(&place).cloned() else { return };
                self.touched(&before, &after);
            }
        }
    }

    fn came_with_a_record(&mut self, from: &Place, to: &Place) {
        let (Some(before), Some(after)) = (self.objects.get(from).cloned(), self.objects.get(to).cloned()) else {
            return;
        };
        self.touched(&before, &after);
    }

    /// Copies of annotations, and rollouts, take a moment.
    pub(super) fn controllers(&mut self) {
        let places: Vec<Place> = self.objects.keys().cloned().collect();
        for place in places {
            self.control(&place);
        }
    }

    /// When a rollout that does not come up is given up.
    pub(super) fn stalls_at(&self) -> Option<chrono::DateTime<chrono::Utc>> {
        let coming =
            self.objects.values().filter(|it| !it.is_up && it.stall.is_none() && it.id.kind == Kind::Deployment);
        coming.map(|it| it.since + TimeDelta::seconds(602)).min()
    }
}

//! What must hold, whatever happens: stated over what is seen from outside, which are writes, messages and answers.
//!
//! It knows nothing of how image-watcher remembers. It reads the settings on the object at the moment of a write, and what
//! the registry answered the task that wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::cluster::Object;
use super::registry::Pushed;
use super::world::{Doing, Task, World};
use crate::domain::approval::LIFETIME;
use crate::domain::event::{Delivery, NoticeKind};
use crate::domain::settings::is_state;
use crate::domain::workload::PREFIX;

/// What must hold. Each is a sentence in [`Invariant::sentence`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Invariant {
    OnlyOneImage,
    OnlyAllowed,
    OnlyAged,
    OnlyWithConsent,
    NoDowngrade,
    LinkOfAnother,
    LinkTooLate,
    LinkReplaced,
    LinkActsOnce,
    LinkOfAnotherDigest,
    SetBackStaysBack,
    NoFight,
    AskedOnce,
    ToldWithOneId,
    ToldOnlyWhatWas,
    EndIsTold,
    MessageArrives,
    Converges,
    Rests,
}

impl Invariant {
    /// It in a sentence.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::OnlyOneImage => "a write changes one image and our own annotations, and nothing else",
            Self::OnlyAllowed => "an image is only written that today's settings and the registry's answers allow",
            Self::OnlyAged => "what was pushed again waits for its cooldown as what is new does",
            Self::OnlyWithConsent => "an image is only written by policy where the mode says so, or by a person's yes",
            Self::NoDowngrade => "no image is replaced by an older one",
            Self::LinkOfAnother => "a link acts on the object that was asked about",
            Self::LinkTooLate => "a link does not act after its time",
            Self::LinkReplaced => "a link does not act when another question took its place",
            Self::LinkActsOnce => "a used link never acts again",
            Self::LinkOfAnotherDigest => "a link acts for the digest that was shown",
            Self::SetBackStaysBack => "what somebody set back is not written again by policy",
            Self::NoFight => "the same image is not written again and again against another hand",
            Self::AskedOnce => "a question that is open is not asked again",
            Self::ToldWithOneId => "the same message has the same id for the same recipient",
            Self::ToldOnlyWhatWas => "people are told of updates that happened",
            Self::EndIsTold => "the end of each update is told",
            Self::MessageArrives => "a message that was stored arrives",
            Self::Converges => "when faults stop, the best allowed version runs or is asked about",
            Self::Rests => "when all is done, nothing is written any more",
        }
    }

    /// What is known not to hold yet, and why: always, or where another hand changed our own record, or the disk was lost.
    /// A gap that is not seen any more is to be removed from here; a test says so.
    pub(super) fn known_gap(self, is_damaged: bool) -> Option<&'static str> {
        KNOWN_GAPS.iter().find(|(gap, damaged, _)| *gap == self && (!damaged || is_damaged)).map(|(_, _, why)| *why)
    }
}

/// The gaps, whether they need a damaged record or a lost disk, and their numbers among the known faults.
pub(super) const KNOWN_GAPS: [(Invariant, bool, &str); 8] = [
    (Invariant::OnlyAged, false, "found here: a cooldown is a tag's, whatever is pushed to it meanwhile"),
    (Invariant::SetBackStaysBack, false, "R4: AUTO_UPDATE fights"),
    (Invariant::NoFight, false, "R4: AUTO_UPDATE fights"),
    (Invariant::LinkActsOnce, true, "R1: undo brings the question back"),
    (Invariant::LinkReplaced, true, "R1: undo brings the older question back"),
    (Invariant::ToldOnlyWhatWas, true, "R2: a copied history is believed"),
    (Invariant::EndIsTold, true, "R1, R2: what is rolling out is forgotten with its annotation"),
    (Invariant::MessageArrives, true, "R10: what waits is lost with the disk"),
];

/// A question that people were asked.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) uid: String,
    pub(super) container: String,
    from: String,
    pub(super) tag: String,
    pub(super) digest: String,
    pub(super) expires: DateTime<Utc>,
    /// Whether its link acted.
    pub(super) acted: Option<&'static str>,
    /// Until when people asked to be left alone.
    snoozed: Option<DateTime<Utc>>,
    /// Whether anybody but us touched the object, or the registry, since.
    is_disturbed: bool,
}

/// An image that we wrote.
#[derive(Clone, Debug)]
struct Write {
    uid: String,
    container: String,
    tag: String,
    digest: String,
    image: String,
    is_by_policy: bool,
    /// Whether our record was touched by another hand since.
    is_disturbed: bool,
    ends: BTreeSet<&'static str>,
}

/// What has to be asked, and the questions of which one must be open.
pub(super) struct Unasked {
    pub(super) uid: String,
    pub(super) ids: Vec<String>,
    pub(super) sentence: String,
}

/// Uid and container.
type Key = (String, String);

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) questions: BTreeMap<String, Question>,
    /// The last question about each container.
    newest: BTreeMap<Key, String>,
    writes: Vec<Write>,
    /// Tag and digest of what was set back.
    set_back: BTreeMap<Key, BTreeSet<(String, String)>>,
    /// The ids of messages, by what they say to whom.
    ids: BTreeMap<String, String>,
    /// What was stored and did not arrive yet, and what did.
    owed: BTreeMap<String, String>,
    arrived: BTreeSet<String>,
    /// When another hand changed an object last, or what all rest on.
    touched: BTreeMap<Option<String>, DateTime<Utc>>,
    /// Objects whose record another hand changed.
    damaged: BTreeSet<String>,
    pub(super) is_disk_lost: bool,
    pub(super) image_writes: usize,
    pub(super) all_writes: usize,
    pub(super) answers: usize,
}

/// Numbers of a plain version; the world's tags have no others that can be compared.
pub(super) fn version(tag: &str) -> Option<[u32; 3]> {
    let mut parts = tag.split('.').map(|part| part.parse().ok());
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

/// An image in parts: repository, tag, digest.
pub(super) fn parts(image: &str) -> (&str, &str, Option<&str>) {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
    (repository, tag, digest)
}

/// The settings of a container, as its author means them.
pub(super) struct Wish {
    pub(super) mode: String,
    strategy: String,
    skip: Vec<String>,
    pub(super) cooldown: Option<TimeDelta>,
    pub(super) follows_digest: bool,
}

impl Wish {
    pub(super) fn read(object: &Object, container: &str) -> Self {
        let value = |name: &str| object.ours(&format!("{name}.{container}")).or_else(|| object.ours(name));
        Self {
            mode: value("mode").unwrap_or("NOTIFICATION").to_owned(),
            strategy: value("strategy").unwrap_or("ALL").to_owned(),
            skip: value("skip").unwrap_or_default().split(',').map(|word| word.trim().to_owned()).collect(),
            cooldown: value("cooldown").and_then(|text| Some(TimeDelta::hours(text.strip_suffix('h')?.parse().ok()?))),
            follows_digest: value("track") == Some("digest"),
        }
    }

    /// Whether a version may take the place of another.
    fn allows(&self, from: &str, to: &str) -> bool {
        let (Some(from), Some(new)) = (version(from), version(to)) else { return false };
        let level = if from[0] != new[0] { 2 } else { usize::from(from[1] != new[1]) };
        let most = match self.strategy.as_str() {
            "PATCH" => 0,
            "MINOR" => 1,
            _ => 2,
        };
        new > from && level <= most && !self.skip.iter().any(|skipped| skipped == to)
    }

    /// The highest that is allowed.
    pub(super) fn best<'t>(&self, from: &str, tags: impl Iterator<Item = &'t str>) -> Option<&'t str> {
        tags.filter(|tag| self.allows(from, tag)).max_by_key(|tag| version(tag))
    }
}

impl World {
    /// We wrote an object.
    pub(super) fn wrote(&mut self, before: &Object, after: &Object) {
        self.model.all_writes += 1;
        let is_damaged = self.is_damaged(&before.id.uid);
        let Some(task) = self.tasks.get(&self.current).cloned() else { return };
        let foreign = |object: &Object| -> Vec<(String, String)> {
            let all = object.annotations.iter();
            all.filter(|(key, _)| !key.starts_with(PREFIX)).map(|(k, v)| (k.clone(), v.clone())).collect()
        };
        let changed: Vec<usize> =
            (0..before.template.len()).filter(|n| before.template[*n] != after.template[*n]).collect();
        let place = format!("{}/{}", before.id.namespace, before.id.name);
        let keys: BTreeSet<&String> = before.annotations.keys().chain(after.annotations.keys()).collect();
        let names = keys.into_iter().filter(|key| before.annotations.get(*key) != after.annotations.get(*key));
        let names: Vec<String> = names.map(|key| key.replace(PREFIX, "")).collect();
        self.log(format!("written: {place} {:?}", names));
        if foreign(before) != foreign(after) || changed.len() > 1 || before.paused != after.paused {
            self.violate(Invariant::OnlyOneImage, is_damaged, format!("a write to {place} touched what is not ours"));
        }
        let settings = ["mode", "strategy", "cooldown", "track"];
        let edited: Vec<&String> = names.iter().filter(|name| settings.contains(&first(name))).collect();
        if !edited.is_empty() {
            self.violate(
                Invariant::OnlyOneImage,
                is_damaged,
                format!("a write to {place} changed its settings {edited:?}"),
            );
        }
        let is_skip = names.iter().any(|name| first(name) == "skip");
        match (&task.doing, is_skip) {
            (Doing::Answer { question, action: "skip" }, true) => self.acts(question, "skip", before),
            (_, true) => {
                self.violate(Invariant::OnlyOneImage, is_damaged, format!("a write to {place} changed what is skipped"))
            }
            _ => {}
        }
        if let [place] = changed[..] {
            self.wrote_image(&task, before, &before.template[place].clone(), &after.template[place].1);
        }
    }

    /// We wrote an image.
    fn wrote_image(&mut self, task: &Task, before: &Object, (container, from): &(String, String), to: &str) {
        self.model.image_writes += 1;
        let is_damaged = self.is_damaged(&before.id.uid);
        let (repository, tag, digest) = parts(to);
        let (was_of, was, was_digest) = parts(from);
        let (place, uid) = (format!("{}/{}", before.id.namespace, before.id.name), before.id.uid.to_string());
        self.log(format!("IMAGE of {place} {container}: {from} -> {to}"));
        let Some(digest) = digest.filter(|_| repository == was_of) else {
            return self.violate(
                Invariant::OnlyOneImage,
                is_damaged,
                format!("{place} was written {to} in the place of {from}"),
            );
        };
        let wish = Wish::read(before, container);
        let now = self.now();
        let is_shown = task.digests.get(&(repository.to_owned(), tag.to_owned()));
        let is_shown = is_shown.is_some_and(|all| all.iter().any(|shown| shown.as_deref() == Some(digest)));
        let is_disabled = wish.mode == "DISABLED" || self.forced.is_some();
        let pushed = self.shelves.repositories.get(repository).and_then(|tags| tags.get(tag));
        let aged = |since: fn(&Pushed) -> DateTime<Utc>| {
            wish.follows_digest || pushed.zip(wish.cooldown).is_none_or(|(pushed, wait)| since(pushed) + wait <= now)
        };
        let (is_known, is_aged) = (aged(|pushed| pushed.first), aged(|pushed| pushed.at));
        // A tag that came or went during the task may be taken or passed over.
        let has_manifest = |of: &str, always: bool| {
            let asked = task.digests.get(&(repository.to_owned(), of.to_owned()));
            asked.is_none_or(
                |all| if always { all.iter().all(Option::is_some) } else { all.iter().any(Option::is_some) },
            )
        };
        let lists = task.lists.iter().filter(|(of, _)| of == repository).map(|(_, list)| list);
        let is_allowed = if wish.follows_digest {
            tag == was && was_digest != Some(digest) && !wish.skip.iter().any(|skip| *skip == format!("{tag}@{digest}"))
        } else {
            lists.flat_map(|list| [(list, true), (list, false)]).any(|(list, always)| {
                let known = list.iter().map(String::as_str).filter(|tag| has_manifest(tag, always));
                match (&task.doing, wish.cooldown) {
                    (Doing::Look, None) => wish.best(was, known) == Some(tag),
                    (Doing::Look, Some(_)) => list.iter().any(|known| known == tag) && wish.allows(was, tag),
                    // A person chose it, and it has a manifest: it need not be the best, nor listed already.
                    _ => wish.allows(was, tag),
                }
            })
        };
        if is_disabled || !is_allowed || !is_shown || !is_known {
            let why = format!(
                "{place} {container} was written {to} in the place of {from}, mode {}, strategy {}, skip {:?}, cooldown {:?}, shown {is_shown}",
                wish.mode, wish.strategy, wish.skip, wish.cooldown
            );
            self.violate(Invariant::OnlyAllowed, is_damaged, why);
        } else if !is_aged {
            self.violate(
                Invariant::OnlyAged,
                is_damaged,
                format!("{place} {container} was written {to}, which was pushed again"),
            );
        }
        if !wish.follows_digest && version(tag) <= version(was) {
            self.violate(Invariant::NoDowngrade, is_damaged, format!("{place} {container} went from {was} to {tag}"));
        }
        let key = (uid.clone(), container.clone());
        let version = (tag.to_owned(), digest.to_owned());
        match &task.doing {
            Doing::Answer { question, action: "approve" } => {
                self.acts(question, "approve", before);
                let asked = self.model.questions.get(question).cloned();
                let is_it =
                    asked.is_some_and(|asked| asked.tag == tag && asked.digest == digest && asked.from == *from);
                if !is_it {
                    self.violate(
                        Invariant::LinkOfAnotherDigest,
                        is_damaged,
                        format!("{question} wrote {to} in the place of {from}"),
                    );
                }
                self.model.set_back.entry(key.clone()).or_default().remove(&version);
            }
            Doing::Look if wish.mode == "AUTO_UPDATE" => {
                if self.model.set_back.get(&key).is_some_and(|all| all.contains(&version)) {
                    self.violate(
                        Invariant::SetBackStaysBack,
                        is_damaged,
                        format!("{place} {container} was written {to} again"),
                    );
                }
                let same = self.model.writes.iter().filter(|write| {
                    write.is_by_policy && write.uid == uid && write.container == *container && write.image == to
                });
                if same.count() >= 3 {
                    self.violate(
                        Invariant::NoFight,
                        is_damaged,
                        format!("{place} {container} was written {to} a fourth time"),
                    );
                }
            }
            doing => self.violate(
                Invariant::OnlyWithConsent,
                is_damaged,
                format!("{place} {container}: {doing:?} wrote {to}"),
            ),
        }
        for write in self.model.writes.iter_mut().filter(|write| write.uid == uid && write.container == *container) {
            // It was replaced before its end: nothing is owed of it.
            write.is_disturbed = true;
        }
        self.model.writes.push(Write {
            uid,
            container: container.clone(),
            tag: tag.to_owned(),
            digest: digest.to_owned(),
            image: to.to_owned(),
            is_by_policy: matches!(task.doing, Doing::Look),
            is_disturbed: false,
            ends: BTreeSet::new(),
        });
    }

    /// A link did what it can do once.
    fn acts(&mut self, question: &str, action: &'static str, object: &Object) {
        let (now, is_damaged) = (self.now(), self.is_damaged(&object.id.uid));
        let Some(asked) = self.model.questions.get_mut(question) else {
            return self.violate(
                Invariant::LinkOfAnother,
                is_damaged,
                format!("{question}, which nobody was asked, acted"),
            );
        };
        let before = asked.acted.replace(action);
        let (uid, expires) = (asked.uid.clone(), asked.expires);
        let newest = self.model.newest.get(&(uid.clone(), asked.container.clone())).cloned();
        self.model.answers += 1;
        if let Some(before) = before {
            self.violate(
                Invariant::LinkActsOnce,
                is_damaged,
                format!("the link of {question} acted ({action}) after {before}"),
            );
        } else if newest.as_deref() != Some(question) {
            self.violate(
                Invariant::LinkReplaced,
                is_damaged,
                format!("the link of {question} acted, and {newest:?} had its place"),
            );
        }
        if *object.id.uid != *uid {
            self.violate(
                Invariant::LinkOfAnother,
                is_damaged,
                format!("{question} about {uid} acted on {}", object.id.uid),
            );
        }
        // Whoever answers in time may wait for the registry and the API server.
        if now >= expires + TimeDelta::minutes(2) {
            self.violate(
                Invariant::LinkTooLate,
                is_damaged,
                format!("{question} acted at {now}, and was over at {expires}"),
            );
        }
    }

    /// Messages are stored.
    pub(super) fn told(&mut self, delivery: &Delivery) {
        let notice = &delivery.notice;
        let (uid, container) = (notice.workload.uid.to_string(), notice.container.clone());
        let digest = notice.to.digest.clone().unwrap_or_default();
        let round = notice.approval.as_ref().map(|approval| approval.id.clone()).unwrap_or_default();
        let at = if round.is_empty() && notice.no_link.is_none() { notice.at.to_string() } else { String::new() };
        let what = format!(
            "{} {uid} {container} {} {} {digest} {round} {at} {:?} to {}",
            notice.kind.as_str(),
            notice.from.tag,
            notice.to.tag,
            notice.no_link,
            delivery.recipient
        );
        let id = delivery.id();
        if !self.model.arrived.contains(&id) {
            self.model.owed.insert(id.clone(), what.clone());
        }
        if let Some(known) = self.model.ids.insert(what.clone(), id.clone()).filter(|known| *known != id) {
            self.violate(Invariant::ToldWithOneId, false, format!("{what} is {known} and {id}"));
        }
        match (notice.kind, &notice.approval) {
            (NoticeKind::Available, Some(view)) => {
                if !self.model.questions.contains_key(&view.id) {
                    let question = Question {
                        uid,
                        container,
                        from: view.from_image.clone(),
                        tag: notice.to.tag.clone(),
                        digest,
                        expires: view.expires,
                        acted: None,
                        snoozed: None,
                        is_disturbed: false,
                    };
                    self.asks(&view.id, question);
                }
            }
            (NoticeKind::Applied | NoticeKind::Failed | NoticeKind::Granted, _) => {
                let tag = &notice.to.tag;
                let mut writes = self.model.writes.iter_mut();
                let it = writes.find(|write| {
                    write.uid == uid && write.container == container && write.tag == *tag && write.digest == digest
                });
                if it.is_none() {
                    let sentence = format!("{} of {tag} on {uid} {container} is told", notice.kind.as_str());
                    return self.violate(Invariant::ToldOnlyWhatWas, self.is_damaged(&uid), sentence);
                }
                for write in &mut self.model.writes {
                    if write.uid == uid && write.container == container && write.tag == *tag && write.digest == digest {
                        write.ends.insert(notice.kind.as_str());
                    }
                }
            }
            _ => {}
        }
    }

    fn asks(&mut self, id: &str, mut question: Question) {
        // Its record may be older than its messages, and somebody may have come between.
        let touched =
            [None, Some(question.uid.clone())].iter().filter_map(|of| self.model.touched.get(of)).max().copied();
        question.is_disturbed = touched.is_some_and(|at| at >= question.expires - LIFETIME);
        let key = (question.uid.clone(), question.container.clone());
        let now = self.now();
        self.log(format!("ASKED {id}: {} {} to {}", question.uid, question.container, question.tag));
        let older = self.model.newest.insert(key, id.to_owned());
        let older = older.and_then(|older| Some((older.clone(), self.model.questions.get(&older)?)));
        if let Some((older, it)) = older
            && (&it.from, &it.tag, &it.digest) == (&question.from, &question.tag, &question.digest)
            && it.acted.is_none()
            && !it.is_disturbed
            && now < it.expires
        {
            let sentence = format!("{id} asks what {older} asked, which nobody answered or touched");
            self.violate(Invariant::AskedOnce, false, sentence);
        }
        self.model.questions.insert(id.to_owned(), question);
    }

    /// Somebody asked to be left alone with a question.
    pub(super) fn snoozed(&mut self, question: &str) {
        let until = self.now() + TimeDelta::days(7);
        if let Some(question) = self.model.questions.get_mut(question) {
            question.snoozed = Some(until);
        }
    }

    /// A message arrived, or is a dead letter for everybody to see.
    pub(super) fn delivered(&mut self, delivery: &Delivery) {
        let id = delivery.id();
        self.model.owed.remove(&id);
        self.model.arrived.insert(id);
    }

    /// A message that is over before it could be sent is owed to nobody.
    pub(super) fn expire(&mut self) {
        let now = self.now();
        let over = |what: &String| {
            self.model.questions.iter().any(|(id, question)| what.contains(id.as_str()) && question.expires <= now)
        };
        let gone: Vec<String> =
            self.model.owed.iter().filter(|(_, what)| over(what)).map(|(id, _)| id.clone()).collect();
        gone.iter().for_each(|id| drop(self.model.owed.remove(id)));
    }

    /// Whoever it is but us changed an object, or something that decisions rest on.
    pub(super) fn disturbed(&mut self, uid: Option<&str>) {
        let now = self.now();
        self.model.touched.insert(uid.map(str::to_owned), now);
        let is_of = |other: &str| uid.is_none_or(|uid| *uid == *other);
        self.model.questions.values_mut().filter(|it| is_of(&it.uid)).for_each(|it| it.is_disturbed = true);
    }

    pub(super) fn is_damaged(&self, uid: &str) -> bool {
        self.model.damaged.contains(uid)
    }

    /// Another hand changed an object, or made it.
    pub(super) fn touched(&mut self, before: &Object, after: &Object) {
        let uid = before.id.uid.to_string();
        let record = |object: &Object| -> Vec<(String, String)> {
            let all = object.annotations.iter().filter(|(key, _)| key.strip_prefix(PREFIX).is_some_and(is_state));
            all.map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        if before.id.uid != after.id.uid && !record(after).is_empty() || record(before) != record(after) {
            self.model.damaged.insert(after.id.uid.to_string());
        }
        if before.id.uid != after.id.uid {
            return;
        }
        self.disturbed(Some(&uid));
        for (n, (container, was)) in before.template.iter().enumerate() {
            let Some((_, is)) = after.template.get(n).filter(|(_, is)| is != was) else { continue };
            let (_, tag, digest) = parts(was);
            let (_, now, now_digest) = parts(is);
            let key = (uid.clone(), container.clone());
            let ours = self.model.writes.iter_mut().filter(|it| it.uid == uid && it.container == *container);
            let mut is_ours = false;
            for write in ours {
                is_ours |= write.image == *was;
                write.is_disturbed = true;
            }
            let goes_on = version(now) > version(tag);
            let set_back = self.model.set_back.entry(key).or_default();
            if let Some(digest) = digest.filter(|_| is_ours && !goes_on) {
                set_back.insert((tag.to_owned(), digest.to_owned()));
            }
            set_back.retain(|(held, of)| held != now || now_digest.is_some_and(|digest| digest != of));
        }
    }

    /// Nothing strikes any more, and everything had its time.
    pub(super) fn at_rest(&mut self) -> Vec<Unasked> {
        self.expire();
        let mut wrong = Vec::new();
        let lost: Vec<String> = self.model.owed.values().cloned().collect();
        for what in lost {
            self.violate(Invariant::MessageArrives, self.model.is_disk_lost, format!("{what} never arrived"));
        }
        let objects: Vec<Arc<Object>> = self.objects.values().cloned().collect();
        for object in &objects {
            for (container, image) in &object.template {
                self.end_is_told(object, container, image);
                wrong.extend(self.rests_well(object, container, image));
            }
        }
        wrong
    }

    fn end_is_told(&mut self, object: &Object, container: &str, image: &str) {
        let write =
            self.model.writes.iter().rfind(|write| *write.uid == *object.id.uid && write.container == container);
        let Some(write) = write.filter(|write| write.image == image && !write.is_disturbed) else { return };
        let end = if object.is_up { "update.applied" } else { "update.failed" };
        let is_over = object.is_up || object.stall.is_some();
        // Where another container's rollout failed later, this one ended well before.
        let is_told = write.ends.contains(end) || !object.is_up && write.ends.contains("update.applied");
        if is_over && !object.paused && !is_told {
            let sentence =
                format!("{end} of {} on {}/{} was never told", write.tag, object.id.namespace, object.id.name);
            self.violate(Invariant::EndIsTold, self.is_damaged(&object.id.uid), sentence);
        }
    }

    /// Whether a container is where it should be. Where a question has to be open, its link is for the driver to try.
    fn rests_well(&mut self, object: &Object, container: &str, image: &str) -> Option<Unasked> {
        let wish = Wish::read(object, container);
        let (repository, running, digest) = parts(image);
        let tags = self.shelves.list(repository);
        if wish.mode == "DISABLED"
            || self.forced.is_some()
            || !tags.iter().any(|tag| tag == running)
            || object.record().is_none()
        {
            return None;
        }
        let digest_of = |tag: &str| self.shelves.repositories.get(repository)?.get(tag).map(|it| it.digest.to_string());
        let (best, best_digest) = if wish.follows_digest {
            let now = digest_of(running)?;
            // What an image without a digest runs, only image-watcher knows.
            let known = digest?;
            if now == known || wish.skip.iter().any(|skip| *skip == format!("{running}@{now}")) {
                return None;
            }
            (running.to_owned(), now)
        } else {
            let best = wish.best(running, tags.iter().map(String::as_str))?.to_owned();
            let digest = digest_of(&best)?;
            (best, digest)
        };
        let key = (object.id.uid.to_string(), container.to_owned());
        let is_held =
            self.model.set_back.get(&key).is_some_and(|all| all.contains(&(best.clone(), best_digest.clone())));
        if is_held || object.paused {
            return None;
        }
        let place = format!("{}/{} {container}", object.id.namespace, object.id.name);
        if wish.mode == "AUTO_UPDATE" {
            let sentence = format!("{place} runs {image}, and {best} is there");
            self.violate(Invariant::Converges, self.is_damaged(&object.id.uid), sentence);
            return None;
        }
        let is_about_it = |it: &&Question| {
            (&it.uid, &it.container) == (&key.0, &key.1)
                && it.tag == best
                && it.digest == best_digest
                && it.from == image
        };
        let now = self.now();
        let (mut ids, mut is_put_off) = (Vec::new(), false);
        for (id, question) in self.model.questions.iter().filter(|(_, it)| is_about_it(it)) {
            ids.push(id.clone());
            // It is asked anew when that is over.
            is_put_off |= question.snoozed.is_some_and(|until| now < until);
        }
        let sentence = format!("{place} runs {image}, {best} is there, and nobody can answer any of {ids:?}");
        (!is_put_off).then_some(Unasked { uid: key.0, ids, sentence })
    }
}

/// A name without its container.
fn first(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

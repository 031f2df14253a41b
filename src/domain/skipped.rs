//! The setting `image-watcher/skip` as people answer: which annotation an answer is added to, and what of one was answered here.
//!
//! Others set it too, in manifests: what they wrote stays theirs, so that no apply of theirs meets a field of ours.

use std::collections::BTreeMap;

use super::history::{Entry, History, Outcome};
use super::policy;
use super::record::Record;
use super::reference::Digest;
use super::settings::Fingerprint;
use super::workload::Workload;

const WORD: &str = "skip";
/// The most characters of an annotation's name, without its prefix.
const LONGEST: usize = 63;

/// The annotation, without its prefix, that an answer about a container is added to: its own where people were not asked about all
/// containers, as versions of the others may be called alike, and where `skip` has what nobody answered here; else `skip`.
#[must_use]
pub fn place(workload: &Workload, history: &History, container: &str, is_asked: impl Fn(&str) -> bool) -> String {
    let own = format!("{WORD}.{container}");
    let is_others =
        || workload.annotation(WORD).is_some_and(|said| !items(said).all(|item| is_answer(item, history, None)));
    let is_more = || workload.containers.iter().any(|other| !is_asked(&other.name));
    let is_own = workload.annotation(&own).is_some() || is_more() || is_others();
    if is_own && own.len() <= LONGEST { own } else { WORD.to_owned() }
}

/// What is taken out of an annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleared {
    /// The annotation, without its prefix.
    pub setting: String,
    /// What may be proposed again.
    pub goes: Vec<String>,
    /// What is left of it, if anything is.
    pub rest: Option<String>,
}

impl Cleared {
    fn of(setting: &str, said: &str, goes: impl Fn(&str) -> bool) -> Self {
        let (goes, rest): (Vec<&str>, Vec<&str>) = items(said).partition(|item| goes(item));
        let rest = (!rest.is_empty()).then(|| rest.join(","));
        Self { setting: setting.to_owned(), goes: goes.into_iter().map(str::to_owned).collect(), rest }
    }
}

/// What was answered here is taken out of each annotation that holds for a container, or for any. Where nothing of them was answered
/// here all of it goes, as whoever asks for that wrote it.
#[must_use]
pub fn cleared(workload: &Workload, history: &History, container: Option<&str>) -> Vec<Cleared> {
    let names = workload.containers.iter().map(|it| &*it.name).filter(|name| container.is_none_or(|it| it == *name));
    let own = names.map(|name| (format!("{WORD}.{name}"), Some(name)));
    let set = std::iter::once((WORD.to_owned(), container)).chain(own);
    let set: Vec<_> = set.filter_map(|(name, of)| Some((workload.annotation(&name)?, name, of))).collect();
    let answered = set.iter().map(|(said, name, of)| Cleared::of(name, said, |item| is_answer(item, history, *of)));
    let answered: Vec<Cleared> = answered.filter(|it| !it.goes.is_empty()).collect();
    if answered.is_empty() {
        return set.iter().map(|(said, name, _)| Cleared::of(name, said, |_| true)).collect();
    }
    answered
}

/// What people answered with Skip, where whoever replaced a workload whole took it away: each annotation, and what it said when
/// the record was written. The history tells what was answered, and the record's fingerprint of the settings that this is what
/// stood there: so nothing comes back that somebody cleared or edited since, and where other settings are others by now, too,
/// people are asked anew.
#[must_use]
pub fn put_back(workload: &Workload, record: &Record) -> BTreeMap<String, String> {
    let Some(then) = record.settings else { return BTreeMap::new() };
    if then == Fingerprint::of_its_own(workload) {
        return BTreeMap::new();
    }
    let answers: Vec<&Entry> =
        record.history.entries().iter().filter(|entry| entry.outcome == Outcome::Skipped).collect();
    let stood = |(count, is_own): (usize, bool)| {
        let newest = answers.get(..count)?;
        let mut stood = BTreeMap::new();
        for Entry { container, version, previous, digest, .. } in newest.iter().rev().copied() {
            let name = if is_own { format!("{WORD}.{container}") } else { WORD.to_owned() };
            let digest = Digest::parse(digest).ok().filter(|_| version == previous);
            let before = stood.get(&name).map(String::as_str).or_else(|| workload.annotation(&name));
            let said = policy::skip(before, version, digest.as_ref());
            stood.insert(name, said);
        }
        let as_it_was = stood.iter().fold(workload.clone(), |of, (name, said)| of.annotated(name, said));
        (Fingerprint::of_its_own(&as_it_was) == then).then_some(stood)
    };
    let mut all = (1..=answers.len()).flat_map(|count| [(count, true), (count, false)]);
    all.find_map(stood).unwrap_or_default()
}

fn items(said: &str) -> impl Iterator<Item = &str> {
    said.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// Whether somebody answered that here, about this container or any.
fn is_answer(item: &str, history: &History, container: Option<&str>) -> bool {
    let names = |entry: &Entry| {
        item.strip_prefix(&entry.version)
            .is_some_and(|rest| rest.is_empty() || rest.strip_prefix('@') == Some(&entry.digest))
    };
    let is_it = |entry: &&Entry| entry.outcome == Outcome::Skipped && container.is_none_or(|it| it == entry.container);
    history.entries().iter().filter(is_it).any(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::tests::update;
    use crate::domain::workload::tests::workload;

    /// That 1.0.1 was answered with Skip on this container.
    fn answered(container: &str) -> History {
        let mut history = History::default();
        history.push(Entry { outcome: Outcome::Skipped, ..update(1, None).entry(container) });
        history
    }

    #[test]
    fn an_answer_holds_for_what_was_asked_about() {
        let (one, two) = ([("web", "web:1.0.0")], [("web", "web:1.0.0"), ("log", "log:1.0.0")]);
        let (none, history) = (History::default(), answered("web"));
        let of = |containers: &[(&str, &str)], set: &[(&str, &str)], history| {
            place(&workload(containers, set), history, "web", |name| name == "web")
        };
        assert_eq!(of(&one, &[], &none), "skip");
        assert_eq!(of(&two, &[], &none), "skip.web", "log 1.0.1 is another version");
        assert_eq!(place(&workload(&two, &[]), &none, "web", |_| true), "skip", "both were asked about");
        assert_eq!(of(&one, &[("skip", "0.9.0")], &history), "skip.web", "a manifest has it");
        assert_eq!(of(&one, &[("skip", "1.0.1")], &history), "skip", "it was answered before");
        assert_eq!(of(&one, &[("skip.web", "0.9.0")], &none), "skip.web");
        let long = "w".repeat(60);
        let workload = workload(&[(&long, "web:1.0.0"), ("log", "log:1.0.0")], &[]);
        assert_eq!(place(&workload, &none, &long, |name| name == long), "skip", "no annotation has such a name");
    }

    /// Fault x23-20: `kubectl replace` takes the annotation and the record at once.
    #[test]
    fn what_was_answered_is_put_back_as_it_stood_and_nothing_else() {
        let two = [("web", "web:1.0.0"), ("log", "log:1.0.0")];
        let of = |manifest: &[(&str, &str)], stood: &[(&str, &str)]| {
            let all: Vec<(&str, &str)> = manifest.iter().chain(stood).copied().collect();
            let mut record = Record::of_history(answered("web"));
            record.settings = Some(Fingerprint::of_its_own(&workload(&two, &all)));
            let back = put_back(&workload(&two, manifest), &record);
            back.into_iter().map(|(name, said)| format!("{name}={said}")).collect::<Vec<_>>()
        };
        let mode = ("mode", "NOTIFICATION");
        assert_eq!(of(&[mode], &[("skip.web", "1.0.1")]), ["skip.web=1.0.1"]);
        assert_eq!(of(&[mode], &[("skip", "1.0.1")]), ["skip=1.0.1"]);
        assert_eq!(of(&[mode, ("skip", "0.9.0")], &[("skip.web", "1.0.1")]), ["skip.web=1.0.1"], "a manifest has it");
        assert_eq!(of(&[mode], &[]), [""; 0], "it was cleared");
        assert_eq!(of(&[mode], &[("strategy", "MINOR"), ("skip.web", "1.0.1")]), [""; 0], "other settings, too");
        assert_eq!(of(&[mode], &[("skip.web", "1.0.2")]), [""; 0], "nobody answered that");
    }

    #[test]
    fn what_was_answered_is_taken_back_and_no_more() {
        let two = [("web", "web:1.0.0"), ("log", "log:1.0.0")];
        let (none, history) = (History::default(), answered("web"));
        let of = |set: &[(&str, &str)], history, container| {
            let left = cleared(&workload(&two, set), history, container);
            left.into_iter().map(|it| format!("{}={}", it.setting, it.rest.unwrap_or_default())).collect::<Vec<_>>()
        };
        assert_eq!(of(&[("skip", "0.9.0,1.0.1")], &history, None), ["skip=0.9.0"]);
        assert_eq!(of(&[("skip.web", "1.0.1"), ("skip", "0.9.0")], &history, None), ["skip.web="]);
        assert_eq!(of(&[("skip.web", "1.0.1"), ("skip.log", "1.0.1")], &history, Some("web")), ["skip.web="]);
        assert_eq!(of(&[("skip", "0.9.0")], &none, Some("web")), ["skip="], "it was set otherwise");
        assert_eq!(of(&[("skip.log", "1")], &history, Some("web")), [""; 0], "there is nothing");
    }
}

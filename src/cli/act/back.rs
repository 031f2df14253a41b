//! `rollback`: what ran before is written again, as it was while its tag points to that, else by its digest.

use anyhow::{Context as _, bail};

use super::{Ground, Plan, named};
use crate::cluster::Cluster as _;
use crate::domain::change_cause;
use crate::domain::declared::Kinds;
use crate::domain::history::{Entry, History};
use crate::domain::reference::{Digest, ImageReference, Tag};
use crate::domain::request::Wish;
use crate::domain::wording::failed_here;
use crate::domain::workload::WorkloadPatch;
use crate::registry::Registry as _;

/// Which version to go back to.
#[derive(Clone, Debug)]
pub(crate) enum To {
    /// By its tag.
    Version(Tag),
    /// By its number in the history.
    Entry(usize),
}

/// What ran before, and how it was written where that is known.
struct Before {
    tag: Tag,
    digest: Digest,
    written: Option<String>,
    /// What ran in between, and is passed over as it never ran well.
    past: Option<Tag>,
}

/// What is written.
pub(super) async fn plan(ground: &Ground<'_>, container: Option<&str>, to: Option<&To>) -> anyhow::Result<Plan> {
    let workload = &ground.workload;
    let container = updated(ground, container)?;
    let before = match to {
        None => last(ground, &container)?,
        Some(to) => chosen(ground, &container, to)?,
    };
    let (_, found) = workload.container(&container).with_context(|| format!("there is no container {container}"))?;
    let runs = ImageReference::parse(&found.image)?;
    if runs.tag() == Some(&before.tag) && runs.digest().is_none_or(|digest| *digest == before.digest) {
        bail!("{} runs {} already", named(workload, &container), found.image);
    }
    let (text, mut warns) = as_written(ground, &runs, &before).await?;
    warns.extend(ground.owner());
    warns.extend(declared(ground, &container, &before.tag));
    warns.extend(failed(&ground.record.history, &container, (&before.tag, &before.digest)));
    let wish = Wish::Rollback { version: before.tag.clone(), digest: before.digest.clone() };
    let mut patch = ground.request(&container, wish);
    let mut says = Vec::new();
    for other in workload.together(&container) {
        says.push(format!("{}: {} → {text} ({})", named(workload, &other.name), other.image, before.digest));
        patch = patch.guarded_by(workload, &other.name).image(text.clone());
    }
    says.extend(before.past.as_ref().map(|past| format!("{past} is passed over: it never ran well; --to chooses it")));
    let running = runs.running_tag().map(|tag| tag.to_string()).unwrap_or_default();
    patch = because(ground, patch, &container, to.is_some(), (&running, before.tag.as_str()));
    says.push(format!(
        "{running} is held then: it is not applied again before there is something newer, or a person says so"
    ));
    let rolls = Some((container, ImageReference::parse(&text)?));
    Ok(Plan { patch, says, warns, rolls })
}

/// What the makers of the version that is left declare of what it stores, which the one before may not read.
fn declared(ground: &Ground<'_>, container: &str, to: &Tag) -> Option<String> {
    let update = ground.record.known(container).update.as_ref();
    let update = update.filter(|update| update.undoes.is_none() && update.runs_on(&ground.workload, container))?;
    of_data(&update.tag, to, update.declares)
}

/// That the version failed here before, and when, as long as it was not healthy since.
fn failed(history: &History, container: &str, (tag, digest): (&Tag, &Digest)) -> Option<String> {
    history.failed_last(container, tag, Some(digest)).map(|last| failed_here(tag.as_str(), &last.time))
}

/// The same, of what is declared.
fn of_data(from: &Tag, to: &Tag, declares: Kinds) -> Option<String> {
    if declares.migration {
        return Some(format!("the makers of {from} declare that it changes stored data, which {to} may not read"));
    }
    let said = || format!("whether {from} changes stored data, which {to} may not read, could not be read");
    declares.unread.then(said)
}

/// The same, saying why: what was said before the update that is undone, or that somebody went back.
fn because(
    ground: &Ground<'_>,
    patch: WorkloadPatch,
    container: &str,
    is_chosen: bool,
    step: (&str, &str),
) -> WorkloadPatch {
    let workload = &ground.workload;
    if !ground.says_why(container) {
        return patch;
    }
    if !(is_chosen || change_cause::is_ours(workload)) {
        return patch;
    }
    let before = ground.record.known(container).cause_before.as_deref().filter(|_| !is_chosen);
    let back = || change_cause::of_return(container, step, &ground.actor());
    patch.because(workload, Some(before.map_or_else(back, str::to_owned)))
}

/// The container: the named one, or the only one that was ever updated.
fn updated(ground: &Ground<'_>, container: Option<&str>) -> anyhow::Result<String> {
    if let Some(container) = container {
        return Ok(container.to_owned());
    }
    let is_own = |name: &str| ground.record.known(name).update.as_ref().is_some_and(|it| it.told_by.is_none());
    let mut own: Vec<&str> = ground.record.ledgers().map(|(name, _)| name).filter(|name| is_own(name)).collect();
    match (own.pop(), own.as_slice()) {
        (Some(one), []) => Ok(one.to_owned()),
        (Some(one), others) => {
            bail!("several containers were updated: say which with -c, one of {}, {one}", others.join(", "))
        }
        (None, _) => bail!("image-watcher knows of no update of {}; say where to with --to", ground.workload.id),
    }
}

/// What ran before the newest update, while that is what runs.
fn last(ground: &Ground<'_>, container: &str) -> anyhow::Result<Before> {
    let update = ground.record.known(container).update.as_ref();
    let update = update.filter(|update| update.runs_on(&ground.workload, container)).with_context(|| {
        let held = ground.is_held(Some(container)).unwrap_or_default();
        format!(
            "{} runs no update of image-watcher's; say where to with --to{held}",
            named(&ground.workload, container)
        )
    })?;
    if update.undoes.is_some() {
        bail!(
            "what {} runs is a way back already; image-watcher resume lets the newer version be applied again",
            named(&ground.workload, container)
        );
    }
    let found = ground.workload.container(container).and_then(|(_, found)| found.reference());
    let unknown = || {
        let name = named(&ground.workload, container);
        format!("what {name} ran before is not known by its digest; say where to with --to")
    };
    let (image, tag, digest) = update.goes_back_to().with_context(unknown)?;
    let of_before = ImageReference::parse(image).ok();
    if found.as_ref().map(ImageReference::repository) != of_before.as_ref().map(ImageReference::repository) {
        bail!("what image-watcher/record says ran before is of another repository; say where to with --to");
    }
    let is_unpinned = of_before.is_some_and(|before| before.digest().is_none());
    let written = (is_unpinned && tag != update.tag).then(|| image.to_owned());
    let past = update.from_tag().filter(|from| update.ran_well.is_some() && *from != tag);
    Ok(Before { tag, digest, written, past })
}

/// An entry of the history.
fn chosen(ground: &Ground<'_>, container: &str, to: &To) -> anyhow::Result<Before> {
    let entries = ground.record.history.entries();
    let fits = |entry: &&Entry| *entry.container == *container && !entry.outcome.is_a_word();
    let entry = match to {
        To::Entry(number) => {
            let entry = number.checked_sub(1).and_then(|place| entries.get(place)).filter(fits);
            entry.with_context(|| {
                format!("entry {number} of the history is none of an update of container {container}; image-watcher history shows them")
            })?
        }
        To::Version(tag) => {
            let Some(found) = entries.iter().filter(fits).find(|entry| entry.version == tag.as_str()) else {
                // The history of a workload of many containers may have no room for it, and the newest update knows it all the same.
                let before = last(ground, container).ok().filter(|before| before.tag == *tag);
                return before.with_context(|| {
                    format!(
                        "the history of container {container} has no {tag}; image-watcher history shows what it has"
                    )
                });
            };
            found
        }
    };
    let before =
        Before { tag: Tag::parse(&entry.version)?, digest: Digest::parse(&entry.digest)?, written: None, past: None };
    let held = ground.record.known(container).held.as_ref();
    if held.is_some_and(|held| held.tag == before.tag && held.digest.as_ref().is_none_or(|of| *of == before.digest)) {
        let failed = held.and_then(|held| held.failure.as_ref()).map(|_| ", as it failed on this workload before");
        let failed = failed.unwrap_or_default();
        bail!("{} is held{failed}; image-watcher resume lets it be applied again", before.tag);
    }
    Ok(before)
}

/// The text of the image, and what could not be known: as it was written where its tag still points to what ran.
async fn as_written(
    ground: &Ground<'_>,
    runs: &ImageReference,
    before: &Before,
) -> anyhow::Result<(String, Vec<String>)> {
    let pinned = runs.at(&before.tag, &before.digest);
    let credential = ground.kube.credential(&ground.workload, runs.repository()).await?;
    let registry = ground.registry()?;
    match registry.has(runs.repository(), &before.digest, &credential).await {
        Ok(true) => {}
        Ok(false) => bail!("the registry has {}@{} no more, so no node could pull it", before.tag, before.digest),
        // Nodes often have what they ran.
        Err(error) => {
            let warning =
                format!("whether the registry has {} still is not known: {}", before.tag, error.told_to(&credential));
            return Ok((pinned, vec![warning]));
        }
    }
    let points_there = match &before.written {
        Some(_) => registry.digest(runs.repository(), &before.tag, &credential).await.ok().flatten(),
        None => None,
    };
    let text = before.written.clone().filter(|_| points_there.as_ref() == Some(&before.digest));
    Ok((text.unwrap_or(pinned), Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::history::Outcome;

    #[test]
    fn who_goes_back_hears_that_what_is_stored_may_not_be_read() {
        let tag = |text| Tag::parse(text).unwrap();
        let said = |declares| of_data(&tag("2.0.0"), &tag("1.9.0"), declares);
        let migration = said(Kinds { migration: true, breaking: true, ..Kinds::default() });
        assert_eq!(
            migration.as_deref(),
            Some("the makers of 2.0.0 declare that it changes stored data, which 1.9.0 may not read")
        );
        let unread = said(Kinds { unread: true, ..Kinds::default() });
        assert!(unread.is_some_and(|said| said.ends_with("could not be read")));
        assert_eq!(said(Kinds { breaking: true, manual: true, ..Kinds::default() }), None);
    }

    #[test]
    fn who_goes_back_hears_that_a_version_failed_here_as_long_as_it_was_not_well_since() {
        let (tag, digest) = (Tag::parse("1.2.0").unwrap(), Digest::of(b"1.2.0"));
        let entry = |version: &str, container: &str, outcome, time: &str| Entry {
            container: container.into(),
            version: version.into(),
            previous: "1.1.0".into(),
            digest: digest.to_string(),
            previous_image: "shop/web:1.1.0".into(),
            time: time.into(),
            by: "policy".into(),
            outcome,
            level: String::new(),
            approval: None,
            ended: None,
            failure: None,
            undoes: None,
        };
        let said = |entries: &[Entry]| {
            let mut history = History::default();
            entries.iter().rev().for_each(|entry| history.push(entry.clone()));
            failed(&history, "web", (&tag, &digest))
        };
        let bad = || entry("1.2.0", "web", Outcome::Failed, "2026-11-02T10:00:00Z");
        let good = |time: &str| entry("1.2.0", "web", Outcome::Healthy, time);
        let told = said(&[entry("1.3.0", "web", Outcome::Healthy, "2026-11-04T10:00:00Z"), bad()]).unwrap();
        assert!(
            told.starts_with("1.2.0 failed on this workload before") && told.contains("2026-11-02T10:00:00Z"),
            "{told}"
        );
        assert!(said(&[bad(), good("2026-11-01T10:00:00Z")]).is_some(), "it ran well only before");
        assert_eq!(said(&[good("2026-11-03T10:00:00Z"), bad()]), None, "it ran well since");
        let others = [entry("1.2.1", "web", Outcome::Failed, "t"), entry("1.2.0", "job", Outcome::Failed, "t")];
        assert_eq!(said(&others), None);
        let other_manifest = Entry { digest: Digest::of(b"other").to_string(), ..bad() };
        assert_eq!(said(&[other_manifest]), None);
    }
}

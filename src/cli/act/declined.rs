//! `skip`, `snooze` and `resume`: what a person says of a version without changing what runs.

use anyhow::{Context as _, bail};

use super::{Ground, Plan, Until, named};
use crate::domain::policy;
use crate::domain::record::Held;
use crate::domain::request::Wish;
use crate::domain::settings::parts_of_one;
use crate::domain::skipped::{self, Cleared};
use crate::domain::tag::Level;
use crate::domain::wording::moment;
use crate::domain::workload::{WorkloadPatch, said};

/// Writes `image-watcher/skip`, which counts whether the service runs or not, and whose word it is; or takes the setting away.
pub(super) fn skip(ground: &Ground<'_>, container: Option<&str>, clear: bool) -> anyhow::Result<Plan> {
    if clear {
        return unskip(ground, container);
    }
    let workload = &ground.workload;
    let (container, asked) = ground.question(container)?;
    let followed = (asked.level == Level::Digest).then_some(&asked.terms.digest);
    let mut patch = ground.request(&container, Wish::Skip { question: asked.terms.id.clone() });
    let mut says = Vec::new();
    let is_asked = |name: &str| name == container || asked.with.iter().any(|with| **with == *name);
    for name in [&*container].into_iter().chain(asked.with.iter().map(|name| &**name)) {
        let setting = skipped::place(workload, &ground.record.history, name, is_asked);
        // What is inherited would not count any more beside what is written here.
        let before = said(workload, "skip", name).map(|said| said.value);
        let value = policy::skip(before, asked.terms.tag.as_str(), followed);
        says.push(format!("{}: {} is never proposed", named(workload, name), asked.terms.tag));
        if !patch.annotations.iter().any(|change| change.name == setting) {
            patch = patch.set(workload, &setting, Some(value));
        }
    }
    says.push("image-watcher skip --clear undoes it".into());
    Ok(Plan { patch, says, warns: Vec::new(), rolls: None })
}

fn unskip(ground: &Ground<'_>, container: Option<&str>) -> anyhow::Result<Plan> {
    let workload = &ground.workload;
    let (mut patch, mut says) = (WorkloadPatch::of(workload), Vec::new());
    for Cleared { setting, goes, rest } in skipped::cleared(workload, &ground.record.history, container) {
        says.push(format!("{}: {} may be proposed again (image-watcher/{setting})", workload.id, goes.join(", ")));
        patch = patch.set(workload, &setting, rest);
    }
    if says.is_empty() {
        bail!("image-watcher/skip of {} is not set, so nothing is skipped by it", workload.id)
    }
    Ok(Plan { patch, says, warns: Vec::new(), rolls: None })
}

/// Asks the service to tell nobody of the question before a time.
pub(super) fn snooze(ground: &Ground<'_>, container: Option<&str>, until: Until) -> anyhow::Result<Plan> {
    let (container, asked) = match until {
        Until::For(_) => ground.question(container)?,
        Until::Cleared => ground.question_put_off(container)?,
    };
    let (now, of) = (ground.now(), named(&ground.workload, &container));
    let (until, said) = match until {
        Until::For(length) => {
            let until = now + length;
            (until, format!("{of}: nobody is told of {} again before {}", asked.terms.tag, moment(until)))
        }
        Until::Cleared => (now, format!("{of}: {} is put off no more", asked.terms.tag)),
    };
    let patch = ground.request(&container, Wish::Snooze { question: asked.terms.id, until });
    Ok(Plan { patch, says: vec![said], warns: Vec::new(), rolls: None })
}

/// Asks the service to hold a version no more.
pub(super) fn resume(ground: &Ground<'_>, container: Option<&str>) -> anyhow::Result<Plan> {
    let is_named = |name: &str| container.is_none_or(|container| container == name);
    let held = ground.record.ledgers().filter(|(name, _)| is_named(name));
    let held: Vec<_> = held.filter_map(|(name, ledger)| Some((name, ledger.held.as_ref()?))).collect();
    let (name, one) = *held.first().with_context(|| format!("nothing of {} is held", ground.workload.id))?;
    // What goes together is let go together.
    let parts = parts_of_one(&ground.workload, name, crate::cli::bounds(ground.config).forced.mode);
    let is_part = |other: &str| parts.iter().any(|part| *part.name == *other);
    let is_another = |(other, it): &(&str, &Held)| it.tag != one.tag || !is_part(other);
    if held.iter().any(is_another) {
        bail!("versions of several containers are held: say which container with -c");
    }
    let says = vec![
        format!("{}: {} is held no more", named(&ground.workload, name), one.tag),
        "people are asked about it next, also in AUTO_UPDATE; image-watcher approve applies it".into(),
    ];
    let patch = ground.request(name, Wish::Resume { version: one.tag.clone() });
    Ok(Plan { patch, says, warns: Vec::new(), rolls: None })
}

//! `approve`: the image that people are asked about is written, if it would be asked about still.

use anyhow::{Context as _, bail};
use futures_util::future::BoxFuture;

use super::{Ground, Plan, named};
use crate::approvals::refused;
use crate::assess::{Place, Source, Unanswerable, question};
use crate::cluster::Cluster as _;
use crate::domain::change_cause;
use crate::domain::policy::{Mode, Policy};
use crate::domain::record::Question;
use crate::domain::reference::{ImageReference, Tag};
use crate::domain::request::Wish;
use crate::domain::settings::Settings;
use crate::domain::wording::moment;
use crate::registry::Tags;

/// What is written.
pub(super) async fn plan(ground: &Ground<'_>, container: Option<&str>, outside: bool) -> anyhow::Result<Plan> {
    let (container, asked) = ground.question(container)?;
    if let Some(plan) = &asked.group {
        bail!("people are asked about all of group {} at once: answer by the link of the message", plan.name);
    }
    let terms = &asked.terms;
    let workload = &ground.workload;
    let all: Vec<&str> = [&*container].into_iter().chain(asked.with.iter().map(|name| &**name)).collect();
    let partial = one_of_several(ground, &all, &asked)?;
    if partial.is_none() {
        window(ground, &all, outside)?;
    }
    for name in &all {
        again(ground, name, &asked).await.with_context(|| format!("{} is not approved", terms.tag))?;
    }
    let wish = Wish::Approve { question: terms.id.clone(), outside_window: outside };
    let mut patch = ground.request(&container, wish);
    if let Some(says) = partial {
        let says = vec![format!("{}: {says}", named(workload, &container))];
        return Ok(Plan { patch: patch.guarded_by(workload, &container), says, warns: Vec::new(), rolls: None });
    }
    let mut says = Vec::new();
    let mut rolls = None;
    for name in &all {
        let (_, found) = workload.container(name).with_context(|| format!("there is no container {name} any more"))?;
        let from = ImageReference::parse(&found.image)?;
        if **name == *container && *found.image != *terms.from {
            bail!(
                "{} runs {} and not {}, which people were asked about",
                named(workload, name),
                found.image,
                terms.from
            );
        }
        let to = from.at(&terms.tag, &terms.digest);
        says.push(format!("{}: {} → {to}", named(workload, name), found.image));
        if **name == *container {
            rolls = Some((container.clone(), ImageReference::parse(&to)?));
        }
        patch = patch.guarded_by(workload, name).image(to);
    }
    if ground.says_why(&container) {
        let from = terms.from_tag().map(|tag| tag.to_string()).unwrap_or_default();
        let said = change_cause::of_update(None, &container, (&from, terms.tag.as_str()), &ground.actor());
        patch = patch.because(workload, Some(said));
    }
    let mut warns: Vec<String> = ground.owner().into_iter().collect();
    // The same manifest failed elsewhere, or automatic updates are stopped.
    warns.extend(asked.because.as_ref().map(ToString::to_string));
    if asked.declares.any() {
        warns
            .push("its makers declare breaking changes, steps by hand or migrations: see image-watcher explain".into());
    }
    Ok(Plan { patch, says, warns, rolls })
}

/// What this approval comes to where others have to approve, too: it is noted, and no image is written.
///
/// Who annotates is not known to the service, so a command is nobody's second: beside one who approved it adds nothing.
fn one_of_several(ground: &Ground<'_>, all: &[&str], asked: &Question) -> anyhow::Result<Option<String>> {
    let bounds = crate::cli::bounds(ground.config);
    let of = |name: &&str| Settings::read(&ground.workload, name, &bounds).map(|settings| settings.approvals).ok();
    let needed = all.iter().filter_map(of).max().unwrap_or_default().number();
    let given = asked.votes.count();
    if needed <= 1 || given >= needed {
        return Ok(None);
    }
    let tag = &asked.terms.tag;
    if let Some(vote) = asked.votes.iter().next() {
        bail!(
            "{given} of {needed} people have approved {tag}, and one of them may be you, as nobody answers for who runs a command: {}, {}. Approve by a link, in a chat, or signed in at the page or the API",
            vote.by.words(),
            moment(vote.at)
        );
    }
    Ok(Some(format!(
        "{tag} is approved by 1 of {needed} people then, until one approves by a link, in a chat or signed in, who counts in its place; nothing is written before all have"
    )))
}

/// Whether it may be applied now.
fn window(ground: &Ground<'_>, all: &[&str], outside: bool) -> anyhow::Result<()> {
    let bounds = crate::cli::bounds(ground.config);
    let closed = |name: &&str| Settings::read(&ground.workload, name, &bounds).ok()?.closed_until(ground.now());
    match all.iter().filter_map(closed).max() {
        Some(until) if !outside => bail!(
            "image-watcher/window is closed: it can be applied from {}, or now with --outside-window",
            moment(until)
        ),
        _ => Ok(()),
    }
}

/// Whether it would be asked today, as the registry and the settings are now.
async fn again(ground: &Ground<'_>, container: &str, asked: &Question) -> anyhow::Result<()> {
    let (workload, terms, now) = (&ground.workload, &asked.terms, ground.now());
    let (_, found) = workload.container(container).with_context(|| format!("there is no container {container}"))?;
    let image = ImageReference::parse(&found.image)?;
    let ledger = ground.record.known(container);
    let question = question::Asked {
        workload,
        container,
        image: &image,
        to: &terms.tag,
        digest: &terms.digest,
        was: terms.from_digest.as_ref(),
        ledger,
    };
    let told = |refusal| anyhow::anyhow!("{}", refused(&terms.tag, &workload.id, &refusal));
    let settings = question.at_sight(&crate::cli::bounds(ground.config), now).map_err(told)?;
    let credential = ground.kube.credential(workload, image.repository()).await?;
    let registry = ground.registry()?;
    let platforms = || -> BoxFuture<'_, _> { Box::pin(ground.kube.platforms()) };
    let place = Place::of((workload, container), &image, ledger, Mode::AutoUpdate, &platforms);
    let source = Source { place, ..Source::new(&registry, image.repository(), &credential) };
    let doubt =
        |running: &Tag, policy: &Policy, tags: &Tags| ledger.doubts(tags.relatives(running.as_str(), policy)?, now);
    match question.again(&source, &settings, now, doubt).await {
        Ok(()) => Ok(()),
        Err(Unanswerable::Refused(refusal)) => Err(told(refusal)),
        Err(Unanswerable::Moved) => {
            bail!("the tag points to something else than {}, which people were asked about", terms.digest)
        }
        Err(Unanswerable::Registry(error)) => bail!("{}", error.told_to(&credential)),
    }
}

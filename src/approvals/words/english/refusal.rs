//! Why a question would not be asked today, in English.

use crate::approvals::words::Reader;
use crate::domain::policy::Track;
use crate::domain::preflight::Flaw;
use crate::domain::reference::Tag;
use crate::domain::refusal::Refusal;
use crate::domain::workload::WorkloadId;

/// Why a question would not be asked today, and what would have to be otherwise.
pub(in crate::approvals::words) fn refused(
    version: &Tag,
    workload: &WorkloadId,
    refusal: &Refusal,
    to: Reader,
) -> String {
    match refusal {
        Refusal::Settings(problems) => format!("The settings of {workload} are not understood: {problems}."),
        Refusal::Disabled { forced: true } => {
            "The operator leaves all workloads alone: IMAGE_WATCHER_MODE is DISABLED.".into()
        }
        Refusal::Disabled { forced: false } => {
            format!("{workload} is to be left alone: its image-watcher/mode is DISABLED.")
        }
        Refusal::OtherTrack(Track::Digest) => {
            format!("{workload} stays at its tag now and follows what that points to: image-watcher/track is digest.")
        }
        Refusal::OtherTrack(Track::Version) => format!(
            "{workload} follows versions now, and not what its tag points to: image-watcher/track is not digest."
        ),
        Refusal::AboveStrategy { level, strategy, forced } => {
            let by = if *forced { "IMAGE_WATCHER_STRATEGY" } else { "image-watcher/strategy" };
            format!(
                "{version} goes further than is allowed now: it is a {} update, and {by} is {strategy}.",
                level.as_str()
            )
        }
        Refusal::BehindStep(first) => {
            format!("image-watcher/steps of {workload} jumps over none: {first} goes before {version}.")
        }
        Refusal::WithoutLevel => {
            format!("The operator forces IMAGE_WATCHER_STRATEGY, and how far {version} goes can't be told.")
        }
        Refusal::NotIncluded => format!("image-watcher/include of {workload} does not take {version} any more."),
        Refusal::Excluded => format!("image-watcher/exclude of {workload} keeps {version} out."),
        Refusal::Prerelease => {
            format!("{version} is a prerelease, and image-watcher/prerelease of {workload} is not true.")
        }
        Refusal::Skipped => format!("image-watcher/skip of {workload} names {version}."),
        Refusal::Cooldown(until) => {
            format!("{version} waits for image-watcher/cooldown of {workload} until {}.", to.moment(*until))
        }
        Refusal::OutsideWindow(until) => format!(
            "image-watcher/window of {workload} is closed: {version} can be applied from {}, or now by whoever ticks that it is to be applied outside the window.",
            to.moment(*until)
        ),
        Refusal::OutsidePattern => {
            format!("image-watcher/tag-policy of {workload} does not take both {version} and what runs.")
        }
        Refusal::NotNewer => format!("{version} is not newer than what {workload} runs."),
        Refusal::OtherKind => format!(
            "{version} is no longer taken for the same kind of thing as what {workload} runs; image-watcher explain says why."
        ),
        Refusal::NeverRan => format!(
            "The history of {workload} has no {version} of this digest any more, or it is held, or runs already: open the link again and choose another."
        ),
        Refusal::Withdrawn => {
            format!("The registry has {version} no more: it was withdrawn, or its tag was removed.")
        }
        Refusal::Unreleased(standing) => format!("{version} is not what it was when you were asked: {standing}."),
        Refusal::Unfit(Flaw::Admission(said)) => {
            format!("The API server refuses to write {version} on {workload}: {said}")
        }
        Refusal::Unfit(flaw) => format!("{version} would not start: {flaw}."),
        Refusal::Member(of) => {
            let (member, version, why) = &**of;
            format!("{} All of the group go together, or none.", refused(version, member, why, to))
        }
        Refusal::MemberGone(member) => {
            format!(
                "{member} is of the group no more: it was deleted, made anew, or left it. You are asked again about the others."
            )
        }
        Refusal::MemberChanged(member) => {
            format!("{member} of the group no longer runs what it ran when you were asked.")
        }
        Refusal::MemberMoved(member) => {
            format!("The tag that {member} of the group would go to points to something else than when you were asked.")
        }
        Refusal::MemberJoined(member) => {
            format!("{member} is of the group now, and you were not asked about it. You are asked again about all.")
        }
        Refusal::MemberPaused(member) => {
            format!("The rollouts of {member} are paused, and all of the group go together, or none.")
        }
        Refusal::MemberUnderWay(member) => format!("An update of {member} of the group is under way."),
        Refusal::MemberHolds(member) => format!("{member} of the group holds its version: it was set back, or failed."),
        Refusal::MemberNotWritable(member) => format!("{member} of the group may not be patched."),
        Refusal::Untimed => {
            format!(
                "The registry does not say of all tags when they were pushed, and image-watcher/tag-order of {workload} is newest."
            )
        }
        Refusal::DryRun => {
            "image-watcher runs as a dry run (IMAGE_WATCHER_DRY_RUN): it writes nothing to the cluster, so nothing can be answered. The link stays valid for when it does.".into()
        }
        Refusal::NoPerson => {
            format!("More than one person has to approve {version} on {workload}, and a program is none: its approval does not count.")
        }
        Refusal::List(doubt) => format!("The registry's answer is not believed: {doubt}."),
    }
}

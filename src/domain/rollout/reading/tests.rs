//! The situations that a follower meets, one row each: what is right to say of it, and why.

use std::sync::Arc;

use chrono::TimeDelta;

use super::*;
use crate::domain::rollout::pods::{ContainerStatus, Exit, Said, Standing, Troubled};
use crate::domain::rollout::{Refusal, Stall};

const NEW: &str = "shop/web:1.3.0@sha256:b";
const OLD: &str = "shop/web:1.2.3@sha256:a";
const NOT_FOUND: &str = "failed to resolve reference \"shop/web:1.3.0\": shop/web:1.3.0: not found";
const LIMITED: &str = "unexpected status from HEAD request to https://r: 429 Too Many Requests";

fn now() -> DateTime<Utc> {
    "2026-11-26T10:00:00Z".parse().unwrap()
}

fn ago(seconds: i64) -> DateTime<Utc> {
    now() - TimeDelta::seconds(seconds)
}

fn pod(name: &str, image: &str, stands: Standing) -> Pod {
    let images = Arc::from([("web".into(), image.into()), ("migrate".into(), image.into())]);
    Pod { name: name.into(), images, stands }
}

fn ready(name: &str, image: &str, seconds: i64) -> Pod {
    pod(name, image, Standing::Ready(Some(ago(seconds))))
}

fn troubled(name: &str, image: &str, troubled: Troubled) -> Pod {
    let unready = Some(Said::new("ContainersNotReady", "containers with unready status: [web]"));
    pod(name, image, Standing::Troubled(Box::new(Troubled { unready, ..troubled })))
}

/// One whose container `of` waits for this.
fn waits_in(of: &str, name: &str, image: &str, (word, message): (&str, &str), restarts: i32) -> Pod {
    let exit = (restarts > 0).then(|| Exit { code: 2, word: "Error".into(), message: "bad".into(), at: Some(ago(5)) });
    let container = ContainerStatus { name: of.into(), restarts, waits: Some(Said::new(word, message)), exit };
    troubled(name, image, Troubled { containers: [container].into(), ..Troubled::default() })
}

fn waits(name: &str, image: &str, said: (&str, &str), restarts: i32) -> Pod {
    waits_in("web", name, image, said, restarts)
}

fn crashes(name: &str, image: &str, restarts: i32) -> Pod {
    waits(name, image, ("CrashLoopBackOff", "back-off 20s restarting failed container=web"), restarts)
}

/// One that was started again a while ago, and is ready.
fn restarted(name: &str, ready: i64, ended: i64) -> Pod {
    let exit = Some(Exit { code: 137, word: "Error".into(), message: "".into(), at: Some(ago(ended)) });
    let container = ContainerStatus { name: "web".into(), restarts: 3, waits: None, exit };
    let troubled = Troubled { ready_since: Some(ago(ready)), containers: [container].into(), ..Troubled::default() };
    pod(name, NEW, Standing::Troubled(Box::new(troubled)))
}

fn unscheduled(name: &str) -> Pod {
    let unscheduled = Some(Said::new("Unschedulable", "0/5 nodes are available: 5 Insufficient memory."));
    troubled(name, NEW, Troubled { unscheduled, ..Troubled::default() })
}

fn lacks(lacks: Lacks) -> Rollout {
    Rollout::Progressing(Progress { lacks, ..Progress::default() })
}

fn updated() -> Rollout {
    lacks(Lacks::UpdatedReplicas)
}

fn given_up() -> Rollout {
    Rollout::Stalled(Stall {
        reason: "ProgressDeadlineExceeded".into(),
        message: "ReplicaSet \"web-1\" has timed out progressing.".into(),
        since: "t".into(),
        progress: Progress { lacks: Lacks::OldReplicas, ..Progress::default() },
        refusal: None,
    })
}

fn refused() -> Rollout {
    let refusal = Refusal { reason: "FailedCreate".into(), message: "exceeded quota: team".into() };
    Rollout::Refused(Progress::default(), refusal)
}

/// A situation: the verdict, the pods, how many seconds nothing has moved.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the object")]
struct Situation {
    verdict: Rollout,
    pods: Option<Vec<Pod>>,
    still: u64,
    stands: bool,
    complete: u64,
    is_ordered: bool,
    goes_back: bool,
    is_stall_old: bool,
    ends: bool,
    written: Vec<(&'static str, &'static str)>,
    unwell_before: Vec<Symptom>,
}

impl Situation {
    fn new(verdict: Rollout, pods: Vec<Pod>, still: u64) -> Self {
        Self {
            verdict,
            pods: Some(pods),
            still,
            stands: false,
            complete: 0,
            is_ordered: false,
            is_stall_old: false,
            goes_back: false,
            ends: false,
            written: vec![("web", NEW), ("migrate", NEW)],
            unwell_before: Vec::new(),
        }
    }

    fn read(&self) -> Reading {
        self.follower().read()
    }

    fn follower(&self) -> Follower<'_> {
        Follower {
            verdict: &self.verdict,
            is_stall_old: self.is_stall_old,
            is_ordered: self.is_ordered,
            goes_back: self.goes_back,
            ends: self.ends,
            unwell_before: &self.unwell_before,
            written: &self.written,
            pods: self.pods.as_deref(),
            still: Duration::from_secs(self.still),
            stands: self.stands,
            complete: Duration::from_secs(self.complete),
            settle: Duration::from_secs(60),
            now: now(),
        }
    }

    fn is(&self, outcome: &str, reason: &str, says: &str) {
        let reading = self.read();
        assert_eq!((reading.outcome(), reading.reason()), (outcome, reason), "{reading:?}");
        assert!(reading.message().contains(says), "{reading:?} does not say {says}");
    }
}

#[test]
fn what_the_object_lacks_goes_on_while_no_pod_says_that_it_never_will() {
    let pods = || vec![ready("n-1", NEW, 30), ready("o-1", OLD, 9000)];
    for what in [Lacks::ObservedGeneration, Lacks::UpdatedReplicas, Lacks::OldReplicas, Lacks::AvailableReplicas] {
        Situation::new(lacks(what), pods(), 60).is("rolling", what.as_str(), "");
    }
    let before_it_is_seen = Situation::new(lacks(Lacks::ObservedGeneration), vec![crashes("n-1", NEW, 9)], 0);
    before_it_is_seen.is("rolling", "ObservedGeneration", "");
}

#[test]
fn a_controller_that_does_not_look_is_told_after_a_while() {
    let unseen = |still| Situation::new(lacks(Lacks::ObservedGeneration), vec![ready("o-1", OLD, 9000)], still);
    unseen(899).is("rolling", "ObservedGeneration", "");
    unseen(900).is("stalled", "NotObserved", "its controller has not looked at it for 15 minutes");
}

#[test]
fn one_pod_whose_word_is_final_is_a_failure_at_once() {
    let others = || vec![ready("n-0", NEW, 30), ready("o-1", OLD, 9000)];
    let cases: [(Pod, &str, &str); 5] = [
        (waits("n-1", NEW, ("ImagePullBackOff", NOT_FOUND), 0), "ImagePullBackOff", "not found"),
        (
            waits("n-1", NEW, ("ImagePullBackOff", "server message: insufficient_scope: authorization failed"), 0),
            "ImagePullBackOff",
            "authorization failed",
        ),
        (crashes("n-1", NEW, 2), "CrashLoopBackOff", "last exit code is 2"),
        (
            waits_in("migrate", "n-1", NEW, ("CrashLoopBackOff", "back-off 1m20s"), 4),
            "CrashLoopBackOff",
            "container migrate",
        ),
        (
            waits(
                "n-1",
                NEW,
                ("CreateContainerConfigError", "container has runAsNonRoot and image has non-numeric user (node)"),
                0,
            ),
            "CreateContainerConfigError",
            "non-numeric user",
        ),
    ];
    for (bad, reason, says) in cases {
        let pods: Vec<Pod> = others().into_iter().chain([bad]).collect();
        for verdict in [updated(), lacks(Lacks::AvailableReplicas), Rollout::Complete, refused()] {
            Situation::new(verdict, pods.clone(), 0).is("failed", reason, says);
        }
    }
}

#[test]
fn who_has_a_log_is_known_by_pod_and_container() {
    let log = |pod| match Situation::new(updated(), vec![pod], 0).read() {
        Reading::Failed(why) => why.log,
        other => panic!("{other:?}"),
    };
    assert_eq!(log(crashes("n-1", NEW, 2)), Some(("n-1".into(), "web".into())));
    assert_eq!(log(waits("n-1", NEW, ("ImagePullBackOff", NOT_FOUND), 0)), None, "it never ran");
}

#[test]
fn what_passes_is_told_when_it_has_lasted_and_undoes_nothing() {
    let cases: [(Rollout, Pod, &str, &str); 5] = [
        (updated(), waits("n-1", NEW, ("ImagePullBackOff", LIMITED), 0), "ImagePullBackOff", "429 Too Many Requests"),
        (updated(), crashes("n-1", NEW, 1), "CrashLoopBackOff", "restarting"),
        (updated(), unscheduled("n-1"), "Unschedulable", "Insufficient memory"),
        (
            lacks(Lacks::AvailableReplicas),
            troubled("n-1", NEW, Troubled::default()),
            "ContainersNotReady",
            "unready status: [web]",
        ),
        (refused(), ready("o-1", OLD, 9000), "FailedCreate", "exceeded quota: team"),
    ];
    for (verdict, pod, reason, says) in cases {
        let early = Situation::new(verdict.clone(), vec![pod.clone()], 899).read();
        assert_eq!(early.outcome(), "rolling", "{early:?}");
        Situation { stands: true, ..Situation::new(verdict.clone(), vec![pod.clone()], 10) }
            .is("stalled", reason, says);
        Situation::new(verdict, vec![pod], 900).is("stalled", reason, says);
    }
    Situation::new(updated(), vec![ready("o-1", OLD, 9000)], 900).is("stalled", "NoProgress", "15 minutes");
    let none = |updated| Rollout::Progressing(Progress { updated, ..Progress::default() });
    Situation::new(none(0), vec![ready("o-1", OLD, 9000)], 900).is("stalled", "NoProgress", "no pod for 15 minutes");
    Situation { pods: None, ..Situation::new(none(0), Vec::new(), 900) }.is(
        "stalled",
        "NoProgress",
        "look at its pods",
    );
    let blind = Situation { pods: None, ..Situation::new(updated(), Vec::new(), 900) };
    blind.is("stalled", "NoProgress", "look at its pods");
}

#[test]
fn pods_of_other_versions_and_those_that_go_say_nothing() {
    let silent = || {
        let mut leaving = crashes("n-3", NEW, 9);
        leaving.stands = Standing::Leaving;
        vec![
            ready("n-1", NEW, 3600),
            crashes("o-1", OLD, 214),
            waits("o-2", OLD, ("ImagePullBackOff", NOT_FOUND), 0),
            leaving,
        ]
    };
    Situation::new(lacks(Lacks::OldReplicas), silent(), 30).is("rolling", "OldReplicas", "");
    Situation { complete: 60, ..Situation::new(Rollout::Complete, silent(), 30) }.is("healthy", "Available", "");
}

#[test]
fn what_the_cluster_gave_up_has_failed_with_what_its_pods_say() {
    Situation::new(given_up(), vec![troubled("n-1", NEW, Troubled::default())], 0).is(
        "failed",
        "ProgressDeadlineExceeded",
        "has timed out progressing.; ContainersNotReady: pod n-1",
    );
    Situation { pods: None, ..Situation::new(given_up(), Vec::new(), 0) }.is(
        "failed",
        "ProgressDeadlineExceeded",
        "has timed out",
    );
    let says = |reason: &str, message: &str| {
        let Rollout::Stalled(stall) = given_up() else { panic!("it was given up") };
        let stall = Stall { reason: reason.into(), message: message.into(), ..stall };
        Situation::new(Rollout::Stalled(stall), Vec::new(), 0)
    };
    for reason in ["RolloutAborted", "InvalidSpec", "BackoffLimitExceeded", "DeadlineExceeded", "PodFailurePolicy"] {
        says(reason, "no").is("failed", reason, "no");
    }
    says("OfALaterVersion", "no").is("failed", "Other", "OfALaterVersion: no");
    let refused = |pods| {
        let Rollout::Stalled(stall) = given_up() else { panic!("it was given up") };
        let progress = Progress { is_refused: true, ..stall.progress };
        Situation::new(Rollout::Stalled(Stall { progress, ..stall }), pods, 0)
    };
    refused(Vec::new()).is("failed", "FailedCreate", "has timed out");
    refused(vec![crashes("n-1", NEW, 2)]).is("failed", "ProgressDeadlineExceeded", "CrashLoopBackOff");
    let left_over = |pods| Situation { is_stall_old: true, ..Situation::new(given_up(), pods, 0) };
    left_over(vec![ready("n-1", NEW, 9), crashes("o-1", OLD, 8)]).is("rolling", "OldReplicas", "");
    left_over(vec![crashes("n-1", NEW, 2)]).is("failed", "CrashLoopBackOff", "");
}

#[test]
fn waiting_is_waiting_whatever_pods_say() {
    for waits in [Waits::Paused, Waits::ZeroReplicas, Waits::Partition, Waits::OnDelete] {
        Situation::new(Rollout::Waiting(waits), vec![crashes("n-1", NEW, 9)], 9000).is("waiting", waits.as_str(), "");
    }
}

#[test]
fn healthy_is_what_stays_so() {
    let complete = |pods, complete| Situation { pods, complete, ..Situation::new(Rollout::Complete, Vec::new(), 0) };
    // The clocks of nodes may be wrong: what is known of the time counts.
    for pods in [None, Some(vec![ready("n-1", NEW, 3600)]), Some(vec![ready("n-1", NEW, -3600)])] {
        for seconds in [0, 59] {
            complete(pods.clone(), seconds).is("rolling", "Settling", "");
        }
        complete(pods, 60).is("healthy", "Available", "");
    }
    let Reading::Settling(healing) = complete(None, 20).read() else { panic!("it is too early") };
    assert_eq!(healing.left, Duration::from_secs(40));
}

#[test]
fn what_is_complete_again_and_again_is_told_or_is_well() {
    let comes_back = |pods, still| Situation { pods, ..Situation::new(Rollout::Complete, Vec::new(), still) };
    let known = || Some(vec![ready("n-1", NEW, 20)]);
    comes_back(known(), 959).is("rolling", "Settling", "");
    comes_back(known(), 960).is("stalled", "Unsteady", "not all ready for 60 seconds");
    // Nobody can say whether replicas come and go, or break.
    comes_back(None, 599).is("rolling", "Settling", "");
    comes_back(None, 600).is("healthy", "Available", "");
}

#[test]
fn a_run_is_not_judged_by_what_is_tried_again_but_by_how_it_ended() {
    let run = |verdict, pod, still| Situation { ends: true, ..Situation::new(verdict, vec![pod], still) };
    let under_way = || lacks(Lacks::AvailableReplicas);
    run(under_way(), crashes("r-1", NEW, 5), 899).is("rolling", "AvailableReplicas", "");
    run(under_way(), crashes("r-1", NEW, 5), 900).is("stalled", "CrashLoopBackOff", "last exit code is 2");
    run(under_way(), waits("r-1", NEW, ("ImagePullBackOff", NOT_FOUND), 0), 0).is("failed", "ImagePullBackOff", "");
    run(under_way(), ready("r-1", NEW, 9000), 9000).is("rolling", "AvailableReplicas", "");
    let without = |pods, still| Situation { ends: true, pods, ..Situation::new(under_way(), Vec::new(), still) };
    without(Some(Vec::new()), 899).is("rolling", "AvailableReplicas", "");
    without(Some(Vec::new()), 900).is("stalled", "NoProgress", "has made no pod for 15 minutes");
    without(Some(vec![ready("r-0", OLD, 9000)]), 900).is("stalled", "NoProgress", "has made no pod for 15 minutes");
    without(None, 9000).is("rolling", "AvailableReplicas", "");
    let queued = Situation { ends: true, ..Situation::new(updated(), Vec::new(), 9000) };
    queued.is("rolling", "UpdatedReplicas", "");
    // The one that ended well decides, whatever the next does.
    run(Rollout::Complete, waits("r-2", NEW, ("ImagePullBackOff", NOT_FOUND), 0), 0).is("healthy", "Available", "");
}

#[test]
fn a_step_that_ends_by_itself_takes_its_time() {
    let step = |pod| Situation::new(lacks(Lacks::Steps), vec![pod], 9000);
    step(ready("n-1", NEW, 9000)).is("rolling", "Steps", "");
    step(crashes("n-1", NEW, 2)).is("failed", "CrashLoopBackOff", "");
    step(unscheduled("n-1")).is("stalled", "Unschedulable", "Insufficient memory");
    Situation { pods: None, ..step(unscheduled("n-1")) }.is("rolling", "Steps", "");
}

#[test]
fn what_breaks_while_somebody_looks_at_it_has_failed() {
    for waits in [Waits::CanaryPause, Waits::BlueGreenPause, Waits::Inconclusive] {
        let paused = |pod| Situation::new(Rollout::Waiting(waits), vec![pod], 9000);
        paused(crashes("n-1", NEW, 2)).is("failed", "CrashLoopBackOff", "");
        paused(crashes("n-1", NEW, 1)).is("waiting", waits.as_str(), "");
        paused(crashes("o-1", OLD, 9)).is("waiting", waits.as_str(), "");
    }
}

#[test]
fn what_was_so_before_is_not_laid_on_what_was_written() {
    let before = |verdict, pods: Vec<Pod>| {
        let unwell_before =
            super::super::unwell(&pods, &[("web", NEW)], Sight { ends: false, now: Some(now()) }).unwrap_or_default();
        Situation { unwell_before, ..Situation::new(verdict, pods, 0) }
    };
    let (old, new) = (|| crashes("o-1", OLD, 40), || crashes("n-1", NEW, 2));
    let says = "pods of another version are in the same trouble";
    let late = before(given_up(), vec![new(), old()]);
    late.is("failed", "ProgressDeadlineExceeded", says);
    assert!(matches!(late.read(), Reading::Failed(Why { was_before: true, .. })), "going back mends nothing");
    for verdict in [updated(), Rollout::Complete, Rollout::Waiting(Waits::CanaryPause)] {
        before(verdict.clone(), vec![new(), old()]).is("stalled", "CrashLoopBackOff", says);
        let read = before(verdict, vec![new()]).read();
        assert_eq!(read.outcome(), "failed", "{read:?}");
    }
    before(updated(), vec![new(), ready("o-1", OLD, 9000)]).is("failed", "CrashLoopBackOff", "");
    before(updated(), vec![new(), old(), ready("o-2", OLD, 9000)]).is("failed", "CrashLoopBackOff", "");
    let again = |ready| Pod { images: old().images, ..restarted("o-2", ready, ready + 9) };
    before(updated(), vec![new(), old(), again(9000)]).is("failed", "CrashLoopBackOff", "");
    before(updated(), vec![new(), old(), again(20)]).is("stalled", "CrashLoopBackOff", says);
    before(updated(), vec![waits("n-1", NEW, ("ImagePullBackOff", NOT_FOUND), 0), old()]).is(
        "failed",
        "ImagePullBackOff",
        "",
    );
    let denied = |name, image, word| waits(name, image, (word, "401 Unauthorized"), 0);
    let pulls = vec![denied("n-1", NEW, "ImagePullBackOff"), denied("o-1", OLD, "ErrImagePull")];
    before(updated(), pulls).is("stalled", "ImagePullBackOff", says);
}

#[test]
fn a_container_that_was_not_written_is_nobody_elses_fault() {
    let proxy = || waits_in("proxy", "n-1", NEW, ("CrashLoopBackOff", "back-off 1m20s"), 4);
    let says = "the image of that container was not changed";
    let late = Situation::new(given_up(), vec![proxy()], 0);
    late.is("failed", "ProgressDeadlineExceeded", says);
    assert!(matches!(late.read(), Reading::Failed(Why { was_before: false, .. })), "the cluster gave it up");
    Situation::new(updated(), vec![proxy()], 0).is("stalled", "CrashLoopBackOff", says);
    for verdict in [updated(), given_up()] {
        let both = vec![proxy(), crashes("n-2", NEW, 2)];
        let Reading::Failed(why) = Situation::new(verdict, both, 0).read() else { panic!("its own container fails") };
        assert!(!why.message.contains(says), "{}", why.message);
    }
    let pull = ("ImagePullBackOff", "Back-off pulling image \"shop/model:2\": ErrImagePull: shop/model:2: not found");
    let mut mounts = waits("n-1", OLD, pull, 0);
    mounts.images = Arc::from([("web".into(), OLD.into()), ("volume.model".into(), "shop/model:2".into())]);
    let written = vec![("volume.model", "shop/model:2")];
    let volume = |pod| Situation { written: written.clone(), ..Situation::new(updated(), vec![pod], 0) };
    volume(mounts.clone()).is("failed", "ImagePullBackOff", "shop/model:2: not found");
    mounts.stands = crashes("n-1", OLD, 4).stands;
    volume(mounts).is("stalled", "CrashLoopBackOff", says);
}

/// A node that is not ready, say: nobody waits for that pod, and nothing goes on before somebody acts.
#[test]
fn what_is_held_back_waits_while_its_new_pods_are_well() {
    let status =
        |waits| Rollout::Progressing(Progress { updated: 2, available: 4, held: Some(waits), ..Progress::default() });
    let down = || troubled("o-1", OLD, Troubled::default());
    for waits in [Waits::OnDelete, Waits::Partition] {
        let of = |pods, still| Situation { is_ordered: true, ..Situation::new(status(waits), pods, still) };
        let two = || vec![ready("n-1", NEW, 900), restarted("n-2", 800, 900)];
        for still in [0, 900] {
            of([two(), vec![down()]].concat(), still).is("waiting", waits.as_str(), "");
        }
        let unready = [vec![ready("n-1", NEW, 900), troubled("n-2", NEW, Troubled::default())], vec![down()]].concat();
        Situation { is_ordered: false, ..of(unready, 900) }.is("stalled", "ContainersNotReady", "pod n-2");
        let unseen = vec![ready("n-1", NEW, 900), down()];
        Situation { is_ordered: false, ..of(unseen, 900) }.is("stalled", "NoProgress", "");
        Situation { pods: None, ..of(Vec::new(), 900) }.is("stalled", "NoProgress", "");
        let broken = || [two(), vec![crashes("o-1", OLD, 9)]].concat();
        of(broken(), 900).is("waiting", waits.as_str(), "");
        Situation { goes_back: true, ..of(broken(), 900) }.is("stalled", "PodNeedsDelete", "pod o-1");
        Situation { goes_back: true, is_ordered: false, ..of(broken(), 900) }.is("waiting", waits.as_str(), "");
    }
}

#[test]
fn a_pod_that_has_to_be_ready_for_a_while_has_that_time() {
    let status = || {
        let lacks = Lacks::AvailableReplicas;
        Rollout::Progressing(Progress { updated: 1, lacks, ..Progress::default() }).after(1800)
    };
    let of = |pod, still| Situation::new(status(), vec![pod], still);
    of(ready("n-1", NEW, 900), 2699).is("rolling", "AvailableReplicas", "");
    of(ready("n-1", NEW, 2700), 2700).is("stalled", "NoProgress", "45 minutes");
    of(unscheduled("n-1"), 900).is("stalled", "Unschedulable", "Insufficient memory");
}

#[test]
fn what_is_started_again_and_again_is_not_healthy() {
    let flaps = |still| Situation::new(Rollout::Complete, vec![restarted("n-1", 8, 46)], still);
    flaps(0).is("rolling", "Restarting", "failed liveness probe");
    flaps(900).is("stalled", "Restarting", "started again 3 times");
    let came_up = Situation::new(Rollout::Complete, vec![restarted("n-1", 300, 310)], 0);
    Situation { complete: 60, ..came_up }.is("healthy", "Available", "");
}

#[test]
fn a_stateful_set_that_waits_for_a_broken_pod_is_told_with_its_name() {
    let pods = || {
        let broken = |name| waits(name, OLD, ("ImagePullBackOff", NOT_FOUND), 0);
        vec![ready("db-0", NEW, 9000), broken("db-2"), broken("db-10")]
    };
    let of = |still, is_ordered| Situation { is_ordered, ..Situation::new(updated(), pods(), still) };
    of(59, true).is("rolling", "UpdatedReplicas", "");
    of(60, true).is("stalled", "PodNeedsDelete", "db-10");
    of(60, false).is("rolling", "UpdatedReplicas", "");
    let back = |still| Situation { goes_back: true, ..of(still, true) };
    back(4).is("rolling", "UpdatedReplicas", "");
    back(5).is("stalled", "PodNeedsDelete", "db-10");
    let Reading::Stalled(why) = back(5).read() else { panic!("it waits for that pod") };
    assert_eq!(why.pod.as_deref(), Some("db-10"));
    let mut passing = pods();
    passing.retain(|pod| *pod.name == *"db-0");
    passing.push(waits("db-1", OLD, ("ImagePullBackOff", LIMITED), 0));
    let of = |still, is_ordered| Situation { is_ordered, ..Situation::new(updated(), passing.clone(), still) };
    of(299, true).is("rolling", "UpdatedReplicas", "");
    of(300, true).is("stalled", "PodInTheWay", "waits for pod db-1 of another version, which is not ready");
    of(300, false).is("rolling", "UpdatedReplicas", "");
    let mut unready = passing.clone();
    unready.push(troubled("db-3", OLD, Troubled::default()));
    let of = |still| Situation { is_ordered: true, ..Situation::new(updated(), unready.clone(), still) };
    of(300).is("stalled", "PodInTheWay", "pod db-3");
}

/// When something else is said of a rollout that waits for an old pod.
#[test]
fn what_waits_for_an_old_pod_is_looked_at_again_when_that_is_late() {
    let sooner = |pods: Vec<Pod>, still: u64, goes_back: bool, is_ordered: bool| {
        let of = Situation { is_ordered, goes_back, ..Situation::new(updated(), pods, still) };
        of.follower().sooner()
    };
    let broken = || vec![crashes("db-1", OLD, 9)];
    let unready = || vec![waits("db-1", OLD, ("ImagePullBackOff", LIMITED), 0)];
    let left = |all: Duration, still: u64| all.checked_sub(Duration::from_secs(still));
    assert_eq!(sooner(broken(), 1, false, true), left(IN_THE_WAY, 1));
    assert_eq!(sooner(broken(), 1, true, true), left(IN_THE_WAY_BACK, 1));
    assert_eq!(sooner(unready(), 1, false, true), left(NOT_READY, 1));
    assert_eq!(sooner(unready(), NOT_READY.as_secs(), false, true), None, "it is said now");
    assert_eq!(sooner(unready(), 1, false, false), None);
    assert_eq!(sooner(vec![], 1, false, true), None);
}

/// The watch of pods is ahead of that of workloads, now and then.
#[test]
fn a_pod_that_never_starts_is_believed_as_soon_as_its_controller_says_that_it_has_looked() {
    let sooner = |verdict: &Rollout, pods: &[Pod], still: u64| {
        Situation::new(verdict.clone(), pods.to_vec(), still).follower().sooner()
    };
    let (unseen, broken) = (lacks(Lacks::ObservedGeneration), [crashes("web-1", NEW, 2)]);
    assert_eq!(sooner(&unseen, &broken, 0), Some(A_MOMENT));
    assert_eq!(sooner(&unseen, &broken, 60), None, "it does not look at all");
    assert_eq!(sooner(&unseen, &[crashes("web-1", NEW, 1)], 0), None, "nothing is final");
    assert_eq!(sooner(&unseen, &[crashes("web-1", OLD, 2)], 0), None);
    assert_eq!(sooner(&updated(), &broken, 0), None, "it is believed");
}

#[test]
fn pods_that_leave_or_run_what_was_written_are_in_nobodys_way() {
    let waits_for = |pods: Vec<Pod>| Situation { is_ordered: true, ..Situation::new(updated(), pods, 300) };
    waits_for(vec![crashes("db-1", OLD, 9)]).is("stalled", "PodNeedsDelete", "db-1");
    waits_for(vec![pod("db-1", OLD, Standing::Leaving), unscheduled("db-2")]).is("rolling", "UpdatedReplicas", "");
    let given_up = Situation::new(given_up(), vec![crashes("n-1", NEW, 5)], 0);
    let Reading::Failed(why) = given_up.read() else { panic!("the cluster gave it up") };
    assert!(why.log.is_some(), "what failed has run, so that it has a log: {why:?}");
    for is_ordered in [true, false] {
        let progress = || Progress { is_ordered: false, ..Progress::default() };
        let stall =
            Stall { reason: "R".into(), message: "m".into(), since: "t".into(), progress: progress(), refusal: None };
        for rollout in [Rollout::Progressing(progress()), Rollout::Stalled(stall)] {
            assert_eq!(rollout.ordered(is_ordered).is_ordered(), is_ordered);
        }
        assert_eq!(Rollout::Complete.ordered(is_ordered), Rollout::Complete);
    }
}

#[test]
fn pods_that_are_ready_are_named_with_since_when() {
    let leaving = pod("n-3", NEW, Standing::Leaving);
    let silent = pod("n-4", NEW, Standing::Ready(None));
    let pods = [
        ready("n-1", NEW, 90),
        ready("o-1", OLD, 900),
        leaving,
        silent,
        crashes("n-5", NEW, 1),
        restarted("n-6", 9, 30),
    ];
    let found = super::ready(&pods, &[("web", NEW)]);
    assert_eq!(found, [("n-1", Some(ago(90))), ("n-4", None), ("n-6", Some(ago(9)))]);
}

#[test]
fn what_was_unwell_before_is_known_of_pods_that_stay_each_once() {
    let unwell = |pods: &[Pod]| super::super::unwell(pods, &[("web", NEW)], Sight::default());
    assert_eq!(unwell(&[crashes("n-1", NEW, 3), pod("o-1", OLD, Standing::Leaving)]), None, "there is no other pod");
    let both = [crashes("o-1", OLD, 3), waits("o-2", OLD, ("ErrImagePull", LIMITED), 0), crashes("o-3", OLD, 3)];
    let symptom = |reason| -> Symptom { ("web".into(), reason) };
    let expected = [symptom(Reason::ImagePullBackOff), symptom(Reason::CrashLoopBackOff)];
    let mut found = unwell(&both).unwrap();
    assert!(found.is_sorted() && found.len() == 2, "{found:?}");
    found.sort_by_key(|(_, reason)| *reason == Reason::CrashLoopBackOff);
    assert_eq!(found, expected);
    let mut well = both.to_vec();
    well.push(ready("o-4", OLD, 9));
    assert_eq!(unwell(&well), Some(Vec::new()), "the version before comes up");
}

/// Whatever pods say in whatever order, the reading is the same, and only pods of the newest revision make it worse.
#[test]
fn the_order_of_pods_changes_nothing() {
    let mut pods = vec![
        ready("n-1", NEW, 90),
        crashes("n-2", NEW, 5),
        waits("n-3", NEW, ("ImagePullBackOff", NOT_FOUND), 0),
        unscheduled("n-4"),
        crashes("o-1", OLD, 9),
    ];
    let first = Situation::new(updated(), pods.clone(), 0).read();
    for _ in 0..pods.len() {
        pods.rotate_left(1);
        assert_eq!(Situation::new(updated(), pods.clone(), 0).read(), first);
    }
    assert_eq!(first.reason(), "CrashLoopBackOff", "of two that are final, the first by name");
}

/// Fault of a run under `restartPolicy: Never`: how it ended stands in its pod's own state, and it was told by its Job alone.
#[test]
fn a_run_that_is_not_started_again_tells_how_it_ended_and_has_a_log() {
    let failed = |name: &str, image: &str, code, word: &str, second| {
        let at = Some(now() - chrono::TimeDelta::seconds(second));
        let exit = Some(Exit { code, word: word.into(), message: "no table".into(), at });
        let container = ContainerStatus { name: "web".into(), exit, ..ContainerStatus::default() };
        Pod { stands: Standing::Failed(Box::new(container)), ..ready(name, image, 0) }
    };
    let gave_up = || {
        let Rollout::Stalled(stall) = given_up() else { unreachable!() };
        Rollout::Stalled(Stall { reason: "BackoffLimitExceeded".into(), message: "Job has reached it".into(), ..stall })
    };
    let run = |pods| Situation { ends: true, ..Situation::new(gave_up(), pods, 0) };
    let pods =
        vec![failed("r-1", NEW, 4, "Error", 90), failed("r-2", NEW, 3, "Error", 10), failed("r-0", OLD, 5, "Error", 5)];
    let told = run(pods);
    told.is("failed", "BackoffLimitExceeded", "its last exit code is 3, its last words: no table");
    let Reading::Failed(why) = told.read() else { panic!("{:?}", told.read()) };
    assert!(why.message.starts_with("Job has reached it"), "{}", why.message);
    assert_eq!(why.log, Some(("r-2".into(), "web".into())));
    run(vec![failed("r-1", NEW, 137, "OOMKilled", 1)]).is("failed", "BackoffLimitExceeded", "OOMKilled");
    run(vec![failed("r-0", OLD, 5, "Error", 5)]).is("failed", "BackoffLimitExceeded", "Job has reached it");
    // It is no pod that could still come up.
    let next = Situation {
        ends: true,
        ..Situation::new(lacks(Lacks::AvailableReplicas), vec![failed("r-1", NEW, 3, "Error", 9)], 900)
    };
    next.is("stalled", "NoProgress", "has made no pod");
}

//! What pods say, and whose fault it is.

use super::*;

fn said(word: &str, message: &str) -> Said {
    Said::new(word, message)
}

fn exit(code: i32, word: &str, message: &str) -> Exit {
    Exit { code, word: word.into(), message: message.into(), at: None }
}

fn pod(containers: Vec<ContainerStatus>) -> Pod {
    let troubled = Troubled {
        unready: Some(said("ContainersNotReady", "containers with unready status: [web]")),
        containers: containers.into(),
        ..Troubled::default()
    };
    let images = Arc::from([("web".into(), "web:1.1.0@sha256:b".into())]);
    Pod { name: "web-1".into(), images, stands: Standing::Troubled(Box::new(troubled)) }
}

fn container(waits: impl Into<Option<Said>>, restarts: i32, exit: impl Into<Option<Exit>>) -> ContainerStatus {
    ContainerStatus { name: "web".into(), restarts, waits: waits.into(), exit: exit.into() }
}

/// The reason, and whether it is final.
fn verdict(container: ContainerStatus) -> (&'static str, bool) {
    let trouble = pod(vec![container]).trouble().unwrap();
    (trouble.reason.as_str(), trouble.weight == Weight::Final)
}

#[test]
fn every_word_is_read_as_itself_and_any_other_is_kept_beside() {
    for (reason, word) in Reason::WORDS {
        assert_eq!((Reason::of(word), reason.as_str()), (reason, word));
    }
    let said = Said::new("WeirdError", "the runtime says so");
    assert_eq!((said.reason, &*said.message), (Reason::Other, "WeirdError: the runtime says so"));
    assert_eq!(&*Said::new("WeirdError", "").message, "WeirdError");
}

#[test]
fn a_long_sentence_keeps_its_beginning_and_its_end() {
    assert_eq!(&*sentence("a\nb\u{7}c\u{202e}"), "a bc");
    let long = format!("begin {} end", "é".repeat(5_000_000));
    let short = sentence(&long);
    assert!(short.starts_with("begin é") && short.ends_with("é end") && short.chars().count() < 620, "{short}");
}

#[test]
fn only_some_words_about_a_pull_are_about_the_image() {
    let image = "failed to pull and unpack image \"registry.example.com/shop/web:1.1.0\": ";
    let cases = [
        (true, "failed to resolve reference \"i\": registry.example.com/shop/web:1.1.0: not found"),
        (true, "no match for platform in manifest: not found"),
        (
            true,
            "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
        ),
        (true, "unexpected status from HEAD request to https://r/v2/x/manifests/1: 403 Forbidden"),
        (
            true,
            "choosing an image from manifest list docker://r/web:1.1.0: no image found in image index for architecture arm64, variant \"v8\", OS linux",
        ),
        (false, "unexpected status from HEAD request to https://r/v2/x/manifests/1: 429 Too Many Requests"),
        (
            false,
            "failed to copy: httpReadSeeker: failed open: unexpected status code https://r: 429 Too Many Requests - Server message: toomanyrequests: limit",
        ),
        (false, "failed to do request: Head \"https://r\": dial tcp 10.0.0.1:443: i/o timeout"),
        (false, "tls: failed to verify certificate: x509: certificate signed by unknown authority"),
        (false, "write /var/lib/containerd: no space left on device"),
        (false, "pull QPS exceeded"),
        (false, "failed to get reader from content store: content digest sha256:0a: not found"),
        (
            false,
            "failed to prepare extraction snapshot \"extract-1 sha256:0a\": parent snapshot sha256:0b does not exist: not found",
        ),
        (false, "failed to extract layer sha256:0a: failed to stat snapshot sha256:0a: not found"),
        (true, "failed to resolve reference \"i\": registry.example.com/shop/snapshot:1.1.0: not found"),
        (false, "unexpected status from HEAD request to https://r: 503 Service Unavailable"),
        (false, "something that nobody has seen before"),
        (false, ""),
    ];
    for (is_final, words) in cases {
        let found = verdict(container(said("ImagePullBackOff", &format!("{image}{words}")), 0, None));
        assert_eq!(found, ("ImagePullBackOff", is_final), "{words}");
    }
}

#[test]
fn a_container_that_never_starts_is_told_from_one_that_waits_for_something() {
    let crash = || said("CrashLoopBackOff", "back-off 10s restarting failed container=web pod=web-1");
    let exec = "failed to create shim task: exec: \"/app\": exec format error: unknown";
    let cases = [
        (("CrashLoopBackOff", false), container(crash(), 1, exit(1, "Error", ""))),
        (("CrashLoopBackOff", true), container(crash(), 2, exit(1, "Error", "no database"))),
        (("CrashLoopBackOff", true), container(crash(), 2, exit(0, "Completed", ""))),
        (("OOMKilled", true), container(crash(), 2, exit(137, "OOMKilled", ""))),
        (("CrashLoopBackOff", true), container(crash(), 1, exit(128, "StartError", exec))),
        (("CrashLoopBackOff", false), container(crash(), 1, exit(128, "StartError", "cgroup: no memory"))),
        (("RunContainerError", true), container(said("RunContainerError", exec), 0, None)),
        (("RunContainerError", false), container(said("RunContainerError", "cgroup is busy"), 0, None)),
        (("InvalidImageName", true), container(said("InvalidImageName", ""), 0, None)),
        (("ErrImageNeverPull", true), container(said("ErrImageNeverPull", ""), 0, None)),
        (("SignatureValidationFailed", true), container(said("SignatureValidationFailed", ""), 0, None)),
        (("ImageInspectError", false), container(said("ImageInspectError", ""), 0, None)),
        (("RegistryUnavailable", false), container(said("RegistryUnavailable", ""), 0, None)),
        (
            ("CreateContainerConfigError", true),
            container(
                said("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
                0,
                None,
            ),
        ),
        (
            ("CreateContainerConfigError", false),
            container(said("CreateContainerConfigError", "secret \"db\" not found"), 0, None),
        ),
        (("CreateContainerError", true), container(said("CreateContainerError", "no command specified"), 0, None)),
        (("CreateContainerError", false), container(said("CreateContainerError", "name is reserved"), 0, None)),
        (
            ("CreateContainerError", true),
            container(
                said(
                    "CreateContainerError",
                    "failed to generate container \"c\" spec: failed to generate spec: no users found",
                ),
                0,
                None,
            ),
        ),
        (
            ("CreateContainerError", true),
            container(
                said(
                    "CreateContainerError",
                    "container create failed: executable file `/app` not found in $PATH: No such file or directory",
                ),
                0,
                None,
            ),
        ),
        (
            ("CreateContainerError", true),
            container(
                said("CreateContainerError", "unable to find user node: no matching entries in passwd file"),
                0,
                None,
            ),
        ),
        (
            ("CreateContainerError", false),
            container(said("CreateContainerError", "failed to stat \"/data\": No such file or directory"), 0, None),
        ),
        (("PostStartHookError", false), container(said("PostStartHookError", ""), 1, None)),
        (("Other", false), container(said("VendorError", "?"), 0, None)),
        (("ContainersNotReady", false), container(None, 0, None)),
    ];
    for (expected, container) in cases {
        assert_eq!(verdict(container.clone()), expected, "{container:?}");
    }
}

#[test]
fn the_worst_of_a_pod_is_told_with_its_last_words() {
    let pulls = ContainerStatus { name: "log".into(), ..container(said("ImagePullBackOff", "dial tcp"), 0, None) };
    let crashes = container(said("CrashLoopBackOff", "back-off 20s restarting"), 2, exit(2, "Error", "no such table"));
    let trouble = pod(vec![pulls, crashes]).trouble().unwrap();
    assert_eq!((&*trouble.pod, trouble.container.as_deref(), trouble.has_run), ("web-1", Some("web"), true));
    let words = ["pod web-1, container web: back-off 20s restarting", "last exit code is 2", "no such table"];
    assert!(words.iter().all(|word| trouble.says(word)), "{}", trouble.account);
}

#[test]
fn of_two_that_are_equally_bad_the_first_is_told_each_with_what_it_says() {
    let log = |waits| ContainerStatus { name: "log".into(), ..container(waits, 0, None) };
    let both = [log(said("ErrImageNeverPull", "a")), container(said("InvalidImageName", "b"), 0, None)];
    assert_eq!(pod(both.into()).trouble().unwrap().account.to_string(), "pod web-1, container log: a");
    let of = |exit: Exit| container(said("CrashLoopBackOff", "back-off"), 1, exit);
    for (exit, words) in [
        (exit(1, "Error", ""), "back-off; its last exit code is 1"),
        (exit(1, "", "bad"), "back-off; its last exit code is 1, its last words: bad"),
        (exit(137, "OOMKilled", ""), "back-off; its last exit code is 137 (OOMKilled)"),
    ] {
        assert_eq!(
            pod(vec![of(exit)]).trouble().unwrap().account.to_string(),
            format!("pod web-1, container web: {words}")
        );
    }
    let errors = "is a directory, no such file or directory";
    assert_eq!(verdict(container(said("RunContainerError", errors), 0, None)), ("RunContainerError", false));
    let other = exit(1, "Error", "exec: \"/app\": no such file or directory");
    assert_eq!(verdict(of(other)), ("CrashLoopBackOff", false), "it did start");
}

#[test]
fn what_was_started_again_lately_is_told_with_why() {
    let at = |seconds| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
    let of = |code, word, restarts, ended: Option<i64>| {
        let exit = Exit { at: ended.map(at), ..exit(code, word, "") };
        pod(vec![container(None, 0, None), container(None, restarts, exit)])
            .restarted(at(100))
            .map(|told| told.to_string())
    };
    let told = |words: &str| {
        Some(format!("pod web-1, container web was started again 2 times; its last exit code is {words}"))
    };
    let probe = ", as of a container that failed liveness probe";
    assert_eq!(of(1, "Error", 2, Some(101)), told("1"));
    assert_eq!(of(1, "Error", 2, None), told("1"), "it does not say when");
    for code in [137, 143] {
        assert_eq!(of(code, "Error", 2, Some(101)), told(&format!("{code}{probe}")));
    }
    assert_eq!(of(137, "OOMKilled", 2, Some(101)), told("137 (OOMKilled)"));
    assert_eq!((of(1, "Error", 2, Some(100)), of(1, "Error", 0, Some(101))), (None, None));
}

#[test]
fn what_is_followed_is_said_of_the_same_container() {
    let of = |all: &[(&str, &str, &str)]| {
        let status = |(name, word, message): &(&str, &str, &str)| ContainerStatus {
            name: (*name).into(),
            ..container(said(word, message), 0, None)
        };
        pod(all.iter().map(status).collect())
    };
    let back_off = "Back-off pulling image";
    let mut now = of(&[("log", "ImagePullBackOff", back_off), ("web", "ImagePullBackOff", back_off)]);
    now.follows(&of(&[("log", "ErrImagePull", "429 Too Many Requests"), ("web", "ErrImagePull", NOT_FOUND)]));
    let troubles: Vec<_> = now.troubles(Sight::default()).map(|it| (it.weight, it.account.to_string())).collect();
    assert_eq!(troubles[0].0, Weight::Passing, "{troubles:?}");
    assert!(troubles[1].0 == Weight::Final && troubles[1].1.ends_with(NOT_FOUND), "{troubles:?}");
    let mut says = of(&[("web", "ImagePullBackOff", "Back-off: ErrImagePull: 429 Too Many Requests")]);
    says.follows(&of(&[("web", "ErrImagePull", NOT_FOUND)]));
    assert!(!is_final_after(&says, None), "what it says itself goes before what was said");
    let mut crashes = of(&[("web", "CrashLoopBackOff", "back-off"), ("log", "ErrImagePull", "x")]);
    crashes.follows(&of(&[("web", "ErrImagePull", NOT_FOUND), ("log", "RunContainerError", "y")]));
    let Standing::Troubled(troubled) = &crashes.stands else { panic!("{crashes:?}") };
    assert!(troubled.pulls.is_empty(), "neither is about a pull, now and before: {troubled:?}");
}

#[test]
fn a_pod_that_is_ready_says_since_when() {
    let since = Some(DateTime::UNIX_EPOCH);
    let stands = |stands| Pod { stands, ..pod(Vec::new()) }.ready_since();
    assert_eq!(stands(Standing::Ready(since)), since);
    assert_eq!((stands(Standing::Ready(None)), stands(Standing::Leaving)), (None, None));
    let troubled = Troubled { ready_since: since, ..Troubled::default() };
    assert_eq!(stands(Standing::Troubled(Box::new(troubled))), since);
}

#[test]
fn a_pod_is_of_the_revision_whose_images_it_runs() {
    let pod = pod(Vec::new());
    for (is_so, written) in [
        (true, vec![("web", "web:1.1.0@sha256:b")]),
        (true, vec![("web", "mirror.example.com/web@sha256:b")]),
        (false, vec![("web", "web:1.1.0")]),
        (false, vec![("log", "web:1.1.0@sha256:b")]),
        (false, vec![("web", "web:1.1.0@sha256:c")]),
        (false, vec![("web", "web:1.1.0@sha256:b"), ("log", "log:1")]),
        (false, Vec::new()),
    ] {
        assert_eq!(pod.runs(&written), is_so, "{written:?}");
    }
}

const NOT_FOUND: &str = "failed to resolve reference \"web:1.1.0\": web:1.1.0: not found";

/// One whose image can't be pulled, so many seconds after it was made.
fn pulls(word: &str, message: &str) -> Pod {
    let mut pod = pod(vec![container(said(word, message), 0, None)]);
    if let Standing::Troubled(troubled) = &mut pod.stands {
        troubled.made = Some(DateTime::UNIX_EPOCH);
    }
    pod
}

fn is_final_after(pod: &Pod, seconds: Option<i64>) -> bool {
    let now = seconds.map(|seconds| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds));
    pod.trouble_by(Sight { now, ends: false }).unwrap().weight == Weight::Final
}

#[test]
fn the_first_try_to_pull_says_nothing_for_good() {
    let first = pulls("ErrImagePull", NOT_FOUND);
    for (seconds, is_final) in [(None, false), (Some(0), false), (Some(19), false), (Some(20), true)] {
        assert_eq!(is_final_after(&first, seconds), is_final, "{seconds:?}");
    }
    let mut again = pulls("ErrImagePull", NOT_FOUND);
    again.follows(&pulls("ImagePullBackOff", "Back-off pulling image \"web:1.1.0\""));
    assert!(!is_final_after(&again, None), "why it could not be pulled was not known");
    again.follows(&first);
    assert!(is_final_after(&again, None), "it was tried before");
    assert!(is_final_after(&pulls("ImagePullBackOff", NOT_FOUND), Some(0)), "the back-off is seen");
    let limited = pulls("ErrImagePull", "429 Too Many Requests");
    assert!(!is_final_after(&limited, Some(900)));
}

#[test]
fn a_kubelet_that_does_not_repeat_the_cause_is_believed_what_it_said_at_the_try() {
    let back_off = || pulls("ImagePullBackOff", "Back-off pulling image \"web:1.1.0\"");
    assert!(!is_final_after(&back_off(), Some(900)), "nobody says why");
    let mut first = back_off();
    first.follows(&pulls("ErrImagePull", NOT_FOUND));
    let mut later = back_off();
    later.follows(&first);
    for pod in [first, later] {
        let trouble = pod.trouble().unwrap();
        assert_eq!((trouble.weight, trouble.reason), (Weight::Final, Reason::ImagePullBackOff));
        let told = trouble.account.to_string();
        assert!(told.ends_with(&format!("\"web:1.1.0\": ErrImagePull: {NOT_FOUND}")), "{told}");
    }
    let mut passes = back_off();
    passes.follows(&pulls("ErrImagePull", "429 Too Many Requests"));
    assert!(!is_final_after(&passes, Some(900)));
    let mut other = back_off();
    other.images = Arc::from([("web".into(), "web:1.2.0".into())]);
    other.follows(&pulls("ErrImagePull", NOT_FOUND));
    assert!(!is_final_after(&other, Some(900)), "another image, of a pod of the same name");
}

#[test]
fn what_is_made_to_end_is_tried_again_whatever_ends_it() {
    let of = |container| pod(vec![container]).trouble_by(Sight { ends: true, now: None }).unwrap().weight;
    let crash = || said("CrashLoopBackOff", "back-off 10s restarting failed container=web pod=web-1");
    let exec = "failed to create shim task: exec: \"/app\": exec format error: unknown";
    assert_eq!(of(container(crash(), 5, exit(1, "Error", ""))), Weight::Passing);
    assert_eq!(of(container(crash(), 5, exit(137, "OOMKilled", ""))), Weight::Passing);
    assert_eq!(of(container(crash(), 1, exit(128, "StartError", exec))), Weight::Final);
    assert_eq!(of(container(said("InvalidImageName", ""), 0, None)), Weight::Final);
    let root = said("CreateContainerConfigError", "container has runAsNonRoot and image will run as root");
    assert_eq!(of(container(root, 0, None)), Weight::Final);
    assert_eq!(of(container(said("ImagePullBackOff", NOT_FOUND), 0, None)), Weight::Final);
}

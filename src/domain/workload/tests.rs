use super::*;

/// A Deployment `shop/web` whose first container is `web`.
pub(crate) fn workload(images: &[(&str, &str)], annotations: &[(&str, &str)]) -> Workload {
    let mut annotations: Vec<(Box<str>, Box<str>)> =
        annotations.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    annotations.sort();
    Workload {
        id: WorkloadId { namespace: "shop".into(), kind: Kind::Deployment, name: "web".into(), uid: "uid-1".into() },
        resource_version: 1,
        generation: 1,
        annotations: annotations.into(),
        change_cause: None,
        // As a Deployment is by its controller.
        is_annotated: true,
        inherited: None,
        template_names: Box::default(),
        containers: images.iter().map(|(name, image)| Container::main(name, image)).collect(),
        pull_secrets: Box::default(),
        service_account: None,
        nodes: None,
        rollout: Rollout::Complete,
        template_by_others: None,
        made: None,
        rest_of_template: 0,
        paused: false,
        owner: None,
    }
}

#[test]
fn two_pod_templates_that_say_the_same_have_one_hash() {
    let before = workload(&[("web", "web:1.0.0"), ("log", "log:1.0.0")], &[]);
    let after = workload(&[("web", "web:1.0.1"), ("log", "log:1.0.0")], &[("mode", "DISABLED")]);
    assert_eq!(before.template_hash(&[("web", "web:1.0.1")]), after.template_hash(&[]));
    assert_ne!(before.template_hash(&[]), after.template_hash(&[]));
    assert_ne!(before.template_hash(&[("log", "web:1.0.1")]), after.template_hash(&[]));
    let edited = Workload { rest_of_template: 1, ..after.clone() };
    assert_ne!(edited.template_hash(&[]), after.template_hash(&[]));
}

#[test]
fn state_of_other_containers_carries_their_name() {
    let workload = workload(&[("web", "web:1.0.0"), ("log", "log:1.0.0")], &[("current-version.log", "1.0.0")]);
    assert_eq!(workload.state_key("current-version", "web"), "current-version");
    assert_eq!(workload.state("current-version", "log"), Some("1.0.0"));
    assert_eq!(workload.state("current-version", "web"), None);
}

/// The same with init containers and sidecars.
pub(crate) fn with_init(mut workload: Workload, more: &[(&str, &str, Place)]) -> Workload {
    let more = more.iter().map(|(name, image, place)| Container { place: *place, ..Container::main(name, image) });
    workload.containers = workload.containers.into_iter().chain(more).collect();
    workload
}

#[test]
fn a_container_stands_in_its_own_list() {
    let workload = with_init(
        workload(&[("web", "web:1.0.0"), ("log", "log:1.0.0")], &[]),
        &[("migrate", "web:1.0.0", Place::Init), ("proxy", "proxy:2.0.0", Place::Sidecar)],
    );
    let stands = |name| workload.container(name).map(|(index, found)| (index, found.place.list()));
    assert_eq!(stands("log"), Some((1, "containers")));
    assert_eq!(stands("migrate"), Some((0, "initContainers")));
    assert_eq!(stands("proxy"), Some((1, "initContainers")));
    assert_eq!(stands("gone"), None);
    assert_eq!(workload.state_key("history", "web"), "history");
    assert_eq!(workload.state_key("proposal", "migrate"), "proposal.migrate");
}

#[test]
fn an_init_container_is_never_the_first() {
    let alone = with_init(workload(&[("web", "web:1.0.0")], &[]), &[("migrate", "web:1.0.0", Place::Init)]);
    let mut other = alone.clone();
    other.containers.reverse();
    for workload in [alone, other] {
        assert_eq!(workload.state_key("proposal", "web"), "proposal");
        assert_eq!(workload.state_key("proposal", "migrate"), "proposal.migrate");
    }
}

#[test]
fn what_runs_one_release_moves_together() {
    let workload = with_init(
        workload(&[("web", "web:1.0.0"), ("log", "log:1.0.0"), ("worker", "docker.io/library/web:1.0.0")], &[]),
        &[
            (
                "migrate",
                "web:1.0.0@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                Place::Init,
            ),
            ("old", "web:0.9.0", Place::Init),
            ("broken", "We:b", Place::Init),
            ("other", "We:b", Place::Sidecar),
        ],
    );
    let names = |name: &str| workload.together(name).iter().map(|c| c.name.to_string()).collect::<Vec<_>>();
    let all = ["web", "worker", "migrate"];
    assert!(all.iter().all(|name| names(name) == all), "{:?}", names("migrate"));
    assert_eq!(names("old"), ["old"]);
    assert_eq!(names("broken"), ["broken"], "what can't be read is not known to be the same");
    assert!(names("gone").is_empty());
}

#[test]
fn the_first_whose_image_can_be_read_is_found() {
    let first = |images: &[(&str, &str)]| workload(images, &[]).first_readable().map(str::to_owned);
    assert_eq!(first(&[("a", "We:b"), ("b", "web:1"), ("c", "web:1")]).as_deref(), Some("b"));
    assert_eq!(first(&[("a", "We:b")]), None);
}

#[test]
fn a_kind_is_read_by_each_of_its_names() {
    for kind in Kind::ALL {
        for name in [kind.as_str().to_owned(), kind.plural().to_uppercase(), kind.short().to_owned()] {
            assert_eq!(Kind::named(&format!("{name}.{}", kind.group())), Some(kind), "{name}");
        }
    }
    assert_eq!((Kind::named(""), Kind::named("pods")), (None, None));
    let versions = Kind::ALL.map(Kind::api_version);
    assert_eq!(versions, ["apps/v1", "apps/v1", "apps/v1", "batch/v1", "argoproj.io/v1alpha1"]);
    assert_eq!(Kind::plurals(), "deployments, statefulsets, daemonsets, cronjobs and rollouts");
}

#[test]
fn what_is_signed_of_a_kind_stays_as_it_is() {
    let signed = Kind::ALL.map(Kind::signed);
    let others = ["apps/DaemonSet", "batch/CronJob", "argoproj.io/Rollout"];
    assert_eq!(signed[..2], ["apps/v1/Deployment", "apps/v1/StatefulSet"]);
    assert_eq!(signed[2..], others);
}

#[test]
fn a_volume_is_no_container_of_its_name() {
    let mut workload = workload(&[("model", "web:1.0.0")], &[("mode.volume.model", "DISABLED")]);
    let volume = Container::volume("model", "web:1.0.0", 3);
    workload.containers = workload.containers.into_iter().chain([volume]).collect();
    let stands = |name| workload.container(name).map(|(index, found)| (index, found.place.list()));
    assert_eq!(stands("model"), Some((0, "containers")));
    assert_eq!(stands("volume.model"), Some((3, "volumes")));
    assert_eq!(workload.state_key("mode", "volume.model"), "mode.volume.model");
    assert_eq!(Place::Volume(3).entry("volume.model"), "model");
    assert!(Place::Volume(3).may_hold("volume.model") && Place::Main.may_hold("model"));
    assert!(!Place::Volume(3).may_hold("model") && !Place::Init.may_hold("volume.model"));
    assert!(workload.moves_with("model", "volume.model") && !workload.moves_with("model", "log"));
    let together: Vec<_> = workload.together("model").iter().map(|found| &*found.name).collect();
    assert_eq!(together, ["model", "volume.model"]);
}

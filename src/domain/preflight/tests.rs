use super::image::Entry;
use super::*;

/// What is told of a version that starts.
pub(crate) fn looked_at() -> Preflight {
    let changes = Changes {
        user: Some(FromTo { from: "root".into(), to: "1000".into() }),
        size: Some((12_300_000, 13_000_000)),
        ..Changes::default()
    };
    Preflight {
        platforms: Some(PlatformsOf::Nodes),
        blobs: Some(5),
        configuration: true,
        dry_run: Some(DryRun::Passed),
        changes: Some(changes),
    }
}

fn platform(text: &str) -> Platform {
    Platform::try_from(text.to_owned()).unwrap()
}

fn configuration(of: &str) -> Configuration {
    Configuration { platform: Some(platform(of)), command: vec!["/web".into()], ..Configuration::default() }
}

fn content(configuration: Configuration) -> Part {
    Part::Content(Box::new(Content { configuration: Some(configuration), size: 10, blobs: 2, missing: None }))
}

fn lone(configuration: Configuration) -> Found {
    Found::Image(Box::new(content(configuration)))
}

fn index(platforms: &[&str]) -> Found {
    Found::Index(platforms.iter().map(|of| Entry { platform: Some(platform(of)), part: None }).collect())
}

/// What is said of an image in a cluster of such nodes, in the place of one that runs.
fn judged(start: Start, nodes: Option<&[&str]>, found: &Found, running: Option<&Found>) -> Result<Preflight, Flaw> {
    let cluster = nodes.map(|all| all.iter().map(|of| platform(of)).collect::<Vec<_>>());
    Pod { start, nodes: &Nodes::default(), cluster: cluster.as_deref() }.judge(found, running)
}

fn platforms(nodes: Option<&[&str]>, found: &Found, running: Option<&Found>) -> Result<Option<PlatformsOf>, String> {
    let judged = judged(Start::default(), nodes, found, running);
    judged.map(|it| it.platforms).map_err(|flaw| flaw.to_string())
}

#[test]
fn an_image_has_every_platform_of_the_nodes_or_else_of_what_runs() {
    use PlatformsOf::{Nodes, Running};
    let both = ["linux/amd64", "linux/arm64"];
    let lacks = |of: &str, words: &str| Err(format!("it is not built for {of}, {words}"));
    let of_nodes = "which nodes of this cluster have";
    assert_eq!(platforms(Some(&both), &index(&both), None), Ok(Some(Nodes)));
    assert_eq!(
        platforms(Some(&both), &index(&["linux/amd64"]), None),
        Ok(Some(Nodes)),
        "what runs may lack it as well"
    );
    assert_eq!(platforms(Some(&both), &index(&["linux/s390x"]), None), lacks("linux/amd64, linux/arm64", of_nodes));
    assert_eq!(platforms(Some(&both), &index(&["linux/amd64"]), Some(&index(&both))), lacks("linux/arm64", of_nodes));
    let (one, arm) = (index(&["linux/amd64"]), lone(configuration("linux/arm64")));
    assert_eq!(platforms(Some(&both), &one, Some(&one)), Ok(Some(Nodes)), "what runs does not run there either");
    assert_eq!(platforms(Some(&both[..1]), &arm, Some(&one)), lacks("linux/amd64", of_nodes), "a lone manifest");
    assert_eq!(platforms(Some(&both[..1]), &arm, None), lacks("linux/amd64", of_nodes));
    assert_eq!(platforms(None, &one, Some(&index(&both))), lacks("linux/arm64", "as what runs is"));
    assert_eq!(platforms(None, &index(&both), Some(&one)), Ok(Some(Running)));
    assert_eq!(platforms(None, &one, Some(&lone(configuration("linux/amd64")))), Ok(Some(Running)));
    assert_eq!(platforms(None, &one, None), Ok(None));
    assert_eq!(platforms(Some(&[]), &one, None), Ok(None), "no node says nothing");
    let any = Found::Index(vec![Entry { platform: None, part: None }]);
    assert_eq!(platforms(Some(&both), &any, None), Ok(None), "an entry without platform is for each node");
    assert_eq!(
        platforms(Some(&both), &lone(Configuration { platform: None, ..configuration(both[0]) }), None),
        Ok(None)
    );
}

#[test]
fn only_nodes_that_the_pod_may_go_to_count() {
    let cluster = [platform("linux/amd64"), platform("linux/arm64"), platform("windows/amd64")];
    let judged = |nodes: &Nodes, cluster: Option<&[Platform]>, running: Option<&Found>| {
        let pod = Pod { start: Start::default(), nodes, cluster };
        pod.judge(&index(&["linux/amd64"]), running).is_ok()
    };
    let chosen = |os: &[&str], architecture: &[&str]| {
        let names = |all: &[&str]| all.iter().map(|name| Box::from(*name)).collect();
        Nodes { os: names(os), architecture: names(architecture) }
    };
    let everywhere = index(&["linux/amd64", "linux/arm64"]);
    assert!(!judged(&Nodes::default(), Some(&cluster), Some(&everywhere)));
    assert!(!judged(&chosen(&["linux"], &[]), Some(&cluster), Some(&everywhere)));
    assert!(!judged(&chosen(&["windows"], &[]), Some(&cluster), None), "it runs nowhere");
    assert!(judged(&chosen(&["linux"], &["amd64"]), Some(&cluster), None));
    assert!(judged(&chosen(&["linux"], &["s390x"]), Some(&cluster), None), "there is no such node");
    let runs = index(&["linux/amd64", "linux/arm64"]);
    assert!(judged(&chosen(&[], &["amd64"]), None, Some(&runs)) && !judged(&Nodes::default(), None, Some(&runs)));
}

#[test]
fn what_is_not_there_is_a_flaw_and_what_is_not_known_is_none() {
    let of = |found: Found| judged(Start::default(), None, &found, None);
    assert_eq!(of(Found::Nothing), Err(Flaw::NoManifest));
    assert_eq!(of(Found::Schema1), Err(Flaw::Schema1));
    assert_eq!(of(Found::TooLarge(5)), Err(Flaw::TooLarge(5)));
    assert_eq!(of(Found::AnotherDigest), Err(Flaw::AnotherDigest));
    let part = |part: Part| Found::Index(vec![Entry { platform: None, part: Some(part) }]);
    assert_eq!(of(part(Part::NoManifest)), Err(Flaw::NoImage));
    let missing = Digest::of(b"layer");
    let lacking = Content { missing: Some(missing.clone()), ..Content::default() };
    assert_eq!(of(part(Part::Content(Box::new(lacking)))), Err(Flaw::NoBlob(missing)));
    let unread = of(part(Part::Content(Box::default()))).unwrap();
    assert_eq!(unread, Preflight::default(), "nothing could be asked for");
    assert_eq!(unread.to_string(), "platforms not known; blobs not known; user and command not known");
}

#[test]
fn what_changes_is_told_of_the_same_platform() {
    let of = |platform: &str, user: &str| content(Configuration { user: user.into(), ..configuration(platform) });
    let entry = |part| Entry { platform: None, part: Some(part) };
    let found = |all: Vec<Part>| Found::Index(all.into_iter().map(entry).collect());
    let changes = |from: Vec<Part>, to: Vec<Part>| {
        let judged = judged(Start::default(), None, &found(to), Some(&found(from)));
        judged.unwrap().changes.map(|changes| changes.to_string())
    };
    let (amd64, arm64) = ("linux/amd64", "linux/arm64");
    let both = |one: &str, other: &str| vec![of(amd64, one), of(arm64, other)];
    assert_eq!(changes(both("1", "2"), both("1", "2")).as_deref(), Some(""), "nothing does");
    assert_eq!(changes(both("1", "2"), vec![of(arm64, "3")]), Some("user 2 → 3".into()));
    assert_eq!(changes(vec![of(amd64, "1")], vec![of(arm64, "3")]), Some("user 1 → 3".into()), "the first of each");
    assert_eq!(changes(Vec::new(), both("1", "2")), None);
    let looked_at = judged(Start::default(), None, &lone(configuration(amd64)), None).unwrap().to_string();
    assert_eq!(looked_at, "platforms not known; all 2 blobs there; user and command fit");
    let told = super::tests::looked_at();
    let words = "platforms of the nodes; all 5 blobs there; user and command fit; a dry run of the write passes";
    assert!(!told.is_empty() && told.to_string().starts_with(words), "{told}");
    let empty = judged(Start::default(), None, &Found::Index(Vec::new()), None).unwrap();
    assert!(empty.is_empty(), "nothing was looked at: {empty}");
}

#[test]
fn an_image_is_in_doubt_where_a_node_could_not_take_it() {
    let doubts = |nodes: &[&str], found: &Found| {
        let cluster: Vec<Platform> = nodes.iter().map(|of| platform(of)).collect();
        Pod { start: Start::default(), nodes: &Nodes::default(), cluster: Some(&cluster) }.is_in_doubt(found)
    };
    let both = ["linux/amd64", "linux/arm64"];
    assert!(doubts(&both, &index(&both[..1])) && doubts(&both, &index(&["linux/s390x", "linux/arm64"])));
    assert!(!doubts(&both, &index(&both)) && !doubts(&both[..1], &index(&both)));
    assert!(!doubts(&both, &Found::Nothing) && !doubts(&[], &index(&both)), "of what is not known there is no doubt");
    let cluster = [platform(both[1]), platform(both[0]), platform(both[1])];
    let pod = Pod { start: Start::default(), nodes: &Nodes::default(), cluster: Some(&cluster) };
    assert_eq!(pod.platforms(), Some(both.map(platform).to_vec()), "each once");
    assert!(pod.nodes.is_any());
    let chosen = Nodes { os: ["linux".into()].into(), architecture: ["arm64".into(), "amd64".into()].into() };
    assert!(chosen.take(&cluster[1]) && !chosen.is_any());
    assert!(!Nodes { architecture: Box::default(), ..chosen.clone() }.is_any());
    assert!(!Nodes { os: Box::default(), ..chosen }.is_any());
}

#[test]
fn what_the_registry_may_have_in_a_moment_may_pass() {
    let lacks = || Flaw::NoBlob(Digest::of(b"layer"));
    assert!([Flaw::NoManifest, Flaw::NoImage, lacks()].iter().all(Flaw::may_pass));
    assert!(![Flaw::AnotherDigest, Flaw::Schema1, Flaw::NoCommand].iter().any(Flaw::may_pass));
    let tag = crate::domain::reference::Tag::parse("1.3.0").unwrap();
    let unfit = |flaw| Unfit { tag: tag.clone(), digest: Digest::of(b"new"), flaw }.to_string();
    assert_eq!(unfit(Flaw::Admission("quota".into())), "the API server refuses to write 1.3.0: quota");
    assert_eq!(unfit(Flaw::Admission(String::new())), "the API server refuses to write 1.3.0");
    assert_eq!(Flaw::Admission(String::new()).to_string(), "the API server refuses to write it");
    let would_not = unfit(Flaw::User(WrongUser::Invalid("-1".into())));
    let words = "the pod sets runAsNonRoot, and the image runs as -1, which is no user";
    assert_eq!(would_not, format!("1.3.0 would not start: {words}"));
}

#[test]
fn a_line_of_a_stranger_is_cut_and_shows_what_it_hides() {
    use super::image::line;
    assert_eq!(line("a\n\u{1b}b"), "a\u{fffd}\u{fffd}b");
    let long = "é".repeat(5000);
    let cut = line(&long);
    assert!(cut.ends_with("é…") && cut.len() <= 100 + "…".len(), "{}", cut.len());
    let fits: String = cut.chars().take(cut.chars().count() - 1).collect();
    assert_eq!(line(&fits), fits);
}

#[test]
fn something_has_to_be_run() {
    let start = |has_command, has_args| Start { has_command, has_args, ..Start::default() };
    let image = |entrypoint: &[&str], command: &[&str]| {
        let words = |all: &[&str]| all.iter().map(|word| (*word).to_owned()).collect();
        lone(Configuration { entrypoint: words(entrypoint), command: words(command), ..configuration("linux/amd64") })
    };
    for (start, found, starts) in [
        (start(false, false), image(&["/web"], &[]), true),
        (start(false, false), image(&[], &["/web"]), true),
        (start(false, false), image(&[], &[]), false),
        (start(true, false), image(&[], &[]), true),
        (start(false, true), image(&[], &[]), true),
        (start(true, true), image(&["/web"], &["x"]), true),
    ] {
        let judged = judged(start, None, &found, None);
        assert_eq!(judged.err(), (!starts).then_some(Flaw::NoCommand), "{start:?} {found:?}");
    }
}

#[test]
fn the_user_is_judged_but_not_on_windows() {
    let start = Start { non_root: true, ..Start::default() };
    let of = |os: &str| judged(start, None, &lone(configuration(os)), None);
    assert_eq!(of("linux/amd64"), Err(Flaw::User(WrongUser::Root)));
    let fine = of("windows/amd64").unwrap();
    assert_eq!((fine.blobs, fine.configuration), (Some(2), true));
}

#[test]
fn a_flaw_outlives_the_process() {
    let lacks = vec![platform("linux/arm/v7")];
    for (flaw, stored) in [
        (Flaw::NoManifest, r#""noManifest""#),
        (
            Flaw::NoPlatform { lacks, of: PlatformsOf::Running },
            r#"{"noPlatform":{"lacks":["linux/arm/v7"],"of":"running"}}"#,
        ),
        (Flaw::User(WrongUser::Named("node".into())), r#"{"user":{"named":"node"}}"#),
        (Flaw::Admission("no".into()), r#"{"admission":"no"}"#),
    ] {
        assert_eq!(serde_json::to_string(&flaw).unwrap(), stored);
        assert_eq!(serde_json::from_str::<Flaw>(stored).unwrap(), flaw);
    }
    let preflight = Preflight {
        platforms: Some(PlatformsOf::Nodes),
        blobs: Some(3),
        configuration: true,
        dry_run: Some(DryRun::Warned(vec!["would violate PodSecurity".into()])),
        changes: Some(Changes::default()),
    };
    let stored = serde_json::to_string(&preflight).unwrap();
    assert_eq!(serde_json::from_str::<Preflight>(&stored).unwrap(), preflight);
    assert!(preflight.to_string().ends_with("; warning: would violate PodSecurity"), "{preflight}");
}

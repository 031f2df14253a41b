//! What settings come to, whoever says them.

use super::*;
use crate::domain::policy::Steps;
use crate::domain::workload::tests::workload;

fn bounds(forced: Forced) -> Bounds {
    Bounds { forced, channels: Some(["email".to_owned(), "oncall".to_owned()].into()) }
}

fn read(annotations: &[(&str, &str)], forced: Forced) -> Result<Settings, Problems> {
    Settings::read(&workload(&[("web", "web:1.0.0")], annotations), "web", &bounds(forced))
}

#[test]
fn the_stronger_word_wins() {
    let all = [("mode", "DISABLED"), ("mode.web", "auto_update"), ("strategy", "PATCH")];
    let own = read(&all, Forced::default()).unwrap();
    assert_eq!((own.mode, own.policy.strategy), (Mode::AutoUpdate, Strategy::Patch));
    let forced = read(&all, Forced { mode: Some(Mode::Notification), strategy: Some(Strategy::Minor) }).unwrap();
    assert_eq!((forced.mode, forced.policy.strategy), (Mode::Notification, Strategy::Minor));
    let nothing = read(&[], Forced::default()).unwrap();
    assert_eq!((nothing.mode, nothing.policy.strategy), (Mode::Notification, Strategy::All));
}

#[test]
fn what_is_skipped_is_a_version_or_what_a_tag_points_to() {
    use super::super::reference::Digest;
    let skips = |value: &str| read(&[("skip", value)], Forced::default()).map(|it| it.policy.skip);
    let digest = Digest::of(b"one");
    let both = format!("latest@{digest}, 1.2.3");
    assert_eq!(skips(&both).unwrap(), [format!("latest@{digest}"), "1.2.3".to_owned()]);
    for bad in [".x", "latest@", "latest@sha256:1", &format!("@{digest}"), &format!("a@b@{digest}")] {
        let told = skips(&format!("1.2.3,{bad},-y")).unwrap_err().to_string();
        let shown: String = bad.chars().take(64).collect();
        assert!(told.contains(&format!("{shown:?}")) && !told.contains("-y"), "the first of them: {told}");
    }
    let flaw = |running: &str, skip: &str| {
        let image = format!("web:{running}");
        flaw(&workload(&[("web", &image)], &[("skip", skip)]), "web").map(|flaw| flaw.to_string())
    };
    for (running, skip, meant) in [
        ("1.2.3", "1.3.0,v1.4.0", Some("1.4.0")),
        ("v1.2.3", "v1.3.0,1.4.0", Some("v1.4.0")),
        ("1.2.3", "1.3.0,vx,latest", None),
        ("v1.2.3", "v1.3.0,latest", None),
        ("vx", "1.3.0", None),
        ("latest", "v1.3.0", None),
        ("latest", "1.3.0", None),
    ] {
        let told = flaw(running, skip);
        assert_eq!(told.is_some(), meant.is_some(), "{running} {skip}: {told:?}");
        assert!(meant.is_none_or(|meant| told.unwrap_or_default().contains(meant)), "{running} {skip}");
    }
}

#[test]
fn what_failed_goes_back_by_itself_where_it_was_applied_by_itself_or_that_is_said() {
    let goes_back = |mode: &str, rollback: Option<&str>| {
        let said = rollback.map(|value| ("rollback", value));
        let all: Vec<_> = [("mode", mode)].into_iter().chain(said).collect();
        read(&all, Forced::default()).unwrap().goes_back()
    };
    assert!(goes_back("AUTO_UPDATE", None) && !goes_back("NOTIFICATION", None) && !goes_back("DISABLED", None));
    assert!(goes_back("NOTIFICATION", Some(" True ")) && !goes_back("AUTO_UPDATE", Some("false")));
    assert!(!goes_back("DISABLED", Some("true")), "what is left alone is left alone");
}

#[test]
fn a_fingerprint_changes_with_all_that_decides() {
    let of = |annotations: &[(&str, &str)]| Fingerprint::of(&workload(&[("web", "web:1.0.0")], annotations));
    let first = of(&[("mode", "AUTO_UPDATE"), ("skip", "1.2.3")]);
    assert_eq!(first.number(), 4_602_257_517_893_452_348, "records keep it");
    assert_eq!(first, Fingerprint::stored(first.number()));
    assert_eq!(first, of(&[("mode", " AUTO_UPDATE "), ("skip", "1.2.3")]));
    for more in ["notify", "release-url", "history", "proposal.web"] {
        assert_eq!(first, of(&[("mode", "AUTO_UPDATE"), ("skip", "1.2.3"), (more, "x")]), "{more}");
    }
    for other in [
        &[("mode", "AUTO_UPDATE")][..],
        &[("mode", "AUTO_UPDATE"), ("skip", "1.2.4")],
        &[("mode", "AUTO_UPDATE"), ("skip.web", "1.2.3")],
        &[("mode", "AUTO_UPDATE"), ("skip", "1.2.3"), ("stategy", "PATCH")],
        &[("mode", "AUTO_UPDATEs"), ("kip", "1.2.3")],
    ] {
        assert_ne!(first, of(other), "{other:?}");
    }
    let on_template = Workload {
        template_names: ["mode".into()].into(),
        ..workload(&[("web", "web:1.0.0")], &[("mode", "AUTO_UPDATE"), ("skip", "1.2.3")])
    };
    assert_ne!(first, Fingerprint::of(&on_template));
}

#[test]
fn a_group_is_of_versions() {
    let two = |annotations: &[(&str, &str)]| {
        let workload = workload(&[("web", "web:1.0.0"), ("log", "log:1.0.0")], annotations);
        Settings::read(&workload, "web", &bounds(Forced::default())).err().map(|it| it.to_string())
    };
    let told = two(&[("group", "shop"), ("track", "digest")]).unwrap();
    assert_eq!(told.matches("image-watcher/group").count(), 1, "each setting once: {told}");
    assert!(two(&[("group.web", "shop"), ("track.log", "digest")]).is_none());
    assert!(two(&[("group", "shop"), ("track", "version")]).is_none());
    assert!(two(&[("steps", "minor"), ("tag-policy", "glob:*"), ("tag-order", "semver")]).is_none());
}

#[test]
fn channels_are_named_by_a_container_or_by_all() {
    let of = |annotations: &[(&str, &str)]| channels(&workload(&[("web", "web:1.0.0")], annotations), "web");
    assert_eq!(of(&[("notify", "email"), ("notify.web", "oncall, x")]).unwrap(), ["oncall", "x"]);
    assert_eq!((of(&[("notify", "email")]), of(&[])), (Some(vec!["email".to_owned()]), None));
    assert_eq!(of(&[("notify", " , ")]), None, "what is told of what is under way goes to all rather than to nobody");
    let unknown = read(&[("notify", "email,slack,pager")], Forced::default()).unwrap_err().to_string();
    assert!(unknown.contains("slack") && !unknown.contains("pager"), "the first of them: {unknown}");
    let many: Vec<String> = (1..=12).map(|number| format!("c{number}")).collect();
    let told = |known: &[String]| tried("notify", "wh", Some(known)).unwrap_err().to_string();
    assert!(told(&many).ends_with("choose from c1, c2, c3, c4, c5, c6, c7, c8, and 4 more"), "{}", told(&many));
    assert!(told(&many[..8]).ends_with("c7, c8"), "{}", told(&many[..8]));
}

#[test]
fn what_cannot_be_read_names_itself() {
    let cases = [
        ("strategy", "PACTH", r#"image-watcher/strategy: "PACTH" is none of ALL, MAJOR, MINOR, PATCH"#),
        ("mode.web", "yes", r#"image-watcher/mode.web: "yes" is none of AUTO_UPDATE, NOTIFICATION, DISABLED"#),
        ("prerelease", "1", r#"image-watcher/prerelease: "1" is none of true, false"#),
        ("include", "(", "image-watcher/include: unclosed group"),
        (
            "cooldown",
            "a day",
            "image-watcher/cooldown: \"a day\" is no duration; write numbers with their units, as 30m, 24h, 7d or 1d12h, up to 365 days",
        ),
        (
            "tag-policy",
            "build-*",
            "image-watcher/tag-policy: write semver:, glob: or regex: before it, as in semver:>=1.2, <2 or glob:build-*",
        ),
        (
            "tag-order",
            "numeric",
            "image-watcher/tag-order: it orders what image-watcher/tag-policy matches, which is not set",
        ),
    ];
    for (name, value, expected) in cases {
        assert_eq!(read(&[(name, value)], Forced::default()).unwrap_err().to_string(), expected);
    }
    let long = read(&[("exclude", &"a".repeat(10_000))], Forced::default()).unwrap_err().to_string();
    assert_eq!(long, "image-watcher/exclude: a pattern has at most 1024 bytes, this one 10000");
    assert!(read(&[("include", "((a{100}){100}){100}")], Forced::default()).is_err(), "too large when compiled");
    let lists = read(&[("skip", " 1.2.3, ,1.2.4"), ("notify.web", "email")], Forced::default()).unwrap();
    assert_eq!(lists.policy.skip, ["1.2.3", "1.2.4"]);
    assert_eq!(lists.notify, Some(vec!["email".to_owned()]));
    assert_eq!(read(&[], Forced::default()).unwrap().notify, None);
    let url = read(&[("release-url", "https://example.com/v${tag}")], Forced::default()).unwrap().release_url;
    let tag = super::super::reference::Tag::parse("1.2.3").unwrap();
    assert_eq!(url.unwrap().for_tag(tag.as_str()), "https://example.com/v1.2.3");
    let known = r#"{"1.1.0":"2026-01-01T00:00:00Z"}"#;
    let waiting = read(&[("cooldown.web", "24h")], Forced::default()).unwrap();
    let waiting = waiting.knowing(&serde_json::from_str(known).unwrap());
    assert!(waiting.policy.cooldown.unwrap().known().since("1.1.0").is_some());
    assert!(read(&[("tag-policy", "glob:build-*")], Forced::default()).unwrap().policy.selection.is_some());
}

#[test]
fn what_is_empty_is_no_value_of_any_setting() {
    for setting in Setting::ALL {
        for empty in ["", " ", ","] {
            let one = workload(&[("web", "web:1.0.0")], &[(setting.as_str(), empty)]);
            let told = problems(&one, &Bounds::default()).map(|it| it.to_string());
            let told = told.or_else(|| flaw(&one, "web").map(|it| it.to_string()));
            // A comma is a pattern like any other.
            let is_pattern = empty == "," && matches!(setting, Setting::Include | Setting::Exclude)
                // An empty list rules nothing out.
                || matches!(setting, Setting::Skip);
            assert_eq!(told.is_none(), is_pattern, "{} {empty:?}: {told:?}", setting.as_str());
            let is_for_all = tried(setting.as_str(), empty, None).is_ok();
            assert_eq!(is_for_all, is_pattern, "by a rule: {} {empty:?}", setting.as_str());
        }
    }
    let told = read(&[("exclude", "")], Forced::default()).unwrap_err().to_string();
    assert_eq!(told, "image-watcher/exclude: it is empty; write a value, or remove it");
}

#[test]
fn a_release_url_that_cannot_be_read_stops_nothing() {
    let broken =
        workload(&[("web", "web:1.0.0")], &[("release-url", "https://example.com/notes"), ("mode", "AUTO_UPDATE")]);
    let settings = Settings::read(&broken, "web", &Bounds::default()).unwrap();
    assert!(settings.release_url.is_none() && settings.mode == Mode::AutoUpdate);
    let told = flaw(&broken, "web").unwrap().to_string();
    assert!(told.starts_with("image-watcher/release-url: ${tag} or ${version} is missing"), "{told}");
    assert_eq!(flaw(&workload(&[("web", "web:1.0.0")], &[]), "web"), None);
}

#[test]
fn everything_that_is_not_understood_is_told_at_once() {
    let mut both = workload(
        &[("web", "web:1.0.0"), ("log", "log:1.0.0")],
        &[
            ("approvals", "0"),
            ("history", "[]"),
            ("held.gone", "1.0.0"),
            ("mode", "AUTO_UPDATE"),
            ("mode.lgo", "DISABLED"),
            ("notify.log", "email, oncal"),
            ("stategy", "PATCH"),
            ("strategy.log", "PACTH"),
            ("tag-order.log", "numeric"),
            ("colour", "red"),
        ],
    );
    both.template_names = ["mode".into()].into();
    let expected = problems(&both, &bounds(Forced::default())).unwrap().to_string();
    for container in ["web", "log"] {
        let told = Settings::read(&both, container, &bounds(Forced::default())).unwrap_err();
        assert_eq!(told.to_string(), expected);
        assert_eq!(told.iter().count(), 8);
    }
    let elsewhere = problems(&both, &Bounds::default()).unwrap();
    assert_eq!(elsewhere.iter().count(), 7, "where channels are not known, any name may be one");
    assert_eq!(channels(&both, "log"), Some(vec!["email".to_owned(), "oncal".to_owned()]));
}

#[test]
fn every_setting_of_a_container_has_two_names() {
    let names: Vec<String> = names("web").collect();
    assert_eq!(names.len(), 2 * Setting::ALL.len());
    assert!(names.iter().all(|name| matches!(name::read(name).0, Meaning::Setting(_))));
    assert!(names.contains(&"mode".to_owned()) && names.contains(&"cooldown.web".to_owned()));
}

#[test]
fn an_order_needs_its_pattern() {
    let fits = |annotations: &[(&str, &str)]| {
        let both = workload(&[("web", "web:1.0.0"), ("log", "log:1.0.0")], annotations);
        Settings::read(&both, "web", &Bounds::default()).is_ok()
    };
    assert!(fits(&[("tag-order", "numeric"), ("tag-policy.log", "glob:*")]));
    assert!(fits(&[("tag-order.web", "numeric"), ("tag-policy", "glob:*")]));
    assert!(!fits(&[("tag-order.web", "numeric"), ("tag-policy.log", "glob:*")]));
}

#[test]
fn steps_are_of_versions() {
    let told = |annotations: &[(&str, &str)]| {
        let both = workload(&[("web", "web:1.0.0"), ("log", "log:1.0.0")], annotations);
        Settings::read(&both, "web", &Bounds::default()).map(|it| it.policy.steps).map_err(|it| it.to_string())
    };
    assert_eq!(told(&[("steps", "MAJOR")]), Ok(Some(Steps::Major)));
    assert_eq!(told(&[("steps", "major"), ("steps.web", "minor"), ("tag-policy", "semver:*")]), Ok(Some(Steps::Minor)));
    let numeric = [("steps", "major"), ("tag-policy", "glob:*"), ("tag-order", "numeric")];
    let expected = "image-watcher/steps: it is about versions, and image-watcher/tag-order is numeric; use tag-order semver, or remove it";
    assert_eq!(told(&numeric), Err(expected.to_owned()), "told once, whichever containers it is about");
    let other = [("steps.log", "major"), ("tag-policy.web", "glob:*"), ("tag-order.web", "numeric")];
    assert_eq!(told(&other), Ok(None));
}

#[test]
fn what_is_told_is_bounded() {
    let names: Vec<String> = (0..300).map(|n| format!("n{n}{}", "x".repeat(200))).collect();
    let annotations: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let told = read(&annotations, Forced::default()).unwrap_err().to_string();
    assert!(told.len() < 1500 && told.ends_with("; and 290 more"), "{told}");
}

/// A workload with these annotations as they are remembered, and so many containers beside the first.
fn remembered(annotations: &[(&str, &str)], more: usize) -> Workload {
    let names: Vec<String> = (0..more).map(|n| format!("c{n}")).collect();
    let others = names.iter().map(|name| (name.as_str(), "web:1.0.0"));
    let images: Vec<_> = [("web", "web:1.0.0")].into_iter().chain(others).collect();
    let annotations = super::super::kept::kept(annotations.to_vec());
    Workload { annotations, ..workload(&images, &[]) }
}

#[test]
fn a_list_that_was_cut_is_no_list() {
    let long = "1.0.0,".repeat(1000);
    let error = problems(&remembered(&[("skip", &long)], 0), &Bounds::default()).unwrap().to_string();
    assert_eq!(error, "image-watcher/skip: a setting has at most 2048 bytes");
    let url = remembered(&[("release-url", &long)], 0);
    assert!(Settings::read(&url, "web", &Bounds::default()).is_ok());
    let flaw = flaw(&url, "web").unwrap().to_string();
    assert_eq!(flaw, "image-watcher/release-url: a setting has at most 2048 bytes");
}

#[test]
fn who_writes_too_much_is_told_and_left_alone() {
    let names: Vec<String> = (0..20).map(|n| format!("proposal.c{n}")).collect();
    let long = "x".repeat(5000);
    let all = |mode| -> Vec<_> {
        let proposals = names.iter().map(|name| (name.as_str(), long.as_str()));
        proposals.chain([("mode", mode)]).collect()
    };
    let told = |mode, forced| {
        let bounds = Bounds { forced: Forced { mode: forced, strategy: None }, channels: None };
        problems(&remembered(&all(mode), 20), &bounds).map(|problems| problems.iter().cloned().collect::<Vec<_>>())
    };
    assert_eq!(told("AUTO_UPDATE", None), Some(vec![Problem::TooMuch]));
    assert_eq!(told("DISABLED", None), None, "nothing is decided of it");
    assert_eq!(told("DISABLED", Some(Mode::AutoUpdate)), Some(vec![Problem::TooMuch]));
    let many = |more| problems(&remembered(&[("mode", "DISABLED")], more), &Bounds::default());
    assert_eq!(many(49), None);
    assert_eq!(many(50).unwrap().to_string(), "at most 50 containers of a workload are watched, and this one has more");
}

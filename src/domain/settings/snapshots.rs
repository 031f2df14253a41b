//! What the author of an annotation is told that is not understood.

use super::*;
use crate::domain::kept::kept;
use crate::domain::workload::tests::workload;

const IMAGES: [(&str, &str); 2] = [("web", "shop/web:1.2.3"), ("log", "shop/log:1.0.0")];

fn told(workload: &Workload, bounds: &Bounds) -> String {
    problems(workload, bounds).map_or_else(|| "nothing".into(), |problems| problems.to_string())
}

fn named(channels: &[&str]) -> Bounds {
    Bounds { channels: Some(channels.iter().map(|name| (*name).to_owned()).collect()), ..Bounds::default() }
}

#[test]
fn an_annotation_that_is_not_understood() {
    let long = "a".repeat(1500);
    let cases = [
        ("mode", "SOMETIMES"),
        ("strategy", "PACTH"),
        ("prerelease", "maybe"),
        ("steps", "patch"),
        ("track", "moon"),
        ("tag-order", "magic"),
        ("tag-order", "NUMERICAL"),
        ("tag-policy", "build-*"),
        ("tag-policy", "regex:("),
        ("tag-policy", "regex:(a{1000}){1000}"),
        ("tag-policy", "regex:"),
        ("tag-policy", "regex:^build-(?P<ts>[0-9]+)$"),
        ("include", "("),
        ("exclude", long.as_str()),
        ("cooldown", "soon"),
        ("cooldown", "400d"),
        ("mod", "NOTIFICATION"),
        ("window", "Mon-Fri 8-17"),
        ("window", "Lundi 08:00-17:00"),
        ("window", "Mon-Fri 08:00-08:00 UTC"),
        ("window", "Mon-Fri 08:00-17:00 Paris"),
        ("group", "Shop"),
        ("approvals", "11"),
        ("mode.wbe", "DISABLED"),
        ("colour", "red"),
        ("notify", "pager"),
    ];
    let said = cases.map(|(name, value)| {
        let told = told(&workload(&IMAGES, &[(name, value)]), &named(&["email", "chat"]));
        format!("{name}: {}\n  {told}\n", value.chars().take(60).collect::<String>())
    });
    let said = said.concat();
    insta::assert_snapshot!(said);
}

#[test]
fn a_workload_that_is_not_understood() {
    let no_channel = told(&workload(&IMAGES, &[("notify", "pager")]), &named(&[]));
    let template = Workload { template_names: ["mode".into()].into(), ..workload(&IMAGES, &[]) };
    let names: Vec<String> = (0..=MOST_CONTAINERS).map(|number| format!("c{number}")).collect();
    let images: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "web:1")).collect();
    let several = [
        ("approvals", "two"),
        ("colour", "red"),
        ("mode", "SOMETIMES"),
        ("mode.lgo", "DISABLED"),
        ("notify.log", "email, oncal"),
        ("stategy", "PATCH"),
        ("strategy.log", "PACTH"),
        ("tag-order.log", "numeric"),
    ];
    let (value, keys) = ("v".repeat(1500), (0..90).map(|number| format!("skip.c{number}")).collect::<Vec<_>>());
    let crowded = kept(keys.iter().map(|key| (key.as_str(), value.as_str())).collect());
    let twice = value.repeat(2);
    let too_long = kept(vec![("include", twice.as_str())]);
    let unknown: Vec<String> = (0..14).map(|number| format!("colour-{number}")).collect();
    let unknown: Vec<(&str, &str)> = unknown.iter().map(|name| (name.as_str(), "red")).collect();
    let with = |annotations| Workload { annotations, ..workload(&IMAGES, &[]) };
    let last = |text: String| text.rsplit("; ").next().map(str::to_owned).unwrap_or_default();
    let said = [
        ("no channel is configured", no_channel),
        ("an annotation of ours on the pod template", told(&template, &Bounds::default())),
        ("too many containers", told(&workload(&images, &[]), &Bounds::default())),
        ("several problems", told(&workload(&IMAGES, &several), &named(&["email", "oncall"]))),
        ("one setting is too long", told(&with(too_long), &Bounds::default())),
        ("too many problems to name all: the end", last(told(&workload(&IMAGES, &unknown), &Bounds::default()))),
        ("too many bytes", {
            let told = problems(&with(crowded), &Bounds::default()).unwrap();
            told.iter().find(|problem| **problem == Problem::TooMuch).unwrap().to_string()
        }),
    ];
    let said = said.map(|(name, told)| format!("{name}\n  {told}\n")).concat();
    insta::assert_snapshot!(said);
}

/// What stops nothing, and is told all the same.
#[test]
fn a_release_url_with_a_flaw() {
    let urls = [
        "https://example.com/releases",
        "https://example.com/${tga}",
        "http://example.com/${tag}",
        "https://user@example.com/${tag}",
        "https://10.0.0.1/${tag}",
        "https://${tag}.example.com/",
        "not a url ${tag}",
        "https://example.com/release notes/${tag}",
    ];
    let said = urls.map(|url| {
        let told = flaw(&workload(&IMAGES, &[("release-url", url)]), "web").map(|flaw| flaw.to_string());
        format!("{url}\n  {}\n", told.unwrap_or_else(|| "nothing".into()))
    });
    let said = said.concat();
    insta::assert_snapshot!(said);
}

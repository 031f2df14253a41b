use super::*;

pub(crate) fn labels(all: &[(&str, &str)]) -> Labels {
    all.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
}

pub(crate) fn named(all: &[(&str, &str)]) -> Vec<(Box<str>, Box<str>)> {
    all.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

fn wildcards(all: &[&str]) -> Box<[Wildcard]> {
    all.iter().map(|text| Wildcard::new(text)).collect()
}

fn needs(key: &str, operator: Operator) -> Selector {
    Selector::new(vec![Requirement { key: key.into(), operator }])
}

#[test]
fn a_star_stands_for_any_letters() {
    for (pattern, yes, no) in [
        ("shop", "shop", "shops"),
        ("team-*", "team-", "a-team-b"),
        ("*-prod", "eu-prod", "eu-prod-2"),
        ("a*b*c", "a.b.b.c", "a.c.b"),
        ("*", "", "none"),
        ("ab*ba", "abba", "aba"),
        ("registry.example.com/*/web", "registry.example.com/shop/web", "registry.example.com/web"),
    ] {
        let pattern = Wildcard::new(pattern);
        assert!(pattern.admits(yes), "{pattern:?} {yes}");
        assert!(pattern.as_str() == "*" || !pattern.admits(no), "{pattern:?} {no}");
    }
    let long = "a".repeat(50_000);
    assert!(!Wildcard::new(&format!("{}b", "a*".repeat(500))).admits(&long));
}

#[test]
fn a_selector_reads_labels_as_kubernetes_does() {
    let web = labels(&[("tier", "web")]);
    let values = |all: &[&str]| all.iter().map(|value| Box::from(*value)).collect();
    for (operator, of_web, of_none) in [
        (Operator::In(values(&["web", "db"])), true, false),
        (Operator::In(values(&["db"])), false, false),
        (Operator::NotIn(values(&["db"])), true, true),
        (Operator::NotIn(values(&["web"])), false, true),
        (Operator::Exists, true, false),
        (Operator::DoesNotExist, false, true),
    ] {
        let selector = needs("tier", operator);
        assert_eq!((selector.admits(&web), selector.admits(&Labels::new())), (of_web, of_none), "{selector:?}");
    }
    assert!(Selector::default().admits(&web));
}

#[test]
fn a_filter_of_namespaces_that_needs_labels_admits_none_whose_labels_are_not_known() {
    let all = NamespaceFilter::default();
    assert!(all.admits("shop", None) && all.named().is_none() && !all.reads_labels());
    let plain = NamespaceFilter { names: wildcards(&["shop", "ops"]), ..all.clone() };
    assert_eq!((plain.named(), plain.admits("blog", None)), (Some(vec!["shop".into(), "ops".into()]), false));
    let except = NamespaceFilter { except: wildcards(&["kube-*"]), ..all.clone() };
    assert!(except.admits("shop", None) && !except.admits("kube-system", None) && except.named().is_none());
    let selected = NamespaceFilter { selector: needs("watched", Operator::Exists), ..plain };
    assert!(!selected.admits("shop", None) && selected.admits("shop", Some(&labels(&[("watched", "yes")]))));
    assert!(selected.named().is_none(), "only the cluster knows which of them");
}

#[test]
fn the_first_rule_that_fits_says_each_setting() {
    let rule = |images: &[&str], settings: &[(&str, &str)]| Rule {
        images: wildcards(images),
        settings: named(settings).into(),
        ..Rule::default()
    };
    let rules = [
        Rule { selector: needs("tier", Operator::Exists), ..rule(&[], &[("mode", "DISABLED")]) },
        rule(&["a.example/web"], &[("mode", "AUTO_UPDATE"), ("strategy", "PATCH")]),
        rule(&[], &[("strategy", "MINOR"), ("cooldown", "1d")]),
        rule(&["*"], &[("cooldown", "2d")]),
        Rule {
            namespaces: NamespaceFilter { names: wildcards(&["ops"]), ..NamespaceFilter::default() },
            ..rule(&[], &[("steps", "major")])
        },
    ];
    let defaults = Defaults { rules: rules.into(), ..Defaults::default() };
    let containers = [("web", "a.example/web:1.0.0@sha256:00"), ("log", "a.example:5000/log")];
    let of = |all: &[(&str, &str)]| defaults.inherited("shop", &labels(all), &containers.into_iter()).unwrap().rules;
    let expected = [("mode.web", "AUTO_UPDATE"), ("strategy.web", "PATCH"), ("strategy", "MINOR"), ("cooldown", "1d")];
    assert_eq!(*of(&[]), *named(&expected));
    let expected = [("mode", "DISABLED"), ("strategy.web", "PATCH"), ("strategy", "MINOR"), ("cooldown", "1d")];
    assert_eq!(*of(&[("tier", "web")]), *named(&expected));
    assert_eq!(Defaults::default().inherited("shop", &labels(&[]), &containers.into_iter()), None);
}

//! Where the value of a setting comes from.

use super::Forced;
use super::name::Setting;
use crate::domain::workload::Workload;
use crate::domain::workload::{Origin, Said, said};

/// What somebody wrote of how a container is updated, by the name of each setting: but for mode, strategy and group, which are told
/// by themselves.
#[must_use]
pub fn written<'w>(workload: &'w Workload, container: &str) -> Vec<(&'static str, Said<'w>)> {
    let is_other = |setting: &Setting| !matches!(setting, Setting::Mode | Setting::Strategy | Setting::Group);
    let all = Setting::ALL.into_iter().filter(is_other).map(Setting::as_str);
    all.filter_map(|name| Some((name, said(workload, name, container)?))).collect()
}

impl Origin {
    /// Who says the mode of a container.
    #[must_use]
    pub fn of_mode(workload: &Workload, container: &str, forced: Forced) -> Self {
        Self::of("mode", workload, container, forced.mode.is_some())
    }

    /// Who says its strategy.
    #[must_use]
    pub fn of_strategy(workload: &Workload, container: &str, forced: Forced) -> Self {
        Self::of("strategy", workload, container, forced.strategy.is_some())
    }

    fn of(name: &str, workload: &Workload, container: &str, is_forced: bool) -> Self {
        if is_forced {
            return Self::Operator;
        }
        said(workload, name, container).map_or(Self::Default, |said| said.origin)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::{Bounds, Settings};
    use super::*;
    use crate::domain::defaults::Inherited;
    use crate::domain::defaults::tests::named;
    use crate::domain::policy::{Mode, Strategy as Levels};
    use crate::domain::workload::tests::workload;

    #[test]
    fn who_says_the_mode_is_who_overrides_the_others() {
        let of = |annotations: &[(&str, &str)], forced: Option<Mode>| {
            let workload = workload(&[("web", "a.example/web:1.0.0")], annotations);
            Origin::of_mode(&workload, "web", Forced { mode: forced, strategy: None })
        };
        let (all, own) = (("mode", "AUTO_UPDATE"), ("mode.web", "NOTIFICATION"));
        assert_eq!(of(&[all, own], Some(Mode::Disabled)), Origin::Operator);
        assert_eq!(of(&[all, own], None), Origin::Container);
        assert_eq!(of(&[all, ("mode.log", "DISABLED")], None), Origin::Workload);
        assert_eq!(of(&[("strategy", "ALL")], None), Origin::Default);
    }

    static WORDS: [&str; 4] = ["ALL", "MAJOR", "MINOR", "PATCH"];

    /// What each says, in the documented order, if anything: the environment, container, workload, Namespace, a rule for
    /// the container's image, a rule for all.
    fn sayings() -> impl Strategy<Value = [Option<&'static str>; 6]> {
        proptest::array::uniform6(proptest::option::of(select(&WORDS[..])))
    }

    proptest! {
        /// F1: the one printed order, for the value and for who says it.
        #[test]
        fn the_first_of_the_printed_order_that_says_anything_counts(said in sayings(), noise in select(&WORDS[..])) {
            let [forced, container, all, namespace, rule_own, rule] = said;
            let of = |pairs: [(&'static str, Option<&'static str>); 2]| {
                let pairs: Vec<_> = pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
                pairs
            };
            let mut own = of([("strategy.web", container), ("strategy", all)]);
            own.push(("strategy.log", noise));
            let mut it = workload(&[("web", "web:1.0.0"), ("log", "log:1.0.0")], &own);
            it.inherited = Some(Box::new(Inherited {
                namespace: named(&of([("strategy", namespace), ("prerelease", None)])).into(),
                rules: named(&of([("strategy.web", rule_own), ("strategy", rule)])).into(),
            }));
            let origins =
                [Origin::Operator, Origin::Container, Origin::Workload, Origin::Namespace, Origin::Rule, Origin::Rule];
            let first = said.iter().zip(origins).find_map(|(value, origin)| Some(((*value)?, origin)));
            let (value, origin) = first.unwrap_or(("ALL", Origin::Default));
            let forced = Forced { mode: None, strategy: forced.map(|word| word.parse().unwrap()) };
            let read = Settings::read(&it, "web", &Bounds { forced, channels: None }).unwrap();
            prop_assert_eq!(read.policy.strategy, value.parse::<Levels>().unwrap());
            prop_assert_eq!(Origin::of_strategy(&it, "web", forced), origin);
        }
    }

    /// Who may annotate a workload asks for more people than the operator, and never for fewer.
    #[test]
    fn a_workload_lowers_no_number_of_approvals_that_the_operator_wrote() {
        let needed = |own: &[(&str, &str)], namespace: &[(&str, &str)], rules: &[(&str, &str)]| {
            let mut it = workload(&[("web", "web:1.0.0")], own);
            it.inherited = Some(Box::new(Inherited { namespace: named(namespace).into(), rules: named(rules).into() }));
            Settings::read(&it, "web", &Bounds::default()).unwrap().approvals.number()
        };
        let of = |number| [("approvals", number)];
        for (own, namespace, rules, expected) in [
            (&of("1")[..], &of("2")[..], &[][..], 2),
            (&[("approvals.web", "1")], &[], &of("2"), 2),
            (&of("1"), &[], &[("approvals.web", "3")], 3),
            (&of("3"), &of("2"), &[], 3),
            (&[], &of("1"), &of("2"), 1),
            (&of("1"), &of("1"), &of("2"), 1),
            (&of("1"), &[], &[], 1),
        ] {
            assert_eq!(needed(own, namespace, rules), expected, "{own:?} {namespace:?} {rules:?}");
        }
    }

    #[test]
    fn what_is_inherited_is_told_by_where_it_comes_from() {
        let mut it = workload(&[("web", "web:1.0.0")], &[]);
        it.inherited = Some(Box::new(Inherited {
            namespace: named(&[("mode.web", "DISABLED"), ("stategy", "PATCH"), ("tag-order", "numeric")]).into(),
            rules: named(&[("cooldown", "a day")]).into(),
        }));
        let told = Settings::read(&it, "web", &Bounds::default()).unwrap_err().to_string();
        let expected = [
            "on the Namespace: image-watcher/mode.web is for one container; a Namespace has settings for all of them",
            "on the Namespace: image-watcher/stategy is no setting; did you mean image-watcher/strategy?",
            "by a rule of the configuration file: image-watcher/cooldown: \"a day\" is no duration",
            "on the Namespace: image-watcher/tag-order: it orders what image-watcher/tag-policy matches, which is not set",
        ];
        for part in expected {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
}

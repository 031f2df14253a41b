//! What each outcome means for people: its state, its sentence, and what can be done.

use super::tests::view;
use super::*;
use crate::domain::policy::{Cooldown, KnownSince, Order, Pattern, Selection, Strategy};

#[test]
fn outcomes() {
    use Mode::{AutoUpdate, Disabled, Notification};
    let plain = Policy::of(Strategy::Minor);
    let cooldown = Cooldown::parse("24h", KnownSince::default()).unwrap();
    let slow = Policy { cooldown: Some(cooldown), ..Policy::of(Strategy::All) };
    let pattern = Selection::new(Pattern::glob("1.*").unwrap(), Order::Alphabetical);
    let pattern = Policy { selection: Some(pattern), ..Policy::of(Strategy::All) };
    let gaps = Policy { missing: vec!["1.4.0".into(), "1.3.1".into()], ..Policy::of(Strategy::Minor) };
    let cases: [(&str, &[&str], &Policy, Option<Mode>); 13] = [
        ("1.2.3", &["1.3.0"], &plain, Some(Notification)),
        ("1.2.3", &["1.3.0"], &plain, Some(AutoUpdate)),
        ("1.2.3", &["1.3.0"], &plain, Some(Disabled)),
        ("1.2.3", &["1.2.4"], &slow, Some(Notification)),
        ("1.2.3", &["1.2.4"], &slow, None),
        ("1.2.3", &["1.4.0", "1.3.1", "1.3.0"], &gaps, None),
        ("1.2.3", &["1.3.0"], &pattern, None),
        ("2.0.0", &["1.3.0"], &pattern, None),
        ("1.2.3", &["2.0.0"], &plain, None),
        ("1.2.3", &["1.2.3"], &plain, None),
        ("latest", &["1.2.3"], &plain, None),
        ("1.2.3", &[], &plain, None),
        ("1.2.3", &["1.3.0"], &plain, Some(AutoUpdate)),
    ];
    let last = cases.len() - 1;
    let told = cases.iter().enumerate().map(|(place, (running, list, policy, mode))| {
        let paused = place == last;
        let view = view(running, list, policy, *mode).paused(paused, mode.unwrap_or(Notification)).implied(paused);
        assert_eq!(view.level.is_some(), view.to.is_some());
        let actions = if view.actions.is_empty() { "nothing".to_owned() } else { view.actions.join(", ") };
        format!("{} → {}\n  {}\n", view.state.as_str(), actions, view.sentence("web"))
    });
    let told = told.collect::<Vec<_>>().concat();
    insta::assert_snapshot!(told);
}

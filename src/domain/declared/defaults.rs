//! What says that something has another default, in words that have no default in them.

use super::role::Role::{
    Clause, Code, Default, FromNowOn, IsNow, New, Now, Number, Off, OffByDefault, Optional, Planned, Product, Refused,
    Thing, Unit, Unless,
};
use super::sentence::Sentence;

impl Sentence {
    /// «Default to HTTPS», «telemetry is opt-out from now on», «compression is now opt-in»: it was otherwise.
    pub(super) fn defaulted(&mut self, words: &[&str]) {
        let is_of_interface = self.has_any(&[Thing, Product, Code, Unit, Number, New]);
        for (at, word) in words.iter().enumerate() {
            let place = u16::try_from(at).unwrap_or(u16::MAX);
            let rest = words.get(at + 1..).unwrap_or_default();
            if is_of_interface
                && place == self.lead
                && matches!(*word, "default" | "defaults" | "defaulting")
                && goes_to(rest)
            {
                self.add(Default, place);
                self.add(FromNowOn, place);
            }
            let is_aside = place > self.lead && self.all(Clause).any(|clause| clause == place);
            if is_aside && matches!(*word, "disabled" | "off" | "inactive") && rest.first() == Some(&"unless") {
                self.add(OffByDefault, place);
                self.marks.retain(|(role, _)| !matches!(role, Off | Unless | Refused));
                self.counted();
            }
            if is_of_choice(word) && self.is_other_choice(place, words) {
                self.marks.retain(|mark| *mark != (Optional, place));
                self.add(Default, place);
                self.add(FromNowOn, place);
                self.counted();
            }
        }
    }

    /// Whether something becomes a choice that was none, or is one in another way.
    fn is_other_choice(&self, at: u16, words: &[&str]) -> bool {
        let word = |back: u16| at.checked_sub(back).and_then(|at| words.get(usize::from(at))).copied();
        let is_now = [Now, IsNow, FromNowOn]
            .into_iter()
            .any(|role| self.all(role).any(|now| (now < at && at - now <= 2) || (now > at && now - at <= 2)));
        let becomes = [1, 2].into_iter().filter_map(word).any(|word| {
            matches!(
                word,
                "become" | "becomes" | "became" | "made" | "switched" | "changed" | "turned" | "wird" | "devient"
            )
        });
        (is_now || becomes) && !self.has(Planned)
    }
}

/// «to HTTPS», «`--output` to json», but not «to be set».
fn goes_to(rest: &[&str]) -> bool {
    let to = rest.iter().take(4).position(|word| *word == "to");
    let is_value = |at: usize| rest.get(at + 1).is_some_and(|next| !matches!(*next, "be" | "have" | "do"));
    to.is_some_and(|at| is_value(at) && (at == 0 || rest.first() == Some(&"`")))
}

fn is_of_choice(word: &str) -> bool {
    matches!(word, "opt-in" | "opt-out" | "opted-in" | "opted-out")
}

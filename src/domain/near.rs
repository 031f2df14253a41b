//! Which name was meant by one that is nearly it.

use strsim::osa_distance;

/// Longer words are nobody's slip, and cost time to compare.
const LONGEST: usize = 64;

/// Which of these names a name was to be, if it is near to one: two slips away, and less than half of it is another.
#[must_use]
pub fn near<'n>(names: impl Iterator<Item = &'n str>, name: &str) -> Option<&'n str> {
    if name.len() > LONGEST {
        return None;
    }
    let all = names.map(|known| (osa_distance(known, name), known));
    all.min().filter(|(slips, known)| *slips <= 2 && 2 * slips <= known.len()).map(|(_, known)| known)
}

/// What is added behind what is said of a wrong name: `; did you mean state?`, or nothing.
#[must_use]
pub fn did_you_mean<'n>(names: impl Iterator<Item = &'n str>, name: &str) -> String {
    near(names, name).map(|near| format!("; did you mean {near}?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_or_two_are_near() {
        let names = || ["state", "level", "namespace"].into_iter();
        for (name, expected) in [
            ("sate", Some("state")),
            ("levle", Some("level")),
            ("namespaces", Some("namespace")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(near(names(), name), expected, "{name}");
        }
        assert_eq!(near(names(), &"state".repeat(10_000)), None);
        assert_eq!(near(["on", "off"].into_iter(), "xy"), None, "two of two letters are no slips");
        assert_eq!(did_you_mean(names(), "stat"), "; did you mean state?");
    }
}

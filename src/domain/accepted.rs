//! Which language a browser asks for.

use super::release::Language;

/// So many entries of a header are read.
const MOST: usize = 32;

/// The first of ours in `Accept-Language` (RFC 9110), as the browser weighs them; of those that weigh the same, the first
/// that is written. `None` where it asks for none of them, and where any will do.
#[must_use]
pub fn accepted(header: &str) -> Option<Language> {
    let mut best: Option<(u16, Language)> = None;
    for entry in header.split(',').take(MOST) {
        let (range, parameters) = entry.split_once(';').unwrap_or((entry, ""));
        let primary = range.trim().split('-').next().unwrap_or_default();
        let Some(language) = Language::ALL.into_iter().find(|one| one.code().eq_ignore_ascii_case(primary)) else {
            continue;
        };
        let weight = weight(parameters).unwrap_or(0);
        if weight > best.map_or(0, |(weight, _)| weight) {
            best = Some((weight, language));
        }
    }
    best.map(|(_, language)| language)
}

/// A weight in thousandths; all of it where none is said, and none where what is said is no weight.
fn weight(parameters: &str) -> Option<u16> {
    if parameters.trim().is_empty() {
        return Some(1000);
    }
    let (name, value) = parameters.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, part) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    let is_weight = matches!(whole, "0" | "1") && part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths = format!("{whole}{part:0<3}").parse().ok().filter(|weight| *weight <= 1000);
    thousandths.filter(|_| is_weight)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_browser_gets_the_language_that_it_weighs_most() {
        use Language::{English, French};
        for (header, expected) in [
            ("fr", Some(French)),
            ("FR-ca", Some(French)),
            ("en-GB,en;q=0.9", Some(English)),
            ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", Some(French)),
            ("en;q=0.5, fr;q=0.9", Some(French)),
            ("de, en;q=0.3, fr;q=0.300", Some(English)),
            ("de, en;q=0.3, fr;q=0.301", Some(French)),
            ("en ; q = 0.1 , fr ; Q=1.000", Some(French)),
            ("en;q=0, fr;q=0.001", Some(French)),
            ("en;q=0", None),
            ("de", None),
            ("*", None),
            ("", None),
            ("french, eng", None),
            ("fr;q=2, en;q=0.1", Some(English)),
            ("fr;q=-1, en;q=0.1", Some(English)),
            ("fr;q=0.9999, en;q=0.1", Some(English)),
            ("fr;level=1, en;q=0.1", Some(English)),
            ("fr;q=nan", None),
        ] {
            assert_eq!(accepted(header), expected, "{header}");
        }
        let far = format!("{}fr", "de,".repeat(MOST));
        assert_eq!(accepted(&far), None, "a header without end is not read to it");
    }

    proptest! {
        #[test]
        fn whatever_a_client_sends_is_a_language_or_none(header in "[ -~]{0,60}") {
            let _ = accepted(&header);
        }

        #[test]
        fn the_heavier_one_wins_in_either_order(fr in 0_u16..=1000, en in 0_u16..=1000) {
            let q = |weight: u16| format!("{}.{:03}", weight / 1000, weight % 1000);
            let expected = match (fr.max(en), fr > en) {
                (0, _) => None,
                (_, true) => Some(Language::French),
                (_, false) if fr < en => Some(Language::English),
                _ => return Ok(()),
            };
            prop_assert_eq!(accepted(&format!("fr;q={}, en;q={}", q(fr), q(en))), expected);
            prop_assert_eq!(accepted(&format!("en;q={}, fr;q={}", q(en), q(fr))), expected);
        }
    }
}

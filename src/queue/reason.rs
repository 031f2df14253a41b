//! What is kept of the reasons that jobs fail for: the last guard before log and disk, whoever wrote them.

use crate::domain::approval::Token;

/// The most characters of a reason.
const MOST: usize = 1000;
/// What stands for a link's token that was cut out.
const CUT: &str = "[link]";

/// A reason as it may be kept: bounded, and without what would open a link. Who asks an endpoint cuts more out of its
/// answer; this holds for all of them.
pub(super) fn guarded(reason: &str) -> String {
    let mut kept = String::with_capacity(reason.len().min(MOST));
    let mut word = String::new();
    for letter in reason.chars().take(MOST) {
        if letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-') {
            word.push(letter);
        } else {
            close(&mut kept, &mut word);
            kept.push(letter);
        }
    }
    // What was cut in the middle may be most of a token.
    if reason.chars().nth(MOST).is_some() {
        word.clear();
        kept.push('…');
    }
    close(&mut kept, &mut word);
    kept
}

/// Ends a word. A token may have letters before it, as of an encoded slash, and a full stop after it.
fn close(kept: &mut String, word: &mut String) {
    let token = word.match_indices("v1.").find_map(|(at, _)| {
        let rest = word.get(at..)?;
        let end = rest.match_indices('.').nth(3).map_or(rest.len(), |(end, _)| end);
        Token::parse(rest.get(..end)?).map(|_| at)
    });
    match token {
        Some(at) => {
            kept.push_str(word.get(..at).unwrap_or_default());
            kept.push_str(CUT);
        }
        None => kept.push_str(word),
    }
    word.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "v1.k1.01JGJ0EZ8M3C9S6D4K2P7Q1R0T.FoIxJvcyZkGhky-HoSkT3_3Os3gY2fYOFrGR2QIh_OM";

    #[test]
    fn no_token_is_kept_whoever_wrote_it() {
        for reason in [
            format!("400: {TOKEN}"),
            format!("400: https://iw.example.com/a/{TOKEN}."),
            format!("{{\"text\":\"<https://iw.example.com/a/{TOKEN}|Update>\"}}"),
            format!("https%3A%2F%2Fiw.example.com%2Fa%2F{TOKEN}"),
            format!("{}{TOKEN}", "x ".repeat(MOST / 2 - 30)),
        ] {
            let kept = guarded(&reason);
            assert!(!kept.contains("FoIxJvcyZkGhky"), "{reason} → {kept}");
        }
        assert_eq!(guarded(&format!("550 {TOKEN} no")), "550 [link] no");
    }

    #[test]
    fn other_reasons_are_kept_as_they_are_and_bounded() {
        let reason = "503 Service Unavailable: v1.2.3 of «web» (retry in 5 s)";
        assert_eq!(guarded(reason), reason);
        assert!(guarded(&"é".repeat(5000)).chars().count() <= MOST + 1);
    }
}

//! What stands in front of a text and says what it is: a label, the kind of a commit.

use super::section::{Context, Quiet};

/// `feat(api)!: …`, with or without the hash before it: what stands in front says what it is.
pub(super) fn commit<'t>(text: &'t str, above: &Context) -> Option<(Context, &'t str)> {
    let (head, rest) = text.split_once(": ")?;
    let (head, rest) = if head.len() >= 7 && head.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        rest.split_once(": ")?
    } else {
        (head, rest)
    };
    let head = head
        .rsplit_once(' ')
        .map_or(head, |(hash, head)| if hash.bytes().all(|b| b.is_ascii_hexdigit()) { head } else { "" });
    let (kind, is_breaking) = head.strip_suffix('!').map_or((head, false), |head| (head, true));
    let kind = kind.split_once('(').map_or(kind, |(kind, _)| kind);
    if kind.is_empty() || kind.len() > 12 || !kind.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    let heard = Context { quiet: Quiet::No, ..above.clone() };
    let quiet = match kind {
        _ if is_breaking => return Some((Context { breaking: true, ..heard }, rest)),
        "fix" | "feat" | "perf" => Quiet::Mostly,
        "docs" | "test" | "tests" | "ci" | "build" | "chore" | "refactor" | "style" | "deps" => Quiet::Silent,
        _ => return None,
    };
    Some((Context { quiet: quiet.max(above.quiet), ..above.clone() }, rest))
}

/// What stands before a colon, if that is short.
pub(super) fn label(text: &str) -> Option<(&str, &str)> {
    let at = text.find([':', '：']).filter(|at| *at <= 60)?;
    let (label, rest) = (text.get(..at)?, text.get(at..)?);
    let rest = rest.trim_start_matches([':', '：']);
    (!label.contains('`') && !rest.trim().is_empty()).then(|| (label, rest.trim()))
}

//! What stands in front of a text and says what it is: a label, the kind of a commit.

use super::role::Role::{
    self, Added, Contract, Data, Default, Format, Image, Incompatible, Migration, Minimum, New, Product, Remove,
    Removed, Renamed, Required, Requirements, Steps,
};
use super::section::{Context, Quiet};
use super::sentence::Sentence;

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
    let heard = Context { quiet: above.said_outright(), ..above.clone() };
    let quiet = match kind {
        _ if is_breaking => return Some((Context { breaking: true, ..heard }, rest)),
        "feat" => Quiet::New,
        "fix" | "perf" => Quiet::Mostly,
        "chore" | "refactor" | "build" if takes_away(rest) => Quiet::New,
        "docs" | "test" | "tests" | "ci" | "build" | "chore" | "refactor" | "style" | "deps" | "release" | "lint"
        | "i18n" | "l10n" | "nix" | "bench" | "repo" | "meta" | "hack" | "dx" => Quiet::Silent,
        _ => return None,
    };
    Some((Context { quiet: quiet.max(above.quiet), ..above.clone() }, rest))
}

/// Whether what makers do for themselves takes away, or renames, what others use: a flag, an address, a variable of the
/// environment, an image.
fn takes_away(text: &str) -> bool {
    let s = Sentence::of(text);
    let is_taken = [Remove, Removed, Renamed].into_iter().any(|event| s.is_early(event));
    let is_used = text.split('`').skip(1).step_by(2).any(is_of_surroundings) || s.has_all(&[Image, Product]);
    is_taken && is_used
}

/// `--insecure`, `/v1/users`, `DB_HOST`: whether a name in code is one that those know who run it.
fn is_of_surroundings(code: &str) -> bool {
    let is_variable = code.contains('_') && !code.chars().any(|c| c.is_lowercase() || c == ' ');
    code.starts_with("--") || (code.starts_with('/') && code.len() > 1) || is_variable
}

/// `[CHANGE] …`: a mark in brackets before a text.
pub(super) fn tag(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('[')?.split_once("] ").filter(|(tag, _)| tag.len() <= 40)
}

/// Whether a label is a place in the makers' own source: `pkg/store`.
pub(super) fn is_of_source(label: &str) -> bool {
    const FILES: [&str; 8] =
        ["gemspec", "gemfile", "makefile", "pyproject", "webpack", "jsonnet", "mixin", "goreleaser"];
    const PLACES: [&str; 18] = [
        "pkg", "src", "internal", "lib", "libs", "cmd", "test", "tests", "build", "ci", ".github", "hack", "scripts",
        "vendor", "packages", "crates", "app", "apps",
    ];
    let is_path = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '/' | '_' | '-' | '.');
    let first = label.split('/').next().unwrap_or_default();
    let is_file = FILES.iter().any(|file| label.eq_ignore_ascii_case(file));
    is_file || (label.contains('/') && PLACES.contains(&first) && label.chars().all(is_path))
}

/// What stands in a line that asks people to update something.
const OF_USERS: [&str; 9] = ["before", "first", "must", "your", "after", "you", "need", "otherwise", "then"];

/// Whether it goes on «to release 2026b», «to v3».
fn is_to_version(words: &[&str]) -> bool {
    words.windows(2).any(|pair| {
        let [to, what] = pair else { return false };
        let is_number = what.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit());
        *to == "to" && (is_number || matches!(*what, "release" | "version"))
    })
}

/// Whether a line tells that something that the makers use came in another version: `Bump x from 1.2 to 1.3`. What is called
/// the least version, or the default, is something else.
pub(super) fn is_bump(text: &str) -> bool {
    let lower = text.get(..text.len().min(400)).unwrap_or_default().to_lowercase();
    let words: Vec<&str> = lower.split_whitespace().take(24).collect();
    let of_makers = ["dependency", "dependencies", "module", "deps", "crate", "action", "actions", "docker", "npm"];
    let is_one = match words.as_slice() {
        ["bump" | "bumps" | "bumped" | "pin", ..] => true,
        ["update" | "updates" | "upgrade" | "updated" | "upgraded", next, rest @ ..] => {
            of_makers.contains(next)
                || rest.first() == Some(&"from")
                || (*next == "rust" && rest.first() == Some(&"crate"))
                || (*next != "to" && is_to_version(rest) && !words.iter().any(|word| OF_USERS.contains(word)))
        }
        _ => false,
    };
    let is_called = |word: &&str| {
        ["minim", "default", "requir", "support", "bundled", "api", "schema", "subchart"]
            .iter()
            .any(|start| word.trim_matches('`').starts_with(start))
    };
    is_one && words.contains(&"to") && !words.iter().any(is_called)
}

/// «New rule: …»: a label that names what is new, whose work is told behind it.
pub(super) fn names_new(label: &Sentence) -> bool {
    const CHANGES: [Role; 10] =
        [Default, Minimum, Required, Requirements, Format, Contract, Incompatible, Migration, Steps, Data];
    (2..=4).contains(&label.length) && label.begins(Added) && label.begins(New) && !label.has_any(&CHANGES)
}

/// A text without the references behind it, which say nothing of what it tells: `… (#12) ([1a2b3c4]), closes [#10]`.
pub(super) fn without_references(text: &str) -> &str {
    let is_number = |word: &str| word.starts_with('#') && word.len() > 1;
    let is_hash = |word: &str| word.len() >= 7 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut end = text.len();
    while let Some(kept) = text.get(..end) {
        let trimmed = kept.trim_end_matches([' ', ',']);
        let start = trimmed.rfind(' ').map_or(0, |at| at + 1);
        let last = trimmed.get(start..).unwrap_or_default();
        let word = last.trim_matches(|c| matches!(c, '(' | ')' | '[' | ']' | '.'));
        let is_bare = matches!(word, "closes" | "fixes" | "resolves" | "refs") && trimmed.len() < text.len();
        if start == 0 || !(is_number(word) || (is_hash(word) && last != word) || is_bare) {
            break;
        }
        end = start;
    }
    text.get(..end).unwrap_or(text).trim_end()
}

/// Whether a line is the title of a change, with its number or address behind it.
pub(super) fn is_title_of_change(text: &str) -> bool {
    let last = text.split_whitespace().next_back().unwrap_or_default();
    let number = last.trim_matches(|c| matches!(c, '(' | ')' | '[' | ']' | '.')).strip_prefix('#');
    last.contains("/pull/") || number.is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
}

/// Whether a sentence answers a question with yes.
pub(super) fn is_yes(words: &str) -> bool {
    let first = words.split(|c: char| !c.is_alphabetic()).find(|word| !word.is_empty()).unwrap_or_default();
    ["yes", "ja", "oui", "是"].iter().any(|yes| first.eq_ignore_ascii_case(yes))
}

/// Whether a sign of warning stands before a text.
pub(super) fn is_warned(text: &str) -> bool {
    const NAMES: [&str; 4] = [":boom:", ":warning:", ":rotating_light:", ":bangbang:"];
    text.starts_with(['⚠', '💥', '🚨', '‼', '❗']) || NAMES.iter().any(|name| text.starts_with(name))
}

//! What stands before the number of a tag (S3.1 to S3.3, S3.6).

use super::{first_token, from, is_commit, leading, number};

/// Where the number of a tag begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start<'t> {
    text: &'t str,
    /// Words that end in `-`, `_` or `.`, as few as possible.
    words: &'t str,
    /// The words, and `r` or `b` if it counts builds: what belongs to the family.
    pub(super) prefix: &'t str,
    /// `v`, `V` or nothing.
    pub(super) v: &'t str,
    /// From the number on.
    pub(super) rest: &'t str,
}

/// Last words of a prefix that make a number the number of something else (S2).
const NOT_OF_A_VERSION: [&str; 16] = [
    "pr",
    "mr",
    "pull",
    "merge",
    "issue",
    "sha",
    "commit",
    "git",
    "ref",
    "branch",
    "feature",
    "feat",
    "fix",
    "bugfix",
    "renovate",
    "dependabot",
];

/// Before `_`, what has more components is a version: `libtorrentv1-5.2.3_v1.2.20`.
const PLATFORM_COMPONENTS: usize = 2;

/// With fewer digits behind it, `r` or `b` begins a name: `b200` is a graphics card (S3.6).
const LETTERED_DIGITS: usize = 4;

impl<'t> Start<'t> {
    pub(super) fn of(text: &'t str) -> Option<Self> {
        let mut rest = text;
        loop {
            let words = leading(text, text.len() - rest.len());
            let mut bytes = rest.bytes();
            let (first, second) = (bytes.next()?, bytes.next());
            if first.is_ascii_digit() {
                return Some(Self { text, words, prefix: words, v: "", rest });
            }
            let after = from(rest, 1);
            match first {
                _ if !second.is_some_and(|byte| byte.is_ascii_digit()) => {}
                b'v' | b'V' => return Some(Self { text, words, prefix: words, v: leading(rest, 1), rest: after }),
                b'r' | b'b' if is_build(after) && !words.contains('.') => {
                    return Some(Self { text, words, prefix: leading(text, words.len() + 1), v: "", rest: after });
                }
                _ => {}
            }
            rest = from(rest, word(rest)?);
        }
    }

    /// Whether `r` or `b` stands before the number (S3.6).
    pub(super) fn is_lettered(&self) -> bool {
        self.prefix.len() > self.words.len()
    }

    /// Whether a commit stands where the number would: `main-0a1b2c3`.
    pub(super) fn is_commit(&self) -> bool {
        let token = || first_token(from(self.text, self.words.len()));
        !self.words.is_empty() && self.v.is_empty() && is_commit(token())
    }

    /// Whether the number is that of a pull request, a branch or their like.
    pub(super) fn is_of_something_else(&self) -> bool {
        if self.words.is_empty() {
            return false;
        }
        let word = self.words.trim_end_matches(['-', '_', '.']);
        let last = word.bytes().rev().take_while(u8::is_ascii_alphanumeric).count();
        let last = from(word, word.len() - last);
        !last.is_empty() && NOT_OF_A_VERSION.iter().any(|other| last.eq_ignore_ascii_case(other))
    }

    /// `windows-2019-3.1.8`, `windows-2019-v3.1.8`, `arm-v6-1.2.3`: behind words, a number right before a dotted number names the
    /// platform (S3.2). Where the number begins then.
    pub(super) fn platform(&self) -> Option<Self> {
        let (number, after) = number::dotted(self.rest);
        let components = number::count(number);
        let is_one = components == 1;
        // With `v` before it a dotted number is a version, and `_` binds what follows to one.
        if self.prefix.is_empty() || !(self.v.is_empty() || is_one) {
            return None;
        }
        let behind = match after.strip_prefix('-') {
            Some(behind) => behind,
            None => after.strip_prefix('_').filter(|_| components <= PLATFORM_COMPONENTS)?,
        };
        let (v, rest) = match behind.strip_prefix(['v', 'V']) {
            Some(rest) => (leading(behind, 1), rest),
            None => ("", behind),
        };
        let words = leading(self.text, self.text.len() - behind.len());
        let is_dotted = number::dotted(rest).0.contains('.');
        is_dotted.then_some(Self { text: self.text, words, prefix: words, v, rest })
    }
}

/// Whether digits enough for a build stand alone: a dot behind them would make it a name, as `r36.2`.
fn is_build(text: &str) -> bool {
    let digits = super::digits(text);
    digits >= LETTERED_DIGITS && matches!(text.as_bytes().get(digits), None | Some(b'-' | b'_'))
}

/// The length of `word-`, `word_` or `letters.`.
fn word(rest: &str) -> Option<usize> {
    let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    if letters == 0 {
        return None;
    }
    let after = |length: usize| rest.as_bytes().get(length).copied();
    if after(letters) == Some(b'.') {
        return Some(letters + 1);
    }
    let word = letters + from(rest, letters).bytes().take_while(u8::is_ascii_alphanumeric).count();
    matches!(after(word), Some(b'-' | b'_')).then_some(word + 1)
}

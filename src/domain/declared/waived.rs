//! What those who take the image are told that they need not care for: «the Docker image has it already».

use super::role::Role::{Default, Except, Existing, Image, Migration, Nobody, Not, Older, Only, Unless};
use super::scan::Block;
use super::sentence::Sentence;
use super::{Declaration, Kinds};

/// What happens to data does so to everybody.
pub(super) const OF_DATA: Kinds = Kinds { breaking: false, manual: false, migration: true, unread: false };
/// Words that say of a part that only some of it is meant.
const CONTRASTS: [&str; 8] = ["but", "however", "yet", "except", "aber", "jedoch", "mais", "sauf"];

impl Sentence {
    /// Takes note whether it says that who takes the image has nothing to do, or has it with the image.
    pub(super) fn waived(&mut self, words: &[&str]) {
        let is_of_image = self.has(Image) || words.contains(&"docker");
        let is_limited = self.has_any(&[Except, Unless, Only, Older, Existing, Default, Migration])
            || words.iter().any(|word| CONTRASTS.contains(word));
        let has_it = !self.has(Not) && self.has(Image) && words.windows(2).any(is_included);
        self.waives_image = is_of_image && !is_limited && (self.has(Nobody) || has_it);
    }
}

/// «has it», «includes them», «already contain»
fn is_included(pair: &[&str]) -> bool {
    let is_holding = |word: &str| {
        ["include", "contain", "bundle", "enthalt", "enthält", "contien"].iter().any(|start| word.starts_with(start))
            || matches!(word, "has" | "have" | "hat" | "haben")
    };
    let is_meant = |word: &str| matches!(word, "it" | "them" | "this" | "that" | "one" | "sie" | "es");
    let is_already = |word: &str| matches!(word, "already" | "bereits" | "schon" | "déjà");
    let [first, then] = pair else { return false };
    (is_holding(first) && (is_meant(then) || is_already(then))) || (is_already(first) && is_holding(then))
}

/// «When is action necessary?»: whether a title asks whom it concerns what stands above.
fn asks_whom(title: &str) -> bool {
    let first = title.split_whitespace().next().unwrap_or_default().to_lowercase();
    title.ends_with('?')
        && ["when", "who", "am", "do", "is", "are", "wer", "wann", "qui", "quand"].contains(&first.as_str())
}

/// The paragraphs below a title, or an item: what is waived there, is waived of all that stands there.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// How much was declared before it.
    before: usize,
    /// Whether only paragraphs stand in it so far.
    is_open: bool,
}

impl Part {
    /// A block is read next, before which so much was declared.
    pub(super) fn turns_to(&mut self, block: &Block, declared: usize) {
        let goes_on = match block {
            Block::Text(0, _) => self.is_open,
            Block::Text(..) => true,
            Block::Heading(_, title) => self.is_open && asks_whom(title),
            _ => false,
        };
        if !goes_on {
            self.before = declared;
        }
        self.is_open = matches!(block, Block::Heading(..) | Block::Text(0, _));
    }

    /// Takes back what was declared in it, but for what happens to data.
    pub(super) fn waive(&self, found: &mut Vec<Declaration>) {
        let of_part = found.split_off(self.before.min(found.len()));
        let of_data = of_part.into_iter().filter(|declaration| declaration.kinds.migration);
        found.extend(of_data.map(|declaration| Declaration { kinds: OF_DATA, ..declaration }));
    }
}

//! Marks around code, which is not read.

/// Marks around code that is shown as it is.
#[derive(Clone, Copy)]
pub(super) struct Fence {
    pub(super) mark: char,
    pub(super) length: usize,
    pub(super) is_quoted: bool,
}

/// A longer fence is one of this length.
const LONGEST_FENCE: usize = 16;

impl Fence {
    /// The fence that a line begins: no backtick stands behind the opening of one of backticks, as that is code in a line.
    pub(super) fn opened(line: &str, is_quoted: bool) -> Option<Self> {
        let mark = line.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
        let length = line.chars().take_while(|c| *c == mark).count();
        let is_inline = mark == '`' && line.get(length..).unwrap_or_default().contains('`');
        (length >= 3 && !is_inline).then_some(Self { mark, length: length.min(LONGEST_FENCE), is_quoted })
    }

    /// Whether a line ends it: at least as many of the same mark, and nothing else.
    pub(super) fn is_closed_by(self, line: &str) -> bool {
        let length = line.chars().take_while(|c| *c == self.mark).count();
        length >= self.length && line.get(length..).unwrap_or_default().trim().is_empty()
    }
}

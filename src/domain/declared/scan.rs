//! Markdown as its writers mean it: line by line, in one pass. What CommonMark would join and people read as lines of their
//! own, as footers of commits and forms with fixed fields, stays apart here.

use super::fence::Fence;
use super::governed::is_title;
use super::line::{
    admonition, begins_anew, clean, heading, html_blocks, html_heading, is_definition, is_only_links, is_slanted_title,
    is_wide, item, unquoted, without_front_matter,
};

/// The most bytes of one block; what goes on after them is another block.
const LONGEST: usize = 4096;
/// A longer line is no title of the list below it.
const LONGEST_TITLE: usize = 80;

/// A piece of a text, and what it is there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// A heading with its level, from 1; [`BOLD`] for a line that only looks like one.
    Heading(u8, String),
    /// An item of a list, how far it is indented, and whether its box is ticked, if it has one.
    Item(usize, Option<bool>, String),
    /// A paragraph, and how far it is indented.
    Text(usize, String),
    /// The names of a table's columns.
    Columns(Vec<String>),
    /// Another row of a table.
    Row(Vec<String>),
    /// A box begins that warns people, or one that only tells them something.
    Box { warns: bool, is_quoted: bool },
    /// A box ends.
    BoxEnd,
}

/// What ends what can be folded.
const UNFOLDED: &str = "</details";

/// The level of a line that stands for a heading.
pub(super) const BOLD: u8 = 8;

/// Hands in the blocks of a text.
pub(super) fn blocks(text: &str, take: &mut dyn FnMut(Block)) {
    let mut scanner = Scanner {
        take,
        open: None,
        lines: 0,
        is_closed: false,
        fence: None,
        endless: Vec::new(),
        in_comment: false,
        others: Others::None,
        quote: Quote::Outside,
    };
    let mut rest = without_front_matter(text);
    while let Some(line) = rest.split_inclusive('\n').next() {
        rest = rest.get(line.len()..).unwrap_or_default();
        scanner.line(line, rest);
    }
    scanner.flush();
}

/// Whether a line stands in a quote, of which something was read or nothing yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    Outside,
    Begins,
    Within,
}

/// Where notes of other projects stand, which are folded away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    None,
    Within,
    /// Nothing ends what is folded in what follows, and what nothing ends hides nothing.
    LeftOpen,
}

struct Scanner<'f> {
    take: &'f mut dyn FnMut(Block),
    open: Option<Block>,
    /// How many lines the open block has.
    lines: usize,
    /// Whether an empty line follows the open block.
    is_closed: bool,
    fence: Option<Fence>,
    /// Fences that nothing closes in what follows.
    endless: Vec<(char, usize)>,
    in_comment: bool,
    others: Others,
    quote: Quote,
}

impl Scanner<'_> {
    fn line(&mut self, raw: &str, rest: &str) {
        let (line, is_quoted) = unquoted(raw.trim_end());
        if self.is_in_fence(raw.trim_end(), line, is_quoted) {
            return;
        }
        if is_quoted != (self.quote != Quote::Outside) {
            self.flush();
            if self.quote != Quote::Outside {
                (self.take)(Block::BoxEnd);
            }
            self.quote = if is_quoted { Quote::Begins } else { Quote::Outside };
        }
        let trimmed = line.trim_start();
        if let Some(fence) = Fence::opened(trimmed, is_quoted)
            && self.is_ended(fence, rest)
        {
            self.flush();
            self.fence = Some(fence);
            return;
        }
        if self.is_comment(trimmed) {
            return;
        }
        if trimmed.is_empty() {
            self.is_closed = true;
            return;
        }
        let indent = line.len() - trimmed.len() + 3 * line.bytes().take_while(|byte| *byte == b'\t').count();
        if self.others == Others::Within {
            if trimmed.contains(UNFOLDED) {
                self.others = Others::None;
            }
            return;
        }
        self.blocks_of_line(indent, trimmed, rest);
    }

    /// Whether a line is code, or closes it. The end of a quote ends what was opened in it.
    fn is_in_fence(&mut self, raw: &str, line: &str, is_quoted: bool) -> bool {
        let Some(fence) = self.fence else { return false };
        if fence.is_quoted && !is_quoted {
            self.fence = None;
            return false;
        }
        let content = if fence.is_quoted { line } else { raw };
        if fence.is_closed_by(content.trim_start()) {
            self.fence = None;
        }
        true
    }

    /// Whether a fence ends in what follows: one that does not hides nothing.
    fn is_ended(&mut self, fence: Fence, rest: &str) -> bool {
        if fence.is_quoted {
            return true;
        }
        let is_endless = |(mark, length): &(char, usize)| *mark == fence.mark && *length <= fence.length;
        if self.endless.iter().any(is_endless) {
            return false;
        }
        let is_ended = rest.lines().any(|line| fence.is_closed_by(line.trim()));
        if !is_ended {
            self.endless.push((fence.mark, fence.length));
        }
        is_ended
    }

    fn is_comment(&mut self, line: &str) -> bool {
        let was = self.in_comment;
        if line.starts_with("<!--") {
            self.in_comment = true;
        }
        let is_comment = self.in_comment;
        if line.contains("-->") {
            self.in_comment = false;
        }
        is_comment && (was || line.starts_with("<!--"))
    }

    /// Whether notes of another project begin with this title of what is folded.
    fn begins_others(&mut self, line: &str, title: &str, rest: &str) -> bool {
        if self.others == Others::LeftOpen || !is_of_other(title) || line.contains(UNFOLDED) {
            return false;
        }
        self.others = if rest.contains(UNFOLDED) { Others::Within } else { Others::LeftOpen };
        self.others == Others::Within
    }

    /// A line, of which HTML may have several blocks.
    fn blocks_of_line(&mut self, indent: usize, line: &str, after: &str) {
        let mut line = line;
        while let Some((first, rest)) = html_blocks(line) {
            self.content(indent, first, after);
            line = rest;
        }
        self.content(indent, line, after);
    }

    fn content(&mut self, indent: usize, line: &str, after: &str) {
        if self.quote == Quote::Begins {
            self.quote = Quote::Within;
            if !line.starts_with("[!") {
                (self.take)(Block::Box { warns: false, is_quoted: true });
            }
        }
        if is_definition(line) {
            return self.flush();
        }
        if let Some((level, title)) = heading(line) {
            self.flush();
            return (self.take)(Block::Heading(level, clean(title)));
        }
        if let Some(kind) = line.strip_prefix("[!").and_then(|rest| rest.strip_suffix(']')) {
            self.flush();
            let warns = ["WARNING", "CAUTION", "IMPORTANT"].iter().any(|word| kind.eq_ignore_ascii_case(word));
            return (self.take)(Block::Box { warns, is_quoted: false });
        }
        if let Some(warns) = admonition(line) {
            self.flush();
            return (self.take)(Block::Heading(BOLD, if warns { "Warning".into() } else { String::new() }));
        }
        if line.len() >= 3 && (line.bytes().all(|b| b == b'=') || line.bytes().all(|b| b == b'-')) {
            return self.underline(line.starts_with('='));
        }
        if line.starts_with("<li") {
            self.flush();
            return self.begin(Block::Item(indent, None, clean(line)));
        }
        if let Some(level) = html_heading(line) {
            self.flush();
            return (self.take)(Block::Heading(level, clean(line)));
        }
        if line.starts_with("<tr") {
            return self.row(&line.replace("</th>", "|").replace("</td>", "|"));
        }
        if line.starts_with('|') {
            return self.row(line);
        }
        if is_only_links(line) {
            return self.flush();
        }
        let bullet = line.strip_prefix("o ").filter(|_| indent > 0).map(|text| (None, text));
        if let Some((ticked, text)) = item(line).or(bullet) {
            self.title_of_list(indent);
            self.flush();
            return self.begin(Block::Item(indent, ticked, clean(text)));
        }
        if line.starts_with(UNFOLDED) {
            self.flush();
            return (self.take)(Block::Heading(BOLD, String::new()));
        }
        if line.starts_with("<summary") || (line.starts_with("<details") && line.contains("<summary")) {
            self.flush();
            let title = clean(line);
            let title = if self.begins_others(line, &title, after) { String::new() } else { title };
            return (self.take)(Block::Heading(BOLD, title));
        }
        self.text(indent, line);
    }

    fn text(&mut self, indent: usize, line: &str) {
        let (closed, again) = (self.is_closed, begins_anew(line));
        let open = match &mut self.open {
            Some(Block::Text(_, open) | Block::Item(_, _, open)) if !closed && !again => Some(open),
            _ => None,
        };
        if let Some(open) = open.filter(|open| open.len() + line.len() < LONGEST) {
            if !open.ends_with(is_wide) {
                open.push(' ');
            }
            open.push_str(&clean(line));
            self.lines += 1;
        } else {
            self.flush();
            let cut = (0..=LONGEST.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
            let (start, rest) = line.split_at(cut);
            let is_bold = start.starts_with("**") && start.trim_end_matches(':').ends_with("**");
            let is_one = start.matches("**").count() == 2 && start.len() < 2 * LONGEST_TITLE;
            if (is_bold && is_one) || is_slanted_title(start) {
                (self.take)(Block::Heading(BOLD, clean(start)));
            } else {
                self.begin(Block::Text(indent, clean(start)));
            }
            if !rest.is_empty() {
                self.text(indent, rest);
            }
        }
    }

    /// A line above a list that says what the list is of. What is indented deeper than the list belongs to what is above it.
    fn title_of_list(&mut self, of_list: usize) {
        let Some(Block::Text(indent, text)) = &mut self.open else { return };
        if *indent > of_list {
            return;
        }
        let ends = text.ends_with([':', '：']);
        let is_short = !text.ends_with(['.', '!', '?', ';', ',', '。']) && is_title(text);
        if self.lines == 1 && text.len() <= LONGEST_TITLE && (ends || is_short) {
            let title = std::mem::take(text);
            self.open = Some(Block::Heading(BOLD, title));
        }
    }

    fn underline(&mut self, is_first: bool) {
        match self.open.take() {
            Some(Block::Text(_, title)) if !self.is_closed && self.lines == 1 => {
                (self.take)(Block::Heading(if is_first { 1 } else { 2 }, title));
            }
            open => {
                self.open = open;
                self.flush();
            }
        }
    }

    fn row(&mut self, line: &str) {
        let is_rule = line.bytes().all(|byte| matches!(byte, b'|' | b'-' | b':' | b' '));
        if is_rule {
            if let Some(Block::Row(cells)) = self.open.take() {
                (self.take)(Block::Columns(cells));
            }
            return;
        }
        self.flush();
        let cells = line.trim_matches('|').split('|').map(|cell| clean(cell.trim()));
        self.begin(Block::Row(cells.collect()));
    }

    fn begin(&mut self, block: Block) {
        (self.open, self.lines, self.is_closed) = (Some(block), 1, false);
    }

    fn flush(&mut self) {
        if let Some(open) = self.open.take() {
            (self.take)(open);
        }
        self.is_closed = false;
    }
}

/// Whether a title is that of another project's notes: `owner/repository v1.2.0 release notes`.
fn is_of_other(title: &str) -> bool {
    let title = title.to_lowercase();
    let Some((before, _)) = title.split_once("release notes") else { return false };
    let is_name = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
    let is_project = |word: &str| word.split_once('/').is_some_and(|(owner, name)| is_name(owner) && is_name(name));
    before.split_whitespace().any(is_project)
}

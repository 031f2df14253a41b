//! Markdown as its writers mean it: line by line, in one pass. What CommonMark would join and people read as lines of their
//! own, as footers of commits and forms with fixed fields, stays apart here.

/// The most bytes of one block; what goes on after them is another block.
const LONGEST: usize = 4096;
/// A longer line is no title of the list below it.
const LONGEST_TITLE: usize = 80;

/// A longer target of a link, or tag of HTML, is read as text.
const LONGEST_TARGET: usize = 512;

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
        in_quote: false,
        begins_quote: false,
    };
    let mut rest = without_front_matter(text);
    while let Some(line) = rest.split_inclusive('\n').next() {
        rest = rest.get(line.len()..).unwrap_or_default();
        scanner.line(line, rest);
    }
    scanner.flush();
}

/// A text without the fields that a site's generator reads above it.
fn without_front_matter(text: &str) -> &str {
    let Some(mark) = ["+++\n", "---\n"].into_iter().find(|mark| text.starts_with(mark)) else { return text };
    let inner = text.get(mark.len()..).unwrap_or_default();
    let mut length = 0;
    for line in inner.split_inclusive('\n') {
        length += line.len();
        if line.trim_end() == mark.trim_end() {
            return inner.get(length..).unwrap_or_default();
        }
        if !line.contains(['=', ':']) && !line.trim().is_empty() {
            break;
        }
    }
    text
}

/// Marks around code that is shown as it is.
#[derive(Clone, Copy)]
struct Fence {
    mark: char,
    length: usize,
    is_quoted: bool,
}

/// A longer fence is one of this length.
const LONGEST_FENCE: usize = 16;

impl Fence {
    /// The fence that a line begins: no backtick stands behind the opening of one of backticks, as that is code in a line.
    fn opened(line: &str, is_quoted: bool) -> Option<Self> {
        let mark = line.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
        let length = line.chars().take_while(|c| *c == mark).count();
        let is_inline = mark == '`' && line.get(length..).unwrap_or_default().contains('`');
        (length >= 3 && !is_inline).then_some(Self { mark, length: length.min(LONGEST_FENCE), is_quoted })
    }

    /// Whether a line ends it: at least as many of the same mark, and nothing else.
    fn is_closed_by(self, line: &str) -> bool {
        let length = line.chars().take_while(|c| *c == self.mark).count();
        length >= self.length && line.get(length..).unwrap_or_default().trim().is_empty()
    }
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
    in_quote: bool,
    /// Whether nothing stood in the quote so far.
    begins_quote: bool,
}

impl Scanner<'_> {
    fn line(&mut self, raw: &str, rest: &str) {
        let (line, is_quoted) = unquoted(raw.trim_end());
        if self.is_in_fence(raw.trim_end(), line, is_quoted) {
            return;
        }
        if is_quoted != self.in_quote {
            self.flush();
            if self.in_quote {
                (self.take)(Block::BoxEnd);
            }
            self.in_quote = is_quoted;
            self.begins_quote = is_quoted;
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
        self.content(indent, trimmed);
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

    fn content(&mut self, indent: usize, line: &str) {
        if self.begins_quote && !line.starts_with("[!") {
            (self.take)(Block::Box { warns: false, is_quoted: true });
        }
        self.begins_quote = false;
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
        if let Some((ticked, text)) = item(line) {
            self.title_of_list();
            self.flush();
            return self.begin(Block::Item(indent, ticked, clean(text)));
        }
        if line.starts_with("</details") {
            self.flush();
            return (self.take)(Block::Heading(BOLD, String::new()));
        }
        if line.starts_with("<summary") || (line.starts_with("<details") && line.contains("<summary")) {
            self.flush();
            return (self.take)(Block::Heading(BOLD, clean(line)));
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

    /// A line above a list that says what the list is of.
    fn title_of_list(&mut self) {
        let Some(Block::Text(_, text)) = &mut self.open else { return };
        let ends = text.ends_with([':', '：']);
        let is_short = !text.ends_with(['.', '!', '?', ';', ',', '。']);
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

/// `!!! warning`, `:::caution`, `.. note::`: whether the box warns, as other kinds of Markdown have them.
fn admonition(line: &str) -> Option<bool> {
    let rest = ["!!! ", ":::", ".. "].into_iter().find_map(|mark| line.strip_prefix(mark))?.trim();
    let kind = rest.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    match kind {
        "warning" | "caution" | "danger" | "important" | "attention" => Some(true),
        "note" | "tip" | "info" | "hint" | "details" => Some(false),
        "" if rest.is_empty() => Some(false),
        _ => None,
    }
}

/// `*Removed features*`: a few slanted words alone.
fn is_slanted_title(line: &str) -> bool {
    let inner = ['*', '_'].into_iter().find_map(|mark| line.strip_prefix(mark)?.strip_suffix(mark));
    inner.is_some_and(|inner| {
        !inner.contains(['*', '_', '.', '`']) && (1..=4).contains(&inner.split_whitespace().count())
    })
}

/// `[#17]: https://…` says where a link goes.
fn is_definition(line: &str) -> bool {
    line.starts_with('[') && line.split_once("]: ").is_some_and(|(_, to)| to.starts_with("http") || to.starts_with('<'))
}

fn unquoted(line: &str) -> (&str, bool) {
    let mut rest = line;
    let mut is_quoted = false;
    while let Some(inner) = rest.trim_start().strip_prefix('>') {
        (rest, is_quoted) = (inner.strip_prefix(' ').unwrap_or(inner), true);
    }
    (rest, is_quoted)
}

fn heading(line: &str) -> Option<(u8, &str)> {
    let level = line.bytes().take_while(|byte| *byte == b'#').count();
    let title = line.get(level..)?.strip_prefix(' ')?;
    let level = u8::try_from(level).ok().filter(|level| (1..=6).contains(level))?;
    Some((level, title.trim().trim_end_matches('#').trim_end()))
}

fn item(line: &str) -> Option<(Option<bool>, &str)> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let text = if (1..=3).contains(&digits) {
        line.get(digits..)?.strip_prefix(['.', ')', '、'])?
    } else {
        line.strip_prefix("**")
            .filter(|rest| rest.starts_with(' '))
            .or_else(|| line.strip_prefix(['-', '*', '+', '•', '·']))?
    };
    let text = text.strip_prefix([' ', '\t'])?.trim_start();
    for (mark, ticked) in [("[ ] ", false), ("[x] ", true), ("[X] ", true)] {
        if let Some(text) = text.strip_prefix(mark) {
            return Some((Some(ticked), text));
        }
    }
    Some((None, text))
}

/// The level of a line that is a heading of HTML.
fn html_heading(line: &str) -> Option<u8> {
    let level = line.strip_prefix("<h")?.bytes().next()?.checked_sub(b'0')?;
    ((1..=6).contains(&level) && line.trim_end().ends_with('>')).then_some(level)
}

/// Whether a line below another one begins something: a field of a form, a commit, the footer of one.
fn begins_anew(line: &str) -> bool {
    if line.starts_with("<p") {
        return true;
    }
    let tag = line.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    if tag.is_some_and(|(tag, _)| tag.chars().any(char::is_uppercase) && !tag.chars().any(char::is_lowercase)) {
        return true;
    }
    if line.starts_with("**") && (line.contains(":**") || line.contains("**:")) {
        return true;
    }
    let Some((label, rest)) = line.split_once(':') else { return false };
    if label.len() > 40 || !(rest.is_empty() || rest.starts_with(' ')) {
        return false;
    }
    let is_loud = label.chars().any(char::is_alphabetic) && !label.chars().any(char::is_lowercase);
    let is_name = !label.contains(' ') && (label.contains('-') || label.contains('('));
    // A field of a form.
    let is_field =
        !label.contains(' ') && label.chars().count() <= 20 && rest.split_whitespace().count() <= 2 && !rest.is_empty();
    is_loud || is_field || is_name || label.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'!')
}

/// Whether a line is nothing but links to other pages: what they are called says nothing of this version. A link to a change
/// does.
fn is_only_links(line: &str) -> bool {
    if !line.contains("](")
        || ["/pull/", "/issues/", "/merge_requests/", "/commit/"].iter().any(|part| line.contains(part))
    {
        return false;
    }
    let (mut in_link, mut has_words) = (false, false);
    let mut before = ' ';
    for c in line.chars() {
        match c {
            '[' => in_link = true,
            ')' if in_link => in_link = false,
            _ => has_words |= !in_link && c.is_alphanumeric() && before != '\\',
        }
        before = c;
    }
    !has_words
}

fn is_wide(c: char) -> bool {
    ('\u{2e80}'..='\u{9fff}').contains(&c) || ('\u{ff00}'..='\u{ffef}').contains(&c)
}

/// Without what is only there to be set: marks of bold text, targets of links, images, HTML.
fn clean(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_code = false;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        in_code ^= c == '`';
        rest = match c {
            _ if in_code => {
                shown.push(c);
                after
            }
            '*' if after.starts_with('*') => after.get(1..).unwrap_or_default(),
            '!' if after.starts_with('[') => after,
            ']' if after.starts_with('(') => {
                let end = after.bytes().take(LONGEST_TARGET).position(|byte| byte == b')');
                shown.push(c);
                end.map_or(after, |end| after.get(end + 1..).unwrap_or_default())
            }
            '<' if after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') => {
                let end = after.bytes().take(LONGEST_TARGET).position(|byte| byte == b'>');
                shown.push_str(if end.is_some() { " " } else { "<" });
                end.map_or(after, |end| after.get(end + 1..).unwrap_or_default())
            }
            _ => {
                shown.push(c);
                after
            }
        };
    }
    shown.trim().to_owned()
}

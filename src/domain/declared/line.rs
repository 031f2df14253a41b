//! What a line of Markdown is, and what of it is shown.

/// A longer target of a link, or tag of HTML, is read as text.
const LONGEST_TARGET: usize = 512;

/// A text without the fields that a site's generator reads above it.
pub(super) fn without_front_matter(text: &str) -> &str {
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

/// `!!! warning`, `:::caution`, `.. note::`: whether the box warns, as other kinds of Markdown have them.
pub(super) fn admonition(line: &str) -> Option<bool> {
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
pub(super) fn is_slanted_title(line: &str) -> bool {
    let inner = ['*', '_'].into_iter().find_map(|mark| line.strip_prefix(mark)?.strip_suffix(mark));
    inner.is_some_and(|inner| {
        !inner.contains(['*', '_', '.', '`']) && (1..=4).contains(&inner.split_whitespace().count())
    })
}

/// `[#17]: https://…` says where a link goes.
pub(super) fn is_definition(line: &str) -> bool {
    line.starts_with('[') && line.split_once("]: ").is_some_and(|(_, to)| to.starts_with("http") || to.starts_with('<'))
}

pub(super) fn unquoted(line: &str) -> (&str, bool) {
    let mut rest = line;
    let mut is_quoted = false;
    while let Some(inner) = rest.trim_start().strip_prefix('>') {
        (rest, is_quoted) = (inner.strip_prefix(' ').unwrap_or(inner), true);
    }
    (rest, is_quoted)
}

pub(super) fn heading(line: &str) -> Option<(u8, &str)> {
    let level = line.bytes().take_while(|byte| *byte == b'#').count();
    let title = line.get(level..)?.strip_prefix(' ')?;
    let level = u8::try_from(level).ok().filter(|level| (1..=6).contains(level))?;
    Some((level, title.trim().trim_end_matches('#').trim_end()))
}

pub(super) fn item(line: &str) -> Option<(Option<bool>, &str)> {
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

/// A line of HTML that has several blocks in it: its first one, and what follows.
pub(super) fn html_blocks(line: &str) -> Option<(&str, &str)> {
    const STARTS: [&str; 6] = ["<li", "<h", "<ul", "<ol", "<p>", "<summary"];
    let is_start = |rest: &str| {
        let is_heading = rest.strip_prefix("<h").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        STARTS.iter().any(|start| rest.starts_with(start)) && (!rest.starts_with("<h") || is_heading)
    };
    if !is_start(line) {
        return None;
    }
    let at = line.match_indices('<').map(|(at, _)| at).find(|at| *at > 0 && line.get(*at..).is_some_and(is_start))?;
    Some((line.get(..at)?, line.get(at..)?))
}

/// The level of a line that is a heading of HTML.
pub(super) fn html_heading(line: &str) -> Option<u8> {
    let level = line.strip_prefix("<h")?.bytes().next()?.checked_sub(b'0')?;
    ((1..=6).contains(&level) && line.trim_end().ends_with('>')).then_some(level)
}

/// Whether a line below another one begins something: a field of a form, a commit, the footer of one.
pub(super) fn begins_anew(line: &str) -> bool {
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
pub(super) fn is_only_links(line: &str) -> bool {
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

pub(super) fn is_wide(c: char) -> bool {
    ('\u{2e80}'..='\u{9fff}').contains(&c) || ('\u{ff00}'..='\u{ffef}').contains(&c)
}

/// Without what is only there to be set: marks of bold text, targets of links, images, HTML.
pub(super) fn clean(text: &str) -> String {
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

/// What stands before a colon, if that is short.
pub(super) fn label(text: &str) -> Option<(&str, &str)> {
    let at = text.find([':', '：']).filter(|at| *at <= 60)?;
    let (label, rest) = (text.get(..at)?, text.get(at..)?);
    let rest = rest.trim_start_matches([':', '：']);
    (!label.contains('`') && !rest.trim().is_empty()).then(|| (label, rest.trim()))
}

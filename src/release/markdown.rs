//! Markdown of strangers → lines of plain text.
//!
//! A library reads the Markdown (CommonMark with the tables and footnotes of GitHub); what it calls HTML is reduced to
//! its text, images are left out, of a link its words stay.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::domain::plain::PlainText;
use crate::domain::release::{Line, LineKind};

/// A longer line is cut.
const LONGEST_LINE: usize = 400;
/// What is gathered for one line before it is cut; a text without line ends holds no more memory than this.
const LONGEST_RAW: usize = 4096;

/// The text of a document, at most `most` lines of it.
///
/// Thanks to new contributors and links to comparisons are left out: they tell nothing about the update.
#[must_use]
pub fn lines(markdown: &str, most: usize) -> Vec<Line> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES;
    let mut reader = Reader::default();
    for event in Parser::new_ext(markdown, options) {
        reader.read(event);
        if reader.lines.len() > most {
            break;
        }
    }
    reader.end_line();
    reader.lines.truncate(most);
    reader.lines
}

/// What has been read so far.
#[derive(Default)]
struct Reader {
    lines: Vec<Line>,
    raw: String,
    kind: Option<LineKind>,
    html: Html,
    in_image: usize,
    in_item: usize,
    in_code: bool,
    /// Below a heading whose section is left out.
    skips: bool,
}

impl Reader {
    fn read(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.in_code => text.lines().for_each(|line| self.code(line)),
            Event::Text(text) | Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.push(&text);
            }
            Event::InlineHtml(html) => {
                let (text, _) = self.html.text_of(&html);
                self.push(&text);
            }
            Event::Html(html) => {
                for (at, line) in html.split('\n').enumerate() {
                    if at > 0 {
                        self.end_line();
                    }
                    let (text, breaks) = self.html.text_of(line);
                    self.push(&text);
                    if breaks {
                        self.end_line();
                    }
                }
            }
            Event::SoftBreak => self.push(" "),
            Event::HardBreak | Event::Rule => self.end_line(),
            Event::FootnoteReference(_) | Event::TaskListMarker(_) => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Heading { .. } => {
                self.end_line();
                self.kind = Some(LineKind::Heading);
            }
            Tag::Item => {
                self.end_line();
                self.in_item += 1;
            }
            Tag::CodeBlock(_) => {
                self.end_line();
                self.in_code = true;
            }
            Tag::Image { .. } => self.in_image += 1,
            Tag::HtmlBlock => {
                self.end_line();
                self.html = Html::default();
            }
            Tag::Paragraph | Tag::BlockQuote(_) | Tag::List(_) | Tag::TableRow | Tag::TableHead => self.end_line(),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Image => self.in_image = self.in_image.saturating_sub(1),
            TagEnd::Item => {
                self.end_line();
                self.in_item = self.in_item.saturating_sub(1);
            }
            TagEnd::CodeBlock => self.in_code = false,
            TagEnd::TableCell => self.push(" | "),
            TagEnd::HtmlBlock => {
                self.end_line();
                self.html = Html::default();
            }
            TagEnd::Heading(_) | TagEnd::Paragraph | TagEnd::TableRow | TagEnd::TableHead => self.end_line(),
            _ => {}
        }
    }

    fn push(&mut self, text: &str) {
        if self.in_image == 0 && self.raw.len() < LONGEST_RAW {
            self.raw.extend(text.chars().take(LONGEST_RAW - self.raw.len()));
        }
    }

    fn code(&mut self, line: &str) {
        self.push(line);
        self.kind = Some(LineKind::Code);
        self.end_line();
    }

    fn end_line(&mut self) {
        let usual = if self.in_item > 0 { LineKind::Item } else { LineKind::Text };
        let kind = self.kind.take().unwrap_or(usual);
        if self.raw.trim().is_empty() {
            self.raw.clear();
            return;
        }
        let text = PlainText::of(self.raw.trim_end_matches([' ', '|'])).cut(LONGEST_LINE);
        self.raw.clear();
        if kind == LineKind::Heading {
            self.skips = begins(&text, "new contributors");
        }
        if !text.is_empty() && !self.skips && !begins(&text, "full changelog") && !begins(&text, "**full changelog") {
            self.lines.push(Line { kind, text });
        }
    }
}

fn begins(text: &PlainText, words: &str) -> bool {
    text.as_str().get(..words.len()).is_some_and(|start| start.eq_ignore_ascii_case(words))
}

/// Takes tags and comments out of HTML. It need not be right about HTML, as what it leaves is shown as text.
#[derive(Default)]
struct Html {
    /// What ends what is being left out.
    until: Option<&'static str>,
}

/// Elements whose end is the end of a line.
const BLOCKS: [&str; 10] = ["br", "/p", "/li", "/div", "/tr", "/summary", "/h1", "/h2", "/h3", "/h4"];

impl Html {
    /// The text of a piece of HTML, and whether a line ends with it.
    fn text_of(&mut self, html: &str) -> (String, bool) {
        let (mut text, mut breaks, mut rest) = (String::new(), false, html);
        while !rest.is_empty() {
            if let Some(end) = self.until {
                let Some(at) = find_ignoring_case(rest, end) else { return (text, breaks) };
                rest = rest.get(at + end.len()..).unwrap_or_default();
                self.until = None;
                continue;
            }
            let Some(at) = rest.find('<') else {
                text.push_str(rest);
                break;
            };
            text.push_str(rest.get(..at).unwrap_or_default());
            let tag = rest.get(at + 1..).unwrap_or_default();
            let begins = |word: &str| tag.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
            self.until = match () {
                () if tag.starts_with("!--") => Some("-->"),
                () if begins("script") => Some("</script>"),
                () if begins("style") => Some("</style>"),
                () => Some(">"),
            };
            breaks |= BLOCKS.iter().any(|name| begins(name));
            rest = tag;
        }
        (text, breaks)
    }
}

fn find_ignoring_case(text: &str, ascii: &str) -> Option<usize> {
    text.as_bytes().windows(ascii.len()).position(|window| window.eq_ignore_ascii_case(ascii.as_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(markdown: &str) -> Vec<String> {
        let mark = |kind| match kind {
            LineKind::Heading => "# ",
            LineKind::Item => "- ",
            LineKind::Code => "> ",
            LineKind::Text => "",
        };
        lines(markdown, 100).iter().map(|line| format!("{}{}", mark(line.kind), line.text)).collect()
    }

    #[test]
    fn a_release_reads_as_text() {
        let markdown = "## What's Changed\r\n* Fix **a** [leak](https://evil.example) by @octocat in \
             https://github.com/acme/web/pull/17\r\n* `--old` is gone\r\n  - nested\r\n\r\n![badge](https://b.example/x.svg)\r\n\
             \r\n```sh\ncurl x | sh\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n## New Contributors\n* @new made it\n\n\
             **Full Changelog**: https://github.com/acme/web/compare/v1...v2\n";
        let expected = [
            "# What's Changed",
            "- Fix a leak by octocat in #17",
            "- --old is gone",
            "- nested",
            "> curl x | sh",
            "a | b",
            "1 | 2",
        ];
        assert_eq!(text(markdown), expected);
    }

    #[test]
    fn html_is_text() {
        let cases: [(&str, &[&str]); 7] = [
            ("<details><summary>More</summary>\n\n- one\n\n</details>", &["More", "- one"]),
            ("<!-- a secret\nin two lines --> shown", &["shown"]),
            ("a <b>bold</b> <img src=x onerror=alert(1)> word", &["a bold word"]),
            ("<script>\nalert(1)\n</script>\n\nafter", &["after"]),
            ("<p>one</p>\n<p>two</p>", &["one", "two"]),
            ("<a href=\"javascript:alert(1)\">press</a> [x](javascript:alert(1))", &["press x"]),
            ("&lt;script&gt; &amp; <!channel>", &["<script> &"]),
        ];
        for (markdown, expected) in cases {
            assert_eq!(text(markdown), expected, "{markdown}");
        }
    }

    #[test]
    fn what_is_long_is_cut() {
        assert_eq!(lines(&"- item\n".repeat(500), 20).len(), 20);
        let one = lines(&"word ".repeat(100_000), 20);
        assert!(one.len() == 1 && one[0].text.as_str().chars().count() <= LONGEST_LINE);
    }

    proptest! {
        #[test]
        fn any_text_is_read(markdown in "(\\PC|[\\n#*\\->|`<>\\[\\]()!@&]|https://|<!--|<script>|</|\\]\\(){0,120}") {
            for line in lines(&markdown, 50) {
                prop_assert_eq!(PlainText::of(line.text.as_str()), line.text);
            }
        }
    }
}

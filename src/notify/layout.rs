//! A message as one text, in the markup that a service reads.
//!
//! What strangers wrote is never markup: it links nothing, mentions nobody and breaks out of nothing.

use super::budget::{Unit, cut, cut_as};
use crate::domain::release::LineKind;
use crate::message::{Action, AlertLine, Fact, Item, Message, NotesPart, Remark, Section};

/// The longest sentence, remark, value and line of a list: what is longer says nothing more to a person.
const MOST_OF_A_SENTENCE: usize = 2000;
const MOST_OF_A_REMARK: usize = 1000;
const MOST_OF_A_LINE: usize = 300;
/// Takes no room, and parts what would be read together.
const PARTING: char = '\u{200b}';

/// What a service reads as markup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Markup {
    /// Nothing.
    Plain,
    /// Markdown, as Discord, Mattermost and Gotify read it.
    Markdown,
    /// The HTML of Telegram, which has no line breaks of its own.
    Telegram,
    /// The HTML of Matrix.
    Html,
    /// The HTML of cards in Google Chat, which has no code.
    Card,
}

/// How a message is laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// What is read as markup.
    pub markup: Markup,
    /// Whether the facts, and why its reader gets it, are in the text, and not beside it.
    pub facts: bool,
    /// Whether the links of the message are in the text, and not on buttons.
    pub actions: bool,
    /// Whether the sentence is in the text, and not before it.
    pub sentence: bool,
}

impl Layout {
    /// Everything in one text.
    pub(super) fn whole(markup: Markup) -> Self {
        Self { markup, facts: true, actions: true, sentence: true }
    }
}

impl Markup {
    /// A text of which nothing is markup.
    pub(super) fn escaped(self, text: &str) -> String {
        let text = parted(text);
        let escape = |c: char, all: &mut String| match (self, c) {
            (Self::Telegram | Self::Html | Self::Card, '&') => all.push_str("&amp;"),
            (Self::Telegram | Self::Html | Self::Card, '<') => all.push_str("&lt;"),
            (Self::Telegram | Self::Html | Self::Card, '>') => all.push_str("&gt;"),
            (Self::Telegram | Self::Html | Self::Card, '"') => all.push_str("&quot;"),
            (Self::Markdown, '\\' | '`' | '*' | '_' | '~' | '|' | '<' | '>' | '[' | ']' | '#' | '!' | '&' | '$') => {
                all.extend(['\\', c]);
            }
            // Google Chat reads a mention or a link after it, and knows no escape.
            (Self::Plain, '<') => all.extend([c, PARTING]),
            _ => all.push(c),
        };
        let mut all = String::with_capacity(text.len() + 8);
        text.chars().for_each(|c| escape(c, &mut all));
        all
    }

    /// The same, at most so many characters of it.
    fn within(self, text: &str, most: usize) -> String {
        self.escaped(&cut(text, Unit::Characters, most))
    }

    fn bold(self, text: &str) -> String {
        match self {
            Self::Plain => self.escaped(text),
            Self::Markdown => format!("**{}**", self.escaped(text)),
            Self::Telegram | Self::Html | Self::Card => format!("<b>{}</b>", self.escaped(text)),
        }
    }

    fn code(self, text: &str) -> String {
        match self {
            Self::Plain | Self::Card => self.escaped(text),
            Self::Markdown => format!("`{}`", text.replace('`', "'")),
            Self::Telegram | Self::Html => format!("<code>{}</code>", self.escaped(text)),
        }
    }

    /// A link, where its address is one.
    fn link(self, label: &str, url: &str, colon: &str) -> String {
        let label = self.within(label, MOST_OF_A_LINE);
        if !is_web(url) {
            return label;
        }
        match self {
            Self::Plain => format!("{label}{colon} {}", written(url)),
            Self::Markdown => format!("[{label}]({})", written(url)),
            Self::Telegram | Self::Html | Self::Card => {
                format!("<a href=\"{}\">{label}</a>", written(url).replace('&', "&amp;"))
            }
        }
    }

    fn end_of_line(self) -> &'static str {
        match self {
            Self::Plain | Self::Markdown | Self::Telegram => "\n",
            Self::Html | Self::Card => "<br>",
        }
    }

    fn bullet(self) -> &'static str {
        if self == Self::Markdown { "- " } else { "• " }
    }
}

/// Whether a browser may be sent there.
pub(super) fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// An address without what would end it within a text.
fn written(url: &str) -> String {
    let ends = |c: char| matches!(c, '"' | '\'' | '<' | '>' | '(' | ')' | '[' | ']' | '|' | '\\' | '`' | '*' | ' ');
    url.chars().map(|c| if ends(c) { format!("%{:02X}", u32::from(c)) } else { c.to_string() }).collect()
}

/// Without mentions and links that a service would find by itself: after the `@` of a mention, and before `//`, stands
/// what parts them and is not seen.
fn parted(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    let mut before = ' ';
    let mut coming = text.chars().peekable();
    while let Some(c) = coming.next() {
        all.push(c);
        let next = coming.peek().copied().unwrap_or(' ');
        if (c == '@' && !before.is_alphanumeric() && !next.is_whitespace()) || (c == ':' && next == '/') {
            all.push(PARTING);
        }
        before = c;
    }
    all
}

/// A message as one text: what it says first, then what can be answered, then the rest.
pub(super) fn text(message: &Message, layout: Layout) -> String {
    let (markup, colon) = (layout.markup, message.colon);
    let mut parts = Vec::new();
    if layout.sentence {
        parts.push(vec![markup.within(&message.sentence, MOST_OF_A_SENTENCE)]);
    }
    if layout.actions {
        parts.push(message.action.iter().flat_map(|action| answer(action, markup, colon)).collect());
    }
    if layout.facts {
        parts.push(message.facts.iter().map(|one| fact(one, markup, colon)).collect());
    }
    parts.extend(message.remarks.iter().map(|one| vec![remark(one, markup, colon)]));
    parts.extend(message.sections.iter().map(|one| section(one, markup, colon)));
    parts.extend(message.notes.iter().flat_map(|notes| changes(notes, markup, colon)));
    if layout.actions {
        parts.push(message.release.iter().map(|release| markup.link(&release.label, &release.url, colon)).collect());
    }
    if layout.facts {
        parts.push(vec![markup.within(&message.reason, MOST_OF_A_LINE)]);
    }
    let end = markup.end_of_line();
    let parts = parts.into_iter().map(|lines| lines.into_iter().filter(|line| !line.trim().is_empty()));
    let parts = parts.map(|lines| joined(&lines.collect::<Vec<_>>(), markup)).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(&end.repeat(2))
}

/// Lines under one another. In Markdown a line under a list would be part of its last item.
fn joined(lines: &[String], markup: Markup) -> String {
    let mut all = String::new();
    let mut was_item = false;
    for line in lines {
        let is_item = markup == Markup::Markdown && line.starts_with(markup.bullet());
        if !all.is_empty() {
            all.push_str(&markup.end_of_line().repeat(if was_item && !is_item { 2 } else { 1 }));
        }
        all.push_str(line);
        was_item = is_item;
    }
    all
}

/// The sentence and the link, which every service takes.
pub(super) fn short(message: &Message, markup: Markup, unit: Unit, most: usize) -> String {
    let link = main_link(message)
        .map(|(label, url)| format!("\n{}{} {}", markup.within(label, 80), message.colon, written(url)));
    let link = link.unwrap_or_default();
    let room = most.saturating_sub(unit.count(&link));
    cut_as(&message.alone(), unit, room, |text| markup.escaped(text)) + &link
}

/// The link of a message, else that of the first thing that it tells.
fn main_link(message: &Message) -> Option<(&str, &str)> {
    let of_items = || message.sections.iter().flat_map(|section| &section.items);
    let own = message.action.as_ref().map(|action| (action.label.as_str(), action.url.as_str()));
    let any = own.or_else(|| of_items().find_map(|item| Some((item.line.as_str(), item.url.as_deref()?))));
    any.filter(|(_, url)| is_web(url))
}

/// What can be pressed: first the answer, then the notes. Only what a browser may be sent to.
pub(super) fn buttons(message: &Message) -> impl Iterator<Item = &Action> {
    message.action.iter().chain(&message.release).filter(|action| is_web(&action.url))
}

fn answer(action: &Action, markup: Markup, colon: &str) -> Vec<String> {
    vec![markup.link(&action.label, &action.url, colon), markup.within(&action.hint, MOST_OF_A_LINE)]
}

fn fact(Fact { label, value, code }: &Fact, markup: Markup, colon: &str) -> String {
    let bullet = if markup == Markup::Markdown { "- " } else { "" };
    let code =
        code.as_ref().map(|code| format!("  {}", markup.code(&cut(code, Unit::Characters, 100)))).unwrap_or_default();
    let label = markup.bold(&cut(label, Unit::Characters, 80));
    format!("{bullet}{label}{colon} {}{code}", markup.within(value, MOST_OF_A_LINE))
}

fn remark(Remark { label, text, .. }: &Remark, markup: Markup, colon: &str) -> String {
    format!("{}{colon} {}", markup.bold(&cut(label, Unit::Characters, 80)), markup.within(text, MOST_OF_A_REMARK))
}

/// Several things of one kind, each with its own link.
fn section(section: &Section, markup: Markup, colon: &str) -> Vec<String> {
    let line = |Item { line, url }: &Item| match url {
        Some(url) => format!("{}{}", markup.bullet(), markup.link(line, url, colon)),
        None => format!("{}{}", markup.bullet(), markup.within(line, MOST_OF_A_LINE)),
    };
    let heading = markup.bold(&cut(&section.heading, Unit::Characters, MOST_OF_A_LINE));
    let left_out = section.left_out.iter().map(|more| markup.within(more, MOST_OF_A_LINE));
    std::iter::once(heading).chain(section.items.iter().map(line)).chain(left_out).collect()
}

/// What the update changes, part by part.
fn changes(notes: &NotesPart, markup: Markup, colon: &str) -> Vec<Vec<String>> {
    let line = |text: &str| markup.within(text, MOST_OF_A_REMARK);
    let alert = |AlertLine { title, version, text }: &AlertLine| {
        let version = version.as_ref().map(|version| format!(" ({})", markup.within(version, 80))).unwrap_or_default();
        format!("{}⚠ {}{version}{colon} {}", markup.bullet(), markup.bold(title), line(text))
    };
    let alerts = notes.alerts.iter().map(alert).chain(notes.more_alerts.iter().map(|more| line(more)));
    let mut parts = vec![alerts.collect::<Vec<_>>()];
    if let Some(short) = &notes.in_short {
        let lines = short.lines.iter().map(|one| format!("{}{}", markup.bullet(), line(one)));
        let lines = std::iter::once(markup.bold(short.heading)).chain(lines).chain([line(&short.by)]);
        parts.push(lines.collect());
    }
    if let Some(changes) = &notes.changes {
        parts.push(vec![markup.bold(changes.heading), line(changes.by)]);
    }
    for release in notes.changes.iter().flat_map(|changes| &changes.releases) {
        let published = release.published.as_ref().map(|day| format!("  {}", markup.within(day, 40)));
        let heading = markup.link(&release.version, &release.url, colon) + &published.unwrap_or_default();
        let lines = release.lines.iter().map(|one| match one.kind {
            LineKind::Item => format!("{}{}", markup.bullet(), line(one.text.as_str())),
            LineKind::Heading => markup.bold(&cut(one.text.as_str(), Unit::Characters, MOST_OF_A_LINE)),
            LineKind::Code | LineKind::Text => line(one.text.as_str()),
        });
        let goes_on = release.goes_on.map(line);
        parts.push(std::iter::once(heading).chain(lines).chain(goes_on).collect());
    }
    parts.push(notes.left_out.iter().map(|more| line(more)).collect());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str =
        "<!channel> <@U1> <https://evil|https://github.com> @everyone [x](https://evil) **b** `c` &lt;";

    #[test]
    fn strangers_words_are_no_markup() {
        let plain = Markup::Plain.escaped(HOSTILE);
        assert!(!["<!", "<@", "<https", "://", "@everyone"].iter().any(|bad| plain.contains(bad)), "{plain}");
        let html = Markup::Html.escaped(HOSTILE);
        assert!(!html.contains(['<', '>', '"']) && html.contains("&amp;lt;") && !html.contains("://"), "{html}");
        assert_eq!(Markup::Telegram.escaped(HOSTILE), html);
        assert_eq!(Markup::Card.escaped(HOSTILE), html);
        let markdown = Markup::Markdown.escaped(HOSTILE);
        let bare = |c: char| {
            let all: Vec<char> = markdown.chars().collect();
            all.windows(2).any(|two| two[1] == c && two[0] != '\\')
        };
        assert!(!['<', '[', ']', '*', '`', '&'].into_iter().any(bare), "{markdown}");
        assert!(!markdown.contains("://") && !markdown.contains("@everyone"), "{markdown}");
    }

    #[test]
    fn mail_addresses_and_images_can_be_copied() {
        for text in ["ops@example.com", "registry.example.com:5000/shop/web:1.3.0", "a@sha256:aaaa", "1 < 2"] {
            assert_eq!(Markup::Html.escaped(text).replace("&lt;", "<"), text);
        }
    }

    #[test]
    fn an_address_ends_where_it_ends() {
        assert_eq!(
            Markup::Markdown.link("a](b", "https://x.example/a)b c", ":"),
            "[a\\](b](https://x.example/a%29b%20c)"
        );
        assert_eq!(
            Markup::Html.link("a", "https://x.example/?a=\"&b=<", ":"),
            "<a href=\"https://x.example/?a=%22&amp;b=%3C\">a</a>"
        );
        assert_eq!(Markup::Html.link("a", "javascript:alert(1)", ":"), "a");
        assert_eq!(Markup::Plain.link("a", "https://x.example/", ":"), "a: https://x.example/");
    }
}

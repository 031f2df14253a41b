//! What may be kept of a stranger's answer. Whoever is sent a secret may repeat it: in an error, in a quoted message, in
//! a dump of the request. None of that is to reach a log or a disk, in whatever form it is written.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::approval::Token;
use super::plain::is_harmful;

/// What stands for an answer that repeats a secret.
pub const NOT_KEPT: &str = "what it said is not kept, as it repeats a link or a secret";

/// How many characters of an answer are kept.
const MOST_CHARACTERS: usize = 240;
/// How many are read: all that is kept, in its longest spelling.
const MOST_READ: usize = 4096;
/// How many encodings may lie over one another.
const MOST_LAYERS: usize = 3;
/// So many characters of a secret in a row are no accident; of 43 that sign a link, the rest can't be guessed.
const PIECE: usize = 12;
/// What is shorter is no secret that could be told from a word.
const SHORTEST_SECRET: usize = 6;
/// So many letters and digits in a row are no word, but a key, a digest or something encoded.
const OPAQUE: usize = 40;

/// One line of what a stranger said, without any of `secrets`, the links of other messages, and what looks like a key.
#[must_use]
pub fn redacted(said: &str, secrets: &[&str]) -> String {
    let said: String = said.chars().take(MOST_READ).collect();
    let readings = readings(&said);
    let pieces: Vec<String> = secrets.iter().flat_map(|secret| spellings(secret)).collect();
    let repeats = |reading: &String| {
        let letters = letters(reading);
        Token::is_in(&reading.split_whitespace().collect::<String>()) || pieces.iter().any(|s| is_part_of(s, &letters))
    };
    if readings.iter().any(repeats) {
        return NOT_KEPT.to_owned();
    }
    let visible = said.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !is_harmful(*c));
    let line = visible.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    without_opaque(&line).chars().take(MOST_CHARACTERS).collect::<String>().trim_end().to_owned()
}

/// The text, and what it says once its escapes are resolved, as often as there are any.
fn readings(text: &str) -> Vec<String> {
    let mut all = vec![text.to_owned()];
    for _ in 0..MOST_LAYERS {
        let next = all.last().map(|text| decoded(text)).unwrap_or_default();
        if all.last() == Some(&next) {
            break;
        }
        all.push(next);
    }
    all
}

/// Resolves percent-encoding, quoted-printable and the escapes of JSON and HTML, each where it stands.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (read, length) = escape(rest).unwrap_or((first, first.len_utf8()));
        // A byte of an escape is a byte of the text: those above ASCII join to characters.
        match u8::try_from(u32::from(read)) {
            Ok(byte) if length > first.len_utf8() => bytes.push(byte),
            _ => bytes.extend(read.encode_utf8(&mut [0; 4]).bytes()),
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The character that an escape at the start of a text stands for, and how long the escape is.
fn escape(text: &str) -> Option<(char, usize)> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    let hex = |start: usize, length: usize| {
        let digits = text.get(start..start + length).filter(|it| it.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        Some((number(digits, 16)?, start + length))
    };
    let entity = |start: usize, radix| {
        let digits = text.get(start..)?.split_once(';').map(|(digits, _)| digits).filter(|it| it.len() <= 7)?;
        Some((number(digits, radix)?, start + digits.len() + 1))
    };
    match text.as_bytes() {
        [b'%' | b'=', ..] => hex(1, 2),
        [b'\\', b'u', ..] => hex(2, 4),
        [b'\\', b'x', ..] => hex(2, 2),
        [b'&', b'#', b'x' | b'X', ..] => entity(3, 16),
        [b'&', b'#', ..] => entity(2, 10),
        _ => None,
    }
}

/// What is left of a text when it is wrapped, spaced, quoted or changed in case: all that secrets are made of.
fn letters(text: &str) -> String {
    let kept = text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

/// A secret as it is, in hexadecimal digits, and in base64, wherever in the encoded text it begins.
fn spellings(secret: &str) -> Vec<String> {
    if secret.len() < SHORTEST_SECRET {
        return Vec::new();
    }
    let digit = |four: u8| char::from_digit(four.into(), 16);
    let in_hex = secret.bytes().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).flatten().collect();
    let mut all = vec![letters(secret), in_hex];
    for before in 0..3 {
        let shifted = [&vec![0; before], secret.as_bytes()].concat();
        for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            // The first characters tell of what stands before it too, and the last of what stands behind.
            let own = encoded.get((before * 4).div_ceil(3)..encoded.len() - 1);
            all.push(letters(own.unwrap_or_default()));
        }
    }
    all
}

/// Whether a piece of a secret that is long enough stands in a text.
fn is_part_of(secret: &str, text: &str) -> bool {
    let length = secret.len().min(PIECE);
    if length < SHORTEST_SECRET {
        return false;
    }
    // Tokens of clouds have thousands of pieces, and whoever answers chooses how long the text is.
    let pieces: HashSet<&[u8]> = secret.as_bytes().windows(length).collect();
    text.as_bytes().windows(length).any(|window| pieces.contains(window))
}

/// A text with `[…]` for each long run of letters and digits.
fn without_opaque(text: &str) -> String {
    let is_opaque = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '=');
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let run = rest.find(|c| !is_opaque(c)).unwrap_or(rest.len());
        let end = rest.get(run..).and_then(|rest| rest.find(is_opaque)).map_or(rest.len(), |length| run + length);
        shown.push_str(if run < OPAQUE { rest.get(..run).unwrap_or_default() } else { "[…]" });
        shown.push_str(rest.get(run..end).unwrap_or_default());
        rest = rest.get(end..).unwrap_or_default();
    }
    shown
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_secret_is_told_on_one_line() {
        let cases = [
            ("invalid_payload", "invalid_payload"),
            ("5.7.1 <a@example.com>\r\n relay access\tdenied\n", "5.7.1 <a@example.com> relay access denied"),
            ("no \u{202e}such\u{200b} channel\0", "no such channel"),
            ("Cannot POST /hooks/image-watcher", "Cannot POST /hooks/image-watcher"),
            ("100 % = 1 &amp; &#; &#x; \\u12 =0", "100 % = 1 &amp; &#; &#x; \\u12 =0"),
            ("", ""),
        ];
        for (said, expected) in cases {
            assert_eq!(redacted(said, &["a-secret-that-nobody-told"]), expected, "{said}");
        }
        let digest = "a".repeat(64);
        assert_eq!(redacted(&format!("sha256:{digest} is unknown"), &[]), "sha256:[…] is unknown");
        assert_eq!(redacted(&"word ".repeat(1000), &[]).len(), MOST_CHARACTERS - 1);
        assert!(redacted(&"é".repeat(9000), &[]).chars().count() <= MOST_CHARACTERS);
    }

    #[test]
    fn other_messages_links_and_short_secrets_are_seen() {
        let link = format!("https://iw.example.com/iw/a/v1.0a1b2c3d.01JGJ0EZ8M3C9S6D4K2P7Q1R0T.{}", "Ab-_9".repeat(8));
        for said in [link.clone(), link.replace('/', "%2F"), link.replace('.', ".\r\n "), link[..100].to_owned()] {
            assert_eq!(redacted(&format!("duplicate of {said}"), &[]), NOT_KEPT, "{said}");
        }
        assert_eq!(redacted("535 wrong: hunter2", &["hunter2"]), NOT_KEPT);
        assert_eq!(redacted("535 wrong: hunter", &["hunter"]), NOT_KEPT);
        assert_eq!(redacted(&format!("535 wrong: {}", STANDARD.encode("\0user\0hunter2")), &["hunter2"]), NOT_KEPT);
        for user in ["", "u", "us", "usr"] {
            let said = format!("535 wrong: {}", STANDARD.encode(format!("{user}\0hunter")));
            assert_eq!(redacted(&said, &["hunter"]), NOT_KEPT, "{said}");
        }
        for point in ["&#46;", "&#x2E;", "%E2%80%83.", "%2E"] {
            assert_eq!(redacted(&link.replace('.', point), &[]), NOT_KEPT, "{point}");
        }
        let signature = "Zk3-_".repeat(9);
        assert_eq!(redacted(&format!("near {}", &signature[7..20]), &[&signature]), NOT_KEPT, "a piece of it");
        assert_eq!(redacted("the word is pass", &["pass"]), "the word is pass", "no secret, but a word");
    }

    #[test]
    fn what_looks_like_a_key_is_not_told() {
        for (run, shown) in
            [("a", false), ("9", false), ("-", false), ("_", false), ("+", false), ("=", false), (".", true)]
        {
            let line = format!("key {} and", run.repeat(OPAQUE));
            assert_eq!(redacted(&line, &[]), if shown { line } else { "key […] and".to_owned() });
        }
        let short = "a".repeat(OPAQUE - 1);
        assert_eq!(redacted(&short, &[]), short);
    }

    fn everything_escaped(text: &str, escape: impl Fn(u8) -> String) -> String {
        text.bytes().map(escape).collect()
    }

    fn wrapped(text: &str, width: usize, end: &str) -> String {
        let lines: Vec<String> =
            text.as_bytes().chunks(width).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        lines.join(end)
    }

    /// A link as programs write it that were sent it.
    fn written(link: &str, how: usize, width: usize) -> String {
        match how {
            0 => link.to_owned(),
            1 => everything_escaped(link, |byte| format!("%{byte:02X}")),
            2 => everything_escaped(&everything_escaped(link, |byte| format!("%{byte:02x}")), |byte| {
                format!("%{byte:02X}")
            }),
            3 => link.replace('/', "\\/"),
            4 => everything_escaped(link, |byte| format!("\\u{byte:04x}")),
            5 => everything_escaped(link, |byte| format!("&#{byte};")),
            6 => everything_escaped(link, |byte| format!("&#x{byte:X};")),
            7 => link.replace('-', "&#45;").replace('_', "&#95;").replace('/', "&#x2F;"),
            8 => wrapped(link, width, "=\r\n"),
            9 => everything_escaped(link, |byte| format!("={byte:02X}")),
            10 => wrapped(&STANDARD.encode(link), 76, "\r\n"),
            11 => URL_SAFE_NO_PAD.encode(link),
            12 => everything_escaped(link, |byte| format!("{byte:02x}")),
            13 => link.to_uppercase(),
            14 => wrapped(link, width, " "),
            15 => wrapped(link, width, "\r\n550-5.7.1 "),
            16 => everything_escaped(link, |byte| format!("\\x{byte:02x}")),
            18 => everything_escaped(&everything_escaped(link, |byte| format!("\\u{byte:04x}")), |byte| {
                format!("%{byte:02X}")
            }),
            17 => link.replace('_', "%5F").replace('-', "=2D"),
            _ => everything_escaped(link, |byte| format!("{}\0", char::from(byte))),
        }
    }

    proptest! {
        #[test]
        fn no_link_is_kept_however_it_is_written(
            signature in "[A-Za-z0-9_-]{43}",
            before in "\\PC{0,40}",
            after in "\\PC{0,40}",
            how in 0..20_usize,
            width in 24..76_usize,
        ) {
            let link = format!("https://iw.example.com/a/v1.0a1b2c3d.01JGJ0EZ8M3C9S6D4K2P7Q1R0T.{signature}");
            for said in [link.as_str(), &link[link.len() - 50..]] {
                let said = format!("{before} {} {after}", written(said, how, width));
                prop_assert_eq!(redacted(&said, &[&signature]), NOT_KEPT, "{}", said);
            }
        }

        #[test]
        fn no_text_panics_or_breaks_a_line(said in "(\\PC|[%=&#;x\\\\u0-9a-f\\r\\n]){0,300}", secret in "\\PC{0,20}") {
            let kept = redacted(&said, &[&secret]);
            prop_assert!(!kept.chars().any(is_harmful), "{kept:?}");
            prop_assert!(kept.chars().count() <= MOST_CHARACTERS);
        }
    }
}

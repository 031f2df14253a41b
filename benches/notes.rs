//! Cleaning release notes: 1 MiB of each kind of Markdown, to its lines and to its alerts, beside the library's parser
//! alone. `make bench` runs it.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use image_watcher::domain::declared;
use image_watcher::domain::plain::PlainText;
use image_watcher::release::{alerts, markdown};

const BYTES: usize = 1024 * 1024;

/// The lines of one version that are kept, and one that tells that there are more.
const KEPT: usize = 61;

/// What is repeated until there is a mebibyte of it.
const KINDS: [(&str, &str); 8] = [
    (
        "a changelog",
        "## 1.2.3 (2026-01-01)\n\n### Breaking changes\n\n- **api**: the field `old` is gone, see [#123](https://example.com/123)\n- fix: CVE-2026-12345 in the parser, thanks to @someone\n\n",
    ),
    ("prose", "Several words of a paragraph that somebody wrote about what is new in *this* version of `it`. "),
    (
        "links",
        "[text](https://example.com/a?b=c#d \"title\") ![image](https://example.com/x.png) <https://example.com> ",
    ),
    ("HTML", "<details><summary>more</summary><p>text &amp; <b>bold</b></p><img src=x></details>\n\n"),
    ("tables", "| a | b | c |\n|---|---|---|\n| 1 | `2` | **3** |\n\n"),
    ("nested quotes and lists", "> > > - - - text\n> > > - - - more\n\n"),
    ("open brackets", "[[[[![![*_**_*`<a <!-- "),
    ("one line of identifiers", "CVE-2026-1 GHSA-aaaa-bbbb-cccc breaking deprecated security "),
];

/// The shortest of several runs.
fn shortest(mut work: impl FnMut()) -> Duration {
    let one = |work: &mut dyn FnMut()| {
        let started = Instant::now();
        work();
        started.elapsed()
    };
    (0..15).map(|_| one(&mut work)).min().unwrap_or_default()
}

fn main() {
    println!(
        "| 1 MiB of | lines that are kept | alerts | both | every line | declarations | the parser alone | both / parser |"
    );
    println!("|:---|---:|---:|---:|---:|---:|---:|---:|");
    let version = PlainText::of("1.2.3");
    for (what, part) in KINDS {
        let text: String = part.chars().cycle().take(BYTES / part.len() * part.chars().count()).collect();
        let kept = shortest(|| {
            black_box(markdown::lines(black_box(&text), KEPT));
        });
        let every = shortest(|| {
            black_box(markdown::lines(black_box(&text), usize::MAX));
        });
        let found = shortest(|| {
            black_box(alerts::find(black_box(&text), &version));
        });
        let declared = shortest(|| {
            black_box(declared::read(black_box(&text), "1.2.3"));
        });
        let parser = shortest(|| {
            black_box(pulldown_cmark::Parser::new(black_box(&text)).count());
        });
        let both = kept + found;
        let ratio = both.as_secs_f64() / parser.as_secs_f64();
        println!(
            "| {what} | {kept:.1?} | {found:.1?} | {both:.1?} | {every:.1?} | {declared:.1?} | {parser:.1?} | {ratio:.2} |"
        );
    }
}

//! The documents: each page is in the book, each link and anchor leads somewhere, tables have what the code has, each message
//! of `doctor` is explained, and each webhook that is shown is taken by the real route. `tests/quickstart.rs` runs commands.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use image_watcher::config::source::SourceKind;
use image_watcher::domain::settings;
use serde_json::{Value, json};

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: impl AsRef<Path>) -> String {
    let path = project("").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let all = entries.flat_map(|path| if path.is_dir() { files(&path, end) } else { vec![path] });
    all.filter(|path| path.extension().is_some_and(|extension| extension == end)).collect()
}

/// Every document, those at the top of the project included.
fn documents() -> Vec<PathBuf> {
    let top = std::fs::read_dir(project("")).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = top.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    all.extend(files(&project("docs"), "md"));
    all.extend(files(&project("examples"), "md"));
    all.push(project("tests/page/README.md"));
    all
}

/// Lines outside of fenced blocks.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Where the links of a document lead, without those of code.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let without_code: String = prose.split('`').step_by(2).collect::<Vec<_>>().join("code");
    let mut all: Vec<String> =
        without_code.split("](").skip(1).filter_map(|rest| rest.split(')').next()).map(str::to_owned).collect();
    for name in ["src=\"", "srcset=\""] {
        all.extend(prose.split(name).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned));
    }
    all
}

/// The anchors of a document, as forges and mdBook make them of headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for heading in prose(text).lines().filter(|line| line.starts_with('#')) {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let slug: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let again = (1..=1000).map(|number| format!("{slug}-{number}")).find(|slug| !all.contains(slug)).unwrap();
        all.insert(if all.contains(&slug) { again } else { slug });
    }
    all
}

#[test]
fn the_summary_names_every_page() {
    let summary = text("docs/SUMMARY.md");
    let named: BTreeSet<PathBuf> = links(&summary).iter().map(|link| project("docs").join(link)).collect();
    let pages = files(&project("docs"), "md").into_iter().filter(|page| !page.ends_with("SUMMARY.md"));
    let missing: Vec<_> = pages.filter(|page| !named.contains(page)).collect();
    assert!(missing.is_empty(), "docs/SUMMARY.md does not name {missing:?}");
}

#[test]
fn every_link_and_every_anchor_leads_somewhere() {
    let mut broken = Vec::new();
    for document in documents() {
        for link in links(&text(&document)) {
            if link.starts_with("https://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { document.clone() } else { document.parent().unwrap().join(path) };
            let is_there = target.exists() && (anchor.is_empty() || anchors(&text(&target)).contains(anchor));
            if !is_there {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "these lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn the_first_screen_says_what_it_is_how_to_begin_and_what_it_never_does() {
    let readme = text("README.md");
    assert!(readme.lines().count() <= 200, "{} lines", readme.lines().count());
    let parts =
        ["Keeps the container images", "<picture>", "## In a minute", "## One annotated manifest", "## What it never"];
    let places: Vec<_> = parts.iter().map(|part| readme.find(part).unwrap_or_else(|| panic!("{part}"))).collect();
    assert!(places.is_sorted(), "{places:?}");
    for picture in files(&project("docs/images"), "png") {
        let size = std::fs::metadata(&picture).unwrap().len();
        assert!(size <= 60_000, "{}: {size} bytes", picture.display());
    }
}

#[test]
fn the_table_of_settings_has_each_of_them() {
    let document = text("docs/settings.md");
    let table = document.split("## Variables").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `image-watcher/"));
    let cells = rows.filter_map(|row| row.split(" | ").next());
    let told: BTreeSet<&str> = cells.flat_map(|cell| cell.split(", ")).map(|name| name.trim_matches('`')).collect();
    let told: BTreeSet<&str> = told.into_iter().map(|name| name.trim_start_matches("image-watcher/")).collect();
    let known: Vec<String> = settings::names("web").filter(|name| !name.contains('.')).collect();
    assert_eq!(told, known.iter().map(String::as_str).collect());
}

#[test]
fn what_takes_our_annotations_away_names_what_we_write_and_nothing_else() {
    let operations = text("docs/operations.md");
    let command = operations.split("annotate deploy,").nth(1).unwrap().split("```").next().unwrap();
    let taken: BTreeSet<&str> = command.split_whitespace().filter_map(|word| word.strip_suffix('-')).collect();
    let names: BTreeSet<&str> = taken.iter().map(|name| name.strip_prefix("image-watcher/").unwrap()).collect();
    assert!(names.iter().all(|name| settings::is_state(name)), "{names:?}");
    let record = text("docs/record.md");
    let rows = record
        .lines()
        .filter(|line| line.starts_with("| `") && line.contains("-version`") || line.starts_with("| `held`"));
    let told = rows.flat_map(|row| row.split('`').skip(1).step_by(2).take(2)).filter(|name| settings::is_state(name));
    let missing: Vec<&str> = told.filter(|name| !names.contains(name)).collect();
    assert!(missing.is_empty() && names.contains("record") && names.len() == 11, "{missing:?} {names:?}");
}

/// Whether a message is one of these words: `…` in them is anything.
fn is_said(words: &str, message: &str) -> bool {
    let mut rest = message;
    words.split('…').map(str::trim).all(|part| match rest.split_once(part) {
        Some((_, behind)) => {
            rest = behind;
            true
        }
        None => false,
    })
}

#[test]
fn every_message_of_doctor_is_explained() {
    let reports = text("src/cli/doctor/snapshots/image_watcher__cli__doctor__snapshots__reports.snap");
    let troubleshooting = text("docs/troubleshooting.md");
    let headings: Vec<&str> = troubleshooting.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let told = reports.lines().map(str::trim).filter(|line| line.starts_with("FAIL ") || line.starts_with("warn "));
    let messages: Vec<&str> = told.collect();
    assert!(messages.len() > 30, "{}", messages.len());
    let unexplained: Vec<_> =
        messages.into_iter().filter(|message| !headings.iter().any(|words| is_said(words, message))).collect();
    assert!(unexplained.is_empty(), "docs/troubleshooting.md has no heading for:\n{}", unexplained.join("\n"));
}

#[test]
fn issue_forms_ask_for_what_doctor_says() {
    let forms = files(&project(".github/ISSUE_TEMPLATE"), "yml");
    for form in forms.iter().filter(|form| !form.ends_with("config.yml")) {
        assert!(text(form).contains("doctor -o json"), "{}", form.display());
        let read: Value = serde_saphyr::from_str(&text(form)).unwrap();
        assert!(["name", "description", "body"].iter().all(|key| !read[key].is_null()), "{}", form.display());
    }
    assert!(forms.len() > 2);
}

/// A section of `docs/webhooks.md`: its source, its payload and its command.
struct Proof<'d> {
    title: &'d str,
    source: &'d str,
    payload: &'d str,
    command: &'d str,
}

fn block<'d>(section: &'d str, language: &str) -> Option<&'d str> {
    section.split_once(&format!("```{language}\n"))?.1.split("```").next()
}

fn proofs(document: &str) -> Vec<Proof<'_>> {
    let sections = document.split("\n## ").skip(1);
    let proof = |section| {
        let command = block(section, "sh")?;
        let title = section.lines().next().unwrap_or_default();
        Some(Proof { title, source: block(section, "yaml")?, payload: block(section, "json")?, command })
    };
    sections.filter_map(proof).collect()
}

/// A word of a source, as `kind: quay`.
fn word<'d>(source: &'d str, key: &str) -> Option<&'d str> {
    source.split_once(&format!("{key}: "))?.1.split([',', '\n', ' ']).next()
}

/// What curl would have sent, as `image-watcher webhook` takes it.
fn as_sent(proof: &Proof<'_>, folder: &Path) -> Value {
    const SECRET: &str = "s3cret-of-a-test";
    std::fs::write(folder.join("delivery.json"), proof.payload).unwrap();
    let shown = "curl() { printf '%s\\0' \"$@\"; }\n".to_owned() + proof.command;
    let output =
        Command::new("bash").args(["-euc", &shown]).env("SECRET", SECRET).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}: {}", proof.title, String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let words: Vec<&str> = said.split_terminator('\0').collect();
    let url = words.iter().find(|word| word.starts_with("https://")).unwrap();
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    assert!(path.ends_with(&format!("/webhooks/{}", word(proof.source, "name").unwrap())), "{url}");
    let query: serde_json::Map<String, Value> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.into(), value.into()))
        .collect();
    let behind = |flag: &'static str| words.windows(2).filter(move |pair| pair.first() == Some(&flag));
    let headers = behind("-H").filter_map(|pair| pair.last()?.split_once(": "));
    let headers: serde_json::Map<String, Value> = headers.map(|(name, value)| (name.into(), value.into())).collect();
    let body = behind("--data-binary").find_map(|pair| pair.last()).unwrap();
    assert_eq!(*body, "@delivery.json");
    let config = word(proof.source, "registryHost").map_or(json!({}), |host| json!({"registry_host": host}));
    json!({"name": "delivery", "registry": word(proof.source, "kind").unwrap(), "method": "POST", "headers": headers,
        "query": query, "auth": {"scheme": word(proof.source, "scheme").unwrap()}, "secret": SECRET, "config": config})
}

#[test]
fn every_webhook_that_is_shown_is_taken_by_the_real_route() {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("skipped: there is no openssl on this machine, which signs");
        return;
    }
    let document = text("docs/webhooks.md");
    let proofs = proofs(&document);
    let shown: BTreeSet<&str> = proofs.iter().map(|proof| word(proof.source, "kind").unwrap()).collect();
    // Only Google can sign what comes from Artifact Registry.
    let kinds = SourceKind::ALL.iter().map(|(word, _)| *word).filter(|kind| *kind != "gar");
    assert_eq!(shown, kinds.collect());
    for proof in proofs {
        for (secret, expected) in [(None, 202), (Some("another"), 401)] {
            let folder = tempfile::tempdir().unwrap();
            let mut meta = as_sent(&proof, folder.path());
            if let Some(secret) = secret {
                meta["secret"] = secret.into();
            }
            let file = folder.path().join("delivery.meta.json");
            std::fs::write(&file, meta.to_string()).unwrap();
            let output = Command::new(env!("CARGO_BIN_EXE_image-watcher")).arg("webhook").arg(&file).output().unwrap();
            let line: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(line["status"], expected, "{}: {line}", proof.title);
            let pushes = line["pushes"].as_array().map_or(0, Vec::len);
            assert_eq!(pushes > 0, secret.is_none(), "{}: {line}", proof.title);
        }
    }
}

#[test]
fn the_book_is_built_without_a_warning() {
    let target = tempfile::tempdir().unwrap();
    let script = project("scripts/book");
    let output = Command::new(script).arg("--if-there").env("CARGO_TARGET_DIR", target.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    if said.contains("is not in the cache") {
        eprintln!("skipped: {said}");
        return;
    }
    let html = target.path().join("book/html");
    let pages = files(&html, "html");
    assert!(pages.len() > 40, "{} pages", pages.len());
    for page in pages.iter().filter(|page| !page.ends_with("404.html") && !page.ends_with("print.html")) {
        let text = std::fs::read_to_string(page).unwrap();
        let Some((_, main)) = text.split_once("<main>") else { continue };
        let main = main.split("</main>").next().unwrap();
        let links = ["href=\"", "src=\"", "srcset=\""].into_iter().flat_map(|name| main.split(name).skip(1));
        for link in links.filter_map(|rest| rest.split(['"', '#']).next()).filter(|link| !link.contains(':')) {
            let is_there = link.is_empty() || page.parent().unwrap().join(link).exists();
            assert!(is_there, "{}: {link}", page.display());
        }
    }
}

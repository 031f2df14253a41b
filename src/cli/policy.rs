//! `image-watcher policy`: decisions over cases of tag lists, one JSON object a line.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{BufRead, Read as _, Write};
use std::process::ExitCode;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::ending::no_answer;
use crate::domain::policy::{
    Decision, Order, Outcome, Pattern, PatternError, Policy, Selection, Strategy, UnknownWord,
};
use crate::domain::policy::{decide, resolve};
use crate::domain::tags::TagList;
use crate::domain::view::View;

#[cfg(test)]
mod snapshots;

/// The longest line, in bytes: a list of a million tags fits.
const LONGEST_LINE: u64 = 256 * 1024 * 1024;

/// One case. What is not named here is passed over.
#[derive(Deserialize)]
struct Case<'l> {
    #[serde(borrow)]
    current: Cow<'l, str>,
    tags: TagList,
    #[serde(borrow, default)]
    strategy: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    options: Option<Options<'l>>,
}

/// What a case may ask for beside its strategy.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Options<'l> {
    prerelease: Option<bool>,
    #[serde(borrow)]
    include: Option<Cow<'l, str>>,
    #[serde(borrow)]
    exclude: Option<Cow<'l, str>>,
    #[serde(borrow)]
    glob: Option<Cow<'l, str>>,
    #[serde(borrow)]
    regex: Option<Cow<'l, str>>,
    #[serde(borrow)]
    order: Option<Cow<'l, str>>,
    #[serde(borrow)]
    track: Option<Cow<'l, str>>,
    #[serde(borrow)]
    resolve: Option<Cow<'l, str>>,
    #[serde(borrow)]
    current_digest: Option<Cow<'l, str>>,
    #[serde(borrow)]
    digests: Option<HashMap<Cow<'l, str>, Option<Cow<'l, str>>>>,
    skip: Option<Vec<String>>,
    #[serde(borrow)]
    steps: Option<Cow<'l, str>>,
}

/// The id of a line, whatever JSON it is.
#[derive(Deserialize)]
struct Named<'l> {
    #[serde(borrow, default)]
    id: Option<&'l RawValue>,
}

#[derive(Serialize)]
struct Chosen<'l> {
    id: Option<&'l RawValue>,
    tag: Option<String>,
    reason: String,
}

#[derive(Serialize)]
struct Refusal<'l> {
    id: Option<&'l RawValue>,
    error: String,
}

/// Why a case is not decided.
#[derive(Debug, thiserror::Error)]
enum CaseError {
    #[error("not a case: {0}")]
    Json(#[from] serde_json::Error),
    #[error("not a case: longer than {0} bytes")]
    TooLong(u64),
    #[error("strategy: {0}")]
    Strategy(UnknownWord),
    #[error("options.{name}: {source}")]
    Pattern { name: &'static str, source: PatternError },
    #[error("options.order: {0}")]
    Order(UnknownWord),
    #[error("options.steps: {0}")]
    Steps(UnknownWord),
    #[error("options.{name}: {given:?} is none of version, digest")]
    OtherTrack { name: &'static str, given: String },
    #[error("options.order: newest goes by when tags were pushed, which a case does not say")]
    Untimed,
    #[error("options: glob and regex can't both be set")]
    TwoPatterns,
}

/// Reads cases until the end of the input, and writes one line for each: the answers are as many as the lines.
///
/// # Errors
/// When the input can't be read, or the output is not taken.
pub(super) fn policy(input: impl BufRead, output: impl Write, now: DateTime<Utc>) -> std::io::Result<()> {
    lines(input, output, now, LONGEST_LINE)
}

fn lines(mut input: impl BufRead, mut output: impl Write, now: DateTime<Utc>, longest: u64) -> std::io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut input).take(longest + 1).read_until(b'\n', &mut line)? == 0 {
            return output.flush();
        }
        match line.strip_suffix(b"\n") {
            None if line.len() as u64 > longest => {
                input.skip_until(b'\n')?;
                refuse(&CaseError::TooLong(longest), &mut output)?;
            }
            text => answer(text.unwrap_or(&line), now, &mut output)?,
        }
        output.write_all(b"\n")?;
    }
}

fn refuse(error: &CaseError, output: &mut impl Write) -> std::io::Result<()> {
    Ok(serde_json::to_writer(output, &Refusal { id: None, error: error.to_string() })?)
}

fn answer(line: &[u8], now: DateTime<Utc>, output: &mut impl Write) -> std::io::Result<()> {
    let id = serde_json::from_slice::<Named<'_>>(line).ok().and_then(|named| named.id);
    let case = match serde_json::from_slice::<Case<'_>>(line) {
        Ok(case) => case,
        Err(error) => return refuse(&CaseError::Json(error), output),
    };
    match decided(&case, now) {
        Ok((tag, reason)) => Ok(serde_json::to_writer(output, &Chosen { id, tag, reason })?),
        Err(error) => Ok(serde_json::to_writer(output, &Refusal { id, error: error.to_string() })?),
    }
}

/// The tag to go to, and why it or none.
fn decided(case: &Case<'_>, now: DateTime<Utc>) -> Result<(Option<String>, String), CaseError> {
    let none = Options::default();
    let options = case.options.as_ref().unwrap_or(&none);
    let policy = policy_of(case, options)?;
    let digest = |tag: &str| options.digests.as_ref()?.get(tag)?.as_deref();
    if is_digest("track", options.track.as_deref())? {
        return Ok(tracked(&case.current, options.current_digest.as_deref(), digest(&case.current)));
    }
    if !is_digest("resolve", options.resolve.as_deref())? {
        let decision = decide(&case.current, &case.tags, &policy, now);
        return Ok(result_of(&case.current, &decision, &policy));
    }
    let running = options.current_digest.as_deref().and_then(|running| resolve(&case.tags, running, digest));
    Ok(match running {
        Some(running) => result_of(running, &decide(running, &case.tags, &policy, now), &policy),
        None => (None, "S10: no version carries the digest that runs".into()),
    })
}

fn result_of(running: &str, decision: &Decision<'_>, policy: &Policy) -> (Option<String>, String) {
    let view = View::of(running, decision, policy, None, None);
    match decision.outcome() {
        Outcome::Update { to, .. } => (Some(to.to_owned()), view.why.to_string()),
        _ => (None, view.why.to_string()),
    }
}

/// S10: the same tag, when what it points to is known and another.
fn tracked(tag: &str, running: Option<&str>, registry: Option<&str>) -> (Option<String>, String) {
    match (running, registry) {
        (Some(running), Some(registry)) if running != registry => {
            (Some(tag.to_owned()), format!("S10: the tag points to {registry} now"))
        }
        (Some(_), Some(_)) => (None, "S10: the tag points to what runs".into()),
        (None, _) => (None, "S10: the digest that runs is not known".into()),
        (_, None) => (None, "S10: the registry doesn't have the tag".into()),
    }
}

fn policy_of(case: &Case<'_>, options: &Options<'_>) -> Result<Policy, CaseError> {
    let strategy = case.strategy.as_deref().map_or(Ok(Strategy::All), str::parse).map_err(CaseError::Strategy)?;
    let regex = |name, text: &Option<Cow<'_, str>>| {
        text.as_deref().map(Pattern::regex).transpose().map_err(|source| CaseError::Pattern { name, source })
    };
    let order = options.order.as_deref().map_or(Ok(Order::Semver), str::parse).map_err(CaseError::Order)?;
    if order == Order::Newest {
        return Err(CaseError::Untimed);
    }
    let glob = options.glob.as_deref().map(Pattern::glob).transpose();
    let glob = glob.map_err(|source| CaseError::Pattern { name: "glob", source })?;
    let pattern = match (glob, regex("regex", &options.regex)?) {
        (Some(_), Some(_)) => return Err(CaseError::TwoPatterns),
        (glob, regex) => glob.or(regex),
    };
    let steps = options.steps.as_deref().map(str::parse).transpose().map_err(CaseError::Steps)?;
    Ok(Policy {
        steps,
        prerelease: options.prerelease.unwrap_or(false),
        include: regex("include", &options.include)?,
        exclude: regex("exclude", &options.exclude)?,
        selection: pattern.map(|pattern| Selection::new(pattern, order)),
        skip: options.skip.clone().unwrap_or_default(),
        ..Policy::of(strategy)
    })
}

fn is_digest(name: &'static str, given: Option<&str>) -> Result<bool, CaseError> {
    match given {
        None | Some("version") => Ok(false),
        Some("digest") => Ok(true),
        Some(other) => Err(CaseError::OtherTrack { name, given: other.chars().take(40).collect() }),
    }
}

/// Decides cases from standard input.
pub(super) fn run() -> ExitCode {
    let now = crate::ambient::Ambient::system().now();
    let output = std::io::BufWriter::new(std::io::stdout().lock());
    match policy(std::io::stdin().lock(), output, now) {
        // Who reads has seen enough, as `head` does.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            no_answer(&anyhow::Error::new(error).context("the cases can't be read, or the answers not written"))
        }
        Ok(()) => ExitCode::SUCCESS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(input: &[u8], longest: u64) -> Vec<serde_json::Value> {
        let mut output = Vec::new();
        lines(input, &mut output, DateTime::UNIX_EPOCH, longest).unwrap();
        String::from_utf8(output).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_case_may_have_steps() {
        let case = |steps: &str| {
            let case = r#"{"id":1,"current":"1.0.0","tags":["1.1.0","2.0.0"],"options":{"steps":""#;
            answers(format!("{case}{steps}\"}}}}").as_bytes(), LONGEST_LINE).remove(0)
        };
        assert_eq!(case("major")["tag"], "1.1.0");
        assert_eq!(case("patch")["error"], r#"options.steps: "patch" is none of major, minor"#);
    }

    #[test]
    fn each_line_has_its_answer_in_order_and_bad_ones_stop_nothing() {
        let input = concat!(
            r#"{"id":"a","current":"1.0.0","tags":["1.0.1","1.1.0"],"strategy":"PATCH","note":"other fields"}"#,
            "\n",
            "{\n",
            "not json\n",
            r#"{"id":"b","current":"1.0.0","tags":["1.0.1"],"strategy":"PACTH"}"#,
            "\n",
            r#"{"id":7,"current":"1.0.0","tags":[],"strategy":"all","options":{"include":"("}}"#,
            "\n",
            r#"{"id":"c","current":"latest","tags":["1.0.1"],"strategy":"ALL"}"#,
            "\n",
            r#"{"id":"d","current":"1.0.0","tags":["1.0.1",7],"strategy":"ALL"}"#,
            "\r\n",
            r#"{"id":"e","current":"1.0.0","tags":["1.0.1"],"strategy":"minor"}"#,
        );
        let out = answers(input.as_bytes(), LONGEST_LINE);
        let brief: Vec<String> = out
            .iter()
            .map(|line| format!("{} {} {}", line["id"], line["tag"], line["error"].as_str().unwrap_or_default()))
            .collect();
        assert_eq!(brief.len(), 8, "{brief:#?}");
        assert_eq!(brief[0], r#""a" "1.0.1" "#);
        assert!(brief[1].starts_with("null null not a case: EOF"), "{}", brief[1]);
        assert!(brief[2].starts_with("null null not a case: expected"), "{}", brief[2]);
        assert_eq!(brief[3], r#""b" null strategy: "PACTH" is none of ALL, MAJOR, MINOR, PATCH"#);
        assert_eq!(brief[4], "7 null options.include: unclosed group");
        assert_eq!(brief[5], r#""c" null "#);
        assert!(out[5]["reason"].as_str().unwrap().contains("no order"));
        assert!(brief[6].starts_with("null null not a case: invalid type: integer"), "{}", brief[6]);
        assert_eq!(brief[7], r#""e" "1.0.1" "#);
    }

    #[test]
    fn digests_are_followed_only_when_both_are_known() {
        let case = |running: &str, registry: &str| {
            format!(
                r#"{{"id":1,"current":"latest","tags":["latest"],"options":{{"track":"digest","current_digest":{running},"digests":{registry}}}}}"#
            )
        };
        let cases = [
            (case(r#""a""#, r#"{"latest":"b"}"#), Some("latest")),
            (case(r#""a""#, r#"{"latest":"a"}"#), None),
            (case("null", r#"{"latest":"a"}"#), None),
            (case(r#""a""#, "{}"), None),
            (case(r#""a""#, r#"{"latest":null,"1.0":"a"}"#), None),
        ];
        for (line, expected) in cases {
            assert_eq!(answers(line.as_bytes(), LONGEST_LINE)[0]["tag"].as_str(), expected, "{line}");
        }
    }

    #[test]
    fn lines_that_are_no_cases_have_their_answers_too() {
        let good = r#"{"id":1,"current":"1.0","tags":["1.1"]}"#;
        let long = "x".repeat(100);
        let input: [&[u8]; 9] = [
            good.as_bytes(),
            b"",
            b" \r",
            b"\xff\xfe{}",
            b"\0",
            long.as_bytes(),
            b"[]",
            b"\"\\ud800\"",
            good.as_bytes(),
        ];
        let told = |end: &[u8]| -> Vec<String> {
            let out = answers(&[&input.join(&b'\n'), end].concat(), 64);
            out.iter()
                .map(|line| line["tag"].as_str().or(line["error"].as_str()).unwrap_or_default().to_owned())
                .collect()
        };
        for end in [&b""[..], b"\n", b"\r\n"] {
            let told = told(end);
            assert_eq!(told.len(), input.len(), "{told:#?}");
            assert_eq!((told[0].as_str(), told[8].as_str()), ("1.1", "1.1"));
            assert_eq!(told[5], "not a case: longer than 64 bytes");
            assert!(told[1..8].iter().all(|error| error.starts_with("not a case: ")), "{told:#?}");
        }
        assert!(answers(b"", 64).is_empty());
        let exact = answers(format!("{good}\n{good}").as_bytes(), good.len() as u64);
        assert_eq!(exact.iter().map(|line| line["tag"].as_str()).collect::<Vec<_>>(), [Some("1.1"); 2]);
    }
}

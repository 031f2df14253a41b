//! `image-watcher notes`: what release notes declare, over cases, one JSON object a line.

use std::io::{BufRead, Read as _, Write};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ending::{NO, no_answer};
use crate::domain::declared::{Because, Declared};
use crate::domain::plain::PlainText;
use crate::release::declared_by;

/// The longest line, in bytes: the notes of many versions fit.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;

/// One case. What is not named here is passed over.
#[derive(Deserialize)]
struct Case {
    id: Value,
    from: String,
    to: String,
    #[serde(default)]
    notes: Vec<Note>,
}

/// The notes of a version.
#[derive(Deserialize)]
struct Note {
    version: String,
    #[serde(default)]
    markdown: String,
}

/// What a case comes to.
#[derive(Serialize)]
struct Answer {
    id: Value,
    gate: bool,
    kinds: Vec<&'static str>,
    rollback: &'static str,
    lines: Vec<String>,
    /// What each of the lines is taken for that by.
    because: Vec<Option<Because>>,
}

/// Why a line has no answer.
#[derive(Debug, thiserror::Error)]
enum CaseError {
    #[error("not a case: {0}")]
    Json(#[from] serde_json::Error),
    #[error("longer than {0} bytes")]
    TooLong(u64),
}

/// Reads cases until the end of the input, and writes one line for each. A line that is no case is told on `errors`, and the
/// rest goes on. Whether all of them had an answer.
///
/// # Errors
/// When the input can't be read, or the output is not taken.
pub(super) fn notes(input: impl BufRead, output: impl Write, errors: impl Write) -> std::io::Result<bool> {
    lines(input, output, errors, LONGEST_LINE)
}

fn lines(
    mut input: impl BufRead,
    mut output: impl Write,
    mut errors: impl Write,
    longest: u64,
) -> std::io::Result<bool> {
    let (mut line, mut is_whole) = (Vec::new(), true);
    for number in 1_u64.. {
        line.clear();
        if (&mut input).take(longest + 1).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let answer = match line.strip_suffix(b"\n") {
            None if line.len() as u64 > longest => {
                input.skip_until(b'\n')?;
                Err(CaseError::TooLong(longest))
            }
            Some([]) => continue,
            text => serde_json::from_slice(text.unwrap_or(&line)).map(answer).map_err(CaseError::Json),
        };
        match answer {
            Ok(answer) => {
                serde_json::to_writer(&mut output, &answer)?;
                output.write_all(b"\n")?;
            }
            Err(error) => {
                is_whole = false;
                writeln!(errors, "line {number}: {error}")?;
            }
        }
    }
    output.flush()?;
    Ok(is_whole)
}

fn answer(Case { id, from, to, notes }: Case) -> Answer {
    let texts = notes.iter().map(|note| (note.version.as_str(), note.markdown.as_str()));
    let found = declared_by(texts, &from, &to);
    let Declared { kinds, quotes } = Declared::between(&from, &to, &found);
    let because = |quote: &PlainText| found.iter().find(|declaration| declaration.quote == *quote)?.because;
    Answer {
        id,
        gate: kinds.any(),
        kinds: kinds.names(),
        rollback: if kinds.migration { "off" } else { "allowed" },
        lines: quotes.iter().map(ToString::to_string).collect(),
        because: quotes.iter().map(because).collect(),
    }
}

/// Reads cases from standard input.
pub(super) fn run() -> ExitCode {
    let output = std::io::BufWriter::new(std::io::stdout().lock());
    match notes(std::io::stdin().lock(), output, std::io::stderr().lock()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            no_answer(&anyhow::Error::new(error).context("the cases can't be read, or the answers not written"))
        }
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(NO),
    }
}

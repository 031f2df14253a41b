//! What the configuration file holds of passwords and tokens.

use std::io::Read as _;
use std::process::ExitCode;

use super::{WRONG_USAGE, no_answer, printed};
use crate::access;
use crate::ambient::Ambient;
use crate::domain::secret::Secret;

/// The shortest password, in characters, and the longest, in bytes.
const SHORTEST: usize = 8;
const LONGEST: usize = 1024;

/// Prints the hash of the password on standard input.
pub(super) fn hash_password() -> ExitCode {
    let mut text = String::new();
    let read = std::io::stdin().take(LONGEST as u64 + 3).read_to_string(&mut text);
    let password = match read {
        Ok(_) => Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()),
        Err(error) => return no_answer(&anyhow::Error::new(error).context("standard input can't be read")),
    };
    let told = password.expose();
    if told.chars().count() < SHORTEST || told.len() > LONGEST || told.contains(char::is_control) {
        eprintln!(
            "image-watcher: a password of {SHORTEST} characters to {LONGEST} bytes, in one line, is expected on standard input"
        );
        return ExitCode::from(WRONG_USAGE);
    }
    match access::hash_password(&password, Ambient::system().bytes()) {
        Ok(hash) => printed(&format!("{hash}\n"), ExitCode::SUCCESS),
        Err(error) => no_answer(&error.into()),
    }
}

/// Prints a token and its hash.
pub(super) fn new_token() -> ExitCode {
    let (token, hash) = access::new_token(Ambient::system().bytes());
    printed(&format!("{}\n{hash}\n", token.expose()), ExitCode::SUCCESS)
}

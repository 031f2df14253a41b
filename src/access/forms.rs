//! What forms of our own pages bring along.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac::{HMAC_SHA256, Key, sign};

/// For the pages of a session: it follows from the session's secret, and leads to nothing.
pub(super) fn of_session(secret: &[u8; 32]) -> String {
    code(secret, "form", "")
}

/// For the pages of somebody whom a proxy signs in.
pub(super) fn of_person(key: &[u8; 32], name: &str) -> String {
    code(key, "form", name)
}

/// A code that only the key can make, for a purpose and over a text.
pub(super) fn code(key: &[u8; 32], purpose: &str, text: &str) -> String {
    let message = format!("image-watcher/{purpose}\n{text}");
    URL_SAFE_NO_PAD.encode(sign(&Key::new(HMAC_SHA256, key), message.as_bytes()))
}

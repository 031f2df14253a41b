//! Who may press the buttons of a bot of Telegram, and how Telegram proves that somebody did.

use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::domain::secret::Secret;
use crate::domain::telegram::{Chat, Desk, NotAllowed, Presser};

/// A bot whose messages have buttons.
#[derive(Clone, Debug)]
pub struct Bot {
    secret: Secret,
    desk: Desk,
    chat: Chat,
    moved: Arc<OnceLock<i64>>,
}

impl Bot {
    /// Of the bot with this token. What Telegram shows with each press is derived from the token: whoever has that could set
    /// it anew anyway.
    #[must_use]
    pub fn new(token: &Secret, desk: Desk, chat: Chat, moved: Arc<OnceLock<i64>>) -> Self {
        let code = Hmac::<Sha256>::new_from_slice(token.expose().as_bytes()).map(|key| {
            let code = key.chain_update(b"image-watcher, presses in Telegram, v1").finalize();
            URL_SAFE_NO_PAD.encode(code.into_bytes())
        });
        Self { secret: Secret::new(code.unwrap_or_default()), desk, chat, moved }
    }

    /// What Telegram shows with presses.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Whether this is what Telegram shows with presses.
    #[must_use]
    pub fn is_shown(&self, secret: &[u8]) -> bool {
        let ours = self.secret.expose().as_bytes();
        !ours.is_empty() && bool::from(ours.ct_eq(secret))
    }

    /// Who a user is elsewhere, where the configuration says it.
    #[must_use]
    pub fn elsewhere(&self, user: i64) -> Option<&str> {
        self.desk.people.get(&user).map(String::as_str)
    }

    /// Whether this is somebody who may press.
    ///
    /// # Errors
    /// [`NotAllowed`] says why not.
    pub fn admits(&self, presser: &Presser) -> Result<(), NotAllowed> {
        let moved = self.moved.get().map(|number| Chat::Number(*number));
        self.desk.admits(moved.as_ref().unwrap_or(&self.chat), presser)
    }
}

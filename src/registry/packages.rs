//! Where GitHub is asked of packages, and with what.

use url::Url;

use crate::domain::rotating::Rotating;
use crate::domain::secret::Secret;

/// How a package at GitHub is asked for, whose images are at ghcr.io.
#[derive(Clone, Debug)]
pub struct Packages {
    /// Where its API is.
    pub(super) api: Url,
    /// What it is shown: without it, it says nothing.
    pub(super) token: Rotating<Secret>,
}

impl Packages {
    /// GitHub's own API with this token; `None` should the address of the API be none.
    #[must_use]
    pub fn with(token: Rotating<Secret>) -> Option<Self> {
        Some(Self { api: Url::parse("https://api.github.com/").ok()?, token })
    }
}

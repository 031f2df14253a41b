//! GitLab: the notifications of its bundled registry, in the format of CNCF Distribution. The webhooks of a project are
//! about Git, and say nothing about images.

use super::{Delivery, Malformed, Read, distribution};
use crate::config::source::SourceKind;
use crate::intake::verify::Verified;

/// Reads a delivery.
pub(super) fn parse(verified: &Verified<'_>) -> Result<Read, Malformed> {
    if verified.header("X-Gitlab-Event").is_some() {
        return Ok(Delivery::Ignored("an event of Git; let the registry's notifications come here").into());
    }
    distribution::parse_of(SourceKind::GitLab, verified)
}

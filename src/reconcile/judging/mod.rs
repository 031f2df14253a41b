//! What the policy, the makers, the image and the hour say to a version.

pub(crate) mod declared;
pub(crate) mod gone;
pub(crate) mod holds;
pub(crate) mod judge;
pub(crate) mod unfit;
pub(crate) mod unreleased;

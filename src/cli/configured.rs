//! What a command is configured with.

use std::process::ExitCode;

use super::ending::BAD_CONFIGURATION;
use crate::ambient::Ambient;
use crate::config::{Config, ConfigError};
use crate::domain::settings::Bounds;

/// The configuration as far as it is understood, and what of it is not.
pub(super) fn configured(variables: impl Iterator<Item = (String, String)>) -> (Config, Option<ConfigError>) {
    let now = Ambient::system().now();
    Config::read_as_far_as_it_goes(variables, &|path| std::fs::read_to_string(path), now)
}

pub(super) fn misconfigured(error: &ConfigError) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(BAD_CONFIGURATION)
}

/// What settings of workloads are read under. At a terminal the channels of the service are often not configured: then
/// it is not known which there are.
pub(super) fn bounds(config: &Config) -> Bounds {
    let bounds = config.bounds();
    if config.channels.is_empty() { Bounds { channels: None, ..bounds } } else { bounds }
}

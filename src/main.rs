//! Exit codes only.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Two providers of cryptography would panic at the first connection; there is one, and it is chosen here.
    let chosen = rustls::crypto::ring::default_provider().install_default();
    if chosen.is_err() {
        eprintln!("image-watcher: a TLS provider was installed before the start");
        return ExitCode::FAILURE;
    }
    // A name that is no UTF-8 is none of ours, and one that is must not fail because of it.
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())));
    image_watcher::cli::run(std::env::args_os(), variables)
}

//! Exit codes only.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Two providers of cryptography would panic at the first connection; there is one, and it is chosen here.
    let chosen = rustls::crypto::ring::default_provider().install_default();
    if chosen.is_err() {
        eprintln!("image-watcher: a TLS provider was installed before the start");
        return ExitCode::FAILURE;
    }
    image_watcher::cli::run(std::env::args_os(), std::env::vars())
}

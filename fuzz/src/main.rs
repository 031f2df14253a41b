//! Fuzz targets: any bytes, no panic, and what each parser promises. `scripts/fuzz` builds and runs them on stable.
//!
//! One binary for all targets, as each would link the whole library; `FUZZ_TARGET` names the one that runs.
#![no_main]

mod targets;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    static TARGET: OnceLock<targets::Target> = OnceLock::new();
    let target = TARGET.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        let found = targets::ALL.iter().find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("FUZZ_TARGET={name:?} is no target")).1
    });
    target(data);
});

//! The builds of the program that are measured side by side.

use std::path::PathBuf;

use crate::harness::Ctx;
use crate::harness::watcher::{WatcherBuilder, program};

/// A path to the binary of before, for a table with both.
const BEFORE: &str = "IMAGE_WATCHER_BENCH_BEFORE";

/// Whether a part is to be measured: all are, unless the environment names those that are.
pub(crate) fn is_wanted(part: &str) -> bool {
    let only = std::env::var("IMAGE_WATCHER_BENCH_ONLY");
    only.map_or(true, |only| only.split(',').any(|wanted| wanted == part))
}

/// One build.
pub(crate) struct Build {
    /// As objects and rows name it.
    pub(crate) name: &'static str,
    pub(crate) binary: PathBuf,
}

impl Build {
    /// This one, and the one of before where the environment names it.
    pub(crate) fn all() -> Vec<Self> {
        let now = Self { name: "now", binary: program() };
        let before = std::env::var_os(BEFORE).filter(|path| !path.is_empty());
        let before = before.map(|path| Self { name: "before", binary: path.into() });
        [now].into_iter().chain(before).collect()
    }

    /// It on an empty folder of data and a namespace.
    pub(crate) fn watcher(&self, ctx: &Ctx, namespace: &str) -> WatcherBuilder {
        let watcher = ctx.watcher().unconnected().own_data().binary(&self.binary);
        watcher.env("IMAGE_WATCHER_NAMESPACES", namespace).env("LOG_LEVEL", "WARN").like_in_the_image()
    }

    /// A row's name: of this build, where there are two.
    pub(crate) fn row(&self, what: &str) -> String {
        if self.name == "now" { what.to_owned() } else { format!("{what}, {}", self.name) }
    }
}

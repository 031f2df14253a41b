//! What `image-watcher/error` says beside the problems of settings, of a registry and of its list.

use super::*;

#[test]
fn a_paused_workload() {
    insta::assert_snapshot!(Paused(&Tag::parse("1.3.0").unwrap()));
}

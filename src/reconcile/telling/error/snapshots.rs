//! What `image-watcher/error` says beside the problems of settings, of a registry and of its list.

use super::*;

#[test]
fn a_paused_workload() {
    let tag = Tag::parse("1.3.0").unwrap();
    let of = |kind| Paused(&tag, kind).to_string();
    insta::assert_snapshot!([of(Kind::Deployment), of(Kind::Rollout)].join("\n"));
}

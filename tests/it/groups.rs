//! Groups with real controllers: written one after the other, and all back when one fails.

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::objects::Seen;
use crate::harness::run::{Test, tests};

pub(crate) fn tests() -> Vec<Test> {
    tests![a_group_of_three_with_a_member_that_fails_goes_back]
}

/// The pods of `crashing:1.0.1` crash, and those of every other image come up.
async fn a_group_of_three_with_a_member_that_fails_goes_back(ctx: Ctx) {
    let (api, crashing, worker) = (ctx.repository("api"), ctx.repository("crashing"), ctx.repository("worker"));
    let mut members = Vec::new();
    for (name, repository, group) in
        [("api", &api, "shop/1"), ("web", &crashing, "shop/2"), ("worker", &worker, "shop/3")]
    {
        repository.push(Image::new("1.0.0")).await;
        let member = ctx
            .deployment(name)
            .container("web", repository.reference("1.0.0"))
            .annotation("image-watcher/mode", "AUTO_UPDATE")
            .annotation("image-watcher/group", group);
        members.push((member.create().await, repository));
    }
    for (member, _) in &members {
        member.wait_for_rollout().await;
    }
    let _watcher = ctx.watcher().mail().start().await;
    for (_, repository) in &members {
        repository.push(Image::new("1.0.1")).await;
    }
    for (member, repository) in members.iter().take(2) {
        let is_back = |seen: &Seen| {
            let held = seen.annotation("image-watcher/held").is_some_and(|held| held.starts_with("1.0.1: failed"));
            held && seen.image("web") == Some(&*repository.reference("1.0.0"))
        };
        member.wait_for("back", is_back).await;
    }
    let (last, repository) = &members[2];
    let seen = last.get().await;
    assert_eq!(seen.image("web"), Some(&*repository.reference("1.0.0")), "it was not its turn");
    assert!(seen.annotation("image-watcher/held").is_none());
    let mails = ctx.mailbox().wait_for(2).await;
    let about = |words: &str| mails.iter().filter(|mail| mail.text.contains(words)).count();
    assert_eq!((mails.len(), about("failed."), about("runs 1.0.0 again")), (2, 1, 1), "each is told once");
    assert!(mails.iter().all(|mail| mail.text.contains("deploy/worker")), "all of it is shown");
}

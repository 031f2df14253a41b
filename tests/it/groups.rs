//! Groups with real controllers: written one after the other, and all back when one fails.

use crate::harness::Ctx;
use crate::harness::images::{Image, Repository};
use crate::harness::objects::{Seen, Workload};
use crate::harness::run::{Test, tests};

pub(crate) fn tests() -> Vec<Test> {
    tests![a_group_of_three_with_a_member_that_fails_goes_back]
}

/// A member, and the repository that it runs.
type Member = (Workload, Repository);

/// The three, in their order; all run 1.0.0.
async fn three(ctx: &Ctx) -> Vec<Member> {
    let mut members = Vec::new();
    for (name, repository, group) in
        [("api", "api", "shop/1"), ("web", "crashing", "shop/2"), ("worker", "worker", "shop/3")]
    {
        let repository = ctx.repository(repository);
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
    members
}

/// So many rows of `check` say this.
async fn checked(ctx: &Ctx, words: &str) -> (usize, String) {
    let said = ctx.watcher().unconnected().output(&["check", "-n", ctx.namespace()]).await.stdout;
    (said.matches(words).count(), said)
}

/// The pods of `crashing:1.0.1` crash, and those of every other image come up.
async fn a_group_of_three_with_a_member_that_fails_goes_back(ctx: Ctx) {
    let members = three(&ctx).await;
    for (_, repository) in members.iter().take(2) {
        repository.push(Image::new("1.0.1")).await;
    }
    let (rows, said) = checked(&ctx, "waits for its group shop: 1.0.1 is not there for deploy/worker").await;
    assert_eq!(rows, 2, "the others say who is missing: {said}");
    assert!(said.contains("its group shop waits for it: 1.0.1 is not there for deploy/worker"), "{said}");
    let _watcher = ctx.watcher().mail().start().await;
    members[2].1.push(Image::new("1.0.1")).await;
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
    let written: Vec<(String, String)> = ctx.images_written();
    let expected = [("api", "1.0.1"), ("web", "1.0.1"), ("web", "1.0.0"), ("api", "1.0.0")];
    assert_eq!(written, expected.map(|(name, tag)| (name.to_owned(), tag.to_owned())), "in order, and all back");
    for (member, _) in members.iter().take(2) {
        let ended = |seen: &Seen| seen.ledger("web")["update"]["outcome"] == "healthy";
        let seen = member.wait_for("healthy with what ran", ended).await;
        let reason = if seen.0["metadata"]["name"] == "web" { "CrashLoopBackOff" } else { "GroupFailed" };
        assert_eq!(seen.ledger("web")["held"]["failure"]["reason"], reason, "the version is held on each");
    }
    let mails = ctx.mailbox().wait_for(2).await;
    let about = |words: &str| mails.iter().filter(|mail| mail.text.contains(words)).count();
    assert_eq!((mails.len(), about("failed."), about("runs 1.0.0 again")), (2, 1, 1), "each is told once");
    assert!(mails.iter().all(|mail| mail.text.contains("deploy/worker")), "all of it is shown");
    let (rows, said) = checked(&ctx, "waits for its group shop: deploy/").await;
    assert_eq!(rows, 2, "and who holds it: {said}");
    assert!(said.contains("its group shop waits for it: deploy/web holds 1.0.1"), "{said}");
    assert_eq!(ctx.images_written().len(), 4, "it is not tried again");
}

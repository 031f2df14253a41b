//! What somebody wrote as the first release did.

use super::*;

/// As somebody writes it who may annotate, and knows how the first release wrote it.
fn forged_approval(made: DateTime<Utc>) -> serde_json::Value {
    serde_json::json!({"id": ApprovalId::mint(made, [9; 10]).as_str(), "key": LinkKey::new(vec![7; 32]).unwrap().id().as_str(),
        "expires": made.timestamp() + 72 * 3600, "nonce": "n"})
}

#[tokio::test]
async fn a_forged_question_of_the_first_release_is_asked_anew_or_not_at_all() {
    let now = Stepped(AtomicI64::new(0)).now();
    for made in [now, DateTime::from_timestamp(4_102_444_800, 0).unwrap()] {
        let approval = forged_approval(made);
        let id = approval["id"].as_str().unwrap().to_owned();
        let proposal = serde_json::json!({"approval": approval, "uid": "uid-1", "tag": "9.0.0",
            "digest": Digest::of(b"9.0.0").as_str(), "from": "a.example/web:1.0.0", "level": "patch",
            "why": "reviewed by the security team", "asked": "2026-11-26T00:00:00Z"})
        .to_string();
        let annotations = [("mode", "NOTIFICATION"), ("proposal", &proposal), ("token-update", &id)];
        let workload = workload(&[("web", "a.example/web:1.0.0")], &annotations);
        let stage = Stage::new(workload, &["1.0.0", "9.0.0"]);
        stage.look().await;
        let told = stage.joe.0.lock().unwrap();
        let [notice] = told.as_slice() else { panic!("{told:?}") };
        let asked = notice.approval.as_ref().unwrap();
        assert_ne!(asked.id, id);
        assert_eq!((asked.expires, &*notice.level), (now + crate::domain::approval::LIFETIME, "major"));
        assert!(!notice.why.as_ref().unwrap().to_string().contains("security"), "{:?}", notice.why);
        assert!(!stage.cluster.annotation("token-update").unwrap().contains(&id));
    }
}

#[tokio::test]
async fn a_forged_update_of_the_first_release_is_neither_followed_nor_told() {
    let now = Stepped(AtomicI64::new(0)).now();
    for outcome in ["rolling-out", "failed", "skipped"] {
        let history = serde_json::json!([{"container": "web", "version": "1.0.1", "previous": "1.0.0",
            "digest": Digest::of(b"1.0.1").as_str(), "previousImage": "a.example/web:1.0.0",
            "time": crate::domain::history::rfc3339(now), "by": "link email:c…@bank.example",
            "outcome": outcome, "level": "patch", "approval": forged_approval(now)}])
        .to_string();
        let annotations = [("mode", "NOTIFICATION"), ("history", &*history)];
        let workload = workload(&[("web", "a.example/web:1.0.1")], &annotations);
        let stage = Stage::new(Workload { rollout: Rollout::Complete, ..workload }, &["1.0.0", "1.0.1", "1.0.2"]);
        stage.look().await;
        let told: Vec<_> = stage.joe.0.lock().unwrap().iter().map(|it| (it.kind, it.to.tag.clone())).collect();
        assert_eq!(told, [(crate::domain::event::NoticeKind::Available, "1.0.2".to_owned())], "{outcome}");
        let kept = stage.cluster.annotation("history").unwrap();
        assert!(kept.contains(r#""by":"unsigned: link email:c…@bank.example""#), "{kept}");
    }
}

//! Docker Hub: one push a delivery, no digest, no event name (docs.docker.com, "Webhooks").

use serde::Deserialize;

use super::dialect::{Delivery, Malformed, Push};
use super::verify::Verified;

#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow)]
    repository: Option<Repository<'b>>,
    #[serde(borrow)]
    push_data: Option<PushData<'b>>,
}

#[derive(Deserialize)]
struct Repository<'b> {
    #[serde(borrow)]
    repo_name: Option<std::borrow::Cow<'b, str>>,
}

#[derive(Deserialize)]
struct PushData<'b> {
    #[serde(borrow)]
    tag: Option<std::borrow::Cow<'b, str>>,
}

/// Reads a delivery. Its `callback_url` is never called: it would be an address from a stranger.
pub(super) fn parse(verified: &Verified) -> Result<Delivery, Malformed> {
    let body: Body<'_> = serde_json::from_slice(verified.body())?;
    let name = body.repository.and_then(|r| r.repo_name).ok_or(Malformed::Missing("repository.repo_name"))?;
    let tag = body.push_data.and_then(|push| push.tag).ok_or(Malformed::Missing("push_data.tag"))?;
    if tag.is_empty() {
        return Err(Malformed::Missing("push_data.tag"));
    }
    Ok(Delivery::Pushes(vec![Push::read(&format!("docker.io/{name}"), Some(&tag), None)?]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Option<String> {
        match parse(&Verified::for_test(body)) {
            Ok(Delivery::Pushes(pushes)) => {
                let push = pushes.first()?;
                Some(format!("{}:{}", push.repository, push.tag.as_ref()?))
            }
            _ => None,
        }
    }

    #[test]
    fn a_push_names_repository_and_tag() {
        let body = r#"{"callback_url":"https://x.example/","push_data":{"pushed_at":1.417566161e+09,"tag":"1.2.3","images":[]},
            "repository":{"repo_name":"acme/web","status":"Active","star_count":0}}"#;
        assert_eq!(read(body).as_deref(), Some("docker.io/acme/web:1.2.3"));
        let official = r#"{"push_data":{"tag":"latest"},"repository":{"repo_name":"nginx"}}"#;
        assert_eq!(read(official).as_deref(), Some("docker.io/library/nginx:latest"));
    }

    #[test]
    fn what_is_no_push_is_malformed() {
        for body in [
            "",
            "{}",
            "[]",
            "null",
            r#"{"repository":{"repo_name":"a/b"}}"#,
            r#"{"push_data":{"tag":"1"}}"#,
            r#"{"push_data":{"tag":""},"repository":{"repo_name":"a/b"}}"#,
            r#"{"push_data":{"tag":"a b"},"repository":{"repo_name":"a/b"}}"#,
            r#"{"push_data":{"tag":"1"},"repository":{"repo_name":"../../v2"}}"#,
            r#"{"push_data":{"tag":"1"},"repository":{"repo_name":"a\u0000b"}}"#,
        ] {
            assert!(parse(&Verified::for_test(body)).is_err(), "{body}");
        }
    }
}

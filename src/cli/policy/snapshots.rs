//! The answers to cases, a line each.

use super::*;

#[test]
fn answers_to_cases() {
    let cases = [
        r#"{"id":"newer","current":"1.0.0","tags":["1.0.1","1.1.0"],"strategy":"PATCH"}"#,
        r#"{"id":"held","current":"1.0.0","tags":["1.0.0","2.0.0"],"strategy":"MINOR"}"#,
        r#"{"id":"nothing newer","current":"1.0.0","tags":["1.0.0"]}"#,
        r#"{"id":"no version","current":"latest","tags":["1.0.1"]}"#,
        r#"{"id":"no tags","current":"1.0.0","tags":[]}"#,
        r#"{"id":"by pattern","current":"b-1","tags":["b-1","b-2"],"options":{"glob":"b-*","order":"alphabetical"}}"#,
        r#"{"id":"without a place in its order","current":"b-1","tags":["b-1","b-2"],"options":{"glob":"b-*","order":"numeric"}}"#,
        r#"{"id":"outside its pattern","current":"a-1","tags":["a-1","b-2"],"options":{"glob":"b-*"}}"#,
        r#"{"id":"moved","current":"latest","tags":[],"options":{"track":"digest","current_digest":"a","digests":{"latest":"b"}}}"#,
        r#"{"id":"not moved","current":"latest","tags":[],"options":{"track":"digest","current_digest":"a","digests":{"latest":"a"}}}"#,
        r#"{"id":"no running digest","current":"latest","tags":[],"options":{"track":"digest","digests":{"latest":"a"}}}"#,
        r#"{"id":"no such tag","current":"latest","tags":[],"options":{"track":"digest","current_digest":"a"}}"#,
        r#"{"id":"no version has the digest","current":"latest","tags":["1.0.0"],"options":{"resolve":"digest","current_digest":"a"}}"#,
        r#"{"id":"strategy","current":"1.0.0","tags":[],"strategy":"PACTH"}"#,
        r#"{"id":"include","current":"1.0.0","tags":[],"options":{"include":"("}}"#,
        r#"{"id":"order","current":"1.0.0","tags":[],"options":{"order":"magic"}}"#,
        r#"{"id":"track","current":"1.0.0","tags":[],"options":{"track":"moon"}}"#,
        r#"{"id":"two patterns","current":"1.0.0","tags":[],"options":{"glob":"*","regex":".*"}}"#,
        r#"{"id":"a number among tags","current":"1.0.0","tags":["1.0.1",7]}"#,
        "not json",
        "{",
    ];
    let told = cases.map(|case| {
        let mut output = Vec::new();
        lines(case.as_bytes(), &mut output, DateTime::UNIX_EPOCH, LONGEST_LINE).unwrap();
        format!("{case}\n  {}", String::from_utf8(output).unwrap())
    });
    let told = told.concat();
    insta::assert_snapshot!(told);
}

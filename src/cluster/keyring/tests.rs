use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn entries(keys: &[&str]) -> Entries {
    let auths: serde_json::Map<_, _> =
        keys.iter().map(|key| ((*key).to_owned(), json!({"username": key, "password": "x"}))).collect();
    Entries::read(Format::DockerCfg, json!(auths).to_string().as_bytes()).unwrap()
}

/// The names of the users that are tried, which here are the keys they stand under.
fn tried(secrets: &[Entries], image: &str) -> Vec<String> {
    choose(secrets, image).into_iter().map(|choice| choice.entry.name().to_owned()).collect()
}

/// What the kubelet's own functions answer for the same secrets.
#[test]
fn users_are_tried_in_the_order_of_the_kubelet() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("quay.io/team-b/app", &["quay.io/team", "quay.io"], &["quay.io/team", "quay.io"]),
        (
            "quay.io/team/app",
            &["quay.io", "quay.io/team", "quay.io/team/app"],
            &["quay.io/team/app", "quay.io/team", "quay.io"],
        ),
        ("quay.io/team", &["quay.io/team/"], &[]),
        (
            "r.example.com/a",
            &["*.example.com", "r.example.com", "r*.example.com"],
            &["r.example.com", "r*.example.com", "*.example.com"],
        ),
        ("a.b.example.com/a", &["*.example.com"], &[]),
        (
            "r.example.com:5000/a",
            &["r.example.com", "r.example.com:5000", "*.example.com:5000"],
            &["r.example.com:5000", "*.example.com:5000"],
        ),
        ("r.example.com/a", &["r.example.com:443"], &[]),
        (
            "r.example.com/a",
            &[
                "https://r.example.com/v1/",
                "http://r.example.com",
                "https://r.example.com/v2/",
                "https://r.example.com/v2",
            ],
            &["http://r.example.com", "https://r.example.com/v1/", "https://r.example.com/v2/"],
        ),
        ("r.example.com/v2x/a", &["https://r.example.com/v2"], &["https://r.example.com/v2"]),
        ("R.Example.com/a", &["r.example.com"], &[]),
        ("a.io/x/y", &["a.io/*/y", "a.io/x*"], &[]),
        (
            "us-docker.pkg.dev/p/r/i",
            &["*-docker.pkg.dev", "us-docker.pkg.dev/p"],
            &["us-docker.pkg.dev/p", "*-docker.pkg.dev"],
        ),
        ("docker.io/library/nginx", &["https://index.docker.io/v1/"], &["https://index.docker.io/v1/"]),
        ("docker.io/library/nginx", &["docker.io", "https://index.docker.io/v1/"], &["docker.io"]),
        ("docker.io/library/nginx", &["*.io", "index.docker.io"], &["*.io"]),
        ("docker.io/library/nginx", &["registry-1.docker.io", "hub.docker.com", "registry.hub.docker.com"], &[]),
        ("docker.io/team/app", &["docker.io/team", "index.docker.io/team"], &["docker.io/team"]),
        ("[::1]:5000/a", &["[::1]:5000", "10.0.*.5:5000"], &["[::1]:5000"]),
        ("10.0.0.5:5000/a", &["[::1]:5000", "10.0.*.5:5000"], &["10.0.*.5:5000"]),
        // Beyond the table.
        ("r.example.com/a", &["r?.example.com", "[r].example.com", "r[.example.com", "r.example.com:x"], &[]),
        (
            "r.example.com/a",
            &["r.example.com:", "joe@r.example.com", "r.example.com/%61", "r.example.com/%6"],
            &["r.example.com:", "r.example.com/%61", "joe@r.example.com"],
        ),
        (
            "r.example.com/a",
            &["r.example.com?x", "r.example.com#x", "r.example.com\n", "r .example.com", "", "*"],
            &["r.example.com#x", "r.example.com?x"],
        ),
        (
            "r.example.com/a",
            &["HTTPS://r.example.com", "*.*.*", "**.e*m*e.com", "*a.example.com"],
            &["*.*.*", "**.e*m*e.com"],
        ),
        ("[::1]/a", &["[::1]"], &[]),
        ("ghcr.io/o/a", &["a:b:80", "ghcr.io:80:443", "]:", "[", "%", "ghcr.io%2e"], &[]),
    ];
    for (image, keys, expected) in cases {
        assert_eq!(tried(&[entries(keys)], image), *expected, "{image} {keys:?}");
    }
}

#[test]
fn of_one_key_the_first_secret_comes_first() {
    let secrets = [entries(&["ghcr.io"]), entries(&["ghcr.io", "ghcr.io/o"])];
    let found: Vec<_> =
        choose(&secrets, "ghcr.io/o/a").iter().map(|it| (it.secret, it.entry.address.as_str().to_owned())).collect();
    assert_eq!(found, [(1, "ghcr.io/o".to_owned()), (0, "ghcr.io".to_owned()), (1, "ghcr.io".to_owned())]);
}

fn only(entry: &serde_json::Value) -> Result<(String, String), Broken> {
    let config = json!({"auths": {"r.example.com": entry}});
    let read = Entries::read(Format::DockerConfigJson, config.to_string().as_bytes())?;
    Ok((read.0[0].name().to_owned(), read.0[0].password().expose().to_owned()))
}

#[test]
fn an_entry_is_read_as_the_kubelet_reads_it() {
    let pair = |name: &str, password: &str| Ok((name.to_owned(), password.to_owned()));
    let zeros = "00000000-0000-0000-0000-000000000000";
    let padded = STANDARD.encode("u:p:word");
    assert!(padded.ends_with('='));
    let (front, back) = padded.split_at(4);
    let broken_line = format!("{front}\r\n{back}");
    let cases = [
        (
            json!({"username": "u", "password": "p", "email": 0}),
            Err(Broken::Type("the email of \"r.example.com\"".into(), "a text")),
        ),
        (json!({"USERNAME": "u", "passWord": "p", "email": "e"}), pair("u", "p")),
        (json!({"auth": padded}), pair("u", "p:word")),
        (json!({"AUTH": STANDARD_NO_PAD.encode("u:p:word")}), pair("u", "p:word")),
        (json!({"auth": broken_line}), pair("u", "p:word")),
        (json!({"auth": STANDARD.encode(":p")}), pair("", "p")),
        (json!({"username": "a", "password": "b", "auth": STANDARD.encode("u:p")}), pair("u", "p")),
        (json!({"username": "a", "password": "b", "auth": ""}), pair("a", "b")),
        (json!({"auth": STANDARD.encode(format!("{zeros}:")), "identitytoken": "t"}), pair(zeros, "")),
        (json!({"identitytoken": "t", "registrytoken": "t"}), pair("", "")),
        (json!({}), pair("", "")),
        (json!(null), pair("", "")),
        (json!({"username": null, "auth": null}), pair("", "")),
        (json!({"auth": "!!!"}), Err(Broken::NotBase64("\"r.example.com\"".into()))),
        (json!({"auth": "dTpw=="}), Err(Broken::NotBase64("\"r.example.com\"".into()))),
        (json!({"auth": format!("{padded} ")}), Err(Broken::NotBase64("\"r.example.com\"".into()))),
        (json!({"auth": STANDARD.encode("user")}), Err(Broken::NoColon("\"r.example.com\"".into()))),
        (json!({"auth": 1}), Err(Broken::Type("the auth of \"r.example.com\"".into(), "a text"))),
        (json!("u:p"), Err(Broken::Type("\"r.example.com\"".into(), "an object"))),
    ];
    for (entry, expected) in cases {
        assert_eq!(only(&entry), expected, "{entry}");
    }
}

#[test]
fn one_broken_entry_breaks_all_and_its_values_are_not_told() {
    let read = |format, text: &str| Entries::read(format, text.as_bytes()).map(|entries| entries.0.len());
    let broken = [
        r#"{"auths":{"a.io":{"auth":"hunter2!"},"r.example.com":{"username":"u","password":"p"}}}"#,
        r#"{"auths":{"a.io":{"auth":"hunter2hunter2aa"}}}"#,
        r#"{"auths":["hunter2"]}"#,
        r#"{"auths":"hunter2"}"#,
        r#"{"auths":{},"HttpHeaders":{"x":1}}"#,
        r#"["hunter2"]"#,
        "hunter2",
        "",
    ];
    for text in broken {
        let error = read(Format::DockerConfigJson, text).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    for (text, count) in
        [("{}", 0), (r#"{"auths":null}"#, 0), (r#"{"Auths":{"a":{}},"credHelpers":[1]}"#, 1), ("null", 0)]
    {
        assert_eq!(read(Format::DockerConfigJson, text), Ok(count), "{text}");
    }
    assert!(read(Format::DockerCfg, r#"{"auths":{"a":{"auth":1}}}"#).is_ok(), "an entry whose key is the word");
    assert_eq!(Entries::read(Format::DockerCfg, b"{\"a\xff\":{\"username\":\"\xff\"}}").unwrap().0.len(), 1);
}

#[test]
fn a_name_and_a_password_in_a_key_are_not_told() {
    let keys = [
        "https://robot:s3cret@registry.example.com",
        "robot:s3cret@registry.example.com/team",
        "https://robot:s3/cret@registry.example.com",
        "https://robot:s3 cret@registry.example.com",
        "https://registry.example.com/v2/?token=s3cret",
        "robot:s3cret",
    ];
    for key in keys {
        for entry in
            [json!({"auth": "!!!"}), json!({"auth": STANDARD.encode("user")}), json!({"username": 1}), json!([])]
        {
            let config = json!({"auths": {key: entry}}).to_string();
            let error = Entries::read(Format::DockerConfigJson, config.as_bytes()).unwrap_err().to_string();
            let is_named = error.contains("registry.example.com") || error.contains("a key that is no address");
            assert!(is_named && !error.contains("s3") && !error.contains("cret"), "{key}: {error}");
        }
    }
}

#[test]
fn what_nobody_asks_for_is_passed_over_and_a_name_in_two_letter_cases_is_one() {
    let read = |text: &str| {
        let read = Entries::read(Format::DockerConfigJson, text.as_bytes())?;
        Ok(read.0.iter().map(|entry| format!("{}={}", entry.address.as_str(), entry.name())).collect::<Vec<_>>())
    };
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    for unknown in [deep.as_str(), "1e999", r#""\ud800""#, r#"{"auth":1}"#] {
        let texts = [
            format!(r#"{{"auths":{{"a.example":{{"auth":"YTpi"}}}},"x":{unknown}}}"#),
            format!(r#"{{"auths":{{"a.example":{{"auth":"YTpi","x":{unknown}}}}}}}"#),
        ];
        for text in texts {
            assert_eq!(read(&text), Ok(vec!["a.example=a".to_owned()]), "{}", &text[..60.min(text.len())]);
        }
    }
    let cases = [
        (
            r#"{"Auths":{"b.example":{"auth":"YTpi"}},"auths":{"a.example":{"auth":"YTpi"}}}"#,
            vec!["a.example=a", "b.example=a"],
        ),
        (r#"{"auths":{"a.example":{"auth":"YTpi"}},"AUTHS":{"a.example":{"username":"c"}}}"#, vec!["a.example=c"]),
        (r#"{"auths":{"a.example":{"auth":"YTpi"}},"AUTHS":null}"#, vec![]),
        (r#"{"auths":{"a.example":{"username":"c","Username":"d","USERNAME":null}}}"#, vec!["a.example=d"]),
    ];
    for (text, expected) in cases {
        assert_eq!(read(text), Ok(expected.into_iter().map(str::to_owned).collect()), "{text}");
    }
    assert_eq!(read(r#"{"auths":{}} x"#), Err(Broken::NotJson));
    assert_eq!(read(r#"{"auths":{"a.example":{"username":"\ud800"}}}"#), Err(Broken::NotJson), "here we are stricter");
}

#[test]
fn a_type_has_its_own_key_alone() {
    let read = |kind| Format::of(kind).map(Format::key);
    assert_eq!(read("kubernetes.io/dockerconfigjson"), Some(".dockerconfigjson"));
    assert_eq!(read("kubernetes.io/dockercfg"), Some(".dockercfg"));
    assert_eq!((read("Opaque"), read("")), (None, None));
}

#[test]
fn an_image_is_looked_up_by_the_name_a_node_has_for_it() {
    let cases = [
        ("nginx", "docker.io/library/nginx"),
        ("nginx:1.25@sha256:00", "docker.io/library/nginx"),
        ("team/app:1", "docker.io/team/app"),
        ("index.docker.io/nginx:1", "docker.io/library/nginx"),
        ("registry-1.docker.io/team/app:1", "registry-1.docker.io/team/app"),
        ("R.Example.com:5000/a:1", "R.Example.com:5000/a"),
        ("r.example.com:5000/a", "r.example.com:5000/a"),
        ("HOST/a", "HOST/a"),
        ("[::1]:5000/a:1", "[::1]:5000/a"),
    ];
    for (image, expected) in cases {
        assert_eq!(name_of(image), expected, "{image}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(
        key in "\\PC{0,30}|[a-z*:/.%@\\[\\]?#0-9]{0,30}",
        image in "\\PC{0,30}|[a-z:/.0-9]{0,30}",
        value in "\\PC{0,60}",
    ) {
        let _ = choose(&[entries(&[&key])], &name_of(&image));
        let _ = Entries::read(Format::DockerConfigJson, value.as_bytes());
        let _ = Entries::read(Format::DockerCfg, value.as_bytes());
        let _ = only(&json!({"auth": value}));
    }

    #[test]
    fn a_star_stands_for_any_text(
        parts in proptest::collection::vec("[ab]{0,3}", 1..5),
        fillings in proptest::collection::vec("[ab]{0,3}", 4),
    ) {
        let gaps = fillings.iter().take(parts.len() - 1).map(String::as_str).chain([""]);
        let text: String = parts.iter().zip(gaps).flat_map(|(part, gap)| [part.as_str(), gap]).collect();
        let image = format!("x{text}.io/a");
        prop_assert_eq!(tried(&[entries(&[&format!("x{}.io", parts.join("*"))])], &image).len(), 1);
    }
}

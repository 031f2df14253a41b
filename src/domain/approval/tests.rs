//! Links, and who may sign and open them.

use super::*;
use crate::domain::workload::Kind;
use proptest::prelude::*;

fn key() -> LinkKey {
    LinkKey::new((0..32).collect()).unwrap()
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

fn approval(key: &LinkKey) -> Approval {
    Approval {
        id: ApprovalId::mint(now(), [7; 10]),
        key: key.id().clone(),
        expires: DateTime::from_timestamp(1_795_259_200, 0).unwrap(),
        nonce: "AAECAwQFBgcICQoLDA0ODw".into(),
        workload: WorkloadId {
            namespace: "shop".into(),
            kind: Kind::Deployment,
            name: "web".into(),
            uid: "uid-1".into(),
        },
        container: "web".into(),
        from_image: "registry.example.com/shop/web:1.2.3".into(),
        from_digest: None,
        to_tag: Tag::parse("1.3.0").unwrap(),
        to_digest: Digest::of(b"new"),
        allows: Allows::Update,
        group: None,
    }
}

/// The encoding is fixed by a vector computed by other means: length-prefixed fields under HMAC-SHA256.
#[test]
fn the_signature_is_what_the_format_says() {
    let mut key = key();
    key.id = KeyId::of("k1".into());
    let approval = Approval {
        id: ApprovalId::parse("apr_01JGJ0EZ8M3C9S6D4K2P7Q1R0T").unwrap(),
        key: key.id.clone(),
        expires: DateTime::from_timestamp(1_735_873_445, 0).unwrap(),
        nonce: "AAECAwQFBgcICQoLDA0ODw".into(),
        workload: WorkloadId {
            namespace: "prod".into(),
            kind: Kind::Deployment,
            name: "web".into(),
            uid: "8f1c1f0e-7a2b-4f6e-9d55-0c2f6f7b1a11".into(),
        },
        container: "web".into(),
        from_image: "registry.example.com/acme/web:1.2.3".into(),
        from_digest: Some(Digest::parse(&format!("sha256:{}", "a".repeat(64))).unwrap()),
        to_tag: Tag::parse("1.3.0").unwrap(),
        to_digest: Digest::parse(&format!("sha256:{}", "b".repeat(64))).unwrap(),
        allows: Allows::Update,
        group: None,
    };
    let token = approval.token(&key.into(), "email:ops@example.com", approval.id.made()).unwrap();
    assert_eq!(token, "v1.k1.01JGJ0EZ8M3C9S6D4K2P7Q1R0T.FoIxJvcyZkGhky-HoSkT3_3Os3gY2fYOFrGR2QIh_OM");
}

#[test]
fn a_token_is_its_recipients_alone() {
    let (key, other) = (key(), LinkKey::new(vec![9; 32]).unwrap());
    let (approval, keys) = (approval(&key), LinkKeys::from(key.clone()));
    let recipients = ["email:a@example.com".to_owned(), "email:b@example.com".to_owned()];
    let token = Token::parse(&approval.token(&keys, "email:b@example.com", now()).unwrap()).unwrap();
    assert_eq!(approval.holder(&token, &keys, &recipients, now()), Some("email:b@example.com"));
    assert_eq!(approval.holder(&token, &keys, &recipients[..1], now()), None);
    let rotated = LinkKeys::new(other.clone(), vec![key]);
    assert_eq!(
        approval.holder(&token, &rotated, &recipients, now()),
        Some("email:b@example.com"),
        "an older key verifies"
    );
    let other = LinkKeys::from(other);
    assert_eq!(approval.holder(&token, &other, &recipients, now()), None);
    assert_eq!(approval.token(&other, "email:b@example.com", now()), None, "another key signs nothing of it");
}

#[test]
fn every_field_is_bound() {
    let key = key();
    let (first, keys) = (approval(&key), LinkKeys::from(key));
    let recipients = ["email:a@example.com".to_owned()];
    let token = Token::parse(&first.token(&keys, &recipients[0], now()).unwrap()).unwrap();
    let changes: [fn(&mut Approval); 14] = [
        |a| a.id = ApprovalId::mint(now(), [8; 10]),
        |a| a.to_tag = Tag::parse("1.3.1").unwrap(),
        |a| a.allows = Allows::Held,
        |a| a.allows = Allows::Back,
        |a| a.workload.uid = "uid-2".into(),
        |a| a.workload.kind = Kind::StatefulSet,
        |a| a.workload.namespace = "shopw".into(),
        |a| a.workload.name = "eb".into(),
        |a| a.container = "log".into(),
        |a| a.from_image = "registry.example.com/other:1.2.3".into(),
        |a| a.from_digest = Some(Digest::of(b"x")),
        |a| a.to_digest = Digest::of(b"x"),
        |a| a.expires += TimeDelta::seconds(1),
        |a| a.nonce.clear(),
    ];
    for (n, change) in changes.iter().enumerate() {
        let mut changed = first.clone();
        change(&mut changed);
        assert_eq!(changed.holder(&token, &keys, &recipients, now()), None, "change {n}");
    }
    assert_eq!(first.holder(&token, &keys, &recipients, now()), Some("email:a@example.com"));
    let of_group = |group: &[u8]| Approval { group: Some(Digest::of(group)), ..first.clone() };
    let (whole, other) = (of_group(b"api and web"), of_group(b"api, web and log"));
    let token = Token::parse(&whole.token(&keys, &recipients[0], now()).unwrap()).unwrap();
    let holds = |of: &Approval| of.holder(&token, &keys, &recipients, now()).is_some();
    assert_eq!([&whole, &other, &first].map(holds), [true, false, false], "what else goes is bound");
}

#[test]
fn a_token_names_the_key_that_signed_it() {
    let (key, other) = (key(), LinkKey::new(vec![9; 32]).unwrap());
    let (first, to) = (approval(&key), "email:a@example.com".to_owned());
    let (named, renamed) = (key.id().to_string(), other.id().to_string());
    let keys = LinkKeys::new(key, vec![other]);
    let text = first.token(&keys, &to, now()).unwrap();
    let held =
        |text: &str| first.holder(&Token::parse(text).unwrap(), &keys, std::slice::from_ref(&to), now()).is_some();
    assert!(held(&text));
    assert!(!held(&text.replace(&named, &renamed)));
}

#[test]
fn what_no_one_made_is_no_token() {
    let ulid = "01JGJ0EZ8M3C9S6D4K2P7Q1R0T";
    let mac = URL_SAFE_NO_PAD.encode([1; 32]);
    let is_one = |key: &str, ulid: &str, mac: &str| Token::parse(&format!("v1.{key}.{ulid}.{mac}")).is_some();
    let long = "k".repeat(64);
    assert!(is_one("k1", ulid, &mac) && is_one(&long, ulid, &mac));
    for key in ["", "k-1", "k 1", "k\u{e9}", &format!("{long}k")] {
        assert!(!is_one(key, ulid, &mac), "{key}");
    }
    for ulid in ["", &ulid[1..], &format!("{ulid}0"), &ulid.to_lowercase(), &ulid.replace('J', "I"), &"I".repeat(26)] {
        assert!(!is_one("k1", ulid, &mac), "{ulid}");
        assert_eq!(ApprovalId::parse(&format!("apr_{ulid}")), None);
    }
    for mac in ["", &mac[1..], &format!("{mac}A"), &mac.replace('A', "+"), &format!("{mac}."), &format!("{mac}.A")] {
        assert!(!is_one("k1", ulid, mac), "{mac}");
    }
    assert!(Token::parse(&format!("v2.k1.{ulid}.{mac}")).is_none());
}

#[test]
fn a_token_is_found_in_a_text_and_what_looks_like_one_is_not() {
    let ulid = "01JGJ0EZ8M3C9S6D4K2P7Q1R0T";
    for (text, expected) in [
        (format!("https://x.example/a/v1.k1.{ulid}.Ab-_90Ab-_90"), true),
        (format!("v1.0 was cut: v1.k1.{ulid}.Ab-_90Ab-_90."), true),
        (format!("v1.k1.{ulid}.Ab-_90Ab-_9"), false),
        (format!("v1.k1.{ulid}.Ab-_90Ab-_9 0"), false),
        (format!("v1..{ulid}.Ab-_90Ab-_90"), false),
        (format!("v1.k1.{}.Ab-_90Ab-_90", &ulid[1..]), false),
        (format!("v1.k1.{ulid}"), false),
        ("v1.2.3".to_owned(), false),
        (String::new(), false),
    ] {
        assert_eq!(Token::is_in(&text), expected, "{text}");
    }
}

#[test]
fn no_secret_is_in_what_is_printed() {
    let key = key();
    assert_eq!(format!("{key:?}"), format!("LinkKey({})", key.id()));
    let approval = approval(&key);
    let token = approval.token(&key.into(), "email:a@example.com", now()).unwrap();
    assert_eq!(format!("{:?}", Token::parse(&token).unwrap()), format!("Token({}, …)", approval.id));
}

#[test]
fn an_update_is_what_is_allowed_where_nothing_else_is_written() {
    let written = |allows| {
        let of = approval(&key());
        let (id, key, expires, nonce) = (of.id, of.key, of.expires, of.nonce);
        let (from, tag, digest) = (of.from_image, of.to_tag, of.to_digest);
        let terms = Terms { id, key, expires, nonce, from, from_digest: None, tag, digest, allows, group: None };
        let json = serde_json::to_value(&terms).unwrap();
        assert_eq!(serde_json::from_value::<Terms>(json.clone()).unwrap(), terms);
        json.get("allows").cloned()
    };
    assert_eq!(written(Allows::Update), None, "as releases before this one wrote it");
    assert_eq!([Allows::Held, Allows::Back].map(written), [Some("held".into()), Some("back".into())]);
}

#[test]
fn what_can_not_have_been_made_by_now_or_lasts_too_long_has_no_link() {
    let key = key();
    let (first, keys) = (approval(&key), LinkKeys::from(key));
    let (to, year) = ("email:a@example.com", TimeDelta::days(365));
    let token = Token::parse(&first.token(&keys, to, now()).unwrap()).unwrap();
    let holds = |now| first.holder(&token, &keys, &[to.to_owned()], now).is_some();
    assert!(
        holds(now()) && holds(now() - TimeDelta::seconds(59)) && holds(now() + year),
        "its page says that it is over"
    );
    assert!(holds(now() - SKEW) && !holds(now() - SKEW - TimeDelta::seconds(1)));
    let later = Approval { id: ApprovalId::mint(now() + year, [9; 10]), ..first.clone() };
    let lasting = |skew| Approval { expires: now() + LIFETIME + skew, ..first.clone() }.token(&keys, to, now());
    assert_eq!((later.token(&keys, to, now()), lasting(SKEW + TimeDelta::seconds(1))), (None, None));
    assert_ne!(lasting(SKEW), None);
}

#[test]
fn a_name_says_when_it_was_made() {
    let made = DateTime::from_timestamp_millis(1_795_000_000_123).unwrap();
    assert_eq!(ApprovalId::mint(made, [255; 10]).made(), made);
    let id = ApprovalId::mint(made, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!((id.made(), id.to_string()), (made, "apr_01M7Q5CQKV041061050R3GG28A".to_owned()));
    assert_eq!(ApprovalId::parse("apr_00000000000000000000000000").unwrap().made(), DateTime::UNIX_EPOCH);
}

#[test]
fn a_short_key_is_refused() {
    assert_eq!(LinkKey::new(vec![1; 31]).unwrap_err().to_string(), "a link key has at least 32 bytes, this one 31");
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,250}|v1\\.[a-z0-9]{8}\\.[0-9A-Z]{26}\\.[A-Za-z0-9_-]{43}") {
        let _ = Token::parse(&text);
        let _ = ApprovalId::parse(&text);
    }
}

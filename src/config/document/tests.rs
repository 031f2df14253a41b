use serde::Deserialize;

use super::*;

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Whole {
    name: Option<String>,
    count: Option<u32>,
    is_on: bool,
    items: Vec<Item>,
    kind: Option<Kind>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Item {
    host: String,
    name: String,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Slow,
    Fast,
}

fn parsed(text: &str) -> Document {
    Document::parse(text).unwrap().0
}

fn told(text: &str) -> Vec<String> {
    let (document, mut all) = Document::parse(text).unwrap();
    all.extend(read::<Whole>(&document).1);
    all.iter().map(|Wrong { key, at, what }| format!("{at} {key}: {what}")).collect()
}

#[test]
fn values_are_read_however_they_are_written() {
    let text = "name: 1.10\ncount: '7'\nisOn: yes\nkind: fast\nitems:\n- host: a\n  name: &n b\n- {host: *n, name: \"true\", tags: [1, x]}\n";
    let (whole, wrong) = read::<Whole>(&parsed(text));
    assert_eq!(wrong, []);
    let item = |host: &str, name: &str, tags: &[&str]| Item {
        host: host.into(),
        name: name.into(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
    };
    let items = vec![item("a", "b", &[]), item("b", "true", &["1", "x"])];
    let expected = Whole { name: Some("1.10".into()), count: Some(7), is_on: true, items, kind: Some(Kind::Fast) };
    assert_eq!(whole, expected);
    assert_eq!(read::<Whole>(&parsed("")), (Whole::default(), vec![]));
    assert_eq!(read::<Whole>(&parsed("# nothing\nitems:\nname: ~\n")).1, []);
}

#[test]
fn everything_that_is_wrong_is_told_at_once_where_it_stands() {
    let text = "nmae: x\ncount: s3cret\nisOn: s3cret\nkind: fsat\nitems:\n- host: a\n  nome: b\n- name: s3cret\n  tags: {a: s3cret}\n- s3cret\n- {}\n";
    let told = told(text);
    let expected = [
        "1:1 nmae: unknown key; did you mean name?",
        "2:8 count: a whole number, 0 or more, is expected",
        "3:7 isOn: true or false is expected",
        "4:7 kind: is none of slow, fast; did you mean fast?",
        "7:3 items[0].nome: unknown key; did you mean name?",
        "6:3 items[0].name: is missing",
        "9:3 items[1].tags: a list is expected",
        "8:3 items[1].host: is missing",
        "10:3 items[2]: a block of fields with names is expected",
    ];
    for line in expected {
        assert!(told.iter().any(|told| told == line), "{line}\n{told:#?}");
    }
    assert!(!told.concat().contains("s3cret"), "{told:#?}");
    assert!(told.iter().any(|told| told.contains("items[3].host: is missing")), "the last: {told:#?}");
}

#[test]
fn a_place_is_that_of_the_value_or_of_what_is_nearest() {
    let document = parsed("a: 1\nb:\n  c: x\n  d:\n  - e\n  - {f: 2}\n");
    for (key, line, column) in
        [("a", 1, 4), ("b", 2, 1), ("b.c", 3, 6), ("b.d", 4, 3), ("b.d[1].f", 6, 9), ("b.d[1].g", 6, 5), ("z", 1, 1)]
    {
        assert_eq!(document.place(key), Place { line, column }, "{key}");
    }
    let texts: Vec<String> = document.texts().into_iter().map(|(key, text)| format!("{key}={text}")).collect();
    assert_eq!(texts, ["a=1", "b.c=x", "b.d[0]=e", "b.d[1].f=2"]);
}

#[test]
fn what_is_there_twice_or_too_much_is_told() {
    let (document, twice) = Document::parse("a: 1\nb: {c: 1, c: 2}\na: 2\n").unwrap();
    let twice: Vec<String> = twice.iter().map(|wrong| format!("{} {}: {}", wrong.at, wrong.key, wrong.what)).collect();
    assert_eq!(
        twice,
        ["2:11 b.c: is there twice, first in line 2; keep one", "3:1 a: is there twice, first in line 1; keep one"]
    );
    assert_eq!(document.texts()[0], ("a".to_owned(), "1".to_owned()));
    for wrong in ["a: [", "a: 1\n---\nb: 2\n", "{", &"[".repeat(100)] {
        assert!(Document::parse(wrong).is_err(), "{wrong}");
    }
    let mut bomb = String::from("a0: &a0 [x]\n");
    bomb.extend((1..30).map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(","))));
    assert!(Document::parse(&bomb).err().is_some_and(|wrong| wrong.what.contains("more than")));
    assert!(Document::parse("a: &a [*a]").is_ok());
}

#[test]
fn merged_fields_are_read_and_their_own_go_first() {
    let text = "items:\n- &first {host: a, name: b}\n- {<<: *first, name: c}\n";
    let (whole, wrong) = read::<Whole>(&parsed(text));
    assert_eq!((whole.items[1].host.as_str(), whole.items[1].name.as_str(), wrong), ("a", "c", vec![]));
}

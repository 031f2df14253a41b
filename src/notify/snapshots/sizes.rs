//! How large messages get of what strangers make as long as they can, beside what each service takes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono_tz::Tz;
use serde_json::Value;

use super::super::{Service, hostile, published};
use super::*;
use crate::domain::release::{Language, Line, LineKind, Release};
use crate::message::Frame;

/// Every markup of every service, and what is longer than it looks.
const WORDS: &str = "<!channel> <@U1> &amp; <https://evil|https://github.com> @everyone **_~`|\\> [x](https://evil) </b> 👩‍👩‍👧‍👦 e\u{301}\u{302} ";

/// As many characters of that.
fn words(length: usize) -> String {
    WORDS.chars().cycle().take(length).collect()
}

/// The longest name that Kubernetes or a registry takes, told from others by its number.
fn name(length: usize, number: usize) -> String {
    format!("{}-{number:03}", "w".repeat(length - 4))
}

fn longest(number: usize, kind: NoticeKind) -> Notice {
    let mut notice = asking().notices()[0].clone();
    notice.kind = kind;
    notice.workload.namespace = name(63, 0).into();
    notice.workload.name = name(253, number).into();
    notice.workload.uid = format!("uid-{number}").into();
    notice.container = name(63, 0);
    for (image, letter) in [(&mut notice.from, "a"), (&mut notice.to, "b")] {
        image.repository = format!("{}/{}", name(100, 0), name(150, number));
        image.tag = format!("1.{number}.0-{}", letter.repeat(118));
    }
    notice.policy = words(2000);
    notice.release_url = Some(format!("https://example.com/{}", "r".repeat(1900)));
    notice
}

fn failed(kind: NoticeKind) -> Notice {
    let mut notice = longest(1, kind);
    (notice.approval, notice.why) = (None, None);
    notice.by = Some("policy".into());
    notice.ended = Some(notice.at + chrono::TimeDelta::minutes(11));
    let log = (0..50).map(|_| words(4000)).collect();
    notice.failure = Some(Failure { log, ..Failure::new("ProgressDeadlineExceeded", &words(60_000)) });
    notice.way_back = Some(WayBack::Goes);
    notice.in_the_way = (0..50)
        .map(|at| InTheWay {
            kind: ObstacleKind::Pod,
            name: name(253, at).into(),
            is_ours: at % 2 == 0,
            is_left: false,
        })
        .collect();
    notice
}

fn long_notes() -> ReleaseNotes {
    let mut long = summarised();
    let line = Line { kind: LineKind::Item, text: PlainText::of(&words(900)) };
    let release = |at: usize| Release {
        version: PlainText::of(&format!("v1.{at}.0-{}", words(200))),
        lines: vec![line.clone(); 200],
        is_cut: true,
        ..long.releases[0].clone()
    };
    let releases = (0..40).map(release).collect();
    long.alerts = (0..60).flat_map(|_| long.alerts.clone()).collect();
    (long.releases, long.more_alerts, long.left_out) = (releases, 40, 100);
    long
}

/// What is told, and with how many links.
fn told() -> [(&'static str, Told, usize); 4] {
    let kinds = [NoticeKind::Available, NoticeKind::Applied, NoticeKind::Held];
    let digest: Vec<Notice> = (0..200).map(|number| longest(number, kinds[number % 3])).collect();
    [
        ("question", Told::One(Box::new(longest(1, NoticeKind::Available))), 1),
        ("digest of 200", Told::Several { id: Delivery::collection(&digest), notices: digest }, 200),
        ("failure", Told::One(Box::new(failed(NoticeKind::Failed))), 0),
        ("rollback", Told::One(Box::new(failed(NoticeKind::RolledBack))), 0),
    ]
}

/// What a service is sent of it in a language, as it would first be sent, or as plain text.
fn sent(service: &dyn Service, (told, links): (&Told, usize), language: Language, style: Style) -> Value {
    let delivery = Delivery { channel: "chat".into(), recipient: String::new(), told: told.clone() };
    let link = |number: usize| format!("https://iw.example.com/a/v1.{number:03}.{}", "s".repeat(80));
    let links = match links {
        0 => Links::default(),
        1 => Links::one(Some(&link(1))),
        many => Links { whole: Some(link(0)), each: (1..=many).map(|number| Some(link(number))).collect() },
    };
    let notes =
        delivery.notices().first().filter(|it| it.kind == NoticeKind::Available && delivery.notices().len() == 1);
    let notes = notes.map(|_| long_notes().within(service.room()));
    let cluster = name(253, 0);
    let frame = Frame {
        cluster: Some(&cluster),
        zone: Tz::America__Argentina__ComodRivadavia,
        language,
        links: &links,
        notes: notes.as_ref(),
    };
    let message = Message::of(&delivery, &frame);
    let now = chrono::DateTime::from_timestamp(1_795_000_100, 0).unwrap();
    let sending = Sending { delivery: &delivery, message: &message, links: &links, notes: notes.as_ref(), style, now };
    serde_json::from_slice(&service.request(&sending).unwrap().body).unwrap()
}

/// A rendering that is too large fails here in the unit that its service counts in; what is measured is a table.
#[test]
fn payloads_beside_published_limits() {
    let all = told();
    let mut table = format!(
        "| service | what counts | limit | {} |\n|---|---|---|{}\n",
        all.each_ref().map(|(what, ..)| *what).join(" | "),
        "---|".repeat(all.len())
    );
    for (name, service, takes) in hostile::services() {
        let mut rows = Vec::<(String, Vec<String>)>::new();
        let mut order = BTreeMap::<&str, usize>::new();
        for (at, (what, told, links)) in all.iter().enumerate() {
            let is_one = matches!(told, Told::One(_));
            let kind = |it: &Told| if let Told::One(notice) = it { notice.kind } else { NoticeKind::Available };
            if !service.usually_wants(kind(told)) || !(is_one || service.takes_several()) {
                continue;
            }
            for language in [Language::English, Language::French] {
                for style in [Style::Rich, Style::Plain] {
                    let body = sent(&*service, (told, *links), language, style);
                    assert_eq!(takes(&body), Ok(()), "{name}, {what}, {language:?}, {style:?}");
                    for size in published::sizes(name, &body) {
                        assert!(size.most.is_none_or(|most| size.count <= most), "{name}, {what}: {size:?}");
                        let row = *order.entry(size.what).or_insert(rows.len());
                        if row == rows.len() {
                            let limit = size
                                .most
                                .map_or("none is published".to_owned(), |most| format!("{most} {}", size.unit));
                            rows.push((format!("{} | {limit}", size.what), vec!["–".to_owned(); all.len()]));
                        }
                        let cell = &mut rows[row].1[at];
                        if cell.parse().unwrap_or(0) < size.count || *cell == "–" {
                            *cell = size.count.to_string();
                        }
                    }
                }
            }
        }
        for (what, cells) in rows {
            writeln!(table, "| {name} | {what} | {} |", cells.join(" | ")).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

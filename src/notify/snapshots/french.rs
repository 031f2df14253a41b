//! The same messages in French.

use std::collections::BTreeSet;

use chrono_tz::Tz;

use super::super::slack;
use super::*;
use crate::domain::release::Language;
use crate::message::Frame;

#[expect(clippy::needless_pass_by_value, reason = "tests read better")]
fn in_french(delivery: &Delivery, links: Links, notes: Option<ReleaseNotes>, zone: Tz) -> Message {
    let (cluster, language) = (Some("prod-eu"), Language::French);
    Message::of(delivery, &Frame { cluster, zone, language, links: &links, notes: notes.as_ref() })
}

fn of(sent: &Sent) -> Message {
    let notes = sent.notes.as_ref().map(|notes| notes.within(email::ROOM));
    in_french(&sent.delivery, Links::one(sent.link), notes, Tz::Europe__Paris)
}

fn in_text(message: &Message) -> String {
    format!("Subject: {}\n\n{}", message.subject, channel().rendered(message).unwrap().0)
}

/// All that is said in French, of one thing and of several, and of image-watcher itself.
fn everything() -> Vec<Message> {
    let several = of_several().into_iter().map(|(_, told, links)| in_french(&told, links, None, Tz::Europe__Paris));
    all().iter().map(of).chain(several).collect()
}

#[test]
fn mails_in_text() {
    let mails = catalogue(|sent| in_text(&of(sent)));
    insta::assert_snapshot!(mails);
}

#[test]
fn messages_about_several_things_and_about_ourselves() {
    let said = |(name, told, links): (&str, Delivery, Links)| {
        format!("── {name}\n\n{}\n\n", in_text(&in_french(&told, links, None, Tz::Europe__Paris)))
    };
    let all: String = of_several().into_iter().map(said).collect();
    insta::assert_snapshot!(all);
}

/// What is ours in a message: not what stands in quotation marks, nor names and commands.
fn ours(message: &Message) -> Vec<String> {
    let mut all = vec![&message.subject, &message.heading, &message.title, &message.sentence, &message.reason];
    all.extend(message.facts.iter().flat_map(|fact| [&fact.label, &fact.value]));
    all.extend(message.remarks.iter().flat_map(|remark| [&remark.label, &remark.text]));
    all.extend(message.sections.iter().flat_map(|section| section.left_out.iter().chain([&section.heading])));
    all.extend(message.action.iter().chain(&message.release).flat_map(|action| [&action.label, &action.hint]));
    let mut all: Vec<String> = all.into_iter().cloned().collect();
    if let Some(notes) = &message.notes {
        all.extend(notes.alerts.iter().map(|alert| alert.title.to_owned()));
        all.extend(notes.more_alerts.iter().chain(&notes.left_out).cloned());
        all.extend(notes.in_short.iter().flat_map(|short| [short.heading.to_owned(), short.by.clone()]));
        all.extend(notes.changes.iter().flat_map(|it| [it.heading.to_owned(), it.by.to_owned()]));
    }
    let foreign = regex::Regex::new("«[^»]*»|image-watcher [a-z]+ [^,]*|kubectl [a-z]+ .*|status 403.*").unwrap();
    all.iter().map(|text| foreign.replace_all(text, "").into_owned()).collect()
}

/// Words that no French text has.
const ENGLISH: [&str; 52] = [
    "a",
    "again",
    "all",
    "an",
    "and",
    "any",
    "applied",
    "are",
    "as",
    "available",
    "because",
    "before",
    "behind",
    "by",
    "changes",
    "container",
    "data",
    "declare",
    "failed",
    "for",
    "from",
    "goes",
    "gone",
    "group",
    "healthy",
    "held",
    "if",
    "image's",
    "is",
    "it",
    "its",
    "link",
    "more",
    "newest",
    "no",
    "not",
    "nothing",
    "of",
    "or",
    "strategy",
    "that",
    "the",
    "this",
    "to",
    "update",
    "updates",
    "version's",
    "was",
    "what",
    "with",
    "workload",
    "workloads",
];

#[test]
fn no_english_stands_in_what_is_ours() {
    // French has these two as well: «il y a», «notes».
    let english: BTreeSet<&str> = ENGLISH.into_iter().filter(|word| *word != "a").collect();
    let mut found = Vec::new();
    for message in everything() {
        assert_eq!((message.language, message.colon), ("fr", "\u{a0}:"));
        for text in ours(&message) {
            let words = text.split(|letter: char| !letter.is_alphanumeric() && !"-/._'’".contains(letter));
            let words: Vec<String> = words.map(|word| word.trim_matches(['.', '\'']).to_lowercase()).collect();
            found.extend(
                words.iter().filter(|word| english.contains(word.as_str())).map(|word| format!("{word} in {text}")),
            );
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_same_words_would_be_found_in_english() {
    let english: BTreeSet<&str> = ENGLISH.into_iter().collect();
    let said = |sent: &Sent| ours(&sent.message(email::ROOM)).concat().to_lowercase();
    let is_english = |text: String| text.split(' ').any(|word| english.contains(word));
    assert!(all().iter().map(said).all(is_english));
}

/// A space before such a mark does not break, and quotation marks are « ».
#[test]
fn marks_are_set_as_french_sets_them() {
    let wrong = regex::Regex::new(" [:;!?»]|« |\\w[;!?](?: |$)|\\w: [^\"a-zA-Z]|'\\w").unwrap();
    let found: Vec<String> = everything().iter().flat_map(ours).filter(|text| wrong.is_match(text)).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn times_are_of_the_zone_of_the_channel_wherever_they_stand() {
    let stopped = all().into_iter().find(|sent| sent.name == "automatic updates are stopped").unwrap();
    let texts = |zone| ours(&in_french(&stopped.delivery, Links::one(stopped.link), None, zone)).concat();
    let (paris, kolkata) = (texts(Tz::Europe__Paris), texts(Tz::Asia__Kolkata));
    assert!(paris.contains("CET") && !paris.contains("UTC"), "{paris}");
    assert!(kolkata.contains("IST") && !kolkata.contains("UTC"), "{kolkata}");
    let links = Links::one(stopped.link);
    let english =
        Frame { cluster: None, zone: Tz::America__New_York, language: Language::English, links: &links, notes: None };
    let english = ours(&Message::of(&stopped.delivery, &english)).concat();
    assert!(english.contains("EST") && !english.contains("UTC"), "{english}");
}

#[test]
fn what_strangers_say_does_no_harm_in_french_either() {
    let evil = "x\r\nBcc: evil@example.com\u{202e}\u{200b}<script>alert(1)</script> <!channel>";
    let mut sent = Sent::then("hostile", NoticeKind::Failed, "policy").with(|sent| way_back(sent, WayBack::Goes));
    let notice = &mut sent.delivery.notices_mut()[0];
    notice.failure = Some(Failure { log: vec![evil.into()], ..Failure::new(evil, evil) });
    (notice.to.tag, notice.from.tag, notice.level) = (evil.into(), evil.into(), evil.into());
    (notice.policy, notice.by, notice.why) = (evil.into(), Some(evil.into()), Some(Grounds::Words(evil.into())));
    notice.owner = Some(OwnerView::Words(evil.into()));
    notice.workload.name = evil.into();
    notice.in_the_way = vec![InTheWay { kind: ObstacleKind::Pod, name: evil.into(), is_ours: false, is_left: false }];
    let mut refused = sent.delivery.clone();
    refused.notices_mut()[0].unfit = Some(Box::new(Unfit { flaw: Flaw::Admission(evil.into()), ..unfit() }));
    for delivery in [sent.delivery, refused] {
        let message = in_french(&delivery, Links::default(), None, Tz::UTC);
        let (text, html) = channel().rendered(&message).unwrap();
        let is_hidden = |letter: char| matches!(letter, '\r' | '\u{202e}' | '\u{200b}');
        assert!(!text.contains(is_hidden) && !text.lines().any(|line| line.starts_with("Bcc:")), "{text}");
        assert!(!message.subject.contains(['\r', '\n']), "{}", message.subject);
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script") && !html.contains(is_hidden), "{html}");
        let chat = slack::message(&message).to_string();
        assert!(!chat.contains("*<!channel>") && chat.contains("evil@example.com"), "{chat}");
    }
}

/// Writes the mails of this file to a folder, as they are sent, to be looked at: `MAILS=FOLDER cargo test -- --ignored`.
#[test]
#[ignore = "writes files to look at"]
fn mails_to_look_at() {
    let Some(folder) = std::env::var_os("MAILS").map(std::path::PathBuf::from) else { return };
    std::fs::create_dir_all(&folder).unwrap();
    for (number, message) in everything().iter().enumerate() {
        let (_, html) = channel().rendered(message).unwrap();
        std::fs::write(folder.join(format!("fr-{number:02}.html")), html).unwrap();
    }
    let english = all().into_iter().map(|sent| sent.message(email::ROOM));
    let several = of_several().into_iter().map(|(_, told, links)| said_by(&told, links, None, Some("prod-eu")));
    for (number, message) in english.chain(several).enumerate() {
        let (_, html) = channel().rendered(&message).unwrap();
        std::fs::write(folder.join(format!("en-{number:02}.html")), html).unwrap();
    }
}

/// A colon has a space before it, which does not break, in whatever a channel writes.
#[test]
fn a_colon_stands_apart_in_every_markup() {
    use super::super::layout::{Layout, Markup, short, text};
    let message = of(&all()[1]);
    for markup in [Markup::Plain, Markup::Markdown, Markup::Telegram, Markup::Html, Markup::Card] {
        let whole = text(&message, Layout::whole(markup));
        for label in ["Conteneur", "Pourquoi", "Incompatible"] {
            let after = whole.split(label).nth(1).unwrap_or_else(|| panic!("{label} in {whole}"));
            let after = after.trim_start_matches("**").trim_start_matches("</b>").trim_start_matches(" (v1.3.0)");
            assert!(after.starts_with("\u{a0}: "), "{markup:?} {label}: {after}");
        }
    }
    let short = short(&message, Markup::Plain, super::super::budget::Unit::Characters, 2000);
    assert!(short.contains("décider\u{a0}: https://"), "{short}");
    let teams = super::super::teams::message(&message).to_string();
    assert!(teams.contains("Conteneur\u{a0}: ") && !teams.contains("Conteneur: "), "{teams}");
}

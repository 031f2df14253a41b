//! What each service that people read is sent: of a question, a failure, what came together, and a trouble.

use super::super::hostile;
use super::*;

fn words(delivery: &Delivery, links: &Links, notes: Option<&ReleaseNotes>) -> (Delivery, Message) {
    (delivery.clone(), said_by(delivery, links.clone(), notes, Some("prod-eu")))
}

fn messages_of(name: &str) -> String {
    let summarised = summarised().within(slack::ROOM);
    let question = words(&asking(), &Links::one(Some(LINK)), Some(&summarised));
    let failed = Sent::then("failed", NoticeKind::Failed, "policy");
    let failed = words(&failed.delivery, &Links::default(), None);
    let [(_, several, links), _, (_, trouble, _)] = &of_several()[..3] else { panic!("three") };
    let all = [question, failed, words(several, links, None), words(trouble, &Links::default(), None)];
    let (_, service, _) = hostile::services().into_iter().find(|(known, ..)| *known == name).unwrap();
    let now = chrono::DateTime::from_timestamp(1_795_000_100, 0).unwrap();
    let said = |(delivery, message): &(Delivery, Message)| {
        let sent = |style| {
            let sending = Sending { delivery, message, links: &Links::default(), notes: None, style, now };
            serde_json::from_slice::<serde_json::Value>(&service.request(&sending).unwrap().body).unwrap()
        };
        format!("── {}\n\n{:#}\n\nplain: {}\n\n", delivery.event(), sent(Style::Rich), sent(Style::Plain))
    };
    all.iter().map(said).collect()
}

#[test]
fn messages_of_discord() {
    insta::assert_snapshot!(messages_of("discord"));
}

#[test]
fn messages_of_telegram() {
    insta::assert_snapshot!(messages_of("telegram"));
}

#[test]
fn messages_of_teams() {
    insta::assert_snapshot!(messages_of("teams"));
}

#[test]
fn messages_of_mattermost() {
    insta::assert_snapshot!(messages_of("mattermost"));
}

#[test]
fn messages_of_matrix() {
    insta::assert_snapshot!(messages_of("matrix"));
}

#[test]
fn messages_of_ntfy() {
    insta::assert_snapshot!(messages_of("ntfy"));
}

#[test]
fn messages_of_gotify() {
    insta::assert_snapshot!(messages_of("gotify"));
}

#[test]
fn messages_of_google_chat() {
    insta::assert_snapshot!(messages_of("googlechat"));
}

#[test]
fn messages_of_pagerduty() {
    insta::assert_snapshot!(messages_of("pagerduty"));
}

#[test]
fn messages_of_apprise() {
    insta::assert_snapshot!(messages_of("apprise"));
}

#[test]
fn messages_of_slack_as_an_app() {
    insta::assert_snapshot!(messages_of("slack, as an app"));
}

//! One event about several updates, within the bytes that everybody forwards.

use serde_json::{Value, json};

use super::super::service::{Style, put};
use super::{MOST_OF_AN_EVENT, present, typed, update};
use crate::domain::event::Notice;
use crate::message::Links;

/// How many updates a digest has in full (the event's schema).
const MOST_ITEMS: usize = 50;
/// What of it those have that are in full.
const MOST_OF_ITEMS: usize = 44_000;

/// Several updates: as many in full as there is room for, then in brief; those that are left out are counted, and are
/// behind the link of all.
pub(super) fn several(notices: &[Notice], links: &Links, style: Style) -> Value {
    let link = |at: usize| links.each.get(at).and_then(Option::as_deref);
    let whole = notices.iter().enumerate().take(MOST_ITEMS);
    let whole = whole.map(|(at, notice)| typed(notice, update(notice, link(at), None, style)));
    let items = within(MOST_OF_ITEMS, whole);
    // Where there is no list, one of them at most asks for anything.
    let brief = notices.iter().enumerate().skip(items.len());
    let brief = brief.map(|(at, notice)| in_brief(notice, link(at).filter(|_| links.whole.is_none())));
    let room = if style == Style::Rich { MOST_OF_AN_EVENT - MOST_OF_ITEMS - 2000 } else { 0 };
    let others = within(room, brief);
    let left_out = notices.len() - items.len() - others.len();
    present([
        ("total", Some(json!(notices.len()))),
        ("links", links.whole.as_ref().map(|link| json!({"review": link}))),
        ("items", Some(json!(items))),
        ("others", Some(json!(others)).filter(|_| !others.is_empty())),
        ("left_out", Some(json!(left_out)).filter(|_| left_out > 0)),
    ])
}

/// The first of them that have so many bytes together.
fn within(most: usize, all: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut left = most;
    let fits = |one: &Value| {
        let length = one.to_string().len() + 1;
        let fits = length <= left;
        left = left.saturating_sub(length);
        fits
    };
    all.take_while(fits).collect()
}

/// One of those that have no room among the items.
fn in_brief(notice: &Notice, link: Option<&str>) -> Value {
    let mut brief = json!({
        "type": notice.kind.as_str(), "update_id": notice.update_id(), "kind": notice.workload.kind.as_str(),
        "namespace": notice.workload.namespace, "name": notice.workload.name, "container": notice.container,
        "from": notice.from.tag, "to": notice.to.tag,
    });
    if let Some(link) = link {
        put(&mut brief, "links", json!({"review": link}));
    }
    brief
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::super::super::service::{Request, Sending, Service as _};
    use super::super::super::tests::{asking, said};
    use super::super::Format;
    use super::super::tests::channel;
    use super::*;
    use crate::domain::event::tests::notice;
    use crate::domain::event::{Delivery, NoticeKind, Told};

    fn digest(notices: Vec<Notice>) -> Delivery {
        let told = Told::Several { id: "col_1".into(), notices };
        Delivery { channel: "hook".into(), recipient: String::new(), told }
    }

    /// The body of a message, with links to all and to each.
    fn sent(delivery: &Delivery, whole: bool, style: Style, format: Format) -> Request {
        let link =
            |at: usize| Some(format!("https://iw.example.com/a/v1.k1.{at:026}.FoIxJvcyZkGhky-HoSkT3_3Os3gY2fYOF"));
        let each = (0..delivery.notices().len()).map(link).collect();
        let links = Links { whole: link(9999).filter(|_| whole), each };
        let (message, now) = (said(delivery, None, None), DateTime::from_timestamp(1_795_000_000, 0).unwrap());
        let sending = Sending { delivery, message: &message, links: &links, notes: None, style, now };
        channel(format).request(&sending).unwrap()
    }

    fn event_of(request: &Request) -> Value {
        serde_json::from_slice(&request.body).unwrap()
    }

    /// §6 of the design: at most fifty items, "and 150 more", and the link of all of them.
    #[test]
    fn a_digest_of_hundreds_keeps_its_links_and_its_bounds() {
        let mut question = asking().notices()[0].clone();
        question.workload.name = "a-name-of-quite-some-length-as-charts-make-them".into();
        question.from.repository = "registry.example.com/a-team/and-its-product/web".into();
        for (count, format) in [(200, Format::Standard), (500, Format::Standard), (500, Format::cloud_events(None))] {
            let delivery = digest(vec![question.clone(); count]);
            let request = sent(&delivery, true, Style::Rich, format);
            assert!(request.body.len() <= 64 * 1024, "{count}: {}", request.body.len());
            let data = &event_of(&request)["data"];
            let of = |name: &str| data[name].as_array().map_or(0, Vec::len);
            assert!(data["links"]["review"].as_str().unwrap().contains("9999"), "{data:#}");
            let left_out = usize::try_from(data["left_out"].as_u64().unwrap_or_default()).unwrap();
            assert_eq!(of("items") + of("others") + left_out, count);
            assert!(of("items") >= 30 && of("others") >= 50, "{} {}", of("items"), of("others"));
            assert!(data["items"].as_array().unwrap().iter().all(|item| !item["approval"]["links"].is_null()));
        }
    }

    #[test]
    fn what_is_left_of_a_digest_has_its_link_and_so_has_the_one_that_asks_among_many() {
        let (question, applied) = (asking().notices()[0].clone(), notice(NoticeKind::Applied));
        let one = event_of(&sent(&digest(vec![question.clone()]), true, Style::Rich, Format::Standard));
        assert!(one["data"]["items"][0]["approval"]["links"]["review"].as_str().unwrap().contains("0000"), "{one:#}");
        let mut many = vec![applied; MOST_ITEMS];
        many.push(question);
        let many = event_of(&sent(&digest(many), false, Style::Rich, Format::Standard));
        assert!(many["data"]["others"][0]["links"]["review"].is_string(), "{:#}", many["data"]["others"]);
    }

    /// A receiver that does not take the whole event (400, 413) gets one that says what has to be known.
    #[test]
    fn what_is_sent_plain_is_shorter_and_has_its_link() {
        let delivery = digest(vec![asking().notices()[0].clone(); 200]);
        let [rich, plain] = [Style::Rich, Style::Plain].map(|style| sent(&delivery, true, style, Format::Standard));
        let event = event_of(&plain);
        assert!(plain.body.len() < rich.body.len() && event["data"]["others"].is_null());
        assert_eq!(event["data"]["left_out"], 200 - event["data"]["items"].as_array().unwrap().len());
        assert!(event["data"]["links"]["review"].is_string());
        let (notes, one) = (crate::domain::release::tests::summarised(), asking());
        let (message, links) = (said(&one, None, Some(&notes)), Links::one(Some("https://iw.example.com/a/x")));
        let alone = |style| {
            let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
            let sending = Sending { delivery: &one, message: &message, links: &links, notes: Some(&notes), style, now };
            event_of(&channel(Format::Standard).request(&sending).unwrap())
        };
        let (rich, plain) = (alone(Style::Rich), alone(Style::Plain));
        assert!(rich["data"]["release"]["summary"].is_string() && plain["data"]["release"]["summary"].is_null());
        assert_eq!(rich["data"]["approval"], plain["data"]["approval"]);
    }
}

//! The link of a list: one message about several questions, and one page behind it.
//!
//! Like any other link it is a signature for one recipient, and nothing of it is stored. Its name says until when it can be
//! used, and stands for what it lists: one step of one image, or all that its holder is asked. What that is follows from
//! records whenever it is opened.

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use super::approval::{Approval, ApprovalId, LIFETIME, LinkKeys, Token};
use super::reference::ImageReference;

/// So many questions are listed.
pub const MOST_LISTED: usize = 500;

/// What a list is named by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing(ApprovalId);

impl Listing {
    /// Of all that asks for the same as this question, until the moment.
    #[must_use]
    pub fn of_cause(question: &Approval, expires: DateTime<Utc>) -> Option<Self> {
        Some(Self::named(cause(question)?, expires))
    }

    /// Of all that its holder is asked, until the moment.
    #[must_use]
    pub fn of_all(expires: DateTime<Utc>) -> Self {
        Self::named([0; 10], expires)
    }

    /// Of these questions: of what they have in common, where that is one cause. One question needs no list.
    #[must_use]
    pub fn of(questions: &[Approval]) -> Option<Self> {
        let [first, _, ..] = questions else { return None };
        let expires = questions.iter().map(|question| question.expires).max()?;
        let is_one = questions.iter().all(|question| cause(question) == cause(first));
        is_one.then(|| Self::of_cause(first, expires)).flatten().or_else(|| Some(Self::of_all(expires)))
    }

    fn named(what: [u8; 10], expires: DateTime<Utc>) -> Self {
        Self(ApprovalId::mint(expires - LIFETIME, what))
    }

    /// What it is known by.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.as_str()
    }

    /// Until when it can be used.
    #[must_use]
    pub fn expires(&self) -> DateTime<Utc> {
        self.0.made() + LIFETIME
    }

    /// Whether a question is on it.
    #[must_use]
    pub fn lists(&self, question: &Approval) -> bool {
        let expires = self.expires();
        *self == Self::of_all(expires) || Self::of_cause(question, expires).is_some_and(|other| *self == other)
    }

    fn fields<'f>(recipient: &'f str, expires: &'f str) -> [&'f str; 4] {
        ["list", "see,approve", expires, recipient]
    }

    /// The token for one recipient, `channel:address`.
    #[must_use]
    pub fn token(&self, keys: &LinkKeys, recipient: &str) -> Option<String> {
        Token::over(keys, &self.0, &Self::fields(recipient, &self.expires().timestamp().to_string()))
    }

    /// The list that a token is of, and which of `recipients` holds it; `None` where it is of none. Every one is tried, so that
    /// a wrong token takes as long as a right one.
    #[must_use]
    pub fn opened<'r>(
        token: &Token,
        keys: &LinkKeys,
        recipients: &'r [String],
        now: DateTime<Utc>,
    ) -> Option<(Self, &'r str)> {
        let listing = Self(token.approval().clone());
        let expires = listing.expires().timestamp().to_string();
        let mut found = None;
        for recipient in recipients {
            if token.is_over(keys, &Self::fields(recipient, &expires)) {
                found = Some(recipient.as_str());
            }
        }
        found.filter(|_| listing.0.is_made(now)).map(|holder| (listing, holder))
    }
}

/// What stands for one step of one image: where to, whatever runs.
fn cause(question: &Approval) -> Option<[u8; 10]> {
    let repository = ImageReference::parse(&question.from_image).ok()?.repository().to_string();
    let mut hash = Sha256::new_with_prefix("iw-list");
    for field in [&repository, question.to_tag.as_str(), question.to_digest.as_str()] {
        hash.update(field.len().to_le_bytes());
        hash.update(field);
    }
    let hash: [u8; 32] = hash.finalize().into();
    hash.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::super::approval::{Allows, LinkKey};
    use super::super::reference::{Digest, Tag};
    use super::super::workload::{Kind, WorkloadId};
    use super::*;
    use chrono::TimeDelta;

    fn keys(byte: u8) -> LinkKeys {
        LinkKey::new(vec![byte; 32]).unwrap().into()
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap()
    }

    fn question(number: u8, image: &str, to: &str) -> Approval {
        let workload = WorkloadId {
            namespace: "shop".into(),
            kind: Kind::Deployment,
            name: format!("web-{number}").into(),
            uid: format!("uid-{number}").into(),
        };
        Approval {
            id: ApprovalId::mint(now(), [number; 10]),
            key: keys(7).signing().id().clone(),
            expires: now() + LIFETIME - TimeDelta::hours(i64::from(number)),
            nonce: "nonce".into(),
            workload,
            container: "web".into(),
            from_image: image.into(),
            from_digest: None,
            to_tag: Tag::parse(to).unwrap(),
            to_digest: Digest::of(to.as_bytes()),
            allows: Allows::Update,
            group: None,
        }
    }

    #[test]
    fn a_list_is_of_one_cause_or_of_everything() {
        let web = |number, from: &str| question(number, &format!("registry.example.com/web:{from}"), "1.3.0");
        let api = question(3, "registry.example.com/api:1.2.3", "1.3.0");
        let [first, second] = [web(1, "1.2.3"), web(2, "1.2.4")];
        let one = Listing::of(&[first.clone(), second.clone()]).unwrap();
        assert_eq!(one.expires(), first.expires, "the latest of its questions");
        assert!(one.lists(&first) && one.lists(&second), "whatever runs");
        let other = question(1, "registry.example.com/web:1.2.3", "1.4.0");
        let moved = Approval { to_digest: Digest::of(b"moved"), ..first.clone() };
        assert!(![&api, &other, &moved].into_iter().any(|not| one.lists(not)));
        let all = Listing::of(&[first.clone(), api.clone()]).unwrap();
        assert!([&first, &second, &api, &other, &moved].into_iter().all(|any| all.lists(any)));
        assert_eq!((Listing::of(std::slice::from_ref(&first)), Listing::of(&[])), (None, None), "one needs no list");
    }

    #[test]
    fn a_link_of_a_list_is_its_recipients_alone() {
        let questions = [1, 2].map(|number| question(number, "registry.example.com/web:1.2.3", "1.3.0"));
        let (list, keys_of_ours) = (Listing::of(&questions).unwrap(), keys(7));
        let people = ["email:a@example.com", "email:b@example.com"].map(str::to_owned);
        let text = list.token(&keys_of_ours, &people[1]).unwrap();
        let token = Token::parse(&text).unwrap();
        let opened = |token: &Token, keys: &LinkKeys, people: &[String], now| {
            Listing::opened(token, keys, people, now).map(|(list, holder)| (list, holder.to_owned()))
        };
        assert_eq!(opened(&token, &keys_of_ours, &people, now()), Some((list.clone(), people[1].clone())));
        assert_eq!(opened(&token, &keys_of_ours, &people[..1], now()), None, "another holder");
        assert_eq!(opened(&token, &keys(8), &people, now()), None, "another key");
        let rotated = LinkKeys::new(keys(8).signing().clone(), vec![keys(7).signing().clone()]);
        assert!(opened(&token, &rotated, &people, now()).is_some(), "an older key verifies");
        let forged = Token::parse(&format!("{}AAAA", &text[..text.len() - 4])).unwrap();
        assert_eq!(opened(&forged, &keys_of_ours, &people, now()), None);
        let name = |list: &Listing| list.0.as_str()[4..].to_owned();
        let wider = Listing::of_all(list.expires());
        let longer = Listing::of_cause(&questions[0], list.expires() + TimeDelta::seconds(1)).unwrap();
        for other in [wider, longer] {
            let forged = Token::parse(&text.replace(&name(&list), &name(&other))).unwrap();
            assert_eq!(opened(&forged, &keys_of_ours, &people, now()), None, "what and until when is bound");
        }
        let single = Token::parse(&questions[0].token(&keys_of_ours, &people[0], now()).unwrap()).unwrap();
        assert_eq!(opened(&single, &keys_of_ours, &people, now()), None, "the link of a question is no list");
        assert_eq!(questions[0].holder(&token, &keys_of_ours, &people, now()), None, "nor the other way round");
    }

    #[test]
    fn no_list_can_be_used_for_longer_than_links_last() {
        let (keys, people) = (keys(7), ["email:a@example.com".to_owned()]);
        let opens = |expires, now| {
            let token = Listing::of_all(expires).token(&keys, &people[0]).unwrap();
            Listing::opened(&Token::parse(&token).unwrap(), &keys, &people, now).is_some()
        };
        assert!(
            opens(now() + LIFETIME, now()) && opens(now(), now() + TimeDelta::days(30)),
            "its page says it is over"
        );
        assert!(!opens(now() + LIFETIME + TimeDelta::hours(1), now()));
    }
}

use proptest::prelude::*;

use super::*;

fn key() -> LinkKey {
    LinkKey::new(vec![7; 32]).unwrap()
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000 + seconds, 0).unwrap()
}

fn question() -> ApprovalId {
    ApprovalId::mint(at(0), [7; 10])
}

fn vote(person: &Person) -> Vote {
    Vote::of(person, person.actor(), &key(), &question(), at(1)).unwrap()
}

fn holder(link: &str) -> Vote {
    vote(&Person::Holder(link.into()))
}

fn signed_in(name: &str, link: &str) -> Vote {
    vote(&Person::SignedIn { name: name.into(), link: link.into() })
}

fn visitor(name: &str) -> Vote {
    vote(&Person::Visitor(name.into()))
}

fn slack(user: &str) -> Vote {
    slack_of(user, None)
}

fn slack_of(user: &str, elsewhere: Option<&str>) -> Vote {
    vote(&Person::Slack { user: format!("T1/{user}"), link: "chat:".into(), elsewhere: elsewhere.map(Into::into) })
}

fn telegram(user: &str, elsewhere: Option<&str>) -> Person {
    Person::Telegram { user: user.into(), link: "tg:".into(), elsewhere: elsewhere.map(Into::into) }
}

/// A user of a chat, of whom the configuration says who that is.
fn named(name: &str) -> Vote {
    vote(&Person::Telegram { user: "7".into(), link: "chat:".into(), elsewhere: Some(name.into()) })
}

fn command(user: Option<&str>) -> Vote {
    vote(&Person::Command(user.map(str::to_owned)))
}

fn of(votes: &[Vote]) -> Votes {
    let mut all = Votes::default();
    for vote in votes {
        all.cast(vote.clone());
    }
    all
}

fn needs(number: &str) -> Quorum {
    number.parse().unwrap()
}

#[test]
fn a_program_is_no_person_however_many_there_are_of_it() {
    let programs = ["token ci", "system:serviceaccount:shop:one", "system:serviceaccount:shop:two"];
    let programs = programs.map(|name| vote(&Person::Program(name.into())));
    let of_alice = of(&[visitor("alice")]);
    for program in &programs {
        assert_eq!(of_alice.judge(program.clone(), needs("2")), Verdict::NoPerson);
        assert_eq!(Votes::default().judge(program.clone(), needs("2")), Verdict::NoPerson);
        let Verdict::Enough(alone) = Votes::default().judge(program.clone(), needs("1")) else {
            panic!("one is enough")
        };
        assert_eq!(alone.deciders(), program.by);
    }
    assert_eq!(of(&programs).count(), 1, "and all of them together are never more than one");
}

#[test]
fn a_number_of_people_is_one_from_one_to_ten() {
    assert_eq!(["1", " 2 ", "10"].map(|text| needs(text).number()), [1, 2, 10]);
    for wrong in ["", "0", "11", "256", "-1", "+2", "2.0", "two", "1e1"] {
        assert_eq!(wrong.parse::<Quorum>(), Err(NoQuorum(wrong.into())));
    }
    let told = "two".parse::<Quorum>().unwrap_err().to_string();
    assert_eq!(told, "\"two\" is no number of people who have to approve; write one from 1 to 10");
    assert!(Quorum::default().is_one() && !needs("2").is_one());
}

#[test]
fn a_mailbox_is_one_person_whichever_channel_leads_to_it() {
    let joe = holder("email:joe@example.com");
    let same = ["email:joe@example.com", "oncall:Joe@Example.com", "email: joe@example.com "];
    assert!(same.iter().all(|link| joe.may_be_of_one(&holder(link))));
    // They look the same to whoever reads the record, and are two.
    let jane = holder("email:jane@example.com");
    assert_eq!(joe.by, jane.by);
    assert!(!joe.may_be_of_one(&jane));
    // A channel that many read is one, and anybody who holds a link of their own may read it.
    assert!(holder("chat:").may_be_of_one(&holder("chat")));
    assert!(holder("chat:").may_be_of_one(&joe) && jane.may_be_of_one(&holder("chat")));
}

#[test]
fn whoever_signed_in_is_known_by_name_and_whoever_did_not_by_the_way_alone() {
    let team = "email:team@example.com";
    let (alice, bob) = (signed_in("alice", team), signed_in("bob", team));
    assert!(!alice.may_be_of_one(&bob), "two who share a link are two");
    assert!(alice.may_be_of_one(&signed_in("Alice", "email:alice@example.com")), "by another link");
    assert!(alice.may_be_of_one(&holder(team)) && holder(team).may_be_of_one(&bob), "who it was is not known");
    assert!(signed_in("joe@example.com", team).may_be_of_one(&holder("email:joe@example.com")));
    assert!(!alice.may_be_of_one(&holder("email:joe@example.com")));
}

#[test]
fn whoever_signed_in_and_needs_no_link_counts_once_whatever_way_they_come() {
    let alice = visitor("alice");
    assert!(alice.may_be_of_one(&signed_in("Alice", "email:joe@example.com")), "by a link, through the proxy");
    assert!(alice.may_be_of_one(&holder("email:alice@example.com")), "by their own link");
    assert!(visitor("alice@example.com").may_be_of_one(&holder("oncall:alice@example.com")));
    assert!(holder("chat:").may_be_of_one(&alice), "who reads a chat is not known");
    assert!(alice.may_be_of_one(&command(Some("bob"))), "a name at the command line is anybody's");
    let others =
        [visitor("bob"), signed_in("bob", "email:alice@example.com"), holder("email:joe@example.com"), slack("U1")];
    for another in others {
        assert!(!alice.may_be_of_one(&another) && !another.may_be_of_one(&alice), "{another:?}");
    }
    assert!(!slack("U1").may_be_of_one(&slack("U2")));
}

/// One person has one vote, by link, in a chat and signed in, where it is said who the users of the chat are; and others have
/// theirs.
#[test]
fn a_user_of_a_chat_who_is_named_is_the_one_of_that_name() {
    let ann = named("ann@example.com");
    let same = [
        visitor("Ann@example.com"),
        signed_in("ann@example.com", "email:team@example.com"),
        holder("email:ann@example.com"),
        named("ann@example.com"),
        holder("chat:"),
        command(Some("ann")),
    ];
    for other in &same {
        assert!(ann.may_be_of_one(other) && other.may_be_of_one(&ann), "{other:?}");
    }
    assert!(named("ann").may_be_of_one(&holder("email:ann@example.com")), "by the part before the @");
    let others =
        [visitor("bob"), signed_in("bob", "email:bob@example.com"), holder("email:bob@example.com"), slack("U1")];
    for other in &others {
        assert!(!ann.may_be_of_one(other) && !other.may_be_of_one(&ann), "{other:?}");
    }
    let Verdict::Again = of(std::slice::from_ref(&ann)).judge(visitor("ann@example.com"), needs("2")) else {
        panic!("one person")
    };
    assert!(matches!(of(&[ann]).judge(visitor("bob"), needs("2")), Verdict::Enough(_)));
}

/// `people` says «the name they sign in with, or their address», so either is the one who signs in by the other.
#[test]
fn a_user_of_a_chat_is_one_person_by_address_and_by_name() {
    let ways = |name: &str, address: &str| {
        [
            (named(address), visitor(name)),
            (named(address), signed_in(name, "email:team@example.com")),
            (named(address), slack_of("U1", Some(name))),
            (named(name), visitor(address)),
            (named(name), signed_in(address, "email:team@example.com")),
            (named(name), slack_of("U1", Some(address))),
        ]
    };
    for (one, other) in ways("ann", "Ann@example.com") {
        assert!(one.may_be_of_one(&other) && other.may_be_of_one(&one), "{one:?} {other:?}");
        assert_eq!(of(&[one]).judge(other, needs("2")), Verdict::Again);
    }
    for (one, other) in ways("bob", "ann@example.com") {
        assert!(!one.may_be_of_one(&other) && !other.may_be_of_one(&one), "{one:?} {other:?}");
    }
    // Each by a whole address, as whoever configured both wrote them down.
    let (here, there) = (slack_of("U1", Some("ann@example.com")), slack_of("U2", Some("ann@example.org")));
    assert!(!here.may_be_of_one(&there));
    assert!(here.may_be_of_one(&visitor("ann@example.org")), "one of them may be the address, and not the name");
    // Names that people sign in with are two, as somebody answers for both.
    assert!(!visitor("ann@example.com").may_be_of_one(&visitor("ann@example.org")));
}

/// A proxy may say by name who stands at a link, and the page know the same person by their address.
#[test]
fn who_signs_in_by_name_here_and_by_address_there_is_one_person() {
    let by_name = [visitor("ann"), signed_in("ann", "email:bob@example.com")];
    let by_address = [visitor("Ann@example.com"), signed_in("ann@example.com", "email:ann@example.com")];
    for one in &by_name {
        for other in &by_address {
            assert!(one.may_be_of_one(other) && other.may_be_of_one(one), "{one:?} {other:?}");
        }
        assert!(!one.may_be_of_one(&visitor("bob@example.com")));
    }
}

#[test]
fn a_user_of_a_chat_is_the_same_before_they_are_named_and_after() {
    for names in [[None, Some("ann@example.com")], [Some("ann@example.com"), None], [Some("ann"), Some("bob")]] {
        let [before, after] = names.map(|name| slack_of("U1", name));
        let stored = serde_json::to_string(&of(std::slice::from_ref(&before))).unwrap();
        let votes: Votes = serde_json::from_str(&stored).unwrap();
        assert_eq!(votes.judge(after, needs("2")), Verdict::Again, "{names:?}");
        let another = slack_of("U2", Some("joe@example.com"));
        assert!(matches!(votes.judge(another, needs("2")), Verdict::Enough(_)), "{names:?}");
    }
    assert!(!slack("7").may_be_of_one(&vote(&telegram("T1/7", None))), "a number here is none there");
}

#[test]
fn who_signed_in_at_a_link_of_others_is_the_same_by_their_own_and_by_a_command() {
    let team = "email:team@example.com";
    let ways = [
        holder("email:ann@example.com"),
        holder("chat:"),
        holder(team),
        command(Some("ann")),
        command(Some("bob")),
        command(None),
    ];
    for other in &ways {
        for ann in [signed_in("ann", team), signed_in("ann@example.com", team)] {
            assert!(ann.may_be_of_one(other) && other.may_be_of_one(&ann), "{other:?}");
        }
    }
    for other in [holder("email:bob@example.com"), signed_in("bob", team), slack("U1")] {
        assert!(!signed_in("ann", team).may_be_of_one(&other), "{other:?}");
    }
    assert!(command(Some("ann")).may_be_of_one(&holder("email:ann@example.com")), "by their own link");
}

/// What the releases before wrote has no alias of whoever signed in at a link, and no id of who is named.
#[test]
fn what_was_stored_before_still_counts() {
    let stored = |vote: &Vote, without: &[&str]| {
        let mut value = serde_json::to_value(of(std::slice::from_ref(vote))).unwrap();
        let fields = value[0].as_object_mut().unwrap();
        fields.retain(|name, _| !without.contains(&name.as_str()));
        serde_json::from_value::<Votes>(value).unwrap()
    };
    let named_before = stored(&named("ann@example.com"), &["chat", "short"]);
    for again in [named("ann@example.com"), visitor("ann"), visitor("ann@example.com"), slack_of("U1", Some("ann"))] {
        assert_eq!(named_before.judge(again.clone(), needs("2")), Verdict::Again, "{again:?}");
    }
    let at_a_link = stored(&signed_in("ann", "email:team@example.com"), &["alias", "short"]);
    assert_eq!(at_a_link.judge(holder("email:team@example.com"), needs("2")), Verdict::Again);
    assert_eq!(at_a_link.judge(visitor("ann"), needs("2")), Verdict::Again);
    assert!(matches!(at_a_link.judge(visitor("bob"), needs("2")), Verdict::Enough(_)));
}

#[test]
fn all_commands_are_one_person_as_names_there_are_anybodys() {
    assert!(command(Some("alice")).may_be_of_one(&command(Some("bob"))));
    assert!(command(None).may_be_of_one(&command(Some("bob"))));
    assert!(command(Some("joe@example.com")).may_be_of_one(&holder("email:joe@example.com")));
    assert!(command(Some("alice")).may_be_of_one(&holder("email:joe@example.com")), "a name there is anybody's");
    assert!(command(Some("alice")).may_be_of_one(&signed_in("alice", "email:joe@example.com")));
}

/// Whoever wrote an annotation, by a command or by hand: the API server knows the program and not the person.
fn annotation(manager: &str) -> Vote {
    let person = Person::Command(None);
    Vote::of(&person, Actor::Program(format!("field manager {manager}")), &key(), &question(), at(1)).unwrap()
}

/// Every way by which an answer comes, each by somebody who was never there by another.
fn ways() -> Vec<(&'static str, Vote)> {
    vec![
        ("link", holder("email:joe@example.com")),
        ("chat's link", holder("chat:")),
        ("sign-in", visitor("ann@example.org")),
        ("header at a link", signed_in("kim@example.net", "email:kim@example.net")),
        ("Slack", slack("U1")),
        ("Telegram", vote(&telegram("7", Some("lee@example.info")))),
        ("command", command(Some("bob@example.com"))),
        ("command without a name", command(None)),
        ("annotation", annotation("kubectl-annotate")),
    ]
}

/// Fault x21-8: who may annotate a workload, and holds a link, is one person, whatever name stands in the annotation; and who
/// reads a chat may hold a link.
#[test]
fn two_are_different_people_where_something_is_known_of_both() {
    let known = ["link", "sign-in", "header at a link", "Slack", "Telegram"];
    for (one, first) in ways() {
        for (other, second) in ways() {
            let are_two = known.contains(&one) && known.contains(&other) && one != other;
            assert_eq!(!first.may_be_of_one(&second), are_two, "{one} and {other}");
            let both = of(&[first.clone(), second.clone()]);
            assert_eq!(both.count(), if are_two { 2 } else { 1 }, "{one} and {other}");
            let is_enough = matches!(of(std::slice::from_ref(&first)).judge(second, needs("2")), Verdict::Enough(_));
            assert_eq!(is_enough, are_two, "{one} and {other}");
        }
    }
}

/// What may be anybody's is counted until somebody comes of whom more is known, and keeps nobody from approving.
#[test]
fn what_may_be_anybodys_gives_way_to_whoever_is_known() {
    let (joe, ann) = (holder("email:joe@example.com"), visitor("ann"));
    for anybody in [holder("chat:"), command(Some("bob")), annotation("kubectl")] {
        let alone = of(std::slice::from_ref(&anybody));
        assert!(alone.have(&anybody) && !alone.have(&joe), "who is known is offered to approve");
        let Verdict::More(votes) = alone.judge(joe.clone(), needs("2")) else { panic!("{anybody:?}") };
        assert_eq!(votes, of(std::slice::from_ref(&joe)), "one, and now it is known who");
        assert_eq!(votes.judge(anybody.clone(), needs("2")), Verdict::Again);
        let Verdict::Enough(both) = votes.judge(ann.clone(), needs("2")) else { panic!("two are known") };
        assert_eq!(both.deciders().words(), "j…@example.com (email) and ann (signed in)");
        assert_eq!(alone.judge(annotation("other"), needs("2")), Verdict::Again);
        assert!(matches!(Votes::default().judge(anybody, needs("1")), Verdict::Enough(_)), "one is enough");
    }
}

#[test]
fn what_is_written_says_nothing_of_who_it_is_and_is_small() {
    let (joe, elsewhere) = (Person::Holder("email:joe@example.com".into()), ApprovalId::mint(at(0), [8; 10]));
    let written = serde_json::to_string(&of(&[vote(&joe), signed_in("alice", "email:team@example.com")])).unwrap();
    assert!(!written.contains("joe") && !written.contains("team"), "{written}");
    assert!(written.len() < 250, "{} bytes: {written}", written.len());
    let read: Votes = serde_json::from_str(&written).unwrap();
    assert_eq!(read.count(), 2);
    assert!(read.have(&vote(&joe)));
    let other = |key: &LinkKey, id: &ApprovalId| Vote::of(&joe, joe.actor(), key, id, at(1)).unwrap().who;
    assert_ne!(other(&key(), &question()), other(&key(), &elsewhere), "the same person is another code elsewhere");
    assert_ne!(other(&key(), &question()), other(&LinkKey::new(vec![8; 32]).unwrap(), &question()));
}

#[test]
fn who_approved_already_is_told_until_fewer_are_needed() {
    let (joe, jane) = (holder("email:joe@example.com"), holder("email:jane@example.com"));
    let votes = of(std::slice::from_ref(&joe));
    assert_eq!(votes.judge(joe.clone(), needs("2")), Verdict::Again);
    assert_eq!(votes.judge(joe, needs("1")), Verdict::Enough(votes.clone()), "the setting was changed");
    assert_eq!(votes.judge(jane.clone(), needs("3")), Verdict::More(of(&[votes.0[0].clone(), jane.clone()])));
    let Verdict::Enough(both) = votes.judge(jane, needs("2")) else { panic!("two are enough") };
    assert_eq!(both.deciders().words(), "j…@example.com (email) and j…@example.com (email)");
    let ballot = |votes: &Votes, needed: &str| Ballot { votes: votes.clone(), needed: needs(needed), is_yours: true };
    assert_eq!(ballot(&votes, "2").words().as_deref(), Some("1 of 2"));
    assert_eq!(ballot(&Votes::default(), "1").words(), None);
    assert!(ballot(&votes, "2").waits_for_others() && !ballot(&votes, "1").waits_for_others());
}

/// One of five who hold links, of whom some have several.
fn links() -> impl Strategy<Value = (usize, Vote)> {
    (0..5_usize, 0..3_usize).prop_map(|(person, channel)| {
        let channel = ["email", "oncall", "other"][channel];
        (person, holder(&format!("{channel}:person{person}@example.com")))
    })
}

fn anybody() -> impl Strategy<Value = Vote> {
    prop_oneof![
        links().prop_map(|(_, vote)| vote),
        Just(holder("chat:")),
        Just(annotation("kubectl")),
        (0..4_u8, 0..3_u8).prop_map(|(name, link)| signed_in(
            &format!("person{name}@example.com"),
            &format!("email:person{link}@example.com")
        )),
        prop::option::of(0..4_u8)
            .prop_map(|name| command(name.map(|name| format!("person{name}@example.com")).as_deref())),
        (0..4_u8).prop_map(|name| visitor(&format!("person{name}"))),
        (0..4_u8).prop_map(|user| slack(&format!("U{user}"))),
        (0..4_u8, 0..4_u8).prop_map(|(user, name)| slack_of(&format!("U{user}"), Some(&format!("person{name}")))),
        (0..4_u8).prop_map(|name| named(&format!("person{name}@example.com"))),
    ]
}

proptest! {
    /// In whatever order and however often: it is applied once, with the vote of the Nth different person, and names them all.
    #[test]
    fn so_many_different_people_and_no_fewer(presses in prop::collection::vec(links(), 0..40), needed in 1..=5_usize) {
        let quorum = needs(&needed.to_string());
        let (mut votes, mut seen, mut applied) = (Votes::default(), std::collections::BTreeSet::new(), 0);
        for (person, vote) in presses {
            let is_new = seen.insert(person);
            match votes.judge(vote.clone(), quorum) {
                Verdict::Enough(all) => {
                    prop_assert!(is_new && seen.len() == needed, "{} of {needed}", seen.len());
                    prop_assert_eq!(all.count(), needed);
                    applied += 1;
                    break;
                }
                Verdict::More(all) => {
                    prop_assert!(is_new && seen.len() < needed);
                    prop_assert_eq!(all.count(), seen.len());
                    votes.cast(vote);
                    prop_assert_eq!(&all, &votes);
                }
                Verdict::Again => prop_assert!(!is_new && seen.len() < needed),
                Verdict::NoPerson => return Err(TestCaseError::fail("they are all people")),
            }
        }
        prop_assert_eq!(applied, usize::from(seen.len() >= needed));
    }

    /// Whoever they are and whatever way they come: nobody counts twice, and no more are kept than are ever needed.
    #[test]
    fn nobody_counts_twice(presses in prop::collection::vec(anybody(), 0..40)) {
        let votes = of(&presses);
        for (place, one) in votes.iter().enumerate() {
            prop_assert!(votes.iter().skip(place + 1).all(|other| !one.may_be_of_one(other)));
        }
        prop_assert!(votes.count() <= 10);
        prop_assert!(votes.count() == 10 || presses.iter().all(|vote| votes.have(vote)));
        let written = serde_json::to_string(&votes).unwrap();
        prop_assert_eq!(serde_json::from_str::<Votes>(&written).unwrap(), votes);
    }

    /// Whoever votes between: a person who approved has, for as long as the question is asked. What may be anybody's gives way.
    #[test]
    fn a_vote_is_never_lost(presses in prop::collection::vec(anybody(), 1..20)) {
        let mut votes = Votes::default();
        for vote in &presses {
            let before = votes.clone();
            votes.cast(vote.clone());
            prop_assert!(votes.count() >= before.count());
            let mut known = before.iter().filter(|one| !one.may_be_anybodys());
            prop_assert!(known.all(|known| votes.iter().any(|one| one == known)));
        }
    }

    /// Who presses by ways of which nothing is known, and then by one more, is one.
    #[test]
    fn one_who_may_annotate_and_reads_the_chats_is_never_two(ways in prop::collection::vec(0..5_usize, 1..20)) {
        let by = [holder("chat:"), holder("other:"), annotation("x"), command(Some("bob")), holder("email:joe@example.com")];
        let presses: Vec<Vote> = ways.iter().map(|way| by[*way].clone()).collect();
        prop_assert_eq!(of(&presses).count(), 1);
    }
}

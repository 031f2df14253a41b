//! Candidates on one Lease, whose clocks have nothing in common.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// The object, as the API server has it.
#[derive(Default)]
struct Object {
    lease: Option<Lease>,
    version: u64,
}

impl Object {
    /// What the API server makes of a write, which carries a wall time of the writer.
    fn write(&mut self, draft: &Draft, holder: &str, wall: u64) -> Result<Lease, Failure> {
        let stands = self.lease.as_ref().map(|lease| lease.version.clone());
        if stands != draft.version {
            return Err(Failure::Conflict);
        }
        self.version += 1;
        let lease = Lease {
            version: self.version.to_string(),
            holder: holder.to_owned(),
            renewed: Some(wall.to_string()),
            acquired: None,
            transitions: draft.transitions,
            seconds: Some(15),
            is_anothers: false,
        };
        self.lease = Some(lease.clone());
        Ok(lease)
    }

    /// Somebody writes it by hand.
    fn edit(&mut self, edit: impl FnOnce(&mut Lease)) {
        self.version += 1;
        let lease = self.lease.as_mut().unwrap();
        edit(lease);
        lease.version = self.version.to_string();
    }
}

/// A replica: its candidate, how far its wall clock is off, and whether it reaches the API server.
struct Replica {
    candidate: Candidate,
    /// Its monotonic clock began then.
    began: u64,
    wall: u64,
    is_cut_off: bool,
}

impl Replica {
    fn new(name: &str, began: u64, wall: u64) -> Self {
        Self { candidate: Candidate::new(name.to_owned()), began, wall, is_cut_off: false }
    }

    fn now(&self, at: u64) -> Duration {
        Duration::from_secs(self.began + at)
    }

    fn holds(&self, at: u64) -> bool {
        self.candidate.holds(self.now(at))
    }

    /// Does all that is to be done in a second. Says how many requests that were.
    fn go_on(&mut self, at: u64, object: &mut Object) -> usize {
        let now = self.now(at);
        for requests in 0.. {
            match self.candidate.step(now) {
                Step::Wait(_) => return requests,
                Step::Read if self.is_cut_off => self.candidate.saw_nothing(now, 0.5),
                Step::Read => self.candidate.saw(object.lease.clone(), now, 0.5),
                Step::Write(_) if self.is_cut_off => {
                    self.candidate.wrote(Err(Failure::Unknown), now, now, 0.5);
                }
                Step::Write(draft) => {
                    let came = object.write(&draft, &self.candidate.me.clone(), self.wall + at);
                    self.candidate.wrote(came, now, now, 0.5);
                }
            }
            assert!(requests < 9, "it goes in circles");
        }
        0
    }
}

/// Three whose clocks are ten minutes and some weeks apart.
fn three() -> [Replica; 3] {
    [Replica::new("a", 1_000, 1_600), Replica::new("b", 3_000_000, 1_000), Replica::new("c", 5, 400)]
}

/// Runs them for these seconds, and says who held it when; two at once are none that may be.
fn run(
    replicas: &mut [Replica],
    object: &mut Object,
    seconds: std::ops::Range<u64>,
    mut at: impl FnMut(u64, &mut [Replica], &mut Object),
) -> Vec<Option<usize>> {
    let mut held = Vec::new();
    for second in seconds {
        at(second, replicas, object);
        for replica in &mut *replicas {
            replica.go_on(second, object);
        }
        let holders: Vec<usize> =
            replicas.iter().enumerate().filter(|(_, it)| it.holds(second)).map(|(n, _)| n).collect();
        assert!(holders.len() < 2, "{second}: {holders:?}");
        held.push(holders.first().copied());
    }
    held
}

fn nothing(_: u64, _: &mut [Replica], _: &mut Object) {}

#[test]
fn one_of_three_holds_it_for_good_though_their_clocks_are_ten_minutes_apart() {
    let (mut all, mut object) = (three(), Object::default());
    let held = run(&mut all, &mut object, 0..600, nothing);
    assert!(held.iter().all(|holder| *holder == Some(0)), "{held:?}");
    let lease = object.lease.unwrap();
    assert_eq!((lease.holder.as_str(), lease.transitions), ("a", 0));
}

#[test]
fn what_nobody_renews_is_taken_after_it_was_seen_unchanged_for_as_long_as_it_lasts() {
    let (mut all, mut object) = (three(), Object::default());
    run(&mut all, &mut object, 0..30, nothing);
    // The process is killed.
    let held = run(&mut all[1..], &mut object, 30..60, nothing);
    let taken = held.iter().position(Option::is_some).unwrap();
    assert!((11..=16).contains(&taken), "after {taken} s");
    assert_eq!(object.lease.as_ref().unwrap().transitions, 1);
    // Nobody that begins anew has seen it for so long, whatever it says of when it was renewed.
    object.edit(|lease| (lease.holder, lease.renewed) = ("gone".into(), Some("long ago".into())));
    let held = run(&mut [Replica::new("d", 7, 9_000_000)], &mut object, 0..60, nothing);
    assert_eq!(held.iter().position(Option::is_some), Some(15));
}

#[test]
fn what_is_given_back_is_taken_with_the_next_look() {
    let (mut all, mut object) = (three(), Object::default());
    run(&mut all, &mut object, 0..30, nothing);
    let draft = all[0].candidate.release(all[0].now(30)).unwrap();
    object.write(&draft, "", 30).unwrap();
    assert_eq!(all[1].candidate.release(all[1].now(30)), None, "nobody gives back what another has");
    let held = run(&mut all[1..], &mut object, 30..60, nothing);
    let taken = held.iter().position(Option::is_some).unwrap();
    assert!(taken <= 5, "after {taken} s");
}

#[test]
fn whoever_does_not_reach_the_api_server_is_none_before_another_takes_it() {
    let (mut all, mut object) = (three(), Object::default());
    let held = run(&mut all, &mut object, 0..120, |second, all, _| match second {
        30 => all[0].is_cut_off = true,
        90 => all[0].is_cut_off = false,
        _ => {}
    });
    // The last renewal was sent at most 4 s before it was cut off.
    let ended = held.iter().position(Option::is_none).unwrap();
    assert!((36..=41).contains(&ended), "{ended}");
    let taken = held[ended..].iter().position(Option::is_some).unwrap() + ended;
    assert!((41..=50).contains(&taken), "{taken}");
    assert!(held[taken..].iter().all(|holder| *holder == held[taken]), "it takes nothing back");
    assert_ne!(held[taken], Some(0));
}

#[test]
fn where_all_were_cut_off_one_takes_it_and_the_one_before_knows() {
    let (mut all, mut object) = (three(), Object::default());
    let held = run(&mut all, &mut object, 0..120, |second, all, _| match second {
        30 => all.iter_mut().for_each(|it| it.is_cut_off = true),
        60 => all.iter_mut().for_each(|it| it.is_cut_off = false),
        _ => {}
    });
    assert!(held[41..60].iter().all(Option::is_none), "{held:?}");
    assert!(held[66].is_some() && held[66..].iter().all(|holder| *holder == held[66]), "{held:?}");
}

#[test]
fn a_lease_that_was_stolen_is_lost_with_the_next_renewal() {
    let (mut all, mut object) = (three(), Object::default());
    let held = run(&mut all, &mut object, 0..60, |second, _, object| {
        if second == 30 {
            object.edit(|lease| lease.holder = "somebody".into());
        }
    });
    let lost = held.iter().position(Option::is_none).unwrap();
    assert!((30..=35).contains(&lost), "{lost}");
    let taken = held[lost..].iter().position(Option::is_some).unwrap();
    assert!((11..=20).contains(&taken), "the thief renews nothing: {taken}");
}

#[test]
fn a_thief_who_renews_keeps_it() {
    let (mut all, mut object) = (three(), Object::default());
    let held = run(&mut all, &mut object, 0..200, |second, _, object| {
        if second >= 30 && second % 5 == 0 {
            object.edit(|lease| (lease.holder, lease.renewed) = ("somebody".into(), Some(second.to_string())));
        }
    });
    assert!(held[36..].iter().all(Option::is_none), "{held:?}");
}

#[test]
fn an_edit_beside_the_election_renews_nothing() {
    let mut object = Object { lease: Some(Lease { holder: "gone".into(), ..Lease::default() }), version: 0 };
    let held = run(&mut [Replica::new("a", 0, 0)], &mut object, 0..30, |_, _, object| {
        if object.lease.as_ref().unwrap().holder == "gone" {
            object.edit(|_| {});
        }
    });
    assert_eq!(held.iter().position(Option::is_some), Some(15));
}

#[test]
fn an_answer_that_was_lost_is_found_by_the_next_read() {
    let (mut object, mut a) = (Object::default(), Replica::new("a", 0, 0));
    run(std::slice::from_mut(&mut a), &mut object, 0..3, nothing);
    // The renewal is written, and nobody hears of it.
    let Step::Write(draft) = a.candidate.step(4 * SECOND) else { panic!("it is renewed") };
    object.write(&draft, "a", 4).unwrap();
    a.candidate.wrote(Err(Failure::Unknown), 4 * SECOND, 5 * SECOND, 0.0);
    assert!(a.holds(5), "it is as it was, until its time is over");
    let held = run(std::slice::from_mut(&mut a), &mut object, 6..20, nothing);
    assert!(held.iter().all(Option::is_some), "{held:?}");
    assert_eq!(object.lease.unwrap().transitions, 0);
}

#[test]
fn a_duration_that_was_edited_is_bounded() {
    for (seconds, taken) in [(Some(i32::MAX), 60), (Some(-1), 15), (Some(0), 15), (None, 15), (Some(30), 30)] {
        let lease = Lease { holder: "gone".into(), seconds, transitions: i32::MAX, ..Lease::default() };
        let mut object = Object { lease: Some(lease), version: 0 };
        let held = run(&mut [Replica::new("a", 0, 0)], &mut object, 0..90, nothing);
        assert_eq!(held.iter().position(Option::is_some), Some(taken), "{seconds:?}");
    }
}

#[test]
fn at_rest_the_holder_renews_and_the_others_read_now_and_then() {
    let (mut all, mut object) = (three(), Object::default());
    run(&mut all, &mut object, 0..10, nothing);
    let mut requests = [0; 3];
    for second in 10..610 {
        for (sent, replica) in requests.iter_mut().zip(&mut all) {
            *sent += replica.go_on(second, &mut object);
        }
    }
    assert!(requests.iter().all(|sent| (120..=200).contains(sent)), "{requests:?}");
}

#[test]
fn whose_lease_it_is_is_known_for_as_long_as_it_is_renewed() {
    let at = Duration::from_secs;
    let mut candidate = Candidate::new("me".into());
    assert!(!candidate.is_held(at(0)), "nothing was read");
    let of = |holder: &str, renewed: &str| {
        Some(Lease { holder: holder.into(), renewed: Some(renewed.into()), ..Lease::default() })
    };
    candidate.saw(of("other", "1"), at(1), 0.0);
    assert!(candidate.is_held(at(15)) && !candidate.is_held(at(16)), "nobody renews it");
    candidate.saw(of("other", "2"), at(16), 0.0);
    assert!(candidate.is_held(at(30)));
    candidate.saw(of("", "3"), at(31), 0.0);
    assert!(!candidate.is_held(at(31)), "it was given back");
    candidate.saw_nothing(at(32), 0.0);
    assert!(!candidate.is_held(at(60)), "it can't be read");
    candidate.wrote(Ok(Lease { holder: "me".into(), ..Lease::default() }), at(60), at(61), 0.0);
    assert!(candidate.is_held(at(69)) && !candidate.is_held(at(70)));
}

/// Two services with buckets of the same names, on two NATS.
#[test]
fn another_queues_lease_is_taken_when_its_service_is_gone_and_given_up_where_it_lives() {
    let at = Duration::from_secs;
    let of = |holder: &str, renewed: &str| {
        let renewed = Some(renewed.to_owned());
        Some(Lease { holder: holder.into(), renewed, is_anothers: true, ..Lease::default() })
    };
    let mut candidate = Candidate::new("me".into());
    for second in [0, 30, 59] {
        candidate.saw(of("", "1"), at(second), 0.0);
        assert!(!matches!(candidate.step(at(second)), Step::Write(_)), "its next process may come: {second}");
    }
    candidate.saw(of("", "1"), at(60), 0.0);
    assert!(matches!(candidate.step(at(60)), Step::Write(_)) && !candidate.is_anothers());
    let mut candidate = Candidate::new("me".into());
    candidate.saw(of("other", "1"), at(0), 0.0);
    assert!(!candidate.is_anothers(), "it may be long dead");
    candidate.saw(of("other", "2"), at(4), 0.0);
    assert!(candidate.is_anothers());
}

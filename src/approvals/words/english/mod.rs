//! The words of pages in English.

mod refusal;
mod state;

pub(super) use refusal::refused;

use super::{Care, Count, Fixed, PageWords, Reader};
use crate::access::Refused;
use crate::approvals::wrong::Wrong;
use crate::domain::actor::Actor;
use crate::domain::approval::Allows;
use crate::domain::history::Outcome;
use crate::domain::record::Held;
use crate::domain::wording::{counted, somebody};
use crate::message::{English, Phrases as _};
use crate::reconcile::Answer;

const FIXED: Fixed = Fixed {
    to: "to",
    image: "Image",
    digest: "Digest",
    group: "Group",
    why: "Why",
    declared: "Declared",
    asked_as: "Why asked",
    changes: "Changes in the image",
    looked_at: "Looked at",
    owner: "Owner",
    notes: "Notes",
    set_back_by: "Set back by",
    failure: "Failure",
    set_back: "Set back",
    asked: "Asked",
    valid_until: "Valid until",
    approvals: "Approvals",
    state: "State",
    window: "Window",
    alerts: "What nobody should overlook",
    in_version: "in",
    rest: "The rest of it",
    original: "The original",
    allow: "Let it be applied again",
    back_to: "Back to",
    ran_before: "what ran before",
    roll_back: "Roll back",
    outside_window: "Apply it now, outside the window",
    approve: "Approve",
    skip: "Skip this version",
    snooze: "Snooze",
    how_long: "For how long",
    one_day: "1 day",
    seven_days: "7 days",
    thirty_days: "30 days",
    means: "What is skipped is not proposed again, newer versions are. What is snoozed comes back after that time, or before it with a newer version.",
    renew: "Send me a new link",
    resume_title: "Resume automatic updates?",
    resume_lead: "They are stopped everywhere, as two of the last five failed. What would be applied by itself is asked about meanwhile.",
    failed: "Failed",
    resume: "Resume automatic updates",
    list_lead: "Each line has its own page, where it is decided. This list is as it stands now; reload it to see what others have decided.",
    list_lead_over: "Each line has its own page, where it is decided. All that this link was about is decided, or is no longer asked.",
    asked_once_more: "You are asked once more, and see exactly what would be done.",
    never_among: "Major updates, going back, and what is held, put off or outside its window are never among them.",
    all_lead: "This is all that will be done, and nothing else: one after another, each as if it were approved on its own page.",
    all_read: "I have read which workloads change",
    report_lead: "What became of each line. Its own page says how it goes on.",
    did_not_work: "That did not work",
    list_over_title: "This link has expired",
    list_sent_title: "A new link is on its way",
    list_sent_lately_title: "A new link was sent a moment ago",
    whoever_reads: "whoever reads the channel this was sent to",
    not_ticked: "Nothing was done: tick the box first.",
    nothing_together: "Nothing was done: there is nothing here that can be approved together. Open the lines one by one.",
    not_shown: "This page can't be shown now.",
};

impl PageWords for English {
    fn fixed(&self) -> &'static Fixed {
        &FIXED
    }

    fn question(&self, allows: Allows) -> &'static str {
        match allows {
            Allows::Update => "Approve an update?",
            Allows::Held => "Let this version be applied again?",
            Allows::Back => "Go back to the version before?",
        }
    }

    fn title(&self, answer: &Answer) -> &'static str {
        state::title(answer)
    }

    fn message(&self, answer: &Answer, to: Reader) -> String {
        state::message(answer, to)
    }

    fn decided_by(&self, who: &Actor, at: &str) -> String {
        format!("Decided by {}, {at}.", self.actor(who))
    }

    fn approved_by(&self, who: &Actor, at: &str) -> String {
        format!("Approved by {}, {at}.", self.actor(who))
    }

    fn held_since(&self, Held { back_to, since, by, failure, .. }: &Held, to: Reader) -> String {
        let since = to.moment(*since);
        match failure {
            Some(failure) => format!("Went back to {back_to}, {since}: {}", self.broken(failure)),
            None => format!("Set back to {back_to} by {}, {since}.", somebody(by)),
        }
    }

    fn somebody(&self, by: &[String]) -> String {
        somebody(by)
    }

    fn channel(&self, name: &str) -> String {
        format!("the channel {name}")
    }

    fn to_read(&self, allows: Allows, version: &str) -> String {
        match allows {
            Allows::Back => "I have read what this goes back to, and what may be lost by it".to_owned(),
            Allows::Update | Allows::Held => format!("I have read what changes with {version}: this is a major update"),
        }
    }

    fn have_approved(&self, votes: &str) -> String {
        format!("You have approved already, {votes}. It is applied when enough others approve, too.")
    }

    fn place(&self, workload: &str, container: &str, with: &[Box<str>]) -> String {
        let with = if with.is_empty() { String::new() } else { format!(", and with it {}", with.join(", ")) };
        format!("{workload}, container {container}{with}")
    }

    fn group_of(&self, name: &str) -> String {
        format!("{name}: all of these together, in this order, or none")
    }

    fn step_with(&self, from: &str, to: &str, with: &[Box<str>]) -> String {
        let with = if with.is_empty() { String::new() } else { format!(", and with it {}", with.join(", ")) };
        format!("{from} → {to}{with}")
    }

    fn put_off(&self, until: &str) -> String {
        format!("put off until {until}; you can still decide")
    }

    fn window_opens(&self, at: &str) -> String {
        format!("closed; it opens {at}")
    }

    fn written(&self, at: &str) -> String {
        format!("written {at}")
    }

    fn ran(&self, outcome: Outcome) -> &'static str {
        match outcome {
            Outcome::Healthy => "ran well",
            Outcome::Failed => "failed",
            Outcome::RollingOut | Outcome::Replaced | Outcome::Skipped | Outcome::Resumed => "not known how it ran",
        }
    }

    fn changes_data(&self, from: &str, to: &str) -> String {
        format!("{from} changes stored data, say its makers; {to} may not be able to read them")
    }

    fn nothing_happens(&self, holder: &str) -> String {
        format!("You act as {holder}. Nothing happens until you press a button.")
    }

    fn nothing_happens_until(&self, holder: &str, until: &str) -> String {
        format!("{} Valid until {until}.", self.nothing_happens(holder))
    }

    fn acted_as(&self, holder: &str) -> String {
        format!("You acted as {holder}.")
    }

    fn count(&self, count: Count) -> String {
        match count {
            Count::Listed(0) => "Nothing is open".to_owned(),
            Count::Listed(1) => "One update to decide".to_owned(),
            Count::Listed(count) => format!("{count} updates to decide"),
            Count::Questions(1) => "One question to decide".to_owned(),
            Count::Questions(count) => format!("{count} questions to decide"),
            Count::Together(1) => "Approve this update?".to_owned(),
            Count::Together(count) => format!("Approve these {count} updates?"),
            Count::Approved(count, all) => format!("{count} of {all} approved"),
            Count::LeftOut(more) => format!("… and {more} more, which are listed when some of these are decided."),
            Count::Alone(1) => "1 more is not among them: it takes a decision on its own page.".to_owned(),
            Count::Alone(more) => {
                format!("{more} more are not among them: each takes a decision on its own page.")
            }
            Count::NotComeTo(1) => {
                "1 more was not come to in time, or can't be read now; nothing was done about it. Open the list again."
                    .to_owned()
            }
            Count::NotComeTo(more) => format!(
                "{more} more were not come to in time, or can't be read now; nothing was done about them. Open the list again."
            ),
            Count::ButtonOfList(count, all) if count == all => "Approve all of these".to_owned(),
            Count::ButtonOfList(count, _) => format!("Approve {count} of these"),
            Count::ButtonOfAll(1) => "Approve it".to_owned(),
            Count::ButtonOfAll(count) => format!("Approve all {count}"),
        }
    }

    fn care(&self, care: Care<'_>, to: Reader) -> String {
        match care {
            Care::Held => "A version that is held: decide on its own page.".to_owned(),
            Care::Back => "Going back: decide on its own page.".to_owned(),
            Care::Major => "A major update: read it on its own page.".to_owned(),
            Care::PutOff(until) => format!("Put off until {}.", to.moment(until)),
            Care::Declared(kinds) => self.kinds(kinds).unwrap_or_default(),
            Care::YouApproved(given, needed) => format!("You have approved it already, {}.", self.votes(given, needed)),
            Care::Votes(given, needed) => {
                format!("{given} of {}.", counted(needed, "approval", "approvals"))
            }
            Care::Group(name) => format!("With all of the group {name}."),
            Care::With(with) => format!("And with it {}.", with.join(", ")),
            Care::Window(until) => {
                format!("Its window is closed until {}: decide on its own page.", to.moment(until))
            }
        }
    }

    fn before(&self, title: &str) -> String {
        format!("{title}, before")
    }

    fn list_is_over(&self, until: &str, sent_to: Option<&str>) -> String {
        let next = match sent_to {
            Some(to) => format!("People are asked still: a new link can be sent to {to}, where this one went."),
            None => "What is still asked has links in newer messages.".to_owned(),
        };
        format!("It was valid until {until}. Nothing was done. {next}")
    }

    fn is_sent(&self, is_now: bool, to: &str) -> String {
        if is_now {
            format!("It is sent to {to}, and to nobody else.")
        } else {
            format!("It went to {to}. If it does not arrive, try again in ten minutes.")
        }
    }

    fn wrong(&self, wrong: &Wrong) -> String {
        match wrong {
            Wrong::NoForm => "send the form of the page",
            Wrong::NoButton => "choose one of the page's buttons; nothing was done",
            Wrong::NotShown => "say what was shown, as the page does; nothing was done",
            Wrong::NoVersion => "choose one of the versions of the page; nothing was done",
            Wrong::NoLength => "choose one of 1d, 7d, 30d; nothing was done",
            Wrong::ForPeople => "open this link in a browser; nothing was done",
            Wrong::Later => {
                "some workloads can't be read now, and this link may be about one of them: try again in a moment"
            }
            Wrong::TooMany => {
                "too many wrong links from this address; a right one works, if not at once then in a moment"
            }
            Wrong::Person(Refused::NobodySignedIn) => {
                "sign in first: links are opened here by people whom the proxy in front has signed in; nothing was done"
            }
            Wrong::Person(Refused::NoName) => {
                "the proxy in front does not say who you are in a way that can be read; nothing was done"
            }
            Wrong::Person(Refused::Elsewhere) => {
                "this did not come from the page of this link: open the link again, and press its button; nothing was done"
            }
            Wrong::Body(problem) => &problem.detail,
        }
        .to_owned()
    }
}

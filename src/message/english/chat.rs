//! What stands on buttons in a chat, and what is said to who presses them, in English.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::English;
use crate::message::chat::{Buttons, ChatWords, Nothing, Pressed};
use crate::message::phrases::Phrases as _;

impl ChatWords for English {
    fn buttons(&self) -> Buttons {
        Buttons {
            approve: "Approve",
            skip: "Skip this version",
            snooze: "Ask again in 7 days",
            sure: "Approve this update?",
            cancel: "Cancel",
        }
    }

    fn pressed(&self, pressed: &Pressed, zone: Tz) -> String {
        let moment = |at: DateTime<Utc>| self.moment(at, zone);
        let then = |at: &Option<DateTime<Utc>>| at.map(|at| format!(" {}", moment(at))).unwrap_or_default();
        match pressed {
            Pressed::Approved(at, None) => format!("Approved{}", then(at)),
            Pressed::Approved(at, Some(waits)) => {
                format!("Approved{} (its rollout waits: {})", then(at), waits.until())
            }
            Pressed::Skipped(at) => format!("Skipped{}", then(at)),
            Pressed::PutOff(until) => format!("Put off until {}", moment(*until)),
            Pressed::Voted(count, needed) => format!("Approved: {count} of {needed}"),
        }
    }

    fn done_by(&self, what: &str, who: &str) -> String {
        format!("{what}, by {who}")
    }

    fn replaced(&self, by: &str) -> String {
        format!("There is nothing to decide here any more: {by} took its place.")
    }

    fn nothing(&self, why: Nothing) -> &'static str {
        match why {
            Nothing::MayNot => {
                "You may not answer this here: only people whom the configuration of this channel names may. Nothing was done."
            }
            Nothing::UnderWay => "Your answer is under way. What comes of it is said here.",
            Nothing::OneMoreStep => "This update takes one more step: open the link in the message. Nothing was done.",
            Nothing::Unknown => {
                "This button is not known here: it may be too old, or of another image-watcher that shares this app. Nothing was done; the link says more."
            }
            Nothing::Again => "You have approved already. It is applied when enough others approve, too.",
            Nothing::Expired => "Its time is over. Nothing was done; the link in the message can ask for a new one.",
            Nothing::Superseded => "A newer version took its place. Nothing was done.",
            Nothing::Moved => "The tag points to another image now. Nothing was done; you are asked again about it.",
            Nothing::Changed => "The workload is not what it was when you were asked. Nothing was done.",
            Nothing::Over => "There is nothing to decide about this any more. Nothing was done.",
            Nothing::Later => {
                "The registry or the cluster does not answer. Nothing was done, and nothing is lost: press again in a minute."
            }
        }
    }
}

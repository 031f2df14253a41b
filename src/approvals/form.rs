//! The form of the page, as it is sent: what is no button of the page does nothing.

use std::collections::BTreeSet;

use actix_web::HttpRequest;
use actix_web::web::Payload;

use super::wrong::Wrong;
use crate::domain::actor::SignedIn;
use crate::domain::answer::Action;
use crate::domain::approval::ApprovalId;
use crate::domain::history::Choice;
use crate::listener::{Bodies, Form, FormError, TwoValues};
use crate::reconcile::Press;

/// The largest form that is read.
const MOST_BYTES: usize = 4096;

/// The same of a list: the names of all that it lists.
const MOST_BYTES_OF_A_LIST: usize = 20 * 1024;

/// What is pressed on the page of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ListPress {
    /// To see what would be approved together.
    All,
    /// A new link in the place of one whose time is over.
    Renew,
    /// To approve these, which were shown.
    ApproveAll {
        /// Their names.
        ids: Vec<ApprovalId>,
        /// Whether the box was ticked.
        is_confirmed: bool,
    },
}

/// Reads what is pressed, by whom.
pub(super) async fn read(
    bodies: &Bodies,
    request: &HttpRequest,
    payload: &mut Payload,
    by: Option<SignedIn>,
) -> Result<Press, Wrong> {
    let form = Form::read(bodies, request, payload, MOST_BYTES).await?;
    Ok(Press { by, ..press(&form)? })
}

/// Reads what is pressed on the page of a list.
pub(super) async fn read_list(
    bodies: &Bodies,
    request: &HttpRequest,
    payload: &mut Payload,
) -> Result<ListPress, Wrong> {
    list_press(&Form::read(bodies, request, payload, MOST_BYTES_OF_A_LIST).await?)
}

impl From<FormError> for Wrong {
    fn from(error: FormError) -> Self {
        match error {
            FormError::NoForm => Self::NoForm,
            FormError::Unread(problem) => problem.into(),
        }
    }
}

fn list_press(form: &Form) -> Result<ListPress, Wrong> {
    let word = form.single("action").map_err(|TwoValues| Wrong::NoButton)?;
    match word {
        Some("all") => Ok(ListPress::All),
        Some("renew") => Ok(ListPress::Renew),
        Some("approve-all") => {
            let of = form.single("of").map_err(|TwoValues| Wrong::NotShown)?.unwrap_or_default();
            let ids: Option<BTreeSet<ApprovalId>> = of.split('.').map(ApprovalId::parse).collect();
            let ids: Vec<ApprovalId> = ids.ok_or(Wrong::NotShown)?.into_iter().collect();
            Ok(ListPress::ApproveAll { ids, is_confirmed: form.says("read", "yes") })
        }
        _ => Err(Wrong::NoButton),
    }
}

fn press(form: &Form) -> Result<Press, Wrong> {
    let action = match form.single("action") {
        Ok(Some(word)) => Action::parse(word).ok_or(Wrong::NoButton)?,
        _ => return Err(Wrong::NoButton),
    };
    let action = match action {
        Action::Approve if form.says("window", "override") => Action::ApproveOutsideWindow,
        action => action,
    };
    let is_confirmed = form.says("read", "yes");
    Ok(match action {
        Action::Rollback => Press { to: choice(form)?, is_confirmed, ..Press::of(action) },
        Action::Snooze => Press { length: length(form)?, is_confirmed, ..Press::of(action) },
        _ => Press { is_confirmed, ..Press::of(action) },
    })
}

/// The version that was chosen, if one was: nothing else is ever taken for one.
fn choice(form: &Form) -> Result<Option<Choice>, Wrong> {
    match form.single("to").map_err(|TwoValues| Wrong::NoVersion)? {
        None => Ok(None),
        Some(text) => Choice::parse(text).map(Some).ok_or(Wrong::NoVersion),
    }
}

/// For how long: a week where nothing is said.
fn length(form: &Form) -> Result<chrono::TimeDelta, Wrong> {
    match form.single("for").map_err(|TwoValues| Wrong::NoLength)? {
        None => Ok(Press::WEEK),
        Some(word) => Press::length(word).ok_or(Wrong::NoLength),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;

    use super::*;

    #[test]
    fn nothing_but_a_button_is_one() {
        let pressed =
            |body: &str| press(&Form::parse(body.as_bytes())).map(|press| press.action).map_err(|wrong| wrong.status());
        assert_eq!(pressed("action=approve"), Ok(Action::Approve));
        assert_eq!(pressed("window=override&action=approve"), Ok(Action::ApproveOutsideWindow));
        assert_eq!(pressed("action=renew"), Ok(Action::Renew));
        for wrong in [
            "",
            "action=",
            "action=aprove",
            "action=approve&action=skip",
            "action=Approve",
            "approve",
            "Action=approve",
        ] {
            assert_eq!(pressed(wrong), Err(StatusCode::BAD_REQUEST), "{wrong}");
        }
    }

    #[test]
    fn a_length_is_one_of_the_page_or_a_week() {
        let days = |body: &str| {
            press(&Form::parse(body.as_bytes())).map(|press| press.length.num_days()).map_err(|it| it.status())
        };
        assert_eq!(
            ["action=snooze", "action=snooze&for=1d", "for=30d&action=snooze"].map(days),
            [Ok(7), Ok(1), Ok(30)]
        );
        for wrong in ["action=snooze&for=", "action=snooze&for=90d", "action=snooze&for=1d&for=7d"] {
            assert_eq!(days(wrong), Err(StatusCode::BAD_REQUEST), "{wrong}");
        }
        assert_eq!(days("action=skip&for=1d"), Ok(7), "it is of no matter for another button");
    }

    #[test]
    fn what_was_read_is_said_in_one_way() {
        let read = |body: &str| press(&Form::parse(body.as_bytes())).unwrap().is_confirmed;
        assert!(read("action=approve&read=yes"));
        assert!(!["action=approve", "action=approve&read=", "action=approve&read=on"].map(read).contains(&true));
    }

    #[test]
    fn a_list_is_approved_as_it_was_shown_or_not_at_all() {
        let pressed = |body: &str| list_press(&Form::parse(body.as_bytes())).map_err(|wrong| wrong.status());
        let ids = ["apr_01JGJ0EZ8M3C9S6D4K2P7Q1R0T", "apr_01JGJ0EZ8M3C9S6D4K2P7Q1R0V"];
        let all = |is_confirmed| {
            Ok(ListPress::ApproveAll { ids: ids.map(|id| ApprovalId::parse(id).unwrap()).into(), is_confirmed })
        };
        let of = ids.join(".");
        assert_eq!(pressed("action=all"), Ok(ListPress::All));
        assert_eq!(pressed(&format!("action=approve-all&of={of}")), all(false));
        assert_eq!(pressed(&format!("action=approve-all&read=yes&of={of}.{}", ids[0])), all(true), "each once");
        let twice = format!("action=approve-all&of={of}&of={of}");
        for wrong in
            ["", "action=approve", "action=all&action=all", "action=approve-all", "action=approve-all&of=apr_1", &twice]
        {
            assert_eq!(pressed(wrong), Err(StatusCode::BAD_REQUEST), "{wrong}");
        }
        let most = vec![ids[0]; crate::domain::listing::MOST_LISTED].join(".");
        assert!(format!("action=approve-all&read=yes&of={most}").len() < MOST_BYTES_OF_A_LIST);
    }
}

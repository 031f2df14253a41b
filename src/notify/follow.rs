//! One update is one message, where a service can change what was posted: it is written anew as the update goes on, and
//! what people have to hear of is said below it.

use serde::{Deserialize, Serialize};

use super::attempt::{Attempt, Refusal};
use super::service::{Answered, Sending, Service, Style, post};
use crate::domain::event::{Notice, NoticeKind};
use crate::domain::press::Posted;
use crate::outbound::Client;

/// An attempt, and where the message stands that it posted.
#[derive(Debug)]
pub struct Sent<R = String> {
    /// How it ended.
    pub attempt: Attempt<R>,
    /// Where it stands, if it is to be changed when the update goes on.
    pub posted: Option<Posted>,
}

/// What is to be done in a service that can change what was posted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn<'t> {
    /// The message about the same update, where there is one.
    pub(super) before: Option<&'t Posted>,
    /// Whether the channel is told of this, and not only shows it in what was posted.
    pub(super) is_news: bool,
}

/// What is kept of a message, by the service that has it.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct KeptMessage {
    pub(super) home: String,
    pub(super) posted: Posted,
}

/// Whether an update goes on by this, so that the message which asked about it changes.
pub(super) fn goes_on(notice: &Notice) -> bool {
    match notice.kind {
        NoticeKind::Available
        | NoticeKind::Granted
        | NoticeKind::Skipped
        | NoticeKind::Applied
        | NoticeKind::Failed
        | NoticeKind::Stalled
        | NoticeKind::RolledBack => !notice.is_passed_over(),
        NoticeKind::Held | NoticeKind::Gone | NoticeKind::Stopped => false,
    }
}

/// One attempt: the message is posted; or what was posted is written anew, and what is news is said below it too.
pub(super) async fn attempt(
    service: &dyn Service,
    client: &Client,
    sending: &Sending<'_>,
    turn: Turn<'_>,
) -> Sent<Refusal> {
    match (service.answered(), turn.before) {
        (Some(app), Some(before)) => go_on((service, app), client, sending, (before, turn.is_news)).await,
        // There is nothing to show it in, and nobody asked to hear of it.
        _ if !turn.is_news => Sent { attempt: Attempt::Delivered, posted: None },
        (app, _) => anew((service, app), client, sending).await,
    }
}

async fn anew(
    (service, app): (&dyn Service, Option<&dyn Answered>),
    client: &Client,
    sending: &Sending<'_>,
) -> Sent<Refusal> {
    let (attempt, answer) = post(service, client, service.request(sending), sending.now).await;
    let is_posted = attempt == Attempt::Delivered;
    let posted = app.zip(answer).filter(|_| is_posted).and_then(|(app, answer)| app.posted(&answer));
    Sent { attempt, posted }
}

/// The edit comes first, as it may be repeated: an attempt that fails after it says nothing twice.
async fn go_on(
    (service, app): (&dyn Service, &dyn Answered),
    client: &Client,
    sending: &Sending<'_>,
    (before, is_news): (&Posted, bool),
) -> Sent<Refusal> {
    let (edited, answer) = post(service, client, app.anew(sending, before), sending.now).await;
    let is_out_of_reach = answer.is_some_and(|answer| app.is_out_of_reach(&answer));
    let is_over = match &edited {
        Attempt::Delivered => !is_news,
        Attempt::TooRich { .. } => sending.style == Style::Rich,
        // What can't be changed is said below it instead.
        Attempt::GaveUp { .. } => false,
        Attempt::Retry { .. } | Attempt::Busy { .. } | Attempt::Refused { .. } | Attempt::Gone { .. } => {
            !is_out_of_reach
        }
    };
    if is_over {
        return Sent { attempt: edited, posted: None };
    }
    let (attempt, answer) = post(service, client, app.follow(sending, before), sending.now).await;
    if answer.is_some_and(|answer| app.is_out_of_reach(&answer)) {
        // What it would stand below is gone, too.
        return anew((service, Some(app)), client, sending).await;
    }
    Sent { attempt, posted: None }
}

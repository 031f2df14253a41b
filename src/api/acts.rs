//! What somebody does by a route of the API or a form of the page: the same either way.

use actix_web::http::StatusCode;

use super::answer::shortened;
use super::deliveries::{Opened, acted_on, refused};
use super::{Api, Decided, Decision};
use crate::access::Visitor;
use crate::domain::actor::Actor;
use crate::domain::answer::Action;
use crate::domain::near::did_you_mean;
use crate::listener::Problem;
use crate::queue::Letters;
use crate::reconcile::ResumeError;

impl<Q> Api<Q> {
    /// Carries out what somebody decides.
    ///
    /// # Errors
    /// 403 for who may only see, 404 for a new link, which is no decision, and for a workload that is not watched, 400 for what can't be read.
    pub async fn act(
        &self,
        visitor: &Visitor,
        of: &(String, String, String),
        action: Action,
        decision: &Decision,
    ) -> Result<Decided, Problem> {
        visitor.may_decide()?;
        if action == Action::Renew {
            return Err(Problem::NOTHING);
        }
        let press = decision.how.press(action, visitor)?;
        self.decide(of, &decision.seen, &press).await
    }

    /// Automatic updates are applied again, in somebody's name.
    ///
    /// # Errors
    /// 409 in a dry run; 503, where that can't be remembered.
    pub async fn resume_updates(&self, by: Actor) -> Result<(), Problem> {
        match self.sequencer.resume(by, self.ambient.trace_id()).await {
            Ok(_) => Ok(()),
            Err(ResumeError::DryRun) => Err(Problem::new(
                StatusCode::CONFLICT,
                "automatic updates stay stopped, as image-watcher runs as a dry run (IMAGE_WATCHER_DRY_RUN), which decides nothing",
            )),
            Err(ResumeError::Queue(error)) => {
                tracing::warn!(error = %crate::telemetry::chain(&error), "automatic updates stay stopped, as it can't be remembered that they are resumed");
                Err(Problem::later("it can't be remembered now that automatic updates are resumed; ask again"))
            }
        }
    }
}

impl<Q: Letters> Api<Q> {
    /// A message that was given up is sent again.
    ///
    /// # Errors
    /// 404, where there is none; 409, where it was not given up, or its channel is not there any more; 503, where it can't be done now.
    pub async fn send_again(&self, id: &str, visitor: Option<&Visitor>) -> Result<(), Problem> {
        let found = self.queue.letter(id).await.map_err(|error| refused(&error, "messages can't be read now"))?;
        if let Some(letter) = found {
            is_there(&letter.channel, self.bounds.channels.as_deref())
                .map_err(|problem| Problem { status: StatusCode::CONFLICT, ..problem })?;
        }
        let acted = self.queue.send_again(id).await;
        acted_on(acted.map_err(|error| refused(&error, "the message can't be sent again now"))?)?;
        let by = actor(visitor, "image-watcher deliveries retry");
        tracing::info!(delivery_id = id, %by, "a dead letter is sent again, as somebody asked for it");
        Ok(())
    }

    /// It is thrown away.
    ///
    /// # Errors
    /// The same.
    pub async fn throw_away(&self, id: &str, visitor: Option<&Visitor>) -> Result<(), Problem> {
        let acted = self.queue.discard(id).await;
        acted_on(acted.map_err(|error| refused(&error, "the message can't be thrown away now"))?)?;
        let by = actor(visitor, "image-watcher deliveries discard");
        tracing::info!(delivery_id = id, %by, "a dead letter is thrown away, as somebody asked for it");
        Ok(())
    }

    /// Lets the next message try a channel that was closed, as somebody knows that it works, and what failed there is tried without
    /// more waiting.
    ///
    /// # Errors
    /// 404, where there is no such channel; 503, where that can't be done now.
    pub async fn open_channel(&self, channel: &str, visitor: Option<&Visitor>) -> Result<Opened, Problem> {
        let opened = self.opened(channel).await?;
        let by = actor(visitor, "image-watcher notify-test");
        let Opened { hastened, was_closed, .. } = opened;
        tracing::info!(channel, %by, hastened, was_closed, "a channel is tried at once, as a message arrived there");
        Ok(opened)
    }

    /// All that a channel gave up is sent again, and what failed there is tried without more waiting.
    ///
    /// # Errors
    /// 404, where there is no such channel; 503, where that can't be done now.
    pub async fn send_all_again(&self, channel: &str, visitor: Option<&Visitor>) -> Result<Opened, Problem> {
        let Opened { hastened, was_closed, .. } = self.opened(channel).await?;
        let sent = self.queue.send_all_again(channel).await;
        let sent = sent.map_err(|error| refused(&error, "not all of the channel's messages can be sent again now"))?;
        let by = actor(visitor, "image-watcher deliveries retry");
        tracing::info!(channel, %by, messages = sent, hastened, was_closed, "a channel's dead letters are sent again, as somebody asked for it");
        Ok(Opened { sent, hastened, was_closed })
    }

    async fn opened(&self, channel: &str) -> Result<Opened, Problem> {
        is_there(channel, self.bounds.channels.as_deref())?;
        let was_closed = (self.reopen)(channel);
        let hastened = self.queue.hasten(channel).await;
        let hastened =
            hastened.map_err(|error| refused(&error, "what waits for the channel can't be tried at once now"))?;
        Ok(Opened { sent: 0, hastened, was_closed })
    }
}

/// Whether there is a channel of this name, as far as that is known: to one that was removed nothing is sent.
fn is_there(channel: &str, all: Option<&[String]>) -> Result<(), Problem> {
    match all {
        Some(all) if !all.iter().any(|name| name == channel) => {
            let known =
                if all.is_empty() { "none is configured".to_owned() } else { format!("there are: {}", all.join(", ")) };
            let near = did_you_mean(all.iter().map(String::as_str), channel);
            let detail = format!("there is no channel {:?}; {known}{near}", shortened(channel));
            Err(Problem { status: StatusCode::NOT_FOUND, detail: detail.into(), retry_after: None })
        }
        _ => Ok(()),
    }
}

/// Whoever signed in, or this command in the pod.
fn actor(visitor: Option<&Visitor>, command: &str) -> Actor {
    visitor.map_or_else(|| Actor::Program(command.to_owned()), |visitor| visitor.who.alone().actor())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fault x24-12 b: a name that is misspelt in a runbook's command is no «all is well».
    #[test]
    fn nothing_is_sent_again_to_a_channel_that_is_not_there() {
        let all = ["email".to_owned(), "ops".to_owned()];
        let nope = is_there("nope", Some(&all)).unwrap_err();
        assert_eq!(
            (nope.status, &*nope.detail),
            (StatusCode::NOT_FOUND, "there is no channel \"nope\"; there are: email, ops")
        );
        assert!(is_there("ops", Some(&all)).is_ok() && is_there("ops", None).is_ok());
    }
}

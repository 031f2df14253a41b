//! What is said in a chat to the press of a button: in the message, below it, or to whoever pressed alone.

use std::sync::Arc;
use std::time::Duration;

use super::Channels;
use super::service::{Answered, Request, Service, at, body_of};
use crate::domain::press::{Place, Saying};
use crate::domain::release::Language;
use crate::outbound::Client;
use crate::telemetry::chain;

const DEADLINE: Duration = Duration::from_secs(10);

/// A channel whose messages have buttons: its name, its service, and the language of what it says.
pub type Chat = (String, Arc<dyn Service>, Language);

/// Answers in the channels whose messages have buttons.
#[derive(Debug)]
pub struct Replies {
    client: Client,
    chats: Vec<Chat>,
    channels: Arc<Channels>,
}

impl Replies {
    /// Answers in these chats, by what their channels show there now.
    #[must_use]
    pub fn new(client: Client, chats: Vec<Chat>, channels: Arc<Channels>) -> Self {
        Self { client, chats, channels }
    }

    /// Says something. What can't be said is logged: what was decided stands in the workload's history, too.
    pub async fn say(&self, channel: &str, place: &Place, saying: &Saying) {
        let found = self.chats.iter().find(|(name, ..)| name == channel);
        let Some((_, first, language)) = found else { return };
        let (service, language) = (self.channels.service(channel).unwrap_or_else(|| Arc::clone(first)), *language);
        let Some(app) = service.answered() else { return };
        match saying {
            Saying::Aside(text) => self.post(channel, "aside", app.aside(place, text)).await,
            Saying::Below(text, by) => {
                self.heard(channel, app, place).await;
                self.post(channel, "below", app.below(place, text, by, language)).await;
            }
            Saying::Settled(text, by) => {
                self.heard(channel, app, place).await;
                self.post(channel, "settled", app.settled(place, text, by, language)).await;
                // An edit notifies nobody, and may be refused: the message may be gone or too old.
                self.post(channel, "below", app.below(place, text, by, language)).await;
            }
        }
    }

    /// Ends the waiting of whoever pressed, where the service shows that it waits.
    async fn heard(&self, channel: &str, app: &dyn Answered, place: &Place) {
        if let Some(request) = app.heard(place) {
            self.post(channel, "heard", Some(request)).await;
        }
    }

    async fn post(&self, channel: &str, what: &str, request: Option<Request>) {
        let Some(request) = request else {
            tracing::warn!(channel, what, "there is nowhere to say what came of a button");
            return;
        };
        match request.send(&self.client, DEADLINE).await {
            Err(error) => {
                tracing::warn!(channel, what, error = %chain(&error), "what came of a button was not told");
            }
            Ok(answer) => {
                let said = body_of(&answer);
                let is_taken = answer.status.is_success() && *at(&said, "/ok") != false;
                if !is_taken {
                    let words = at(&said, "/error").as_str().or(at(&said, "/description").as_str());
                    let reason: String = words.unwrap_or_default().chars().take(60).collect();
                    let status = answer.status.as_u16();
                    tracing::warn!(channel, what, status, reason, "the chat refuses to show what came of a button");
                }
            }
        }
    }
}

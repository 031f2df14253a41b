//! Opens the doors by which presses of buttons come in, with the tasks that carry presses out and answer them.

use std::sync::Arc;

use actix_web::web::Data;
use chrono::TimeDelta;
use url::Url;

use super::{Doors, Say, SlackDoor, TelegramDoor, Tray, Voice, answer_stored};
use crate::ambient::Ambient;
use crate::cluster::{Cluster, Scopes};
use crate::domain::retry::Backoff;
use crate::domain::rotating::Rotating;
use crate::domain::secret::Secret;
use crate::listener::Bodies;
use crate::notify::{Answered, Channels, Chat, DeskOf, Replies, keep_hooking};
use crate::outbound::Client;
use crate::queue::worker::{Pace, work};
use crate::queue::{Leased, Queue, Records, Sharing, Topic};
use crate::reconcile::Reconciler;
use crate::registry::Registry;
use crate::stop::Stop;
use crate::task::Task;
use crate::term::Holding;

/// Bytes of the presses of Telegram's buttons at once: of those that showed its secret.
const BYTES: u32 = 1024 * 1024;
/// Presses that are answered at once.
const AT_ONCE: usize = 4;

/// What doors are opened with.
pub struct Opening<Q, R, C> {
    /// The channels whose messages have buttons.
    pub chats: Vec<Chat>,
    /// What Slack signs by.
    pub slack_secret: Option<Rotating<Secret>>,
    /// The channels, for the languages and zones that they speak in.
    pub channels: Arc<Channels>,
    /// Reaches the chats.
    pub client: Client,
    /// Where this service is reached, which Telegram has to be told.
    pub base_url: Option<Url>,
    /// Stores presses.
    pub queue: Q,
    /// Carries them out.
    pub reconciler: Reconciler<Q, R, C>,
    /// Before the first lists no button is known.
    pub scopes: Scopes,
    /// Whether this replica tells Telegram.
    pub holding: Holding,
    /// Clock and chance.
    pub ambient: Ambient,
    /// Raised when the process is to end.
    pub stop: Stop,
}

impl<Q, R, C> std::fmt::Debug for Opening<Q, R, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opening")
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Opening<Q, R, C> {
    /// The doors, where somebody may press something, and what has to run for them.
    #[must_use]
    pub fn doors(self) -> (Doors, Vec<Task>) {
        if self.chats.is_empty() {
            return (Doors::default(), Vec::new());
        }
        let (mut desks, mut bots) = (Vec::new(), Vec::new());
        for (name, service, _) in &self.chats {
            match service.answered().and_then(Answered::desk) {
                Some(DeskOf::Slack(desk)) => desks.push((name.clone(), desk.clone())),
                Some(DeskOf::Telegram(bot)) => bots.push((name.clone(), bot.clone())),
                None => {}
            }
        }
        let mut tasks = self.hooking();
        let (tray, answering) = self.answering();
        tasks.extend(answering);
        let slack = self
            .slack_secret
            .clone()
            .map(|secret| Data::new(SlackDoor::new(secret, desks, self.ambient.clone(), tray.clone())));
        let telegram = (!bots.is_empty()).then(|| Data::new(TelegramDoor::new(bots, Bodies::new(BYTES), tray)));
        (Doors { slack, telegram }, tasks)
    }

    /// Who tells chats where presses come in.
    fn hooking(&self) -> Vec<Task> {
        let Some(base) = &self.base_url else { return Vec::new() };
        let hook = |(name, service, _): &Chat| {
            let (told, client) = ((name.clone(), Arc::clone(service)), self.client.clone());
            let (base, ambient) = (base.clone(), self.ambient.clone());
            let hook = move |term| keep_hooking(told.clone(), client.clone(), base.clone(), ambient.clone(), term);
            self.holding.alone("hook", hook)
        };
        self.chats.iter().map(hook).collect()
    }

    /// Where presses are stored, and who carries them out and answers them.
    fn answering(&self) -> (Tray, [Task; 2]) {
        let (tray, strangers) = Tray::in_queue(self.queue.clone(), self.ambient.clone());
        let replies = Arc::new(Replies::new(self.client.clone(), self.chats.clone(), Arc::clone(&self.channels)));
        let say: Say = Arc::new(move |channel, place, saying| {
            let replies = Arc::clone(&replies);
            Box::pin(async move { replies.say(&channel, &place, &saying).await })
        });
        let channels = Arc::clone(&self.channels);
        let voice: Voice = Arc::new(move |name| {
            channels.find(name).map_or_else(Default::default, |it| (it.scope().language, it.scope().zone))
        });
        let strangers = strangers.keep_telling(Arc::clone(&say), Arc::clone(&voice), self.stop.clone());
        let (reconciler, ambient) = (self.reconciler.clone(), self.ambient.clone());
        let handler = move |leased: Leased| {
            let (reconciler, ambient) = (reconciler.clone(), ambient.clone());
            let (say, voice) = (Arc::clone(&say), Arc::clone(&voice));
            async move { Box::pin(answer_stored(&reconciler, (&say, &voice), &ambient, &leased.job)).await }
        };
        let pace = Pace { backoff: Backoff::seconds(1, 60, 2), longest: TimeDelta::hours(1) };
        let (queue, ambient, stop) = (self.queue.clone(), self.ambient.clone(), self.stop.clone());
        let (scopes, mut ending) = (self.scopes.clone(), self.stop.clone());
        let presses = async move {
            if scopes.begun(&mut ending).await {
                work(queue, Topic::Press, (pace, Sharing::in_order(AT_ONCE)), ambient, stop, handler).await;
            }
        };
        (tray, [Task::new("strangers", strangers), Task::new("presses", presses)])
    }
}

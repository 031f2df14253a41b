//! Opens the queue where the configuration says that it is.

use super::Config;
use crate::ambient::Ambient;
use crate::listener::{Places, WaitingRoom, WaitingRoomError};
use crate::outbound::OutboundError;
use crate::queue::{NoQueue, StoreHandle};
use crate::stop::Signals;
use crate::telemetry::chain;

/// Why there is no queue to work with.
#[derive(Debug, thiserror::Error)]
pub enum OpenQueueError {
    /// TLS can't be set up.
    #[error("the queue can't be opened")]
    Outbound(#[from] OutboundError),
    /// It is not there, and waiting does not mend that.
    #[error(transparent)]
    Queue(#[from] NoQueue),
    /// Nobody can be answered meanwhile.
    #[error(transparent)]
    Room(#[from] WaitingRoomError),
}

impl Config {
    /// What keeps the queue, and all that is remembered beside it; nothing when the process is told to end before it is there. While
    /// it is waited for the process lives and says so on both listeners, and whoever brings something is told to come again.
    ///
    /// # Errors
    /// [`OpenQueueError`]
    pub async fn open_queue(
        &self,
        (public, private): (Places, Places),
        ambient: &Ambient,
        signals: &mut Signals,
    ) -> Result<Option<StoreHandle>, OpenQueueError> {
        let Some(settings) = self.queue.nats(|| self.outbound())? else {
            return Ok(signals.unless_told(StoreHandle::in_folder(&self.data, ambient)).await.transpose()?);
        };
        let first = match signals.unless_told(StoreHandle::in_nats(settings.clone(), ambient)).await {
            None => return Ok(None),
            Some(Ok(queue)) => return Ok(Some(queue)),
            Some(Err(error)) if error.passes() => error,
            Some(Err(error)) => return Err(error.into()),
        };
        let why = chain(&first).to_string();
        let room = WaitingRoom::open((&self.public, public), (&self.private, private), why)?;
        let when_there = StoreHandle::in_nats_when_there(settings, ambient, first, |why| room.say(why));
        let opened = signals.unless_told(when_there).await;
        room.close().await;
        Ok(opened.transpose()?)
    }
}

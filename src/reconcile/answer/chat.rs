//! The link beside a button that was pressed in a chat.

use crate::cluster::Cluster;
use crate::domain::approval::Token;
use crate::domain::press::Button;
use crate::queue::{Queue, Records};
use crate::reconcile::{Reconciler, StepError};
use crate::registry::Registry;

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// The token of the link that stood beside a button, where one of these held it: it is made again of what is recorded
    /// now, so that of a record which is not what was shown nothing is found.
    ///
    /// # Errors
    /// When what is known can't be read now.
    pub async fn token_beside(&self, button: &Button, holders: &[String]) -> Result<Option<Token>, StepError> {
        for workload in self.naming(button.approval()) {
            let draft = self.draft(workload).await?;
            let Some((container, known)) = draft.record.find(button.approval()) else { continue };
            let approval = known.terms().approval(&draft.workload.id, container);
            let tokens = holders.iter().filter_map(|one| approval.token(&self.0.keys, one, self.0.ambient.now()));
            if let Some(token) = tokens.filter(|token| button.is_beside(token)).find_map(|token| Token::parse(&token)) {
                return Ok(Some(token));
            }
        }
        Ok(None)
    }
}

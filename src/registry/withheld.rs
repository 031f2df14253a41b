//! A version that its registry lists and refuses, told from a credential that is no good.
//!
//! Scanners and quarantines before a registry answer for what they hold back with a 403, 404, 410, 412 or 451, as is answered to
//! whoever may not read the repository. Who is given the list by the same host, at the same moment, may read it.

use reqwest::Method;

use super::client::HttpRegistry;
use super::questions::Ask;
use super::refused::words;
use super::wire::{JSON, MANIFESTS, Question};
use super::{Credential, Refusal, RegistryError};
use crate::domain::policy::{Refused, Withheld};
use crate::domain::reference::{Repository, Tag};

/// The statuses that hold one version back.
const OF_ONE_VERSION: [u16; 5] = [403, 404, 410, 412, 451];

/// How a version is refused to who is given the list; nothing where that is not why.
struct Why<'q>(&'q Tag);

impl Ask for Why<'_> {
    type Answer = Option<Refused>;
    const OPERATION: &'static str = "digest";
    const ACCEPT: &'static str = MANIFESTS;

    async fn ask(
        &self,
        registry: &HttpRegistry,
        question: Question<'_>,
        _: bool,
    ) -> Result<Option<Refused>, RegistryError> {
        let (url, mut patience) = (registry.url(question, &format!("manifests/{}", self.0))?, registry.patience());
        let asked = Question { takes_refusal: true, ..question };
        let answer = registry.ask(Method::GET, &url, asked, &mut patience).await?;
        let status = answer.status().as_u16();
        if !OF_ONE_VERSION.contains(&status) {
            answer.finish(&mut patience).await;
            return Ok(None);
        }
        let said = words(answer, question.credential, &mut patience).await.map(String::from);
        registry.has_list(Question { operation: "tags", accept: JSON, ..question }).await?;
        Ok(Some(Refused { status, said }))
    }

    fn is_found(answer: &Option<Refused>) -> bool {
        answer.is_some()
    }
}

impl HttpRegistry {
    /// Why a tag has no answer: it alone is refused, or what was found before.
    pub(super) async fn or_withheld(
        &self,
        error: RegistryError,
        repository: &Repository,
        tag: &Tag,
        credential: &Credential,
    ) -> RegistryError {
        if !may_be_of_one_version(&error) {
            return error;
        }
        match self.ask_itself(repository, credential, &Why(tag)).await {
            Ok(Some(refused)) => {
                let withheld = Withheld { tag: tag.to_string(), refused };
                RegistryError::Withheld { host: repository.host().to_owned(), withheld }
            }
            Ok(None) => error,
            // What is asked for its head alone comes without words.
            Err(other) => error.saying_as(other),
        }
    }
}

/// Whether somebody was let in no further than here, or got another status than those of an answer.
fn may_be_of_one_version(error: &RegistryError) -> bool {
    match error {
        RegistryError::RefusedForNow(error) => may_be_of_one_version(error),
        RegistryError::UnknownRepository { status, .. } => *status == 404,
        RegistryError::Unauthorized { refusal, .. } => matches!(refusal, Refusal::Forbidden | Refusal::NoCredential),
        RegistryError::Status { status, .. } => OF_ONE_VERSION.contains(status),
        _ => false,
    }
}

//! What people are asked, all of it.

use serde::Serialize;

use super::{ContainerView, QuestionView, WorkloadView};

/// A page of questions, by namespace, kind, name and container.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct QuestionsView {
    /// `image-watcher/questions/v1`
    pub schema: &'static str,
    /// The questions.
    pub items: Vec<QuestionItem>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// A question, and what it is about.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct QuestionItem {
    /// Where the workload is.
    pub namespace: String,
    /// Its kind, as in manifests.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The container.
    pub container: String,
    /// Its image, as it is written.
    pub image: String,
    /// The tag that runs, where the image can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<String>,
    /// What is asked.
    pub question: QuestionView,
}

impl QuestionItem {
    /// That of a container, where something is asked of it.
    pub(crate) fn of(workload: &WorkloadView, container: &ContainerView) -> Option<Self> {
        Some(Self {
            namespace: workload.namespace.clone(),
            kind: workload.kind,
            name: workload.name.clone(),
            container: container.name.clone(),
            image: container.image.clone(),
            running: container.running.as_ref().and_then(|running| running.tag.clone()),
            question: container.question.clone()?,
        })
    }
}

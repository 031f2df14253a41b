//! What people are told, as data: words are made of it where a message is sent.
//!
//! These types are a format of stored rows: fields are only added, with a default.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::actor::Actor;
use super::approval::{Allows, Approval, ApprovalRef, Terms, crockford};
use super::declared::Declared;
use super::fleet::{Asks, Link};
use super::gone::Lost;
use super::grounds::Grounds;
use super::group::Plan;
use super::owner::OwnerView;
use super::preflight::{Preflight, Unfit};
use super::rollout::Account;
use super::rollout::obstacle::InTheWay;
use super::rollout::pods::Reason;
use super::votes::Approvals;
use super::workload::{Origin, WorkloadId};

/// A message of so many bytes is kept beside what it is made of.
const MOST_KEPT_TWICE: usize = 400;

/// So often at most people are reminded of what nobody answers.
pub const MOST_REMINDERS: u8 = 3;

/// What people are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NoticeKind {
    /// There is something newer, and a person is asked.
    #[serde(rename = "update.available")]
    Available,
    /// A person said yes.
    #[serde(rename = "approval.granted")]
    Granted,
    /// A person said: not this version.
    #[serde(rename = "update.skipped")]
    Skipped,
    /// The rollout is healthy.
    #[serde(rename = "update.applied")]
    Applied,
    /// The rollout is not.
    #[serde(rename = "update.failed")]
    Failed,
    /// The rollout stands still, and nothing but people will end that.
    #[serde(rename = "update.stalled")]
    Stalled,
    /// The workload runs again what it ran before the update.
    #[serde(rename = "update.rolled_back")]
    RolledBack,
    /// Somebody set a version back, and it is held.
    #[serde(rename = "update.held")]
    Held,
    /// What runs is gone from its registry.
    #[serde(rename = "image.gone")]
    Gone,
    /// Automatic updates are stopped everywhere.
    #[serde(rename = "updates.stopped")]
    Stopped,
}

impl NoticeKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Available,
        Self::Granted,
        Self::Skipped,
        Self::Applied,
        Self::Failed,
        Self::Stalled,
        Self::RolledBack,
        Self::Held,
        Self::Gone,
        Self::Stopped,
    ];

    /// Whether it tells how an update ended.
    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(self, Self::Applied | Self::Failed | Self::RolledBack)
    }

    /// Reads an event type.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The event type on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "update.available",
            Self::Granted => "approval.granted",
            Self::Skipped => "update.skipped",
            Self::Applied => "update.applied",
            Self::Failed => "update.failed",
            Self::Stalled => "update.stalled",
            Self::RolledBack => "update.rolled_back",
            Self::Held => "update.held",
            Self::Gone => "image.gone",
            Self::Stopped => "updates.stopped",
        }
    }
}

/// One end of an update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageView {
    /// `host/path`.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// The digest, when it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// The approval that a message is about. No secret: the link is made when the message is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalView {
    /// Its id.
    pub id: String,
    /// The key that signs its links.
    pub key: String,
    /// Until when.
    pub expires: DateTime<Utc>,
    /// See [`super::approval::Approval::nonce`].
    pub nonce: String,
    /// The running image as written.
    pub from_image: String,
    /// What can be answered.
    #[serde(default)]
    pub allows: Allows,
}

impl From<&Terms> for ApprovalView {
    fn from(terms: &Terms) -> Self {
        Self {
            id: terms.id.to_string(),
            key: terms.key.to_string(),
            expires: terms.expires(),
            nonce: terms.nonce.clone(),
            from_image: terms.from.clone(),
            allows: terms.allows,
        }
    }
}

/// What a message offers its reader to answer.
#[derive(Clone, Debug)]
pub enum Offer {
    /// A question about one update.
    Question(Box<Approval>),
    /// That automatic updates are applied again.
    Resume(Link),
}

/// Why a message about an update asks for no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoLink {
    /// Nothing may be written to the workload, so an answer could not be carried out.
    MayNotPatch,
    /// The policy allows the update by itself, and nothing may be written to the workload.
    MayNotApply,
    /// The API server refuses what has to be written on the workload before anybody can answer.
    WriteRefused,
    /// The policy allows the update by itself, and this is a dry run.
    WouldApply,
    /// People would be asked, and this is a dry run.
    WouldAsk,
    /// It is not configured under which address links begin.
    NoBaseUrl,
    /// It is about all namespaces, and its reader is told of some alone.
    NotAllNamespaces,
}

impl NoLink {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::MayNotPatch,
        Self::MayNotApply,
        Self::WriteRefused,
        Self::WouldApply,
        Self::WouldAsk,
        Self::NoBaseUrl,
        Self::NotAllNamespaces,
    ];

    /// The word in events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MayNotPatch => "may-not-patch",
            Self::MayNotApply => "may-not-apply",
            Self::WriteRefused => "write-refused",
            Self::WouldApply => "dry-run-would-apply",
            Self::WouldAsk => "dry-run-would-ask",
            Self::NoBaseUrl => "no-base-url",
            Self::NotAllNamespaces => "not-all-namespaces",
        }
    }

    /// Whether it is because nothing is written at all.
    #[must_use]
    pub fn is_dry_run(self) -> bool {
        matches!(self, Self::WouldApply | Self::WouldAsk)
    }
}

/// Why an update failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A CamelCase word, as Kubernetes uses them.
    pub reason: String,
    /// What the cluster said.
    pub message: String,
    /// The last lines of the log of what failed, where they may be read. They are told, and not kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
    /// The message, where it is ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Box<Account>>,
}

impl Failure {
    /// The reason of those that go back because another member of their group failed.
    pub const OF_GROUP: &'static str = "GroupFailed";

    /// Whether another member of the group failed, and not this one.
    #[must_use]
    pub fn is_of_group(&self) -> bool {
        self.reason == Self::OF_GROUP
    }

    /// Whether it says something of the image: pods ran it, or were to, and this one failed.
    #[must_use]
    pub fn is_of_the_image(&self) -> bool {
        !self.is_of_group() && self.reason != Reason::FailedCreate.as_str()
    }

    /// One of which no log is known.
    #[must_use]
    pub fn new(reason: &str, message: &str) -> Self {
        Self { reason: reason.to_owned(), message: message.to_owned(), log: Vec::new(), account: None }
    }

    /// One that is ours to say.
    #[must_use]
    pub fn ours(reason: &str, account: Account) -> Self {
        let of = Self::new(reason, &account.to_string());
        Self { account: Some(Box::new(account)), ..of }
    }

    /// What happened, whoever says it.
    #[must_use]
    pub fn account(&self) -> Account {
        self.account.as_deref().cloned().unwrap_or_else(|| Account::Said(self.message.clone()))
    }

    /// The same, and that the API server refuses to go back for it, in these words.
    #[must_use]
    pub fn not_back(self, said: &str) -> Self {
        let account = Account::NotBack { why: Box::new(self.account()), said: said.to_owned() };
        let message = format!("{}; the API server refuses to go back: {said}", self.message);
        Self { message, account: Some(Box::new(account)), ..self }
    }

    /// What is kept of it: a long message by itself, as it is cut, and what it is made of is not.
    #[must_use]
    pub fn kept(&self) -> Self {
        let account = self.account.clone().filter(|_| self.message.len() <= MOST_KEPT_TWICE);
        Self { log: Vec::new(), account, ..self.clone() }
    }
}

/// What becomes of an update whose rollout failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WayBack {
    /// It is undone.
    Goes,
    /// The same, to what ran well last: what ran before it never did.
    Further,
    /// The settings of the workload leave that to people.
    Off,
    /// Its makers declare that it changes stored data, which what ran before may not read.
    Migration,
    /// Whether it changes stored data could not be read in its notes.
    Unread,
    /// What ran before is not known exactly, or another hand has changed something since.
    Unknown,
    /// Pods of the version before are in the same trouble.
    Before,
    /// What ran before is no longer in its registry.
    Gone,
    /// The API server refuses to write what ran before.
    Refused,
    /// This was the way back itself.
    Failed,
    /// This is the way back itself, and it stands still.
    StandsStill,
    /// It failed here before, and another hand put it back: that is their word.
    PutBack,
}

impl WayBack {
    /// The word in events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Goes => "goes",
            Self::Further => "further",
            Self::Off => "off",
            Self::Migration => "migration",
            Self::Unread => "unread",
            Self::Unknown => "unknown",
            Self::Before => "before",
            Self::Gone => "gone",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::StandsStill => "stands-still",
            Self::PutBack => "put-back",
        }
    }

    /// Whether it is undone.
    #[must_use]
    pub fn goes(self) -> bool {
        matches!(self, Self::Goes | Self::Further)
    }

    /// Why it is not undone, in a few words; or that it is.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Goes => "it goes back",
            Self::Further => "it goes back to what ran well last",
            Self::Off => "its settings leave going back to people",
            Self::Migration => "its makers declare that it changes stored data",
            Self::Unread => "whether it changes stored data could not be read in its notes",
            Self::Unknown => "what ran before is not known by digest, or another hand changed the image",
            Self::Before => "pods of the version before are in the same trouble",
            Self::Gone => "what ran before is no longer in its registry",
            Self::Refused => "the API server refuses to write what ran before",
            Self::Failed => "this was the way back",
            Self::StandsStill => "this is the way back, and it stands still",
            Self::PutBack => "it failed here before, and another hand put it back",
        }
    }
}

/// The one view of an update that every message is a rendering of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What people are told.
    pub kind: NoticeKind,
    /// When it was asked, decided, or set back. It tells one update from another to the same version, so it is the same
    /// whenever this is told again.
    pub at: DateTime<Utc>,
    /// When the update ended, where it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<DateTime<Utc>>,
    /// When its recipient asked for it once more, where that is why it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<DateTime<Utc>>,
    /// Until when it was put off, where its turn came in hours in which its recipient is not to be disturbed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put_off: Option<DateTime<Utc>>,
    /// Which reminder of a question it is; 0 where it is none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reminder: u8,
    /// The workload.
    pub workload: WorkloadId,
    /// The container.
    pub container: String,
    /// What ran.
    pub from: ImageView,
    /// What is to run, or runs.
    pub to: ImageView,
    /// `major`, `minor`, `patch`, `prerelease`, `build`, `digest`, `pattern`.
    pub level: String,
    /// `NOTIFICATION`, `AUTO_UPDATE`, and the strategy: why people get this.
    pub policy: String,
    /// Who says the mode, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode_from: Option<Origin>,
    /// Why this version, where a policy chose it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Grounds>,
    /// What was looked at of it before people were asked, and what the update changes in the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preflight: Option<Box<Preflight>>,
    /// What else writes the workload, and what it would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerView>,
    /// Where release notes are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_url: Option<String>,
    /// What can be answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalView>,
    /// Why it can't be answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_link: Option<NoLink>,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The same of a version that is passed over, typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfit: Option<Box<Unfit>>,
    /// What of the running image is gone, where that is what this is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Lost>,
    /// What becomes of it, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way_back: Option<WayBack>,
    /// The tag that ran before the update that it tells the way back from, where that leads to another: see [`Self::update_id`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Whether that update was written within the same second as the way back from it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_once: bool,
    /// What stands in the way of going back, or was deleted as it did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_the_way: Vec<InTheWay>,
    /// What the makers declare of the update, as far as it was asked.
    #[serde(default, skip_serializing_if = "Declared::is_none")]
    pub declared: Declared,
    /// What happened to other workloads, where that is why people are asked first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<Box<Asks>>,
    /// Where all of its group go, where it is of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Box<Plan>>,
    /// How many people have to approve it, where one is not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Approvals>,
}

impl Notice {
    /// That something happened then to a container, of which nothing more is said.
    #[must_use]
    pub fn new(
        kind: NoticeKind,
        at: DateTime<Utc>,
        (workload, container): (&WorkloadId, &str),
        (from, to): (ImageView, ImageView),
    ) -> Self {
        Self {
            kind,
            at,
            ended: None,
            again: None,
            put_off: None,
            reminder: 0,
            workload: workload.clone(),
            container: container.to_owned(),
            from,
            to,
            level: String::new(),
            policy: String::new(),
            mode_from: None,
            why: None,
            preflight: None,
            owner: None,
            release_url: None,
            approval: None,
            no_link: None,
            by: None,
            failure: None,
            unfit: None,
            lost: None,
            way_back: None,
            before: None,
            at_once: false,
            in_the_way: Vec::new(),
            declared: Declared::default(),
            because: None,
            group: None,
            approvals: None,
        }
    }

    /// Whether people may answer it, where it carries an approval.
    #[must_use]
    pub fn asks(&self) -> bool {
        match self.approval.as_ref().map(|approval| approval.allows) {
            Some(Allows::Update) => self.kind == NoticeKind::Available,
            Some(Allows::Held) => match self.kind {
                NoticeKind::Held | NoticeKind::RolledBack => true,
                NoticeKind::Failed => self.way_back == Some(WayBack::Failed),
                _ => false,
            },
            Some(Allows::Back) => matches!(self.kind, NoticeKind::Applied | NoticeKind::Failed),
            None => false,
        }
    }

    /// What its reader may answer at a moment: the one judge of whether a message has a link or buttons.
    #[must_use]
    pub fn offers(&self, now: DateTime<Utc>) -> Option<Offer> {
        if self.no_link.is_some() || self.is_resumed() {
            return None;
        }
        if let Some(link) = self.stopped() {
            return (now < link.expires()).then_some(Offer::Resume(link));
        }
        let question = self.asked().filter(|question| self.asks() && now < question.expires)?;
        Some(Offer::Question(Box::new(question)))
    }

    /// Whether it is told at once and alone: that something broke, and what became of it.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        match self.kind {
            NoticeKind::Failed => !self.is_passed_over(),
            NoticeKind::Stalled | NoticeKind::RolledBack | NoticeKind::Stopped => true,
            NoticeKind::Available
            | NoticeKind::Granted
            | NoticeKind::Skipped
            | NoticeKind::Applied
            | NoticeKind::Held
            | NoticeKind::Gone => false,
        }
    }

    /// Whether it is about a version that was never tried.
    #[must_use]
    pub fn is_passed_over(&self) -> bool {
        self.kind == NoticeKind::Failed && self.by.is_none()
    }

    /// Whether it tells that what was stopped is resumed: by whom, and about the same workload as before.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.kind == NoticeKind::Stopped && self.by.is_some()
    }

    /// The link that resumes what is stopped, where this tells of it.
    #[must_use]
    pub fn stopped(&self) -> Option<Link> {
        match self.because.as_deref() {
            Some(Asks::Stopped(stopped)) if self.kind == NoticeKind::Stopped => Some(Link::of(stopped)),
            _ => None,
        }
    }

    /// What several notices have in common that are one message: the same step of the same image.
    #[must_use]
    pub fn cause(&self) -> (NoticeKind, &str, &str, &str, Option<&str>) {
        let (from, to) = (&self.from, &self.to);
        (self.kind, &from.repository, &from.tag, &to.tag, to.digest.as_deref())
    }

    /// The same for every message about one update, so that they form one thread: `upd_…`.
    #[must_use]
    pub fn update_id(&self) -> String {
        let (from, to) = if self.is_of_return() { (&self.to, &self.from) } else { (&self.from, &self.to) };
        let is_back = self.is_of_return() || self.kind == NoticeKind::RolledBack;
        let before = self.before.as_deref().filter(|_| is_back).unwrap_or(&from.tag);
        let digest = to.digest.as_deref().unwrap_or_default();
        let fields = [&self.workload.uid, self.container.as_str(), before, &to.tag, digest];
        format!("upd_{}", fingerprint(&fields))
    }

    /// Whether it tells how a way back goes, of the update that it is to undo, as its end is.
    pub(crate) fn is_of_return(&self) -> bool {
        matches!(
            (self.kind, self.way_back),
            (NoticeKind::Failed, Some(WayBack::Failed)) | (NoticeKind::Stalled, Some(WayBack::StandsStill))
        )
    }

    /// The approval that its links answer; `None` where nothing can be answered, or what is asked is not well formed.
    #[must_use]
    pub fn asked(&self) -> Option<Approval> {
        let view = self.approval.as_ref()?;
        // The end of an update tells where it went, and its link leads to where it came from.
        let (from, to) = match self.kind {
            NoticeKind::Applied | NoticeKind::Failed => (&self.to, &self.from),
            _ => (&self.from, &self.to),
        };
        Approval::told(&ApprovalRef {
            id: &view.id,
            key: &view.key,
            expires: view.expires,
            nonce: &view.nonce,
            workload: &self.workload,
            container: &self.container,
            from_image: &view.from_image,
            from_digest: from.digest.as_deref(),
            to_tag: &to.tag,
            to_digest: to.digest.as_deref()?,
            allows: view.allows,
            group: self.group.as_ref().map(|plan| plan.binding()).as_ref(),
        })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn is_zero(number: &u8) -> bool {
    *number == 0
}

/// 26 letters and digits that stand for these fields, in this order.
pub(super) fn fingerprint(fields: &[&str]) -> String {
    let mut hash = Sha256::new();
    for field in fields {
        hash.update(u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(field.as_bytes());
    }
    let number = hash.finalize().iter().take(16).fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
    crockford(number)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::policy::Strategy;
    use super::super::tag::Level;
    use super::super::workload::Kind;
    use super::*;

    pub(crate) fn notice(kind: NoticeKind) -> Notice {
        let image = |tag: &str, letter: &str| ImageView {
            repository: "registry.example.com/shop/web".into(),
            tag: tag.into(),
            digest: Some(format!("sha256:{}", letter.repeat(64))),
        };
        let at = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let workload =
            WorkloadId { namespace: "shop".into(), kind: Kind::Deployment, name: "web".into(), uid: "uid-1".into() };
        Notice {
            level: "minor".into(),
            policy: "NOTIFICATION, strategy MINOR".into(),
            mode_from: Some(Origin::Workload),
            why: Some(Grounds::Highest {
                strategy: Strategy::Minor,
                level: Level::Minor,
                steps: None,
                missing: Vec::new(),
                withheld: Vec::new(),
                unfit: Vec::new(),
                skipped: Vec::new(),
            }),
            release_url: Some("https://example.com/web/releases/1.3.0".into()),
            ..Notice::new(kind, at, (&workload, "web"), (image("1.2.3", "a"), image("1.3.0", "b")))
        }
    }

    #[test]
    fn an_event_type_is_read_as_it_is_written() {
        for kind in NoticeKind::ALL {
            assert_eq!(NoticeKind::of(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!(NoticeKind::of("update"), None);
    }

    pub(crate) fn asking(kind: NoticeKind, allows: Allows) -> Notice {
        let approval = ApprovalView {
            id: "apr_01JGJ0EZ8M3C9S6D4K2P7Q1R0T".into(),
            key: "k1".into(),
            nonce: "AAECAwQFBgcICQoLDA0ODw".into(),
            expires: DateTime::from_timestamp(1_795_259_200, 0).unwrap(),
            from_image: "registry.example.com/shop/web:1.2.3".into(),
            allows,
        };
        Notice { approval: Some(approval), ..notice(kind) }
    }

    #[test]
    fn what_may_be_answered_is_what_is_asked_in_this_message() {
        let answered = |allows| -> Vec<NoticeKind> {
            NoticeKind::ALL.into_iter().filter(|kind| asking(*kind, allows).asks()).collect()
        };
        assert_eq!(answered(Allows::Update), [NoticeKind::Available]);
        assert_eq!(answered(Allows::Held), [NoticeKind::RolledBack, NoticeKind::Held]);
        assert_eq!(answered(Allows::Back), [NoticeKind::Applied, NoticeKind::Failed]);
        let failed = |way_back| Notice { way_back, ..asking(NoticeKind::Failed, Allows::Held) }.asks();
        assert_eq!((failed(Some(WayBack::Failed)), failed(Some(WayBack::Goes))), (true, false));
        assert!(NoticeKind::ALL.into_iter().all(|kind| !notice(kind).asks()), "without an approval there is no answer");
    }

    #[test]
    fn the_way_back_leads_from_where_an_update_went() {
        let asked = |kind, allows| {
            let asked = asking(kind, allows).asked().unwrap();
            (asked.from_digest.unwrap().to_string(), asked.to_tag.to_string(), asked.to_digest.to_string())
        };
        let [old, new] = ["a", "b"].map(|letter| format!("sha256:{}", letter.repeat(64)));
        for kind in [NoticeKind::Applied, NoticeKind::Failed] {
            assert_eq!(asked(kind, Allows::Back), (new.clone(), "1.2.3".into(), old.clone()));
        }
        assert_eq!(asked(NoticeKind::Available, Allows::Update), (old, "1.3.0".into(), new));
        assert_eq!(notice(NoticeKind::Available).asked(), None);
        let mut unknown = asking(NoticeKind::Available, Allows::Update);
        unknown.from.digest = Some(String::new());
        assert_eq!(unknown.asked().unwrap().from_digest, None, "what ran before may not be known");
        unknown.from.digest = Some("sha256:1".into());
        assert_eq!(unknown.asked(), None, "but not be wrong");
        unknown.from.digest = None;
        unknown.to.digest = None;
        assert_eq!(unknown.asked(), None, "nor may what is approved");
    }

    #[test]
    fn a_dry_run_is_why_nothing_is_written_at_all() {
        let dry_runs = [NoLink::WouldApply, NoLink::WouldAsk];
        for reason in NoLink::ALL {
            assert_eq!(reason.is_dry_run(), dry_runs.contains(&reason), "{reason:?}");
        }
    }

    /// Fault r25d-3: receivers switch on these words.
    #[test]
    fn why_a_message_has_no_link_is_a_word_of_the_document() {
        let document = include_str!("../../docs/messages.md");
        for reason in NoLink::ALL {
            assert!(document.contains(&format!("\n| `{}` | ", reason.as_str())), "{}", reason.as_str());
        }
    }

    /// Fault r25d-10: what opens an incident about it is closed by what ends it.
    #[test]
    fn that_a_way_back_failed_is_told_of_the_update_that_it_was_to_undo() {
        let failed = notice(NoticeKind::Failed);
        let (from, to) = (failed.to.clone(), failed.from.clone());
        let back = |way_back| Notice { from: from.clone(), to: to.clone(), way_back, ..notice(NoticeKind::Failed) };
        assert_eq!(back(Some(WayBack::Failed)).update_id(), failed.update_id());
        assert_eq!(notice(NoticeKind::RolledBack).update_id(), failed.update_id(), "its end");
        assert_ne!(back(Some(WayBack::Goes)).update_id(), failed.update_id(), "an update the other way");
        // Fault r28-4: 1.2.2 is what is gone back to, and 1.2.3 what ran before.
        let further = |kind, to: &ImageView| {
            let told = Notice { kind, before: Some("1.2.3".into()), ..back(Some(WayBack::Failed)) };
            if kind == NoticeKind::RolledBack {
                Notice { from: to.clone(), to: from.clone(), way_back: None, ..told }
            } else {
                Notice { to: to.clone(), ..told }
            }
        };
        let old = ImageView { tag: "1.2.2".into(), ..to.clone() };
        for kind in [NoticeKind::RolledBack, NoticeKind::Failed] {
            assert_eq!(further(kind, &old).update_id(), failed.update_id(), "{kind:?}");
        }
        let stalled = |way_back| Notice { kind: NoticeKind::Stalled, ..back(way_back) };
        assert_eq!(stalled(Some(WayBack::StandsStill)).update_id(), failed.update_id(), "it is under way");
        assert_ne!(stalled(None).update_id(), failed.update_id(), "an update the other way");
    }

    #[test]
    fn only_the_notice_that_all_is_stopped_leads_to_the_link_that_resumes() {
        let stopped = super::super::fleet::Stopped { since: notice(NoticeKind::Stopped).at, failed: Vec::new() };
        let because = |kind| Notice { because: Some(Box::new(Asks::Stopped(stopped.clone()))), ..notice(kind) };
        assert_eq!(because(NoticeKind::Stopped).stopped(), Some(Link::of(&stopped)));
        assert_eq!(because(NoticeKind::Available).stopped(), None);
        assert_eq!(notice(NoticeKind::Stopped).stopped(), None);
    }
}

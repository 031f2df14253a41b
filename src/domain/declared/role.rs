//! What words do in the sentences of notes.

/// What a word, or a few of them, do in a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Role {
    /// The makers call it so.
    Incompatible,
    /// The same word alone, which is a title or means something else.
    Breaking,
    /// Denies what follows.
    Not,
    /// Nobody has to, nothing changes.
    Nobody,
    NoLonger,
    /// What a thing does that is lost when it no longer does it.
    Works,
    /// What nobody misses when it no longer happens.
    Mishap,
    Removed,
    Remove,
    Renamed,
    Default,
    Now,
    /// The same, and it was otherwise before.
    FromNowOn,
    Was,
    Instead,
    Changed,
    Required,
    /// A part of a page.
    Looks,
    /// All of them.
    Every,
    /// Besides what was there.
    Also,
    /// Not as before, or not the same.
    Other,
    /// What people keep in it.
    Stored,
    /// Again and again, by itself.
    Habit,
    /// Only tells which one is meant.
    Relative,
    /// What nobody wants to have.
    Burden,
    /// It can be seen.
    Shown,
    /// What it does besides, once it can.
    Gains,
    /// The one who reads it.
    You,
    /// What others have built on how it was.
    Relies,
    Image,
    /// So things should be.
    Good,
    /// What went otherwise than meant, when it is told of in the past.
    Did,
    /// It cannot be used for a while.
    Downtime,
    /// From one version to another, without those between.
    Jump,
    /// What it takes to run.
    Resource,
    Without,
    /// Takes an earlier change back.
    Reverts,
    /// Somebody speaks of themselves.
    Myself,
    /// A secret stands where others can read it.
    Leak,
    /// What the columns of a table are of that is no change of the image.
    Package,
    /// It is lost.
    Wiped,
    /// A name with a capital that is not known.
    Name,
    /// The makers, or the version itself.
    Us,
    Until,
    /// All of them in one version.
    Lockstep,
    /// It was so until now.
    Hitherto,
    /// Somebody who works with it, and does not run it.
    AppUser,
    Must,
    /// The same, or only what somebody expects.
    Should,
    Minimum,
    Rejected,
    /// The same of what should go well.
    Fails,
    Runs,
    /// What the surroundings of an image rely on.
    Thing,
    Product,
    /// What only its makers see.
    Inside,
    /// The old way goes on.
    Still,
    Fixed,
    Added,
    Can,
    /// Some time later.
    Planned,
    Will,
    Deprecated,
    Optional,
    NewOnly,
    /// Those who build or package it themselves.
    Builders,
    /// Ways to install it that are no image.
    Elsewhere,
    Docs,
    /// What is made to bring data over.
    Tool,
    /// Asks, where a clause begins with it.
    Do,
    /// Asks, wherever it stands.
    Asked,
    Please,
    /// What has been done to something that must be.
    Done,
    /// Before, while or after somebody updates.
    Updating,
    /// Or else.
    Else,
    First,
    Once,
    /// What is always good advice.
    Standing,
    Migration,
    Data,
    Converted,
    /// While it starts.
    AtStart,
    Back,
    Cannot,
    Read,
    NoWayBack,
    Format,
    New,
    Disk,
    Reindex,
    Dump,
    Older,
    Steps,
    Update,
    Before,
    From,
    Since,
    Attention,
    Nothing,
    Less,
    /// Is not there unless somebody wants it.
    Off,
    Unless,
    /// Nothing but what is right is taken.
    Strict,
    /// One for another.
    Swapped,
    Yours,
    /// The same, which something is done to.
    ToYours,
    /// Asks to follow a change.
    Adapt,
    /// A name in code, a path, a flag.
    Code,
    Version,
    Number,
    /// Where a clause begins.
    Clause,
    /// A command that moves data.
    MovesData,
    /// One name, then another.
    Is,
    /// The same as a sign.
    Arrow,
    /// Is not there unless somebody turns it on.
    OffByDefault,
    /// What makers say that they did to a thing of others.
    Maker,
    /// What people have from before.
    Existing,
    /// Is worth nothing any more.
    Dies,
    Limited,
    /// Must be so, whoever minds.
    Enforced,
    Only,
    /// All but these.
    Except,
    Speed,
    /// `XMPP`: what has such a name is known to others.
    Acronym,
    /// It went wrong, once.
    Failed,
    /// What somebody sends is turned down.
    Refused,
    Unit,
    Requirements,
    Formerly,
    /// An update of one after another.
    Rolling,
    /// It was there, and is no more.
    Gone,
    /// Those who write it.
    Developers,
    Better,
    /// What talks to the image, and has versions of its own.
    Peer,
    Restore,
    /// What others are written against.
    Contract,
    Ends,
    /// What stands below everything else, and tells of no change.
    Appendix,
    IsNow,
    /// Only if something is so.
    Condition,
    /// Keeps something from happening.
    Guard,
    /// Good advice that is no step by itself, and may stand beside one.
    Casual,
    /// Better done than not.
    Advised,
    /// Stands for what was spoken of.
    Pronoun,
    /// What is not out yet.
    Unreleased,
    /// What makers do for themselves.
    Upkeep,
    /// What is so now and then, of no version.
    Often,
    /// For those who stay with the older version.
    Workaround,
    /// What makers have, and many products, too: [`Role::Inside`] where it is what changes.
    Workshop,
    /// So it is unless somebody sets it: said of what is done.
    ByDefault,
    /// What only those have who pay for it.
    Edition,
    /// «changed from … to …»
    FromTo,
    /// A migration is what is new.
    NewMigration,
    /// A table is dropped, or a column of one.
    DropsTable,
}

impl Role {
    /// Whether words that play it go on to play what each of them plays alone.
    pub(super) fn stands_beside(self) -> bool {
        matches!(
            self,
            Self::You
                | Self::Yours
                | Self::ToYours
                | Self::Relies
                | Self::Jump
                | Self::Habit
                | Self::Downtime
                | Self::Image
                | Self::Burden
                | Self::Resource
                | Self::Every
                | Self::Without
                | Self::Relative
                | Self::Leak
                | Self::Package
                | Self::Wiped
                | Self::Us
                | Self::Until
                | Self::Hitherto
                | Self::AppUser
                | Self::ByDefault
                | Self::Edition
        )
    }
}

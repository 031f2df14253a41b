//! Where a text stands: what its headings, the items above it and its own label say that it is about.

use super::role::Role::{
    self, Added, Appendix, Asked, Attention, Breaking, Builders, Changed, Clause, Deprecated, Developers, Docs,
    Elsewhere, Fixed, Incompatible, Inside, Migration, New, NewMigration, NewOnly, Now, Number, Optional, Planned,
    Removed, Renamed, Requirements, Steps, Unreleased, Update, Updating, Upkeep, Version, Workaround, Workshop,
};
use super::scan::{BOLD, Block};
use super::scope::{self, Scope, is_same};
use super::sentence::Sentence;
use super::words::is_ideograph;

/// How much of what stands there concerns those who run the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Quiet {
    /// All of it.
    #[default]
    No,
    /// Only what changes what was there: it tells of what is new.
    New,
    /// Only what is said outright: it tells of repairs.
    Mostly,
    /// Nothing.
    Silent,
    /// Nothing, as it is of another time.
    Never,
}

/// Whom the rows of a table concern, by their first cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Those who come from before that version.
    Before,
    /// Those who come from that version, or an older one.
    UpTo,
}

impl Origin {
    /// The scope of a row, which its first cell names.
    pub(super) fn scope(self, cell: &Sentence) -> Option<Scope> {
        let (version, _) = cell.versions.first()?;
        Some(match self {
            Self::Before => Scope::Before(version.clone()),
            Self::UpTo => Scope::UpTo(version.clone()),
        })
    }
}

/// What is known of a place in a text.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each may be so beside the others")]
pub(super) struct Context {
    /// The makers call breaking what stands there.
    pub(super) breaking: bool,
    /// What stands there is taken away.
    pub(super) removed: bool,
    /// What stands there is to be done.
    pub(super) steps: bool,
    /// What stands there happens to data.
    pub(super) migration: bool,
    /// What stands there is a list of what happens to the database.
    pub(super) of_data: bool,
    /// People are warned there, or those who run it are spoken to.
    pub(super) attention: bool,
    /// What stands there was otherwise before.
    pub(super) changed: bool,
    /// What stands there is only deprecated, unless it says that it is gone.
    pub(super) deprecated: bool,
    /// Each row of a table begins with the version that those come from whom it concerns.
    pub(super) by_origin: Option<Origin>,
    /// A sign of warning stands before it.
    pub(super) marked: bool,
    /// A sentence before it told of something.
    pub(super) follows: bool,
    /// It is the title of a change, with its number behind it.
    pub(super) of_change: bool,
    /// Somebody else's words stand there, perhaps.
    pub(super) is_quoted: bool,
    pub(super) quiet: Quiet,
    pub(super) scope: Scope,
}

impl Context {
    fn quiet(&self, quiet: Quiet) -> Self {
        Self { quiet: quiet.max(self.silence()), scope: self.scope.clone(), ..Self::default() }
    }

    /// What is said outright is heard, unless it is of another time or of others.
    pub(super) fn said_outright(&self) -> Quiet {
        if self.quiet == Quiet::Never { Quiet::Never } else { Quiet::No }
    }

    /// How silent everything is that stands below, whatever it is called.
    fn silence(&self) -> Quiet {
        if self.quiet >= Quiet::Silent { self.quiet } else { Quiet::No }
    }

    /// The same behind a label, which makes nothing louder than it is where it stands, unless it says so outright.
    pub(super) fn behind_label(self, label: &str, above: &Self) -> Self {
        let is_outright = (self.breaking && !above.breaking) || self.removed;
        let is_name = label.chars().all(|c| !c.is_uppercase() && !is_ideograph(c));
        let quiet = match is_outright {
            true if self.breaking && !above.breaking && !self.removed => above.said_outright(),
            true => self.quiet,
            false => self.quiet.max(above.quiet),
        };
        Self { quiet, migration: self.migration && !is_name, steps: self.steps && !is_name, ..self }
    }

    /// What is known below a title: one that joins several kinds is as loud as its loudest part.
    pub(super) fn below_title(&self, text: &str, title: &Sentence, own: &[u64]) -> Option<Self> {
        let whole = self.below(title, own)?;
        if !(Quiet::New..=Quiet::Silent).contains(&whole.quiet) || self.silence() != Quiet::No {
            return Some(whole);
        }
        let joined = |word: &&str| matches!(*word, "and" | "&" | "+" | "/" | "und" | "et" | "y" | "or");
        let words: Vec<&str> = text.split([' ', '、', '和', '与']).flat_map(|word| word.split_inclusive(',')).collect();
        let parts = words.split(|word| joined(word)).map(|part| part.join(" "));
        let parts: Vec<String> =
            parts.flat_map(|part| part.split(',').map(str::to_owned).collect::<Vec<_>>()).collect();
        let parts: Vec<Self> = parts.iter().filter_map(|part| self.below(&Sentence::of(part), own)).collect();
        let loudest = parts.into_iter().min_by_key(|part| part.quiet);
        Some(loudest.filter(|part| part.quiet < whole.quiet).unwrap_or(whole))
    }

    /// What is known below a title, or behind a label.
    pub(super) fn below(&self, title: &Sentence, own: &[u64]) -> Option<Self> {
        let (_, below) = TITLES.iter().find(|(is_so, _)| is_so(title, own))?;
        below.of(self, title, own)
    }
}

/// What a title says of what stands below it.
#[derive(Clone, Copy, Debug)]
enum Below {
    /// Nothing that is understood.
    Nothing,
    /// It is this quiet, and what was known above is not known of it.
    Quiet(Quiet),
    /// It concerns those who come from a version, and has what they do.
    OfOrigin,
    /// It is about another version, whatever stands above.
    OfVersion,
    /// Whatever stands above, it is heard.
    Anew,
    /// The makers call it breaking.
    Breaking,
    /// It is taken away.
    Removed,
    /// It is deprecated.
    Deprecated,
    /// It happens to the database.
    Database,
    /// It is to be done.
    Steps,
    /// People are warned there.
    Attention,
    /// It was otherwise before.
    Changed,
}

impl Below {
    fn of(self, above: &Context, title: &Sentence, own: &[u64]) -> Option<Context> {
        let heard = Context { quiet: above.silence(), ..above.clone() };
        Some(match self {
            Self::Nothing => return None,
            Self::Quiet(quiet) => above.quiet(quiet),
            Self::OfOrigin => Context { scope: origin(title, own)?, steps: true, ..heard },
            Self::OfVersion => {
                let version = about_version(title)?;
                let scope = if is_same(&version, own) { Scope::Everybody } else { Scope::Past(version) };
                Context { scope, ..Context::default() }
            }
            Self::Anew => Context { quiet: above.silence(), ..Context::default() },
            Self::Breaking => Context { breaking: true, ..heard },
            Self::Removed => Context { removed: true, breaking: false, ..heard },
            Self::Deprecated => Context { deprecated: true, ..above.quiet(Quiet::Mostly) },
            Self::Database => Context { migration: true, of_data: true, ..heard },
            Self::Steps => {
                let migration = title.has(Migration);
                Context { steps: true, migration, of_data: migration && title.has(Role::Data), ..heard }
            }
            Self::Attention => Context { attention: true, ..heard },
            Self::Changed => Context { changed: true, ..above.quiet(Quiet::No) },
        })
    }
}

/// The first of these that is so of a title says what stands below it.
type Title = (fn(&Sentence, &[u64]) -> bool, Below);

const TITLES: [Title; 25] = [
    (|t, _| t.has(Unreleased) && t.length <= 4, Below::Quiet(Quiet::Never)),
    (|t, own| origin(t, own).is_some(), Below::OfOrigin),
    (|t, _| t.has(Role::Still) && t.length <= 4, Below::Quiet(Quiet::Silent)),
    // «Planned breaking changes» breaks nothing yet.
    (|t, _| t.has(Planned) && is_breaking(t), Below::Quiet(Quiet::Never)),
    (|t, _| is_breaking(t) || raises(t) || changes_a_default(t), Below::Breaking),
    // What is denied is none of what follows.
    (|t, _| t.denies_breaking || t.denies, Below::Nothing),
    (|t, _| t.has(Role::Since) && t.has(Changed), Below::Anew),
    (|t, _| about_version(t).is_some(), Below::OfVersion),
    (|t, _| t.has(Removed), Below::Removed),
    (|t, _| t.has(Planned), Below::Quiet(Quiet::Never)),
    (|t, _| t.has_any(&[Builders, Elsewhere, Optional, NewOnly]), Below::Quiet(Quiet::Silent)),
    (|t, _| t.has(Workshop) && t.length <= 2, Below::Quiet(Quiet::New)),
    (|t, _| t.has(Inside), Below::Quiet(Quiet::Silent)),
    (|t, _| t.has(Deprecated), Below::Deprecated),
    (|t, _| is_aside(t), Below::Quiet(Quiet::Silent)),
    (|t, _| t.has(Renamed), Below::Breaking),
    (|t, _| t.has(NewMigration) && t.length <= 4, Below::Database),
    // «Added upgrade steps» tells of what is new.
    (|t, _| t.has_any(&[Steps, Asked, Updating, Update, Migration]) && !t.has(Added), Below::Steps),
    (|t, _| t.has(Docs), Below::Quiet(Quiet::Silent)),
    (|t, _| t.has(Fixed), Below::Quiet(Quiet::Mostly)),
    (|t, _| t.has(Role::Speed), Below::Quiet(Quiet::Mostly)),
    (|t, _| t.has(Upkeep), Below::Quiet(Quiet::New)),
    (|t, _| t.has(Added), Below::Quiet(Quiet::New)),
    (|t, _| t.has(Attention), Below::Attention),
    (|t, _| t.has(Changed), Below::Changed),
];

fn is_breaking(title: &Sentence) -> bool {
    let is_last = title.all(Breaking).any(|at| at + 1 == title.length && title.length <= 3);
    title.has(Incompatible) || is_last || title.follows(Breaking, Clause, 1)
}

/// Whether it tells of requirements that are others than before.
fn raises(title: &Sentence) -> bool {
    title.has(Requirements) && title.has_any(&[Changed, New])
}

fn changes_a_default(title: &Sentence) -> bool {
    title.has(Role::Default) && title.has_any(&[Changed, New, Now])
}

/// Whether it is of what few who run the image read.
fn is_aside(title: &Sentence) -> bool {
    (title.has(Workaround) && !title.has(Steps))
        || (title.has(Developers) && title.length <= 3)
        || (title.has(Appendix) && title.length <= 2)
}

/// The version that a title names, where it says little else.
fn about_version(title: &Sentence) -> Option<Vec<u64>> {
    let is_dotted = title.has(Version);
    let is_named = title.has(Number) && title.has(Update);
    let (version, _) = title.versions.first().filter(|_| title.length <= 6 && !title.has(Updating))?;
    (is_dotted || (is_named && title.length <= 3)).then(|| version.clone())
}

/// Headings and items that a place stands below.
#[derive(Debug, Default)]
pub(super) struct Stack {
    all: Vec<(usize, Context)>,
    after_item: bool,
}

const BOX: usize = 7;
const TABLE: usize = 15;
const ITEMS: usize = 16;

impl Stack {
    /// What is known where a block stands, once all that ends there has ended.
    pub(super) fn at(&mut self, block: &Block) -> Context {
        let least = match block {
            Block::Heading(level, _) => usize::from(*level),
            Block::Row(_) => ITEMS,
            Block::Text(0, _) if self.after_item => usize::from(BOLD),
            Block::Item(indent, ..) | Block::Text(indent, _) => ITEMS + indent,
            Block::Columns(_) => TABLE,
            Block::Box { .. } | Block::BoxEnd => BOX,
        };
        self.after_item = matches!(block, Block::Item(..) | Block::Row(_) | Block::Columns(_))
            || (self.after_item && matches!(block, Block::Text(1.., _)));
        while self.all.last().is_some_and(|(level, _)| *level >= least) {
            self.all.pop();
        }
        self.all.last().map(|(_, context)| context.clone()).unwrap_or_default()
    }

    /// Remembers what is known below a block.
    pub(super) fn push(&mut self, block: &Block, context: Context) {
        let level = match block {
            Block::Heading(level, _) => usize::from(*level),
            Block::Item(indent, ..) => ITEMS + indent,
            Block::Box { .. } => BOX,
            Block::Columns(_) => TABLE,
            Block::Text(..) | Block::Row(_) | Block::BoxEnd => return,
        };
        self.all.push((level, context));
    }
}

/// What is known of the rows of a table: one of old and new names, or values, is of what changed.
pub(super) fn columns(names: &[String], above: &Context) -> Context {
    let names: Vec<Sentence> = names.iter().map(|name| Sentence::of(name)).collect();
    let is_of_packages = names.first().is_some_and(|name| name.has(Role::Package));
    let news = [Role::New, Role::Now, Role::FromNowOn, Role::Since, Role::From, Role::Is];
    let is_of_versions = names.first().is_some_and(|name| name.has_any(&[Role::Requirements, Role::Minimum]))
        && names.iter().filter(|name| name.has(Role::Version)).count() >= 2;
    // What was and what is now stand in two columns.
    let is_pair = names.iter().enumerate().any(|(at, name)| {
        let others = || names.iter().enumerate().filter(move |(other, _)| *other != at);
        name.has_any(&[Role::Was, Role::Before]) && others().any(|(_, other)| other.has_any(&news))
    });
    let by_origin = names.first().filter(|name| name.has(Update) && name.has_any(&[Role::From, Role::Before]));
    let by_origin = by_origin.map(|name| if name.has(Role::Before) { Origin::Before } else { Origin::UpTo });
    let changes = !is_of_packages && by_origin.is_none() && (is_pair || is_of_versions);
    Context { breaking: above.breaking || (changes && above.quiet == Quiet::No), by_origin, ..above.clone() }
}

/// Whom a sentence or title names who come from older versions.
pub(super) fn origin(sentence: &Sentence, own: &[u64]) -> Option<Scope> {
    let about_versions = sentence.has_any(&[Role::Update, Role::Older]);
    // «agents older than 1.8»: they have versions of their own.
    let is_of_peer = |at: u16| {
        [Role::Peer, Role::Product].iter().any(|role| sentence.all(*role).any(|peer| peer < at && at - peer <= 2))
    };
    let near = |role: Role, most: u16| {
        sentence.versions.iter().find(|(_, at)| {
            sentence
                .all(role)
                .any(|word| word < *at && at - word <= most && !(role == Role::Before && is_of_peer(word)))
        })
    };
    let after = |role: Role| {
        sentence.versions.iter().find(|(_, at)| sentence.all(role).any(|word| word > *at && word - at <= 3))
    };
    if about_versions
        && let Some((version, _)) =
            near(Role::Before, 3).or_else(|| after(Role::Before).filter(|_| sentence.has(Role::From)))
    {
        return Some(Scope::Before(version.clone()));
    }
    // What is listed since a version, or was told of long ago.
    let is_list = is_told_before(sentence)
        || sentence.has_any(&[Role::Deprecated, Role::Incompatible, Role::Restore, Role::Back])
        || sentence.follows(Changed, Role::Since, 2);
    if !is_list
        && let Some((version, _)) =
            near(Role::Since, 1).filter(|(version, _)| version.len() > 1 && !scope::is_same(version, own))
    {
        return Some(Scope::Past(version.clone()));
    }
    let comes = sentence.has(Role::Update) && sentence.has(Role::Version) && !sentence.has(Role::Renamed);
    let (version, _) = near(Role::From, 2).filter(|_| comes)?;
    Some(Scope::UpTo(version.clone()))
}

/// Whether what a sentence declares stands in a clause before the one that says since when something else is so.
fn is_told_before(sentence: &Sentence) -> bool {
    let told =
        [Role::NoLonger, Role::Removed, Role::Renamed].into_iter().filter_map(|role| sentence.all(role).max()).max();
    let since = sentence.all(Role::Since).max();
    told.zip(since).is_some_and(|(told, since)| sentence.all(Clause).any(|clause| clause > told && clause <= since))
}

//! What must hold, in words, and what is known not to hold yet.

/// What must hold. Each is a sentence in [`Invariant::sentence`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Invariant {
    OnlyOneImage,
    OnlyThatObject,
    OnlyAllowed,
    OnlyAged,
    OnlyWithConsent,
    NoDowngrade,
    LinkOfAnother,
    LinkTooLate,
    LinkReplaced,
    LinkActsOnce,
    LinkOfAnotherDigest,
    SetBackStaysBack,
    NoFight,
    AskedOnce,
    ToldWithOneId,
    ToldOnlyWhatWas,
    EndIsTold,
    MessageArrives,
    Converges,
    Remembered,
    SettingsWritten,
    Rests,
}

impl Invariant {
    /// It in a sentence.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::OnlyOneImage => "a write changes one image and our own annotations, and nothing else",
            Self::OnlyThatObject => "a write lands on the object that was decided on",
            Self::OnlyAllowed => "an image is only written that today's settings and the registry's answers allow",
            Self::OnlyAged => "what was pushed again waits for its cooldown as what is new does",
            Self::OnlyWithConsent => "an image is only written by policy where the mode says so, or by a person's yes",
            Self::NoDowngrade => "no image is replaced by an older one",
            Self::LinkOfAnother => "a link acts on the object that was asked about",
            Self::LinkTooLate => "a link does not act after its time",
            Self::LinkReplaced => "a link does not act when another question took its place",
            Self::LinkActsOnce => "a used link never acts again",
            Self::LinkOfAnotherDigest => "a link acts for the digest that was shown",
            Self::SetBackStaysBack => "what somebody set back is not written again by policy",
            Self::NoFight => "the same image is not written again and again against another hand",
            Self::AskedOnce => "a question that nobody answered is not asked again before people are reminded of it",
            Self::ToldWithOneId => "the same message has the same id for the same recipient",
            Self::ToldOnlyWhatWas => "people are told of updates that happened",
            Self::EndIsTold => "the end of each update is told",
            Self::MessageArrives => "a message that was stored arrives",
            Self::Converges => "when faults stop, the best allowed version runs or is asked about",
            Self::Remembered => "when all is done, the newest record of each workload is remembered beside the queue",
            Self::SettingsWritten => {
                "when all is done, the newest record of each workload is of the settings that it has"
            }
            Self::Rests => "when all is done, nothing is written any more",
        }
    }

    /// The known gap that lets it not hold, if there is one. What is not seen any more is to be taken off the list;
    /// `make simulate` says so.
    pub(super) fn known_gap(self, is_unwitnessed: bool) -> Option<&'static str> {
        let is_it = |gap: &&Gap| gap.invariant == self && (!gap.is_unwitnessed || is_unwitnessed);
        KNOWN_GAPS.iter().find(is_it).map(|gap| gap.why)
    }
}

/// What is known not to hold yet.
pub(super) struct Gap {
    pub(super) invariant: Invariant,
    /// Whether it holds but where both witnesses are lost: another hand replaced a record that was not remembered yet.
    is_unwitnessed: bool,
    /// Why, and its number among the known faults.
    pub(super) why: &'static str,
}

const fn gap(invariant: Invariant, is_unwitnessed: bool, why: &'static str) -> Gap {
    Gap { invariant, is_unwitnessed, why }
}

/// All of them, by name.
pub(super) const KNOWN_GAPS: [Gap; 2] = [
    gap(
        Invariant::SetBackStaysBack,
        true,
        "an update was written, the process died before it was remembered, and it was set back before the next began",
    ),
    gap(
        Invariant::EndIsTold,
        true,
        "an update was written, the process died before it was remembered, and its record was replaced before the next began",
    ),
];

/// Seeds that are known to fail, by what does not hold in them: faults that are too rare to be a gap of their own, and whose
/// invariant is to be held everywhere else.
pub(super) const KNOWN_SEEDS: [(u64, Invariant, &str); 0] = [];

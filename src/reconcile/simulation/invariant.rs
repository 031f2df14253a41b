//! What must hold, in words, and what is known not to hold yet.

/// What must hold. Each is a sentence in [`Invariant::sentence`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Invariant {
    OnlyOneImage,
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
    Rests,
}

impl Invariant {
    /// It in a sentence.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::OnlyOneImage => "a write changes one image and our own annotations, and nothing else",
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
            Self::AskedOnce => "a question that is open is not asked again",
            Self::ToldWithOneId => "the same message has the same id for the same recipient",
            Self::ToldOnlyWhatWas => "people are told of updates that happened",
            Self::EndIsTold => "the end of each update is told",
            Self::MessageArrives => "a message that was stored arrives",
            Self::Converges => "when faults stop, the best allowed version runs or is asked about",
            Self::Rests => "when all is done, nothing is written any more",
        }
    }

    /// What is known not to hold yet, and why: always, or where another hand changed our own record, or the disk was lost.
    /// A gap that is not seen any more is to be removed from here; a test says so.
    pub(super) fn known_gap(self, is_damaged: bool) -> Option<&'static str> {
        KNOWN_GAPS.iter().find(|(gap, damaged, _)| *gap == self && (!damaged || is_damaged)).map(|(_, _, why)| *why)
    }
}

/// The gaps, whether they need a damaged record or a lost disk, and their numbers among the known faults.
pub(super) const KNOWN_GAPS: [(Invariant, bool, &str); 8] = [
    (Invariant::OnlyAged, false, "found here: a cooldown is a tag's, whatever is pushed to it meanwhile"),
    (Invariant::SetBackStaysBack, false, "R4: AUTO_UPDATE fights"),
    (Invariant::NoFight, false, "R4: AUTO_UPDATE fights"),
    (Invariant::LinkActsOnce, true, "R1: undo brings the question back"),
    (Invariant::LinkReplaced, true, "R1: undo brings the older question back"),
    (Invariant::ToldOnlyWhatWas, true, "R2: a copied history is believed"),
    (Invariant::EndIsTold, true, "R1, R2: what is rolling out is forgotten with its annotation"),
    (Invariant::MessageArrives, true, "R10: what waits is lost with the disk"),
];

//! The labels of series, as pairs; the names are fixed where a family is made.

use prometheus_client::encoding::EncodeLabelSet;

macro_rules! label_sets {
    ($($(#[$doc:meta])* $name:ident { $($field:ident),+ })+) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
        pub struct $name { $(
            #[doc = concat!("The label `", stringify!($field), "`.")]
            pub $field: String
        ),+ }
    )+ };
}

label_sets! {
    /// How something ended.
    One { result }
    /// How a question was answered.
    OutcomeLabel { outcome }
    /// Which image-watcher it is.
    BuildLabels { version, revision, rustc }
    /// A source of webhooks and what became of a delivery.
    SourceResult { source, result }
    /// A source of webhooks.
    Source { source }
    /// A decision and its reason.
    OutcomeReason { outcome, reason }
    /// A call to a registry.
    RegistryCall { registry, operation, code }
    /// A registry and what was asked.
    RegistryOperation { registry, operation }
    /// A registry.
    RegistryLabel { registry }
    /// A registry and why it is not asked for a while.
    RegistryWait { registry, reason }
    /// A call to the Kubernetes API and how it ended.
    ClusterCall { operation, result }
    /// A delivery.
    DeliveryResult { channel, event, result }
    /// A channel.
    ChannelLabel { channel }
    /// A channel and how it stands.
    ChannelState { channel, state }
    /// A state of jobs or of questions.
    StateLabel { state }
    /// What is tried again.
    StageLabel { stage }
    /// An update that ended.
    UpdateResult { kind, trigger, result }
    /// A rollout that ended.
    RolloutResult { kind, result }
    /// An answer to a link.
    ApprovalResult { action, result }
    /// A question to a forge.
    ReleaseCall { forge, operation, code }
    /// Somebody who wanted to sign in, or showed a token.
    SignInResult { way, result }
    /// Workloads that are alike.
    WorkloadLabels { kind, mode, state }
    /// A container for which there is something newer.
    AvailableLabels { namespace, kind, name, container, level }
    /// A kind of what is watched.
    ResourceLabel { resource }
    /// A watch stream; the namespace is of the configuration, or `*`.
    WatchLabels { namespace, resource }
    /// A right; the namespace is of the configuration, or `*`.
    RightLabels { namespace, resource, verb }
}

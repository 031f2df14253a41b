//! The names of OpenTelemetry's standard variables that are read, see
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>.

/// Turns all of it off.
pub(super) const DISABLED: &str = "OTEL_SDK_DISABLED";
/// Whether traces are exported, and how.
pub(super) const EXPORTER: &str = "OTEL_TRACES_EXPORTER";
/// The collector; the second is for traces alone, wins over the first, and is a whole URL.
pub(super) const ENDPOINT: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
/// How spans are written.
pub(super) const PROTOCOL: [&str; 2] = ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"];
/// What is sent with them.
pub(super) const HEADERS: [&str; 2] = ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"];
/// How long a collector may take, in milliseconds.
pub(super) const TIMEOUT: [&str; 2] = ["OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"];
/// The name of this service.
pub(super) const SERVICE: &str = "OTEL_SERVICE_NAME";
/// What else is said of it.
pub(super) const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
/// Which traces are exported.
pub(super) const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
/// The part of them.
pub(super) const SAMPLER_ARG: &str = "OTEL_TRACES_SAMPLER_ARG";

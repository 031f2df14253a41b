//! Where spans of traces go: the standard variables of OpenTelemetry, `OTEL_…`.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use url::Url;

use super::otel::{
    ATTRIBUTES, DISABLED, ENDPOINT, EXPORTER, HEADERS, PROTOCOL, SAMPLER, SAMPLER_ARG, SERVICE, TIMEOUT,
};
use super::parse::Reader;
use crate::domain::written_url;
use crate::traces::{Protocol, Sampling, Settings};

/// What others read there and this service does not, and what to do about it.
const NOT_READ: [(&str, &str); 4] = [
    ("OTEL_EXPORTER_OTLP_CERTIFICATE", "is not read; SSL_CERT_FILE holds authorities for all that is reached"),
    ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "is not read; SSL_CERT_FILE holds authorities for all that is reached"),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "is not read; spans are sent as they are"),
    ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "is not read; spans are sent as they are"),
];

/// The name of this service where none is set.
const NAME: &str = "image-watcher";
/// The time of a collector where none is set, and the longest.
const USUAL: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(60);

impl Reader<'_> {
    /// Where spans go; `None` where no traces are exported, and then nothing else is judged.
    pub(super) fn traces(&mut self) -> Option<Settings> {
        let is_off = |text: String| text.eq_ignore_ascii_case("true");
        if self.text(DISABLED).is_some_and(is_off) || ENDPOINT.iter().all(|name| self.text(name).is_none()) {
            return None;
        }
        if self.word(EXPORTER, &["otlp", "none"], "otlp") == "none" {
            return None;
        }
        for (name, why) in NOT_READ {
            if self.text(name).is_some_and(|text| text != "none") {
                self.warning(name, why);
            }
        }
        let (protocol, headers) = (self.protocol(), self.trace_headers());
        let (timeout, attributes) = (self.trace_timeout(), self.resource());
        let (sampling, follows_parent) = self.sampler();
        let endpoint = self.endpoint()?;
        Some(Settings { endpoint, protocol, headers, timeout, attributes, sampling, follows_parent })
    }

    /// The one for traces where it is set, and the one for all signals otherwise.
    fn of_traces(&self, names: [&'static str; 2]) -> &'static str {
        let [all, traces] = names;
        if self.text(traces).is_some() { traces } else { all }
    }

    fn endpoint(&mut self) -> Option<Url> {
        let name = self.of_traces(ENDPOINT);
        let mut url = match written_url::parse(&self.text(name)?) {
            Ok(url) => url,
            Err(error) => {
                self.problem(name, error.to_string());
                return None;
            }
        };
        if !matches!(url.scheme(), "http" | "https") {
            self.problem(name, "needs http:// or https:// before the host");
            return None;
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            self.problem(
                name,
                format!("has a user, password, query or fragment; a secret belongs into {}", HEADERS[0]),
            );
            return None;
        }
        if name == ENDPOINT[0] {
            let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
        Some(url)
    }

    fn protocol(&mut self) -> Protocol {
        let name = self.of_traces(PROTOCOL);
        match self.text(name).as_deref() {
            None | Some("http/protobuf") => {}
            Some("http/json") => return Protocol::Json,
            Some("grpc") => self.problem(
                name,
                "is grpc, which this service does not speak: set http/protobuf or http/json, and the collector's port for HTTP (usually 4318) in the endpoint",
            ),
            Some(_) => self.problem(name, "is none of http/protobuf, http/json"),
        }
        Protocol::Protobuf
    }

    fn trace_headers(&mut self) -> HeaderMap {
        let [all, traces] = HEADERS;
        let secret = self.secret(traces).map(|secret| (traces, secret));
        let Some((name, secret)) = secret.or_else(|| Some((all, self.secret(all)?))) else {
            return HeaderMap::new();
        };
        let header = |(key, value): (String, String)| {
            let mut value = HeaderValue::from_str(&value).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::from_bytes(key.as_bytes()).ok()?, value))
        };
        let headers = pairs(secret.expose()).and_then(|pairs| pairs.into_iter().map(header).collect());
        headers.unwrap_or_else(|| {
            self.problem(name, "can't be read; headers as api-key=value, several with commas between, are expected");
            HeaderMap::new()
        })
    }

    fn trace_timeout(&mut self) -> Duration {
        let name = self.of_traces(TIMEOUT);
        let Some(millis) = self.parse::<u64>(name, "a number of milliseconds") else { return USUAL };
        let timeout = Duration::from_millis(millis);
        if timeout.is_zero() || timeout > LONGEST {
            self.problem(name, format!("is not within 1 and {} milliseconds", LONGEST.as_millis()));
        }
        timeout
    }

    fn resource(&mut self) -> Vec<(String, String)> {
        let given = self.text(ATTRIBUTES).unwrap_or_default();
        let mut attributes = pairs(&given).unwrap_or_else(|| {
            self.problem(
                ATTRIBUTES,
                "can't be read; attributes as key=value, several with commas between, are expected",
            );
            Vec::new()
        });
        let name = self.text(SERVICE);
        attributes.retain(|(key, _)| name.is_none() || key != "service.name");
        for (key, value) in [
            ("service.name", name.as_deref().unwrap_or(NAME)),
            ("service.version", env!("CARGO_PKG_VERSION")),
            ("telemetry.sdk.language", "rust"),
            ("telemetry.sdk.name", "opentelemetry"),
        ] {
            if !attributes.iter().any(|(known, _)| known == key) {
                attributes.push((key.to_owned(), value.to_owned()));
            }
        }
        attributes
    }

    /// Which traces, and whether what follows from a span goes where that one went.
    fn sampler(&mut self) -> (Sampling, bool) {
        const KNOWN: [&str; 6] = [
            "parentbased_always_on",
            "parentbased_always_off",
            "parentbased_traceidratio",
            "always_on",
            "always_off",
            "traceidratio",
        ];
        let word = self.word(SAMPLER, &KNOWN, KNOWN[0]);
        let root = word.strip_prefix("parentbased_");
        let sampling = match root.unwrap_or(word) {
            "always_off" => Sampling::None,
            "traceidratio" => Sampling::Part(self.part()),
            _ => Sampling::All,
        };
        (sampling, root.is_some())
    }

    fn part(&mut self) -> f64 {
        let part = self.parse::<f64>(SAMPLER_ARG, "a number from 0 to 1").unwrap_or(1.0);
        if !(0.0..=1.0).contains(&part) {
            self.problem(SAMPLER_ARG, "is not within 0 and 1");
        }
        part
    }
}

/// `key=value` with commas between, values percent-encoded where they need be; `None` where it is anything else.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let pair = |part: &str| {
        let (key, value) = part.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        Some((Some(key.trim()).filter(|key| !key.is_empty())?.to_owned(), value.into_owned()))
    };
    parts.map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Config, ConfigError};
    use super::*;

    const COLLECTOR: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.observability:4318");

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let file = |path: &str| match path {
            "/headers" => Ok("api-key=hunter2\n".into()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        };
        Config::read(variables, &file, chrono::DateTime::UNIX_EPOCH)
    }

    fn settings(variables: &[(&str, &str)]) -> Settings {
        read(&[&[COLLECTOR], variables].concat()).unwrap().traces.unwrap()
    }

    #[test]
    fn nothing_is_exported_unless_a_collector_is_named() {
        for variables in [
            &[][..],
            &[("OTEL_SERVICE_NAME", "iw"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
            &[COLLECTOR, ("OTEL_SDK_DISABLED", "True")],
            &[COLLECTOR, ("OTEL_TRACES_EXPORTER", "none"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")],
        ] {
            assert!(read(variables).unwrap().traces.is_none(), "{variables:?}");
        }
        assert!(read(&[COLLECTOR, ("OTEL_SDK_DISABLED", "false")]).unwrap().traces.is_some());
    }

    #[test]
    fn the_endpoint_of_all_signals_gets_the_path_of_traces_and_its_own_is_whole() {
        let endpoint = |name, url| read(&[(name, url)]).unwrap().traces.unwrap().endpoint.to_string();
        let [all, traces] = ENDPOINT;
        assert_eq!(endpoint(all, "http://collector:4318"), "http://collector:4318/v1/traces");
        assert_eq!(endpoint(all, "https://otlp.example.com/base/"), "https://otlp.example.com/base/v1/traces");
        assert_eq!(endpoint(traces, "https://otlp.example.com/t"), "https://otlp.example.com/t");
        assert_eq!(settings(&[(traces, "http://other:4318/x")]).endpoint.as_str(), "http://other:4318/x");
    }

    #[test]
    fn the_usual_settings_are_those_of_the_specification() {
        let usual = settings(&[]);
        assert_eq!((usual.protocol, usual.timeout), (Protocol::Protobuf, Duration::from_secs(10)));
        assert_eq!((usual.sampling, usual.follows_parent), (Sampling::All, true));
        assert!(usual.headers.is_empty());
        assert_eq!(usual.attributes[0], ("service.name".to_owned(), "image-watcher".to_owned()));
    }

    #[test]
    fn what_is_for_traces_wins_over_what_is_for_all_signals() {
        let own = settings(&[
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "2500"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "of=all"),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "Authorization=Basic%20aHVudGVyMg%3D%3D, x-scope = a=b"),
        ]);
        assert_eq!((own.protocol, own.timeout), (Protocol::Json, Duration::from_millis(2500)));
        assert_eq!((own.headers["authorization"].as_bytes(), own.headers.len()), (&b"Basic aHVudGVyMg=="[..], 2));
        assert_eq!(own.headers["x-scope"], "a=b");
        assert!(!format!("{own:?}").contains("hunter2") && !format!("{own:?}").contains("aHVudGVyMg"), "{own:?}");
        assert_eq!(settings(&[("OTEL_EXPORTER_OTLP_HEADERS_FILE", "/headers")]).headers["api-key"], "hunter2");
    }

    #[test]
    fn a_service_says_who_it_is() {
        let named = |variables: &[(&str, &str)]| {
            let attributes = settings(variables).attributes;
            let named: Vec<_> = attributes.into_iter().filter(|(key, _)| key == "service.name").collect();
            let [(_, name)] = &named[..] else { panic!("one name: {named:?}") };
            name.clone()
        };
        let given = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=of%20attributes,deployment.environment.name=prod");
        assert_eq!(named(&[given]), "of attributes");
        assert_eq!(named(&[given, ("OTEL_SERVICE_NAME", "of variable")]), "of variable");
        let environment = ("deployment.environment.name".to_owned(), "prod".to_owned());
        assert!(settings(&[given]).attributes.contains(&environment));
    }

    #[test]
    fn samplers_are_read_by_their_standard_names() {
        let sampler = |word, part| {
            let read = settings(&[("OTEL_TRACES_SAMPLER", word), ("OTEL_TRACES_SAMPLER_ARG", part)]);
            (read.sampling, read.follows_parent)
        };
        assert_eq!(sampler("always_off", ""), (Sampling::None, false));
        assert_eq!(sampler("traceidratio", "0.25"), (Sampling::Part(0.25), false));
        assert_eq!(sampler("parentbased_traceidratio", ""), (Sampling::Part(1.0), true));
        assert_eq!(sampler("parentbased_always_on", "7"), (Sampling::All, true), "it takes no argument");
    }

    #[test]
    fn what_is_wrong_is_told_by_name_and_never_by_value() {
        let [all, traces] = ENDPOINT;
        for (name, value, expected) in [
            (all, "collector:4318", "is no URL"),
            (all, "grpc://collector:4317", "needs http:// or https://"),
            (traces, "https://u:hunter2@collector", "a secret belongs into OTEL_EXPORTER_OTLP_HEADERS"),
            (traces, "https://collector/?token=hunter2", "a secret belongs into"),
            (EXPORTER, "console", "is none of otlp, none"),
            (PROTOCOL[0], "grpc", "set http/protobuf or http/json"),
            (PROTOCOL[1], "hunter2", "is none of http/protobuf, http/json"),
            (HEADERS[0], "hunter2", "headers as api-key=value"),
            (HEADERS[1], "a b=hunter2", "headers as api-key=value"),
            (HEADERS[0], "a=hunter2%0d%0ax:y", "headers as api-key=value"),
            ("OTEL_EXPORTER_OTLP_HEADERS_FILE", "/none", "can't be read"),
            (TIMEOUT[0], "0", "is not within 1 and 60000 milliseconds"),
            (TIMEOUT[1], "10s", "a number of milliseconds is expected"),
            (ATTRIBUTES, "hunter2", "attributes as key=value"),
            (SAMPLER, "jaeger_remote", "is none of parentbased_always_on"),
        ] {
            let error = read(&[&[COLLECTOR][..], &[(name, value)]].concat()).unwrap_err();
            let [problem] = &error.problems[..] else { panic!("one problem: {error}") };
            assert!(problem.variable == name && problem.problem.contains(expected), "{name}: {error}");
            assert!(!error.to_string().contains("hunter"), "{error}");
        }
        let part = [COLLECTOR, (SAMPLER, "traceidratio"), (SAMPLER_ARG, "1.5")];
        assert!(read(&part).unwrap_err().to_string().contains("is not within 0 and 1"));
    }

    #[test]
    fn the_page_about_traces_has_each_variable() {
        let page = include_str!("../../docs/traces.md");
        let missing =
            super::super::names::all().filter(|name| name.starts_with("OTEL_") && !page.contains(&format!("`{name}`")));
        assert_eq!(missing.collect::<Vec<_>>(), [""; 0]);
    }

    #[test]
    fn what_others_read_there_is_told_not_to_be_read() {
        let config =
            read(&[COLLECTOR, ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"), ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca")]);
        let told: Vec<String> = config.unwrap().warnings.into_iter().map(|warning| warning.variable).collect();
        assert_eq!(told, ["OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_COMPRESSION"]);
    }
}

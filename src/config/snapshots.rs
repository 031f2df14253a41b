//! What an operator is told of a configuration, setting by setting.

use super::*;

const MAIL: [(&str, &str); 2] = [("MAIL_FROM", "iw@example.com"), ("MAIL_TO", "a@example.com")];
/// What stands for every secret, and is told nowhere.
const SECRET: &str = "hunter2";

/// Each with the secret in it where it has one.
fn alone() -> Vec<(&'static str, &'static str)> {
    vec![
        ("NODE_ENV", "staging"),
        ("LOG_LEVEL", "LOUD"),
        ("RUN_ON_BOOT", "perhaps"),
        ("IMAGE_WATCHER_DRY_RUN", "perhaps"),
        ("IMAGE_WATCHER_METRICS_PER_WORKLOAD", "some"),
        ("TZ", "Paris"),
        ("HOST", "http://iw"),
        ("PORT", "70000"),
        ("ADMIN_PORT", "3000"),
        ("BASE_URL", "iw.example.com"),
        ("BASE_URL", "http://iw.example.com"),
        ("BASE_URL", "https://iw.example.com/?a=b"),
        ("BASE_URL", "https://iw:hun/ter2@example.com"),
        ("TRUSTED_PROXY", "10.0.0.0/40"),
        ("IMAGE_WATCHER_IDENTITY_HEADER", "Remote User"),
        ("IMAGE_WATCHER_IDENTITY_HEADER", "Cookie"),
        ("IMAGE_WATCHER_IDENTITY_HEADER", "Remote-User"),
        ("IMAGE_WATCHER_IDENTITY_REQUIRED", "TRUE"),
        ("IMAGE_WATCHER_CLUSTER", "prod\n[eu]"),
        ("IMAGE_WATCHER_LANGUAGE", "la"),
        ("IMAGE_WATCHER_MODE", "sometimes"),
        ("IMAGE_WATCHER_STRATEGY", "PACTH"),
        ("IMAGE_WATCHER_STRATGY", "MINOR"),
        ("IMAGE_WATCHER_SCHEDULE", "every day"),
        ("IMAGE_WATCHER_SCHEDULE", "0 0 30 2 *"),
        ("IMAGE_WATCHER_SETTLE", "2h"),
        ("IMAGE_WATCHER_WINDOW", "6m"),
        ("IMAGE_WATCHER_ROLLOUTS_TOTAL", "0"),
        ("IMAGE_WATCHER_ROLLOUTS_PER_NAMESPACE", "some"),
        ("IMAGE_WATCHER_DELETE_BROKEN", "perhaps"),
        ("IMAGE_WATCHER_QUEUE", "kafka://hunter2@kafka:9092"),
        ("IMAGE_WATCHER_QUEUE", "nats://nats:4222/jobs"),
        ("IMAGE_WATCHER_QUEUE", "nats://iw:hunter2@nats:4222"),
        ("IMAGE_WATCHER_NATS_USER", "iw"),
        ("IMAGE_WATCHER_NAMESPACES", "shop,Über"),
        ("IMAGE_WATCHER_PLAIN_HTTP", "http://registry.example.com:5000/"),
        ("IMAGE_WATCHER_LINK_KEY", SECRET),
        ("IMAGE_WATCHER_CONFIG", "/none"),
        ("MAIL_TO", "a@example.com"),
        ("SMTP_URL", "smtp://iw:hunter2@mail.example.com:587"),
        ("SLACK_URL", "http://hooks.example.com/hunter2"),
        ("SLACK_URL", "https://hooks.example.com/hunter2 x"),
        ("WEBHOOK_URL", "https://example.com/hunter2"),
        ("WEBHOOK_SECRET", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
        ("DOCKERHUB_WEBHOOK_TOKEN", ""),
        ("GITHUB_WEBHOOK_SECRET_FILE", "/none"),
        ("REGISTRY_WEBHOOK_TOKEN_FILE", "/empty"),
        ("OPEN_AI_KEY", SECRET),
        ("OPEN_AI_MODEL", "a-model"),
        ("HTTPS_PROXY", "socks5://proxy.example.com:1080"),
        ("HTTP_PROXY", "http://iw:hun/ter2@proxy.example.com:3128"),
        ("HTTP_PROXY", "http://"),
        ("NO_PROXY", "localhost,http://x"),
        ("SSL_CERT_FILE", "/none"),
        ("SSL_CERT_FILE", "/empty"),
        ("DISCORD_URL", "http://discord.example.com/hunter2"),
        ("TEAMS_URL_FILE", "/secret"),
        ("TELEGRAM_TOKEN", SECRET),
        ("TELEGRAM_CHAT", "-42"),
        ("SLACK_BOT_TOKEN", "xoxb-hunter2"),
        ("SLACK_CHANNEL", "C1"),
        ("SLACK_SIGNING_SECRET_FILE", "/none"),
    ]
}

/// Where nothing is wrong yet.
const NATS: (&str, &str) = ("IMAGE_WATCHER_QUEUE", "nats://nats:4222");

/// Those that only show together.
fn together() -> Vec<Vec<(&'static str, &'static str)>> {
    let mail = |url: &'static str| [&[("SMTP_URL", url)], &MAIL[..]].concat();
    let hook = |secret: &'static str| vec![("WEBHOOK_URL", "https://example.com/hook"), ("WEBHOOK_SECRET", secret)];
    vec![
        mail("mail.example.com"),
        mail("smtps://iw@mail.example.com"),
        mail("smtps://iw:hun/ter2@mail.example.com"),
        mail("smtp://mail.example.com?tls=maybe"),
        mail("smtp://mail.example.com?helo=_"),
        mail("smtps://mail.example.com?tls=none"),
        mail("smtp://iw:hunter2@mail.example.com?tls=none"),
        vec![("SMTP_URL", "smtp://mail.example.com"), ("MAIL_FROM", "me"), ("MAIL_TO", "you")],
        hook("hunter2"),
        hook("whsec_aHVudGVyMg=="),
        vec![("GITHUB_TOKEN", SECRET), ("GITHUB_TOKEN_FILE", "/secret")],
        vec![("OPEN_AI_URL", "ftp://x"), ("OPEN_AI_MODEL", "a-model")],
        vec![("OPEN_AI_KEY", SECRET), ("OPENAI_API_KEY", "another"), ("OPEN_AI_MODEL", "a-model")],
        vec![("PORT", "8080"), ("ADMIN_PORT", "8080")],
        nats(("IMAGE_WATCHER_NATS_USER", "iw")),
        nats(("IMAGE_WATCHER_NATS_PASSWORD", SECRET)),
        vec![NATS],
        nats(("IMAGE_WATCHER_NATS_NKEY", SECRET)),
        nats(("IMAGE_WATCHER_NATS_NKEY_FILE", "/none")),
        nats(("IMAGE_WATCHER_NATS_CREDENTIALS", SECRET)),
        nats(("IMAGE_WATCHER_NATS_CERTIFICATE", SECRET)),
        nats(("IMAGE_WATCHER_NATS_KEY", SECRET)),
        [nats(("IMAGE_WATCHER_NATS_CERTIFICATE", SECRET)), vec![("IMAGE_WATCHER_NATS_KEY", SECRET)]].concat(),
        [nats(("IMAGE_WATCHER_NATS_USER", "iw")), vec![("IMAGE_WATCHER_NATS_CREDENTIALS_FILE", "/none")]].concat(),
        vec![("IMAGE_WATCHER_NATS_NKEY", SECRET)],
        nats(("IMAGE_WATCHER_NATS_BUCKET", "prod.eu")),
        nats(("IMAGE_WATCHER_NATS_REPLICAS", "6")),
        vec![("TELEGRAM_TOKEN", SECRET), ("TELEGRAM_CHAT", "-42")],
        vec![("TELEGRAM_TOKEN", "1:hunter2hunter2hunter2"), ("TELEGRAM_CHAT", "ops")],
        vec![("SLACK_BOT_TOKEN", "xoxp-hunter2"), ("SLACK_CHANNEL", "C1")],
        vec![("SLACK_BOT_TOKEN", "xoxb-hunter2"), ("SLACK_CHANNEL", "C1"), ("SLACK_URL", "https://x.example/hunter2")],
        vec![("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")],
        vec![("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "grpc://collector:4317")],
        vec![("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://iw:hunter2@collector.example.com")],
        traces("OTEL_TRACES_EXPORTER", "console"),
        traces("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        traces("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http"),
        traces("OTEL_EXPORTER_OTLP_HEADERS", SECRET),
        traces("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "api key=hunter2"),
        traces("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        traces("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "600000"),
        traces("OTEL_RESOURCE_ATTRIBUTES", "prod"),
        traces("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        [traces("OTEL_TRACES_SAMPLER", "traceidratio"), vec![("OTEL_TRACES_SAMPLER_ARG", "1.5")]].concat(),
    ]
}

/// With the key that a queue on NATS needs.
fn nats(more: (&'static str, &'static str)) -> Vec<(&'static str, &'static str)> {
    vec![NATS, ("IMAGE_WATCHER_LINK_KEY", "a key of thirty-two bytes or more"), more]
}

/// With a collector, as nothing else is judged without.
fn traces(name: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"), (name, value)]
}

const FILES: [&str; 68] = [
    "{",
    "colour: red",
    "portt: 1",
    "rules: [{stategy: MINOR}, {strategy: PACTH, namespaces: [Shop]}, {}]",
    "namespaces: {exept: [a], selector: {matchExpressions: [{key: a, operator: In}]}}",
    "smtpUrl: x\ntimezone: UTC\nport: 1\nport: 2",
    "port: {a: 1}",
    "port: 70000",
    "sources: [{name: A, kind: quay, auth: {secretFiles: [/secret]}}]",
    "sources: [{name: a, kind: fax, auth: {secretFiles: [/secret]}}]",
    "sources: [{name: a, kind: quay}]",
    "sources: [{name: a, kind: quay, colour: red}]",
    "sources: [{name: a, kind: quay, auth: {scheme: handshake}}]",
    "sources: [{name: a, kind: quay, auth: {}}]",
    "sources: [{name: a, kind: quay, auth: {scheme: none, secretFiles: [/secret]}}]",
    "sources: [{name: a, kind: quay, auth: {secretFiles: [/none]}}]",
    "sources: [{name: a, kind: quay, auth: {secretFiles: [/empty]}}]",
    "sources: [{name: a, kind: zot, auth: {secretFiles: [/secret]}}]",
    "sources: [{name: a, kind: gar, auth: {}}]",
    "sources: [{name: a, kind: gar, auth: {audience: x}}]",
    "sources: [{name: a, kind: gar, auth: {audience: x, serviceAccountEmail: y, jwksUrl: 'http://z'}}]",
    "sources: [{name: a, kind: gar, auth: {audience: x, serviceAccountEmail: y, jwksFile: /none}}]",
    "sources: [{name: a, kind: quay, auth: {secretFiles: [/secret]}}, {name: a, kind: quay, auth: {secretFiles: [/secret]}}]",
    "channels: [{name: A, kind: slack, urlFile: /url}]",
    "channels: [{name: a, kind: fax}]",
    "channels: [{name: a, kind: teams}]",
    "channels: [{name: a, kind: email, to: [a@example.com]}]",
    "channels: [{name: a, kind: email, to: [nobody]}]",
    "channels: [{name: a, kind: slack, urlFile: /url, events: [update.dreamt]}]",
    "channels: [{name: a, kind: slack, urlFile: /url, namespaces: [Shop]}]",
    "channels: [{name: a, kind: slack, urlFile: /url, language: la}]",
    "channels: [{name: a, kind: slack}]",
    "channels: [{name: a, kind: slack, urlFile: /secret}]",
    "channels: [{name: a, kind: webhook, urlFile: /url, secretFile: /secret}]",
    "channels: [{name: a, kind: slack, urlFile: /url}, {name: a, kind: slack, urlFile: /url}]",
    "channels: [{name: a, kind: slack, urlFile: /url, tokenFile: /secret}]",
    "channels: [{name: a, kind: slack, tokenFile: /secret}]",
    "channels: [{name: a, kind: slack, urlFile: /url, users: [U1]}]",
    "channels: [{name: a, kind: slack, tokenFile: /bot, channel: '#ops', team: T1, app: A1, users: [U1]}]",
    "channels: [{name: a, kind: slack, tokenFile: /bot, channel: C1, team: T1}]",
    "channels: [{name: a, kind: slack, tokenFile: /secret, channel: C1}]",
    "channels: [{name: a, kind: webhook, urlFile: /url, secretFile: /keys, format: xml}]",
    "channels: [{name: a, kind: discord, urlFile: /url, chat: 1}]",
    "channels: [{name: a, kind: discord, colour: red}]",
    "channels: [{name: a, kind: telegram, tokenFile: /secret}]",
    "channels: [{name: a, kind: telegram, tokenFile: /secret, chat: -42}]",
    "channels: [{name: a, kind: telegram, tokenFile: /bot, chat: ops}]",
    "channels: [{name: a, kind: matrix, tokenFile: /secret, room: '!a:b'}]",
    "channels: [{name: a, kind: matrix, url: 'https://m.example.com', tokenFile: /secret, room: '#a:b'}]",
    "channels: [{name: a, kind: matrix, url: 'http://m.example.com', tokenFile: /secret, room: '!a:b'}]",
    "channels: [{name: a, kind: ntfy, topic: 'a b'}]",
    "channels: [{name: a, kind: ntfy, topic: a, tokenFile: /none}]",
    "channels: [{name: a, kind: gotify, url: 'https://g.example.com/?token=x', tokenFile: /secret}]",
    "channels: [{name: a, kind: gotify, url: 'https://g.example.com', tokenFile: /words}]",
    "channels: [{name: a, kind: pagerduty, keyFile: /secret}]",
    "channels: [{name: a, kind: pagerduty, keyFile: /routing, window: 1m}]",
    "channels: [{name: a, kind: discord, urlFile: /url, quiet: '00:00-24:00'}]",
    "channels: [{name: a, kind: discord, urlFile: /url, quiet: '22:00-07:00; Mon-Fri 07:00-22:00; Sat,Sun 06:00-23:00'}]",
    "channels: [{name: a, kind: mattermost}]",
    "channels: [{name: a, kind: googlechat, urlFile: /secret}]",
    "channels: [{name: a, kind: apprise, urlFile: /none}]",
    "channels: [{name: a, kind: email, to: [a@example.com], format: html}]",
    "registries: [{host: 'https://registry.example.com', api: 'http://10.0.0.7', username: reader, requestsPerMinute: 0}]",
    "registries: [{host: registry.example.com, api: 'https://10.0.0.7:5443', ca: /none, clientCert: /url, tokenServices: [auth]}]",
    "registries: [{host: registry.example.com, plainHTTP: true}]",
    "forges: [{host: a/b, kind: gitea}]",
    "forges: [{host: git.example.com, kind: svn}, {host: git.example.com}]",
    "forges: [{host: github.com, owners: ['https://github.com/acme']}]",
];

fn read(variables: &[(&str, &str)], yaml: &str) -> Result<Config, ConfigError> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let file = |path: &str| match path {
        "/c.yaml" => Ok(yaml.to_owned()),
        "/secret" => Ok(format!("{SECRET}\n")),
        "/url" => Ok("https://hooks.example.com/hunter2".to_owned()),
        "/bot" => Ok("1:hunter2hunter2hunter2".to_owned()),
        "/routing" => Ok("hunter2hunter2hunter2hunter2hunt".to_owned()),
        "/words" => Ok("two hunter2".to_owned()),
        "/keys" => Ok("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".to_owned()),
        "/empty" => Ok("\n".to_owned()),
        "/two" => Ok(format!("{SECRET}\r\nanother\r\n")),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    Config::read(variables, &file, DateTime::from_timestamp(1_795_000_000, 0).unwrap())
}

/// What is told, after what caused it.
fn told(cause: &str, read: Result<Config, ConfigError>) -> String {
    let error = read.expect_err(cause);
    let said = error.to_string();
    assert!(!said.contains(SECRET) && !said.contains("ter2"), "a secret is told: {said}");
    let (_, problems) = said.split_once('\n').unwrap();
    format!("{cause}\n{problems}\n\n")
}

fn written(variables: &[(&str, &str)]) -> String {
    variables.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_setting_that_is_wrong() {
    let all: String = alone().into_iter().map(|one| told(&written(&[one]), read(&[one], ""))).collect();
    insta::assert_snapshot!(all);
}

#[test]
fn settings_that_do_not_go_together() {
    let all: String = together().iter().map(|many| told(&written(many), read(many, ""))).collect();
    insta::assert_snapshot!(all);
}

#[test]
fn a_file_that_is_wrong() {
    let variables = [("IMAGE_WATCHER_CONFIG", "/c.yaml")];
    let all: String = FILES.iter().map(|yaml| told(yaml, read(&variables, yaml))).collect();
    insta::assert_snapshot!(all);
}

/// As it is printed at the start.
#[test]
fn everything_that_is_wrong_at_once() {
    let variables = [
        ("IMAGE_WATCHER_STRATGY", "MINOR"),
        ("IMAGE_WATCHER_CONFIG", "/c.yaml"),
        ("PORT", "70000"),
        ("SMTP_URL", "smtp://iw:hunter2@mail.example.com:587"),
    ];
    let error = read(&variables, "channels: [{name: a, kind: fax}]").unwrap_err();
    insta::assert_snapshot!(error);
}

#[test]
fn what_works_and_may_not_be_meant() {
    let relay = [&[("SMTP_URL", "smtp://relay.example.com:25?tls=none")], &MAIL[..]].concat();
    let cases: [(&[(&str, &str)], &str); 12] = [
        (&[("SLACK_WEBHOOK_URL", "https://hooks.example.com/hunter2")], ""),
        (&[("SMTP_PASSWORD", SECRET)], ""),
        (&[("GH_TOKEN", SECRET)], ""),
        (&[("DISCORD_WEBHOOK_URL", "https://discord.example.com/hunter2")], ""),
        (&[("TELEGRAM_BOT_TOKEN", SECRET)], ""),
        (&[("NTFY_TOPIC", SECRET)], ""),
        (&[("MSTEAMS_WEBHOOK_URL", "https://teams.example.com/hunter2")], ""),
        (&[("HARBOR_WEBHOOK_SECRET", SECRET)], ""),
        (&[("BASE_URL_FILE", "/url")], ""),
        (&[("ADMIN_PORT", "tcp://10.0.0.9:80")], ""),
        (&relay, ""),
        (&[("IMAGE_WATCHER_CONFIG", "/c.yaml")], "sources: [{name: open, kind: quay, auth: {scheme: none}}]"),
    ];
    let told = |(variables, yaml): (&[(&str, &str)], &str)| {
        let warnings = read(variables, yaml).unwrap().warnings;
        assert!(!format!("{warnings:?}").contains(SECRET), "a secret is told: {warnings:?}");
        let lines = warnings.iter().map(|warning| format!("  {}  {}\n", warning.variable, warning.problem));
        format!("{}\n{}\n", written(variables), lines.collect::<String>())
    };
    let all = cases.map(told).concat();
    insta::assert_snapshot!(all);
}

#[test]
fn each_setting_is_here() {
    let here: Vec<&str> = alone().into_iter().chain(together().into_iter().flatten()).map(|(name, _)| name).collect();
    let not_wrong = [
        "IMAGE_WATCHER_DATA",
        "IMAGE_WATCHER_TEMPLATES",
        "OPENAI_BASE_URL",
        "OPENAI_MODEL",
        "OTEL_SDK_DISABLED",
        "OTEL_SERVICE_NAME",
    ];
    let is_here = |name: &&str| {
        let by_file = format!("{name}_FILE");
        here.iter().any(|here| here == name || **here == by_file) || not_wrong.contains(name)
    };
    let missing: Vec<&str> = names::all().filter(|name| !is_here(name)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn a_secret_of_two_lines_is_refused_by_its_name() {
    let two = |name: &'static str| read(&[(name, "/two")], "").map(|_| ()).unwrap_err().to_string();
    for name in ["GITHUB_TOKEN_FILE", "IMAGE_WATCHER_LINK_KEY_FILE", "GITHUB_WEBHOOK_SECRET_FILE"] {
        let told = two(name);
        let variable = name.trim_end_matches("_FILE");
        assert!(told.contains(variable) && told.contains("more than one line"), "{name}: {told}");
        assert!(!told.contains(SECRET), "{told}");
    }
}

/// Row 27 of the design's table.
#[test]
fn recipients_that_are_none_are_refused() {
    let mail = |to: &str| {
        [("SMTP_URL", "smtps://mail.example.com"), ("MAIL_FROM", "iw@example.com"), ("MAIL_TO", to)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    for to in ["a@b.example\r\nBcc:c@d.example", "a@b.example\nc", "a b@c.example", "@c.example", ",", "a@b.example,,x"]
    {
        let variables = mail(to);
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
        let error = read(&variables, "").unwrap_err().to_string();
        assert!(error.contains("MAIL_TO") && !error.contains("Bcc"), "{to:?}: {error}");
    }
    let variables = [
        ("IMAGE_WATCHER_CONFIG", "/c.yaml"),
        ("SMTP_URL", "smtps://mail.example.com"),
        ("MAIL_FROM", "iw@example.com"),
    ];
    for to in ["[]", "['a@b.example\r\nBcc:c@d.example']", "[\"a@b.example\\r\\nBcc: c@d.example\"]", "['']"] {
        let error =
            read(&variables, &format!("channels: [{{name: a, kind: email, to: {to}}}]")).unwrap_err().to_string();
        assert!(error.contains("channels[0].to"), "{to}: {error}");
    }
    let many: Vec<String> = (0..200).map(|n| format!("person-{n}@example.com")).collect();
    let config = read(&variables, &format!("channels: [{{name: a, kind: email, to: {many:?}}}]")).unwrap();
    assert_eq!(config.channels.len(), 1);
}

/// Faults r25d-4 and r25d-6.
#[test]
fn a_channel_is_told_of_the_events_and_namespaces_that_it_names() {
    let scope = |said: &str| {
        let yaml = format!("channels: [{{name: a, kind: discord, urlFile: /url{said}}}]");
        read(&[("IMAGE_WATCHER_CONFIG", "/c.yaml")], &yaml).unwrap().channels.remove(0).scope
    };
    let events = |said| (scope(said).events, scope(said).troubles);
    let applied = crate::domain::event::NoticeKind::Applied;
    assert_eq!(events(""), (None, false), "what is usual");
    assert_eq!(events(", events: []"), (None, false));
    assert_eq!(events(", events: [watcher.error]"), (Some(Vec::new()), true), "nothing else");
    assert_eq!(events(", events: [update.applied]"), (Some(vec![applied]), false));
    let of = |said| ["shop", "team-a", "kube-system"].map(|name| scope(said).namespaces.admits(name, None));
    assert_eq!(of(""), [true; 3]);
    assert_eq!(of(", namespaces: [team-*]"), [false, true, false]);
    assert_eq!(of(", namespaces: ['!kube-*']"), [true, true, false]);
    assert_eq!(of(", namespaces: [shop]"), [true, false, false]);
}

/// Row 37 of the design's table.
#[test]
fn quiet_hours_that_are_none_are_refused() {
    let variables = [("IMAGE_WATCHER_CONFIG", "/c.yaml")];
    for (quiet, zone, key) in [
        ("22:00-07:00 Mars/Olympus", "Europe/Paris", "quiet"),
        ("22:00-25:00", "Europe/Paris", "quiet"),
        ("at night", "Europe/Paris", "quiet"),
        // Fault r28-15: nothing that is not urgent would ever be sent.
        ("00:00-24:00", "Europe/Paris", "quiet"),
        ("Mon-Sun 00:00-12:00; 12:00-00:00", "Europe/Paris", "quiet"),
        ("06:00-05:00; 04:00-07:00 UTC", "Europe/Paris", "quiet"),
        ("22:00-07:00", "Mars/Olympus", "zone"),
    ] {
        let yaml = format!("channels: [{{name: a, kind: discord, urlFile: /url, zone: {zone}, quiet: '{quiet}'}}]");
        let error = read(&variables, &yaml).unwrap_err().to_string();
        assert!(error.contains(&format!("channels[0].{key}")), "{quiet} {zone}: {error}");
    }
    for quiet in ["22:00-07:00", "Mon-Sat 00:00-24:00; Sun 00:00-23:59"] {
        let yaml =
            format!("channels: [{{name: a, kind: discord, urlFile: /url, zone: Europe/Paris, quiet: '{quiet}'}}]");
        assert!(read(&variables, &yaml).unwrap().channels[0].scope.quiet.is_some(), "{quiet}");
    }
}

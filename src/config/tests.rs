use super::*;
use crate::listener::Addresses;

fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::read(
        variables,
        &|path| match path {
            "/secret" => Ok("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n".into()),
            "/empty" => Ok("\n".into()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        },
        now(),
    )
}

fn problems(variables: &[(&str, &str)]) -> Vec<String> {
    let error = read(variables).unwrap_err();
    error.problems.iter().map(|p| format!("{}: {}", p.variable, p.problem)).collect()
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

fn warnings(variables: &[(&str, &str)]) -> Vec<String> {
    let warnings = read(variables).unwrap().warnings;
    warnings.iter().map(|warning| format!("{}: {}", warning.variable, warning.problem)).collect()
}

#[test]
fn nothing_has_to_be_set() {
    let config = read(&[]).unwrap();
    assert!(!config.development && config.channels.is_empty() && config.sources.is_empty());
    assert_eq!(config.public, Listen { on: Addresses::All, port: 3000 });
    assert_eq!(config.private, Listen { on: Addresses::All, port: 9090 });
    assert_eq!(config.warnings, []);
    assert!(config.schedule.is_some(), "the poller is the safety net");
}

#[test]
fn how_many_updates_roll_at_once_is_not_bounded_unless_set() {
    use std::num::NonZeroU32;

    let limits = |total, namespace| {
        let names = ["IMAGE_WATCHER_ROLLOUTS_TOTAL", "IMAGE_WATCHER_ROLLOUTS_PER_NAMESPACE"];
        let read = read(&[(names[0], total), (names[1], namespace)]).map(|config| config.rollouts).ok()?;
        Some((read.total.map(NonZeroU32::get), read.per_namespace.map(NonZeroU32::get)))
    };
    assert_eq!((limits("", ""), limits("5", "2")), (Some((None, None)), Some((Some(5), Some(2)))));
    for wrong in ["0", "-1", "many", "99999999999"] {
        assert_eq!((limits(wrong, ""), limits("", wrong)), (None, None), "{wrong}");
    }
}

#[test]
fn a_settle_time_is_a_duration_of_an_hour_at_most() {
    let settle = |text| read(&[("IMAGE_WATCHER_SETTLE", text)]).map(|config| config.settle.as_secs()).ok();
    assert_eq!((settle(""), settle("0s"), settle("90s"), settle("1h")), (Some(60), Some(0), Some(90), Some(3600)));
    for wrong in ["61m", "1", "soon", "-1s"] {
        assert_eq!(settle(wrong), None, "{wrong}");
    }
}

#[test]
fn an_empty_schedule_turns_the_poller_off() {
    assert!(read(&[("IMAGE_WATCHER_SCHEDULE", "")]).unwrap().schedule.is_none());
}

#[test]
fn every_problem_is_told_at_once_and_no_value() {
    let told = problems(&[
        ("IMAGE_WATCHER_STRATGY", "MINOR"),
        ("IMAGE_WATCHER_MODE", "sometimes"),
        ("PORT", "70000"),
        ("SMTP_URL", "smtp://user:hunter2@mail.example.com:587"),
        ("WEBHOOK_URL", "https://example.com/hook"),
        ("IMAGE_WATCHER_SCHEDULE", "every day"),
        ("BASE_URL", "iw.example.com"),
        ("GITHUB_WEBHOOK_SECRET", ""),
        ("IMAGE_WATCHER_LINK_KEY", "short"),
        ("HOST", "http://iw"),
        ("RUN_ON_BOOT", "perhaps"),
        ("IMAGE_WATCHER_PLAIN_HTTP", "http://registry.example.com:5000/"),
    ]);
    assert_eq!(told.len(), 13, "{told:#?}");
    let all = told.join("\n");
    assert!(all.contains("IMAGE_WATCHER_STRATGY: unknown variable; did you mean IMAGE_WATCHER_STRATEGY?"), "{all}");
    assert!(!all.contains("hunter2") && !all.contains("short"), "{all}");
}

#[test]
fn a_secret_is_read_from_its_file() {
    let config = read(&[("WEBHOOK_URL", "https://example.com/h"), ("WEBHOOK_SECRET_FILE", "/secret")]).unwrap();
    assert_eq!(config.channels.len(), 1);
    assert!(!format!("{config:?}").contains("AAECAwQF"), "a secret must not be printed");
    let both = problems(&[("REGISTRY_WEBHOOK_TOKEN", "a"), ("REGISTRY_WEBHOOK_TOKEN_FILE", "/secret")]);
    assert_eq!(both, ["REGISTRY_WEBHOOK_TOKEN: set twice, also by REGISTRY_WEBHOOK_TOKEN_FILE; keep one"]);
    let missing = problems(&[("REGISTRY_WEBHOOK_TOKEN_FILE", "/none")]);
    assert!(missing[0].starts_with("REGISTRY_WEBHOOK_TOKEN_FILE: the file can't be read"), "{missing:?}");
    assert_eq!(problems(&[("REGISTRY_WEBHOOK_TOKEN_FILE", "/empty")]).len(), 1);
}

#[test]
fn the_queue_is_a_file_or_stands_on_nats() {
    let key = ("IMAGE_WATCHER_LINK_KEY", "a key of thirty-two bytes or more");
    let queue = |variables: &[(&str, &str)]| read(&[variables, &[key]].concat()).unwrap().queue;
    assert!(matches!(queue(&[]), QueueConfig::Sqlite));
    assert!(matches!(queue(&[("IMAGE_WATCHER_QUEUE", "sqlite")]), QueueConfig::Sqlite));
    let nats = |variables: &[(&str, &str)]| match queue(variables) {
        QueueConfig::Nats(nats) => nats,
        QueueConfig::Sqlite => panic!("it is on NATS"),
    };
    let one = nats(&[("IMAGE_WATCHER_QUEUE", "nats://nats:4222")]);
    assert_eq!((one.servers.len(), one.replicas, one.buckets.as_str()), (1, 1, "image-watcher"));
    let three = [("IMAGE_WATCHER_QUEUE", "tls://a, tls://b:4222,nats://c")];
    assert_eq!((nats(&three).servers.len(), nats(&three).replicas), (3, 3), "whoever names three has three");
    let user = [
        three[0],
        ("IMAGE_WATCHER_NATS_USER", "iw"),
        ("IMAGE_WATCHER_NATS_PASSWORD_FILE", "/secret"),
        ("IMAGE_WATCHER_NATS_BUCKET", "prod"),
        ("IMAGE_WATCHER_NATS_REPLICAS", "5"),
    ];
    let known = nats(&user);
    let crate::queue::nats::Login::User { name, password } = &known.login else { panic!("{:?}", known.login) };
    assert_eq!(password.file.as_deref(), Some(std::path::Path::new("/secret")));
    let secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    assert_eq!((name.as_str(), password.first.expose()), ("iw", secret));
    assert_eq!((known.buckets.as_str(), known.replicas), ("prod", 5));
}

#[test]
fn a_file_says_what_the_environment_does_not() {
    let with = |variables: &[(&str, &str)]| {
        let all = variables.iter().chain(&[("IMAGE_WATCHER_CONFIG", "/c.yaml")]);
        let all = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::read(
            all,
            &|path| match path {
                "/c.yaml" => {
                    Ok("port: 1\nhost: 127.0.0.1\nsources: [{name: hub, kind: dockerhub, auth: {secretFiles: [/s]}}]"
                        .into())
                }
                "/s" => Ok("t".into()),
                _ => Err(std::io::ErrorKind::NotFound.into()),
            },
            now(),
        )
    };
    let config = with(&[("PORT", "2"), ("DOCKERHUB_WEBHOOK_TOKEN", "t")]).unwrap();
    assert_eq!(config.public, Listen { on: Addresses::One([127, 0, 0, 1].into()), port: 2 });
    let names: Vec<&str> = config.sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(names, ["dockerhub", "hub"]);
    assert_eq!(problems(&[("IMAGE_WATCHER_CONFIG", "/none")]).len(), 1);
}

#[test]
fn a_file_has_channels_of_its_own() {
    let read = |channels: &str| {
        let yaml = format!("mailFrom: iw@example.com\nchannels: [{channels}]");
        let variables = [("IMAGE_WATCHER_CONFIG", "/c.yaml"), ("SMTP_URL", "smtps://mail.example.com")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Config::read(
            variables,
            &|path| match path {
                "/c.yaml" => Ok(yaml.clone()),
                "/url" => Ok("https://hooks.example.com/x\n".into()),
                _ => Err(std::io::ErrorKind::NotFound.into()),
            },
            now(),
        )
    };
    let channels = read(
        "{name: oncall, kind: email, to: [a@example.com], events: [update.failed], namespaces: [shop], language: fr}, \
         {name: chat, kind: slack, urlFile: /url}",
    );
    let channels = channels.unwrap().channels;
    let [oncall, chat] = &channels[..] else { panic!("two channels: {channels:?}") };
    assert_eq!(
        (oncall.name.as_str(), oncall.scope.events.as_ref().map_or(0, Vec::len), oncall.scope.language.code()),
        ("oncall", 1, "fr")
    );
    assert!(
        matches!(chat.destination, channel::Destination::Service(_)) && chat.scope == crate::notify::Scope::default()
    );
    for (entry, expected) in [
        ("{name: A, kind: email}", "channels[0].name"),
        ("{name: a, kind: fax}", "channels[0].kind"),
        ("{name: a, kind: discord}", "channels[0].urlFile"),
        ("{name: a, kind: email}", "channels[0].to"),
        ("{name: a, kind: email, to: [nobody]}", "channels[0].to"),
        ("{name: a, kind: email, to: [a@b.c], events: [update.dreamt]}", "channels[0].events"),
        ("{name: a, kind: email, to: [a@b.c], language: la}", "channels[0].language"),
        ("{name: a, kind: slack}", "channels[0].urlFile"),
        ("{name: a, kind: webhook, urlFile: /url}", "channels[0].secretFile"),
        ("{name: a, kind: slack, urlFile: /url}, {name: a, kind: slack, urlFile: /url}", "channels[1].name"),
    ] {
        let problems = read(entry).unwrap_err().problems;
        assert!(problems.iter().any(|problem| problem.variable.ends_with(expected)), "{entry}: {problems:?}");
    }
}

/// I1: whoever may make a Service chooses the names of these variables.
#[test]
fn services_are_nobodys_settings() {
    let of_services = [
        ("IMAGE_WATCHER_SERVICE_HOST", "10.0.0.7"),
        ("IMAGE_WATCHER_SERVICE_PORT", "80"),
        ("IMAGE_WATCHER_SERVICE_PORT_PUBLIC", "80"),
        ("IMAGE_WATCHER_PORT", "tcp://10.0.0.7:80"),
        ("IMAGE_WATCHER_PORT_80_TCP", "tcp://10.0.0.7:80"),
        ("IMAGE_WATCHER_PORT_80_TCP_PROTO", "tcp"),
        ("IMAGE_WATCHER_PORT_80_TCP_PORT", "80"),
        ("IMAGE_WATCHER_PORT_80_TCP_ADDR", "10.0.0.7"),
        ("IMAGE_WATCHER_MODE_PORT", "tcp://[fd00::7]:80"),
        ("SMTP_PORT", "tcp://10.0.0.8:25"),
        ("SMTP_SERVICE_HOST", "10.0.0.8"),
    ];
    let config = read(&of_services).unwrap();
    assert_eq!(config.warnings, [], "they are no near misses either");
    assert_eq!(config.forced, Forced::default());
    let admin = [("ADMIN_PORT", "tcp://10.0.0.9:80")];
    assert_eq!(read(&admin).unwrap().private.port, 9090);
    assert!(warnings(&admin)[0].starts_with("ADMIN_PORT: is the address of a Service"));
    assert_eq!(read(&[("ADMIN_PORT", "9091")]).unwrap().private.port, 9091);
    for (name, value) in [("ADMIN_PORT", "tcp://admin:80"), ("PORT", "http"), ("IMAGE_WATCHER_PORT", "8080")] {
        assert_eq!(problems(&[(name, value)]).len(), 1, "a person's {name}={value}");
    }
}

#[test]
fn what_is_said_of_registries_and_of_who_is_told_has_one_fingerprint() {
    let of = |variables: &[(&str, &str)]| read(variables).unwrap().of_others();
    let mail = [("SMTP_URL", "smtps://user:secret@mail.example.com"), ("MAIL_FROM", "a@example.com")];
    let mail = |more: &[(&'static str, &'static str)]| of(&[&mail[..], &[("MAIL_TO", "b@example.com")], more].concat());
    assert_eq!(mail(&[("LOG_LEVEL", "DEBUG"), ("PORT", "3001")]), mail(&[]), "what changes nothing of them");
    let of_a_pod = [("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=image-watcher-7d9f"), ("GITHUB_TOKEN", "token")];
    assert_eq!(mail(&of_a_pod), mail(&[]), "nor does what is another in each pod");
    assert_eq!(mail(&[("IMAGE_WATCHER_MODE", "NOTIFICATION")]), mail(&[]), "nor what a look decides by anyway");
    assert_ne!(mail(&[("NO_PROXY", "registry.example.com")]), mail(&[]), "how a registry is reached");
    let other = [
        ("SMTP_URL", "smtps://user:other@mail.example.com"),
        ("MAIL_FROM", "a@example.com"),
        ("MAIL_TO", "b@example.com"),
    ];
    assert_eq!(of(&other), mail(&[]), "of a secret that it is there");
    for different in [of(&[]), mail(&[("SLACK_URL", "https://hooks.example.com/1")])] {
        assert_ne!(different, mail(&[]));
    }
}

/// I1, as a kind: no Service, called like a variable of ours or like the beginning of one, changes a setting.
#[test]
fn no_service_changes_a_setting() {
    let set = |config: Config| format!("{:?}", Config { warnings: Vec::new(), ..config });
    let nothing = set(read(&[]).unwrap());
    for name in names::all() {
        let ends = name.match_indices('_').map(|(end, _)| end).chain([name.len()]);
        for service in ends.map(|end| &name[..end]) {
            for port in ["FILE", "PUBLIC", name] {
                let variables = [
                    (format!("{service}_SERVICE_HOST"), "10.0.0.7"),
                    (format!("{service}_SERVICE_PORT"), "80"),
                    (format!("{service}_SERVICE_PORT_{port}"), "80"),
                    (format!("{service}_PORT"), "tcp://10.0.0.7:80"),
                    (format!("{service}_PORT_80_TCP"), "tcp://10.0.0.7:80"),
                    (format!("{service}_PORT_80_TCP_PROTO"), "tcp"),
                    (format!("{service}_PORT_80_TCP_PORT"), "80"),
                    (format!("{service}_PORT_80_TCP_ADDR"), "10.0.0.7"),
                ];
                let variables: Vec<(&str, &str)> =
                    variables.iter().map(|(name, value)| (name.as_str(), *value)).collect();
                let config = read(&variables).unwrap();
                let mistaken = config.warnings.iter().find(|warning| !warning.problem.contains("of a Service"));
                assert_eq!(mistaken, None, "{service}");
                assert_eq!(set(config), nothing, "{service}");
            }
        }
    }
}

#[test]
fn a_switch_is_on_or_off_in_any_usual_word() {
    let run = |word: &str| read(&[("RUN_ON_BOOT", word)]).map(|config| config.run_on_boot).ok();
    for word in ["TRUE", "true", "True", "1", "yes", "YES", "on", "On", " true "] {
        assert_eq!(run(word), Some(true), "{word:?}");
    }
    for word in ["", " ", "FALSE", "false", "0", "no", "No", "off", "OFF"] {
        assert_eq!(run(word), Some(false), "{word:?}");
    }
    for word in ["2", "y", "enabled", "-1", "tru", "null"] {
        assert_eq!(run(word), None, "{word:?}");
    }
}

#[test]
fn a_schedule_that_never_fires_is_told_by_name() {
    let told = problems(&[("IMAGE_WATCHER_SCHEDULE", "0 0 30 2 *")]);
    assert!(told[0].starts_with("IMAGE_WATCHER_SCHEDULE: never fires"), "{told:?}");
    assert_eq!(problems(&[("IMAGE_WATCHER_SCHEDULE", "0 0 0 1 1 * 2020")]).len(), 1, "a year that is over");
}

#[test]
fn a_name_that_is_nearly_ours_is_told_and_no_error() {
    let told = warnings(&[
        ("SLACK_WEBHOOK_URL", "https://hooks.slack.example/s3cret"),
        ("SMTP_PASSWORD", "hunter2"),
        ("GH_TOKEN", "s3cret"),
        ("HOME", "/root"),
    ]);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(!told.concat().contains("s3cret") && !told.concat().contains("hunter2"), "{told:?}");
}

/// M5: a password that ends the host early would be dialled elsewhere.
#[test]
fn a_broken_user_part_is_refused_for_every_url() {
    let broken = "https://iw:12/3ab@example.com/x";
    for (name, more) in [
        ("WEBHOOK_URL", ("WEBHOOK_SECRET_FILE", "/secret")),
        ("SLACK_URL", ("TZ", "UTC")),
        ("BASE_URL", ("TZ", "UTC")),
        ("OPEN_AI_URL", ("OPEN_AI_MODEL", "m")),
    ] {
        for environment in ["production", "development"] {
            let told = problems(&[(name, broken), more, ("NODE_ENV", environment)]);
            assert!(told[0].starts_with(name) && told[0].contains("percent-encode"), "{told:?}");
            assert!(!told[0].contains("3ab"), "{told:?}");
        }
    }
    let mail = [("MAIL_FROM", "iw@example.com"), ("MAIL_TO", "a@example.com")];
    let told = problems(&[("SMTP_URL", "smtps://iw:12/3ab@mail.example.com"), mail[0], mail[1]]);
    assert!(told[0].starts_with("SMTP_URL: has a /") && told[0].contains("percent-encode"), "{told:?}");
}

#[test]
fn what_is_unsafe_and_allowed_is_told_at_each_start() {
    let with = |url: &'static str| [("SMTP_URL", url), ("MAIL_FROM", "iw@example.com"), ("MAIL_TO", "a@example.com")];
    let told = warnings(&with("smtp://relay.example.com:25?tls=none"));
    assert!(matches!(&told[..], [one] if one.starts_with("SMTP_URL: says tls=none")), "{told:?}");
    assert!(warnings(&with("smtp://127.0.0.1:1025?tls=none")).is_empty(), "nobody listens between");
    let yaml = "sources: [{name: open, kind: quay, auth: {scheme: none}}]";
    let config = Config::read([("IMAGE_WATCHER_CONFIG".into(), "/c".into())], &|_| Ok(yaml.into()), now()).unwrap();
    assert!(matches!(&config.warnings[..], [one] if one.variable == "sources: open"), "{:?}", config.warnings);
}

#[test]
fn a_source_has_a_url_without_its_secret() {
    let urls = |base: &[(&str, &str)]| {
        let tokens = [("DOCKERHUB_WEBHOOK_TOKEN", "s3cret"), ("GITHUB_WEBHOOK_SECRET", "s3cret")];
        let config = read(&[&tokens, base].concat()).unwrap();
        config.sources.iter().map(|source| config.webhook_url(source)).collect::<Vec<_>>()
    };
    assert_eq!(urls(&[]), ["/webhooks/dockerhub?token=SECRET", "/webhooks/github"]);
    for base in ["https://ops.example.com/iw", "https://ops.example.com/iw/"] {
        let expected = [
            "https://ops.example.com/iw/webhooks/dockerhub?token=SECRET",
            "https://ops.example.com/iw/webhooks/github",
        ];
        assert_eq!(urls(&[("BASE_URL", base)]), expected);
    }
}

#[test]
fn plain_links_are_for_development() {
    assert_eq!(problems(&[("BASE_URL", "http://iw.example.com")]).len(), 1);
    assert!(read(&[("BASE_URL", "http://iw.example.com"), ("NODE_ENV", "development")]).is_ok());
    assert_eq!(read(&[("BASE_URL", "https://ops.example.com/iw")]).unwrap().base_url.unwrap().path(), "/iw");
}

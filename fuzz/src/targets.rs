//! What is fed to what, and what has to hold.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use chrono::DateTime;
use image_watcher::cluster::keyring::{self, Entries, Format};
use image_watcher::config::source::SourceKind;
use image_watcher::domain::approval::Token;
use image_watcher::domain::declared;
use image_watcher::domain::history::History;
use image_watcher::domain::plain::is_harmful;
use image_watcher::domain::policy::Order;
use image_watcher::domain::policy::{Cooldown, KnownSince, Outcome, Pattern, Policy, Selection, Strategy, decide};
use image_watcher::domain::reference::{ImageReference, Repository, Tag};
use image_watcher::domain::release_url::ReleaseUrl;
use image_watcher::domain::tag::Version;
use image_watcher::domain::tags::TagList;
use image_watcher::intake::{self, Delivery};
use image_watcher::registry::{self, Next};
use url::Url;

/// One way to feed bytes to the library.
pub(crate) type Target = fn(&[u8]);

/// All of them, by name; of the dialects there is one for each kind of source.
pub(crate) fn of(name: &str) -> Option<Target> {
    let domain: [(&str, Target); 9] = [
        ("tag", tag),
        ("reference", reference),
        ("annotations", annotations),
        ("decision", decision),
        ("markdown", markdown),
        ("keyring", keyring),
        ("link", link),
        ("challenge", challenge),
        ("page", page),
    ];
    domain.into_iter().find(|(known, _)| *known == name).map(|(_, target)| target)
}

/// Any bytes are answered, and no repository or tag outside the grammars comes out. The first line may hold headers, as
/// `name: value` with `;` between them.
pub(crate) fn delivery(kind: SourceKind, data: &[u8]) {
    let (head, body) = match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (&[][..], data),
    };
    let mut headers = HeaderMap::new();
    for line in String::from_utf8_lossy(head).split(';') {
        if let Some((name, value)) = line.split_once(':')
            && let (Ok(name), Ok(value)) = (HeaderName::try_from(name.trim()), HeaderValue::from_str(value.trim()))
        {
            headers.append(name, value);
        }
    }
    if let Ok(Delivery::Pushes(pushes)) = intake::read(kind, &headers, body) {
        assert!(!pushes.is_empty() && pushes.len() <= 1_000_000);
        for push in pushes {
            assert_eq!(Repository::parse(push.repository.as_str()).as_ref(), Ok(&push.repository));
            assert!(push.tag.is_none_or(|tag| Tag::is_valid(tag.as_str())));
        }
    }
}

/// An image in the first line, the value of a secret in the rest: who fits is one of its entries, the same for two of it.
fn keyring(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let image = keyring::name_of(&String::from_utf8_lossy(&data[..end]));
    let value = data.get(end + 1..).unwrap_or_default();
    for format in [Format::DockerConfigJson, Format::DockerCfg] {
        let Ok(entries) = Entries::read(format, value) else { continue };
        let once = keyring::choose([&entries], &image);
        let twice = keyring::choose([&entries, &entries], &image);
        assert!(twice.len() == 2 * once.len() && (once.is_empty() || !entries.is_empty()));
        let first = twice.iter().filter(|choice| choice.secret == 0).map(|choice| choice.number);
        assert!(first.eq(once.iter().map(|choice| choice.number)));
        let _ = entries.bytes();
    }
}

/// Whatever `Link` lines say, the list stays where it is: of a next page only the query is theirs.
fn link(data: &[u8]) {
    let current = Url::parse("https://registry.example.com:5000/v2/shop/app/tags/list?n=1000").unwrap();
    if let Next::Page(mut page) = registry::next_page(data.split(|byte| *byte == b'\n'), &current) {
        assert!(page.query().is_some_and(|query| !query.is_empty()) && page.fragment().is_none());
        page.set_query(current.query());
        assert_eq!(page, current);
    }
}

/// Whatever `WWW-Authenticate` lines say, a credential goes to the registry itself or the service that is known to be its
/// own, and a token is for reading.
fn challenge(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for (name, own) in [("registry.example.com/a", "registry.example.com"), ("nginx", "auth.docker.io")] {
        let repository = Repository::parse(name).unwrap();
        for led in registry::leads(text.split('\n'), &repository) {
            assert!(led.url.scheme() == "https" && led.url.username().is_empty() && led.url.password().is_none());
            let host = led.url.host_str().unwrap_or_default();
            let is_own = host == own || (name == "nginx" && host == "registry-1.docker.io");
            assert!(!led.is_entitled || (is_own && led.url.port().is_none()), "{}", led.url);
            assert!((1..=4).contains(&led.scopes.len()));
            for scope in led.scopes {
                assert!(scope.len() <= 1024 && (!scope.contains(':') || scope.ends_with(":pull")), "{scope}");
            }
        }
    }
}

/// However a page is cut on its way, it is the same; every tag is one.
fn page(data: &[u8]) {
    let (at, body) = data.split_first().map_or((0, data), |(at, body)| (usize::from(*at), body));
    let whole = registry::read_page([body]);
    let (front, back) = body.split_at(at.min(body.len()));
    assert_eq!(registry::read_page([front, back]), whole);
    assert_eq!(registry::read_page(body.chunks(1)), whole);
    assert!(whole.unwrap_or_default().iter().all(|tag| Tag::is_valid(tag)));
}

/// Reading a tag gives it back; its order is one.
fn tag(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (one, other) = text.split_once('\n').unwrap_or((&text, ""));
    let Some(version) = Version::ordered(one) else { return };
    assert_eq!(version.to_string(), one);
    assert!(version.compare(&version).is_eq() && version.difference(&version).is_none());
    let _ = (version.items().count(), version.is_prerelease(), version.literals(), version.integer());
    if let Some(another) = Version::ordered(other) {
        assert_eq!(version.compare(&another), another.compare(&version).reverse());
        assert_eq!(version.difference(&another).is_some(), another.difference(&version).is_some());
        let _ = (version.level_to(&another), version.counts_otherwise(&another), version.same_channel(&another), version.prefer(&another, &version));
    }
}

/// What is read as a reference is canonical, and its parts are in their grammars.
fn reference(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(image) = ImageReference::parse(&text) {
        let again = Repository::parse(image.repository().as_str());
        assert_eq!(again.as_ref(), Ok(image.repository()));
        assert!(image.tag().is_none_or(|tag| Tag::is_valid(tag.as_str())));
    }
    let _ = Token::parse(&text);
}

/// No annotation's text does harm.
fn annotations(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let known: KnownSince = serde_json::from_str(&text).unwrap_or_default();
    let _ = (serde_json::to_string(&known), History::read(Some(&text)).write(), ReleaseUrl::parse(&text));
    let _ = History::read_unsigned(Some(&text)).write();
    let _ = Cooldown::parse(&text, known);
    let (pattern, tag) = text.split_once('\n').unwrap_or((&text, "1.2.3"));
    for compiled in [Pattern::regex(pattern), Pattern::glob(pattern)].into_iter().flatten() {
        let _ = compiled.is_in(tag);
    }
    let _ = Selection::parse(pattern, Order::Semver);
}

/// Notes become a bounded number of lines and declarations in which nothing hides.
fn markdown(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let declared = declared::read(&text, "2.0.0");
    assert!(declared.len() <= 24 && declared.iter().all(|it| it.kinds.any() && it.because.is_some() && !it.quote.as_str().contains(is_harmful)));
    let lines = image_watcher::release::markdown::lines(&text, 100);
    assert!(lines.len() <= 100);
    for line in lines {
        assert!(!line.text.as_str().contains(is_harmful));
    }
}

/// A decision goes up, inside the family, to a tag of the list, and has a reason for every candidate.
fn decision(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (options, rest) = text.split_at_checked(1).unwrap_or_default();
    let mut lines = rest.lines();
    let running = lines.next().unwrap_or_default();
    let tags: TagList = lines.collect();
    let bits = options.bytes().next().unwrap_or_default();
    let strategy = [Strategy::All, Strategy::Major, Strategy::Minor, Strategy::Patch][usize::from(bits & 3)];
    let policy = Policy { prerelease: bits & 4 != 0, ..Policy::of(strategy) };
    let decision = decide(running, &tags, &policy, DateTime::UNIX_EPOCH);
    assert_eq!(decision.verdicts().count(), tags.len());
    let _ = (decision.held_back(), decision.first_due());
    if let Outcome::Update { to, level } = decision.outcome() {
        let (from, target) = (Version::ordered(running).unwrap(), Version::ordered(to).unwrap());
        assert!(tags.iter().any(|tag| tag == to) && target.compare(&from).is_gt());
        assert!(from.difference(&target).is_none() && !from.counts_otherwise(&target) && strategy.allows(level));
        assert!(policy.prerelease || from.is_prerelease() || !target.is_prerelease());
    }
}

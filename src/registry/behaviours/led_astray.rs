//! Registries that lead to where nobody may be led: link-local, loopback and private addresses, and strangers, by name and
//! by number, in every way that an address can be written.

use super::*;

/// Places by https, of which none is connected to, whoever asks: it is the address that is judged.
const INSIDE: [&str; 37] = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.255.255.254",
    "0x7f.1",
    "0x7f000001",
    "2130706433",
    "0177.0.0.1",
    "%31%32%37.0.0.1",
    "0.0.0.0",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "registry.localhost",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "169.254.169.254",
    "169.254.1",
    "0xa9fea9fe",
    "2852039166",
    "[::ffff:169.254.169.254]",
    "[fe80::1]",
    "10.0.0.1",
    "0xa.1",
    "172.16.0.1",
    "192.168.0.1",
    "[::ffff:192.168.0.1]",
    "[fd00::1]",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::1]",
];

/// Of these what no entry of the configuration lets anybody reach.
const NEVER: [&str; 9] = [
    "0.0.0.0",
    "[::]",
    "169.254.169.254",
    "169.254.1",
    "0xa9fea9fe",
    "2852039166",
    "[::ffff:169.254.169.254]",
    "[fe80::1]",
    "224.0.0.1",
];

/// A registry that leads to one place after another, and somebody who is led.
struct Leading {
    player: Player,
    place: Arc<Mutex<String>>,
    registry: HttpRegistry,
}

/// How a registry leads to a place.
#[derive(Clone, Copy)]
enum By {
    Realm,
    Redirect,
    /// Its token service redirects.
    Token,
}

impl Leading {
    async fn start(by: By) -> Self {
        let place = Arc::<Mutex<String>>::default();
        let to = Arc::clone(&place);
        let player = Player::start(move |asked, host| {
            let place = to.lock().unwrap().clone();
            let challenge = |realm: &str| reply(401).with("WWW-Authenticate", format!("Bearer realm=\"{realm}\""));
            match (by, &*asked.path) {
                (By::Realm, _) => challenge(&place),
                (By::Redirect, _) | (By::Token, "/token") => reply(307).with("Location", place),
                (By::Token, _) => challenge(&format!("http://{host}/token")),
            }
        })
        .await;
        let registry = client(&[&player]);
        Self { player, place, registry }
    }

    /// What it comes to for nobody in particular, for somebody with a credential, and where a digest is asked for.
    async fn to(&self, place: &str) -> [&'static str; 3] {
        place.clone_into(&mut self.place.lock().unwrap());
        let tag = Tag::parse("stable").unwrap();
        let by_head = self.registry.digest(&self.player.repository(), &tag, &joe()).await;
        let errors = [
            looked(&self.registry, &self.player, &Credential::default()).await.unwrap_err(),
            looked(&self.registry, &self.player, &joe()).await.unwrap_err(),
            by_head.unwrap_err(),
        ];
        errors.map(|error| reason(&error))
    }
}

fn reason(error: &RegistryError) -> &'static str {
    match error {
        RegistryError::Blocked { .. } => "blocked",
        RegistryError::Unauthorized { refusal: Refusal::Stranger(_), .. } => "stranger",
        RegistryError::Unauthorized { refusal: Refusal::TokenService(_), .. } => "token service",
        RegistryError::Unusable { reason, .. } if reason.contains("elsewhere") => "elsewhere",
        RegistryError::Unusable { reason, .. } if reason.contains("sends no token") => "no token",
        other => other.reason(),
    }
}

#[tokio::test]
async fn a_realm_inside_is_not_asked_and_sees_no_credential() {
    let leading = Leading::start(By::Realm).await;
    for place in INSIDE {
        let by_tls = leading.to(&format!("https://{place}:1/token")).await;
        // To name what is never reached would help nobody.
        let told = if NEVER.contains(&place) { "token service" } else { "stranger" };
        assert_eq!(by_tls, ["blocked", told, told], "{place}");
        assert_eq!(leading.to(&format!("http://{place}:1/token")).await, [told; 3], "{place}");
    }
    assert!(leading.player.asked().iter().all(|asked| asked.header("authorization").is_empty()));
}

/// A line to add is told only where it helps.
#[tokio::test]
async fn what_no_line_of_the_configuration_helps_is_told_as_what_it_is() {
    let leading = Leading::start(By::Realm).await;
    let host = leading.player.host.clone();
    for (place, why) in [
        ("http://169.254.169.254/token".to_owned(), "a link-local address, which is never asked"),
        (
            "https://metadata.google.internal/token".to_owned(),
            "a name under which clouds keep credentials, which is never asked",
        ),
        ("http://0.0.0.0/token".to_owned(), "the address of no host, which is never asked"),
        (format!("https://{host}/token"), "named by https, at the host and port that are asked by plain http"),
    ] {
        place.clone_into(&mut leading.place.lock().unwrap());
        let error = looked(&leading.registry, &leading.player, &joe()).await.unwrap_err();
        let told = error.to_string();
        assert!(told.contains(why) && !told.contains("tokenServices"), "{place}: {told}");
    }
}

#[tokio::test]
async fn a_redirect_inside_is_not_followed() {
    let leading = Leading::start(By::Redirect).await;
    for place in INSIDE {
        assert_eq!(leading.to(&format!("https://{place}:1/v2/")).await, ["blocked"; 3], "{place}");
        assert_eq!(leading.to(&format!("http://{place}:1/v2/")).await, ["elsewhere"; 3], "{place}");
    }
}

/// A token service leads nowhere: what it is shown is a credential.
#[tokio::test]
async fn a_redirect_of_a_token_service_is_never_followed() {
    let stranger = Player::start(|asked, _| token_service(asked).unwrap_or_else(|| reply(200))).await;
    let leading = Leading::start(By::Token).await;
    let named = Leading { registry: client(&[&leading.player, &stranger]), ..leading };
    for place in ["https://token.example.com/token", &format!("http://{}/token", stranger.host)] {
        assert_eq!(named.to(place).await, ["no token"; 3], "{place}");
    }
    for place in INSIDE {
        assert_eq!(named.to(&format!("https://{place}:1/token")).await, ["no token"; 3], "{place}");
    }
    assert_eq!(stranger.asked().len(), 0);
}

/// A public stranger is asked by nobody in particular at most.
#[tokio::test]
async fn a_public_strangers_realm_sees_no_credential() {
    let leading = Leading::start(By::Realm).await;
    for place in ["token.example.com", "8.8.8.8", "134744072", "[2606:4700::1111]", "TOKEN.example.com.:8443"] {
        format!("https://{place}/token").clone_into(&mut leading.place.lock().unwrap());
        let error = looked(&leading.registry, &leading.player, &joe()).await.unwrap_err();
        assert_eq!(reason(&error), "stranger", "{place}: {error}");
        assert!(error.to_string().contains("tokenServices"), "{error}");
    }
}

/// What was refused is not remembered: when the registry leads nowhere any more, it is read.
#[tokio::test]
async fn who_leads_astray_is_read_when_it_stops() {
    let astray = Arc::new(Mutex::new(Some("https://169.254.169.254/latest")));
    let place = Arc::clone(&astray);
    let player = Player::start(move |_, _| match *place.lock().unwrap() {
        Some(place) => reply(307).with("Location", place),
        None => tags(&ALL),
    })
    .await;
    let registry = client(&[&player]);
    assert_eq!(reason(&looked(&registry, &player, &joe()).await.unwrap_err()), "blocked");
    *astray.lock().unwrap() = None;
    assert_eq!(looked(&registry, &player, &joe()).await.unwrap(), "1.1.0");
}

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::super::EmailChannel;
use super::*;
use crate::ambient::Ambient;
use crate::domain::event::Delivery;
use crate::message::Links;
use crate::notify::gate::Moment;
use crate::notify::outage_tests::held_still;
use crate::notify::service::{Sending, Style};
use crate::notify::tests::{asking, said};
use crate::notify::{Attempt, Channel, Channels, Scope, Transport, Tried};

/// A mail server that answers a command with what is written for it, and everything else kindly. What it heard,
/// and what became of a mail.
async fn session(options: &str, written: &[(&str, &str)]) -> (Vec<String>, Attempt) {
    session_at("", options, written).await
}

/// The same, for who logs in as `user`.
async fn session_at(user: &str, options: &str, written: &[(&str, &str)]) -> (Vec<String>, Attempt) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let smtp = SmtpUrl::parse(&format!("smtp://{user}{address}?tls=none{options}")).unwrap();
    let outbound = Outbound::new(None).unwrap();
    let (from, to) = ("iw@sender.example".parse().unwrap(), vec!["oncall@example.com".parse().unwrap()]);
    let channel = EmailChannel::new(&smtp, from, to, &outbound).unwrap();
    let (delivery, links) = (&asking(), &Links::default());
    let (message, now) = (&said(delivery, None, None), chrono::DateTime::from_timestamp(1_795_000_000, 0).unwrap());
    let sending = Sending { delivery, message, links, notes: None, style: Style::Rich, now };
    let (heard, attempt) = tokio::join!(serve(listener, written), channel.hand_in(&sending));
    (heard, attempt.attempt.redacted(&[]))
}

async fn serve(listener: TcpListener, written: &[(&str, &str)]) -> Vec<String> {
    serve_on(&listener, written).await
}

/// One conversation.
pub(in crate::notify) async fn serve_on(listener: &TcpListener, written: &[(&str, &str)]) -> Vec<String> {
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = BufReader::new(stream);
    let answer = |verb: &str, kind: &'static str| {
        let found = written.iter().find(|(known, _)| *known == verb);
        format!("{}\r\n", found.map_or(kind, |(_, answer)| answer))
    };
    stream.write_all(answer("greeting", "220 mail.example.com").as_bytes()).await.unwrap();
    let (mut heard, mut line, mut body) = (Vec::new(), String::new(), false);
    while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
        let said = std::mem::take(&mut line).trim_end().to_owned();
        let verb = said.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let reply = match (body, verb.as_str()) {
            (true, ".") => answer("end", "250 taken"),
            (true, _) => continue,
            (false, "DATA") => answer("DATA", "354 go on"),
            (false, "QUIT") => answer("QUIT", "221 bye"),
            (false, verb) => answer(verb, "250 fine"),
        };
        body = reply.starts_with("354");
        heard.push(said);
        if reply.starts_with("cut") {
            break;
        }
        if reply.starts_with("silent") {
            continue;
        }
        if stream.write_all(reply.as_bytes()).await.is_err() {
            break;
        }
    }
    heard
}

#[tokio::test]
async fn we_introduce_ourselves_by_a_real_name() {
    for (options, expected) in [("&helo=iw.example.com", "EHLO iw.example.com"), ("", "EHLO sender.example")] {
        let (heard, attempt) = session(options, &[]).await;
        assert_eq!((heard[0].as_str(), attempt), (expected, Attempt::Delivered));
    }
}

/// What an attempt is about, and what is reported of it.
fn of(attempt: Attempt) -> (&'static str, String) {
    match attempt {
        Attempt::Retry { reason, .. } => ("retry", reason),
        Attempt::Later { reason } => ("later", reason),
        Attempt::Busy { reason, .. } => ("busy", reason),
        Attempt::Refused { reason } => ("refused", reason),
        Attempt::GaveUp { reason } => ("gave up", reason),
        Attempt::TooRich { reason } => ("plainer", reason),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn only_a_refusal_of_the_message_is_final() {
    let helo = "504 5.5.2 <sender.example>: Helo command rejected: need fully-qualified hostname";
    let bad_name = "501 5.5.2 <sender.example>: Helo command rejected: Invalid name";
    let by_helo = Some("set by ?helo=name in SMTP_URL");
    for (verb, answer, class, expected) in [
        ("greeting", "554 5.7.1 no service for you", "refused", None),
        ("greeting", "421 later", "busy", None),
        ("EHLO", helo, "refused", by_helo),
        ("EHLO", "550 5.7.1 who?", "refused", by_helo),
        ("MAIL", "530 5.7.0 authentication required", "refused", None),
        ("MAIL", "553 5.7.1 not your address", "refused", Some("MAIL_FROM")),
        ("MAIL", "451 4.7.1 later", "retry", None),
        ("RCPT", helo, "refused", by_helo),
        ("RCPT", bad_name, "refused", by_helo),
        ("EHLO", "421 4.3.2 closing", "busy", None),
        ("MAIL", "421 4.3.2 closing", "busy", None),
        // Postfix by default hears what is wrong with us, and says so of the recipient.
        (
            "RCPT",
            "553 5.7.1 <iw@sender.example>: Sender address rejected: not owned by user",
            "refused",
            Some("MAIL_FROM"),
        ),
        (
            "RCPT",
            "550 5.1.8 <iw@sender.example>: Sender address rejected: Domain not found",
            "refused",
            Some("MAIL_FROM"),
        ),
        ("RCPT", "550 5.7.23 SPF validation failed", "refused", Some("MAIL_FROM")),
        (
            "RCPT",
            "554 5.7.1 <unknown[192.0.2.7]>: Client host rejected: Access denied",
            "refused",
            Some("relays nothing"),
        ),
        (
            "RCPT",
            "450 4.1.8 <iw@sender.example>: Sender address rejected: Domain not found",
            "retry",
            Some("MAIL_FROM"),
        ),
        ("RCPT", "450 4.2.0 <oncall@example.com>: Recipient address rejected: Greylisted", "later", None),
        ("RCPT", "450 4.2.1 busy", "later", None),
        ("RCPT", "451 4.3.0 temporary lookup failure", "retry", None),
        ("RCPT", "452 4.5.3 too many recipients", "later", None),
        ("RCPT", "550 5.7.1 this recipient takes mail of the house alone", "gave up", None),
        ("RCPT", "421 4.7.0 too many", "busy", None),
        ("RCPT", "550 5.1.1 no such user", "gave up", None),
        ("RCPT", "554 5.7.1 <oncall@example.com>: Relay access denied", "refused", Some("relays nothing")),
        (
            "RCPT",
            "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain",
            "refused",
            Some("relays nothing"),
        ),
        // A block list, which many ask only then; greylisting and a list of one recipient's own are no such.
        (
            "RCPT",
            "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
            "refused",
            Some("block list"),
        ),
        (
            "RCPT",
            "450 4.7.1 Service unavailable; Client host [192.0.2.1] blocked using list.example",
            "retry",
            Some("block list"),
        ),
        ("RCPT", "550 5.7.606 Access denied, banned sending IP [192.0.2.1]", "refused", Some("block list")),
        ("RCPT", "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP", "refused", None),
        ("RCPT", "550 192.0.2.1 is not allowed to send mail from sender.example", "refused", Some("block list")),
        ("RCPT", "550 5.7.124 the sender is not among those who may write to this group", "gave up", None),
        ("MAIL", "554 5.7.1 Client host [192.0.2.1] blocked using list.example", "refused", Some("block list")),
        ("DATA", "554 5.7.1 Client host [192.0.2.1] blocked using list.example", "refused", Some("block list")),
        ("end", "554 5.7.1 Client host [192.0.2.1] blocked using list.example", "refused", Some("block list")),
        ("DATA", "421 4.3.2 closing", "busy", None),
        ("DATA", "451 4.3.0 later", "retry", None),
        ("end", "451 4.3.0 disk full", "retry", None),
        ("end", "421 4.3.2 closing", "busy", None),
        ("end", "550 5.7.1 policy", "gave up", None),
        ("end", "552 5.3.4 too big", "plainer", None),
        ("end", "554 5.7.1 looks like spam", "plainer", None),
        ("RCPT", "cut", "retry", None),
        ("DATA", "cut", "retry", None),
        // After the final dot nobody knows whether it was taken: it comes again under the same Message-ID.
        ("end", "cut", "retry", None),
    ] {
        let (found, reason) = of(session("", &[(verb, answer)]).await.1);
        assert_eq!(found, class, "{verb} {answer}: {reason}");
        let expected = expected.unwrap_or_default();
        assert!(reason.contains(expected) && reason.contains("mail server"), "{verb} {answer}: {reason}");
    }
}

/// Fault r28-3. A firewall behind DATA, a tarpit, a relay that is killed: what was answered before counts.
#[tokio::test]
async fn what_was_answered_counts_where_quit_is_not() {
    const QUIT: (&str, &str) = ("QUIT", "silent");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let smtp = SmtpUrl::parse(&format!("smtp://{}?tls=none", listener.local_addr().unwrap())).unwrap();
    let (from, to) = ("iw@sender.example".parse().unwrap(), vec!["oncall@example.com".parse().unwrap()]);
    let asked = EmailChannel::new(&smtp, from, to, &Outbound::new(None).unwrap()).unwrap();
    let began = tokio::time::Instant::now();
    let (taken, unknown, greeted, login, known) = tokio::join!(
        session("", &[QUIT]),
        session("", &[("RCPT", "550 5.1.1 no such user"), QUIT]),
        session("", &[("EHLO", "550 5.7.1 who?"), QUIT]),
        session_at(
            "user:pw@",
            "",
            &[
                ("EHLO", "250-mail.example.com\r\n250 AUTH LOGIN"),
                ("AUTH", "334 VXNlcm5hbWU6"),
                ("DXNLCG==", "334 UGFzc3dvcmQ6"),
                ("CHC=", "535 5.7.8 no"),
                QUIT,
            ],
        ),
        async { tokio::join!(serve_on(&listener, &[QUIT]), asked.tried()).1 },
    );
    assert_eq!(taken.1, Attempt::Delivered);
    assert!(taken.0.iter().any(|line| line == "QUIT"), "{:?}", taken.0);
    for ((_, attempt), class, words) in [
        (unknown, "gave up", "550"),
        (greeted, "refused", "(550)"),
        (login, "refused", "refuses the user and password"),
    ] {
        let (found, reason) = of(attempt);
        assert!(found == class && reason.contains(words), "{found}: {reason}");
    }
    assert!(matches!(known, Tried::Works(_)), "{known:?}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

/// A login that ends well is one, also where the server asks for each part of it.
#[tokio::test]
async fn a_login_goes_on_as_long_as_the_server_asks() {
    let asks = |last: &'static str| {
        [
            ("EHLO", "250-mail.example.com\r\n250 AUTH LOGIN"),
            ("AUTH", "334 VXNlcm5hbWU6"),
            ("DXNLCG==", "334 UGFzc3dvcmQ6"),
            ("CHC=", last),
        ]
    };
    let (heard, attempt) = session_at("user:pw@", "", &asks("235 2.7.0 welcome")).await;
    assert_eq!((attempt, heard[1].as_str()), (Attempt::Delivered, "AUTH LOGIN"), "{heard:?}");
    let (heard, attempt) = session_at("user:pw@", "", &asks("334 UGFzc3dvcmQ6")).await;
    assert!(of(attempt).0 != "gave up" && heard.len() < 20 && !heard.iter().any(|line| line == "DATA"), "{heard:?}");
}

/// Row 27 of the design's table: whom the server does not know costs nobody else a mail, nor the channel its trust.
#[tokio::test]
async fn of_two_hundred_recipients_one_is_refused_and_the_others_get_theirs() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let smtp = SmtpUrl::parse(&format!("smtp://{}?tls=none", listener.local_addr().unwrap())).unwrap();
    let address = |n: usize| format!("person-{n}@example.com");
    let to = (0..200).map(|n| address(n).parse().unwrap()).collect();
    let email = EmailChannel::new(&smtp, "iw@sender.example".parse().unwrap(), to, &Outbound::new(None).unwrap());
    let channel = Channel::new("email".into(), Scope::default(), Transport::Email(Box::new(email.unwrap())));
    let (channels, ambient, links) = (Channels::new(vec![channel], None), Ambient::system(), Links::default());
    let (mut refused, mut delivered) = (Vec::new(), 0);
    for n in 0..200 {
        let delivery = Delivery { recipient: address(n), ..asking() };
        let rcpt = if n == 117 { [("RCPT", "550 5.1.1 no such user")] } else { [("RCPT", "250 fine")] };
        let serving = serve_on(&listener, &rcpt);
        let sending = channels.deliver(&delivery, &links, None, &ambient);
        let (heard, attempt) = tokio::join!(serving, sending);
        assert!(heard.iter().any(|line| line.contains(&delivery.recipient)), "{heard:?}");
        let now = Moment { wall: ambient.now(), monotonic: ambient.monotonic() };
        assert_eq!(channels.find("email").unwrap().gate().learn(&attempt, now, 0.5), None);
        match attempt {
            Attempt::Delivered => delivered += 1,
            attempt => refused.push((n, of(attempt).0)),
        }
    }
    assert_eq!((delivered, refused), (199, vec![(117, "gave up")]));
    assert!(channels.find("email").unwrap().gate().standing().is_none_or(|standing| standing.closed.is_none()));
}

/// One recipient in a domain that the server does not relay to costs nobody else a mail. One that it took before is no such.
#[tokio::test]
async fn a_server_that_relays_to_others_refuses_a_recipient_and_not_us() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let smtp = SmtpUrl::parse(&format!("smtp://{}?tls=none", listener.local_addr().unwrap())).unwrap();
    let to = ["near@example.com", "far@example.org"].map(|address| address.parse().unwrap()).to_vec();
    let outbound = Outbound::new(None).unwrap();
    let channel = EmailChannel::new(&smtp, "iw@sender.example".parse().unwrap(), to, &outbound).unwrap();
    let sent = async |to: &str, rcpt: &'static str| {
        let (delivery, links) = (Delivery { recipient: to.into(), ..asking() }, Links::default());
        let (message, now) = (said(&delivery, None, None), chrono::DateTime::from_timestamp(1_795_000_000, 0).unwrap());
        let (delivery, message, links) = (&delivery, &message, &links);
        let sending = Sending { delivery, message, links, notes: None, style: Style::Rich, now };
        let answers = [("RCPT", rcpt)];
        tokio::join!(serve_on(&listener, &answers), channel.hand_in(&sending)).1.attempt.redacted(&[])
    };
    let denied = "554 5.7.1 Relay access denied";
    assert_eq!(of(sent("far@example.org", denied).await).0, "refused", "it took nobody's yet");
    assert_eq!(sent("near@example.com", "250 fine").await, Attempt::Delivered);
    assert_eq!(of(sent("far@example.org", denied).await).0, "gave up");
    assert_eq!(of(sent("near@example.com", denied).await).0, "refused", "it relayed to them before");
}

#[tokio::test]
async fn a_refusal_is_reported_as_a_sentence_with_its_code() {
    let login = [("EHLO", "250-mail.example.com\r\n250 AUTH PLAIN"), ("AUTH", "535 5.7.8 no")];
    for (user, written, expected) in [
        ("", &[("EHLO", "504 5.5.2 who?")][..], "does not talk to «sender.example» (504); a name that it takes"),
        ("", &[("RCPT", "550 5.1.1 no such user")], "the mail server answers 550: "),
        ("user:pw@", &[], "leave user and password out of SMTP_URL"),
        ("user:pw@", &login, "refuses the user and password of SMTP_URL (535): "),
    ] {
        let (_, reason) = of(session_at(user, "", written).await.1);
        assert!(reason.contains(expected), "{reason}");
    }
}

/// A private authority that nobody named: the one setting that helps is named.
#[test]
fn a_certificate_of_an_unknown_authority_names_its_setting() {
    let unknown = || rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
    let held = std::io::Error::other(std::io::Error::other(unknown()));
    let why = trust::refused_certificate(&held).unwrap();
    assert!(trust::remedy(why).text().contains("SSL_CERT_FILE"));
    let expired = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
    assert_eq!(trust::refused_certificate(&expired).map(trust::remedy), Some(Remedy::None));
    assert!(trust::refused_certificate(&std::io::Error::other("else")).is_none());
}

#[tokio::test]
async fn without_the_tls_that_was_asked_for_nothing_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let smtp = SmtpUrl::parse(&format!("smtp://{}", listener.local_addr().unwrap())).unwrap();
    let relay = Relay::new(&smtp, "sender.example", &Outbound::new(None).unwrap()).unwrap();
    let message = Message::builder()
        .from("iw@sender.example".parse().unwrap())
        .to("oncall@example.com".parse().unwrap())
        .body(String::new())
        .unwrap();
    let (heard, sent) = tokio::join!(serve(listener, &[]), relay.send(&message));
    assert!(sent.is_err_and(|error| error.to_string().contains("?tls=none in SMTP_URL")));
    assert_eq!(heard, ["EHLO sender.example"]);
}

/// What somebody in between sends behind the answer to STARTTLS would be read as the server's words under TLS.
#[tokio::test]
async fn nothing_in_the_clear_is_taken_behind_the_answer_to_starttls() {
    for behind in ["250 mail.example.com", "250-mail.example.com\r\n250 AUTH PLAIN", "x"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let smtp = SmtpUrl::parse(&format!("smtp://user:pw@{}", listener.local_addr().unwrap())).unwrap();
        let relay = Relay::new(&smtp, "sender.example", &Outbound::new(None).unwrap()).unwrap();
        let answers =
            [("EHLO", "250-mail.example.com\r\n250 STARTTLS"), ("STARTTLS", &format!("220 go on\r\n{behind}"))];
        let message = Message::builder()
            .from("iw@sender.example".parse().unwrap())
            .to("oncall@example.com".parse().unwrap())
            .body(String::new())
            .unwrap();
        let (heard, sent) = tokio::join!(serve(listener, &answers), relay.send(&message));
        let reason = sent.map_err(|error| crate::telemetry::chain(&error).to_string());
        assert!(reason.as_ref().is_err_and(|reason| reason.contains("more comes in the clear")), "{reason:?}");
        assert_eq!(heard, ["EHLO sender.example", "STARTTLS", "QUIT"], "neither password nor message");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_kept() {
    for endless in ["250-mail.example.com\r\n".repeat(200_000), "250 mail".repeat(500_000)] {
        let (class, reason) = of(session("", &[("EHLO", &endless)]).await.1);
        assert_eq!(class, "retry", "{reason}");
    }
}

/// A server that says little and takes long over it, until it is left.
async fn serve_slowly(listener: &TcpListener, takes: Duration) -> Vec<String> {
    let (stream, _) = listener.accept().await.unwrap();
    let (mut stream, mut heard) = (BufReader::new(stream), Vec::new());
    let mut answer = "220 mail.example.com\r\n";
    loop {
        tokio::time::sleep(takes).await;
        let mut line = String::new();
        if stream.write_all(answer.as_bytes()).await.is_err()
            || !stream.read_line(&mut line).await.is_ok_and(|it| it > 0)
        {
            return heard;
        }
        heard.push(line.trim_end().to_owned());
        answer = "250 fine\r\n";
    }
}

/// Each answer alone is in time; all of them together would hold a place for minutes.
#[tokio::test(start_paused = true)]
async fn a_server_that_is_slow_with_each_answer_is_left_when_the_whole_takes_too_long() {
    let mut holding = JoinSet::new();
    let hold = held_still(&mut holding);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let smtp = SmtpUrl::parse(&format!("smtp://{}?tls=none", listener.local_addr().unwrap())).unwrap();
    let to = vec!["oncall@example.com".parse().unwrap()];
    let outbound = Outbound::new(None).unwrap();
    let channel = EmailChannel::new(&smtp, "iw@sender.example".parse().unwrap(), to, &outbound).unwrap();
    let (delivery, links) = (&asking(), &Links::default());
    let (message, now) = (&said(delivery, None, None), chrono::DateTime::from_timestamp(1_795_000_000, 0).unwrap());
    let sending = Sending { delivery, message, links, notes: None, style: Style::Rich, now };
    let moving = async || loop {
        tokio::time::advance(Duration::from_secs(1)).await;
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    };
    for (is_message, takes, bound) in [(true, 20, DEADLINE), (false, 20, TRIED_WITHIN), (true, 59, DEADLINE)] {
        let talks = async {
            let began = tokio::time::Instant::now();
            let said = if is_message {
                of(channel.hand_in(&sending).await.attempt.redacted(&[]))
            } else {
                let Tried::Fails(reason) = channel.tried().await else { panic!("it never answered") };
                ("retry", reason)
            };
            (said, began.elapsed())
        };
        let both = async { tokio::join!(serve_slowly(&listener, Duration::from_secs(takes)), talks) };
        let (heard, ((class, reason), took)) = tokio::select! {
            ended = both => ended,
            () = moving() => unreachable!("it goes on"),
        };
        assert!(
            class == "retry" && reason.contains(&format!("longer than {} s", bound.as_secs())),
            "{class}: {reason}"
        );
        assert!(bound <= took && took <= bound + Duration::from_secs(1), "{took:?}, having said {heard:?}");
        assert!(!heard.iter().any(|line| line == "DATA"), "{heard:?}");
    }
    drop(hold);
    holding.join_all().await;
}

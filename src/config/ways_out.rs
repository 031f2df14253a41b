//! How connections leave: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`, in capitals or not, and `SSL_CERT_FILE`.

use std::collections::BTreeMap;

use super::parse::Reader;
use crate::outbound::proxy::{NoProxy, Proxies, Proxy};
use crate::outbound::trust::Authorities;

/// Variables that other programs also read in small letters.
const IN_EITHER_CASE: [&str; 3] = ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"];

/// Takes small letters for capitals, where these say nothing. An empty value is none, as it is to other programs.
pub(super) fn capitalise(variables: &mut BTreeMap<String, String>) {
    for name in IN_EITHER_CASE {
        let small = variables.remove(&name.to_ascii_lowercase());
        let value = variables.remove(name).filter(|value| !value.trim().is_empty()).or(small);
        if let Some(value) = value.filter(|value| !value.trim().is_empty()) {
            variables.insert(name.to_owned(), value);
        }
    }
}

impl Reader<'_> {
    pub(super) fn proxies(&mut self) -> Proxies {
        let (https, http) = (self.proxy("HTTPS_PROXY"), self.proxy("HTTP_PROXY"));
        let except = NoProxy::parse(&self.text("NO_PROXY").unwrap_or_default());
        let except = except.unwrap_or_else(|error| {
            self.problem("NO_PROXY", error.to_string());
            NoProxy::default()
        });
        Proxies::new(https, http, except)
    }

    fn proxy(&mut self, name: &str) -> Option<Proxy> {
        match Proxy::parse(self.secret(name)?.expose()) {
            Ok(proxy) => Some(proxy),
            Err(error) => {
                self.problem(name, error.to_string());
                None
            }
        }
    }

    /// More certificate authorities.
    pub(super) fn authorities(&mut self) -> Authorities {
        const NAME: &str = "SSL_CERT_FILE";
        let Some(path) = self.text(NAME) else { return Authorities::default() };
        let read = match (self.files())(&path) {
            Ok(text) => Authorities::parse(text.as_bytes()).map_err(|error| format!("the file {error}")),
            Err(error) => Err(format!("the file can't be read: {error}")),
        };
        read.unwrap_or_else(|problem| {
            self.problem(NAME, problem);
            Authorities::default()
        })
    }

    /// What this machine or pod is called, if that is a name to introduce oneself with.
    pub(super) fn host_name(&self) -> Option<String> {
        let of_kernel = || (self.files())("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
        let names = self.text("HOSTNAME").into_iter().chain(of_kernel());
        names.into_iter().find(|name| crate::notify::email::is_host_name(name) && name != "localhost")
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, ConfigError};

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let file = |path: &str| match path {
            "/proxy" => Ok("http://user:hunter2@of-file:3128\n".into()),
            "/c.yaml" => Ok("httpsProxy: http://of-yaml:3128\nnoProxy: [.svc, 10.0.0.0/8]\n".into()),
            "/empty.pem" => Ok("nothing\n".into()),
            "/proc/sys/kernel/hostname" => Ok("node-7\n".into()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        };
        Config::read(variables, &file, chrono::DateTime::UNIX_EPOCH)
    }

    fn proxy(variables: &[(&str, &str)], url: &str) -> Option<String> {
        let config = read(variables).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        config.proxies.for_url(&url.parse().unwrap()).map(|proxy| proxy.shown().to_owned())
    }

    #[test]
    fn proxies_are_read_in_either_case_from_a_file_and_from_the_file() {
        let shown = |name: &str| Some(format!("http://{name}:3128"));
        let https = |variables: &[(&str, &str)]| proxy(variables, "https://registry.example.com/v2/");
        assert_eq!(https(&[]), None);
        assert_eq!(https(&[("HTTPS_PROXY", "http://a:3128")]), shown("a"));
        assert_eq!(https(&[("https_proxy", "u:hunter2@b:3128")]), shown("b"));
        assert_eq!(https(&[("HTTPS_PROXY", "a:3128"), ("https_proxy", "b:3128")]), shown("a"));
        assert_eq!(https(&[("HTTPS_PROXY", ""), ("https_proxy", "")]), None);
        assert_eq!(https(&[("HTTPS_PROXY_FILE", "/proxy")]), shown("of-file"));
        assert_eq!(https(&[("HTTP_PROXY", "a:3128")]), None);
        assert_eq!(https(&[("HTTPS_PROXY", "a:3128"), ("no_proxy", "localhost,.example.com,")]), None);
        let yaml = ("IMAGE_WATCHER_CONFIG", "/c.yaml");
        assert_eq!(https(&[yaml]), shown("of-yaml"));
        assert_eq!(https(&[yaml, ("HTTPS_PROXY", "a:3128")]), shown("a"));
        assert_eq!(https(&[yaml, ("https_proxy", "a:3128")]), shown("a"));
        assert_eq!(proxy(&[yaml], "https://10.96.0.1/"), None);
        assert_eq!(proxy(&[("http_proxy", "a:3128")], "http://registry.example.com/"), shown("a"));
    }

    #[test]
    fn what_is_wrong_is_told_by_name_and_never_by_value() {
        for (name, value, expected) in [
            ("HTTPS_PROXY", "http://u:hunter/2@proxy:3128", "percent-encode"),
            ("HTTP_PROXY", "socks5://u:hunter2@proxy", "only http:// and https://"),
            ("NO_PROXY", ".svc,https://u:hunter2@x", "entry 2 is no host"),
            ("HTTP_PROXY_FILE", "/none", "can't be read"),
            ("SSL_CERT_FILE", "/none", "can't be read"),
            ("SSL_CERT_FILE", "/empty.pem", "holds no certificate"),
        ] {
            let error = read(&[(name, value)]).unwrap_err();
            let [problem] = &error.problems[..] else { panic!("one problem: {error}") };
            assert!(problem.variable == name && problem.problem.contains(expected), "{name}: {error}");
            assert!(!error.to_string().contains("hunter"), "{error}");
        }
    }

    #[test]
    fn mail_is_introduced_by_the_first_name_there_is() {
        let mail = [("SMTP_URL", "smtps://mail.example.com"), ("MAIL_FROM", "iw@sender.example"), ("MAIL_TO", "a@b.c")];
        let named = |url: &str, more: &[(&str, &str)]| {
            let all = [&mail[1..], more, &[("SMTP_URL", url)]].concat();
            let config = read(&all).unwrap();
            let super::super::channel::Destination::Email(mail) = &config.channels[0].destination else {
                panic!("mail")
            };
            mail.smtp.helo().map(str::to_owned)
        };
        let some = |name: &str| Some(name.to_owned());
        let url = mail[0].1;
        assert_eq!(
            named("smtps://mail.example.com?helo=iw.example.com", &[("HOSTNAME", "pod-1")]),
            some("iw.example.com")
        );
        assert_eq!(named(url, &[("HOSTNAME", "pod-1")]), some("pod-1"));
        assert_eq!(named(url, &[("HOSTNAME", "localhost")]), some("node-7"));
        assert_eq!(named(url, &[("HOSTNAME", "not a name")]), some("node-7"));
        assert_eq!(named(url, &[]), some("node-7"));
    }
}

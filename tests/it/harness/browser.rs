//! A browser, as far as people who sign in need one: cookies by their rules, redirects one by one, forms and links, and what a browser
//! says of where a request comes from.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Certificate, Method};
use url::{Url, form_urlencoded};

use super::wait::within;

/// Steps that lead nowhere end here.
const MOST_STEPS: usize = 10;

const FORM: &str = "application/x-www-form-urlencoded";

/// A cookie that is kept.
struct Kept {
    value: String,
    is_secure: bool,
}

/// A browser of one person.
pub(crate) struct Browser {
    http: reqwest::Client,
    jar: Mutex<BTreeMap<String, Kept>>,
}

/// Where a request comes from, as browsers say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Site {
    /// The address bar.
    None,
    Same,
    Cross,
}

/// What a browser was answered.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) url: Url,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    site: Site,
}

/// A form of a page: where it goes, and what it brings along.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) url: Url,
    pub(crate) fields: Vec<(String, String)>,
}

impl Browser {
    /// One with no cookies; with an authority it takes TLS of that alone.
    pub(crate) fn new(authority: Option<&Path>) -> Self {
        let mut builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        if let Some(authority) = authority {
            let pem = std::fs::read(authority).expect("an authority");
            builder = builder.tls_certs_only([Certificate::from_pem(&pem).expect("an authority")]);
        }
        Self { http: builder.build().expect("a client"), jar: Mutex::default() }
    }

    /// An address that somebody types.
    pub(crate) async fn open(&self, url: &str) -> Page {
        self.ask(Method::GET, Url::parse(url).expect("a URL"), Site::None, None, &[]).await
    }

    /// A link of a page.
    pub(crate) async fn click(&self, page: &Page, link: &str) -> Page {
        let url = page.url.join(link).expect("a URL");
        self.ask(Method::GET, url.clone(), site(&page.url, &url), Some(&page.url), &[]).await
    }

    /// A form of a page, with what somebody writes and presses.
    pub(crate) async fn submit(&self, page: &Page, form: &Form, fields: &[(&str, &str)]) -> Page {
        let written = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let fields: Vec<(String, String)> = form.fields.iter().cloned().chain(written).collect();
        self.ask(Method::POST, form.url.clone(), site(&page.url, &form.url), Some(&page.url), &fields).await
    }

    /// A form with other headers than a browser would send.
    pub(crate) async fn send_form(&self, form: &Form, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Page {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(&form.fields).extend_pairs(fields);
        let request = self.http.request(Method::POST, form.url.clone()).header("Accept", "text/html");
        let request = request.header(CONTENT_TYPE, FORM).body(body.finish());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        Page::of(form.url.clone(), Site::Cross, within("a form", request.send()).await.expect("an answer")).await
    }

    /// One redirect further, where the page is one.
    pub(crate) async fn next(&self, page: &Page) -> Option<Page> {
        let url = page.leads_to()?;
        let site = if page.site == Site::None { Site::None } else { page.site.max(site(&page.url, &url)) };
        Some(self.ask(Method::GET, url, site, Some(&page.url), &[]).await)
    }

    /// Where redirects lead in the end.
    pub(crate) async fn follow(&self, mut page: Page) -> Page {
        for _ in 0..MOST_STEPS {
            match self.next(&page).await {
                Some(next) => page = next,
                None => return page,
            }
        }
        panic!("{} leads nowhere", page.url);
    }

    /// Follows redirects up to one to an address that begins so, and does not go there.
    pub(crate) async fn led_to(&self, mut page: Page, start: &str) -> Url {
        for _ in 0..MOST_STEPS {
            let url = page.leads_to().unwrap_or_else(|| panic!("{page:?} leads nowhere"));
            if url.as_str().starts_with(start) {
                return url;
            }
            page = self.next(&page).await.expect("it leads on");
        }
        panic!("{} does not lead to {start}", page.url);
    }

    /// The cookies of which the names have this in them, and not that.
    pub(crate) fn cookies(&self, part: &str, not: &str) -> Vec<(String, String)> {
        let jar = self.jar.lock().expect("a jar");
        let all = jar.iter().filter(|(name, _)| name.contains(part) && !name.contains(not));
        all.map(|(name, kept)| (name.clone(), kept.value.clone())).collect()
    }

    /// Puts cookies in, as somebody does who has them from elsewhere.
    pub(crate) fn put(&self, cookies: &[(String, String)]) {
        let mut jar = self.jar.lock().expect("a jar");
        for (name, value) in cookies {
            jar.insert(name.clone(), Kept { value: value.clone(), is_secure: false });
        }
    }

    async fn ask(&self, method: Method, url: Url, site: Site, from: Option<&Url>, form: &[(String, String)]) -> Page {
        let said = match site {
            Site::None => "none",
            Site::Same => "same-origin",
            Site::Cross => "cross-site",
        };
        let request = self.http.request(method.clone(), url.clone()).header("Accept", "text/html,*/*;q=0.8");
        let mut request = request
            .header("Sec-Fetch-Site", said)
            .header("Sec-Fetch-Mode", "navigate")
            .header("Sec-Fetch-Dest", "document");
        if method == Method::POST {
            let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
            let origin = from.map(|from| from.origin().ascii_serialization()).unwrap_or_default();
            request = request.header(CONTENT_TYPE, FORM).header(ORIGIN, origin).body(body);
        }
        // SameSite=Lax, which all of ours are: not with what another site's page sends.
        if method == Method::GET || site != Site::Cross {
            let cookies = self.shown_to(&url);
            if !cookies.is_empty() {
                request = request.header(COOKIE, cookies);
            }
        }
        let answer = within(url.as_str(), request.send()).await.expect("an answer");
        for cookie in answer.headers().get_all(SET_COOKIE) {
            self.keep(&url, cookie.to_str().expect("text"));
        }
        Page::of(url, site, answer).await
    }

    fn shown_to(&self, url: &Url) -> String {
        let jar = self.jar.lock().expect("a jar");
        let shown = jar.iter().filter(|(_, kept)| !kept.is_secure || url.scheme() == "https");
        shown.map(|(name, kept)| format!("{name}={}", kept.value)).collect::<Vec<_>>().join("; ")
    }

    /// Keeps a cookie, as RFC 6265bis has it; one that browsers would refuse fails the test.
    fn keep(&self, url: &Url, line: &str) {
        let mut parts = line.split(';').map(str::trim);
        let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).expect("a cookie");
        let attributes: Vec<String> = parts.map(str::to_ascii_lowercase).collect();
        let has = |attribute: &str| attributes.iter().any(|one| one == attribute);
        let (is_secure, is_host) = (has("secure"), name.starts_with("__Host-"));
        assert!(!is_secure || url.scheme() == "https", "{url} may not set {line}");
        let is_bound = is_secure && has("path=/") && !attributes.iter().any(|one| one.starts_with("domain"));
        assert!(!is_host || is_bound, "a browser refuses {line}");
        let mut jar = self.jar.lock().expect("a jar");
        if has("max-age=0") {
            jar.remove(name);
        } else {
            jar.insert(name.to_owned(), Kept { value: value.to_owned(), is_secure });
        }
    }
}

impl Page {
    async fn of(url: Url, site: Site, answer: reqwest::Response) -> Self {
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Self { url, status, headers, body: answer.text().await.expect("a body"), site }
    }

    /// A page of somebody else's, which was not asked for here.
    pub(crate) fn at(url: &str) -> Self {
        let url = Url::parse(url).expect("a URL");
        Self { url, status: 200, headers: HeaderMap::new(), body: String::new(), site: Site::None }
    }

    /// Where it leads, where it is a redirect.
    pub(crate) fn leads_to(&self) -> Option<Url> {
        let is_redirect = (300..400).contains(&self.status);
        let location = self.headers.get(LOCATION).filter(|_| is_redirect)?.to_str().expect("text");
        Some(self.url.join(location).expect("a URL"))
    }

    /// The first form with this in it, and its hidden fields.
    ///
    /// # Panics
    /// When it has none.
    pub(crate) fn form(&self, part: &str) -> Form {
        let forms = self.body.split("<form").skip(1).filter_map(|rest| rest.split("</form>").next());
        let form = forms.into_iter().find(|form| form.contains(part));
        let form = form.unwrap_or_else(|| panic!("{} has no form with {part}: {}", self.url, self.body));
        let action = attribute(form.split('>').next().unwrap_or_default(), "action").unwrap_or_default();
        let inputs = form.split("<input").skip(1).filter_map(|rest| rest.split('>').next());
        let hidden = inputs.filter(|input| input.contains("type=\"hidden\""));
        let field = |input: &str| Some((attribute(input, "name")?, attribute(input, "value")?));
        Form { url: self.url.join(&action).expect("a URL"), fields: hidden.filter_map(field).collect() }
    }

    /// Where the first link goes that has this in it.
    ///
    /// # Panics
    /// When there is none.
    pub(crate) fn link(&self, part: &str) -> String {
        let links = self.body.split("<a ").skip(1).filter_map(|rest| attribute(rest.split('>').next()?, "href"));
        let link = links.into_iter().find(|link| link.contains(part));
        link.unwrap_or_else(|| panic!("{} has no link with {part}: {}", self.url, self.body))
    }
}

fn site(from: &Url, to: &Url) -> Site {
    if from.origin() == to.origin() { Site::Same } else { Site::Cross }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split_once(&format!("{name}=\""))?.1.split('"').next()?;
    let plain = [
        ("&#x2f;", "/"),
        ("&#39;", "'"),
        ("&#34;", "\""),
        ("&quot;", "\""),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ];
    Some(plain.iter().fold(value.to_owned(), |text, (entity, letter)| text.replace(entity, letter)))
}

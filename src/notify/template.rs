//! Templates that an operator writes in the place of ours. They are tried with hostile data when they are read, rendered
//! within bounds, and never stand between a message and its reader: where one fails, ours is used.

use std::sync::Arc;

use minijinja::{AutoEscape, Environment, ErrorKind};
use serde::Serialize;

/// Steps of one rendering; each pays for 64 bytes of what is made on the way, too.
const FUEL: u64 = 100_000;
/// The largest text of a template.
const MOST_OF_A_TEMPLATE: usize = 128 * 1024;
/// Templates in templates.
const MOST_DEEP: usize = 32;

/// What a template makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A mail, as most programs show it.
    EmailHtml,
    /// The same, for the others.
    EmailText,
    /// What is posted to a webhook.
    WebhookBody,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::EmailHtml, Self::EmailText, Self::WebhookBody];

    /// The file in the folder of templates.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::EmailHtml => "email.html",
            Self::EmailText => "email.txt",
            Self::WebhookBody => "webhook.json",
        }
    }

    fn escape(self) -> AutoEscape {
        match self {
            Self::EmailHtml => AutoEscape::Html,
            Self::EmailText => AutoEscape::None,
            Self::WebhookBody => AutoEscape::Json,
        }
    }

    /// The longest that it may make: mail programs cut mails of 100 kB.
    fn most(self) -> usize {
        match self {
            Self::EmailHtml | Self::EmailText => 100_000,
            Self::WebhookBody => 512 * 1024,
        }
    }
}

/// What is wrong with a template.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// Its text is too long.
    #[error("it has more than {} KiB", MOST_OF_A_TEMPLATE / 1024)]
    Large,
    /// It is none.
    #[error("it can't be read as a template: {}", words(.0))]
    Syntax(#[source] minijinja::Error),
    /// It ends in an error.
    #[error("it can't be rendered: {}", words(.0))]
    Render(#[source] minijinja::Error),
    /// It goes on and on.
    #[error("it takes more than {FUEL} steps, or makes too much on the way")]
    Endless,
    /// It makes too much.
    #[error("it makes more than {0} bytes")]
    Long(usize),
    /// People would have nothing to answer with.
    #[error("it does not show action.url, the link that people answer with")]
    NoLink,
    /// Strangers' words would be markup.
    #[error("it shows a value as it is: leave out the filter safe and autoescape false")]
    Unescaped,
    /// It makes no JSON.
    #[error("it does not make JSON; a value is a whole one, with its quotes: \"text\": {{{{ message.sentence }}}}")]
    NotJson,
}

/// What is wrong, and in which line.
fn words(error: &minijinja::Error) -> String {
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    let line = error.line().map(|line| format!(" in line {line}")).unwrap_or_default();
    format!("{}{detail}{line}", error.kind())
}

/// A template that was read.
pub struct Template {
    part: Part,
    environment: Environment<'static>,
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Template({})", self.part.file())
    }
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateError`] when it is none.
    pub fn read(part: Part, text: &str) -> Result<Self, TemplateError> {
        if text.len() > MOST_OF_A_TEMPLATE {
            return Err(TemplateError::Large);
        }
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(MOST_DEEP);
        environment.set_auto_escape_callback(move |_| part.escape());
        environment.add_template_owned(part.file(), text.to_owned()).map_err(TemplateError::Syntax)?;
        Ok(Self { part, environment })
    }

    /// What it makes of these values.
    ///
    /// # Errors
    /// [`TemplateError`] when it fails, or oversteps a bound.
    pub fn render(&self, values: &impl Serialize) -> Result<String, TemplateError> {
        let template = self.environment.get_template(self.part.file()).map_err(TemplateError::Render)?;
        let mut bounded = Bounded { made: Vec::new(), most: self.part.most() };
        match template.render_captured_to(minijinja::value::Serde(values), &mut bounded) {
            Ok(_) => String::from_utf8(bounded.made).map_err(|_| TemplateError::NotJson),
            Err(_) if bounded.made.len() >= bounded.most => Err(TemplateError::Long(bounded.most)),
            Err(error) if error.kind() == ErrorKind::OutOfFuel => Err(TemplateError::Endless),
            Err(error) => Err(TemplateError::Render(error)),
        }
    }
}

/// Takes so many bytes and no more.
struct Bounded {
    made: Vec<u8>,
    most: usize,
}

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = self.most.saturating_sub(self.made.len()).min(bytes.len());
        self.made.extend_from_slice(bytes.get(..room).unwrap_or_default());
        if room < bytes.len() { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(room) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The templates of a folder, as far as they can be used.
#[derive(Clone, Debug, Default)]
pub struct Templates {
    /// Of the HTML of a mail.
    pub email_html: Option<Arc<Template>>,
    /// Of its text.
    pub email_text: Option<Arc<Template>>,
    /// Of what is posted to webhooks that have none of their own.
    pub webhook: Option<Arc<Template>>,
}

impl Templates {
    /// The files of those that are used.
    pub fn files(&self) -> impl Iterator<Item = &'static str> {
        let all = [&self.email_html, &self.email_text, &self.webhook];
        all.into_iter().flatten().map(|template| template.part.file())
    }

    /// Has this in the place of ours.
    pub fn set(&mut self, template: Template) {
        let place = match template.part {
            Part::EmailHtml => &mut self.email_html,
            Part::EmailText => &mut self.email_text,
            Part::WebhookBody => &mut self.webhook,
        };
        *place = Some(Arc::new(template));
    }
}

/// What the template makes of these values; nothing where it fails, which the log says: ours is used then.
pub(super) fn made(template: Option<&Template>, values: &impl Serialize) -> Option<String> {
    let template = template?;
    match template.render(values) {
        Ok(made) => Some(made),
        Err(error) => {
            let file = template.part.file();
            tracing::warn!(template = file, %error, "a template fails, and the built-in one is used for this message");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn render(part: Part, text: &str) -> Result<String, TemplateError> {
        Template::read(part, text)?.render(&json!({"sentence": "<b>\"&", "facts": [1, 2], "none": null}))
    }

    #[test]
    fn values_are_escaped_as_the_channel_needs_it() {
        assert_eq!(render(Part::EmailHtml, "{{ sentence }}").unwrap(), "&lt;b&gt;&quot;&amp;");
        assert_eq!(render(Part::EmailText, "{{ sentence }}").unwrap(), "<b>\"&");
        let body = render(Part::WebhookBody, "{\"text\": {{ sentence }}, \"all\": {{ facts }}}").unwrap();
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body, json!({"text": "<b>\"&", "all": [1, 2]}));
    }

    /// A template that loops, and one that renders 100 MB.
    #[test]
    fn what_goes_on_and_on_is_cut_off() {
        for endless in [
            "{% for a in range(10000) %}{% for b in range(10000) %}{% set c = a * b %}{% endfor %}{% endfor %}",
            "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}",
            "{% set ns = namespace(x='xxxxxxxxxx') %}{% for i in range(40) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
            "{% set x = 'x' * 100000000 %}",
            "{{ ([1] * 100000000)|join|length }}",
            "{{ 'x'|replace('x', 'y' * 90000)|replace('y', 'z' * 90000)|length }}",
            "{{ '%100000000s'|format('x')|length }}",
            "{% include 'email.txt' %}",
        ] {
            let Err(error) = render(Part::EmailText, endless) else { panic!("{endless}") };
            assert!(matches!(error, TemplateError::Endless | TemplateError::Render(_)), "{endless}: {error}");
        }
        let long = "{% for a in range(3000) %}0123456789012345678901234567890123456789{% endfor %}";
        assert!(matches!(render(Part::EmailText, long), Err(TemplateError::Long(100_000))));
        assert!(matches!(render(Part::EmailText, &"x".repeat(MOST_OF_A_TEMPLATE + 1)), Err(TemplateError::Large)));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let error = render(Part::EmailText, "a\n{% if %}").unwrap_err();
        assert!(matches!(error, TemplateError::Syntax(_)) && error.to_string().ends_with("in line 2"), "{error}");
        let error = render(Part::EmailText, "a\n\n{{ sentence.a.b }}").unwrap_err();
        assert!(matches!(error, TemplateError::Render(_)) && error.to_string().ends_with("in line 3"), "{error}");
    }
}

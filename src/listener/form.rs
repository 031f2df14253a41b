//! Forms of pages, as browsers send them.

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Payload;
use url::form_urlencoded;

use super::{Bodies, Problem};

/// The most fields of one: as many updates as may be decided at once, and what belongs to them.
const MOST_FIELDS: usize = 1_000;

/// The fields of a form.
#[derive(Debug)]
pub struct Form(Vec<(String, String)>);

/// What was sent is no form that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// Its type is another.
    #[error("what was sent is no form")]
    NoForm,
    /// Its body can't be read.
    #[error(transparent)]
    Unread(#[from] Problem),
}

/// A field was sent more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a field was sent more than once")]
pub struct TwoValues;

impl Form {
    /// Reads the form of a request, of at most `most` bytes. What is left unread on an error is the caller's.
    ///
    /// # Errors
    /// [`FormError`]
    pub async fn read(
        bodies: &Bodies,
        request: &HttpRequest,
        payload: &mut Payload,
        most: usize,
    ) -> Result<Self, FormError> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("application/x-www-form-urlencoded") {
            return Err(FormError::NoForm);
        }
        let body = bodies.read(request, payload, most).await?;
        Ok(Self::parse(&body))
    }

    /// The fields of a body.
    #[must_use]
    pub fn parse(body: &[u8]) -> Self {
        let fields = form_urlencoded::parse(body).take(MOST_FIELDS);
        Self(fields.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The value of a field that may be there once.
    ///
    /// # Errors
    /// [`TwoValues`]
    pub fn single(&self, name: &str) -> Result<Option<&str>, TwoValues> {
        let mut all = self.all(name);
        match (all.next(), all.next()) {
            (_, Some(_)) => Err(TwoValues),
            (value, None) => Ok(value),
        }
    }

    /// The value of a field that is there once.
    #[must_use]
    pub fn one(&self, name: &str) -> Option<&str> {
        self.single(name).ok().flatten()
    }

    /// All values of a field.
    pub fn all<'f>(&'f self, name: &str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// Whether a field has this value.
    #[must_use]
    pub fn says(&self, name: &str, word: &str) -> bool {
        self.all(name).any(|value| value == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_there_twice_is_none() {
        let form = Form::parse(b"a=1&b=2&a=3&c=x+y%26&d");
        assert_eq!((form.single("a"), form.one("a")), (Err(TwoValues), None));
        assert_eq!((form.single("b"), form.single("e")), (Ok(Some("2")), Ok(None)));
        assert_eq!((form.one("c"), form.one("d")), (Some("x y&"), Some("")));
        assert_eq!(form.all("a").collect::<Vec<_>>(), ["1", "3"]);
        assert!(form.says("a", "3") && !form.says("a", "2") && !form.says("A", "1"));
    }

    #[test]
    fn no_more_fields_are_read_than_a_page_has() {
        assert_eq!(Form::parse("a=1&".repeat(5_000).as_bytes()).all("a").count(), MOST_FIELDS);
    }
}

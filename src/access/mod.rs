//! 10 of 13 · in: HTTP request · out: Visitor
//!
//! Who somebody is, and what they may do. A route that answers people names a [`Visitor`] among its arguments and so can't be
//! reached by anybody of whom that is not known.

pub(crate) mod address;
mod argon;
mod basic;
mod bearer;
mod browsers;
mod destination;
mod door;
mod forms;
mod guard;
mod guesses;
mod oidc;
mod opening;
mod page;
mod proxy;
mod routes;
mod sender;
mod sessions;
#[cfg(test)]
mod tests;
mod turns;
mod unfinished;
mod words;

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use subtle::ConstantTimeEq as _;

pub use argon::{HashError, hash_password};
pub use bearer::{WhoseToken, new_token};
pub use door::{Access, AccessError, Parts};
pub use guard::{people, programs};
pub use oidc::{Trial, try_provider};
pub use opening::Ports;
pub use page::TemplateError;
pub use proxy::{Identity, Refused};
pub use routes::routes;

use crate::domain::actor::SignedIn;
pub use crate::domain::role::Role;
use crate::listener::Problem;

/// Somebody who is known, for one request.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// Who it is.
    pub who: SignedIn,
    /// What they may do.
    pub role: Role,
    /// What the forms of our own pages bring along, so that no other site's page can send them.
    pub form_token: String,
}

impl Visitor {
    /// Whether they may decide.
    ///
    /// # Errors
    /// 403, when they may only see.
    pub fn may_decide(&self) -> Result<(), Problem> {
        match self.role {
            Role::Approver => Ok(()),
            Role::Viewer => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "you may see this and decide nothing: it takes the role approver",
            )),
        }
    }

    /// What their places among connections, and among whatever else there are some of, are counted under.
    #[must_use]
    pub fn credential(&self) -> String {
        format!("{:?} {}", self.who.authority(), self.who.name())
    }

    /// Whether a form is one of our own pages, made for them.
    ///
    /// # Errors
    /// 403, when it is not.
    pub fn sent(&self, form_token: &str) -> Result<(), Problem> {
        if self.form_token.as_bytes().ct_eq(form_token.as_bytes()).into() {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "this form is not of a page that was made for you: open the page again",
        ))
    }
}

impl FromRequest for Visitor {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let known = request.extensions().get::<Self>().cloned();
        ready(known.ok_or(Problem::new(StatusCode::UNAUTHORIZED, "nobody is signed in")))
    }
}

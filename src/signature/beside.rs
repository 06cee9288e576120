//! What of a call's head makes its events, beside the body: attributes in headers and in the query. A signature over the body alone
//! says nothing of them: the event type could be changed under it.

use std::borrow::Cow;

use super::{Sent, SignatureError};
use crate::call::{Head, cut};
use crate::protocol::Form;

/// A part of the head that must be signed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'h> {
    /// A header, by its name.
    Header(&'h str),
    /// A parameter of the query, by its name as it is read.
    Parameter(Cow<'h, str>),
}

impl Part<'_> {
    /// Nothing covers it.
    pub(super) fn uncovered(&self) -> SignatureError {
        SignatureError::Uncovered(match self {
            Self::Header(name) => cut(name, 64).to_owned(),
            Self::Parameter(name) => format!("@query-param;name=\"{}\"", cut(name, 64)),
        })
    }
}

/// The parts of the head that must be signed.
pub(super) fn beside<'h>(sent: &Sent<'h>) -> impl Iterator<Item = Part<'h>> {
    let Sent { form, head, .. } = *sent;
    let parameters = form.attribute_parameters(head).into_iter().map(Part::Parameter);
    parameters.chain(attribute_headers(form, head).map(Part::Header))
}

/// The headers that carry attributes of a CloudEvent in binary mode (CloudEvents HTTP binding section 3.1), or of what becomes one behind
/// us; nothing in the other modes.
fn attribute_headers(form: Form, head: &Head) -> impl Iterator<Item = &str> {
    let structured = head.values("content-type").any(|value| {
        const MEDIA_TYPE: &[u8] = b"application/cloudevents";
        value.get(..MEDIA_TYPE.len()).is_some_and(|start| start.eq_ignore_ascii_case(MEDIA_TYPE))
    });
    let binary = (!structured && head.values("ce-specversion").next().is_some()) || form.is_wrapped(head);
    head.headers().map(|(name, _)| name).filter(move |name| binary && (name.starts_with("ce-") || *name == "content-type"))
}

//! A label and the head of a call into the signature base (RFC 9421 section 2.5): the text that is signed.

use std::borrow::Cow;
use std::fmt::Write;

use sfv::{BareItemFromInput, ItemSerializer};

use super::input::{Identifier, Label};
use crate::call::{Head, cut};
use crate::signature::SignatureError;

/// A covered component that is understood.
pub(super) struct Component<'l> {
    identifier: &'l Identifier<'l>,
    source: Source<'l>,
}

/// Where a component's value comes from (RFC 9421 sections 2.1 and 2.2).
enum Source<'l> {
    Field,
    Method,
    TargetUri,
    Authority,
    Scheme,
    RequestTarget,
    Path,
    Query,
    /// A query parameter, by its percent-encoded name.
    QueryParam(&'l str),
}

/// Whether `name` is one that a policy can demand to be covered: a header's name in lower case, or a derived component of a
/// request that needs no parameter.
#[must_use]
pub fn is_component(name: &str) -> bool {
    match name.strip_prefix('@') {
        Some(derived) => plain_source(derived).is_some(),
        None => is_field_name(name),
    }
}

fn plain_source(derived: &str) -> Option<Source<'static>> {
    Some(match derived {
        "method" => Source::Method,
        "target-uri" => Source::TargetUri,
        "authority" => Source::Authority,
        "scheme" => Source::Scheme,
        "request-target" => Source::RequestTarget,
        "path" => Source::Path,
        "query" => Source::Query,
        _ => return None,
    })
}

/// A field name (RFC 9110 section 5.1) in lower case (RFC 9421 section 2.1).
fn is_field_name(name: &str) -> bool {
    let is_name_byte = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_name_byte)
}

/// The components of a label: each is understood and is there once.
pub(super) fn components<'l>(label: &'l Label<'_>) -> Result<Vec<Component<'l>>, SignatureError> {
    let mut components: Vec<Component<'l>> = Vec::with_capacity(label.components.len());
    for identifier in &label.components {
        let component = Component { identifier, source: source(identifier)? };
        if components.iter().any(|earlier| earlier.is(&component)) {
            return Err(SignatureError::malformed(format!("the component `{}` is repeated", component.short_name())));
        }
        components.push(component);
    }
    Ok(components)
}

fn source<'l>(identifier: &'l Identifier<'_>) -> Result<Source<'l>, SignatureError> {
    let name = identifier.name.as_str();
    let source = match (name.strip_prefix('@'), identifier.parameters.as_slice()) {
        (None, []) => is_field_name(name).then_some(Source::Field),
        (Some("query-param"), [(key, BareItemFromInput::String(value))]) if key.as_str() == "name" => {
            Some(Source::QueryParam(value.as_str()))
        }
        (Some(derived), []) => plain_source(derived),
        (None | Some(_), _) => None,
    };
    source.ok_or_else(|| SignatureError::malformed(format!("the component `{}` is not one of a request", cut(name, 64))))
}

impl Component<'_> {
    /// Whether this is the component of that name, without parameters.
    pub fn is_plain(&self, name: &str) -> bool {
        self.identifier.parameters.is_empty() && self.identifier.name.as_str() == name
    }

    /// Names and parameters are the same; the parameter is the name of a query parameter or there is none.
    fn is(&self, other: &Self) -> bool {
        let parameter = |component: &Self| match component.source {
            Source::QueryParam(name) => Some(name.to_owned()),
            Source::Field
            | Source::Method
            | Source::TargetUri
            | Source::Authority
            | Source::Scheme
            | Source::RequestTarget
            | Source::Path
            | Source::Query => None,
        };
        self.identifier.name == other.identifier.name && parameter(self) == parameter(other)
    }

    fn short_name(&self) -> &str {
        cut(self.identifier.name.as_str(), 64)
    }

    /// Appends the component's line, with its end.
    fn write(&self, head: &Head, base: &mut String) -> Result<(), SignatureError> {
        let value = self.value(head)?.ok_or_else(|| SignatureError::AbsentComponent(self.short_name().to_owned()))?;
        // A line break in a value could pass for another component's line; other bytes need the parameter `bs` (section 2.1).
        if !value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)) {
            return Err(SignatureError::malformed(format!("the component `{}` is not ASCII text", self.short_name())));
        }
        let mut written = ItemSerializer::with_buffer(&mut *base).bare_item(&*self.identifier.name);
        for (key, value) in &self.identifier.parameters {
            written = written.parameter(key, value);
        }
        written.finish().push_str(": ");
        base.push_str(&value);
        base.push('\n');
        Ok(())
    }

    /// The component's value; `None` where the call does not have it.
    fn value<'h>(&self, head: &'h Head) -> Result<Option<Cow<'h, str>>, SignatureError> {
        Ok(Some(match self.source {
            Source::Field => return field(self.identifier.name.as_str(), head),
            Source::Method => head.method().into(),
            Source::TargetUri => format!("{}://{}{}", scheme(head), authority(head), head.path()).into(),
            Source::Authority => authority(head).into(),
            Source::Scheme => scheme(head).into(),
            Source::RequestTarget => head.path().into(),
            Source::Path => path(head).into(),
            Source::Query => format!("?{}", query(head).unwrap_or("")).into(),
            Source::QueryParam(name) => return query_param(name, head).map(|value| value.map(Cow::Owned)),
        }))
    }
}

/// The signature base.
pub(super) fn base(label: &Label<'_>, components: &[Component<'_>], head: &Head) -> Result<String, SignatureError> {
    let mut base = String::with_capacity(512);
    for component in components {
        component.write(head, &mut base)?;
    }
    base.push_str("\"@signature-params\": ");
    label.write(&mut base);
    Ok(base)
}

/// A header's values without the white space around them, joined (RFC 9421 section 2.1).
fn field<'h>(name: &str, head: &'h Head) -> Result<Option<Cow<'h, str>>, SignatureError> {
    let text = |value: &'h [u8]| {
        std::str::from_utf8(value.trim_ascii())
            .map_err(|_| SignatureError::malformed(format!("the component `{}` is not ASCII text", cut(name, 64))))
    };
    let mut values = head.values(name);
    let Some(first) = values.next() else { return Ok(None) };
    let mut joined = Cow::Borrowed(text(first)?);
    for value in values {
        joined.to_mut().push_str(", ");
        joined.to_mut().push_str(text(value)?);
    }
    Ok(Some(joined))
}

fn scheme(head: &Head) -> String {
    head.scheme().to_ascii_lowercase()
}

/// In lower case and without the scheme's default port (RFC 9421 section 2.2.3).
fn authority(head: &Head) -> String {
    let default_port = match scheme(head).as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    let mut authority = head.authority().to_ascii_lowercase();
    if let Some(host) = authority.strip_suffix(default_port) {
        authority.truncate(host.len());
    }
    authority
}

/// As sent, without the query; an empty path is `/` (RFC 9421 section 2.2.6).
fn path(head: &Head) -> &str {
    match head.path().split('?').next() {
        None | Some("") => "/",
        Some(path) => path,
    }
}

fn query(head: &Head) -> Option<&str> {
    head.path().split_once('?').map(|(_, query)| query)
}

/// The value of the query parameter with that name (RFC 9421 section 2.2.8): taken from its form encoding and percent-encoded.
/// One that is there twice is refused, since nobody could say which one is meant.
fn query_param(name: &str, head: &Head) -> Result<Option<String>, SignatureError> {
    let mut values = query(head)
        .unwrap_or("")
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(candidate, _)| reencode(candidate) == name);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => Ok(Some(reencode(value))),
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(SignatureError::malformed(format!("the query parameter `{}` is there twice", cut(name, 64)))),
    }
}

/// Form encoding into percent-encoding: `+` is a space, and all but letters, digits and `*-._` is encoded. Bytes are kept even
/// where they are not UTF-8, so that no two values become one.
fn reencode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let (byte, behind) = match (first, tail) {
            (b'+', _) => (b' ', tail),
            (b'%', [high, low, behind @ ..]) => match hex(*high).zip(hex(*low)) {
                Some((high, low)) => (high << 4 | low, behind),
                None => (b'%', tail),
            },
            (byte, _) => (*byte, tail),
        };
        if byte.is_ascii_alphanumeric() || b"*-._".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing into a String does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        rest = behind;
    }
    encoded
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

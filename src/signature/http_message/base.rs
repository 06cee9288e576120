//! A label and the head of a call into the signature base (RFC 9421 section 2.5): the text that is signed.

use std::borrow::Cow;
use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sfv::{BareItemFromInput, ItemSerializer, KeyRef};

use super::input::{Identifier, Label};
use crate::call::{Head, cut};
use crate::signature::SignatureError;
use crate::signature::fields::{self as structured, FieldType};

/// A covered component that is understood.
pub(super) struct Component<'l> {
    identifier: &'l Identifier<'l>,
    source: Source<'l>,
}

/// Where a component's value comes from (RFC 9421 sections 2.1 and 2.2).
enum Source<'l> {
    Field(Form<'l>),
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

/// How the value of a field is put into the base (RFC 9421 section 2.1).
enum Form<'l> {
    /// As sent.
    Plain,
    /// `sf`: as RFC 8941 writes it.
    Strict(FieldType),
    /// `key`: one member of a dictionary.
    Member(&'l str),
    /// `bs`: each line in base64.
    Bytes,
}

/// Fields that are dictionaries (RFC 9218, RFC 9421, RFC 9530), whatever the policy says.
const DICTIONARIES: [&str; 8] = [
    "content-digest",
    "repr-digest",
    "want-content-digest",
    "want-repr-digest",
    "priority",
    "signature",
    "signature-input",
    "accept-signature",
];

/// What a field is that `sf` may be said of.
fn field_type(name: &str, fields: &[(String, FieldType)]) -> Option<FieldType> {
    let own = fields.iter().find(|(field, _)| field == name).map(|(_, of)| *of);
    own.or_else(|| DICTIONARIES.contains(&name).then_some(FieldType::Dictionary))
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
pub(super) fn components<'l>(label: &'l Label<'_>, fields: &[(String, FieldType)]) -> Result<Vec<Component<'l>>, SignatureError> {
    let mut components: Vec<Component<'l>> = Vec::with_capacity(label.components.len());
    for identifier in &label.components {
        let component = Component { identifier, source: source(identifier, fields)? };
        if components.iter().any(|earlier| earlier.identifier == identifier) {
            return Err(SignatureError::malformed(format!("the component `{}` is repeated", component.short_name())));
        }
        components.push(component);
    }
    Ok(components)
}

fn source<'l>(identifier: &'l Identifier<'_>, fields: &[(String, FieldType)]) -> Result<Source<'l>, SignatureError> {
    let name = identifier.name.as_str();
    let source = match (name.strip_prefix('@'), identifier.parameters.as_slice()) {
        (None, parameters) => form(name, parameters, fields).filter(|_| is_field_name(name)).map(Source::Field),
        (Some("query-param"), [(key, BareItemFromInput::String(value))]) if key.as_str() == "name" => {
            Some(Source::QueryParam(value.as_str()))
        }
        (Some(derived), []) => plain_source(derived),
        (Some(_), _) => None,
    };
    source.ok_or_else(|| SignatureError::malformed(format!("the component `{}` is not one of a request", cut(name, 64))))
}

/// `tr` and `req` are of trailers and answers; of two parameters RFC 9421 says no meaning, or several.
fn form<'l>(name: &str, parameters: &'l [(&KeyRef, BareItemFromInput<'_>)], fields: &[(String, FieldType)]) -> Option<Form<'l>> {
    match parameters {
        [] => Some(Form::Plain),
        [(parameter, value)] => match (parameter.as_str(), value) {
            ("sf", BareItemFromInput::Boolean(true)) => field_type(name, fields).map(Form::Strict),
            ("bs", BareItemFromInput::Boolean(true)) => Some(Form::Bytes),
            ("key", BareItemFromInput::String(key)) => Some(Form::Member(key.as_str())),
            _ => None,
        },
        _ => None,
    }
}

impl Component<'_> {
    /// Whether this is all of the component of that name.
    pub fn covers(&self, name: &str) -> bool {
        self.identifier.name.as_str() == name && !matches!(self.source, Source::Field(Form::Member(_)) | Source::QueryParam(_))
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
            Source::Field(ref form) => return field(self.identifier.name.as_str(), form, head),
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

/// The value of a header in that form; `None` where it is absent.
fn field<'h>(name: &str, form: &Form<'_>, head: &'h Head) -> Result<Option<Cow<'h, str>>, SignatureError> {
    head.check_look_alike(name)?;
    if let Form::Bytes = form {
        let lines: Vec<String> = head.values(name).map(|line| format!(":{}:", STANDARD.encode(line.trim_ascii()))).collect();
        return Ok((!lines.is_empty()).then(|| lines.join(", ").into()));
    }
    let Some(value) = joined(name, head)? else { return Ok(None) };
    let strict = match form {
        Form::Plain | Form::Bytes => return Ok(Some(value)),
        Form::Strict(of) => structured::strictly(value.as_bytes(), *of).map(Some),
        Form::Member(key) => structured::member(value.as_bytes(), key),
    };
    let malformed = |error| SignatureError::malformed(format!("the component `{}`: {error}", cut(name, 64)));
    Ok(strict.map_err(malformed)?.map(Cow::Owned))
}

/// A header's values without the white space around them, joined (RFC 9421 section 2.1).
fn joined<'h>(name: &str, head: &'h Head) -> Result<Option<Cow<'h, str>>, SignatureError> {
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

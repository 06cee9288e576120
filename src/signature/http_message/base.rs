//! A label and the head of a call into the signature base (RFC 9421 section 2.5): the text that is signed.

use std::borrow::Cow;
use std::cell::OnceCell;
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

/// What components take their values from.
pub(super) struct Request<'h> {
    head: &'h Head,
    /// The query, once a component names a parameter of it.
    parameters: OnceCell<Vec<Parameter<'h>>>,
}

/// A parameter of the query: its name percent-encoded, its value as sent.
type Parameter<'h> = (Cow<'h, str>, &'h str);

/// Parameters that a query may have of which one is signed by itself: each is compared for each component.
const MAX_PARAMETERS: usize = 1024;

/// Bytes of a field that is a dictionary of which one member is signed by itself: it is read for each of them.
const MAX_DICTIONARY: usize = 8 << 10;

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

    /// Whether the value of the query parameter of that name is in it.
    pub fn covers_parameter(&self, name: &str) -> bool {
        match &self.source {
            Source::TargetUri | Source::RequestTarget | Source::Query => true,
            Source::QueryParam(covered) => *covered == name,
            Source::Field(_) | Source::Method | Source::Authority | Source::Scheme | Source::Path => false,
        }
    }

    fn short_name(&self) -> &str {
        cut(self.identifier.name.as_str(), 64)
    }

    /// Appends the component's line, with its end.
    fn write(&self, request: &Request<'_>, base: &mut String) -> Result<(), SignatureError> {
        let value = self.value(request)?.ok_or_else(|| SignatureError::AbsentComponent(self.short_name().to_owned()))?;
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
    fn value<'h>(&self, request: &Request<'h>) -> Result<Option<Cow<'h, str>>, SignatureError> {
        let head = request.head;
        Ok(Some(match self.source {
            Source::Field(ref form) => return field(self.identifier.name.as_str(), form, head),
            Source::Method => head.method().into(),
            Source::TargetUri => format!("{}://{}{}", scheme(head), authority(head), head.path()).into(),
            Source::Authority => authority(head).into(),
            Source::Scheme => scheme(head).into(),
            Source::RequestTarget => head.path().into(),
            Source::Path => path(head).into(),
            Source::Query => format!("?{}", query(head).unwrap_or("")).into(),
            Source::QueryParam(name) => return request.parameter(name),
        }))
    }
}

/// The signature base.
pub(super) fn base(label: &Label<'_>, components: &[Component<'_>], request: &Request<'_>) -> Result<String, SignatureError> {
    let mut base = String::with_capacity(512);
    for component in components {
        component.write(request, &mut base)?;
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
    let malformed = |error| SignatureError::malformed(format!("the component `{}`: {error}", cut(name, 64)));
    let strict = match form {
        Form::Plain | Form::Bytes => return Ok(Some(value)),
        Form::Strict(of) => structured::strictly(value.as_bytes(), *of).map(Some),
        Form::Member(_) if value.len() > MAX_DICTIONARY => {
            return Err(SignatureError::malformed(format!(
                "the component `{}` has more than {MAX_DICTIONARY} bytes",
                cut(name, 64)
            )));
        }
        Form::Member(key) => structured::member(value.as_bytes(), key),
    };
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

impl<'h> Request<'h> {
    /// Of a call with this head.
    pub fn new(head: &'h Head) -> Self {
        Self { head, parameters: OnceCell::new() }
    }

    /// The parameters of the query, which is taken apart once: their names may be long, and components that name one many.
    fn parameters(&self) -> &[Parameter<'h>] {
        self.parameters.get_or_init(|| {
            let pairs = query(self.head).unwrap_or("").split('&').take(MAX_PARAMETERS + 1);
            let split = |pair: &'h str| pair.split_once('=').unwrap_or((pair, ""));
            pairs.map(split).map(|(name, value)| (reencode(name), value)).collect()
        })
    }

    /// The value of the query parameter with that name (RFC 9421 section 2.2.8): taken from its form encoding and percent-encoded.
    /// One that is there twice is refused, since nobody could say which one is meant.
    fn parameter(&self, name: &str) -> Result<Option<Cow<'h, str>>, SignatureError> {
        if self.parameters().len() > MAX_PARAMETERS {
            return Err(SignatureError::malformed(format!("the query has more than {MAX_PARAMETERS} parameters")));
        }
        let mut values = self.parameters().iter().filter(|(candidate, _)| candidate == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Ok(Some(reencode(value))),
            (None, _) => Ok(None),
            (Some(_), Some(_)) => {
                Err(SignatureError::malformed(format!("the query parameter `{}` is there twice", cut(name, 64))))
            }
        }
    }
}

/// Form encoding into percent-encoding: `+` is a space, and all but letters, digits and `*-._` is encoded. Bytes are kept even
/// where they are not UTF-8, so that no two values become one.
fn reencode(text: &str) -> Cow<'_, str> {
    if text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
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
        if is_plain(byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing into a String does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        rest = behind;
    }
    Cow::Owned(encoded)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"*-._".contains(&byte)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head(query: &str) -> Head {
        let path = format!("/events?{query}");
        Head::from_map([(":method", "POST"), (":authority", "bus"), (":path", path.as_str())].into_iter().collect()).unwrap()
    }

    #[test]
    fn a_query_is_taken_apart_once_and_only_where_a_parameter_is_named() {
        let head = head("p0&p1=a+b&%%%");
        let request = Request::new(&head);
        assert!(request.parameters.get().is_none());
        assert_eq!(request.parameter("p1").unwrap().as_deref(), Some("a%20b"));
        let first = request.parameters.get().unwrap().as_ptr();
        assert_eq!(request.parameter("%25%25%25").unwrap().as_deref(), Some(""));
        assert_eq!(request.parameters().as_ptr(), first);
    }

    #[test]
    fn a_query_of_which_a_parameter_is_signed_has_so_many_parameters() {
        for (others, expected) in [(MAX_PARAMETERS - 1, true), (MAX_PARAMETERS, false)] {
            let head = head(&format!("{}p=1", "a&".repeat(others)));
            assert_eq!(Request::new(&head).parameter("p").is_ok(), expected, "{others}");
        }
    }

    #[test]
    fn a_field_of_which_a_member_is_signed_has_so_many_bytes() {
        let form = Form::Member("a");
        for (bytes, expected) in [(MAX_DICTIONARY, true), (MAX_DICTIONARY + 1, false)] {
            let field_value = format!("a=1, b=\"{}\"", "x".repeat(bytes - 9));
            assert_eq!(field_value.len(), bytes);
            let map = [(":method", "POST"), (":authority", "bus"), (":path", "/"), ("x-d", field_value.as_str())];
            let head = Head::from_map(map.into_iter().collect()).unwrap();
            assert_eq!(field("x-d", &form, &head).is_ok(), expected, "{bytes}");
        }
    }

    proptest! {
        #[test]
        fn the_parameter_of_a_name_is_the_one_that_is_encoded_so(query in "[ab%4126&=+]{0,24}", name in "(a|b|%25|%20|1)?") {
            let head = head(&query);
            let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
            let values: Vec<&str> = pairs.filter(|(other, _)| reencode(other) == name).map(|(_, value)| value).collect();
            let found = Request::new(&head).parameter(&name);
            match values.as_slice() {
                [] => prop_assert_eq!(found, Ok(None)),
                [value] => prop_assert_eq!(found, Ok(Some(reencode(value)))),
                _ => prop_assert!(found.is_err()),
            }
        }
    }
}

//! The header `signature-input` (RFC 9421 section 4.1) into labels, and back into text. Doubled labels and parameters are errors:
//! RFC 8941 lets the last one win, but not everybody reads it so.

use std::borrow::Cow;

use sfv::{BareItemFromInput, DictSerializer, KeyRef, ListSerializer, StringRef};

use super::Input;
use crate::signature::SignatureError;
use crate::signature::fields::{Item, Member, MemberValue, Parameters, WriteParameters as _, dictionary, item};
use crate::time::Timestamp;

/// One signature's input.
#[derive(Debug)]
pub(in crate::signature) struct Label<'h> {
    pub name: &'h KeyRef,
    pub components: Vec<Identifier<'h>>,
    pub parameters: Parameters<'h>,
}

/// A component identifier as it was written (RFC 9421 section 2): its name and parameters.
#[derive(Debug, PartialEq)]
pub(in crate::signature) struct Identifier<'h> {
    pub name: Cow<'h, StringRef>,
    pub parameters: Parameters<'h>,
}

/// Reads the header, at most `limit` labels.
pub(super) fn parse(header: &[u8], limit: usize) -> Result<Vec<Label<'_>>, String> {
    let members = dictionary(header, limit).map_err(|error| error.to_string())?;
    let labels: Option<Vec<_>> = members.into_iter().map(Label::of).collect();
    labels.ok_or_else(|| "a label is not a list of components, each a string".to_owned())
}

impl<'h> Label<'h> {
    fn of(member: Member<'h>) -> Option<Self> {
        let Member { key: Some(name), value: MemberValue::List(items, parameters) } = member else { return None };
        let identifier = |Item { value, parameters }| {
            let BareItemFromInput::String(name) = value else { return None };
            Some(Identifier { name, parameters })
        };
        Some(Self { name, components: items.into_iter().map(identifier).collect::<Option<_>>()?, parameters })
    }
}

impl Label<'_> {
    fn parameter(&self, name: &str) -> Option<&BareItemFromInput<'_>> {
        self.parameters.iter().find_map(|(key, value)| (key.as_str() == name).then_some(value))
    }

    /// The parameter `name`, which is a string.
    pub fn text(&self, name: &str) -> Result<Option<&str>, SignatureError> {
        match self.parameter(name) {
            None => Ok(None),
            Some(BareItemFromInput::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(SignatureError::malformed(format!("the parameter `{name}` is not a string"))),
        }
    }

    /// The parameter `name`, which is an integer: seconds since the Unix epoch.
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, SignatureError> {
        let malformed = || SignatureError::malformed(format!("the parameter `{name}` is not a time"));
        match self.parameter(name) {
            None => Ok(None),
            Some(BareItemFromInput::Integer(seconds)) => {
                Timestamp::from_unix_seconds((*seconds).into()).map(Some).ok_or_else(malformed)
            }
            Some(_) => Err(malformed()),
        }
    }

    /// Appends the value of `@signature-params` (RFC 9421 section 2.3): this input as RFC 8941 writes it, however it was sent.
    pub fn write(&self, text: &mut String) {
        let mut list = ListSerializer::with_buffer(text);
        let mut components = list.inner_list();
        for component in &self.components {
            components.bare_item(&*component.name).parameters_of(&component.parameters);
        }
        components.finish().parameters_of(&self.parameters);
    }
}

/// See [`Input::to_header`].
pub(super) fn write(input: &Input<'_>) -> Option<String> {
    let mut dictionary = DictSerializer::new();
    let mut components = dictionary.inner_list(KeyRef::from_str(input.label).ok()?);
    for component in &input.components {
        let (name, parameters) = component.split_at(component.find(';').unwrap_or(component.len()));
        let written = format!("\"{name}\"{parameters}");
        let item = item(written.as_bytes()).ok()?;
        components.bare_item(&item.value).parameters_of(&item.parameters);
    }
    let mut parameters =
        components.finish().parameter(sfv::key_ref("created"), sfv::Integer::try_from(input.created.unix_seconds()).ok()?);
    if let Some(expires) = input.expires {
        parameters = parameters.parameter(sfv::key_ref("expires"), sfv::Integer::try_from(expires.unix_seconds()).ok()?);
    }
    parameters = parameters.parameter(sfv::key_ref("keyid"), StringRef::from_str(input.key_id).ok()?);
    if let Some(tag) = input.tag {
        parameters.parameter(sfv::key_ref("tag"), StringRef::from_str(tag).ok()?);
    }
    dictionary.finish()
}

//! The header `signature-input` (RFC 9421 section 4.1) into labels, and back into text. Doubled labels and parameters are errors:
//! RFC 8941 lets the last one win, but not everybody reads it so.

use std::borrow::Cow;

use sfv::visitor::{DictionaryVisitor, EntryVisitor, InnerListVisitor, ItemVisitor, Never, ParameterVisitor};
use sfv::{BareItemFromInput, DictSerializer, KeyRef, ListSerializer, Parser, StringRef, Version};

use super::Input;
use crate::signature::SignatureError;
use crate::signature::digest::Unfit;
use crate::time::Timestamp;

/// Components of one label: far more than a call has parts worth signing.
const MAX_COMPONENTS: usize = 64;
/// Parameters of one label or component; RFC 9421 knows six.
const MAX_PARAMETERS: usize = 16;

/// One signature's input.
#[derive(Debug)]
pub(in crate::signature) struct Label<'h> {
    pub name: &'h KeyRef,
    pub components: Vec<Identifier<'h>>,
    pub parameters: Parameters<'h>,
}

/// A component identifier as it was written (RFC 9421 section 2): its name and parameters.
#[derive(Debug)]
pub(in crate::signature) struct Identifier<'h> {
    pub name: Cow<'h, StringRef>,
    pub parameters: Parameters<'h>,
}

/// Parameters in their order, each once.
pub(super) type Parameters<'h> = Vec<(&'h KeyRef, BareItemFromInput<'h>)>;

/// Reads the header, at most `limit` labels.
pub(super) fn parse(header: &[u8], limit: usize) -> Result<Vec<Label<'_>>, sfv::Error> {
    Parser::new(header).with_version(Version::Rfc8941).parse_dictionary_with_visitor(Labels { limit, read: Vec::new() })
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
            let mut written = components.bare_item(&*component.name);
            for (key, value) in &component.parameters {
                written = written.parameter(key, value);
            }
        }
        let mut written = components.finish();
        for (key, value) in &self.parameters {
            written = written.parameter(key, value);
        }
    }
}

/// See [`Input::to_header`].
pub(super) fn write(input: &Input<'_>) -> Option<String> {
    let mut dictionary = DictSerializer::new();
    let mut components = dictionary.inner_list(KeyRef::from_str(input.label).ok()?);
    for component in &input.components {
        // What comes back would take the component's parameters, of which it has none.
        let _: sfv::ParameterSerializer<_> = components.bare_item(StringRef::from_str(component).ok()?);
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

struct Labels<'h> {
    limit: usize,
    read: Vec<Label<'h>>,
}

impl<'h> DictionaryVisitor<'h> for Labels<'h> {
    type Out = Vec<Label<'h>>;
    type Error = Unfit;

    fn entry(&mut self, name: &'h KeyRef) -> Result<impl EntryVisitor<'h>, Unfit> {
        if self.read.len() >= self.limit {
            return Err(Unfit("too many labels"));
        }
        if self.read.iter().any(|earlier| earlier.name == name) {
            return Err(Unfit("a label is there twice"));
        }
        Ok(self.read.push_mut(Label { name, components: Vec::new(), parameters: Vec::new() }))
    }

    fn finish(self) -> Result<Self::Out, Unfit> {
        Ok(self.read)
    }
}

impl<'h> EntryVisitor<'h> for &mut Label<'h> {
    type Error = Unfit;

    fn item(self) -> Result<impl ItemVisitor<'h>, Unfit> {
        Err::<Never, _>(Unfit("a label is not a list of components"))
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'h>, Unfit> {
        Ok(self)
    }
}

impl<'h> InnerListVisitor<'h> for &mut Label<'h> {
    type Error = Unfit;

    fn item(&mut self) -> Result<impl ItemVisitor<'h>, Unfit> {
        if self.components.len() >= MAX_COMPONENTS {
            return Err(Unfit("too many components"));
        }
        Ok(ReadComponent(&mut self.components))
    }

    fn finish(self) -> Result<impl ParameterVisitor<'h>, Unfit> {
        Ok(ReadParameters(&mut self.parameters))
    }
}

struct ReadComponent<'v, 'h>(&'v mut Vec<Identifier<'h>>);

impl<'h> ItemVisitor<'h> for ReadComponent<'_, 'h> {
    type Out = ();
    type Error = Unfit;

    fn bare_item(self, item: BareItemFromInput<'h>) -> Result<impl ParameterVisitor<'h, Out = ()>, Unfit> {
        let BareItemFromInput::String(name) = item else {
            return Err(Unfit("a component is not a string"));
        };
        Ok(ReadParameters(&mut self.0.push_mut(Identifier { name, parameters: Vec::new() }).parameters))
    }
}

struct ReadParameters<'v, 'h>(&'v mut Parameters<'h>);

impl<'h> ParameterVisitor<'h> for ReadParameters<'_, 'h> {
    type Out = ();
    type Error = Unfit;

    fn parameter(&mut self, key: &'h KeyRef, value: BareItemFromInput<'h>) -> Result<(), Unfit> {
        if self.0.len() >= MAX_PARAMETERS {
            return Err(Unfit("too many parameters"));
        }
        if self.0.iter().any(|(earlier, _)| *earlier == key) {
            return Err(Unfit("a parameter is there twice"));
        }
        self.0.push((key, value));
        Ok(())
    }

    fn finish(self) -> Result<(), Unfit> {
        Ok(())
    }
}

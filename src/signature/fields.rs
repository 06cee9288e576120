//! Structured fields (RFC 8941) into their members, and back into text: one reader for all that signatures need of them. Doubled keys
//! are errors: the RFC lets the last one win, but not everybody reads it so.

use sfv::visitor::{DictionaryVisitor, EntryVisitor, InnerListVisitor, ItemVisitor, ListVisitor, ParameterVisitor};
use sfv::{BareItemFromInput, Error, ItemSerializer, KeyRef, ListSerializer, Parser, Version};

/// Items of one inner list: far more than a call has parts worth signing.
const MAX_ITEMS: usize = 64;
/// Parameters of one member or item; RFC 9421 knows six.
const MAX_PARAMETERS: usize = 16;

/// What a field is by its definition (RFC 8941 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// Keys, each with a member.
    Dictionary,
    /// Members in their order.
    List,
    /// One item.
    Item,
}

/// Parameters in their order, each once.
pub(super) type Parameters<'h> = Vec<(&'h KeyRef, BareItemFromInput<'h>)>;

/// A value with its parameters.
#[derive(Debug)]
pub(super) struct Item<'h> {
    pub value: BareItemFromInput<'h>,
    pub parameters: Parameters<'h>,
}

/// A member of a dictionary or list.
#[derive(Debug)]
pub(super) struct Member<'h> {
    /// Its key in a dictionary.
    pub key: Option<&'h KeyRef>,
    pub value: MemberValue<'h>,
}

#[derive(Debug)]
pub(super) enum MemberValue<'h> {
    Item(Item<'h>),
    List(Vec<Item<'h>>, Parameters<'h>),
}

/// Why a field is not one of ours.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unfit(pub &'static str);

/// Reads a dictionary of at most `limit` members.
pub(super) fn dictionary(text: &[u8], limit: usize) -> Result<Vec<Member<'_>>, Error> {
    parser(text).parse_dictionary_with_visitor(Members { limit, read: Vec::new() })
}

/// Reads an item.
pub(super) fn item(text: &[u8]) -> Result<Item<'_>, Error> {
    let mut item = Item::new();
    parser(text).parse_item_with_visitor(ReadItem(&mut item))?;
    Ok(item)
}

/// The member of that key, as RFC 8941 writes it; `None` where the dictionary has none.
pub(super) fn member(dictionary: &[u8], key: &str) -> Result<Option<String>, Error> {
    let members = self::dictionary(dictionary, MAX_ITEMS)?;
    let found = members.iter().find(|member| member.key.is_some_and(|name| name.as_str() == key));
    Ok(found.map(|member| member.value.write()))
}

/// Reads a dictionary of byte sequences, whose parameters neither RFC 9421 nor RFC 9530 gives a meaning.
pub(super) fn byte_sequences(text: &[u8], limit: usize) -> Result<Vec<(&KeyRef, Vec<u8>)>, String> {
    let bytes = |member: Member<'_>| match member.value {
        MemberValue::Item(Item { value: BareItemFromInput::ByteSequence(bytes), .. }) => Some(bytes),
        MemberValue::Item(_) | MemberValue::List(..) => None,
    };
    let members = dictionary(text, limit).map_err(|error| error.to_string())?;
    let read = members.into_iter().map(|member| Some((member.key?, bytes(member)?)));
    read.collect::<Option<_>>().ok_or_else(|| "a member is not a byte sequence".to_owned())
}

/// A field as RFC 8941 section 4.1 writes it, whatever white space it was sent with.
pub(super) fn strictly(field: &[u8], of: FieldType) -> Result<String, Error> {
    let members = Members { limit: MAX_ITEMS, read: Vec::new() };
    let members = match of {
        FieldType::Dictionary => parser(field).parse_dictionary_with_visitor(members)?,
        FieldType::List => parser(field).parse_list_with_visitor(members)?,
        FieldType::Item => vec![Member { key: None, value: MemberValue::Item(item(field)?) }],
    };
    let members: Vec<String> = members.iter().map(Member::write).collect();
    Ok(members.join(", "))
}

fn parser(text: &[u8]) -> Parser<'_> {
    Parser::new(text).with_version(Version::Rfc8941)
}

impl Member<'_> {
    /// With its key: of one that is true, the key stands alone (RFC 8941 section 4.1.2).
    fn write(&self) -> String {
        let value = self.value.write();
        match (self.key, value.strip_prefix("?1")) {
            (None, _) => value,
            (Some(key), Some(parameters)) => format!("{key}{parameters}"),
            (Some(key), None) => format!("{key}={value}"),
        }
    }
}

impl MemberValue<'_> {
    pub(super) fn write(&self) -> String {
        let mut text = String::new();
        match self {
            Self::Item(item) => item.write(&mut text),
            Self::List(items, parameters) => {
                let mut list = ListSerializer::with_buffer(&mut text);
                let mut written = list.inner_list();
                for item in items {
                    written.bare_item(&item.value).parameters_of(&item.parameters);
                }
                written.finish().parameters_of(parameters);
            }
        }
        text
    }
}

impl Item<'_> {
    /// Before it is read.
    fn new() -> Self {
        Self { value: BareItemFromInput::Boolean(false), parameters: Vec::new() }
    }

    fn write(&self, text: &mut String) {
        ItemSerializer::with_buffer(text).bare_item(&self.value).parameters_of(&self.parameters);
    }
}

/// What every serializer has behind an item.
pub(super) trait WriteParameters: Sized {
    /// Writes all of them.
    fn parameters_of(self, parameters: &Parameters<'_>) -> Self;
}

impl<W: std::borrow::BorrowMut<String>> WriteParameters for sfv::ParameterSerializer<W> {
    fn parameters_of(self, parameters: &Parameters<'_>) -> Self {
        parameters.iter().fold(self, |written, (key, value)| written.parameter(key, value))
    }
}

struct Members<'h> {
    limit: usize,
    read: Vec<Member<'h>>,
}

impl<'h> Members<'h> {
    fn add(&mut self, key: Option<&'h KeyRef>) -> Result<NewMember<'_, 'h>, Unfit> {
        if self.read.len() >= self.limit {
            return Err(Unfit("too many members"));
        }
        if key.is_some() && self.read.iter().any(|earlier| earlier.key == key) {
            return Err(Unfit("a key is there twice"));
        }
        Ok(NewMember { key, read: &mut self.read })
    }
}

impl<'h> DictionaryVisitor<'h> for Members<'h> {
    type Out = Vec<Member<'h>>;
    type Error = Unfit;

    fn entry(&mut self, key: &'h KeyRef) -> Result<impl EntryVisitor<'h>, Unfit> {
        self.add(Some(key))
    }

    fn finish(self) -> Result<Self::Out, Unfit> {
        Ok(self.read)
    }
}

impl<'h> ListVisitor<'h> for Members<'h> {
    type Out = Vec<Member<'h>>;
    type Error = Unfit;

    fn entry(&mut self) -> Result<impl EntryVisitor<'h>, Unfit> {
        self.add(None)
    }

    fn finish(self) -> Result<Self::Out, Unfit> {
        Ok(self.read)
    }
}

struct NewMember<'v, 'h> {
    key: Option<&'h KeyRef>,
    read: &'v mut Vec<Member<'h>>,
}

impl<'h> EntryVisitor<'h> for NewMember<'_, 'h> {
    type Error = Unfit;

    fn item(self) -> Result<impl ItemVisitor<'h>, Unfit> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'h>, Unfit> {
        let value = MemberValue::List(Vec::new(), Vec::new());
        Ok(self.read.push_mut(Member { key: self.key, value }))
    }
}

impl<'h> ItemVisitor<'h> for NewMember<'_, 'h> {
    type Out = ();
    type Error = Unfit;

    fn bare_item(self, value: BareItemFromInput<'h>) -> Result<impl ParameterVisitor<'h, Out = ()>, Unfit> {
        let value = MemberValue::Item(Item { value, parameters: Vec::new() });
        Ok(ReadParameters(self.read.push_mut(Member { key: self.key, value }).value.parameters()))
    }
}

impl<'h> MemberValue<'h> {
    fn parameters(&mut self) -> &mut Parameters<'h> {
        match self {
            Self::Item(item) => &mut item.parameters,
            Self::List(_, parameters) => parameters,
        }
    }
}

impl<'h> InnerListVisitor<'h> for &mut Member<'h> {
    type Error = Unfit;

    fn item(&mut self) -> Result<impl ItemVisitor<'h>, Unfit> {
        match &mut self.value {
            MemberValue::List(items, _) if items.len() < MAX_ITEMS => Ok(ReadItem(items.push_mut(Item::new()))),
            MemberValue::List(..) | MemberValue::Item(_) => Err(Unfit("too many items")),
        }
    }

    fn finish(self) -> Result<impl ParameterVisitor<'h>, Unfit> {
        Ok(ReadParameters(self.value.parameters()))
    }
}

struct ReadItem<'v, 'h>(&'v mut Item<'h>);

impl<'h> ItemVisitor<'h> for ReadItem<'_, 'h> {
    type Out = ();
    type Error = Unfit;

    fn bare_item(self, value: BareItemFromInput<'h>) -> Result<impl ParameterVisitor<'h, Out = ()>, Unfit> {
        self.0.value = value;
        Ok(ReadParameters(&mut self.0.parameters))
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

//! One JSON document that is one event of a bus's own form, e.g. `{"eventType", "timestamp", "payload"}`: its attributes stand
//! where the policy's pointers say.

use std::borrow::Cow;

use crate::budget::Budget;
use crate::call::Head;
use crate::json::{Document, LookAlike, Pointer, Value};

use super::attributes::Found;
use super::media::{MediaType, unsupported};
use super::{Data, Event, Form, ProtocolError, malformed, shown};

/// Where a JSON document keeps the attributes of the event that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Where the event type is.
    pub event_type: Pointer,
    /// Where the id is.
    pub id: Option<Pointer>,
    /// Where the source is.
    pub source: Option<Pointer>,
    /// Where the time is.
    pub time: Option<Pointer>,
    /// Where the subject is.
    pub subject: Option<Pointer>,
    /// Where the data is; the whole document where nothing is said.
    pub data: Option<Pointer>,
}

/// Any JSON: `application/json` and `application/*+json`.
pub(super) fn form(head: &Head) -> Result<Form, ProtocolError> {
    let (media, text) = MediaType::of(head)?.ok_or_else(|| unsupported(""))?;
    if media.is_application_json() && media.is_utf8() { Ok(Form::Json) } else { Err(unsupported(text)) }
}

impl Envelope {
    /// The one event that the content is.
    pub(super) fn events<'a>(
        &self,
        content: &'a [u8],
        topic: Option<&'a str>,
        budget: &Budget,
    ) -> Result<Vec<Event<'a>>, ProtocolError> {
        let document = Document::parse(content, budget.depth)?;
        Ok(vec![self.event(document.root(), topic)?])
    }

    fn event<'a>(&self, root: Value<'_, 'a>, topic: Option<&'a str>) -> Result<Event<'a>, ProtocolError> {
        // An event without a type is that first of all, whatever else it has.
        let typed = root.at(&self.event_type).map(|_| &self.event_type);
        let found = Found {
            event_type: text(root, "type", typed)?,
            id: text(root, "id", self.id.as_ref())?,
            source: text(root, "source", self.source.as_ref())?,
            time: text(root, "time", self.time.as_ref())?,
            subject: text(root, "subject", self.subject.as_ref())?,
            topic: topic.map(Cow::Borrowed),
        };
        found.event(self.data(root)?)
    }

    fn data<'a>(&self, root: Value<'_, 'a>) -> Result<Data<'a>, ProtocolError> {
        let value = self.data.as_ref().map_or(Ok(Some(root)), |pointer| at(root, pointer))?;
        Ok(value.map_or(Data::Absent, |value| Data::Json(Cow::Borrowed(value.raw()))))
    }
}

fn at<'d, 'a>(root: Value<'d, 'a>, pointer: &Pointer) -> Result<Option<Value<'d, 'a>>, ProtocolError> {
    let refuse = |LookAlike(name)| malformed(format!("the name `{}` differs by case alone from one that is read", shown(&name)));
    root.at_alone(pointer).map_err(refuse)
}

/// The string where the pointer leads; `None` where it leads nowhere.
fn text<'a>(root: Value<'_, 'a>, name: &str, pointer: Option<&Pointer>) -> Result<Option<Cow<'a, str>>, ProtocolError> {
    let Some(value) = pointer.map_or(Ok(None), |pointer| at(root, pointer))? else { return Ok(None) };
    value.as_str().map(Some).ok_or_else(|| malformed(format!("the attribute `{name}` is not a string")))
}

//! Names and values into the attributes of a CloudEvent (CloudEvents 1.0.2, "Context Attributes" and "Type System"). Knows
//! nothing of where they stood.

use std::borrow::Cow;

use super::media::MediaType;
use super::{Data, Declared, Event, EventTime, Extension, ProtocolError, malformed, shown};

/// The attributes of one event, while they are gathered. Whoever gathers them says each once only.
#[derive(Debug)]
pub(super) struct Attributes<'a> {
    limit: usize,
    count: usize,
    spec_version: Option<Cow<'a, str>>,
    id: Option<Cow<'a, str>>,
    source: Option<Cow<'a, str>>,
    event_type: Option<Cow<'a, str>>,
    subject: Option<Cow<'a, str>>,
    time: Option<Cow<'a, str>>,
    data_content_type: Option<Cow<'a, str>>,
    data_schema: Option<Cow<'a, str>>,
    extensions: Vec<Extension<'a>>,
}

impl<'a> Attributes<'a> {
    /// None yet, and at most `limit` of them.
    pub(super) fn up_to(limit: usize) -> Self {
        Self {
            limit,
            count: 0,
            spec_version: None,
            id: None,
            source: None,
            event_type: None,
            subject: None,
            time: None,
            data_content_type: None,
            data_schema: None,
            extensions: Vec::new(),
        }
    }

    /// Adds one, in its canonical string encoding; `None` is one that is written and unset.
    pub(super) fn add(&mut self, name: Cow<'a, str>, value: Option<Cow<'a, str>>) -> Result<(), ProtocolError> {
        self.count += 1;
        if self.count > self.limit {
            return Err(malformed(format!("an event has more than {} attributes", self.limit)));
        }
        if !is_name(&name) {
            return Err(malformed(format!("`{}` is not the name of an attribute: lower-case letters and digits", shown(&name))));
        }
        let Some(value) = value else { return Ok(()) };
        check_text(&name, &value)?;
        match self.core(&name) {
            Some(slot) => *slot = Some(value),
            None => self.extensions.push(Extension { name, value }),
        }
        Ok(())
    }

    /// Whether the data is JSON: it is where nothing is said (JSON format section 3.1.1).
    pub(super) fn declare_json(&self) -> bool {
        self.data_content_type.as_deref().is_none_or(|text| MediaType::parse(text).is_some_and(MediaType::is_json))
    }

    /// The event of these attributes.
    pub(super) fn event(self, data: Data<'a>, topic: Option<&'a str>) -> Result<Event<'a>, ProtocolError> {
        let spec_version = self.spec_version.ok_or(ProtocolError::MissingAttribute("specversion"))?;
        if spec_version != "1.0" {
            return Err(malformed(format!("the specversion `{}` is not read here: 1.0 is", shown(&spec_version))));
        }
        if let Some(text) = self.data_content_type.as_deref().filter(|text| MediaType::parse(text).is_none()) {
            return Err(malformed(format!("the datacontenttype `{}` is not a media type", shown(text))));
        }
        Ok(Event {
            id: Some(self.id.ok_or(ProtocolError::MissingAttribute("id"))?),
            source: Some(self.source.ok_or(ProtocolError::MissingAttribute("source"))?),
            event_type: self.event_type.ok_or(ProtocolError::MissingAttribute("type"))?,
            time: self.time.map(EventTime::read).transpose()?,
            subject: self.subject,
            topic: topic.map(Cow::Borrowed),
            data_content_type: self.data_content_type,
            data_schema: self.data_schema,
            spec_version: Some(spec_version),
            extensions: self.extensions,
            declared: Declared::Nothing,
            data,
        })
    }

    fn core(&mut self, name: &str) -> Option<&mut Option<Cow<'a, str>>> {
        Some(match name {
            "specversion" => &mut self.spec_version,
            "id" => &mut self.id,
            "source" => &mut self.source,
            "type" => &mut self.event_type,
            "subject" => &mut self.subject,
            "time" => &mut self.time,
            "datacontenttype" => &mut self.data_content_type,
            "dataschema" => &mut self.data_schema,
            _ => return None,
        })
    }
}

/// What was found of an event that is no CloudEvent.
#[derive(Debug, Default)]
pub(super) struct Found<'a> {
    pub event_type: Option<Cow<'a, str>>,
    pub id: Option<Cow<'a, str>>,
    pub source: Option<Cow<'a, str>>,
    pub time: Option<Cow<'a, str>>,
    pub subject: Option<Cow<'a, str>>,
    pub topic: Option<Cow<'a, str>>,
}

impl<'a> Found<'a> {
    /// The event. It has a type, and what is there keeps what is asked of a CloudEvent's attribute.
    pub(super) fn event(self, data: Data<'a>) -> Result<Event<'a>, ProtocolError> {
        let Self { event_type, id, source, time, subject, topic } = self;
        let all = [("type", &event_type), ("id", &id), ("source", &source), ("subject", &subject), ("topic", &topic)];
        for (name, value) in all {
            value.as_deref().map_or(Ok(()), |value| check_text(name, value))?;
        }
        Ok(Event {
            event_type: event_type.ok_or(ProtocolError::MissingAttribute("type"))?,
            id,
            source,
            time: time.map(EventTime::read).transpose()?,
            subject,
            topic,
            data_content_type: None,
            data_schema: None,
            spec_version: None,
            extensions: Vec::new(),
            declared: Declared::Nothing,
            data,
        })
    }
}

/// Whether the specification itself defines this attribute.
pub(super) fn is_core(name: &str) -> bool {
    matches!(name, "specversion" | "id" | "source" | "type" | "subject" | "time" | "datacontenttype" | "dataschema")
}

/// "Naming conventions": lower-case letters and digits, and not `data`. So `Type` is no name, and nothing is a name that differs
/// from another one by case only.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name != "data" && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// The value of an attribute: the characters that "Type System" allows, and one at least where the specification defines the
/// attribute. What names an event in a record must also read the way it is written.
pub(super) fn check_text(name: &str, value: &str) -> Result<(), ProtocolError> {
    if value.is_empty() && is_core(name) {
        return Err(malformed(format!("the attribute `{name}` is empty")));
    }
    if value.bytes().all(|byte| matches!(byte, 0x20..0x7f)) {
        return Ok(());
    }
    if value.chars().any(|char| char.is_control() || is_noncharacter(char)) {
        return Err(malformed(format!("the attribute `{name}` holds a control character")));
    }
    if matches!(name, "id" | "source" | "type" | "subject") && value.chars().any(is_bidirectional_mark) {
        return Err(malformed(format!("the attribute `{name}` holds a bidirectional mark")));
    }
    Ok(())
}

/// Unicode section 23.7.
fn is_noncharacter(char: char) -> bool {
    let code = u32::from(char);
    (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
}

/// The property Bidi_Control: letters that follow are shown in another order than they are written.
fn is_bidirectional_mark(char: char) -> bool {
    matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

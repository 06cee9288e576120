//! Path templates and what they find in a path. Paths are read as sent: the query is dropped, and percent-encoded unreserved
//! characters are decoded (RFC 3986 section 2.3 calls both forms equivalent), once. Nothing else is normalised: another reader
//! might not do the same.

use std::borrow::Cow;
use std::sync::Arc;

use crate::call::cut;

/// A path with variables: `/events/{topic}`. A variable is one whole segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    text: Arc<str>,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Variable(String),
}

/// Why a text is no path template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A path starts with a slash.
    #[error("a path starts with `/`")]
    NoSlash,
    /// Templates match paths without their query or fragment.
    #[error("a path has no query and no fragment")]
    Query,
    /// An empty segment that is not the last one, `.` or `..`: paths are not normalised, so hardly a call could match.
    #[error("a path has no empty segment, no `.` and no `..`")]
    DotSegment,
    /// Paths are compared decoded.
    #[error("`{0}` is percent-encoded, or has characters that a path cannot have")]
    Encoded(String),
    /// A variable is a whole segment with a name of letters, digits, `_` and `-`.
    #[error("`{0}` is no variable: a variable is a whole segment, `{{name}}`")]
    Variable(String),
    /// The same variable twice.
    #[error("the variable `{0}` is there twice")]
    Twice(String),
}

impl PathTemplate {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// [`TemplateError`] where the text is no template, or one that hardly a call could match.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let path = text.strip_prefix('/').ok_or(TemplateError::NoSlash)?;
        if path.contains(['?', '#']) {
            return Err(TemplateError::Query);
        }
        let mut segments = Vec::new();
        let mut rest = path.split('/').peekable();
        while let Some(segment) = rest.next() {
            if matches!(segment, "." | "..") || (segment.is_empty() && rest.peek().is_some()) {
                return Err(TemplateError::DotSegment);
            }
            let segment = Segment::parse(segment)?;
            if segments.contains(&segment) && matches!(segment, Segment::Variable(_)) {
                return Err(TemplateError::Twice(segment.text().to_owned()));
            }
            segments.push(segment);
        }
        Ok(Self { text: text.into(), segments })
    }

    /// The path of a gRPC method, `package.Service/Method`: two literal segments.
    ///
    /// # Errors
    ///
    /// [`TemplateError`] where the name is not of that form.
    pub fn grpc(method: &str) -> Result<Self, TemplateError> {
        let template = Self::parse(&format!("/{method}"))?;
        match template.segments.as_slice() {
            [Segment::Literal(service), Segment::Literal(name)] if !service.is_empty() && !name.is_empty() => Ok(template),
            _ => Err(TemplateError::Encoded(cut(method, 64).to_owned())),
        }
    }

    /// The template as the policy writes it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same, without a copy.
    #[must_use]
    pub fn shared_text(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// Whether a path is one of this template: a variable stands for any one segment.
    #[must_use]
    pub fn matches(&self, path: &CallPath<'_>) -> bool {
        let mut sent = path.segments();
        self.segments.iter().all(|segment| sent.next().is_some_and(|text| segment.matches(text))) && sent.next().is_none()
    }

    /// Whether every path of `other` is also one of this template.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.segments.len() == other.segments.len()
            && self.segments.iter().zip(&other.segments).all(|(own, other)| match (own, other) {
                (Segment::Variable(_), _) => true,
                (Segment::Literal(own), Segment::Literal(other)) => own == other,
                (Segment::Literal(_), Segment::Variable(_)) => false,
            })
    }

    /// The place of the variable `name` among the segments.
    fn variable(&self, name: &str) -> Option<usize> {
        self.segments.iter().position(|segment| matches!(segment, Segment::Variable(variable) if variable == name))
    }

    /// Whether every variable stands for a name. An empty segment, a dot segment or an encoded slash may lead the upstream to
    /// another place than the segment says, so a path with one of these names no topic.
    fn names_something(&self, path: &CallPath<'_>) -> bool {
        let variables = self.segments.iter().zip(path.segments()).filter(|(segment, _)| matches!(segment, Segment::Variable(_)));
        variables.map(|(_, text)| text).all(|text| !matches!(text, "" | "." | "..") && !has_encoded_slash(text))
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, TemplateError> {
        if let Some(name) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
            return match !name.is_empty() && name.bytes().all(plain) {
                true => Ok(Self::Variable(name.to_owned())),
                false => Err(TemplateError::Variable(cut(text, 64).to_owned())),
            };
        }
        if text.contains(['{', '}']) {
            return Err(TemplateError::Variable(cut(text, 64).to_owned()));
        }
        match text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'%') {
            true => Ok(Self::Literal(text.to_owned())),
            false => Err(TemplateError::Encoded(cut(text, 64).to_owned())),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Literal(text) | Self::Variable(text) => text,
        }
    }

    fn matches(&self, sent: &str) -> bool {
        match self {
            Self::Literal(text) => text == sent,
            Self::Variable(_) => true,
        }
    }
}

/// The path of a call, without its query, with unreserved characters decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallPath<'a>(Cow<'a, str>);

impl<'a> CallPath<'a> {
    /// From `:path`, as sent.
    #[must_use]
    pub fn new(path: &'a str) -> Self {
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        Self(decode_unreserved(path))
    }

    /// The segments behind the first slash; none where the path does not start with one (`*`, or a whole URI).
    fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.strip_prefix('/').into_iter().flat_map(|path| path.split('/'))
    }

    /// The segment at `index`; borrowed from the call where nothing was decoded.
    fn segment(&self, index: usize) -> Option<Cow<'a, str>> {
        match &self.0 {
            Cow::Borrowed(path) => path.strip_prefix('/')?.split('/').nth(index).map(Cow::Borrowed),
            Cow::Owned(path) => path.strip_prefix('/')?.split('/').nth(index).map(|text| Cow::Owned(text.to_owned())),
        }
    }
}

/// How a route names the topic: text, with variables of its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicTemplate(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The place of a variable among the segments of the path.
    Variable(usize),
}

/// Why a text is no topic template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// A topic has a name.
    #[error("a topic is not empty")]
    Empty,
    /// A brace without its other half.
    #[error("a brace without its other half")]
    Brace,
    /// The path has no such variable.
    #[error("the path has no variable `{0}`")]
    NoVariable(String),
}

/// Whether the parts can become this text, each variable something.
fn may_expand(parts: &[Part], text: &str) -> bool {
    match parts {
        [] => text.is_empty(),
        [Part::Text(start), rest @ ..] => text.strip_prefix(start.as_str()).is_some_and(|text| may_expand(rest, text)),
        [Part::Variable(_), rest @ ..] => {
            let mut ends = text.char_indices().map(|(start, character)| start + character.len_utf8());
            ends.any(|end| text.get(end..).is_some_and(|text| may_expand(rest, text)))
        }
    }
}

impl TopicTemplate {
    /// Reads a template, `{name}` being a variable of `path`.
    ///
    /// # Errors
    ///
    /// [`TopicError`].
    pub fn parse(text: &str, path: Option<&PathTemplate>) -> Result<Self, TopicError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, behind) = behind.split_once('}').ok_or(TopicError::Brace)?;
            push_text(&mut parts, before)?;
            let unknown = || TopicError::NoVariable(cut(name, 64).to_owned());
            parts.push(Part::Variable(path.and_then(|path| path.variable(name)).ok_or_else(unknown)?));
            rest = behind;
        }
        push_text(&mut parts, rest)?;
        if parts.is_empty() { Err(TopicError::Empty) } else { Ok(Self(parts)) }
    }

    /// What names the topic where a route says nothing: the path's variable `topic`.
    #[must_use]
    pub fn of_path(path: &PathTemplate) -> Option<Self> {
        path.variable("topic").map(|index| Self(vec![Part::Variable(index)]))
    }

    /// The topic, where it is the same for every path.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether there is a path that names this topic.
    #[must_use]
    pub fn may_be(&self, topic: &str) -> bool {
        may_expand(&self.0, topic)
    }

    /// The topic that a path names; `template` is the one that this template was read for. `None` where a variable of the path
    /// stands for no name.
    #[must_use]
    pub fn topic<'a>(&'a self, template: Option<&PathTemplate>, path: &CallPath<'a>) -> Option<Cow<'a, str>> {
        if template.is_some_and(|template| !template.names_something(path)) {
            return None;
        }
        match self.0.as_slice() {
            [Part::Text(text)] => Some(Cow::Borrowed(text)),
            [Part::Variable(index)] => path.segment(*index),
            parts => parts.iter().map(|part| part.expand(path)).collect::<Option<String>>().map(Cow::Owned),
        }
    }
}

impl Part {
    fn expand<'a>(&'a self, path: &CallPath<'a>) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Variable(index) => path.segment(*index),
        }
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) -> Result<(), TopicError> {
    if text.contains(['{', '}']) {
        return Err(TopicError::Brace);
    }
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
    Ok(())
}

fn has_encoded_slash(text: &str) -> bool {
    text.as_bytes().windows(3).any(|bytes| bytes.eq_ignore_ascii_case(b"%2f"))
}

/// Decodes percent-encoded letters, digits, `-`, `.`, `_` and `~`, and leaves everything else as it is. One pass: what comes out
/// of a decoded character is not looked at again.
fn decode_unreserved(path: &str) -> Cow<'_, str> {
    let Some((plain, mut rest)) = path.split_once('%') else { return Cow::Borrowed(path) };
    let mut decoded = String::with_capacity(path.len());
    decoded.push_str(plain);
    loop {
        match rest.get(..2).and_then(unreserved) {
            Some(character) => {
                decoded.push(character);
                rest = rest.get(2..).unwrap_or_default();
            }
            None => decoded.push('%'),
        }
        let Some((plain, behind)) = rest.split_once('%') else { break };
        decoded.push_str(plain);
        rest = behind;
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

/// The unreserved character (RFC 3986 section 2.3) that two hexadecimal digits stand for.
fn unreserved(digits: &str) -> Option<char> {
    // `from_str_radix` would also take a sign.
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let character = char::from(u8::from_str_radix(digits, 16).ok()?);
    (character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '_' | '~')).then_some(character)
}

#[cfg(test)]
mod tests;

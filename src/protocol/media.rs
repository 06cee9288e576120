//! A content type into its media type (RFC 9110 section 8.3.1). Knows nothing of what a protocol makes of it.

use crate::call::Head;

use super::{Coding, ProtocolError, shown};

/// A media type. Names are compared without case, parameters other than `charset` say nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MediaType<'a> {
    kind: &'a str,
    subtype: &'a str,
    charset: Charset,
}

/// What a `charset` parameter says of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charset {
    Unsaid,
    Utf8,
    /// Something that hides the content from whoever reads UTF-8.
    Other,
}

impl<'a> MediaType<'a> {
    /// Reads a media type with its parameters; `None` where the text is none, or says two charsets.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (essence, mut parameters) = match text.split_once(';') {
            Some((essence, parameters)) => (essence, Some(parameters)),
            None => (text, None),
        };
        let (kind, subtype) = essence.trim_matches(SPACE).split_once('/')?;
        if !is_token(kind) || !is_token(subtype) {
            return None;
        }
        let mut charset = Charset::Unsaid;
        while let Some(rest) = parameters {
            let (parameter, behind) = Parameter::read(rest)?;
            if let Some(said) = parameter.and_then(|parameter| parameter.charset()) {
                if charset != Charset::Unsaid {
                    return None;
                }
                charset = said;
            }
            parameters = behind;
        }
        Some(Self { kind, subtype, charset })
    }

    /// The content type of a call, `None` where it says none; with its text.
    pub(super) fn of(head: &'a Head) -> Result<Option<(Self, &'a str)>, ProtocolError> {
        let Some(text) = head.text("content-type")? else { return Ok(None) };
        let media = Self::parse(text).ok_or_else(|| unsupported(text))?;
        Ok(Some((media, text)))
    }

    /// Whether this is `application/` that subtype, in lower case.
    pub(super) fn is_application(self, subtype: &str) -> bool {
        // The subtype first: one of another length is told apart at once.
        self.subtype.eq_ignore_ascii_case(subtype) && self.kind.eq_ignore_ascii_case("application")
    }

    /// Whether this is `text/` and whatever.
    pub(super) fn is_text(self) -> bool {
        self.kind.eq_ignore_ascii_case("text")
    }

    /// Whether this names an event format of CloudEvents, known here or not (HTTP binding section 3).
    pub(super) fn is_cloudevents(self) -> bool {
        let starts = self.subtype.get(..11).is_some_and(|start| start.eq_ignore_ascii_case("cloudevents"));
        self.kind.eq_ignore_ascii_case("application") && starts
    }

    /// Whether this declares JSON (CloudEvents JSON format section 3.1.1): the subtype is `json` or ends with `+json`.
    pub(super) fn is_json(self) -> bool {
        let suffix = self.subtype.len().checked_sub(5).and_then(|start| self.subtype.get(start..));
        self.subtype.eq_ignore_ascii_case("json") || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("+json"))
    }

    /// Whether this is `application/json` or `application/*+json`.
    pub(super) fn is_application_json(self) -> bool {
        self.kind.eq_ignore_ascii_case("application") && self.is_json()
    }

    fn is_avro_binary(self) -> bool {
        self.kind.eq_ignore_ascii_case("avro") && self.subtype.eq_ignore_ascii_case("binary")
    }

    /// How data of this type is written.
    pub(super) fn coding(self) -> Coding {
        const AVRO: [&str; 4] = ["avro", "avro-binary", "vnd.apache.avro", "vnd.apache.avro+binary"];
        const PROTOBUF: [&str; 3] = ["protobuf", "x-protobuf", "vnd.google.protobuf"];
        if self.is_json() {
            Coding::Json
        } else if PROTOBUF.iter().any(|subtype| self.is_application(subtype)) {
            Coding::Protobuf
        } else if AVRO.iter().any(|subtype| self.is_application(subtype)) || self.is_avro_binary() {
            Coding::Avro
        } else if self.is_application("octet-stream") {
            Coding::Unsaid
        } else {
            Coding::Other
        }
    }

    /// Whether the bytes are UTF-8, as JSON between systems is (RFC 8259 section 8.1).
    pub(super) fn is_utf8(self) -> bool {
        self.charset != Charset::Other
    }
}

/// The refusal of a content type that a protocol does not have.
pub(super) fn unsupported(text: &str) -> ProtocolError {
    ProtocolError::ContentType { found: shown(text) }
}

const SPACE: [char; 2] = [' ', '\t'];

struct Parameter<'a> {
    name: &'a str,
    /// Without quotes; with its backslashes, since no charset that matters has any.
    value: &'a str,
}

impl<'a> Parameter<'a> {
    /// Reads one parameter, which may be empty (`; ;`), and gives what is behind its `;`. `None` where it is not of the form.
    fn read(text: &'a str) -> Option<(Option<Self>, Option<&'a str>)> {
        let text = text.trim_start_matches(SPACE);
        if text.is_empty() {
            return Some((None, None));
        }
        if let Some(behind) = text.strip_prefix(';') {
            return Some((None, Some(behind)));
        }
        let (name, rest) = text.split_once('=')?;
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_string(quoted)?,
            None => rest.split_at_checked(rest.find([';', ' ', '\t']).unwrap_or(rest.len()))?,
        };
        let quoted = text.get(name.len() + 1..)?.starts_with('"');
        let rest = rest.trim_start_matches(SPACE);
        let behind = if rest.is_empty() { None } else { Some(rest.strip_prefix(';')?) };
        (is_token(name) && (quoted || is_token(value))).then_some((Some(Self { name, value }), behind))
    }

    fn charset(&self) -> Option<Charset> {
        let said = || if self.value.eq_ignore_ascii_case("utf-8") { Charset::Utf8 } else { Charset::Other };
        self.name.eq_ignore_ascii_case("charset").then(said)
    }
}

/// The inside of a quoted string (RFC 9110 section 5.6.4) and what is behind it.
fn quoted_string(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    let end = text.find(|char| {
        let ends = char == '"' && !escaped;
        escaped = char == '\\' && !escaped;
        ends
    })?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_compare_without_case_and_without_parameters() {
        for text in [
            "application/json",
            "Application/JSON",
            " application/json ",
            "application/json;charset=utf-8",
            "application/json ; charset=\"UTF-8\" ; x=y",
            "application/json;",
            "application/json; ;v=\"a;b\\\"c\"",
        ] {
            let media = MediaType::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert!(media.is_application("json") && media.is_utf8() && media.is_json(), "{text}");
        }
    }

    #[test]
    fn a_charset_that_is_not_utf_8_hides_no_content() {
        for text in [
            "application/json;charset=ibm037",
            "application/json;CHARSET=utf-16",
            "a/b; x=1; charset=\"utf-7\"",
            "a/b;charset=\"\"",
            "a/b;charset=\"utf\\-8\"",
            "a/b;charset=utf8",
        ] {
            assert!(!MediaType::parse(text).unwrap_or_else(|| panic!("{text}")).is_utf8(), "{text}");
        }
    }

    #[test]
    fn what_is_no_media_type_is_refused() {
        for text in [
            "",
            "json",
            "/json",
            "application/",
            "application /json",
            "application/json, text/plain",
            "application/json charset=utf-8",
            "application/json;charset",
            "application/json;charset=",
            "application/json;charset =utf-8",
            "application/json;charset= utf-8",
            "application/json;charset=utf-8 x",
            "application/json;charset=\"utf-8",
            "application/json;charset=\"utf-8\"x",
            "application/json;charset=utf-8;charset=utf-8",
            "application/json;charset=utf-8;Charset=ibm037",
            "applic\u{e4}tion/json",
        ] {
            assert_eq!(MediaType::parse(text), None, "{text}");
        }
    }

    #[test]
    fn json_is_a_subtype_or_a_suffix() {
        for (text, json) in [
            ("text/json", true),
            ("application/vnd.shop+JSON", true),
            ("application/+json", true),
            ("application/jsonx", false),
            ("application/xml+jso", false),
            ("application/json+xml", false),
            ("application/n", false),
        ] {
            assert_eq!(MediaType::parse(text).unwrap().is_json(), json, "{text}");
        }
    }

    #[test]
    fn a_content_type_that_starts_with_application_cloudevents_is_told_also_a_batch() {
        for (text, expected) in [
            ("application/cloudevents+json", true),
            ("APPLICATION/CloudEvents-Batch+json", true),
            ("application/cloudevents", true),
            ("application/cloudevent", false),
            ("text/cloudevents+json", false),
        ] {
            assert_eq!(MediaType::parse(text).unwrap().is_cloudevents(), expected, "{text}");
        }
    }
}

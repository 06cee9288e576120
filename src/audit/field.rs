//! The fields of a record: what each is called as JSON and as an attribute of OpenTelemetry. One table, so that the access log, the
//! log cluster and the command line never call one thing by two names of their own.

use super::text::Text;

/// One field of a record.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Its key in the JSON form.
    pub json: &'static str,
    /// The key as it stands in an object behind another member: `,"key":`.
    pub(super) member: &'static str,
    /// The attribute's name: one of the OpenTelemetry semantic conventions where they have one, else below `eventguard.`.
    pub attribute: &'static str,
}

/// What a field holds: text that is fit for a record, and numbers.
#[derive(Debug)]
pub enum Value<'r> {
    /// Text.
    Text(Text<'r>),
    /// A number.
    Number(u64),
    /// Texts.
    List(Vec<Text<'r>>),
}

impl Value<'_> {
    /// Appends the value as JSON.
    pub(super) fn write_json(&self, json: &mut String) {
        match self {
            Self::Text(text) => text.write_json(json),
            Self::Number(number) => json.push_str(&number.to_string()),
            Self::List(texts) => {
                for (index, text) in texts.iter().enumerate() {
                    json.push(if index == 0 { '[' } else { ',' });
                    text.write_json(json);
                }
                json.push(']');
            }
        }
    }
}

macro_rules! fields {
    ($($name:ident = $json:literal, $attribute:literal;)*) => {
        $(pub(super) const $name: &Field = &Field { json: $json, member: concat!(",\"", $json, "\":"), attribute: $attribute };)*

        /// Every field but `time`, which is the log record's own, in the order of the JSON form.
        pub const FIELDS: &[&Field] = &[$($name),*];
    };
}

fields! {
    VERDICT = "verdict", "eventguard.verdict";
    CODE = "code", "eventguard.code";
    CAUSE = "cause", "eventguard.cause";
    DETAIL = "detail", "eventguard.detail";
    RULE = "rule", "eventguard.rule";
    MODE = "mode", "eventguard.mode";
    POLICY = "policy", "eventguard.policy.digest";
    TYPE = "type", "cloudevents.event_type";
    ID = "id", "cloudevents.event_id";
    SOURCE = "source", "cloudevents.event_source";
    SUBJECT = "subject", "cloudevents.event_subject";
    EVENT_TIME = "eventTime", "eventguard.event.time";
    TOPIC = "topic", "messaging.destination.name";
    DATA_SHA256 = "dataSha256", "eventguard.data.sha256";
    DATA_SIZE = "dataSize", "messaging.message.body.size";
    ISSUER = "issuer", "eventguard.issuer.name";
    ISSUER_URL = "issuerUrl", "eventguard.issuer.url";
    PUBLISHER = "publisher", "user.id";
    PEER = "peer", "eventguard.peer";
    KEY_IDS = "keyIds", "eventguard.signature.key_ids";
    SCHEMES = "schemes", "eventguard.signature.schemes";
    COVERAGE = "coverage", "eventguard.signature.coverage";
    UNSIGNED = "unsigned", "eventguard.signature.unsigned";
    ROUTE = "route", "eventguard.route";
    PROTOCOL = "protocol", "eventguard.protocol";
    AUTHORITY = "authority", "eventguard.authority";
    PATH_TEMPLATE = "pathTemplate", "http.route";
    DEPRECATED = "deprecated", "eventguard.deprecated";
    MISSING = "missing", "eventguard.missing";
    SHADOW_VERDICT = "shadowVerdict", "eventguard.shadow.verdict";
    SHADOW_CODE = "shadowCode", "eventguard.shadow.code";
    SHADOW_DETAIL = "shadowDetail", "eventguard.shadow.detail";
    INDEX = "index", "eventguard.index";
    COUNT = "count", "eventguard.count";
    REQUEST_ID = "requestId", "eventguard.request_id";
    TRACEPARENT = "traceparent", "eventguard.traceparent";
    DROPPED = "dropped", "eventguard.dropped";
    DROPPED_QUEUE_FULL = "droppedQueueFull", "eventguard.dropped.queue_full";
    DROPPED_REJECTED = "droppedRejected", "eventguard.dropped.rejected";
    DROPPED_ADMITTED = "droppedAdmitted", "eventguard.dropped.admitted";
    DROPPED_REFUSED = "droppedRefused", "eventguard.dropped.refused";
    DROPPED_TOTAL = "droppedTotal", "eventguard.dropped.total";
}

/// The JSON key of an attribute; `None` where no record has it.
#[must_use]
pub fn json_key(attribute: &str) -> Option<&'static str> {
    FIELDS.iter().find(|field| field.attribute == attribute).map(|field| field.json)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_name_is_given_twice() {
        assert_eq!(FIELDS.iter().map(|field| field.json).collect::<HashSet<_>>().len(), FIELDS.len());
        assert_eq!(FIELDS.iter().map(|field| field.attribute).collect::<HashSet<_>>().len(), FIELDS.len());
    }

    #[test]
    fn an_attribute_finds_its_key() {
        assert_eq!(json_key("cloudevents.event_type"), Some("type"));
        assert_eq!(json_key("service.name"), None);
    }
}

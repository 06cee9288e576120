//! The stable codes of refusals with their statuses, in one table, and which refusal has which.

use super::Refusal;
use crate::call::HeaderError;
use crate::crypto::Unchecked;
use crate::identity::TokenError;
use crate::ledger::Breach;
use crate::protocol::ProtocolError;
use crate::rules::Violation;
use crate::signature::SignatureError;

/// A refusal's stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(&'static Entry);

#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Entry {
    code: &'static str,
    http: u16,
    grpc: u8,
    when: &'static str,
}

macro_rules! codes {
    ($($name:ident = $code:literal, $http:literal, $grpc:literal, $when:literal;)*) => {
        impl Code {
            $(
                #[doc = concat!("`", $code, "`: ", $when, ". HTTP ", $http, ", gRPC ", $grpc, ".")]
                pub const $name: Self = Self(&Entry { code: $code, http: $http, grpc: $grpc, when: $when });
            )*

            /// Every code, in the order of the stages.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

codes! {
    ROUTE_UNMATCHED = "route.unmatched", 403, 7, "no route matches and `unmatched` is `refuse`";
    CALL_DUPLICATE_HEADER = "call.duplicate-header", 400, 3, "a header that is read is there twice";
    CALL_MALFORMED = "call.malformed", 400, 3, "a header that is read is not text, or the call is broken";
    CALL_CONTENT_TYPE = "call.content-type", 415, 3, "not a type, or charset, of this protocol";
    CALL_ENCODING = "call.encoding", 415, 12, "a content or message encoding that is not read here (identity and gzip are)";
    CALL_TOO_LARGE = "call.too-large", 413, 8, "the body is over the limit, also after decompression";
    EVENT_MALFORMED = "event.malformed", 400, 3, "not of the protocol's form, or of more than one reading: not JSON, a duplicate key, too deep, a wrong type";
    EVENT_MISSING_ATTRIBUTE = "event.missing-attribute", 400, 3, "a required attribute is absent";
    EVENT_HEADER_MISMATCH = "event.header-mismatch", 400, 3, "a `ce-` header contradicts the body";
    EVENT_TOO_MANY = "event.too-many", 413, 8, "more events than `limits.events`";
    TOKEN_MISSING = "token.missing", 401, 16, "no token where one is needed";
    TOKEN_MALFORMED = "token.malformed", 401, 16, "not a compact JWS, a claim of the wrong type, a duplicate claim, an unknown `crit`";
    TOKEN_CLAIM_MISSING = "token.claim-missing", 401, 16, "`iss`, `sub`, `aud` or `exp` is absent (or `iat`, with `maxAge`)";
    TOKEN_TYPE = "token.type", 401, 16, "the token is of another type (`typ`) than the issuer's must be";
    TOKEN_ALGORITHM = "token.algorithm", 401, 16, "the algorithm is not allowed, or not the key's";
    TOKEN_UNKNOWN_KEY = "token.unknown-key", 401, 16, "the issuer has no key of that id";
    TOKEN_SIGNATURE = "token.signature", 401, 16, "the token's signature does not verify";
    TOKEN_ISSUER = "token.issuer", 401, 16, "the issuer is not one of the policy's";
    TOKEN_AUDIENCE = "token.audience", 401, 16, "the token is meant for somebody else";
    TOKEN_BINDING = "token.binding", 401, 16, "the token is bound to another certificate than the peer's, or to none where it must be";
    TOKEN_EXPIRED = "token.expired", 401, 16, "the token has expired";
    TOKEN_NOT_YET_VALID = "token.not-yet-valid", 401, 16, "the token is not valid yet";
    TOKEN_TOO_OLD = "token.too-old", 401, 16, "the token is older than `maxAge`";
    TOKEN_REVOKED = "token.revoked", 401, 16, "the token, its key or its subject was revoked";
    SIGNATURE_MISSING = "signature.missing", 401, 16, "a signature is required, and none of an allowed scheme is there, or of too few signers";
    SIGNATURE_MALFORMED = "signature.malformed", 401, 16, "does not parse, repeats a component, lacks `created` or `keyid`, names an `alg` that is not the key's";
    SIGNATURE_UNKNOWN_KEY = "signature.unknown-key", 401, 16, "no signer has that key id";
    SIGNATURE_UNCOVERED = "signature.uncovered", 401, 16, "a component that the policy demands is not covered";
    SIGNATURE_EXPIRED = "signature.expired", 401, 16, "too old, expired, or created in the future beyond the leeway";
    SIGNATURE_INVALID = "signature.invalid", 401, 16, "does not verify, or covers a component that the call lacks";
    SIGNATURE_DIGEST = "signature.digest", 401, 16, "the signed digest is not the content's, is absent, or only in a weak algorithm";
    SIGNATURE_TOO_MANY = "signature.too-many", 413, 8, "more signatures, or keys that could be theirs, than `limits.checks`";
    SOURCE_LIMITED = "source.limited", 429, 8, "more signature checks of this source have failed than `limits.failedChecks`, with `retry-after`";
    SIGNATURE_REVOKED = "signature.revoked", 401, 16, "valid, but the key or its owner was revoked";
    SIGNATURE_SIGNER = "signature.signer", 403, 7, "valid, but the key belongs to another publisher";
    RULE_UNKNOWN_TYPE = "rule.unknown-type", 403, 7, "no rule names this type";
    RULE_PUBLISHER = "rule.publisher", 403, 7, "this publisher may not publish this type";
    RULE_PEER = "rule.peer", 403, 7, "the publisher may, but not from this peer";
    RULE_TOPIC = "rule.topic", 403, 7, "this type may not go to this topic";
    RULE_SOURCE = "rule.source", 403, 7, "this type may not come from this source";
    RULE_SCHEMA = "rule.schema", 422, 3, "the data breaks its schema";
    RULE_CONDITION = "rule.condition", 403, 7, "a condition is false, or cannot be evaluated";
    REPLAY_STALE = "replay.stale", 400, 9, "the event's time is outside the window";
    ORDER_REGRESSION = "order.regression", 409, 9, "a sequence number that is not after the last one";
    ORDER_GAP = "order.gap", 409, 9, "a sequence number that does not follow the last one, where none may be missing";
    REPLAY_SEEN = "replay.seen", 409, 6, "this event was published before within the window, or is being published";
    RATE_LIMITED = "rate.limited", 429, 8, "more than the rate allows, with `retry-after` where waiting helps";
    LIMITER_UNAVAILABLE = "limiter.unavailable", 503, 14, "what was published before cannot be looked up, or there is no room to remember the event";
    KEYS_UNAVAILABLE = "keys.unavailable", 503, 14, "keys, or what is revoked, could not be fetched yet, or not for longer than `maxStale`";
    AUDIT_UNAVAILABLE = "audit.unavailable", 503, 14, "the call goes on only with its records, and they cannot be delivered, or there is no room for them";
    HOLD_MISSING = "hold.missing", 503, 14, "the proxy does not hold the call back as the policy's `hold` says";
}

impl Code {
    /// The code as text, e.g. `token.expired`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0.code
    }

    /// The status of the HTTP reply.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        self.0.http
    }

    /// The status of the gRPC reply.
    #[must_use]
    pub const fn grpc_status(self) -> u8 {
        self.0.grpc
    }

    /// When a call is refused so: half a sentence.
    #[must_use]
    pub const fn when(self) -> &'static str {
        self.0.when
    }
}

impl Refusal {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::UnmatchedRoute => Code::ROUTE_UNMATCHED,
            Self::Call(error) => header_code(error),
            Self::Unreadable | Self::RouteSettings | Self::BrokenOff => Code::CALL_MALFORMED,
            Self::HoldMissing => Code::HOLD_MISSING,
            Self::Unrecorded(_) => Code::AUDIT_UNAVAILABLE,
            Self::NotFetched(_) => Code::KEYS_UNAVAILABLE,
            Self::Protocol(error) => protocol_code(error),
            Self::Token(error) => token_code(error),
            Self::Signature(error) => signature_code(error),
            Self::Rule(violation) => match violation {
                Violation::UnknownType { .. } => Code::RULE_UNKNOWN_TYPE,
                Violation::Publisher { .. } => Code::RULE_PUBLISHER,
                Violation::Peer { .. } => Code::RULE_PEER,
                Violation::Topic { .. } => Code::RULE_TOPIC,
                Violation::Source { .. } => Code::RULE_SOURCE,
                Violation::NotJson
                | Violation::Coding { .. }
                | Violation::DataSchema { .. }
                | Violation::Avro(_)
                | Violation::Message(_)
                | Violation::NotEncrypted { .. }
                | Violation::Schema(_)
                | Violation::Deprecated { .. }
                | Violation::Forbidden { .. } => Code::RULE_SCHEMA,
                Violation::Condition { .. } | Violation::NoCondition { .. } => Code::RULE_CONDITION,
                Violation::Absent(_) => Code::EVENT_MISSING_ATTRIBUTE,
                Violation::NotANumber { .. } => Code::EVENT_MALFORMED,
                Violation::NoNonce => Code::SIGNATURE_MISSING,
                Violation::NoTokenId => Code::TOKEN_CLAIM_MISSING,
                Violation::Stale { .. } => Code::REPLAY_STALE,
                Violation::Ledger(breach) => breach_code(breach),
            },
        }
    }
}

fn breach_code(breach: &Breach) -> Code {
    match breach {
        Breach::Seen => Code::REPLAY_SEEN,
        Breach::Regression { .. } => Code::ORDER_REGRESSION,
        Breach::Gap { .. } => Code::ORDER_GAP,
        Breach::Limited(_) => Code::RATE_LIMITED,
        Breach::Full | Breach::Unavailable(_) => Code::LIMITER_UNAVAILABLE,
    }
}

fn header_code(error: &HeaderError) -> Code {
    match error {
        HeaderError::Duplicate(_) => Code::CALL_DUPLICATE_HEADER,
        HeaderError::NotText(_) | HeaderError::LookAlike(_) | HeaderError::Absent(_) => Code::CALL_MALFORMED,
    }
}

fn protocol_code(error: &ProtocolError) -> Code {
    match error {
        ProtocolError::Header(error) => header_code(error),
        ProtocolError::Broken(_) => Code::CALL_MALFORMED,
        ProtocolError::ContentType { .. } => Code::CALL_CONTENT_TYPE,
        ProtocolError::Encoding { .. } => Code::CALL_ENCODING,
        ProtocolError::TooLarge { .. } => Code::CALL_TOO_LARGE,
        ProtocolError::TooMany { .. } => Code::EVENT_TOO_MANY,
        ProtocolError::Malformed(_) => Code::EVENT_MALFORMED,
        ProtocolError::MissingAttribute(_) => Code::EVENT_MISSING_ATTRIBUTE,
        ProtocolError::HeaderMismatch(_) => Code::EVENT_HEADER_MISMATCH,
    }
}

fn token_code(error: &TokenError) -> Code {
    match error {
        TokenError::Header(error) => header_code(error),
        TokenError::Missing => Code::TOKEN_MISSING,
        TokenError::Malformed(_) => Code::TOKEN_MALFORMED,
        TokenError::ClaimMissing(_) => Code::TOKEN_CLAIM_MISSING,
        TokenError::Type { .. } => Code::TOKEN_TYPE,
        TokenError::Algorithm { .. } => Code::TOKEN_ALGORITHM,
        TokenError::UnknownKey { .. } => Code::TOKEN_UNKNOWN_KEY,
        TokenError::KeysUnavailable { .. } => Code::KEYS_UNAVAILABLE,
        TokenError::Signature => Code::TOKEN_SIGNATURE,
        TokenError::Unchecked(why) => unchecked_code(why),
        TokenError::Revoked { .. } => Code::TOKEN_REVOKED,
        TokenError::Issuer { .. } => Code::TOKEN_ISSUER,
        TokenError::Audience => Code::TOKEN_AUDIENCE,
        TokenError::Binding(_) => Code::TOKEN_BINDING,
        TokenError::Expired { .. } => Code::TOKEN_EXPIRED,
        TokenError::NotYetValid { .. } => Code::TOKEN_NOT_YET_VALID,
        TokenError::TooOld { .. } => Code::TOKEN_TOO_OLD,
    }
}

fn signature_code(error: &SignatureError) -> Code {
    match error {
        SignatureError::Header(error) => header_code(error),
        SignatureError::Missing | SignatureError::Quorum { .. } => Code::SIGNATURE_MISSING,
        SignatureError::Malformed(_) => Code::SIGNATURE_MALFORMED,
        SignatureError::UnknownKey(_) => Code::SIGNATURE_UNKNOWN_KEY,
        SignatureError::KeysUnavailable { .. } => Code::KEYS_UNAVAILABLE,
        SignatureError::Revoked(_) => Code::SIGNATURE_REVOKED,
        SignatureError::Uncovered(_) => Code::SIGNATURE_UNCOVERED,
        SignatureError::Expired(_) => Code::SIGNATURE_EXPIRED,
        SignatureError::Invalid | SignatureError::AbsentComponent(_) => Code::SIGNATURE_INVALID,
        SignatureError::Unchecked(why) => unchecked_code(why),
        SignatureError::Digest(_) => Code::SIGNATURE_DIGEST,
        SignatureError::Signer { .. } => Code::SIGNATURE_SIGNER,
    }
}

fn unchecked_code(why: &Unchecked) -> Code {
    match why {
        Unchecked::TooMany { .. } => Code::SIGNATURE_TOO_MANY,
        Unchecked::Limited { .. } => Code::SOURCE_LIMITED,
    }
}

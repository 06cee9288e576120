//! Producers' own forms of HMAC signatures.

use serde_json::Value;

use super::signature::FIVE_MINUTES;
use super::{Names, Place, Problem, Problems, each, header_name, raw, required_text, span, text, texts};
use crate::call::cut;
use crate::signature::hmac::{Encoding, Piece, Profile, TimestampPlace};
use crate::signature::{Signer, SignerKey, Signers};

/// Takes the signers of each profile out of `signers`.
pub(super) fn profiles(
    list: Option<Vec<Value>>,
    names: &Names<'_>,
    signers: &mut Signers,
    place: &Place,
    problems: &mut Problems,
) -> Vec<Profile> {
    // A signer with an error of its own is not among `signers`.
    let wrong: Vec<&str> = names.key_ids.texts.iter().copied().filter(|key_id| signers.find(key_id).is_none()).collect();
    let mut taken = Taken { signers, wrong, unread: names.key_ids.unread };
    let profiles = each(list.as_deref(), place, problems, |raw, place, problems| profile(raw, &mut taken, place, problems));
    for (at, (index, later)) in profiles.iter().enumerate() {
        if let Some((former, _)) = profiles.iter().take(at).find(|(_, earlier)| earlier.header == later.header) {
            let former = place.index(*former);
            problems.add(&place.index(*index).key("header"), Problem::Duplicate { value: later.header.clone(), former });
        }
    }
    profiles.into_iter().map(|(_, profile)| profile).collect()
}

/// The signers, each of which one profile may take.
struct Taken<'a> {
    signers: &'a mut Signers,
    /// The key ids of those that are wrong, which was told.
    wrong: Vec<&'a str>,
    /// Whether there are signers whose key id cannot be read.
    unread: bool,
}

fn profile(raw: raw::HmacProfile, signers: &mut Taken<'_>, place: &Place, problems: &mut Problems) -> Option<Profile> {
    let raw::HmacProfile {
        key_ids,
        header,
        parameter,
        prefix,
        encoding,
        timestamp_header,
        timestamp_parameter,
        message,
        tolerance,
    } = raw;
    let key_ids = problems.required(place, "keyIds", key_ids);
    let key_ids = texts(key_ids, &place.key("keyIds"), problems).unwrap_or_default();
    let taken = |(index, key_id): (usize, &String)| take(key_id, signers, &place.key("keyIds").index(index), problems);
    let signers: Vec<Option<Signer>> = key_ids.iter().enumerate().map(taken).collect();
    let header = required_text(header, place, "header", problems);
    let header = header.and_then(|header| header_name(Some(header), "", &place.key("header"), problems));
    let parameter = text(parameter, &place.key("parameter"), problems);
    let has_time = timestamp_header.is_some() || timestamp_parameter.is_some();
    let timestamp = timestamp(timestamp_header, timestamp_parameter, parameter.is_some(), place, problems);
    if tolerance.is_some() && !has_time {
        let problem = "it means something only with `timestampHeader` or `timestampParameter`";
        problems.add(&place.key("tolerance"), Problem::Contradiction(problem));
    }
    let tolerance = span(tolerance, FIVE_MINUTES, &place.key("tolerance"), problems);
    let message = self::message(message.as_deref().unwrap_or("{body}"), has_time, &place.key("message"), problems);
    let timestamp = match (timestamp, has_time) {
        (Some(place), _) => Some((place, tolerance?)),
        (None, true) => return None,
        (None, false) => None,
    };
    Some(Profile {
        header: header?,
        parameter,
        prefix: prefix.unwrap_or_default(),
        encoding: match encoding {
            None | Some(raw::Encoding::Hex) => Encoding::Hex,
            Some(raw::Encoding::Base64) => Encoding::Base64,
            Some(raw::Encoding::Text) => {
                return problems
                    .wrong(&place.key("encoding"), Problem::Contradiction("a signature is no text: `hex` or `base64`"));
            }
        },
        timestamp,
        message: message?,
        signers: signers.into_iter().collect::<Option<_>>()?,
    })
}

fn take(key_id: &str, taken: &mut Taken<'_>, place: &Place, problems: &mut Problems) -> Option<Signer> {
    match taken.signers.find(key_id).map(|signer| &signer.key) {
        Some(SignerKey::Secret(_)) => taken.signers.take(key_id),
        Some(SignerKey::Public(_)) => {
            problems.wrong(place, Problem::Contradiction("this signer has a public key, and no secret"))
        }
        None if taken.unread || taken.wrong.contains(&key_id) => None,
        None => {
            let problem = format!("no signer has the key id `{}`, or another profile has taken it", cut(key_id, 64));
            problems.wrong(place, Problem::Value(problem))
        }
    }
}

fn timestamp(
    header: Option<String>,
    parameter: Option<String>,
    is_list: bool,
    place: &Place,
    problems: &mut Problems,
) -> Option<TimestampPlace> {
    let place_of_parameter = place.key("timestampParameter");
    match (header, parameter) {
        (None, None) => None,
        (Some(header), None) => {
            header_name(Some(header), "", &place.key("timestampHeader"), problems).map(TimestampPlace::Header)
        }
        (None, Some(name)) if is_list => text(Some(name), &place_of_parameter, problems).map(TimestampPlace::Parameter),
        (None, Some(_)) => {
            problems.wrong(&place_of_parameter, Problem::Contradiction("the header is no list: that needs `parameter`"))
        }
        (Some(_), Some(_)) => problems.wrong(place, Problem::ExactlyOne("`timestampHeader` and `timestampParameter`")),
    }
}

/// A text with `{body}` and `{timestamp}` into its pieces. The body is there once, or nobody would have signed it; between the time and
/// the body stands something, or digits could be moved from one to the other.
fn message(template: &str, has_time: bool, place: &Place, problems: &mut Problems) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('{') {
        let (name, behind) = behind.split_once('}').unwrap_or((behind, ""));
        pieces.extend((!before.is_empty()).then(|| Piece::Text(before.to_owned())));
        pieces.push(match name {
            "body" => Piece::Body,
            "timestamp" => Piece::Timestamp,
            _ => {
                return problems
                    .wrong(place, Problem::Value(format!("`{{{}}}` is neither `{{body}}` nor `{{timestamp}}`", cut(name, 64))));
            }
        });
        rest = behind;
    }
    pieces.extend((!rest.is_empty()).then(|| Piece::Text(rest.to_owned())));
    let count = |wanted: Piece| pieces.iter().filter(|piece| **piece == wanted).count();
    let touching =
        pieces.windows(2).any(|pair| matches!(pair, [Piece::Timestamp, Piece::Body] | [Piece::Body, Piece::Timestamp]));
    let problem = match (count(Piece::Body), count(Piece::Timestamp), has_time) {
        (1, 0, false) => return Some(pieces),
        (1, 1, true) if !touching => return Some(pieces),
        (1, 1, true) => "something must stand between `{timestamp}` and `{body}`",
        (1, _, true) => "`{timestamp}` must be in it once: a time that is not signed says nothing",
        (1, _, false) => "`{timestamp}` means something only with `timestampHeader` or `timestampParameter`",
        _ => "`{body}` must be in it once: without it nobody signed the events",
    };
    problems.wrong(place, Problem::Contradiction(problem))
}

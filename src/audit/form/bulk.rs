//! Records into a request of the bulk interface of Elasticsearch and OpenSearch, and its answers, which tell what became of each record. A
//! record's own id is the document's, so that a batch that is sent twice makes no doubles.

use super::response::Response;
use super::{Answer, Linked};
use crate::audit::json::Writer;
use crate::audit::record::{Uid, millis, write_uid};
use crate::json::{Document, Kind, Value};
use crate::time::Timestamp;

pub(super) const CONTENT_TYPE: &str = "application/x-ndjson";

/// Bytes of an answer, of which nothing but statuses is asked for: twice what those of the records of a whole batch take.
pub(super) const ANSWER: usize = 64 << 10;

/// Bytes that a record takes beside its JSON.
const USUAL: usize = 96;

/// Two lines for each record: what is to be done, and the record, behind the member that a data stream must have.
pub(super) fn body(chain: &str, records: &[Linked]) -> Vec<u8> {
    let mut body = Writer(String::with_capacity(records.iter().map(|record| record.json.len() + USUAL).sum()));
    for Linked { number, envelope, json } in records {
        write_uid(&mut body, "{\"create\":{\"_id\":\"", Some(Uid { chain, number: *number }));
        body.number("}}\n{\"@timestamp\":", millis(envelope.time), ",");
        body.raw(json.strip_prefix('{').unwrap_or(json));
        body.raw("\n");
    }
    body.0.into_bytes()
}

/// The records at these places alone.
pub(super) fn narrowed(body: &[u8], these: &[usize]) -> Vec<u8> {
    let mut lines = body.split_inclusive(|byte| *byte == b'\n');
    let pairs = std::iter::from_fn(|| Some([lines.next()?, lines.next()?]));
    pairs.enumerate().filter(|(place, _)| these.contains(place)).flat_map(|(_, pair)| pair.concat()).collect()
}

/// What became of each of as many records as were sent. One that is there already was sent before.
pub(super) fn read(response: &Response<'_>, sent: usize, now: Timestamp) -> Answer {
    let answer = response.read(now);
    if answer != Answer::Accepted {
        return answer;
    }
    let retry_after = response.retry_after(now);
    let Some(statuses) = statuses(response.body).filter(|statuses| statuses.len() == sent) else {
        return Answer::Retryable { retry_after };
    };
    let (mut again, mut rejected) = (Vec::new(), Vec::new());
    for (place, status) in statuses.into_iter().enumerate() {
        match status {
            200..=299 | 409 => {}
            429 | 500..=599 => again.push(place),
            _ => rejected.push(place),
        }
    }
    Answer::Each { again, rejected, retry_after }
}

/// The status of each item: `{"items":[{"create":{"status":201}}]}`.
fn statuses(body: &[u8]) -> Option<Vec<u16>> {
    let document = Document::parse(body, 16).ok()?;
    document.root().get("items")?.items()?.map(status).collect()
}

fn status(item: Value<'_, '_>) -> Option<u16> {
    let (_, outcome) = item.members()?.next()?;
    match outcome.get("status")?.kind() {
        Kind::Number(number) => number.parse().ok(),
        Kind::Null | Kind::Bool(_) | Kind::String(_) | Kind::Array | Kind::Object => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::response::tests::{answered, now};
    use super::super::tests::linked;
    use super::*;

    fn read_items(statuses: &[u16], sent: usize) -> Answer {
        let items: Vec<String> = statuses.iter().map(|status| format!("{{\"create\":{{\"status\":{status}}}}}")).collect();
        let body = format!("{{\"errors\":true,\"items\":[{}]}}", items.join(","));
        answered(200, &[("retry-after", "9")], body.as_bytes(), |response| read(response, sent, now()))
    }

    fn each(again: &[usize], rejected: &[usize]) -> Answer {
        let retry_after = Some(std::time::Duration::from_secs(9));
        Answer::Each { again: again.to_vec(), rejected: rejected.to_vec(), retry_after }
    }

    #[test]
    fn a_record_is_two_lines_and_the_second_one_is_the_record_but_for_a_timestamp() {
        let body = body("ab12", &[linked(7, "{\"a\":1}"), linked(9, "{\"b\":2}")]);
        let expected = "{\"create\":{\"_id\":\"ab12-7\"}}\n{\"@timestamp\":1795420800000,\"a\":1}\n\
                        {\"create\":{\"_id\":\"ab12-9\"}}\n{\"@timestamp\":1795420800000,\"b\":2}\n";
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }

    #[test]
    fn records_are_sent_again_as_they_were() {
        let whole = body("c", &[linked(1, "{\"a\":1}"), linked(2, "{\"b\":2}"), linked(3, "{\"c\":3}"), linked(4, "{\"d\":4}")]);
        assert_eq!(narrowed(&whole, &[1, 3]), body("c", &[linked(2, "{\"b\":2}"), linked(4, "{\"d\":4}")]));
        assert_eq!(narrowed(&whole, &[]), b"");
    }

    #[test]
    fn each_record_has_its_own_answer() {
        assert_eq!(read_items(&[201, 200, 409], 3), each(&[], &[]));
        assert_eq!(read_items(&[429, 201, 503, 500], 4), each(&[0, 2, 3], &[]));
        assert_eq!(read_items(&[400, 201, 429, 404, 0], 5), each(&[2], &[0, 3, 4]));
    }

    #[test]
    fn an_answer_that_makes_no_sense_asks_for_the_batch_again() {
        let again = Answer::Retryable { retry_after: None };
        let read = |body: &str| answered(200, &[], body.as_bytes(), |response| read(response, 1, now()));
        for body in [
            "",
            "{}",
            "null",
            "{\"items\":{}}",
            "{\"items\":[]}",
            "{\"items\":[{}]}",
            "{\"items\":[{\"create\":{\"status\":\"201\"}}]}",
            "{\"items\":[{\"create\":{\"status\":-1}}]}",
            "{\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":201}}]}",
            "{\"items\":[{\"create\":{\"status\":201}}",
        ] {
            assert_eq!(read(body), again, "{body}");
        }
    }

    #[test]
    fn a_request_that_was_not_looked_at_has_the_answer_of_its_status() {
        let read = |status| answered(status, &[], b"{}", |response| read(response, 1, now()));
        assert_eq!(read(429), Answer::Retryable { retry_after: None });
        assert_eq!((read(401), read(413)), (Answer::Permanent, Answer::Permanent));
    }
}

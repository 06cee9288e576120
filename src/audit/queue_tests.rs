use std::collections::BTreeSet;

use proptest::prelude::*;

use serde_json::Value as Json;

use super::drain::LONGEST_DRAIN;
use super::*;
use crate::audit::form::Form;
use crate::audit::lanes::OVERHEAD;
use crate::audit::record::tests::{circumstances, event, outcome};
use crate::audit::settings::{Checkpoint, Integrity};

pub(in crate::audit) const SETTINGS: Settings = Settings {
    form: Form::Otlp,
    batch_records: 3,
    interval: Duration::from_secs(1),
    queue_records: 8,
    queue_bytes: 1 << 20,
    when_full: WhenFull::DropOldest,
    ends: crate::audit::Ends::Recorded,
    patience: Duration::from_secs(100),
    longest_backoff: Duration::from_secs(30),
    integrity: Integrity::Chain,
    checkpoint: None,
};

pub(in crate::audit) const ACCEPTED: Answer = Answer::Accepted;
pub(in crate::audit) const BUSY: Answer = Answer::Retryable { retry_after: None };

/// Of a record of no weight, so that tests count bytes of JSON alone.
fn envelope() -> Envelope {
    Envelope::of_note(&crate::audit::Note::Stop, Timestamp::from_unix_nanos(0))
}

/// A queue, a clock that a test moves, and the lines that the log cluster has taken: records are numbers.
pub(in crate::audit) struct Trial {
    pub queue: Queue,
    pub now: Timestamp,
    next: u32,
    pub taken: Vec<String>,
}

impl Trial {
    pub fn new(settings: Settings) -> Self {
        Self {
            queue: Queue::new(settings, "ab12", [7; 16]),
            taken: Vec::new(),
            now: Timestamp::from_unix_seconds(1_795_420_800).unwrap(),
            next: 0,
        }
    }

    fn push(&mut self, kind: Kind) {
        let json = format!("{{\"a\":{},\"z\":0}}", self.next);
        let gap = json.find("\"z").unwrap();
        self.queue.add(kind, u64::from(self.next) + 1000, Written { json, gap }, envelope(), self.now);
        self.next += 1;
    }

    pub fn push_many(&mut self, kind: Kind, count: usize) {
        (0..count).for_each(|_| self.push(kind));
    }

    pub fn after(&mut self, millis: u64) -> &mut Self {
        self.now = self.now.after(Duration::from_millis(millis));
        self
    }

    pub fn poll(&mut self) -> Option<(u64, Vec<u32>, u64)> {
        self.queue.poll(self.now).map(|batch| self.seen(&batch))
    }

    pub fn batch(&mut self) -> Batch {
        self.queue.poll(self.now).unwrap()
    }

    /// Has the records of one admitted event of a call written and queued that goes on only with them.
    pub fn secure(&mut self, events: usize) -> Result<Claim, Unrecorded> {
        let outcome = outcome((0..events).map(|index| event(&index.to_string())).collect());
        let records = Record::of_call(&outcome, &circumstances());
        let written: Vec<_> = records.iter().map(|record| (record, self.queue.write(record))).collect();
        self.queue.secure(written, self.now)
    }

    fn seen(&self, batch: &Batch) -> (u64, Vec<u32>, u64) {
        (batch.id, numbers(&batch.body), told(&batch.body))
    }

    pub fn answer(&mut self, id: u64, answer: Answer) {
        let flight = self.queue.flight.as_ref().filter(|flight| flight.id == id);
        let lines = flight.map(|flight| lines(&flight.body)).unwrap_or_default();
        let is_record = |line: &String| line.contains("\"a\":");
        let records = lines.iter().filter(|line| is_record(line)).count();
        let mut rejected = match answer {
            Answer::Accepted => 0,
            Answer::PartlyRejected { rejected } => rejected,
            Answer::Each { ref again, ref rejected, .. } => {
                let those = |place: &usize| !again.contains(place) && !rejected.contains(place);
                let taken = lines.iter().enumerate().filter(|(place, _)| those(place)).map(|(_, line)| line.clone());
                self.taken.extend(taken);
                usize::MAX
            }
            Answer::Retryable { .. } | Answer::Permanent | Answer::Failed => usize::MAX,
        };
        if rejected <= records {
            // The first ones are those that are not taken.
            let is_taken = |line: &String| {
                let is_lost = rejected > 0 && is_record(line);
                rejected -= usize::from(is_lost);
                !is_lost
            };
            self.taken.extend(lines.into_iter().filter(is_taken));
        }
        self.queue.delivered(id, answer, self.now, 512);
    }

    /// Polls and answers; what was in the batch.
    pub fn send(&mut self, answer: Answer) -> Option<Vec<u32>> {
        let (id, numbers, _) = self.poll()?;
        self.answer(id, answer);
        Some(numbers)
    }
}

/// The bodies of the `LogRecord`s of a request: field 1 of field 5 of field 2 of field 2 of field 1. Or the documents of a bulk request.
fn lines(body: &[u8]) -> Vec<String> {
    if body.starts_with(b"{") {
        let text = std::str::from_utf8(body).unwrap();
        return text.lines().skip(1).step_by(2).map(|line| format!("{{{}", line.split_once(',').unwrap().1)).collect();
    }
    let inside = |messages: Vec<Vec<u8>>, wanted: u64| -> Vec<Vec<u8>> {
        messages
            .iter()
            .flat_map(|message| fields(message))
            .filter(|(field, _)| *field == wanted)
            .map(|(_, value)| value)
            .collect()
    };
    let bodies = [1, 2, 2, 5, 1].into_iter().fold(vec![body.to_vec()], inside);
    bodies.into_iter().map(|body| String::from_utf8(body).unwrap()).collect()
}

/// The fields of a message that have a length.
fn fields(mut message: &[u8]) -> Vec<(u64, Vec<u8>)> {
    use prost::encoding::decode_varint;
    let mut fields = Vec::new();
    while !message.is_empty() {
        let key = decode_varint(&mut message).unwrap();
        match key & 7 {
            0 => drop(decode_varint(&mut message).unwrap()),
            1 => message = &message[8..],
            5 => message = &message[4..],
            2 => {
                let length = usize::try_from(decode_varint(&mut message).unwrap()).unwrap();
                let (value, rest) = message.split_at(length);
                fields.push((key >> 3, value.to_vec()));
                message = rest;
            }
            other => panic!("wire type {other}"),
        }
    }
    fields
}

fn json(line: &str) -> Json {
    serde_json::from_str(line).unwrap()
}

fn numbers(body: &[u8]) -> Vec<u32> {
    lines(body).iter().filter_map(|line| json(line)["a"].as_u64()).map(|number| u32::try_from(number).unwrap()).collect()
}

/// How many lost records the request tells of.
fn told(body: &[u8]) -> u64 {
    lines(body).iter().filter_map(|line| json(line)["unmapped"]["dropped"].as_u64()).sum()
}

/// What the stream tells of itself in the request.
pub(in crate::audit) fn codes(body: &[u8]) -> Vec<String> {
    let code = |line: &String| json(line)["metadata"]["event_code"].as_str().map(str::to_owned);
    lines(body).iter().map(|line| code(line).unwrap_or_else(|| "record".to_owned())).collect()
}

pub(in crate::audit) fn verified(lines: &[String]) -> crate::audit::verify::Report {
    let mut verifier = crate::audit::verify::Verifier::new(&[], &crate::crypto::RustCrypto);
    lines.iter().for_each(|line| verifier.line(line.as_bytes()));
    verifier.finish()
}

#[test]
fn a_batch_goes_when_enough_records_wait() {
    let mut trial = Trial::new(SETTINGS);
    trial.push_many(Kind::Admitted, 2);
    assert_eq!(trial.poll(), None);
    trial.push(Kind::Refused);
    assert_eq!(trial.poll(), Some((1, vec![0, 1, 2], 0)));
}

#[test]
fn a_batch_is_full_with_enough_records_while_none_is_under_way() {
    let mut trial = Trial::new(SETTINGS);
    trial.push_many(Kind::Admitted, 2);
    assert!(!trial.queue.is_batch_full());
    trial.push_many(Kind::Refused, 1);
    assert!(trial.queue.is_batch_full());
    let (id, _, _) = trial.poll().unwrap();
    trial.push_many(Kind::Admitted, 3);
    assert!(!trial.queue.is_batch_full());
    trial.answer(id, ACCEPTED);
    assert!(trial.queue.is_batch_full());
    let (id, _, _) = trial.poll().unwrap();
    trial.answer(id, BUSY);
    trial.push_many(Kind::Admitted, 3);
    assert!(!trial.queue.is_batch_full(), "nothing goes while the log cluster is given time");
}

#[test]
fn a_batch_is_full_and_goes_with_enough_bytes() {
    for (bytes, full) in [(BATCH_BYTES - OVERHEAD - 1, false), (BATCH_BYTES - OVERHEAD, true)] {
        let mut trial = Trial::new(Settings { queue_bytes: 4 * BATCH_BYTES, ..SETTINGS });
        let written = Written { json: "x".repeat(bytes), gap: 0 };
        trial.queue.add(Kind::Admitted, 1, written, envelope(), trial.now);
        assert_eq!(trial.queue.is_batch_full(), full, "{bytes}");
        assert_eq!(trial.queue.poll(trial.now).is_some(), full, "{bytes}");
    }
}

#[test]
fn a_batch_goes_when_its_first_record_has_waited_long_enough() {
    let mut trial = Trial::new(SETTINGS);
    trial.after(5000).push(Kind::Admitted);
    assert_eq!(trial.after(999).poll(), None);
    assert_eq!(trial.after(1).send(ACCEPTED), Some(vec![0]));
    assert_eq!(trial.after(5000).poll(), None);
}

#[test]
fn one_batch_is_under_way_at_a_time_and_the_next_follows_at_once() {
    let mut trial = Trial::new(SETTINGS);
    trial.push_many(Kind::Admitted, 6);
    let (id, _, _) = trial.poll().unwrap();
    assert_eq!(trial.after(5000).poll(), None);
    trial.answer(id, ACCEPTED);
    assert_eq!(trial.send(ACCEPTED), Some(vec![3, 4, 5]));
    assert_eq!(trial.queue.counters(), Counters { sent: 6, ..Counters::default() });
    assert!(trial.queue.is_empty());
}

#[test]
fn records_go_in_the_order_in_which_they_came() {
    let mut trial = Trial::new(SETTINGS);
    for kind in [Kind::Refused, Kind::Admitted, Kind::Refused] {
        trial.push(kind);
    }
    assert_eq!(trial.send(BUSY), Some(vec![0, 1, 2]));
    assert_eq!(trial.after(2000).send(ACCEPTED), Some(vec![0, 1, 2]));
}

#[test]
fn a_log_cluster_that_is_away_loses_nothing_while_there_is_room() {
    let mut trial = Trial::new(SETTINGS);
    for _ in 0..6 {
        trial.push(Kind::Admitted);
        trial.after(10_000).send(Answer::Failed);
    }
    let mut arrived = Vec::new();
    while let Some(numbers) = trial.after(40_000).send(ACCEPTED) {
        arrived.extend(numbers);
    }
    assert_eq!(arrived, [0, 1, 2, 3, 4, 5]);
    assert_eq!(trial.queue.counters().dropped, 0);
}

#[test]
fn each_failure_doubles_the_wait_up_to_a_bound() {
    let mut trial = Trial::new(SETTINGS);
    trial.push(Kind::Admitted);
    trial.after(1000);
    // Half of each wait is spread by the random number, which stands in the middle here.
    for wait in [750, 1500, 3000, 6000, 12_000, 22_500, 22_500] {
        assert!(trial.send(BUSY).is_some());
        assert_eq!(trial.after(wait - 1).poll(), None, "{wait}");
        trial.after(1);
    }
    assert!(trial.send(ACCEPTED).is_some());
    trial.push_many(Kind::Admitted, 3);
    assert!(trial.send(Answer::Failed).is_some(), "a success starts anew");
    assert!(trial.after(750).poll().is_some());
}

#[test]
fn the_wait_that_the_log_cluster_asks_for_is_kept() {
    let mut trial = Trial::new(SETTINGS);
    trial.push_many(Kind::Admitted, 3);
    assert!(trial.send(Answer::Retryable { retry_after: Some(Duration::from_secs(60)) }).is_some());
    assert_eq!(trial.after(60_000).poll(), None, "and a little more, so that not all come at once");
    assert!(trial.after(1000).poll().is_some());
}

#[test]
fn waits_differ_by_the_random_number() {
    let after = |failures: u32| {
        let mut circuit = Circuit::new(Duration::MAX, SETTINGS.longest_backoff);
        (0..failures).for_each(|_| circuit.failed(Duration::ZERO));
        circuit
    };
    let waits = [0, 300, 1023].map(|random| after(3).wait(None, random));
    assert_eq!(waits[0], Duration::from_secs(2));
    assert!(waits.is_sorted() && waits[2] < Duration::from_secs(4));
    assert!(after(100).wait(None, u64::MAX) <= SETTINGS.longest_backoff);
}

#[test]
fn what_the_log_cluster_will_not_have_is_dropped_and_told() {
    let mut trial = Trial::new(SETTINGS);
    trial.push_many(Kind::Admitted, 3);
    assert!(trial.send(Answer::Permanent).is_some());
    assert_eq!(trial.queue.counters(), Counters { dropped: 3, ..Counters::default() });
    assert_eq!(trial.poll(), None, "not at once");
    let (id, numbers, dropped) = trial.after(1000).poll().unwrap();
    assert_eq!((numbers, dropped), (vec![], 3));
    trial.answer(id, ACCEPTED);
    assert!(trial.queue.is_empty());
}

#[test]
fn a_partial_success_is_counted_and_told() {
    let mut trial = Trial::new(SETTINGS);
    trial.push_many(Kind::Admitted, 3);
    assert!(trial.send(Answer::PartlyRejected { rejected: 2 }).is_some());
    assert_eq!(trial.queue.counters(), Counters { sent: 1, dropped: 2, ..Counters::default() });
    assert_eq!(trial.after(1000).poll().unwrap().2, 2);
}

#[test]
fn more_rejected_than_sent_means_that_the_gap_was_not_told() {
    let mut trial = Trial::new(SETTINGS);
    trial.push_many(Kind::Admitted, 3);
    assert!(trial.send(Answer::Permanent).is_some());
    assert!(trial.after(1000).send(Answer::PartlyRejected { rejected: 1 }).is_some());
    assert_eq!(trial.after(1000).poll().unwrap().2, 3);
    assert_eq!(trial.queue.counters().dropped, 3);
}

#[test]
fn a_drop_that_did_not_arrive_is_told_again() {
    let mut trial = Trial::new(SETTINGS);
    trial.push_many(Kind::Admitted, 8);
    assert_eq!(trial.queue.counters().dropped, 2);
    for answer in [BUSY, Answer::Failed] {
        let (id, numbers, dropped) = trial.after(30_000).poll().unwrap();
        assert_eq!((numbers.len(), dropped), (3, 2));
        trial.answer(id, answer);
    }
    let (id, _, dropped) = trial.after(30_000).poll().unwrap();
    assert_eq!(dropped, 2);
    trial.answer(id, ACCEPTED);
    assert_eq!(trial.poll().unwrap().2, 0);
}

#[test]
fn a_full_queue_drops_the_oldest_or_the_newest_as_it_is_told() {
    for (when_full, kept) in [(WhenFull::DropOldest, [2, 3, 4, 5, 6, 7]), (WhenFull::DropNewest, [0, 1, 2, 3, 4, 5])] {
        let mut trial = Trial::new(Settings { when_full, batch_records: 8, ..SETTINGS });
        trial.push_many(Kind::Admitted, 8);
        assert_eq!(trial.queue.counters().queued, 6, "a quarter is the refused ones'");
        let (_, numbers, dropped) = trial.after(1000).poll().unwrap();
        assert_eq!((numbers.as_slice(), dropped), (kept.as_slice(), 2));
    }
}

#[test]
fn a_flood_of_one_kind_does_not_push_out_the_other() {
    for when_full in [WhenFull::DropOldest, WhenFull::DropNewest] {
        for (flood, other) in [(Kind::Refused, Kind::Admitted), (Kind::Admitted, Kind::Refused)] {
            let mut trial = Trial::new(Settings { when_full, batch_records: 100, ..SETTINGS });
            trial.push(other);
            trial.push_many(flood, 1000);
            trial.push(other);
            trial.push_many(flood, 1000);
            let (_, numbers, dropped) = trial.after(1000).poll().unwrap();
            assert!(numbers.contains(&0) && numbers.contains(&1001), "{numbers:?}");
            assert_eq!(u64::try_from(numbers.len()).unwrap() + dropped, 2002);
        }
    }
}

#[test]
fn bytes_bound_the_queue_as_records_do() {
    let mut trial = Trial::new(Settings { queue_records: 1000, queue_bytes: 1000, ..SETTINGS });
    let long = Written { json: "x".repeat(2000), gap: 0 };
    trial.queue.add(Kind::Admitted, 1, long, envelope(), trial.now);
    assert_eq!((trial.queue.counters().queued, trial.queue.counters().dropped), (0, 1));
    trial.push_many(Kind::Admitted, 10);
    assert_eq!(trial.queue.counters().queued, 750 / ("{\"a\":0,\"z\":0}".len() + OVERHEAD));
}

#[test]
fn records_under_way_keep_their_room_and_are_not_dropped() {
    let mut trial = Trial::new(Settings { batch_records: 6, ..SETTINGS });
    trial.push_many(Kind::Admitted, 6);
    let (id, _, _) = trial.poll().unwrap();
    trial.push(Kind::Admitted);
    assert_eq!((trial.queue.counters().queued, trial.queue.counters().dropped), (6, 1));
    trial.answer(id, BUSY);
    assert_eq!(trial.after(5000).poll().unwrap().1, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn an_answer_that_never_comes_does_not_stop_the_queue_and_a_late_one_changes_nothing() {
    let mut trial = Trial::new(SETTINGS);
    trial.push_many(Kind::Admitted, 3);
    let (first, _, _) = trial.poll().unwrap();
    assert_eq!(trial.after(60_000).poll(), None);
    assert_eq!(trial.after(59_999).poll(), None);
    assert_eq!(trial.after(1).poll(), None, "it counts as a failure");
    let (second, numbers, _) = trial.after(1000).poll().unwrap();
    assert_eq!(numbers, [0, 1, 2]);
    trial.answer(first, ACCEPTED);
    assert_eq!(trial.queue.counters().sent, 0);
    trial.answer(second, ACCEPTED);
    assert_eq!(trial.queue.counters().sent, 3);
}

#[test]
fn a_clock_that_is_set_back_or_forward_stops_nothing() {
    let mut trial = Trial::new(SETTINGS);
    trial.push(Kind::Admitted);
    trial.now = trial.now.before(Duration::from_secs(86_400));
    assert_eq!(trial.poll(), None);
    assert!(trial.after(1000).send(BUSY).is_some(), "one second later, not a day and a second");
    trial.now = trial.now.before(Duration::from_secs(86_400));
    assert_eq!(trial.poll(), None);
    assert!(trial.after(1000).send(ACCEPTED).is_some());
    trial.now = trial.now.after(Duration::from_secs(86_400));
    trial.push(Kind::Admitted);
    assert_eq!(trial.after(1).poll(), None);
}

#[test]
fn a_batch_under_way_is_sent_once_however_the_clock_is_set() {
    for set in [Timestamp::before, Timestamp::after] {
        let mut trial = Trial::new(SETTINGS);
        trial.push_many(Kind::Admitted, 3);
        let (id, _, _) = trial.poll().unwrap();
        trial.now = set(trial.now, Duration::from_secs(6 * 3600));
        assert_eq!(trial.after(250).poll(), None);
        trial.answer(id, ACCEPTED);
        assert_eq!(trial.queue.counters(), Counters { sent: 3, ..Counters::default() });
        assert_eq!(trial.after(5000).poll(), None);
        assert!(trial.queue.is_empty());
    }
}

#[test]
fn an_answer_that_never_comes_is_given_up_in_time_though_the_clock_was_set_back() {
    let mut trial = Trial::new(SETTINGS);
    trial.push_many(Kind::Admitted, 3);
    let (first, _, _) = trial.poll().unwrap();
    trial.now = trial.now.before(Duration::from_secs(6 * 3600));
    assert_eq!(trial.poll(), None);
    for _ in 0..4 {
        assert_eq!(trial.after(30_000).poll(), None);
    }
    let (second, numbers, _) = trial.after(1000).poll().unwrap();
    assert_eq!((first, second, numbers), (1, 2, vec![0, 1, 2]));
}

#[test]
fn draining_sends_what_waits_at_once_but_does_not_ask_a_failing_log_cluster_without_a_pause() {
    let mut trial = Trial::new(SETTINGS);
    trial.push_many(Kind::Admitted, 4);
    assert!(trial.send(BUSY).is_some());
    let batch = trial.queue.drain(trial.now).unwrap();
    assert_eq!(numbers(&batch.body), [0, 1, 2], "the wait is ended");
    assert_eq!(trial.queue.drain(trial.now), None, "one is under way");
    trial.answer(batch.id, Answer::Failed);
    assert_eq!(trial.queue.drain(trial.now), None);
    trial.after(2000);
    let again = trial.queue.drain(trial.now).unwrap();
    assert_eq!(again.body, batch.body, "a batch is sent again as it was");
    trial.answer(again.id, ACCEPTED);
    assert_eq!(codes(&trial.queue.drain(trial.now).unwrap().body), ["record", "stop"]);
}

#[test]
fn a_drain_ends_when_the_log_cluster_has_everything_and_the_end_of_the_chain() {
    let mut trial = Trial::new(SETTINGS);
    trial.push_many(Kind::Admitted, 4);
    for _ in 0..2 {
        let batch = trial.queue.drain(trial.now).unwrap();
        assert_eq!(trial.queue.end_drain(trial.now), None);
        trial.answer(batch.id, ACCEPTED);
    }
    assert_eq!((trial.queue.end_drain(trial.now), trial.queue.counters().sent), (Some(0), 4));
    assert_eq!(verified(&trial.taken).wrong, 0);
}

#[test]
fn a_drain_does_not_go_on_for_ever_and_what_it_gives_up_is_counted() {
    let mut trial = Trial::new(SETTINGS);
    trial.push_many(Kind::Admitted, 4);
    let (mut tries, begun) = (0, trial.now);
    while trial.now.since(begun) < LONGEST_DRAIN {
        assert_eq!(trial.queue.end_drain(trial.now), None);
        if let Some(batch) = trial.queue.drain(trial.now) {
            tries += 1;
            trial.answer(batch.id, Answer::Failed);
        }
        trial.after(250);
    }
    assert!((5..20).contains(&tries), "{tries}");
    assert_eq!((trial.queue.drain(trial.now), trial.queue.end_drain(trial.now)), (None, Some(4)));
    let Counters { sent, dropped, queued, .. } = trial.queue.counters();
    assert_eq!((sent, dropped, queued, trial.queue.gauges().bytes), (0, 4, 0, 0));
}

#[test]
fn a_drain_that_is_over_waits_for_what_is_under_way_and_no_longer_than_that() {
    for answer in [Some(ACCEPTED), Some(Answer::Failed), None] {
        let mut trial = Trial::new(SETTINGS);
        trial.push_many(Kind::Admitted, 4);
        let batch = trial.queue.drain(trial.now).unwrap();
        trial.after(60_000);
        assert_eq!(trial.queue.end_drain(trial.now), None);
        match answer.clone() {
            Some(answer) => trial.answer(batch.id, answer),
            None => {
                // It got lost.
                trial.after(60_000);
                assert_eq!(trial.queue.drain(trial.now), None);
            }
        }
        let given_up = if answer == Some(ACCEPTED) { 1 } else { 4 };
        assert_eq!((trial.queue.end_drain(trial.now), trial.queue.counters().sent), (Some(given_up), 4 - given_up));
    }
}

#[test]
fn what_the_log_cluster_has_of_a_batch_is_not_given_up() {
    let mut trial = Trial::new(SETTINGS);
    trial.push_many(Kind::Admitted, 4);
    let batch = trial.queue.drain(trial.now).unwrap();
    // Of the chain's start and three records it asks for two again, and will not have one.
    trial.answer(batch.id, Answer::Each { again: vec![1, 3], rejected: vec![2], retry_after: None });
    trial.after(60_000);
    assert_eq!(trial.queue.end_drain(trial.now), Some(4));
    assert_eq!((trial.queue.counters().sent, trial.queue.counters().dropped), (0, 4));

    let mut trial = Trial::new(SETTINGS);
    trial.push_many(Kind::Admitted, 4);
    let batch = trial.queue.drain(trial.now).unwrap();
    trial.answer(batch.id, Answer::Each { again: vec![1], rejected: vec![2], retry_after: None });
    trial.after(60_000);
    assert_eq!(trial.queue.end_drain(trial.now), Some(3));
    assert_eq!((trial.queue.counters().sent, trial.queue.counters().dropped), (1, 3));
}

#[test]
fn a_record_is_sent_as_it_is_written_with_its_place_in_the_chain() {
    let outcome = outcome(vec![event("c-1")]);
    let record = Record::new(&outcome, Some((0, &outcome.events[0])), &circumstances());
    let mut queue = Queue::new(SETTINGS, "ab12", [7; 16]).with_instance(Some("worker-1"));
    let written = queue.write(&record);
    queue.push(&record, written.clone(), record.time());
    let batch = queue.drain(record.time()).unwrap();
    let lines = lines(&batch.body);
    assert_eq!(codes(&batch.body), ["start", "verdict", "stop"]);
    let (before, behind) = written.1.json.split_at(written.1.gap);
    assert!(lines[1].starts_with(before) && lines[1].ends_with(behind));
    let sent = json(&lines[1]);
    let attestation = &sent["attestation_list"][0];
    assert_eq!((&attestation["chain_uid"], &attestation["uid"]), (&Json::from("07".repeat(12)), &Json::from("2")));
    assert_eq!(attestation["prev_event"]["uid"], json(&lines[0])["metadata"]["uid"]);
    assert_eq!(attestation["prev_event"]["fingerprint"], json(&lines[0])["attestation_list"][0]["fingerprint"]);
    // Canonical form: names in order, no white space; this is how serde_json writes a map.
    assert_eq!(sent.to_string(), lines[1]);
}

#[test]
fn without_integrity_records_are_sent_as_they_are_written() {
    let mut trial = Trial::new(Settings { integrity: Integrity::None, ..SETTINGS });
    trial.push_many(Kind::Admitted, 3);
    let batch = trial.queue.poll(trial.now).unwrap();
    assert_eq!(lines(&batch.body)[1..], ["{\"a\":0,\"z\":0}", "{\"a\":1,\"z\":0}", "{\"a\":2,\"z\":0}"]);
}

fn signed() -> Settings {
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","kid":"k","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}"#;
    let key = std::sync::Arc::new(crate::key::SigningKey::from_jwk(jwk).unwrap());
    Settings { checkpoint: Some(Checkpoint { records: 5, interval: Duration::from_secs(60), key }), ..SETTINGS }
}

#[test]
fn a_checkpoint_comes_behind_so_many_records_or_when_they_are_old_enough() {
    let mut trial = Trial::new(signed());
    trial.push_many(Kind::Admitted, 3);
    let (first, more) = (trial.queue.poll(trial.now).unwrap(), 2);
    assert_eq!(codes(&first.body), ["start", "record", "record", "record"]);
    trial.answer(first.id, ACCEPTED);
    trial.push_many(Kind::Admitted, more);
    let second = trial.after(1000).batch();
    assert_eq!(codes(&second.body), ["record", "record", "checkpoint"]);
    trial.answer(second.id, ACCEPTED);
    trial.push(Kind::Admitted);
    let third = trial.after(1000).batch();
    assert_eq!(codes(&third.body), ["record"]);
    trial.answer(third.id, ACCEPTED);
    assert_eq!(trial.after(59_999).poll(), None);
    let fourth = trial.after(1).batch();
    assert_eq!(codes(&fourth.body), ["checkpoint"]);
    trial.answer(fourth.id, ACCEPTED);
    assert_eq!(trial.after(600_000).poll(), None, "there is nothing to sign");
    let last = trial.queue.drain(trial.now).unwrap();
    assert_eq!(codes(&last.body), ["stop"]);
    trial.answer(last.id, ACCEPTED);
    assert!(trial.queue.is_empty() && trial.queue.drain(trial.now).is_none());
    assert_eq!(verified(&trial.taken).wrong, 0);
}

#[test]
fn what_waits_is_weighed_and_the_chain_says_how_long_it_is_and_when_it_was_signed() {
    let mut trial = Trial::new(signed());
    assert_eq!(trial.queue.gauges(), Gauges::default());
    trial.push_many(Kind::Admitted, 2);
    let each = "{\"a\":0,\"z\":0}".len() + OVERHEAD;
    assert_eq!(trial.queue.gauges(), Gauges { bytes: 2 * each, ..Gauges::default() });
    trial.push(Kind::Refused);
    let first = trial.batch();
    assert_eq!(trial.queue.gauges(), Gauges { bytes: 3 * each, chained: 4, signed: None }, "what is under way has its room");
    trial.answer(first.id, ACCEPTED);
    trial.push(Kind::Admitted);
    let second = trial.after(61_000).batch();
    assert_eq!(codes(&second.body), ["record", "checkpoint"]);
    assert_eq!(trial.queue.gauges(), Gauges { bytes: each, chained: 6, signed: Some(trial.now) });
    let mut unchained = Trial::new(Settings { integrity: Integrity::None, ..SETTINGS });
    unchained.push_many(Kind::Admitted, 3);
    unchained.batch();
    assert_eq!(unchained.queue.gauges(), Gauges { bytes: 3 * each, chained: 0, signed: None });
}

#[test]
fn what_the_log_cluster_did_not_take_is_told_and_the_chain_goes_on_from_before_it() {
    let mut trial = Trial::new(SETTINGS);
    trial.push_many(Kind::Admitted, 3);
    assert!(trial.send(ACCEPTED).is_some());
    for _ in 0..2 {
        trial.push_many(Kind::Refused, 3);
        assert!(trial.after(1000).send(Answer::Permanent).is_some());
    }
    trial.push_many(Kind::Admitted, 3);
    assert!(trial.after(1000).send(ACCEPTED).is_some());
    let gap = json(&trial.taken[4]);
    // The second lost batch began with a record of the first one's loss: that is lost too.
    assert_eq!((&gap["unmapped"]["first"], &gap["unmapped"]["last"]), (&Json::from(5), &Json::from(11)));
    assert_eq!((&gap["unmapped"]["dropped"], &gap["unmapped"]["refused"]), (&Json::from(6), &Json::from(6)));
    let report = verified(&trial.taken);
    assert_eq!((report.wrong, report.chains[0].lost, report.chains[0].records), (0, 6, 8));
}

#[test]
fn a_log_cluster_that_takes_nothing_is_not_hammered_while_the_stream_ends() {
    let mut trial = Trial::new(SETTINGS);
    trial.push_many(Kind::Admitted, 3);
    for _ in 0..3 {
        let batch = trial.queue.drain(trial.now).unwrap();
        trial.answer(batch.id, Answer::Permanent);
        assert_eq!(trial.queue.drain(trial.now), None);
        trial.after(1000);
    }
}

#[test]
fn a_log_cluster_that_takes_nothing_is_tried_with_one_batch_after_another() {
    for answer in [BUSY, Answer::Failed, Answer::Permanent] {
        let mut trial = Trial::new(Settings { queue_records: 100, ..SETTINGS });
        trial.push_many(Kind::Admitted, 30);
        let mut failures = 0;
        while !trial.queue.is_circuit_open() {
            if trial.send(answer.clone()).is_none() {
                trial.after(250);
            } else {
                failures += 1;
            }
        }
        assert_eq!(failures, 5, "{answer:?}");
        let lost = if answer == Answer::Permanent { 15 } else { 0 };
        assert_eq!(trial.queue.counters().dropped, lost);
        // Even one that can say no at once costs no more than the batch that is tried.
        assert_eq!(trial.after(1000).poll(), None, "{answer:?}");
        trial.after(40_000);
        assert!(trial.send(answer.clone()).is_some());
        assert_eq!(trial.after(1000).poll(), None);
        assert!(trial.after(40_000).send(ACCEPTED).is_some());
        assert!(!trial.queue.is_circuit_open());
        while trial.send(ACCEPTED).is_some() {}
        assert_eq!(verified(&trial.taken).wrong, 0);
        assert_eq!(trial.queue.counters().sent + trial.queue.counters().dropped, 30);
    }
}

#[test]
fn a_log_cluster_that_does_not_answer_counts_as_away_when_that_has_lasted_long_enough() {
    let mut trial = Trial::new(Settings { patience: Duration::from_secs(10), ..SETTINGS });
    trial.after(60_000).push_many(Kind::Admitted, 3);
    let (id, _, _) = trial.poll().unwrap();
    assert_eq!(trial.after(9999).poll(), None);
    assert!(!trial.queue.is_circuit_open());
    assert_eq!(trial.after(1).poll(), None);
    assert!(trial.queue.is_circuit_open());
    trial.answer(id, ACCEPTED);
    assert!(!trial.queue.is_circuit_open());
}

/// What can happen to a queue.
#[derive(Debug, Clone)]
enum Step {
    Push(bool),
    Poll,
    Answer(Answer),
    Forward(u16),
    Back(u16),
}

fn any_step() -> impl Strategy<Value = Step> {
    let answer = prop_oneof![
        4 => Just(ACCEPTED),
        2 => Just(BUSY),
        1 => Just(Answer::Failed),
        1 => Just(Answer::Permanent),
        1 => (0_usize..9).prop_map(|rejected| Answer::PartlyRejected { rejected }),
        1 => (0_u64..9).prop_map(|seconds| Answer::Retryable { retry_after: Some(Duration::from_secs(seconds)) }),
    ];
    prop_oneof![
        8 => any::<bool>().prop_map(Step::Push),
        4 => Just(Step::Poll),
        4 => answer.prop_map(Step::Answer),
        4 => any::<u16>().prop_map(Step::Forward),
        1 => any::<u16>().prop_map(Step::Back),
    ]
}

proptest! {
    #[test]
    fn every_record_arrives_once_or_is_counted_as_dropped(
        steps in proptest::collection::vec(any_step(), 0..200),
        oldest: bool,
        batch_records in 1_usize..6,
        queue_records in 0_usize..12,
    ) {
        let when_full = if oldest { WhenFull::DropOldest } else { WhenFull::Refuse };
        let mut trial = Trial::new(Settings { batch_records, queue_records, when_full, ..SETTINGS });
        let (mut arrived, mut told, mut partly) = (BTreeSet::new(), 0, 0);
        let mut flight: Option<(u64, Vec<u32>, u64)> = None;
        let mut answer = |trial: &mut Trial, flight: Option<(u64, Vec<u32>, u64)>, answer: Answer| {
            let Some((id, numbers, dropped)) = flight else { return };
            trial.answer(id, answer.clone());
            if let Answer::Accepted | Answer::PartlyRejected { .. } = answer {
                let rejected = if let Answer::PartlyRejected { rejected } = answer { rejected } else { 0 };
                told += if rejected > numbers.len() { 0 } else { dropped };
                partly += rejected.min(numbers.len());
                for number in numbers {
                    assert!(arrived.insert(number), "{number} arrived twice");
                }
            }
        };
        for step in steps {
            match step {
                Step::Push(admitted) => trial.push(if admitted { Kind::Admitted } else { Kind::Refused }),
                Step::Poll => flight = trial.poll().or(flight),
                Step::Answer(how) => answer(&mut trial, flight.take(), how),
                Step::Forward(millis) => { trial.after(millis.into()); }
                Step::Back(millis) => trial.now = trial.now.before(Duration::from_millis(millis.into())),
            }
            prop_assert!(trial.queue.counters().queued <= queue_records);
            // The trial answers in time, so no batch may be given up: that would make it arrive twice.
            if flight.is_some() {
                let elapsed = trial.queue.clock.advance(trial.now);
                trial.queue.flight.as_mut().unwrap().since = Some(elapsed);
            }
        }
        answer(&mut trial, flight.take(), ACCEPTED);
        // The first lets a batch go that waits to be sent again; no answer of the log cluster makes the next wait.
        while let Some(batch) = trial.queue.drain(trial.now) {
            let seen = trial.seen(&batch);
            answer(&mut trial, Some(seen), ACCEPTED);
        }
        let report = verified(&trial.taken);
        prop_assert_eq!(report.wrong, 0, "{:?}", report.findings);
        prop_assert!(report.chains.iter().all(|chain| chain.ended));
        let counters = trial.queue.counters();
        let arrived = u64::try_from(arrived.len() - partly).unwrap();
        prop_assert_eq!(counters.sent, arrived);
        prop_assert_eq!(counters.sent + counters.dropped, u64::from(trial.next));
        prop_assert_eq!(told, counters.dropped);
        prop_assert!(trial.queue.is_empty());
        prop_assert_eq!(trial.queue.counters().queued, 0);
    }
}

#[path = "queue_each_tests.rs"]
mod each;

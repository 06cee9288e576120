use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::audit::record::tests::{circumstances, event, outcome};

const SETTINGS: Settings = Settings {
    batch_records: 3,
    interval: Duration::from_secs(1),
    queue_records: 8,
    queue_bytes: 1 << 20,
    when_full: WhenFull::DropOldest,
};

const ACCEPTED: Answer = Answer::Accepted;
const BUSY: Answer = Answer::Retryable { retry_after: None };

/// A queue, a clock that a test moves, and what the log cluster has got: records are numbers, gaps are told apart by their form.
struct Trial {
    queue: Queue,
    now: Timestamp,
    next: u32,
}

impl Trial {
    fn new(settings: Settings) -> Self {
        Self { queue: Queue::new(settings), now: Timestamp::from_unix_seconds(1_795_420_800).unwrap(), next: 0 }
    }

    fn push(&mut self, kind: Kind) {
        self.queue.push_encoded(kind, Box::from(self.next.to_le_bytes()), self.now);
        self.next += 1;
    }

    fn push_many(&mut self, kind: Kind, count: usize) {
        (0..count).for_each(|_| self.push(kind));
    }

    fn after(&mut self, millis: u64) -> &mut Self {
        self.now = self.now.after(Duration::from_millis(millis));
        self
    }

    fn poll(&mut self) -> Option<(u64, Vec<u32>, u64)> {
        self.queue.poll(self.now).map(|batch| (batch.id, numbers(&batch.body), gap(&batch.body)))
    }

    fn answer(&mut self, id: u64, answer: Answer) {
        self.queue.delivered(id, answer, self.now, 512);
    }

    /// Polls and answers; what was in the batch.
    fn send(&mut self, answer: Answer) -> Option<Vec<u32>> {
        let (id, numbers, _) = self.poll()?;
        self.answer(id, answer);
        Some(numbers)
    }
}

/// The `LogRecord`s of a request: field 2 of field 2 of field 1.
fn log_records(body: &[u8]) -> Vec<&[u8]> {
    let scope_logs = |message| fields(message).into_iter().filter(|(field, _)| *field == 2).map(|(_, value)| value);
    fields(body).into_iter().flat_map(|(_, resource_logs)| scope_logs(resource_logs)).flat_map(scope_logs).collect()
}

/// The fields of a message that has only fields with a length.
fn fields(mut message: &[u8]) -> Vec<(u8, &[u8])> {
    let mut fields = Vec::new();
    while let [key, rest @ ..] = message {
        let length = prost::encoding::decode_varint(&mut { rest }).unwrap();
        let rest = &rest[prost::encoding::encoded_len_varint(length)..];
        let (value, rest) = rest.split_at(usize::try_from(length).unwrap());
        fields.push((key >> 3, value));
        message = rest;
    }
    fields
}

fn numbers(body: &[u8]) -> Vec<u32> {
    log_records(body).into_iter().filter_map(|record| record.try_into().ok()).map(u32::from_le_bytes).collect()
}

/// How many drops the request tells of: `dropped N records` is the gap's body.
fn gap(body: &[u8]) -> u64 {
    log_records(body).into_iter().filter(|record| record.len() > 4).map(dropped).sum()
}

fn dropped(record: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(record);
    let number = text.split("dropped ").nth(1).and_then(|rest| rest.split(' ').next());
    number.unwrap().parse().unwrap()
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
    let waits = [0, 300, 1023].map(|random| wait(3, None, random));
    assert_eq!(waits[0], Duration::from_secs(2));
    assert!(waits.is_sorted() && waits[2] < Duration::from_secs(4));
    assert!(wait(u32::MAX, None, u64::MAX) <= LONGEST_BACKOFF);
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
fn a_gap_that_did_not_arrive_is_told_again() {
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
    trial.queue.push_encoded(Kind::Admitted, Box::from([0; 2000]), trial.now);
    assert_eq!((trial.queue.counters().queued, trial.queue.counters().dropped), (0, 1));
    trial.push_many(Kind::Admitted, 100);
    assert_eq!(trial.queue.counters().queued, 750 / (4 + OVERHEAD));
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
    assert!(trial.queue.drain(trial.now).is_some());
}

#[test]
fn a_record_is_queued_as_it_is_written() {
    let outcome = outcome(vec![event("c-1")]);
    let record = Record::new(&outcome, Some((0, &outcome.events[0])), &circumstances());
    let mut queue = Queue::new(SETTINGS).with_instance("worker-1");
    queue.push(&record, record.time());
    let batch = queue.drain(record.time()).unwrap();
    assert_eq!(log_records(&batch.body), [otlp::log_record(&record)]);
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
        let when_full = if oldest { WhenFull::DropOldest } else { WhenFull::DropNewest };
        let mut trial = Trial::new(Settings { batch_records, queue_records, when_full, ..SETTINGS });
        let (mut arrived, mut told, mut partly) = (BTreeSet::new(), 0, 0);
        let mut flight: Option<(u64, Vec<u32>, u64)> = None;
        let mut answer = |trial: &mut Trial, flight: Option<(u64, Vec<u32>, u64)>, answer| {
            let Some((id, numbers, dropped)) = flight else { return };
            trial.answer(id, answer);
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
                trial.queue.flight.as_mut().unwrap().since = elapsed;
            }
        }
        answer(&mut trial, flight.take(), ACCEPTED);
        while let Some(batch) = trial.queue.drain(trial.now) {
            answer(&mut trial, Some((batch.id, numbers(&batch.body), gap(&batch.body))), ACCEPTED);
        }
        let counters = trial.queue.counters();
        let arrived = u64::try_from(arrived.len() - partly).unwrap();
        prop_assert_eq!(counters.sent, arrived);
        prop_assert_eq!(counters.sent + counters.dropped, u64::from(trial.next));
        prop_assert_eq!(told, counters.dropped);
        prop_assert!(trial.queue.is_empty());
        prop_assert_eq!(trial.queue.counters().queued, 0);
    }
}

use super::*;
use crate::audit::queue::tests::{ACCEPTED, BUSY, SETTINGS, Trial};
use crate::audit::record::Kind;
use crate::audit::settings::{Answer, Ends, Settings, WhenFull};

const FIRST: Settings = Settings {
    batch_records: 3,
    interval: Duration::ZERO,
    queue_records: 40,
    when_full: WhenFull::Refuse,
    patience: Duration::from_secs(10),
    longest_backoff: Duration::from_secs(5),
    ..SETTINGS
};

/// Calls with names that wait, and the queue with their records.
struct Calls {
    trial: Trial,
    waiting: Awaited<&'static str>,
}

impl Calls {
    fn new() -> Self {
        Self { trial: Trial::new(FIRST), waiting: Awaited::new(Duration::from_secs(5)) }
    }

    fn add(&mut self, name: &'static str, events: usize) -> Claim {
        let claim = self.trial.secure(events).unwrap();
        self.waiting.add(claim, name);
        claim
    }

    fn settle(&mut self, settled: Settled) -> Vec<(&'static str, Result<(), Unrecorded>)> {
        self.waiting.settle(settled, &mut self.trial.queue, self.trial.now)
    }

    /// The next batch, and its answer.
    fn send(&mut self, answer: Answer) -> Vec<(&'static str, Result<(), Unrecorded>)> {
        let (id, _, _) = self.trial.poll().unwrap();
        let settled = self.trial.queue.delivered(id, answer, self.trial.now, 0);
        self.settle(settled)
    }
}

const LOST: Result<(), Unrecorded> = Err(Unrecorded::Lost);

#[test]
fn a_call_waits_until_the_log_cluster_has_all_of_its_records() {
    let mut calls = Calls::new();
    calls.add("a", 1);
    calls.add("b", 4);
    calls.add("c", 1);
    assert!(calls.settle(Settled::Nothing).is_empty());
    assert_eq!(calls.send(ACCEPTED), [("a", Ok(()))]);
    assert_eq!(calls.send(ACCEPTED), [("b", Ok(())), ("c", Ok(()))]);
}

#[test]
fn a_call_of_which_one_record_is_lost_does_not_go_on() {
    for answer in [Answer::Permanent, Answer::PartlyRejected { rejected: 1 }] {
        let mut calls = Calls::new();
        calls.add("a", 4);
        calls.add("b", 1);
        calls.add("c", 1);
        assert_eq!(calls.send(answer.clone()), [("a", LOST)], "{answer:?}");
        assert_eq!(calls.send(ACCEPTED), [("b", Ok(())), ("c", Ok(()))]);

        let mut calls = Calls::new();
        calls.add("a", 2);
        calls.add("b", 3);
        assert_eq!(calls.send(ACCEPTED), [("a", Ok(()))]);
        assert_eq!(calls.send(answer.clone()), [("b", LOST)], "{answer:?}");
    }
    let mut calls = Calls::new();
    calls.add("a", 1);
    assert_eq!(calls.send(Answer::PartlyRejected { rejected: 0 }), [("a", Ok(()))]);
}

#[test]
fn a_call_goes_on_with_a_batch_that_is_taken_at_the_second_try_and_no_later_than_its_time() {
    let mut calls = Calls::new();
    calls.add("a", 1);
    for answer in [BUSY, Answer::Failed] {
        assert!(calls.send(answer).is_empty());
        calls.trial.after(1500);
    }
    calls.add("b", 1);
    calls.trial.after(1999);
    assert!(calls.settle(Settled::Nothing).is_empty());
    calls.trial.after(1);
    assert_eq!(calls.settle(Settled::Nothing), [("a", Err(Unrecorded::TooLate))]);
    assert!(calls.send(ACCEPTED).is_empty(), "its record was in that batch: too late");
    assert_eq!(calls.send(ACCEPTED), [("b", Ok(()))]);
}

#[test]
fn a_clock_that_is_set_does_not_make_a_call_wait_for_ever() {
    let mut calls = Calls::new();
    calls.add("a", 1);
    calls.trial.now = calls.trial.now.before(Duration::from_secs(3600));
    assert!(calls.settle(Settled::Nothing).is_empty());
    calls.trial.after(5000);
    assert_eq!(calls.settle(Settled::Nothing), [("a", Err(Unrecorded::TooLate))]);
}

#[test]
fn calls_that_have_ended_are_not_told() {
    let mut calls = Calls::new();
    let claim = calls.add("a", 1);
    calls.add("b", 1);
    calls.waiting.remove(&claim);
    assert_eq!(calls.send(ACCEPTED), [("b", Ok(()))]);
}

#[test]
fn while_the_log_cluster_takes_nothing_no_call_waits_but_one_that_tries() {
    let mut calls = Calls::new();
    calls.add("a", 1);
    calls.add("b", 1);
    let mut refused = Vec::new();
    for tries in 0.. {
        assert!(tries < 5 || !refused.is_empty(), "{tries}");
        assert_eq!(calls.trial.queue.check_circuit(calls.trial.now).is_err(), !refused.is_empty());
        if !refused.is_empty() {
            break;
        }
        // They have more patience than the circuit breaker, for once.
        calls.waiting.patience = Duration::from_secs(100);
        refused = calls.send(Answer::Failed);
        calls.trial.after(5000);
    }
    assert_eq!(refused, [("a", Err(Unrecorded::CircuitOpen)), ("b", Err(Unrecorded::CircuitOpen))]);
    calls.send(ACCEPTED);
    assert_eq!(calls.trial.queue.check_circuit(calls.trial.now), Ok(()));
    assert!(!calls.trial.queue.is_circuit_open());
}

#[test]
fn with_nothing_else_to_try_the_next_call_tries() {
    let mut calls = Calls::new();
    for _ in 0..5 {
        calls.add("a", 1);
        assert_eq!(calls.send(Answer::Permanent), [("a", LOST)]);
    }
    // What is lost is told, which is the first thing to be tried.
    assert!(calls.trial.queue.check_circuit(calls.trial.now).is_err());
    calls.trial.after(5000);
    assert!(calls.trial.queue.check_circuit(calls.trial.now).is_err());
    assert!(calls.send(Answer::Failed).is_empty());
    calls.trial.after(5000);
    assert!(calls.send(ACCEPTED).is_empty());
    assert_eq!(calls.trial.queue.check_circuit(calls.trial.now), Ok(()));
}

#[test]
fn a_call_has_room_for_all_its_records_and_what_is_known_at_its_end_or_does_not_go_on() {
    let mut trial = Trial::new(Settings { batch_records: 3, ..FIRST });
    // Three quarters of 40 are 30, and each call keeps room for one more.
    trial.secure(28).unwrap();
    assert_eq!(trial.secure(1), Err(Unrecorded::NoRoom));
    trial.push_many(Kind::Refused, 10);
    trial.queue.release();
    assert_eq!(trial.secure(2), Err(Unrecorded::NoRoom));
    trial.secure(1).unwrap();
    assert_eq!((trial.queue.counters().queued, trial.queue.counters().dropped), (39, 0));
    trial.push_many(Kind::Admitted, 1);
    trial.push_many(Kind::Refused, 1);
    assert_eq!(trial.queue.counters().dropped, 2, "the room is kept for what is known of a call at its end");
    trial.queue.release();
    trial.push_many(Kind::Admitted, 1);
    assert_eq!((trial.queue.counters().queued, trial.queue.counters().dropped), (40, 2));
}

#[test]
fn bytes_bound_what_is_kept_too() {
    let mut trial = Trial::new(Settings { queue_records: 1000, queue_bytes: 20_000, ..FIRST });
    let mut calls = 0;
    while trial.secure(1).is_ok() {
        calls += 1;
    }
    assert!((3..=4).contains(&calls), "{calls} of 15,000 bytes, each with its record and 2.5 KiB");
    (0..calls).for_each(|_| trial.queue.release());
    assert!(trial.secure(1).is_ok());
}

#[test]
fn no_room_is_kept_where_nothing_is_recorded_of_the_end() {
    let mut trial = Trial::new(Settings { ends: Ends::Unrecorded, ..FIRST });
    for _ in 0..30 {
        trial.secure(1).unwrap();
    }
    assert_eq!(trial.secure(1), Err(Unrecorded::NoRoom));
}

#[test]
fn what_is_known_of_a_call_at_its_end_fits_the_room_that_is_kept_for_it() {
    // As the filter cuts them.
    let [long, short] = [1000, 128].map(|bytes| "\"".repeat(bytes));
    let circumstances = crate::audit::Circumstances {
        authority: &long,
        request_id: Some(&short),
        traceparent: Some(&short),
        policy: &"0".repeat(64),
        now: Timestamp::from_unix_nanos(i64::MAX),
        untrue: None,
    };
    let (admitted, details) = (Some((u64::MAX, u64::MAX)), Some(long.as_str()));
    let aftermath = crate::audit::Aftermath { circumstances, admitted, status: 503, grpc_status: Some(14), details };
    let mut trial = Trial::new(FIRST);
    trial.queue.push_aftermath(&aftermath, trial.now);
    let taken = trial.queue.gauges().bytes;
    assert!((1500..=2560).contains(&taken), "{taken}");
}

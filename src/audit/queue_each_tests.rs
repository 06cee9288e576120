//! A log cluster that takes each record by itself.

use super::*;

const EACH: Settings = Settings { form: Form::Bulk, ..SETTINGS };

fn each(again: &[usize], rejected: &[usize]) -> Answer {
    Answer::Each { again: again.to_vec(), rejected: rejected.to_vec(), retry_after: None }
}

/// Lines in the order of their places.
fn sorted(lines: &[String]) -> Vec<String> {
    let mut lines = lines.to_vec();
    lines.sort_by_key(|line| json(line)["attestation_list"][0]["uid"].as_str().unwrap().parse::<u64>().unwrap());
    lines
}

#[test]
fn only_what_is_asked_for_again_is_sent_again_byte_for_byte() {
    let mut trial = Trial::new(EACH);
    trial.push_many(Kind::Admitted, 3);
    let first = trial.batch();
    let lines_of = |body: &[u8]| String::from_utf8(body.to_vec()).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
    let before = lines_of(&first.body);
    trial.answer(first.id, each(&[1, 3], &[]));
    assert_eq!(trial.poll(), None, "not at once");
    let second = trial.after(1000).batch();
    assert_eq!(lines_of(&second.body), [&before[2..4], &before[6..8]].concat());
    trial.answer(second.id, each(&[1], &[]));
    let third = trial.after(1000).batch();
    assert_eq!(lines_of(&third.body), before[6..8]);
    trial.answer(third.id, each(&[], &[]));
    assert_eq!(trial.queue.counters(), Counters { sent: 3, retried: 3, ..Counters::default() });
    assert!(trial.queue.is_empty());
    assert_eq!(verified(&sorted(&trial.taken)).findings, []);
}

#[test]
fn what_is_not_taken_is_counted_once_the_rest_has_arrived_and_told() {
    let mut trial = Trial::new(EACH);
    trial.push_many(Kind::Admitted, 3);
    let (id, ..) = trial.poll().unwrap();
    trial.answer(id, each(&[1], &[2, 3]));
    assert_eq!(trial.queue.counters().dropped, 0, "the batch is still under way");
    let (id, numbers, _) = trial.after(1000).poll().unwrap();
    assert_eq!(numbers, [0]);
    trial.answer(id, each(&[], &[]));
    assert_eq!(trial.queue.counters(), Counters { sent: 1, dropped: 2, retried: 1, ..Counters::default() });
    assert_eq!(trial.after(1000).poll().unwrap().2, 2);
}

#[test]
fn a_log_cluster_that_will_not_have_the_rest_has_what_it_took() {
    let mut trial = Trial::new(EACH);
    trial.push_many(Kind::Admitted, 3);
    let (id, ..) = trial.poll().unwrap();
    trial.answer(id, each(&[2, 3], &[]));
    assert!(trial.after(1000).send(Answer::Permanent).is_some());
    assert_eq!(trial.queue.counters(), Counters { sent: 1, dropped: 2, retried: 2, ..Counters::default() });
    let (id, _, told) = trial.after(1000).poll().unwrap();
    assert_eq!(told, 2);
    trial.answer(id, each(&[], &[]));
    assert!(trial.queue.is_empty());
    assert_eq!(verified(&sorted(&trial.taken)).findings, []);
}

#[test]
fn a_loss_whose_record_is_not_taken_is_told_again_and_not_without_a_pause() {
    let mut trial = Trial::new(EACH);
    trial.push_many(Kind::Admitted, 3);
    assert!(trial.send(Answer::Permanent).is_some());
    trial.push_many(Kind::Admitted, 3);
    // The gap comes first; the batch is not the chain's first one any more.
    assert!(trial.after(1000).send(each(&[0, 1], &[])).is_some());
    assert!(trial.after(1000).send(each(&[], &[0])).is_some());
    let (id, _, told) = trial.after(1000).poll().unwrap();
    assert_eq!(told, 3);
    trial.answer(id, each(&[], &[0]));
    assert!(trial.queue.drain(trial.now).is_some(), "a drain begins at once");
    let id = trial.queue.flight.as_ref().unwrap().id;
    trial.answer(id, each(&[], &[0]));
    assert!(trial.queue.drain(trial.now).is_none());
    trial.after(1000);
    assert!(trial.queue.drain(trial.now).is_some());
}

#[test]
fn each_step_forward_begins_the_waits_anew() {
    let mut trial = Trial::new(EACH);
    trial.push_many(Kind::Admitted, 3);
    for answer in [BUSY, BUSY, BUSY] {
        trial.after(60_000).send(answer);
    }
    trial.after(60_000).send(each(&[1, 2], &[]));
    assert!(trial.after(749).poll().is_none());
    assert!(trial.after(1).send(each(&[0, 1], &[])).is_some());
    assert!(trial.after(1499).poll().is_none(), "there was no step");
    assert!(trial.after(1).poll().is_some());
}

proptest! {
    #[test]
    fn every_record_arrives_once_or_is_counted(answers in prop::collection::vec(prop::collection::vec(0_u8..4, 0..6), 0..30)) {
        let mut trial = Trial::new(EACH);
        for answer in answers {
            trial.push(Kind::Admitted);
            let Some((id, ..)) = trial.after(40_000).poll() else { continue };
            let sent = trial.queue.flight.as_ref().unwrap().progress.left().total();
            let of = |wanted: u8| (0..sent).filter(|place| answer.get(*place).copied().unwrap_or(0) == wanted).collect::<Vec<_>>();
            trial.answer(id, each(&of(1), &of(2)));
        }
        while let Some((id, ..)) = trial.after(40_000).poll() {
            trial.answer(id, each(&[], &[]));
        }
        let mut numbers: Vec<u64> = trial.taken.iter().filter_map(|line| json(line)["a"].as_u64()).collect();
        let arrived = u64::try_from(numbers.len()).unwrap();
        numbers.sort_unstable();
        numbers.dedup();
        prop_assert_eq!(u64::try_from(numbers.len()).unwrap(), arrived);
        prop_assert_eq!(trial.queue.counters().sent, arrived);
        prop_assert_eq!(trial.queue.counters().sent + trial.queue.counters().dropped, u64::from(trial.next));
        let report = verified(&sorted(&trial.taken));
        prop_assert_eq!(report.wrong, 0, "{:?}", report.findings);
    }
}

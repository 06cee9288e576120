use proptest::prelude::*;

use super::line::EXACT;
use super::*;
use crate::audit::chain::Chain;
use crate::audit::note::{Gap, Note};
use crate::audit::record::{Uid, Written};
use crate::crypto::RustCrypto;
use crate::key::{Jwk, SigningKey};
use crate::time::Timestamp;

/// The key of RFC 8037, appendix A.
const PRIVATE: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"k","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}"#;
const PUBLIC: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

fn keys() -> Vec<PublicKey> {
    vec![PublicKey::from_jwk(&serde_json::from_str::<Jwk>(PUBLIC).unwrap()).unwrap()]
}

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_795_420_800).unwrap()
}

/// A chain and its lines.
struct Trial {
    chain: Chain,
    lines: Vec<String>,
}

impl Trial {
    fn new(seed: u8) -> Self {
        Self { chain: Chain::new([seed; 16]), lines: Vec::new() }
    }

    fn number(&self) -> u64 {
        u64::try_from(self.lines.len()).unwrap() + 1
    }

    fn records(&mut self, count: usize) {
        for _ in 0..count {
            let json = format!("{{\"api\":\"text {}\",\"z\":0}}", self.number());
            let gap = json.find("\"z").unwrap();
            let linked = self.chain.link(self.number(), &Written { json, gap }, None);
            self.lines.push(linked);
        }
    }

    fn tell(&mut self, note: &Note) {
        let key = SigningKey::from_jwk(PRIVATE).unwrap();
        let signs = matches!(note, Note::Checkpoint | Note::Stop).then_some(&key);
        let written = note.write(Uid { chain: "07", number: self.number() }, now());
        let linked = self.chain.link(self.number(), &written, signs);
        self.lines.push(linked);
    }

    /// Records of which the log cluster takes none, or only those at these places.
    fn lost(&mut self, count: usize, taken: &[usize], partly: u64) {
        let mark = self.chain.mark();
        let start = self.lines.len();
        self.records(count);
        let gap = Gap { first: mark.length + 1, last: self.chain.length(), head: self.chain.head(), partly, ..Gap::default() };
        self.chain.go_back(&mark);
        let lines = self.lines.split_off(start);
        self.lines.extend(lines.into_iter().enumerate().filter(|(index, _)| taken.contains(index)).map(|(_, line)| line));
        self.tell(&Note::Gap { gap, total: partly });
    }
}

/// A chain with a checkpoint, and its end.
fn whole() -> Vec<String> {
    let mut trial = Trial::new(7);
    trial.tell(&Note::Start { policy: "ab12".to_owned() });
    trial.records(4);
    trial.tell(&Note::Checkpoint);
    trial.records(3);
    trial.tell(&Note::Stop);
    trial.lines
}

fn verify_files(files: &[&[String]], keys: &[PublicKey]) -> Report {
    let mut verifier = Verifier::new(keys, &RustCrypto);
    for (index, file) in files.iter().enumerate() {
        if index > 0 {
            verifier.next_file();
        }
        file.iter().for_each(|line| verifier.line(line.as_bytes()));
    }
    verifier.finish()
}

fn verify(lines: &[String]) -> Report {
    verify_files(&[lines], &keys())
}

/// What is wrong, at which line, with which records.
fn findings(lines: &[String]) -> Vec<(Wrong, u64, (u64, u64))> {
    verify(lines).findings.into_iter().map(|finding| (finding.wrong, finding.at.line, finding.records)).collect()
}

#[test]
fn a_whole_chain_is_found_to_be_whole() {
    let report = verify(&whole());
    assert_eq!((report.wrong, report.lines), (0, 10));
    let expected =
        Summary { chain: "07".repeat(12), records: 10, last: 10, signed: 10, checkpoints: 1, ended: true, lost: 0, dropped: 0 };
    assert_eq!(report.chains, [expected]);
}

#[test]
fn a_record_that_was_changed_is_named() {
    let mut lines = whole();
    lines[2] = lines[2].replace("text 3", "text X");
    assert_eq!(findings(&lines), [(Wrong::Changed, 3, (3, 3))]);
}

#[test]
fn a_record_that_was_made_anew_does_not_fit_the_next_one() {
    let mut lines = whole();
    let mut forged = Trial::new(7);
    forged.tell(&Note::Start { policy: "ab12".to_owned() });
    forged.records(1);
    let json = "{\"api\":\"another\",\"z\":0}".to_owned();
    lines[2] = forged.chain.link(3, &Written { gap: json.find("\"z").unwrap(), json }, None);
    assert_eq!(findings(&lines), [(Wrong::Broken, 4, (4, 4))]);
}

#[test]
fn records_that_were_left_out_are_named() {
    let mut lines = whole();
    lines.drain(2..4);
    assert_eq!(findings(&lines), [(Wrong::Missing, 3, (3, 4))]);
    let lines = whole().split_off(1);
    assert_eq!(findings(&lines), [(Wrong::Missing, 1, (1, 1))]);
}

#[test]
fn a_chain_without_its_end_is_open() {
    let mut lines = whole();
    lines.truncate(9);
    let report = verify(&lines);
    assert_eq!((report.wrong, report.chains[0].ended, report.chains[0].signed), (0, false, 6));
}

#[test]
fn a_record_that_is_there_twice_is_named() {
    let mut lines = whole();
    lines.insert(5, lines[2].clone());
    assert_eq!(findings(&lines), [(Wrong::Doubled, 6, (3, 3))]);
}

#[test]
fn a_record_that_stands_elsewhere_is_named() {
    let mut lines = whole();
    lines.swap(3, 4);
    assert_eq!(findings(&lines), [(Wrong::Reordered, 5, (4, 4))]);
}

#[test]
fn files_come_in_any_order_and_chains_among_each_other() {
    let (one, mut other) = (whole(), Trial::new(8));
    other.records(3);
    other.tell(&Note::Stop);
    let mixed: Vec<String> = one[..4].iter().zip(&other.lines).flat_map(|(one, other)| [one.clone(), other.clone()]).collect();
    for files in [[&mixed, &one[4..]], [&one[4..], &mixed]] {
        let report = verify_files(&files, &keys());
        assert_eq!((report.wrong, report.chains.len()), (0, 2), "{:?}", report.findings);
        assert!(report.chains.iter().all(|chain| chain.ended));
    }
    // A file twice is its records twice.
    assert_eq!(verify_files(&[&one, &one], &keys()).wrong, 10);
}

#[test]
fn what_a_chain_tells_as_lost_is_not_missing() {
    let mut trial = Trial::new(7);
    trial.lost(2, &[], 2);
    trial.records(2);
    trial.lost(3, &[], 3);
    trial.records(1);
    trial.lost(4, &[0, 2], 2);
    trial.lost(2, &[0, 1], 0);
    trial.tell(&Note::Drop { counts: crate::audit::drops::Counts { admitted: 5, refused: 1 }, total: 13 });
    trial.tell(&Note::Stop);
    let report = verify(&trial.lines);
    assert_eq!(report.wrong, 0, "{:?}", report.findings);
    assert_eq!((report.chains[0].lost, report.chains[0].dropped, report.chains[0].ended), (7, 6, true));
    // One record more than is told.
    let at = trial.lines.iter().position(|line| line.contains("text 3")).unwrap();
    trial.lines.remove(at);
    assert_eq!(verify(&trial.lines).findings[0].wrong, Wrong::Missing);
}

#[test]
fn signatures_are_looked_at_with_a_key_only() {
    let lines = whole();
    let cut = |lines: &[String]| -> Vec<String> {
        let without = |line: &String| match line.split_once(",\"signatures\":[{") {
            Some((before, behind)) => before.to_owned() + behind.split_once("}]").unwrap().1,
            None => line.clone(),
        };
        lines.iter().map(without).collect()
    };
    let first = |lines: &[String]| findings(lines).first().map(|finding| (finding.0, finding.1));
    assert_eq!(first(&cut(&lines)), Some((Wrong::NeverSigned, 1)));
    assert_eq!(verify(&cut(&lines)).wrong, 3);
    assert_eq!(verify_files(&[&cut(&lines)], &[]).wrong, 0);
    let mut forged = lines.clone();
    let at = forged[5].find("\"algorithm_id\":99").unwrap() + 50;
    let other = if forged[5].as_bytes()[at] == b'A' { "B" } else { "A" };
    forged[5].replace_range(at..=at, other);
    assert_eq!(findings(&forged), [(Wrong::Unsigned, 6, (6, 6))]);
    let mut unsigned = Trial::new(9);
    unsigned.records(2);
    assert_eq!(findings(&unsigned.lines), [(Wrong::NeverSigned, 1, (1, 2))]);
}

#[test]
fn what_a_log_store_wrote_anew_is_the_same_record() {
    let anew: Vec<String> = whole()
        .iter()
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            let members: Vec<_> =
                value.as_object().unwrap().iter().rev().map(|(name, value)| format!("{name:?} : {value:#}")).collect();
            format!("{{{}}}", members.join(",").replace('\n', ""))
        })
        .collect();
    assert_eq!(verify(&anew).wrong, 0);
    let doubled = anew[2].replacen('{', "{\"api\":\"another\",", 1);
    assert_eq!(findings(&[&anew[..2], &[doubled], &anew[3..]].concat())[0].0, Wrong::Unchained);
}

#[test]
fn what_is_no_record_is_named() {
    let mut lines = whole();
    for line in ["{}", "not JSON", "{\"attestation_list\":[{}]}", "{\"time\":1,\"unmapped\":{\"verdict\":\"admit\"}}"] {
        lines.insert(1, line.to_owned());
    }
    lines.insert(1, String::new());
    assert_eq!(
        findings(&lines).into_iter().map(|finding| (finding.0, finding.1)).collect::<Vec<_>>(),
        [3, 4, 5, 6].map(|line| (Wrong::Unchained, line))
    );
}

#[test]
fn a_chain_in_pieces_without_end_is_not_followed_without_end() {
    let mut trial = Trial::new(7);
    trial.records(25_000);
    let lines: Vec<String> = trial.lines.into_iter().step_by(2).collect();
    let report = verify_files(&[&lines], &[]);
    assert!(report.findings.iter().any(|finding| finding.wrong == Wrong::Scattered));
    assert_eq!(report.findings.len(), FINDINGS);
}

/// How the chains of these lines stand, where no more than two chains in four pieces are remembered.
fn standings(lines: &[String]) -> (Vec<Standing>, u64) {
    let mut verifier = Verifier::new(keys(), &RustCrypto).within(Room { chains: 2, pieces: 4 });
    lines.iter().for_each(|line| verifier.line(line.as_bytes()));
    (verifier.standings().collect(), verifier.forgotten())
}

#[test]
fn a_chain_that_is_seen_from_its_middle_on_stands_well_until_something_is_wrong() {
    let mut lines = whole().split_off(2);
    let (found, forgotten) = standings(&lines);
    let expected =
        Summary { chain: "07".repeat(12), records: 8, last: 10, signed: 10, checkpoints: 1, ended: true, lost: 0, dropped: 0 };
    assert_eq!((found, forgotten), (vec![Standing { summary: expected, first: 3, wrong: BTreeMap::new() }], 0));
    lines[4] = lines[4].replace("text 7", "text X");
    assert_eq!(standings(&lines).0[0].wrong, BTreeMap::from([(Wrong::Changed, 1)]));
    lines.drain(4..=5);
    assert_eq!(standings(&lines).0[0].wrong, BTreeMap::from([(Wrong::Missing, 2)]));
    lines.push(lines[0].clone());
    assert_eq!(standings(&lines).0[0].wrong, BTreeMap::from([(Wrong::Missing, 2), (Wrong::Doubled, 1)]));
}

#[test]
fn what_is_missing_and_comes_late_is_missing_no_more() {
    let mut lines = whole();
    let late = lines.remove(4);
    assert_eq!(standings(&lines).0[0].wrong, BTreeMap::from([(Wrong::Missing, 1)]));
    lines.push(late);
    assert_eq!(standings(&lines).0[0].wrong, BTreeMap::from([(Wrong::Reordered, 1)]));
}

#[test]
fn the_chain_that_was_quiet_for_longest_is_forgotten_for_a_new_one() {
    let chains: Vec<Vec<String>> = (0..3)
        .map(|seed| {
            let mut trial = Trial::new(seed);
            trial.records(20);
            trial.lines.into_iter().step_by(2).collect()
        })
        .collect();
    let lines = [&chains[0][..1], &chains[1], &chains[0][1..], &chains[2]].concat();
    let (found, forgotten) = standings(&lines);
    let ids: Vec<_> = found.iter().map(|standing| standing.summary.chain.clone()).collect();
    assert_eq!((ids, forgotten), (vec!["00".repeat(12), "02".repeat(12)], 1));
    assert_eq!(found[1].wrong, BTreeMap::from([(Wrong::Missing, 3), (Wrong::Scattered, 6)]));
}

#[test]
fn numbers_that_no_record_has_make_no_record() {
    let line = whole()[1].clone();
    assert_eq!(findings(std::slice::from_ref(&line))[0].0, Wrong::Missing);
    for (wrong, place) in [(Wrong::Changed, EXACT - 1), (Wrong::Unchained, EXACT), (Wrong::Unchained, u64::MAX)] {
        let line = line.replace("\"uid\":\"2\"}]", &format!("\"uid\":\"{place}\"}}]"));
        assert!(findings(&[line]).iter().any(|finding| finding.0 == wrong), "{place}");
    }
    let line = line.replace(&"07".repeat(12), &"07".repeat(65));
    assert_eq!(findings(&[line])[0].0, Wrong::Unchained);
}

/// What an attacker does with a log.
#[derive(Debug, Clone)]
enum Attack {
    Drop(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
    Double(prop::sample::Index, prop::sample::Index),
    Edit(prop::sample::Index, prop::sample::Index, u8),
}

fn any_attack() -> impl Strategy<Value = Attack> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        index().prop_map(Attack::Drop),
        (index(), index()).prop_map(|(one, other)| Attack::Swap(one, other)),
        (index(), index()).prop_map(|(one, other)| Attack::Double(one, other)),
        (index(), index(), 1_u8..=255).prop_map(|(line, byte, by)| Attack::Edit(line, byte, by)),
    ]
}

proptest! {
    #[test]
    fn dropping_swapping_doubling_or_editing_any_record_breaks_the_chain(attack in any_attack()) {
        let mut lines: Vec<Vec<u8>> = whole().into_iter().map(String::into_bytes).collect();
        let unharmed = lines.clone();
        match attack {
            Attack::Drop(at) => drop(lines.remove(at.index(9))),
            Attack::Swap(one, other) => lines.swap(one.index(10), other.index(10)),
            Attack::Double(one, at) => lines.insert(at.index(11), unharmed[one.index(10)].clone()),
            Attack::Edit(at, byte, by) => {
                let line = &mut lines[at.index(10)];
                let byte = byte.index(line.len());
                line[byte] ^= by;
            }
        }
        let keys = keys();
        let mut verifier = Verifier::new(&keys, &RustCrypto);
        lines.iter().for_each(|line| verifier.line(line));
        let report = verifier.finish();
        // The id of the record before is bound by its fingerprint as well: all else is.
        prop_assert!((report.wrong > 0) == (lines != unharmed), "{:?}", report);
    }

    #[test]
    fn any_lines_are_read_without_harm(lines in proptest::collection::vec("(?s).{0,80}|\\{\"a\":1,\"attestation_list\":\\[\\{\"chain_uid\":\"a\".{0,40}", 0..8)) {
        let report = verify(&lines);
        prop_assert!(report.chains.is_empty());
    }
}

//! The whole path, under the policy of the cases. Without a token that somebody signed no call is admitted. Where every signature by
//! a public key is believed, an admitted call has a publisher, and each of its events a rule that it keeps. A call is judged the
//! same again, and its records are JSON on one line.
#![no_main]

use std::sync::LazyLock;

use eventguard::audit::{Circumstances, FILTER_STATE, Record};
use eventguard::crypto::{Crypto, RustCrypto};
use eventguard::decision::{Code, JudgedEvent, Outcome, Verdict};
use eventguard::identity::TokenCache;
use eventguard::inspect::{self, HeadMeans, Incoming, Means, Opening};
use eventguard::ledger::Memory;
use eventguard::policy::{Hints, Policy};
use eventguard::rules::{Names, SignatureRule};
use eventguard::signature::VerifiedSignature;
use eventguard_fuzz::call::Call;
use eventguard_fuzz::crypto::Credulous;
use eventguard_fuzz::policy::{NOW, with_other_keys};
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::Value;

static POLICY: LazyLock<Policy> = LazyLock::new(with_other_keys);

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some(call) = Call::read(bytes) else { return Corpus::Reject };
    let refused = judge(&call, &RustCrypto);
    assert_eq!(refused.verdict, Verdict::Refuse, "nobody signed this call's token");
    assert_is_whole(&call, &refused);

    let crypto = Credulous::default();
    let outcome = judge(&call, &crypto);
    assert!(crypto.into_questions().len() <= POLICY.budget.checks, "a call costs more than it may");
    let again = judge(&call, &Credulous::default());
    assert_eq!((outcome.verdict, &outcome.refusal), (again.verdict, &again.refusal));
    assert_is_whole(&call, &outcome);
    if outcome.verdict == Verdict::Admit {
        assert!(outcome.publisher.is_some() && !outcome.events.is_empty());
        outcome.events.iter().for_each(assert_keeps_its_rule);
    }
    Corpus::Keep
});

fn judge(call: &Call<'_>, crypto: &dyn Crypto) -> Outcome {
    let mut tokens = TokenCache::new(1, [7; 16]);
    let incoming = Incoming { head: call.head.clone(), hints: Hints::default(), peer: call.peer() };
    match inspect::head(&POLICY, incoming, HeadMeans { now: NOW, tokens: &mut tokens, crypto }) {
        Opening::Unguarded => panic!("the policy lets no call pass unjudged"),
        Opening::Decided(outcome) => *outcome,
        Opening::Wait(pending) => panic!("the policy fetches nothing: {pending:?}"),
        Opening::Judge(opened) => {
            inspect::body(&POLICY, &opened, call.body, Means { now: NOW, crypto, store: &Memory::default() })
        }
    }
}

fn assert_is_whole(call: &Call<'_>, outcome: &Outcome) {
    assert_eq!(outcome.verdict == Verdict::Admit, outcome.refusal.is_none());
    assert!(outcome.refusal.as_ref().is_none_or(|refusal| Code::ALL.contains(&refusal.code())));
    let refused = outcome.events.iter().any(|event| event.verdict == Verdict::Refuse);
    assert!(outcome.events.is_empty() || refused == (outcome.verdict == Verdict::Refuse));
    assert!(outcome.events.len() <= POLICY.budget.events);
    assert_has_records(call, outcome);
}

fn assert_has_records(call: &Call<'_>, outcome: &Outcome) {
    let text = |name| call.head.text(name).ok().flatten();
    let records = Record::of_call(
        outcome,
        &Circumstances {
            authority: call.head.authority(),
            request_id: text("x-request-id"),
            traceparent: text("traceparent"),
            policy: &POLICY.digest,
            now: NOW,
            untrue: None,
        },
    );
    assert_eq!(records.len(), outcome.events.len().max(1));
    let written: Vec<_> = records.iter().map(|record| (record.is_to_blame(), record.write(None))).collect();
    let filter_state = Record::filter_state(&written.iter().map(|(to_blame, written)| (*to_blame, written)).collect::<Vec<_>>());
    assert!(filter_state.len() <= FILTER_STATE, "{} bytes of filter state", filter_state.len());
    for json in written.into_iter().map(|(_, written)| written.json).chain([filter_state]) {
        assert!(serde_json::from_str::<Value>(&json).is_ok(), "{json}");
        assert!(!json.chars().any(char::is_control), "{json:?}");
    }
}

fn assert_keeps_its_rule(event: &JudgedEvent) {
    assert!(event.refusal.is_none() && event.verdict == Verdict::Admit);
    let rule = POLICY.rules.find(&event.event_type).expect("a rule");
    assert_eq!(event.rule.as_ref(), Some(&rule.event_type));
    let allows = |allowed: &Option<Names>, found: &Option<String>| {
        allowed.as_ref().is_none_or(|allowed| found.as_ref().is_some_and(|found| allowed.contains(found)))
    };
    assert!(allows(&rule.topics, &event.topic) && allows(&rule.sources, &event.source));
    let schemes: Vec<_> = event.signatures.iter().map(VerifiedSignature::scheme).collect();
    assert!(match &rule.signature {
        SignatureRule::Optional => true,
        SignatureRule::Required { schemes: None } => !schemes.is_empty(),
        SignatureRule::Required { schemes: Some(allowed) } => schemes.iter().any(|scheme| allowed.contains(scheme)),
    });
}

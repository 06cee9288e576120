//! What a call may cost: however many signatures it brings, and whatever is found of each, no more are looked at.

use std::cell::Cell;

use proptest::prelude::*;

use super::*;
use crate::crypto::{Crypto, Unverified};
use crate::decision::Code;
use crate::key::{Algorithm, PublicKey, Secret};
use crate::signature::jws;

/// Counts what it is asked, and answers by the bits of a number, one after the other.
struct Counting {
    asked: Cell<usize>,
    good: u64,
}

impl Counting {
    fn answer(&self) -> Result<(), Unverified> {
        let asked = self.asked.get();
        self.asked.set(asked + 1);
        if self.good >> (asked % 64) & 1 == 1 { Ok(()) } else { Err(Unverified::Wrong) }
    }
}

impl Crypto for Counting {
    fn verify(&self, _: &PublicKey, _: Algorithm, _: &[u8], _: &[u8]) -> Result<(), Unverified> {
        self.answer()
    }

    fn verify_hmac(&self, _: &Secret, _: &[u8], _: &[u8]) -> Result<(), Unverified> {
        self.answer()
    }
}

/// An anonymous route for events that are signed, each by itself, and calls that are.
fn policy(checks: usize) -> Policy {
    let document = json!({
        "version": 1,
        "signers": [{"keyId": "k", "publisher": "a", "secret": {"value": "sixteen bytes !!"}}],
        "signatures": {"standardWebhooks": {}, "eventJws": {"attribute": "jws", "allowUnsignedAttributes": true}},
        "routes": [routes("/open/{topic}")[0]],
        "events": [{"type": "t.*", "publishers": [{"subject": "a"}]}],
        "limits": {"checks": checks},
    });
    crate::config::from_value(document, &|_| None).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// A batch of signed events under so many signatures over all of it.
fn publish(policy: &Policy, events: usize, over_all: usize, crypto: &Counting) -> Outcome {
    let sent = now().unix_seconds().to_string();
    let signatures = vec!["v1,AAAA"; over_all].join(" ");
    let mut headers = vec![
        (":method", "POST"),
        (":authority", "bus"),
        (":path", "/open/x"),
        ("content-type", "application/cloudevents-batch+json"),
    ];
    if over_all > 0 {
        headers.extend([("webhook-id", "m"), ("webhook-timestamp", &sent), ("webhook-signature", &signatures)]);
    }
    let head = Head::from_map(headers.into_iter().collect()).unwrap();
    let call = Incoming { head, hints: Hints::default(), peer: None };
    let opening = super::head(policy, call, HeadMeans { now: now(), tokens: &mut TokenCache::new(0, [0; 16]), crypto });
    let Opening::Judge(opened) = opening else { panic!("{opening:?}") };
    let jws = jws::sign("HS256", "k", jws::Payload::Base64url, b"1", &|_| vec![0; 32]);
    let event = |id| format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"t.A","data":1,"jws":"{jws}"}}"#);
    let body = format!("[{}]", (0..events).map(event).collect::<Vec<_>>().join(","));
    super::body(policy, &opened, body.as_bytes(), Means { now: now(), crypto, store: &Memory::default() })
}

proptest! {
    #[test]
    fn no_call_has_more_checks_than_it_may(
        checks in 1_usize..30, events in 1_usize..40, over_all in 0_usize..8, good in proptest::num::u64::ANY
    ) {
        let crypto = Counting { asked: Cell::new(0), good };
        let outcome = publish(&policy(checks), events, over_all, &crypto);
        prop_assert!(crypto.asked.get() <= checks);
        prop_assert_eq!(outcome.events.len(), events, "each has its record");
    }

    #[test]
    fn a_call_is_admitted_where_its_checks_suffice_and_refused_whole_where_they_do_not(
        checks in 1_usize..30, events in 1_usize..40, over_all in 0_usize..2
    ) {
        let crypto = Counting { asked: Cell::new(0), good: u64::MAX };
        let outcome = publish(&policy(checks), events, over_all, &crypto);
        let wanted = events + over_all;
        prop_assert_eq!(crypto.asked.get(), wanted.min(checks));
        let code = outcome.refusal.map(|refusal| refusal.code());
        prop_assert_eq!(code, (wanted > checks).then_some(Code::SIGNATURE_TOO_MANY));
    }
}

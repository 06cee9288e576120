//! The signers of a policy, and those that are fetched beside them.

use serde_json::{Value, json};

use super::*;
use crate::keyset::{Content, Kind, SetId};

const SET: SetId = SetId(0);

fn content(ids: &[&str]) -> Content {
    let x = URL_SAFE_NO_PAD.encode(*test_pair().pk);
    let key = |id: &&str| json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "owner": "fetched", "x": x});
    let keys: Vec<Value> = ids.iter().map(key).collect();
    Content::parse(Kind::Signers, json!({"keys": keys}).to_string().as_bytes()).unwrap()
}

fn fetched(signers: &Signers, ids: &[&str]) -> Signers {
    let content = content(ids);
    signers.with_fetched(&|_| Some(&content))
}

fn owner<'s>(signers: &'s Signers, key_id: &str) -> Option<&'s str> {
    signers.find(key_id).map(|signer| signer.publisher.as_str())
}

#[test]
fn what_is_fetched_again_replaces_all_that_was_fetched_before() {
    let mut signers = signers().with_sets(vec![SignerSet { set: SET, publisher: None }]);
    let own = signers.iter().count();
    // As the policy's own are taken out: each for a profile of HMAC.
    for taken in ["shipping-hmac", "test-hmac"] {
        assert!(signers.take(taken).is_some());
    }
    let first = fetched(&signers, &["a", "b", "c", "test-ed"]);
    assert_eq!(
        ["a", "b", "c", "test-ed"].map(|id| owner(&first, id)),
        [Some("fetched"), Some("fetched"), Some("fetched"), Some(SHIPPING)]
    );
    assert_eq!(first.iter().count(), own - 2 + 3);
    let second = fetched(&first, &["c", "d"]);
    assert_eq!(["a", "b", "c", "d"].map(|id| owner(&second, id)), [None, None, Some("fetched"), Some("fetched")]);
    assert_eq!(second.iter().count(), own - 2 + 2);
    let none = second.with_fetched(&|_| None);
    assert_eq!(["a", "c", "d", "test-ed"].map(|id| owner(&none, id)), [None, None, None, Some(SHIPPING)]);
}

#[test]
fn a_fetched_key_is_of_the_set_and_not_of_the_one_before_it_under_the_same_id() {
    let mut signers = Signers::new(signer_list()).unwrap().with_sets(vec![SignerSet { set: SET, publisher: None }]);
    assert!(signers.take("test-hmac").is_some());
    let other = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "owner": "other", "x": "RWnRsJlI_IxbUqQJWrtzd-6hU7VdSVkwL1JqhMhOmGI"}]});
    let other = Content::parse(Kind::Signers, other.to_string().as_bytes()).unwrap();
    let rotated = fetched(&signers, &["a"]).with_fetched(&|_| Some(&other));
    assert_eq!(owner(&rotated, "a"), Some("other"));
    assert_eq!(rotated.iter().filter(|signer| signer.key_id == "a").count(), 1);
}

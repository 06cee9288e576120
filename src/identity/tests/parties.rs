use super::*;
use crate::call::Certificate;

/// SHA-256 of `a certificate`. (The example of RFC 8705 section 3.1 has bits left over, which no encoder writes.)
const THUMBPRINT: &str = "gazXYhQPppKhQoItL75NxvVLyqUB9oqzflru0Lr-TZk";

fn bound() -> Json {
    json!({"x5t#S256": THUMBPRINT})
}

/// The digest of a certificate whose thumbprint is `text`.
fn digest(text: &str) -> [u8; 32] {
    URL_SAFE_NO_PAD.decode(text).unwrap().try_into().unwrap()
}

fn peer(digest: Option<[u8; 32]>) -> Peer {
    Peer::new(None, Certificate::Known(digest))
}

/// A token with that `cnf`, over a connection of a peer with that certificate.
fn judge_bound(binding: Binding, confirmation: Option<Json>, peer: Option<&Peer>) -> Result<(), TokenError> {
    let token = sign(&header().to_string(), &with(claims(), "cnf", confirmation).to_string());
    let publisher = verify(&token, &[Issuer { binding, ..shop() }], at(NOW), &RustCrypto)?;
    check_binding(&publisher, peer)
}

fn is_binding(judged: &Result<(), TokenError>) -> bool {
    matches!(judged, Err(TokenError::Binding(_)))
}

#[test]
fn a_token_that_is_bound_needs_the_peer_of_its_certificate() {
    let (own, other) = (peer(Some(digest(THUMBPRINT))), peer(Some([7; 32])));
    for binding in [Binding::Verify, Binding::Require] {
        assert_eq!(judge_bound(binding, Some(bound()), Some(&own)), Ok(()));
        for wrong in [Some(&other), Some(&peer(None)), None] {
            assert!(is_binding(&judge_bound(binding, Some(bound()), wrong)), "{wrong:?}");
        }
        assert!(is_binding(&judge_bound(
            binding,
            Some(json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})),
            Some(&own)
        )));
        assert!(is_binding(&judge_bound(binding, Some(json!({})), Some(&own))));
    }
    for peer in [Some(&own), Some(&other), None] {
        assert_eq!(judge_bound(Binding::Verify, None, peer), Ok(()));
        assert!(is_binding(&judge_bound(Binding::Require, None, peer)));
        assert_eq!(judge_bound(Binding::Ignore, Some(bound()), peer), Ok(()));
        assert_eq!(judge_bound(Binding::Ignore, None, peer), Ok(()));
    }
}

#[test]
fn a_confirmation_of_another_form_is_malformed_whatever_becomes_of_it() {
    let own = peer(Some(digest(THUMBPRINT)));
    let wrong = [
        json!(null),
        json!("x"),
        json!([bound()]),
        json!({"x5t#S256": null}),
        json!({"x5t#S256": 5}),
        json!({"x5t#S256": ""}),
        json!({"x5t#S256": format!("{THUMBPRINT}=")}),
        json!({"x5t#S256": "qqqq"}),
        json!({"x5t#S256": "6f070ad1eb1cdc0082dc307663 9f"}),
    ];
    for confirmation in wrong {
        for binding in [Binding::Verify, Binding::Require, Binding::Ignore] {
            let judged = judge_bound(binding, Some(confirmation.clone()), Some(&own));
            assert!(matches!(judged, Err(TokenError::Malformed(_))), "{confirmation} {judged:?}");
        }
    }
}

#[test]
fn a_token_that_was_verified_before_is_bound_on_each_call_anew() {
    let token = sign(&header().to_string(), &with(claims(), "cnf", bound()).to_string());
    let mut tokens = TokenCache::new(8, [0; 16]);
    for digest in [digest(THUMBPRINT), [7; 32], digest(THUMBPRINT)] {
        let (publisher, _) = tokens.verify(&token, &[shop()], at(NOW), &RustCrypto);
        let judged = check_binding(&publisher.unwrap(), Some(&peer(Some(digest))));
        assert_eq!(judged.is_ok(), digest != [7; 32]);
    }
    assert_eq!(tokens.len(), 1);
}

#[test]
fn nobody_is_asked_for_a_certificate_that_no_token_is_bound_to() {
    let asked = Peer::new(None, Certificate::Ask(|| panic!("asked")));
    assert_eq!(judge_bound(Binding::Verify, None, Some(&asked)), Ok(()));
}

#[test]
fn the_type_is_the_one_that_the_issuers_tokens_have() {
    let judge = |typ: Option<&str>, written: Option<Json>| {
        let token = sign(&with(header(), "typ", written).to_string(), &claims().to_string());
        verify(&token, &[Issuer { typ: typ.map(str::to_owned), ..shop() }], at(NOW), &RustCrypto).map(drop)
    };
    for good in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        assert_eq!(judge(Some("at+jwt"), Some(json!(good))), Ok(()), "{good}");
        assert_eq!(judge(None, Some(json!(good))), Ok(()), "{good}");
    }
    for wrong in [None, Some("JWT"), Some("id+jwt"), Some("logout+jwt")] {
        let error = judge(Some("at+jwt"), wrong.map(|wrong| json!(wrong))).unwrap_err();
        let found = wrong.map(str::to_ascii_lowercase);
        assert_eq!(error, TokenError::Type { found, expected: "at+jwt".to_owned() }, "{wrong:?}");
    }
}

#[test]
fn a_chain_of_actors_is_a_chain_and_has_an_end() {
    let chain = |length: usize| (1..length).fold(json!({"sub": "0"}), |inner, n| json!({"sub": n.to_string(), "act": inner}));
    for good in [chain(1), chain(2), chain(8), json!({}), json!({"iss": "x", "act": {}})] {
        assert_eq!(judge_claim("act", good.clone()), Ok("shipping-service".to_owned()), "{good}");
    }
    let wrong = [
        chain(9),
        json!(null),
        json!("gateway"),
        json!(["gateway"]),
        json!({"sub": 5}),
        json!({"act": "x"}),
        json!({"act": {"sub": null}}),
    ];
    for wrong in wrong {
        assert!(matches!(judge_claim("act", wrong.clone()), Err(TokenError::Malformed(_))), "{wrong}");
    }
}

#[test]
fn a_client_is_a_text() {
    for name in ["azp", "client_id"] {
        assert_eq!(judge_claim(name, json!("shop")), Ok("shipping-service".to_owned()));
        for wrong in [json!(null), json!(5), json!(["shop"])] {
            assert!(matches!(judge_claim(name, wrong.clone()), Err(TokenError::Malformed(_))), "{name} {wrong}");
        }
    }
}

//! What becomes of each kind of key, and of each kind of list.

use super::*;

/// Of the reference policy's issuer: 2048 bits.
const RSA_N: &str = "lNyE4k3D8OohfQ_pLHwJMkNmoUDRu2oPz3E8x_OjK1YMa9fMGQGgXrmIaFalg6LgHflvfMdi2optQNuXSyp513_cYGd0E64HgQ1GaKF2coPL6GLx493OnHmAP_tmB4ZxISFXXNZo4LvSSMF1LILprpfXl0nz8prE0HClbCDQDgI0D2vnfnLiC7F5yU1mkK_JPCXV0aqFi1PWICICwo5RH7rDtrLhSTj1_hpWRNuatC_gfBQ_c6XlWvJXGXYeZCeZPUqpbu7spk2fGxe6h5V1reqRKGR73VRN5S5osy6d-z5Da0Wiz-mHnLgsSSQYlkeSR89PKWpQnMjSGQblwd09uQ";

/// A good key with members set, or removed with null.
fn changed(changes: Json) -> Json {
    let mut key = key("b");
    for (name, value) in changes.as_object().unwrap() {
        let members = key.as_object_mut().unwrap();
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    key
}

fn read(keys: Json) -> Result<(Vec<String>, Vec<String>), Failure> {
    let content = Content::parse(Kind::Keys, json!({"keys": keys}).to_string().as_bytes())?;
    let ids = content.keys().iter().map(|listed| listed.key.id().unwrap_or("-").to_owned()).collect();
    Ok((ids, content.unfit().to_vec()))
}

#[test]
fn a_key_that_is_not_fit_for_use_is_left_out_and_named_and_the_others_stay() {
    let rsa = |n: &str, e: &str| json!({"kty": "RSA", "n": n, "e": e, "kid": "b"});
    let cases = [
        (changed(json!({"use": "enc"})), "the key is for the use `enc`, expected `sig`"),
        (changed(json!({"key_ops": ["sign"]})), "the key's operations do not hold `verify`"),
        (changed(json!({"key_ops": "verify"})), "`key_ops` is not a list"),
        (changed(json!({"alg": "HS256"})), "the algorithm `HS256` is not one of the key's type"),
        (changed(json!({"alg": "none"})), "the algorithm `none` is not one of the key's type"),
        (changed(json!({"kid": ""})), "the key id is empty"),
        (changed(json!({"kid": 1})), "a member is not a text"),
        (changed(json!({"x": "AAAA"})), "`x` has 3 bytes, which is not the length of the curve's coordinates"),
        (changed(json!({"x": null})), "`x` is absent"),
        (json!({"kty": "oct", "k": "c2VjcmV0IHNlY3JldCBzZWNyZXQ", "kid": "b"}), "its secret part is published"),
        (json!({"kty": "oct", "kid": "b"}), "the key type `oct` is not read here: `RSA`, `EC` and `OKP` are"),
        (changed(json!({"d": "AAAA"})), "its secret part is published"),
        (rsa(RSA_N.get(..170).unwrap(), "AQAB"), "an RSA modulus of 1016 bits, expected 2048 to 4096"),
        (rsa(&"w".repeat(1368), "AQAB"), "an RSA modulus of 8208 bits, expected 2048 to 4096"),
        (rsa(RSA_N, "Aw"), "not an RSA key that is fit for use: the modulus must be odd and the exponent 65537"),
        (rsa(RSA_N, "AQAA"), "not an RSA key that is fit for use: the modulus must be odd and the exponent 65537"),
        (json!(5), "not an object"),
    ];
    for (wrong, why) in cases {
        assert_eq!(read(json!([wrong, key("a")])), Ok((vec!["a".to_owned()], vec![format!("keys[0]: {why}")])), "{wrong}");
        assert_eq!(read(json!([wrong])), Err(Failure::Empty), "{wrong}");
    }
}

#[test]
fn a_key_fit_for_use_may_say_so_and_more() {
    let more = json!({"use": "sig", "key_ops": ["verify"], "alg": "EdDSA", "x5c": ["AAAA"], "x5t": "x", "iat": 1, "owner": 5});
    assert_eq!(read(json!([changed(more)])), Ok((vec!["b".to_owned()], vec![])));
    let rsa = json!({"kty": "RSA", "n": RSA_N, "e": "AQAB", "kid": "r", "alg": "RS256"});
    assert_eq!(read(json!([rsa, key("a")])), Ok((vec!["r".to_owned(), "a".to_owned()], vec![])));
}

#[test]
fn an_id_that_several_keys_have_names_none_of_them() {
    let other = changed(json!({"kid": "a", "x": "RWnRsJlI_IxbUqQJWrtzd-6hU7VdSVkwL1JqhMhOmGI"}));
    let unfit = vec![r#"several keys have the id "a""#.to_owned()];
    assert_eq!(read(json!([key("a"), key("b"), other])), Ok((vec!["b".to_owned()], unfit)));
    assert_eq!(read(json!([key("a"), other])), Err(Failure::Empty));
    assert_eq!(
        read(json!([key("a"), key("a"), key("b")])),
        Ok((vec!["a".to_owned(), "b".to_owned()], vec![])),
        "the same key twice"
    );
    let encrypts = changed(json!({"kid": "a", "use": "enc"}));
    assert_eq!(read(json!([key("a"), encrypts])).map(|found| found.0), Ok(vec!["a".to_owned()]), "one that is left out is none");
}

#[test]
fn a_key_without_an_id_is_found_where_it_is_the_only_one() {
    let alone = Content::parse(Kind::Keys, json!({"keys": [changed(json!({"kid": null}))]}).to_string().as_bytes()).unwrap();
    let keys = Keys::fetched(SET, Some(&alone));
    assert!(keys.find(None).is_ok());
    assert_eq!(keys.find(Some("a")).err(), Some(NoKey::Unknown(Some(SET))));
    let two =
        Content::parse(Kind::Keys, json!({"keys": [changed(json!({"kid": null})), key("a")]}).to_string().as_bytes()).unwrap();
    let keys = Keys::fetched(SET, Some(&two));
    assert_eq!(keys.find(None).err(), Some(NoKey::Unknown(Some(SET))));
    assert!(keys.find(Some("a")).is_ok());
    assert_eq!(Keys::fetched(SET, None).find(Some("a")).err(), Some(NoKey::Unavailable(SET)));
}

#[test]
fn a_key_that_is_gone_or_changed_is_held_no_more() {
    let keys = |keys: Json| {
        let content = Content::parse(Kind::Keys, json!({"keys": keys}).to_string().as_bytes()).unwrap();
        Keys::fetched(SET, Some(&content))
    };
    let known = Arc::clone(keys(json!([key("a")])).find(Some("a")).unwrap());
    assert_eq!(keys(json!([key("b"), key("a")])).check(&known), Ok(()), "read again, it is the same key");
    let gone = [json!([key("b")]), json!([changed(json!({"kid": "a", "alg": "EdDSA"}))])];
    for set in gone {
        assert_eq!(keys(set.clone()).check(&known), Err(NoKey::Unknown(None)), "{set}");
    }
    assert_eq!(Keys::fetched(SET, None).check(&known), Err(NoKey::Unavailable(SET)));
}

#[test]
fn the_bounds_of_a_document_are_kept_to_the_byte() {
    let keys = |count: usize| json!((0..count).map(|number| key(&number.to_string())).collect::<Vec<_>>());
    assert_eq!(read(keys(200)).map(|found| found.0.len()), Ok(200));
    assert_eq!(read(keys(201)), Err(Failure::TooLarge));
    let padded = |size: usize| {
        let text = set(&["a"]);
        format!("{text}{}", " ".repeat(size - text.len()))
    };
    assert!(Content::parse(Kind::Keys, padded(MAX_BYTES).as_bytes()).is_ok());
    assert_eq!(Content::parse(Kind::Keys, padded(MAX_BYTES + 1).as_bytes()).err(), Some(Failure::TooLarge));
    for twice in [r#"{"keys":[],"keys":[]}"#, "{\"keys\":[]}x", "\u{feff}{\"keys\":[]}"] {
        assert_eq!(Content::parse(Kind::Keys, twice.as_bytes()).err(), Some(Failure::Malformed), "{twice}");
    }
}

#[test]
fn a_signers_key_says_whose_it_is_and_when_it_is_trusted() {
    let read = |changes: Json| {
        let content =
            Content::parse(Kind::Signers, json!({"keys": [changed(changes), key("z")]}).to_string().as_bytes()).unwrap();
        let first = content.keys()[0].clone();
        let seconds = |at: Option<Timestamp>| at.map(Timestamp::unix_seconds);
        (first.key.id() == Some("b")).then(|| (first.owner.clone(), seconds(first.not_before), seconds(first.not_after)))
    };
    assert_eq!(read(json!({})), Some((None, None, None)));
    assert_eq!(read(json!({"owner": "cart", "nbf": 10, "exp": 20})), Some((Some("cart".to_owned()), Some(10), Some(20))));
    for wrong in [json!({"owner": 5}), json!({"nbf": "10"}), json!({"exp": 1.5}), json!({"exp": 1e300}), json!({"kid": null})] {
        assert_eq!(read(wrong.clone()), None, "{wrong}");
    }
}

#[test]
fn a_list_of_what_is_revoked_is_read_whole_or_not_at_all() {
    let read = |text: &str| match Content::parse(Kind::Revoked, text.as_bytes()) {
        Ok(Content::Revoked(revoked)) => Ok(revoked),
        Ok(other @ Content::Keys { .. }) => panic!("{other:?}"),
        Err(failure) => Err(failure),
    };
    let revoked = read(r#"{"tokens": ["t2", "t1"], "keys": ["k"], "subjects": ["s", "s"]}"#).unwrap();
    assert!(revoked.has_token("t1") && revoked.has_token("t2") && revoked.has_key("k") && revoked.has_subject("s"));
    assert!(!revoked.has_token("k") && !revoked.has_key("t1") && !revoked.has_subject("") && !revoked.has_token("t"));
    assert!(read("{}").unwrap().is_empty());
    for wrong in
        ["", "[]", "null", r#"{"token": []}"#, r#"{"tokens": "t"}"#, r#"{"tokens": [1]}"#, r#"{"tokens": [], "tokens": []}"#]
    {
        assert_eq!(read(wrong), Err(Failure::Malformed), "{wrong}");
    }
}

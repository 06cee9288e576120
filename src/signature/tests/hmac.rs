use super::*;
use crate::signature::hmac::{Encoding, Piece, Profile, TimestampPlace};

const SECRET: &[u8] = b"It's a Secret to Everybody";
const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];

fn hex(message: &[u8], key: &[u8]) -> String {
    let byte = |byte: &u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    hmac_sha256(&secret(key), message).iter().flat_map(byte).collect()
}

fn holder(key_id: &str, publisher: &str, key: &[u8]) -> Signer {
    signer(key_id, publisher, SignerKey::Secret(secret(key)))
}

fn github() -> Profile {
    Profile {
        header: "x-hub-signature-256".to_owned(),
        parameter: None,
        prefix: "sha256=".to_owned(),
        encoding: Encoding::Hex,
        timestamp: None,
        message: vec![Piece::Body],
        signers: vec![holder("old", SHIPPING, &[1; 16]), holder("github", SHIPPING, SECRET)],
    }
}

fn stripe() -> Profile {
    Profile {
        header: "stripe-signature".to_owned(),
        parameter: Some("v1".to_owned()),
        prefix: String::new(),
        timestamp: Some((TimestampPlace::Parameter("t".to_owned()), Duration::from_mins(5))),
        message: vec![Piece::Timestamp, Piece::Text(".".to_owned()), Piece::Body],
        signers: vec![holder("stripe", SHIPPING, SECRET)],
        ..github()
    }
}

fn slack() -> Profile {
    Profile {
        header: "x-slack-signature".to_owned(),
        prefix: "v0=".to_owned(),
        timestamp: Some((TimestampPlace::Header("x-slack-request-timestamp".to_owned()), Duration::from_mins(5))),
        message: vec![Piece::Text("v0:".to_owned()), Piece::Timestamp, Piece::Text(":".to_owned()), Piece::Body],
        ..github()
    }
}

fn judge_for(
    expected: Option<&str>,
    profile: Profile,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Vec<VerifiedSignature>, SignatureError> {
    let settings = Settings { hmac: vec![profile], ..settings() };
    verify_call(&settings, &signers(), &sent(&head(headers), body), expected, seconds(NOW), &RustCrypto)
}

fn judge(profile: Profile, headers: &[(&str, &str)], body: &str) -> Result<Vec<VerifiedSignature>, SignatureError> {
    judge_for(Some(SHIPPING), profile, headers, body)
}

/// The example in GitHub's documentation, "Validating webhook deliveries".
#[test]
fn githubs_own_example_verifies() {
    let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let signed = [("x-hub-signature-256", signature)];
    let verified = judge(github(), &signed, "Hello, World!").unwrap();
    assert_eq!((verified[0].scheme(), verified[0].key_id(), verified[0].created()), (Scheme::Hmac, "github", None));
    assert_eq!(judge(github(), &signed, "Hello, World?"), Err(SignatureError::Invalid));
    assert_eq!(judge(github(), &[], "Hello, World!"), Ok(Vec::new()));
    let upper = signature.replace("757107ea", "757107EA");
    assert!(judge(github(), &[("x-hub-signature-256", &upper)], "Hello, World!").is_ok());
    let malformed = [
        "",
        "sha256=",
        "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "SHA256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "sha1=757107ea0eb2509fc211221cce984b8a37570b6d",
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e1",
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17 ",
        "sha256=g57107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    ];
    for wrong in malformed {
        assert!(is_malformed(&judge(github(), &[("x-hub-signature-256", wrong)], "Hello, World!")), "{wrong}");
    }
    let twice = [signed[0], signed[0]];
    assert!(matches!(judge(github(), &twice, "Hello, World!"), Err(SignatureError::Header(_))));
}

#[test]
fn base64_is_read_where_the_producer_writes_it() {
    let profile = || Profile { encoding: Encoding::Base64, prefix: String::new(), ..github() };
    let signature = STANDARD.encode(hmac_sha256(&secret(SECRET), BODY.as_bytes()));
    assert!(judge(profile(), &[("x-hub-signature-256", &signature)], BODY).is_ok());
    assert!(is_malformed(&judge(profile(), &[("x-hub-signature-256", &hex(BODY.as_bytes(), SECRET))], BODY)));
    assert!(is_malformed(&judge(profile(), &[("x-hub-signature-256", &STANDARD.encode([0; 31]))], BODY)));
}

#[test]
fn a_list_of_entries_may_have_several_signatures_of_which_one_is_enough() {
    let good = hex(format!("{NOW}.{BODY}").as_bytes(), SECRET);
    let bad = hex(b"", SECRET);
    let judge = |value: &str| judge(stripe(), &[("stripe-signature", value)], BODY);
    assert_eq!(judge(&format!("t={NOW},v1={good}")).unwrap()[0].created(), Some(seconds(NOW)));
    for several in
        [format!("t={NOW},v1={bad},v1={good},v0=x"), format!("v0=x, v1={good} ,t={NOW}"), format!("t={NOW},odd,v1={good}")]
    {
        assert_eq!(key_ids(judge(&several)), ["stripe"], "{several}");
    }
    assert_eq!(judge(&format!("t={NOW},v1={bad}")), Err(SignatureError::Invalid));
    let many = format!("t={NOW}{}", format!(",v1={good}").repeat(16));
    for wrong in [
        format!("v1={good}"),
        format!("t={NOW},v0={good}"),
        format!("t={NOW}"),
        format!("t={NOW},t={NOW},v1={good}"),
        format!("t=+{NOW},v1={good}"),
        format!("t=,v1={good}"),
        format!("t={NOW},v1={good},v1=x"),
        format!("T={NOW},V1={good}"),
        many,
    ] {
        assert!(is_malformed(&judge(&wrong)), "{wrong}");
    }
}

#[test]
fn the_time_has_both_neighbours_and_is_the_one_that_was_signed() {
    let signed_at = |sent: i64| {
        let signature = format!("v0={}", hex(format!("v0:{sent}:{BODY}").as_bytes(), SECRET));
        judge(slack(), &[("x-slack-signature", &signature), ("x-slack-request-timestamp", &sent.to_string())], BODY).map(drop)
    };
    for (sent, good) in [(NOW, true), (NOW - 300, true), (NOW - 301, false), (NOW + 300, true), (NOW + 301, false)] {
        assert_eq!(signed_at(sent).is_ok(), good, "{sent}");
        assert!(good || matches!(signed_at(sent), Err(SignatureError::Expired(_))));
    }
    let signature = format!("v0={}", hex(format!("v0:{NOW}:{BODY}").as_bytes(), SECRET));
    let moved = [("x-slack-signature", signature.as_str()), ("x-slack-request-timestamp", &(NOW + 1).to_string())];
    assert_eq!(judge(slack(), &moved, BODY), Err(SignatureError::Invalid));
    assert!(is_malformed(&judge(slack(), &moved[..1], BODY)));
}

#[test]
fn the_keys_of_a_profile_are_those_that_sign_so() {
    let signature = |key: &[u8]| format!("sha256={}", hex(BODY.as_bytes(), key));
    let judge_key = |key: &[u8]| judge(github(), &[("x-hub-signature-256", &signature(key))], BODY);
    assert_eq!(key_ids(judge_key(&[1; 16])), ["old"]);
    assert_eq!(judge_key(TEST_SECRET), Err(SignatureError::Invalid), "a secret of another scheme");
    let mut ended = github();
    ended.signers[1].not_after = Some(seconds(NOW - 1));
    assert_eq!(judge(ended.clone(), &[("x-hub-signature-256", &signature(SECRET))], BODY), Err(SignatureError::Invalid));
    ended.signers.remove(0);
    let expired = judge(ended, &[("x-hub-signature-256", &signature(SECRET))], BODY);
    assert!(matches!(expired, Err(SignatureError::Expired(_))));
    let other = judge_for(Some("cart-service"), github(), &[("x-hub-signature-256", &signature(SECRET))], BODY);
    assert_eq!(other, Err(SignatureError::Signer { owner: SHIPPING.to_owned() }));
}

#[test]
fn a_signer_that_was_taken_out_is_not_found_and_the_others_are() {
    let mut signers = signers();
    assert_eq!(signers.take("shipping-ec").unwrap().key_id, "shipping-ec");
    assert!(signers.take("shipping-ec").is_none() && signers.find("shipping-ec").is_none());
    for left in ["shipping-ed", "cart-ed", "shipping-hmac", "test-ed", "test-hmac"] {
        assert_eq!(signers.find(left).unwrap().key_id, left);
    }
}

#[test]
fn the_body_alone_says_nothing_of_a_binary_event() {
    let signature = format!("sha256={}", hex(BODY.as_bytes(), SECRET));
    let headers = [("ce-specversion", "1.0"), ("ce-type", "a"), ("x-hub-signature-256", signature.as_str())];
    assert_eq!(judge(github(), &headers, BODY), Err(SignatureError::Uncovered("ce-specversion".to_owned())));
}

//! What the standards of JOSE and of digests publish, as they print it. Those of RFC 9421 are in http_message.rs, of RFC 7797 in jws.rs, of
//! Standard Webhooks in standard_webhooks.rs. Signatures on P-521 (RFC 7515 appendix A.4, RFC 7520 section 4.3) and the JSON form
//! (RFC 7515 appendix A.6, RFC 7520 sections 4.6 to 4.8) are not read here.

use super::*;
use crate::crypto::{Crypto as _, Unverified, verify_hmac_sha256};
use crate::key::{Algorithm, Jwk, KeyError};

/// A JWS without a key id, taken apart: what is signed, and the signature.
fn parts(jws: &str) -> (&[u8], Vec<u8>) {
    let (signed, signature) = jws.rsplit_once('.').unwrap();
    (signed.as_bytes(), URL_SAFE_NO_PAD.decode(signature).unwrap())
}

fn check(key: &str, algorithm: Algorithm, jws: &str) -> Result<(), Unverified> {
    let SignerKey::Public(key) = jwk(key) else { panic!("a public key") };
    let (signed, signature) = parts(jws);
    RustCrypto.verify(&key, algorithm, signed, &signature)
}

#[test]
fn rfc_7515_appendix_a_1_hs256() {
    let key = secret(
        &URL_SAFE_NO_PAD
            .decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
            .unwrap(),
    );
    let (signed, tag) = parts(
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    );
    assert_eq!(verify_hmac_sha256(&key, signed, &tag), Ok(()));
}

#[test]
fn rfc_7515_appendix_a_2_rs256() {
    let key = r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#;
    let jws = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    assert_eq!(check(key, Algorithm::Rs256, jws), Ok(()));
    assert_eq!(check(key, Algorithm::Ps256, jws), Err(Unverified::Wrong));
}

#[test]
fn rfc_7515_appendix_a_3_es256() {
    let key = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    assert_eq!(
        check(
            key,
            Algorithm::Es256,
            "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
        ),
        Ok(())
    );
}

#[test]
fn rfc_7515_appendix_a_4_p_521_is_not_read() {
    let key: Jwk = serde_json::from_str(r#"{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}"#).unwrap();
    assert_eq!(PublicKey::from_jwk(&key).err(), Some(KeyError::Curve("P-521".to_owned())));
}

#[test]
fn rfc_7515_appendix_a_5_an_unsecured_jws_is_refused() {
    let unsecured =
        "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";
    assert!(is_malformed(&judge_text(unsecured, "")));
}

#[test]
fn rfc_8037_appendix_a_4_ed25519() {
    let key = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let jws = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
               hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(check(key, Algorithm::EdDsa, jws), Ok(()));
}

/// The payload of RFC 7520 section 4, "figure 7".
const COOKBOOK: &str = "It’s a dangerous business, Frodo, going out your door. You step onto the road, and if you don't keep your feet, there’s no knowing where you might be swept off to.";
/// RFC 7520 section 3.3.
const COOKBOOK_RSA: &str = r#"{"kty":"RSA","use":"sig","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw","e":"AQAB"}"#;

/// Judges a call with this body and JWS, by the keys of RFC 7520.
fn judge_text(jws: &str, body: &str) -> Result<Vec<VerifiedSignature>, SignatureError> {
    let hmac = secret(&URL_SAFE_NO_PAD.decode("hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg").unwrap());
    let signers = Signers::new(vec![
        signer("bilbo.baggins@hobbiton.example", SHIPPING, jwk(COOKBOOK_RSA)),
        signer("018c0ae5-4d9b-471b-bfd6-eef314bc7037", SHIPPING, SignerKey::Secret(hmac)),
    ])
    .unwrap();
    verify_call(&settings(), &signers, &sent(&head(&[("x-jws-signature", jws)]), body), None, seconds(NOW), &RustCrypto)
}

/// With its payload and detached (section 4.5).
fn judge_cookbook(header: &str, signature: &str) {
    let payload = URL_SAFE_NO_PAD.encode(COOKBOOK);
    for jws in [format!("{header}.{payload}.{signature}"), format!("{header}..{signature}")] {
        assert_eq!(judge_text(&jws, COOKBOOK).unwrap().len(), 1);
        assert!(judge_text(&jws, "another body").is_err());
    }
}

#[test]
fn rfc_7520_section_4_1_rs256() {
    judge_cookbook(
        "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
        "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
    );
}

#[test]
fn rfc_7520_section_4_2_ps384() {
    judge_cookbook(
        "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
        "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
    );
}

#[test]
fn rfc_7520_sections_4_4_and_4_5_hs256() {
    let header = "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9";
    judge_cookbook(header, "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0");
}

/// RFC 9530, "Sample Digest Values" (content with a line end), and the content of RFC 9421 appendix B.2 (without).
#[test]
fn rfc_9530_sample_digest_values() {
    let (short, long) = (r#"{"hello": "world"}"#, "{\"hello\": \"world\"}\n");
    for (content, digest) in [
        (short, "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"),
        (short, "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"),
        (long, "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"),
        (long, "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:"),
    ] {
        assert_eq!(digest::verify(digest.as_bytes(), content.as_bytes()), Ok(()), "{digest}");
        assert!(digest::verify(digest.as_bytes(), b"{}").is_err(), "{digest}");
    }
    // Right, in algorithms that RFC 9530 section 5 marks as not to be used: they count as absent.
    for digest in ["md5=:UFIauregE76D7gDe0/n0JA==:", "sha=:yyTATouGJ50S3R4iWotz3qq6P9Y=:", "adler=:P7oGIQ==:"] {
        assert!(matches!(digest::verify(digest.as_bytes(), long.as_bytes()), Err(SignatureError::Digest(_))), "{digest}");
    }
}

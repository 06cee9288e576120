use std::cell::Cell;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::algorithms::{
    ECDSAP256KeyPairLike as _, ECDSAP256PublicKeyLike as _, ES256KeyPair, Ed25519KeyPair, EdDSAKeyPairLike as _,
    EdDSAPublicKeyLike as _, PS256KeyPair, PS512KeyPair, RS256KeyPair, RS384KeyPair, RSAKeyPairLike as _, RSAPublicKeyLike as _,
};
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq};
use serde_json::{Value as Json, json};

use super::*;
use crate::crypto::{RustCrypto, Unverified};
use crate::json::Pointer;
use crate::key::{Jwk, KeySet, PublicKey, Secret};

const NOW: i64 = 1_795_420_800;
const ISSUER: &str = "https://idp.shop.example/realms/shop";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds).unwrap()
}

fn just_before(seconds: i64) -> Timestamp {
    at(seconds).before(Duration::from_nanos(1))
}

fn just_after(seconds: i64) -> Timestamp {
    at(seconds).after(Duration::from_nanos(1))
}

/// The key pair of a seed of 32 times `byte`.
fn key_pair(byte: u8) -> ed25519_compact::KeyPair {
    ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::new([byte; 32]))
}

fn jwk(id: &str, pair: &ed25519_compact::KeyPair) -> Json {
    json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(*pair.pk), "kid": id})
}

/// Public keys whose private halves nobody here has.
const RSA_N: &str = "lNyE4k3D8OohfQ_pLHwJMkNmoUDRu2oPz3E8x_OjK1YMa9fMGQGgXrmIaFalg6LgHflvfMdi2optQNuXSyp513_cYGd0E64HgQ1GaKF2coPL6GLx493OnHmAP_tmB4ZxISFXXNZo4LvSSMF1LILprpfXl0nz8prE0HClbCDQDgI0D2vnfnLiC7F5yU1mkK_JPCXV0aqFi1PWICICwo5RH7rDtrLhSTj1_hpWRNuatC_gfBQ_c6XlWvJXGXYeZCeZPUqpbu7spk2fGxe6h5V1reqRKGR73VRN5S5osy6d-z5Da0Wiz-mHnLgsSSQYlkeSR89PKWpQnMjSGQblwd09uQ";

fn keys(jwks: Vec<Json>) -> Keys {
    let jwks: Vec<Jwk> = jwks.into_iter().map(|jwk| serde_json::from_value(jwk).unwrap()).collect();
    Keys::inline(KeySet::from_jwks(&jwks).unwrap())
}

fn shop() -> Issuer {
    Issuer {
        name: "shop".to_owned(),
        issuer: ISSUER.to_owned(),
        audiences: vec!["event-bus".to_owned(), "other-bus".to_owned()],
        algorithms: vec![Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa],
        leeway: Duration::from_secs(30),
        max_age: Some(Duration::from_secs(3600)),
        typ: None,
        binding: Binding::Verify,
        keys: keys(vec![jwk("ed-1", &key_pair(1)), json!({"kty": "RSA", "n": RSA_N, "e": "AQAB", "kid": "rsa-1"})]),
    }
}

fn partner() -> Issuer {
    Issuer {
        name: "partner".to_owned(),
        issuer: "https://partner.example".to_owned(),
        keys: keys(vec![jwk("partner-1", &key_pair(2))]),
        ..shop()
    }
}

fn header() -> Json {
    json!({"alg": "EdDSA", "kid": "ed-1", "typ": "JWT"})
}

fn claims() -> Json {
    json!({
        "iss": ISSUER, "sub": "shipping-service", "aud": "event-bus", "iat": NOW - 60, "exp": NOW + 600, "jti": "j-1",
        "realm_access": {"roles": ["offline", "publisher"]},
    })
}

fn sign_with(pair: &ed25519_compact::KeyPair, header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = pair.sk.sign(&signed, None);
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A token of the shop's key, however wrong.
fn sign(header: &str, claims: &str) -> String {
    sign_with(&key_pair(1), header, claims)
}

fn judge_at(now: Timestamp, token: &str) -> Result<Publisher, TokenError> {
    verify(token, &[partner(), shop()], now, &RustCrypto)
}

fn judge(token: &str) -> Result<Publisher, TokenError> {
    judge_at(at(NOW), token)
}

/// `value` with the member `name` set, or removed.
fn with(mut value: Json, name: &str, member: impl Into<Option<Json>>) -> Json {
    let object = value.as_object_mut().unwrap();
    match member.into() {
        Some(member) => object.insert(name.to_owned(), member),
        None => object.remove(name),
    };
    value
}

fn judge_claim(name: &str, member: impl Into<Option<Json>>) -> Result<String, TokenError> {
    let token = sign(&header().to_string(), &with(claims(), name, member).to_string());
    judge(&token).map(|publisher| publisher.subject().to_owned())
}

fn judge_header(name: &str, member: impl Into<Option<Json>>) -> Result<String, TokenError> {
    let token = sign(&with(header(), name, member).to_string(), &claims().to_string());
    judge(&token).map(|publisher| publisher.subject().to_owned())
}

fn good() -> String {
    sign(&header().to_string(), &claims().to_string())
}

const PASSES: fn() -> Result<String, TokenError> = || Ok("shipping-service".to_owned());

fn is_malformed<T>(judged: &Result<T, TokenError>) -> bool {
    matches!(judged, Err(TokenError::Malformed(_)))
}

fn wrong_algorithm<T>(found: &str) -> Result<T, TokenError> {
    Err(TokenError::Algorithm { found: found.to_owned() })
}

fn unknown_key<T>(id: Option<&str>) -> Result<T, TokenError> {
    Err(TokenError::UnknownKey { id: id.map(str::to_owned), set: None })
}

impl Issuer {
    /// The issuer of [`Publisher::in_test`].
    pub(crate) fn in_test() -> Self {
        shop()
    }
}

impl Publisher {
    /// For tests of what comes after: the publisher of a token with these claims beside the registered ones.
    pub(crate) fn in_test(issuer_name: &str, subject: &str, claims: &Json) -> Self {
        let mut all = json!({"iss": ISSUER, "sub": subject, "aud": "event-bus", "iat": NOW, "exp": NOW + 600});
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        let issuer = Issuer { name: issuer_name.to_owned(), ..shop() };
        let key = Arc::clone(issuer.keys.find(Some("ed-1")).unwrap());
        Self::from_token(Claims::parse(all.to_string().into_bytes()).unwrap().for_us(&issuer, &key).unwrap())
    }
}

#[test]
fn a_good_token_says_who_publishes() {
    let publisher = judge(&good()).unwrap();
    assert_eq!((publisher.issuer(), publisher.subject()), (Some("shop"), "shipping-service"));
    let token = publisher.token().unwrap();
    assert_eq!((token.issuer(), token.id(), token.expires()), (ISSUER, Some("j-1"), at(NOW + 600)));
    let role = token.claims().at(&Pointer::parse("/realm_access/roles/1").unwrap()).unwrap();
    assert_eq!(role.as_str().unwrap(), "publisher");
    assert_eq!(format!("{token:?}"), r#"VerifiedToken("shipping-service" of "shop")"#);
}

#[test]
fn the_publisher_is_told_to_the_upstream_in_visible_ascii() {
    let label = |issuer: &str, subject| Publisher::in_test(issuer, subject, &json!({})).label().to_owned();
    assert_eq!(label("shop", "shipping-service"), "shop/shipping-service");
    assert_eq!(label("shop", "a/b@c"), "shop/a/b@c");
    assert_eq!(label("a/b", "c"), "a%2Fb/c");
    assert_eq!(label("shop", "é %\r\nx: 1\u{7f}"), "shop/%C3%A9%20%25%0D%0Ax:%201%7F");
    assert_eq!(Publisher::from_signature("a b".to_owned()).label(), "signer/a%20b");
    assert_eq!(Publisher::from_signature("a".to_owned()).issuer(), None);
}

mod parties;

mod the_header_of_the_call {
    use super::*;

    fn settings(scheme: Option<&str>) -> TokenSettings {
        TokenSettings { header: "authorization".to_owned(), scheme: scheme.map(str::to_owned), forward: Forward::Remove }
    }

    fn head(values: &[&[u8]]) -> Head {
        let pseudo: [(&str, &[u8]); 3] = [(":method", b"POST"), (":authority", b"bus"), (":path", b"/")];
        Head::from_map(pseudo.into_iter().chain(values.iter().map(|value| ("authorization", *value))).collect()).unwrap()
    }

    fn read(scheme: Option<&str>, values: &[&[u8]]) -> Result<String, TokenError> {
        bearer(&head(values), &settings(scheme)).map(str::to_owned)
    }

    #[test]
    fn a_token_stands_behind_its_scheme_in_any_case() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c"] {
            assert_eq!(read(Some("Bearer"), &[value.as_bytes()]), Ok("a.b.c".to_owned()), "{value}");
        }
        assert_eq!(read(None, &[b"a.b.c"]), Ok("a.b.c".to_owned()));
    }

    #[test]
    fn without_a_token_of_the_scheme_it_is_missing() {
        assert_eq!(read(Some("Bearer"), &[]), Err(TokenError::Missing));
        assert_eq!(read(None, &[b""]), Err(TokenError::Missing));
        for value in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer   ",
            "Basic YTpi",
            "Bearera.b.c",
            "a.b.c",
            " Bearer a.b.c",
            "Bearer\ta.b.c",
            "DPoP a.b.c",
        ] {
            assert_eq!(read(Some("Bearer"), &[value.as_bytes()]), Err(TokenError::Missing), "{value:?}");
        }
    }

    #[test]
    fn two_headers_or_bytes_that_are_no_text_are_refused() {
        let duplicate = HeaderError::Duplicate("authorization".to_owned());
        assert_eq!(read(Some("Bearer"), &[b"Bearer a", b"Bearer a"]), Err(TokenError::Header(duplicate)));
        let not_text = HeaderError::NotText("authorization".to_owned());
        assert_eq!(read(Some("Bearer"), &[b"Bearer \xff"]), Err(TokenError::Header(not_text)));
    }

    #[test]
    fn two_tokens_in_one_header_are_no_token() {
        for joined in
            [format!("Bearer {0}, Bearer {0}", good()), format!("Bearer {0} {0}", good()), format!("Bearer {},", good())]
        {
            let token = read(Some("Bearer"), &[joined.as_bytes()]).unwrap();
            assert!(is_malformed(&judge(&token)), "{joined}");
        }
    }
}

mod form {
    use super::*;

    #[test]
    fn what_is_no_compact_jws_is_refused() {
        let good = good();
        let parts: Vec<&str> = good.split('.').collect();
        let [head, body, tail] = parts[..] else { panic!() };
        for token in [
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            "...".to_owned(),
            head.to_owned(),
            format!("{head}.{body}"),
            format!("{good}."),
            format!(".{good}"),
            format!("{good}.{tail}"),
            format!("{head}..{tail}"),
            format!("{head}.{body}.{tail}="),
            format!("{head}=.{body}.{tail}"),
            format!("{head}.{body}.{tail}\n"),
            format!(" {good}"),
            format!("{head}.{body}\u{0}.{tail}"),
            format!("{head}.{body}.{}", tail.replace(['-', '_'], "+")) + "+",
            format!("{head}.{body}.{tail}é"),
            json!({"protected": head, "payload": body, "signature": tail}).to_string(),
            "a".repeat(16 * 1024 + 1),
        ] {
            assert!(is_malformed(&judge(&token)), "{token}");
        }
    }

    #[test]
    fn bits_left_over_in_base64url_are_refused() {
        // 64 bytes take 85 characters and two bits of an 86th, which is one of four.
        let good = good();
        let (rest, last) = good.split_at(good.len() - 1);
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        for other in alphabet.chars().filter(|char| !last.starts_with(*char)) {
            let judged = judge(&format!("{rest}{other}"));
            assert!(is_malformed(&judged) || judged.err() == Some(TokenError::Signature));
        }
    }

    #[test]
    fn a_token_may_be_16_kib_long() {
        let padded = |length: usize| {
            let token = |filler: usize| sign(&header().to_string(), &with(claims(), "x", json!("x".repeat(filler))).to_string());
            (0..).map(|filler| token(length * 3 / 4 - 500 + filler)).find(|token| token.len() >= length).unwrap()
        };
        let longest = padded(16 * 1024 - 1);
        assert!(longest.len() <= 16 * 1024);
        assert!(judge(&longest).is_ok());
        assert!(is_malformed(&judge(&padded(16 * 1024 + 1))));
    }

    #[test]
    fn what_a_json_reader_may_choose_from_is_refused() {
        let (header, claims) = (header().to_string(), claims().to_string());
        let more = |json: &str, member: &str| format!("{}{member}}}", json.strip_suffix('}').unwrap());
        for (header, claims) in [
            (more(&header, r#","alg":"none""#), claims.clone()),
            (more(&header, r#","\u0061lg":"EdDSA""#), claims.clone()),
            (more(&header, r#","kid":"ed-1""#), claims.clone()),
            (format!("{header} x"), claims.clone()),
            (format!("\u{feff}{header}"), claims.clone()),
            ("[]".to_owned(), claims.clone()),
            ("\"EdDSA\"".to_owned(), claims.clone()),
            (header.clone(), more(&claims, r#","sub":"root""#)),
            (header.clone(), more(&claims, r#","s\u0075b":"root""#)),
            (header.clone(), more(&claims, r#","deep":{"a":[{"b":1,"b":2}]}"#)),
            (header.clone(), more(&claims, r#","x":"\ud800""#)),
            (header.clone(), more(&claims, r#","x":1e400"#)),
            (header.clone(), more(&claims, r#","x":NaN"#)),
            (header.clone(), more(&claims, &format!(r#","x":{}{}"#, "[".repeat(40), "]".repeat(40)))),
            (header.clone(), format!("{claims}{claims}")),
            (header.clone(), "null".to_owned()),
            (header.clone(), format!("[{claims}]")),
            (header.clone(), String::new()),
        ] {
            assert!(is_malformed(&judge(&sign(&header, &claims))), "{header} {claims}");
        }
        let latin = sign(&header, "")
            .split_once('.')
            .map(|(head, _)| format!("{head}.{}.", URL_SAFE_NO_PAD.encode(b"{\"sub\":\"\xff\"}")));
        assert!(is_malformed(&judge(&latin.unwrap())));
    }

    #[test]
    fn a_header_must_understand_nothing_that_is_critical() {
        for crit in [json!(["exp"]), json!(["b64"]), json!([]), json!("exp"), json!(null)] {
            assert!(is_malformed(&judge_header("crit", crit)));
        }
        for b64 in [json!(false), json!(true)] {
            assert!(is_malformed(&judge_header("b64", b64)));
        }
    }

    #[test]
    fn the_type_is_a_jwt_where_it_is_said() {
        for good in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/JWT", "secevent+jwt"] {
            assert_eq!(judge_header("typ", json!(good)), PASSES(), "{good}");
        }
        assert_eq!(judge_header("typ", None), PASSES());
        for wrong in
            [json!("JWE"), json!("jose"), json!("+jwt"), json!("text/jwt"), json!(""), json!("jwt "), json!(1), json!(null)]
        {
            assert!(is_malformed(&judge_header("typ", wrong.clone())), "{wrong}");
        }
    }
}

mod algorithm_and_key {
    use super::*;

    #[test]
    fn no_algorithm_that_the_issuer_does_not_use_is_believed() {
        let none = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(claims().to_string()));
        assert_eq!(judge(&none).err(), wrong_algorithm::<()>("none").err());
        for found in ["none", "NONE", "", "HS256", "eddsa", "PS256", "ES384", "RS512", "EdDSA "] {
            assert_eq!(judge_header("alg", json!(found)), wrong_algorithm(found), "{found}");
        }
        for wrong in [json!(null), json!(["EdDSA"]), json!(1)] {
            assert!(is_malformed(&judge_header("alg", wrong)));
        }
        assert!(is_malformed(&judge_header("alg", None)));
        assert_eq!(judge_header("alg", json!("Ed25519")), PASSES(), "the name of RFC 9864");
    }

    #[test]
    fn a_public_key_is_no_hmac_secret() {
        let shop = shop();
        for id in ["ed-1", "rsa-1"] {
            let key = shop.keys.find(Some(id)).unwrap();
            let signed = format!(
                "{}.{}",
                URL_SAFE_NO_PAD.encode(json!({"alg": "HS256", "kid": id}).to_string()),
                URL_SAFE_NO_PAD.encode(claims().to_string())
            );
            let secret = Secret::new(key.spki_der().to_vec()).unwrap();
            let tag = crate::crypto::hmac_sha256(&secret, signed.as_bytes());
            let judged = judge(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag)));
            assert_eq!(judged.err(), wrong_algorithm::<()>("HS256").err());
        }
    }

    #[test]
    fn an_algorithm_that_is_not_the_keys_is_refused() {
        assert_eq!(judge_header("kid", json!("rsa-1")), wrong_algorithm("EdDSA"));
        assert_eq!(judge_header("alg", json!("RS256")), wrong_algorithm("RS256"));
        assert_eq!(judge_header("alg", json!("ES256")), wrong_algorithm("ES256"));
    }

    #[test]
    fn a_key_is_named_exactly_and_of_the_issuers_own_set() {
        for id in ["", "ed-9", "ED-1", "ed-1 ", "partner-1", "../ed-1", "ed-1\u{0}", "' or 1=1 --", "https://evil.example/jwks"] {
            assert_eq!(judge_header("kid", json!(id)), unknown_key(Some(id)), "{id}");
        }
        assert_eq!(judge_header("kid", None), unknown_key(None));
        assert!(is_malformed(&judge_header("kid", json!(1))));
        assert!(is_malformed(&judge_header("kid", json!(null))));
        let long = "k".repeat(1000);
        assert_eq!(judge_header("kid", json!(long)), unknown_key(long.get(..64)));
    }

    #[test]
    fn without_a_key_id_an_issuers_only_key_is_taken() {
        let claims = with(claims(), "iss", json!("https://partner.example")).to_string();
        let pair = key_pair(2);
        assert!(judge(&sign_with(&pair, r#"{"alg":"EdDSA"}"#, &claims)).is_ok());
        let judged = judge(&sign_with(&pair, r#"{"alg":"EdDSA","kid":""}"#, &claims));
        assert_eq!(judged.err(), unknown_key::<()>(Some("")).err());
    }

    #[test]
    fn keys_that_a_token_brings_along_are_not_looked_at() {
        let evil = key_pair(9);
        let brought = [
            ("jwk", jwk("ed-1", &evil)),
            ("jku", json!("https://evil.example/jwks")),
            ("x5u", json!("https://evil.example/cert")),
            ("x5c", json!(["MIIB"])),
            ("x5t", json!(7)),
        ];
        for (name, member) in brought {
            let header = with(header(), name, member.clone());
            assert_eq!(judge(&sign_with(&evil, &header.to_string(), &claims().to_string())).err(), Some(TokenError::Signature));
            assert!(judge(&sign(&header.to_string(), &claims().to_string())).is_ok(), "{name}");
            let header = with(header, "kid", json!("evil"));
            assert_eq!(
                judge(&sign_with(&evil, &header.to_string(), &claims().to_string())).err(),
                unknown_key::<()>(Some("evil")).err()
            );
        }
    }

    #[test]
    fn a_token_of_one_issuer_is_none_of_another() {
        let pair = key_pair(2);
        let header = json!({"alg": "EdDSA", "kid": "partner-1"}).to_string();
        assert_eq!(judge(&sign_with(&pair, &header, &claims().to_string())).err(), unknown_key::<()>(Some("partner-1")).err());
        assert_eq!(
            judge(&sign_with(&pair, r#"{"alg":"EdDSA","kid":"ed-1"}"#, &claims().to_string())).err(),
            Some(TokenError::Signature)
        );
    }
}

mod signatures {
    use super::*;

    #[test]
    fn a_character_changed_anywhere_breaks_the_token() {
        let good = good();
        for place in 0..good.len() {
            let mut bytes = good.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            assert!(judge(&String::from_utf8(bytes).unwrap()).is_err(), "{place}");
        }
    }

    #[test]
    fn parts_of_two_tokens_make_none() {
        let other = sign(&header().to_string(), &with(claims(), "sub", json!("root")).to_string());
        let (signed, _) = other.rsplit_once('.').unwrap();
        let token = good();
        let (_, signature) = token.rsplit_once('.').unwrap();
        assert_eq!(judge(&format!("{signed}.{signature}")).err(), Some(TokenError::Signature));
        assert_eq!(judge(&format!("{signed}.")).err(), Some(TokenError::Signature));
    }

    #[test]
    fn ecdsa_signatures_are_raw_and_not_der() {
        let pair = ES256KeyPair::generate().with_key_id("ec");
        let point = pair.key_pair().as_ref().verifying_key().to_sec1_point(false);
        let (x, y) = point.as_bytes()[1..].split_at(32);
        let ec =
            json!({"kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y), "kid": "ec"});
        let issuer = Issuer { keys: keys(vec![ec]), ..shop() };
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#), URL_SAFE_NO_PAD.encode(claims().to_string()));
        let signature: p256::ecdsa::Signature = p256::ecdsa::signature::Signer::sign(pair.key_pair().as_ref(), signed.as_bytes());
        let judge = |bytes: &[u8]| {
            let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bytes));
            verify(&token, std::slice::from_ref(&issuer), at(NOW), &RustCrypto).err()
        };
        let raw = signature.to_bytes().to_vec();
        assert_eq!(judge(&raw), None);
        assert_eq!(judge(&crate::crypto::ecdsa_to_der(&raw, 32).unwrap()), Some(TokenError::Signature));
        let (zeros, over) = ([0; 32], [0xff; 32]);
        for (r, s) in [(&zeros[..], &raw[32..]), (&raw[..32], &zeros), (&over, &raw[32..]), (&raw[..32], &over), (&zeros, &zeros)]
        {
            assert_eq!(judge(&[r, s].concat()), Some(TokenError::Signature));
        }
    }
}

mod claims {
    use super::*;

    #[test]
    fn a_claim_of_the_wrong_type_is_neither_absent_nor_wrong() {
        for name in ["iss", "sub", "aud", "jti"] {
            for wrong in
                [json!(null), json!(1), json!({}), json!(true), json!([1]), json!(["event-bus", 1]), json!([["event-bus"]])]
            {
                assert!(is_malformed(&judge_claim(name, wrong.clone())), "{name}: {wrong}");
            }
        }
        for name in ["exp", "nbf", "iat"] {
            let future = (NOW + 600).to_string();
            for wrong in
                [json!(null), json!(future), json!([]), json!({}), json!(true), json!(-1), json!(-0.5), json!(1e19), json!(1e300)]
            {
                assert!(is_malformed(&judge_claim(name, wrong.clone())), "{name}: {wrong}");
            }
            // Milliseconds.
            assert!(is_malformed(&judge_claim(name, json!((NOW + 600) * 1000))), "{name}");
        }
    }

    #[test]
    fn a_claim_that_is_needed_and_absent_is_named() {
        for name in ["iss", "sub", "aud", "exp", "iat"] {
            assert_eq!(judge_claim(name, None), Err(TokenError::ClaimMissing(name)));
        }
        assert_eq!(judge_claim("jti", None), PASSES());
        assert_eq!(judge_claim("sub", json!("")), Err(TokenError::ClaimMissing("sub")), "nobody is no publisher");
        let ageless = Issuer { max_age: None, ..shop() };
        let token = sign(&header().to_string(), &with(claims(), "iat", None).to_string());
        assert!(verify(&token, &[ageless], at(NOW), &RustCrypto).is_ok());
    }

    #[test]
    fn the_issuer_is_compared_whole() {
        for found in [
            "",
            "https://idp.shop.example/realms/shop/",
            "HTTPS://idp.shop.example/realms/shop",
            "https://idp.shop.example",
            "shop",
        ] {
            assert_eq!(judge_claim("iss", json!(found)), Err(TokenError::Issuer { found: found.to_owned() }));
        }
        assert!(matches!(judge_claim("iss", json!("i".repeat(100))), Err(TokenError::Issuer { found }) if found.len() == 64));
        assert_eq!(verify(&good(), &[], at(NOW), &RustCrypto).err(), Some(TokenError::Issuer { found: ISSUER.to_owned() }));
    }

    #[test]
    fn one_audience_of_ours_is_enough() {
        for ours in [json!("event-bus"), json!("other-bus"), json!(["x", "event-bus"]), json!(["event-bus", "event-bus"])] {
            assert_eq!(judge_claim("aud", ours), PASSES());
        }
        for theirs in
            [json!("billing"), json!([]), json!(["billing"]), json!(""), json!("Event-Bus"), json!("event-bus other-bus")]
        {
            assert_eq!(judge_claim("aud", theirs), Err(TokenError::Audience));
        }
    }

    #[test]
    fn a_token_lives_up_to_its_expiry_and_the_leeway() {
        let expired = Err(TokenError::Expired { at: at(NOW + 600) });
        let subject = |now| judge_at(now, &good()).map(|publisher| publisher.subject().to_owned());
        assert_eq!(subject(just_before(NOW + 630)), PASSES());
        assert_eq!(subject(at(NOW + 630)), expired);
        assert_eq!(subject(Timestamp::from_unix_nanos(i64::MAX)), expired);
    }

    #[test]
    fn a_token_lives_from_its_start_less_the_leeway() {
        let later = |name, at: i64| sign(&header().to_string(), &with(claims(), name, json!(at)).to_string());
        for claim in ["nbf", "iat"] {
            let token = later(claim, NOW);
            assert!(judge_at(at(NOW - 30), &token).is_ok());
            let early = TokenError::NotYetValid { claim, at: at(NOW) };
            assert_eq!(judge_at(just_before(NOW - 30), &token).err(), Some(early), "{claim}");
        }
    }

    #[test]
    fn a_token_may_be_as_old_as_the_issuer_says_and_no_leeway_more() {
        let token = sign(&header().to_string(), &with(claims(), "exp", json!(NOW + 90_000)).to_string());
        assert!(judge_at(at(NOW - 60 + 3600), &token).is_ok());
        let too_old = TokenError::TooOld { issued: at(NOW - 60), limit: Duration::from_secs(3600) };
        assert_eq!(judge_at(just_after(NOW - 60 + 3600), &token).err(), Some(too_old));
    }

    #[test]
    fn dates_may_have_fractions_and_exponents() {
        let raw = |exp: &str| {
            let claims = claims().to_string().replace(&format!("\"exp\":{}", NOW + 600), &format!("\"exp\":{exp}"));
            judge(&sign(&header().to_string(), &claims)).map(|publisher| publisher.token().unwrap().expires())
        };
        assert_eq!(raw("1795420800.5").unwrap(), Timestamp::from_unix_nanos(1_795_420_800_500_000_000));
        assert_eq!(raw("1.7954208e9").unwrap(), at(NOW));
        assert_eq!(raw("0").err(), Some(TokenError::Expired { at: at(0) }));
        assert_eq!(raw("9223372036").unwrap(), at(9_223_372_036));
        assert!(is_malformed(&raw("9223372037")));
        assert!(is_malformed(&raw("99999999999999999999999999")));
    }

    #[test]
    fn the_signature_is_judged_before_what_the_token_claims() {
        let claims = claims().to_string().replace("event-bus", "billing").replace(&(NOW + 600).to_string(), "1");
        assert_eq!(judge(&sign_with(&key_pair(9), &header().to_string(), &claims)).err(), Some(TokenError::Signature));
    }
}

mod cache {
    use super::*;

    /// Counts the signatures that it is asked for.
    struct Counting(Cell<u32>);

    impl Crypto for Counting {
        fn verify(&self, key: &PublicKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), Unverified> {
            self.0.set(self.0.get() + 1);
            RustCrypto.verify(key, algorithm, message, signature)
        }
    }

    struct Trial {
        cache: TokenCache,
        crypto: Counting,
        issuers: Vec<Issuer>,
    }

    impl Trial {
        fn new(capacity: usize) -> Self {
            Self { cache: TokenCache::new(capacity, [7; 16]), crypto: Counting(Cell::new(0)), issuers: vec![shop()] }
        }

        fn judge_at(&mut self, now: Timestamp, token: &str) -> (Option<TokenError>, CacheUse) {
            let (judged, used) = self.cache.verify(token, &self.issuers, now, &self.crypto);
            let judged = judged.map(|publisher| assert_eq!(publisher.subject(), "shipping-service")).err();
            assert_eq!(judged, verify(token, &self.issuers, now, &RustCrypto).err(), "as without a cache");
            (judged, used)
        }

        fn judge(&mut self, token: &str) -> (Option<TokenError>, CacheUse) {
            self.judge_at(at(NOW), token)
        }
    }

    fn numbered(number: usize) -> String {
        sign(&header().to_string(), &with(claims(), "jti", json!(number.to_string())).to_string())
    }

    #[test]
    fn a_signature_is_verified_once() {
        let mut trial = Trial::new(8);
        assert_eq!(trial.judge(&good()), (None, CacheUse::Miss));
        assert_eq!(trial.judge(&good()), (None, CacheUse::Hit));
        assert_eq!(trial.judge(&good()), (None, CacheUse::Hit));
        assert_eq!(trial.crypto.0.get(), 1);
        trial.cache.clear();
        assert!(trial.cache.is_empty());
        assert_eq!(trial.judge(&good()), (None, CacheUse::Miss));
    }

    #[test]
    fn a_signature_that_failed_is_not_looked_at_again_for_a_short_while() {
        let mut trial = Trial::new(8);
        let forged = sign_with(&key_pair(9), &header().to_string(), &claims().to_string());
        let failed = (Some(TokenError::Signature), CacheUse::Miss);
        for seconds in [0, 1, 4] {
            assert_eq!(trial.judge_at(at(NOW + seconds), &forged), failed);
        }
        assert_eq!(trial.crypto.0.get(), 1);
        assert_eq!(trial.judge_at(at(NOW + 5), &forged), failed);
        assert_eq!(trial.crypto.0.get(), 2);
        assert_eq!(trial.judge(&good()), (None, CacheUse::Miss), "a good one of the same words passes");
        trial.cache.clear();
        assert_eq!(trial.judge(&forged), failed);
        assert_eq!(trial.crypto.0.get(), 4, "with other keys everything is looked at anew");
    }

    #[test]
    fn what_fails_for_another_reason_is_not_remembered() {
        let mut trial = Trial::new(8);
        let early = sign(&header().to_string(), &with(claims(), "nbf", json!(NOW + 60)).to_string());
        assert!(matches!(trial.judge(&early).0, Some(TokenError::NotYetValid { .. })));
        assert_eq!(trial.judge_at(at(NOW + 40), &early), (None, CacheUse::Miss));
    }

    #[test]
    fn times_are_checked_on_every_hit() {
        let mut trial = Trial::new(8);
        trial.judge(&good());
        let expired = TokenError::Expired { at: at(NOW + 600) };
        assert_eq!(trial.judge_at(just_before(NOW + 630), &good()), (None, CacheUse::Hit));
        assert_eq!(trial.judge_at(at(NOW + 630), &good()), (Some(expired), CacheUse::Hit));
        let early = TokenError::NotYetValid { claim: "iat", at: at(NOW - 60) };
        assert_eq!(trial.judge_at(at(NOW - 91), &good()), (Some(early), CacheUse::Hit), "the clock went back");
        trial.issuers[0].max_age = Some(Duration::from_secs(60));
        assert_eq!(trial.judge_at(at(NOW), &good()), (None, CacheUse::Hit));
        let too_old = TokenError::TooOld { issued: at(NOW - 60), limit: Duration::from_secs(60) };
        assert_eq!(trial.judge_at(just_after(NOW), &good()), (Some(too_old), CacheUse::Hit));
    }

    #[test]
    fn a_clock_that_is_set_makes_no_known_token_good_for_longer_or_bad_for_good() {
        const HOURS: i64 = 6 * 3600;
        let mut trial = Trial::new(8);
        let token = sign(&header().to_string(), &with(claims(), "nbf", json!(NOW - 60)).to_string());
        assert_eq!(trial.judge(&token), (None, CacheUse::Miss));
        let early = TokenError::NotYetValid { claim: "nbf", at: at(NOW - 60) };
        let expired = TokenError::Expired { at: at(NOW + 600) };
        for (now, judged) in [(NOW - HOURS, Some(early)), (NOW, None), (NOW + HOURS, Some(expired)), (NOW, None)] {
            assert_eq!(trial.judge_at(at(now), &token), (judged, CacheUse::Hit), "{now}");
        }
        assert_eq!(trial.crypto.0.get(), 1);
    }

    #[test]
    fn failures_are_not_kept() {
        let mut trial = Trial::new(8);
        let forged = sign_with(&key_pair(9), &header().to_string(), &claims().to_string());
        for _ in 0..2 {
            assert_eq!(trial.judge(&forged), (Some(TokenError::Signature), CacheUse::Miss));
            assert_eq!(trial.judge_at(at(NOW + 630), &good()).1, CacheUse::Miss);
            assert!(is_malformed(&trial.cache.verify("x", &trial.issuers, at(NOW), &RustCrypto).0));
        }
        assert_eq!(trial.cache.len(), 0);
    }

    #[test]
    fn a_token_is_known_by_all_of_it() {
        let mut trial = Trial::new(8);
        let token = good();
        trial.judge(&token);
        let (signed, _) = token.rsplit_once('.').unwrap();
        let unsigned = format!("{signed}.{}", URL_SAFE_NO_PAD.encode([0; 64]));
        assert_eq!(trial.judge(&unsigned), (Some(TokenError::Signature), CacheUse::Miss));
        assert_eq!(trial.judge(&format!("{signed}.")), (Some(TokenError::Signature), CacheUse::Miss));
    }

    /// A known token is found by its end, and all of it is compared: nothing else stands between its signature and other words.
    fn is_refused_beside(known: &str, forged: &str, what: &str) {
        let mut trial = Trial::new(8);
        assert_eq!(trial.judge(known), (None, CacheUse::Miss));
        let (judged, used) = trial.judge(forged);
        assert!(judged.is_some() && used == CacheUse::Miss, "{what}: {judged:?} {used:?}");
        assert_eq!(trial.judge(known), (None, CacheUse::Hit), "{what}: the good one is still known");
    }

    #[test]
    fn the_signature_of_a_known_token_is_good_for_no_other_payload_and_no_other_header() {
        let known = good();
        let (_, signature) = known.rsplit_once('.').unwrap();
        let encode = |json: Json| URL_SAFE_NO_PAD.encode(json.to_string());
        for (header, claims) in [
            (header(), with(claims(), "sub", json!("shipping-servicf"))),
            (header(), with(claims(), "sub", json!("admin"))),
            (header(), with(claims(), "exp", json!(NOW + 99_999))),
            (with(header(), "typ", json!("JWU")), claims()),
            (with(header(), "alg", json!("none")), claims()),
            (with(header(), "kid", None), claims()),
        ] {
            let forged = format!("{}.{}.{signature}", encode(header), encode(claims));
            is_refused_beside(&known, &forged, &forged);
        }
    }

    #[test]
    fn no_character_of_a_known_token_can_be_changed_taken_out_or_doubled() {
        // Of each length that eight bytes at a time leave over.
        for more in 0..8 {
            let known = sign(&header().to_string(), &with(claims(), "x", json!("x".repeat(more))).to_string());
            for at in 0..known.len() {
                let (before, rest) = known.split_at(at);
                let (this, behind) = rest.split_at(1);
                let other = if this == "A" { "B" } else { "A" };
                is_refused_beside(&known, &format!("{before}{other}{behind}"), &format!("{at} of {more} is {other}"));
                if more == 0 {
                    is_refused_beside(&known, &format!("{before}{behind}"), &format!("without {at}"));
                    is_refused_beside(&known, &format!("{before}{this}{rest}"), &format!("{at} doubled"));
                }
            }
        }
    }

    #[test]
    fn a_token_of_an_issuer_that_is_gone_is_not_known() {
        let mut trial = Trial::new(8);
        trial.judge(&good());
        trial.issuers = vec![partner()];
        assert_eq!(trial.judge(&good()), (Some(TokenError::Issuer { found: ISSUER.to_owned() }), CacheUse::Miss));
    }

    #[test]
    fn the_oldest_token_goes_first() {
        let mut trial = Trial::new(2);
        for number in 0..3 {
            assert_eq!(trial.judge(&numbered(number)), (None, CacheUse::Miss));
        }
        assert_eq!(trial.cache.len(), 2);
        assert_eq!(trial.judge(&numbered(1)), (None, CacheUse::Hit));
        assert_eq!(trial.judge(&numbered(2)), (None, CacheUse::Hit));
        assert_eq!(trial.judge(&numbered(0)), (None, CacheUse::Miss));
        assert_eq!(trial.judge(&numbered(1)), (None, CacheUse::Miss));
    }

    #[test]
    fn large_tokens_count_for_more() {
        let mut trial = Trial::new(1024);
        let large = |number: usize| {
            let claims = with(with(claims(), "x", json!("x".repeat(11_000))), "jti", json!(number.to_string()));
            sign(&header().to_string(), &claims.to_string())
        };
        for number in 0..200 {
            trial.judge(&large(number));
        }
        let kept = trial.cache.len();
        assert!((130..142).contains(&kept), "{kept}");
        assert_eq!(trial.judge(&large(199)).1, CacheUse::Hit);
    }

    #[test]
    fn without_room_every_token_is_verified_anew() {
        let mut trial = Trial::new(0);
        assert_eq!(trial.judge(&good()), (None, CacheUse::Miss));
        assert_eq!(trial.judge(&good()), (None, CacheUse::Miss));
    }
}

/// jwt-simple makes tokens and is the second opinion on their signatures.
mod against_jwt_simple {
    use jwt_simple::claims::{Claims, JWTClaims, NoCustomClaims};
    use jwt_simple::common::VerificationOptions;
    use jwt_simple::prelude::Duration as JwtDuration;

    use super::*;

    fn jwt_claims() -> JWTClaims<NoCustomClaims> {
        Claims::create(JwtDuration::from_mins(10)).with_issuer(ISSUER).with_subject("shipping-service").with_audience("event-bus")
    }

    /// The token, and tokens made from it by a change in each of its parts.
    fn variants(token: &str) -> Vec<String> {
        let mut variants = vec![token.to_owned()];
        let dots: Vec<usize> = token.match_indices('.').map(|(place, _)| place).collect();
        for place in [dots[0] + 10, dots[1] - 5, dots[1] + 1, dots[1] + 20, token.len() - 10] {
            let mut bytes = token.as_bytes().to_vec();
            bytes[place] = if bytes[place] == b'A' { b'Q' } else { b'A' };
            variants.push(String::from_utf8(bytes).unwrap());
        }
        variants
    }

    fn agree(issuer: Issuer, token: &str, theirs: impl Fn(&str, VerificationOptions) -> Result<(), jwt_simple::Error>) {
        let now = at(i64::try_from(jwt_simple::prelude::Clock::now_since_epoch().as_secs()).unwrap());
        let issuers = [issuer];
        for (number, token) in variants(token).iter().enumerate() {
            let ours = verify(token, &issuers, now, &RustCrypto).map(|publisher| publisher.subject().to_owned());
            let theirs = theirs(token, VerificationOptions::default());
            assert_eq!(ours.is_ok(), theirs.is_ok(), "variant {number}: {ours:?} {theirs:?}");
            assert_eq!(ours.is_ok(), number == 0, "variant {number}: {ours:?}");
        }
    }

    fn issuer(algorithm: Algorithm, jwk: &str) -> Issuer {
        Issuer { algorithms: vec![algorithm], keys: keys(vec![serde_json::from_str(jwk).unwrap()]), ..shop() }
    }

    #[test]
    fn both_judge_signatures_alike() {
        let ed = Ed25519KeyPair::generate().with_key_id("k");
        agree(issuer(Algorithm::EdDsa, &ed.public_key().to_jwk()), &ed.sign(jwt_claims()).unwrap(), |token, options| {
            ed.public_key().verify_token::<NoCustomClaims>(token, Some(options)).map(drop)
        });
        let ec = ES256KeyPair::generate().with_key_id("k");
        agree(issuer(Algorithm::Es256, &ec.public_key().to_jwk()), &ec.sign(jwt_claims()).unwrap(), |token, options| {
            ec.public_key().verify_token::<NoCustomClaims>(token, Some(options)).map(drop)
        });
        let rsa = RS256KeyPair::generate(2048).unwrap().with_key_id("k");
        let der = rsa.to_der().unwrap();
        agree(issuer(Algorithm::Rs256, &rsa.public_key().to_jwk()), &rsa.sign(jwt_claims()).unwrap(), |token, options| {
            rsa.public_key().verify_token::<NoCustomClaims>(token, Some(options)).map(drop)
        });
        let rsa = RS384KeyPair::from_der(&der).unwrap().with_key_id("k");
        agree(issuer(Algorithm::Rs384, &rsa.public_key().to_jwk()), &rsa.sign(jwt_claims()).unwrap(), |token, options| {
            rsa.public_key().verify_token::<NoCustomClaims>(token, Some(options)).map(drop)
        });
        let rsa = PS256KeyPair::from_der(&der).unwrap().with_key_id("k");
        agree(issuer(Algorithm::Ps256, &rsa.public_key().to_jwk()), &rsa.sign(jwt_claims()).unwrap(), |token, options| {
            rsa.public_key().verify_token::<NoCustomClaims>(token, Some(options)).map(drop)
        });
        let rsa = PS512KeyPair::from_der(&der).unwrap().with_key_id("k");
        agree(issuer(Algorithm::Ps512, &rsa.public_key().to_jwk()), &rsa.sign(jwt_claims()).unwrap(), |token, options| {
            rsa.public_key().verify_token::<NoCustomClaims>(token, Some(options)).map(drop)
        });
    }
}

proptest::proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_makes_the_verifier_panic_or_pass(text in any::<String>(), header in any::<String>(), payload in any::<String>()) {
        prop_assert!(judge(&text).is_err());
        prop_assert!(judge(&sign(&header, &payload)).is_err());
        prop_assert!(judge(&sign(&super::tests::header().to_string(), &payload)).is_err());
    }

    #[test]
    fn a_label_is_visible_ascii_and_says_the_subject(subject in "\\PC{1,20}") {
        let publisher = Publisher::from_signature(subject.clone());
        let label = publisher.label();
        prop_assert!(label.bytes().all(|byte| byte.is_ascii_graphic()));
        let mut decoded = Vec::new();
        let mut bytes = label.strip_prefix("signer/").unwrap().bytes();
        while let Some(byte) = bytes.next() {
            let hex = |digit: u8| u8::try_from(char::from(digit).to_digit(16).unwrap()).unwrap();
            decoded.push(if byte == b'%' { hex(bytes.next().unwrap()) * 16 + hex(bytes.next().unwrap()) } else { byte });
        }
        prop_assert_eq!(String::from_utf8(decoded).unwrap(), subject);
    }
}

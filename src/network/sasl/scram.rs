//! SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677), as Kafka speaks them: no channel binding, no SASLprep.

use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac, pbkdf2};
use serde::Deserialize;

/// Below this the password would be cheap to guess for whoever listens (RFC 7677).
const MIN_ITERATIONS: u32 = 4096;
/// Kafka allows 16384. Each costs CPU time, so a peer must not ask for billions.
const MAX_ITERATIONS: u32 = 1_000_000;

const GS2_HEADER: &str = "n,,";

/// Which hash the mechanism uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SCRAM-SHA-256
    Sha256,
    /// SCRAM-SHA-512
    Sha512,
}

impl Hash {
    /// As kafkajs spells it in its messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        }
    }

    fn pbkdf2(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }
}

/// What the mechanism needs to know.
#[derive(Deserialize)]
pub struct ScramCredentials {
    username: String,
    password: String,
}

/// 128 random bits in a form that may stand in a message.
pub fn nonce() -> Result<String, String> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| "the system gives no random numbers".to_owned())?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Waits for the server's first message.
pub struct ClientFirst {
    hash: Hash,
    password: String,
    nonce: String,
    bare: String,
}

impl ClientFirst {
    /// Begins an exchange; `nonce` must never have been used before.
    pub fn new(hash: Hash, credentials: ScramCredentials, nonce: String) -> Self {
        let username = credentials.username.replace('=', "=3D").replace(',', "=2C");
        let bare = format!("n={username},r={nonce}");
        Self {
            hash,
            password: credentials.password,
            nonce,
            bare,
        }
    }

    /// The client's first message.
    pub fn message(&self) -> Vec<u8> {
        format!("{GS2_HEADER}{}", self.bare).into_bytes()
    }

    /// Reads the server's first message and proves that we know the password. Takes milliseconds of CPU time.
    ///
    /// # Errors
    /// Why the server cannot be who it should be, in kafkajs' words.
    pub fn answer(self, server_first: &[u8]) -> Result<ClientFinal, String> {
        let text = std::str::from_utf8(server_first).map_err(|_| malformed())?;
        let field = |name: &str| attribute(text, name).ok_or_else(malformed);
        let nonce = field("r")?;
        if !nonce.starts_with(&self.nonce) {
            return Err("Invalid server nonce, it does not start with the client nonce".into());
        }
        let iterations: u32 = field("i")?.parse().map_err(|_| malformed())?;
        if iterations < MIN_ITERATIONS {
            return Err(format!(
                "Requested iterations {iterations} is less than the minimum {MIN_ITERATIONS}"
            ));
        }
        if iterations > MAX_ITERATIONS {
            return Err(format!(
                "Requested iterations {iterations} is more than the maximum {MAX_ITERATIONS}"
            ));
        }
        let salt = STANDARD.decode(field("s")?).map_err(|_| malformed())?;
        let iterations = NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN);

        let mut salted = vec![0; self.hash.digest().output_len()];
        pbkdf2::derive(
            self.hash.pbkdf2(),
            iterations,
            &salt,
            self.password.as_bytes(),
            &mut salted,
        );
        let salted = hmac::Key::new(self.hash.hmac(), &salted);
        let client_key = hmac::sign(&salted, b"Client Key");
        let server_key = hmac::sign(&salted, b"Server Key");
        let stored_key = digest::digest(self.hash.digest(), client_key.as_ref());

        let without_proof = format!("c={},r={nonce}", STANDARD.encode(GS2_HEADER));
        let auth_message = format!("{},{text},{without_proof}", self.bare);
        let stored_key = hmac::Key::new(self.hash.hmac(), stored_key.as_ref());
        let signature = hmac::sign(&stored_key, auth_message.as_bytes());
        let proof: Vec<u8> = client_key
            .as_ref()
            .iter()
            .zip(signature.as_ref())
            .map(|(key, signed)| key ^ signed)
            .collect();
        Ok(ClientFinal {
            message: format!("{without_proof},p={}", STANDARD.encode(proof)),
            server_key: hmac::Key::new(self.hash.hmac(), server_key.as_ref()),
            auth_message,
        })
    }
}

/// Waits for the server's proof.
pub struct ClientFinal {
    message: String,
    server_key: hmac::Key,
    auth_message: String,
}

impl ClientFinal {
    /// The client's final message.
    pub fn message(&self) -> Vec<u8> {
        self.message.clone().into_bytes()
    }

    /// Checks that the server knows the password too.
    ///
    /// # Errors
    /// What the server said instead, or that its signature is wrong.
    pub fn verify(&self, server_final: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(server_final).map_err(|_| malformed())?;
        if let Some(error) = attribute(text, "e") {
            return Err(error.to_owned());
        }
        let invalid = || "Invalid server signature in server final message".to_owned();
        let signature = attribute(text, "v").and_then(|signature| STANDARD.decode(signature).ok());
        hmac::verify(
            &self.server_key,
            self.auth_message.as_bytes(),
            &signature.ok_or_else(invalid)?,
        )
        .map_err(|_| invalid())
    }
}

fn malformed() -> String {
    "Malformed SCRAM message from the server".into()
}

fn attribute<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message
        .split(',')
        .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(hash: Hash, nonce: &str) -> ClientFirst {
        let credentials = ScramCredentials {
            username: "user".into(),
            password: "pencil".into(),
        };
        ClientFirst::new(hash, credentials, nonce.into())
    }

    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const SERVER_FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    #[test]
    fn rfc_7677_example() {
        let first = first(Hash::Sha256, NONCE);
        assert_eq!(first.message(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let last = first.answer(SERVER_FIRST.as_bytes()).unwrap();
        assert_eq!(
            String::from_utf8(last.message()).unwrap(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(
            last.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="),
            Ok(())
        );
    }

    /// The same exchange with SHA-512, computed with Python's hashlib and hmac.
    #[test]
    fn sha_512() {
        let last = first(Hash::Sha512, NONCE)
            .answer(SERVER_FIRST.as_bytes())
            .unwrap();
        assert_eq!(
            String::from_utf8(last.message()).unwrap(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ=="
        );
        assert_eq!(
            last.verify(
                b"v=ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw=="
            ),
            Ok(())
        );
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_refused() {
        let last = first(Hash::Sha256, NONCE)
            .answer(SERVER_FIRST.as_bytes())
            .unwrap();
        let invalid = Err("Invalid server signature in server final message".to_owned());
        assert_eq!(
            last.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5="),
            invalid
        );
        assert_eq!(last.verify(b"v=AAAA"), invalid);
        assert_eq!(last.verify(b""), invalid);
        assert_eq!(last.verify(b"e=invalid-proof"), Err("invalid-proof".into()));
    }

    #[test]
    fn a_foreign_nonce_few_iterations_and_garbage_are_refused() {
        let answer = |text: &str| first(Hash::Sha256, NONCE).answer(text.as_bytes()).err().unwrap();
        assert_eq!(
            answer("r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"),
            "Invalid server nonce, it does not start with the client nonce"
        );
        assert_eq!(
            answer(&SERVER_FIRST.replace("i=4096", "i=4095")),
            "Requested iterations 4095 is less than the minimum 4096"
        );
        assert_eq!(
            answer(&SERVER_FIRST.replace("i=4096", "i=2147483647")),
            "Requested iterations 2147483647 is more than the maximum 1000000"
        );
        for garbage in [
            "",
            "r",
            "hello",
            &SERVER_FIRST.replace("i=4096", "i=x"),
            &SERVER_FIRST.replace("s=W", "s=!"),
        ] {
            assert_eq!(
                answer(garbage),
                "Malformed SCRAM message from the server",
                "{garbage}"
            );
        }
    }

    #[test]
    fn names_are_escaped() {
        let credentials = ScramCredentials {
            username: "a=b,c".into(),
            password: String::new(),
        };
        let first = ClientFirst::new(Hash::Sha256, credentials, "n".into());
        assert_eq!(first.message(), b"n,,n=a=3Db=2Cc,r=n");
    }

    #[test]
    fn nonces_differ_and_hold_nothing_that_separates() {
        let (one, other) = (nonce().unwrap(), nonce().unwrap());
        assert_ne!(one, other);
        assert!(one.len() == 22 && !one.contains([',', '=']));
    }
}

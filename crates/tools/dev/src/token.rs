//! The stack's key pair, and the tokens that it signs (`EdDSA`, RFC 8037).

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};
use slipway_core::hex;
use slipway_emulators::token;

/// The issuer of the tokens.
pub(crate) const ISSUER: &str = "http://localhost/slipway";

/// The audience of the tokens.
pub(crate) const AUDIENCE: &str = "slipway";

/// The claim whose value owns files, as the functions read it.
pub(crate) fn owner_claim() -> String {
    let set = std::env::var("OWNER_CLAIM").unwrap_or_default();
    match set.trim() {
        "" => "sub".to_owned(),
        name => name.to_owned(),
    }
}

/// RFC 8410: the bytes before the 32 bytes of an Ed25519 public key in DER.
const SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// An Ed25519 key pair.
#[derive(Debug)]
pub(crate) struct TokenKey {
    pair: Ed25519KeyPair,
}

impl TokenKey {
    /// Creates a key pair as PKCS#8.
    pub(crate) fn generate() -> io::Result<Vec<u8>> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
        let document =
            document.map_err(|_| io::Error::other("the system returns no random bytes"))?;
        Ok(document.as_ref().to_vec())
    }

    /// Parses the output of [`TokenKey::generate`].
    pub(crate) fn read(pkcs8: &[u8]) -> io::Result<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|error| {
            io::Error::other(format!(
                "the token key in the state is broken ({error}); `cargo dev --fresh` creates a new one"
            ))
        })?;
        Ok(Self { pair })
    }

    /// The public key, for the functions' `JWT_PUBLIC_KEY`.
    pub(crate) fn public_pem(&self) -> String {
        let der = [&SPKI, self.pair.public_key().as_ref()].concat();
        let text = STANDARD.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    }

    /// A token that is valid for `seconds` from now, whose `sub` and `owner_claim` are `owner`.
    pub(crate) fn token(&self, owner: &str, owner_claim: &str, seconds: u64) -> String {
        let mut claims = token::claims(owner, ISSUER, AUDIENCE, seconds);
        if claims.get(owner_claim).is_none() {
            claims[owner_claim] = owner.into();
        }
        token::signed("EdDSA", &claims, |message| {
            self.pair.sign(message).as_ref().to_vec()
        })
    }
}

/// Random bytes in hexadecimal: two digits for each byte.
pub(crate) fn random_hex(bytes: usize) -> io::Result<String> {
    let mut buffer = vec![0; bytes];
    let filled = SystemRandom::new().fill(&mut buffer);
    filled.map_err(|_| io::Error::other("the system returns no random bytes"))?;
    Ok(hex(&buffer))
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ring::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_token_verifies_with_the_public_half() {
        let key = TokenKey::read(&TokenKey::generate().unwrap()).unwrap();
        let token = key.token("alice", "org_id", 60);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let pem = key.public_pem();
        let der = STANDARD.decode(pem.lines().nth(1).unwrap()).unwrap();
        let public = UnparsedPublicKey::new(&ED25519, &der[SPKI.len()..]);
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        public.verify(signed.as_bytes(), &signature).unwrap();

        let claims = signed.split_once('.').unwrap().1;
        let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["sub"], "alice");
        assert_eq!(claims["org_id"], "alice");
        assert_eq!(
            claims["exp"].as_u64(),
            Some(claims["iat"].as_u64().unwrap() + 60)
        );
    }
}

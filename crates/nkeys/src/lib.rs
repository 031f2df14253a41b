//! Keys of NATS: the part of the crate `nkeys` that async-nats names, by the ring that TLS uses.
//!
//! The crate of that name brings ed25519-dalek, curve25519-dalek and an older SHA-2. This stands in its place (`[patch]` in the
//! project's `Cargo.toml`), so that there is one hand of cryptography. A key is text in base32: a byte or two that say what it
//! is for, the key, and a CRC-16.

use ring::signature::{Ed25519KeyPair, KeyPair as _};

/// The first five bits of a seed.
const SEED: u8 = 18 << 3;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Whose a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Who signs accounts.
    Operator,
    /// Who signs users.
    Account,
    /// Who connects.
    User,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Operator, Self::Account, Self::User];

    fn prefix(self) -> u8 {
        match self {
            Self::Operator => 14 << 3,
            Self::Account => 0,
            Self::User => 20 << 3,
        }
    }
}

/// Why a text is no seed. It says nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not base32, or not as long as a seed.
    #[error("is no seed of an nkey: 58 letters and digits, beginning with S, are expected")]
    Form,
    /// It was changed or cut off.
    #[error("is a damaged seed of an nkey: its checksum does not fit")]
    Checksum,
    /// It is for something else.
    #[error("is no seed of an operator, an account or a user")]
    Kind,
    /// It is no file of credentials.
    #[error(
        "is no file of credentials: it has to hold a user's JWT and the seed of its nkey, each between its lines of dashes"
    )]
    Credentials,
}

/// The JWT and the seed of a file of credentials.
///
/// # Errors
/// [`Error::Credentials`] where it does not hold both.
pub fn credentials(text: &str) -> Result<(&str, &str), Error> {
    let between = |what: &str| {
        let (_, rest) = text.split_once(&format!("BEGIN {what}"))?;
        let (_, rest) = rest.split_once('\n')?;
        let (inside, _) = rest.split_once("--")?;
        Some(inside.trim()).filter(|inside| !inside.is_empty() && !inside.contains(char::is_whitespace))
    };
    between("NATS USER JWT").zip(between("USER NKEY SEED")).ok_or(Error::Credentials)
}

/// A key pair. `Debug` shows nothing of it.
pub struct KeyPair {
    pair: Ed25519KeyPair,
    kind: Kind,
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyPair({:?})", self.kind)
    }
}

impl KeyPair {
    /// Reads a seed.
    ///
    /// # Errors
    /// [`Error`] where it is none.
    pub fn from_seed(text: &str) -> Result<Self, Error> {
        let bytes = decode(text.trim()).filter(|bytes| bytes.len() == 36).ok_or(Error::Form)?;
        let (checked, checksum) = bytes.split_at_checked(34).ok_or(Error::Form)?;
        let ([first, second, seed @ ..], [low, high]) = (checked, checksum) else { return Err(Error::Form) };
        if first & 0xf8 != SEED {
            return Err(Error::Form);
        }
        if crc(checked) != u16::from_le_bytes([*low, *high]) {
            return Err(Error::Checksum);
        }
        let prefix = (first & 7) << 5 | second >> 3;
        let kind = Kind::ALL.into_iter().find(|kind| kind.prefix() == prefix).ok_or(Error::Kind)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| Error::Form)?;
        Ok(Self { pair, kind })
    }

    /// Whose it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The public part, as servers name it.
    #[must_use]
    pub fn public_key(&self) -> String {
        let mut bytes = vec![self.kind.prefix()];
        bytes.extend(self.pair.public_key().as_ref());
        encode(bytes)
    }

    /// Signs what a server asks.
    ///
    /// # Errors
    /// None; a result is what async-nats expects.
    pub fn sign(&self, input: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.pair.sign(input).as_ref().to_vec())
    }
}

/// The text of a seed.
#[must_use]
pub fn seed(kind: Kind, bytes: &[u8; 32]) -> String {
    let mut all = vec![SEED | kind.prefix() >> 5, (kind.prefix() & 31) << 3];
    all.extend(bytes);
    encode(all)
}

/// CRC-16 as XMODEM has it.
fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(
            crc ^ (u16::from(*byte) << 8),
            |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
            },
        )
    })
}

/// With its checksum, in base32.
fn encode(mut bytes: Vec<u8>) -> String {
    bytes.extend(crc(&bytes).to_le_bytes());
    let bits = |at: usize| (0..5).fold(0_u8, |letter, bit| letter << 1 | bit_of(&bytes, at * 5 + bit));
    let letters = (bytes.len() * 8).div_ceil(5);
    (0..letters).filter_map(|at| ALPHABET.get(usize::from(bits(at)))).map(|letter| char::from(*letter)).collect()
}

fn bit_of(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let (mut all, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes() {
        let value = ALPHABET.iter().position(|known| *known == letter)?;
        held = held << 5 | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            all.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the documents of NATS.
    const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
    const PUBLIC: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

    #[test]
    fn a_seed_has_the_public_key_that_nats_says_it_has() {
        let pair = KeyPair::from_seed(SEED).unwrap();
        assert_eq!((pair.public_key().as_str(), pair.kind()), (PUBLIC, Kind::User));
        let bytes: [u8; 32] = decode(SEED).unwrap()[2..34].try_into().unwrap();
        assert_eq!(seed(Kind::User, &bytes), SEED);
        assert!(!format!("{pair:?}").contains("ACSSL"));
    }

    #[test]
    fn credentials_are_a_jwt_and_a_seed() {
        let text = |jwt: &str, seed: &str| {
            format!(
                "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
                 ************************* IMPORTANT *************************\nNKEY Seed printed below.\n\n\
                 -----BEGIN USER NKEY SEED-----\r\n{seed}\r\n------END USER NKEY SEED------\n"
            )
        };
        assert_eq!(credentials(&text("a.b-c.d_e", SEED)), Ok(("a.b-c.d_e", SEED)));
        for other in [text("", SEED), text("a.b.c", ""), String::new(), SEED.to_owned()] {
            assert_eq!(credentials(&other), Err(Error::Credentials), "{other}");
        }
    }

    #[test]
    fn what_is_no_seed_is_told_without_it() {
        let damaged = SEED.replacen("SL3", "SL4", 1);
        for (text, error) in
            [("", Error::Form), (PUBLIC, Error::Form), ("hunter2", Error::Form), (damaged.as_str(), Error::Checksum)]
        {
            assert_eq!(KeyPair::from_seed(text).unwrap_err(), error, "{text}");
        }
    }
}

//! What those have in common who prove by a header that they sent a request.

use actix_web::http::header::HeaderMap;

/// A header that is there exactly once.
#[must_use]
pub fn single<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name);
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Exactly so many bytes as lower-case hexadecimal digits.
#[must_use]
pub fn unhex(text: &str, bytes: usize) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let bytes_of =
        |pairs: &[[u8; 2]]| pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    if pairs.len() == bytes { bytes_of(pairs) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_lower_case_and_exactly_as_many() {
        assert_eq!(unhex("00ff1a", 3), Some(vec![0, 255, 26]));
        for (text, bytes) in
            [("00ff1a", 2), ("00ff1a", 4), ("00ff1", 3), ("00FF1a", 3), ("00fg1a", 3), ("é0", 1), ("", 1)]
        {
            assert_eq!(unhex(text, bytes), None, "{text}");
        }
        assert_eq!(unhex("", 0), Some(Vec::new()));
    }
}

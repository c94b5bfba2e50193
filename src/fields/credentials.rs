//! Context keys that look like credentials. The context objects of AI agents carry live ones by
//! design; no ticket field should.
//!
//! Pure. A key is cut into words at every change of style; a word, or two that stand together,
//! decide. A false alarm costs one field definition, a miss shows a token to every agent: in doubt
//! a key is denied. `tokenized-cards`, `secretary` and `passenger` are no credentials,
//! `cookie-consent` and `token-count` count as some.

/// Words that say credential wherever they stand.
const WORDS: [&str; 30] = [
    "token",
    "tokens",
    "secret",
    "secrets",
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "authorization",
    "authentication",
    "credential",
    "credentials",
    "apikey",
    "apikeys",
    "jwt",
    "jwts",
    "cookie",
    "cookies",
    "bearer",
    "sessionid",
    "sessiontoken",
    "authtoken",
    "accesstoken",
    "refreshtoken",
    "accesskey",
    "secretkey",
    "privatekey",
    "oauth",
];

/// Two words that say so together.
const PAIRS: [(&str, &str); 12] = [
    ("api", "key"),
    ("api", "keys"),
    ("access", "key"),
    ("private", "key"),
    ("secret", "key"),
    ("signing", "key"),
    ("encryption", "key"),
    ("session", "id"),
    ("session", "key"),
    ("auth", "key"),
    ("auth", "code"),
    ("client", "secret"),
];

/// How much of a key is looked at, in characters. A ticket field's key has twenty.
const MAX_LOOKED_AT: usize = 200;

/// Whether a key looks like that of a credential, in any spelling: `authToken`, `AUTH_TOKEN`,
/// `x-api-key`, `session id`.
pub fn looks_like_credential(key: &str) -> bool {
    let words = words(key);
    words.iter().any(|word| is_credential_word(word))
        || words.windows(2).any(|pair| PAIRS.contains(&(pair[0].as_str(), pair[1].as_str())))
}

fn is_credential_word(word: &str) -> bool {
    // `token2` is a token as well.
    let bare = word.trim_matches(|char: char| char.is_ascii_digit());
    WORDS.contains(&bare)
}

/// The words of a key in small letters: cut at whatever is no letter or digit, before a capital
/// after a small letter or a digit, and before the last of several capitals that a small letter
/// follows (`APIKey`).
fn words(key: &str) -> Vec<String> {
    let letters: Vec<char> = key.chars().take(MAX_LOOKED_AT).collect();
    let mut words = vec![String::new()];
    for (place, letter) in letters.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|before| letters.get(before));
        let after = letters.get(place + 1);
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                let ends_capitals =
                    before.is_uppercase() && after.is_some_and(|after| after.is_lowercase());
                before.is_lowercase() || before.is_ascii_digit() || ends_capitals
            });
        if begins || !letter.is_alphanumeric() {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());

    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::select;

    #[test]
    fn credentials_are_recognised() {
        for key in [
            "token",
            "authToken",
            "auth_token",
            "AUTH-TOKEN",
            "x-api-key",
            "apiKey",
            "APIKey",
            "apikey",
            "STRIPE_SECRET",
            "sessionId",
            "session id",
            "refresh.token",
            "userPasswd",
            "password2",
            "jwt",
            "myJWT",
            "Set-Cookie",
            "Authorization",
            "privateKey",
            "oauth",
            "token_key",
        ] {
            assert!(looks_like_credential(key), "{key}");
        }
    }

    #[test]
    fn ordinary_keys_are_not() {
        for key in [
            "",
            "order-id",
            "secretary",
            "passenger",
            "tokenized-cards",
            "session-length",
            "key",
            "api-version",
            "author",
            "cart-items",
            "keyboard",
            "monkey-id",
        ] {
            assert!(!looks_like_credential(key), "{key}");
        }
    }

    /// The words of a key in one of the usual styles.
    fn styled(words: &[String], style: usize) -> String {
        let capital = |word: &String| {
            let (first, rest) = word.split_at(1);
            format!("{}{rest}", first.to_uppercase())
        };
        match style {
            0 => words.join("_"),
            1 => words.join("-"),
            2 => words.join("."),
            3 => words.join(" "),
            4 => words.join("_").to_uppercase(),
            5 => words.iter().map(capital).collect(),
            6 => {
                let mut rest = words.iter();
                let first = rest.next().cloned().unwrap_or_default();
                first + &rest.map(capital).collect::<String>()
            }
            _ => words.iter().map(capital).collect::<Vec<_>>().join("-"),
        }
    }

    proptest! {
        #[test]
        fn every_style_is_recognised(
            before in prop::collection::vec("[a-z]{2,6}", 0..3),
            word in select(WORDS.to_vec()),
            after in prop::collection::vec("[a-z]{2,6}", 0..3),
            style in 0..8usize,
        ) {
            let words: Vec<String> = [before, vec![word.to_owned()], after].concat();
            let key = styled(&words, style);
            prop_assert!(looks_like_credential(&key), "{key}");
        }

        #[test]
        fn every_pair_is_recognised(pair in select(PAIRS.to_vec()), style in 0..8usize) {
            let key = styled(&[pair.0.to_owned(), pair.1.to_owned()], style);
            prop_assert!(looks_like_credential(&key), "{key}");
        }

        #[test]
        fn no_key_makes_it_panic(key in ".{0,300}") {
            let _ = looks_like_credential(&key);
        }
    }
}

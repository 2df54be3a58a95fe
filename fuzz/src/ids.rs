//! What customers, keys and roles are called.

use patron::domain::{CustomerId, KeyId, Mode, Role, Secret};

use super::{rules, text};

/// An id is taken by its form alone and comes back as it was; of what is malformed, all but the first five characters do.
pub fn ids(data: &[u8]) {
    let text = &*text(data);
    match CustomerId::parse(text) {
        Ok(id) => assert!(id.as_str() == text && rules::CUSTOMER_ID.is_kept(text), "{text:?}"),
        Err(rest) => {
            assert!(!rules::CUSTOMER_ID.is_kept(text), "{text:?}");
            assert_eq!(rest, text.chars().skip(5).collect::<String>());
        }
    }
    let key = KeyId::parse(text);
    assert_eq!(key.as_ref().map(KeyId::as_str), rules::KEY_ID.is_kept(text).then_some(text));
    if let Some(key) = key {
        assert_eq!(KeyId::new(key.mode(), &text["rzp_test_".len()..]), key);
        assert_eq!(key.mode() == Mode::Live, text.starts_with("rzp_live_"));
    }
    let secret = Secret::parse(text);
    assert_eq!(secret.as_ref().map(Secret::reveal), rules::SECRET.is_kept(text).then_some(text));
    assert!(Role::parse(text).is_none_or(|role| role.as_str() == text));
    made(data);
}

/// Ids that are made are well formed, and of two the later one is the greater.
fn made(data: &[u8]) {
    let Some((nanos, rest)) = data.split_first_chunk::<8>() else { return };
    let Some(random) = rest.first_chunk::<4>() else { return };
    // Until then the count fits its ten digits: August 2040.
    const FITS: u64 = 2_228_000_000_000_000_000;
    let nanos = u64::from_le_bytes(*nanos) % FITS;
    let id = CustomerId::new(nanos, *random);
    assert_eq!(CustomerId::parse(id.as_str()), Ok(id.clone()));
    assert!(id.is_ours());
    let epoch = 1_388_534_400_000_000_000;
    if nanos >= epoch {
        assert!(id.as_str() < CustomerId::new(nanos + 1, [0; 4]).as_str());
    }
}

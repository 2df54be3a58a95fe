//! Notes: up to 15 pairs in which the caller keeps what the record has no field for.

use super::Invalid;

/// One note's value. A number is its literal as sent, since `1.50` and `12345678901234567890` must come back whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteValue {
    /// A string.
    Text(String),
    /// A number, by its JSON literal.
    Number(String),
    /// `true` or `false`.
    Bool(bool),
}

impl NoteValue {
    /// The value as a person reads it, without its type.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) => text,
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
        }
    }
}

/// Ordered pairs with distinct keys, at most [`Notes::PAIRS_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes(Vec<(String, NoteValue)>);

impl Notes {
    /// The most pairs.
    pub const PAIRS_MAX: usize = 15;
    /// The most characters of a key, and of a value.
    pub const LEN_MAX: usize = 256;

    /// What a door says when it was sent something that is not pairs at all.
    pub const NOT_PAIRS: Invalid = Invalid::new("Notes should be provided as a dictionary");
    /// What a door says when a value is neither text nor number nor boolean.
    pub const NOT_SCALAR: Invalid = Invalid::new("Notes values themselves should not be an array.");

    pub(super) const TOO_MANY: Invalid = Invalid::new("Notes should not have more than 15 keys.");
    const KEY_TOO_LONG: Invalid = Invalid::new("Notes key cannot be greater than 256 characters.");
    const VALUE_TOO_LONG: Invalid = Invalid::new("Notes value cannot be greater than 256 characters.");
    const NUL: Invalid = Invalid::new("Notes may not contain null characters.");
    pub(super) const TWICE: Invalid = Invalid::new("Notes may not have the same key twice.");

    /// Reads pairs with distinct keys.
    pub fn parse(pairs: Vec<(String, NoteValue)>) -> Result<Self, Invalid> {
        if pairs.len() > Self::PAIRS_MAX {
            return Err(Self::TOO_MANY);
        }
        pairs.iter().try_for_each(|(key, value)| Self::judge(key, Some(value)))?;
        Ok(Self(pairs))
    }

    /// Judges one pair, or the key of a note that is to go.
    pub(super) fn judge(key: &str, value: Option<&NoteValue>) -> Result<(), Invalid> {
        let value = value.map_or("", NoteValue::as_str);
        if key.chars().count() > Self::LEN_MAX {
            return Err(Self::KEY_TOO_LONG);
        }
        if value.chars().count() > Self::LEN_MAX {
            return Err(Self::VALUE_TOO_LONG);
        }
        if key.contains('\0') || value.contains('\0') {
            return Err(Self::NUL);
        }
        Ok(())
    }

    /// Notes as the store kept them: they were parsed when they were written.
    pub fn stored(pairs: Vec<(String, NoteValue)>) -> Self {
        Self(pairs)
    }

    /// The pairs in their order.
    pub fn pairs(&self) -> &[(String, NoteValue)] {
        &self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value under a key.
    pub fn value(&self, key: &str) -> Option<&NoteValue> {
        self.0.iter().find(|(each, _)| each == key).map(|(_, value)| value)
    }

    /// Puts a value under a key, in the key's place where it has one, else last; `None` takes the key away.
    pub(super) fn put(&mut self, key: &str, value: Option<&NoteValue>) {
        let place = self.0.iter().position(|(each, _)| each == key);
        match (place, value) {
            (Some(place), Some(value)) => self.0[place].1 = value.clone(),
            (Some(place), None) => drop(self.0.remove(place)),
            (None, Some(value)) => self.0.push((key.to_owned(), value.clone())),
            (None, None) => {}
        }
    }

    /// The keys in their order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }

    /// Puts the pairs in the order of these keys; a key that is not named keeps its place after those that are.
    pub(super) fn put_in_order(&mut self, keys: &[String]) {
        self.0.sort_by_key(|(key, _)| keys.iter().position(|each| each == key).unwrap_or(keys.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(len: usize) -> NoteValue {
        NoteValue::Text("é".repeat(len))
    }

    fn many(count: usize) -> Vec<(String, NoteValue)> {
        (0..count).map(|at| (format!("key {at}"), text(1))).collect()
    }

    #[test]
    fn each_limit_has_two_sides() {
        assert!(Notes::parse(many(15)).is_ok());
        assert_eq!(Notes::parse(many(16)), Err(Notes::TOO_MANY));
        assert!(Notes::parse(vec![("é".repeat(256), text(256))]).is_ok());
        assert_eq!(Notes::parse(vec![("é".repeat(257), text(1))]), Err(Notes::KEY_TOO_LONG));
        assert_eq!(Notes::parse(vec![("k".into(), text(257))]), Err(Notes::VALUE_TOO_LONG));
        assert_eq!(Notes::parse(vec![("k".into(), NoteValue::Number("1".repeat(257)))]), Err(Notes::VALUE_TOO_LONG));
    }

    #[test]
    fn null_characters_are_refused_wherever_they_stand() {
        assert_eq!(Notes::parse(vec![("a\0".into(), text(1))]), Err(Notes::NUL));
        assert_eq!(Notes::parse(vec![("a".into(), NoteValue::Text("\0".into()))]), Err(Notes::NUL));
    }

    #[test]
    fn putting_keeps_the_place_of_a_key() {
        let mut notes = Notes::stored(many(3));
        notes.put("key 1", Some(&NoteValue::Bool(true)));
        notes.put("key 0", None);
        notes.put("new", Some(&NoteValue::Bool(false)));
        assert_eq!(notes.keys().collect::<Vec<_>>(), ["key 1", "key 2", "new"]);
        notes.put_in_order(&["new".into(), "key 2".into()]);
        assert_eq!(notes.keys().collect::<Vec<_>>(), ["new", "key 2", "key 1"]);
    }
}

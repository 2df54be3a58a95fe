//! UTF-16 to UTF-8, in pieces as they come: Excel's "Unicode text" is UTF-16 with tabs.

/// Decodes a file in UTF-16.
pub(super) struct Utf16 {
    is_big_endian: bool,
    /// The bytes of a character that is not whole yet.
    rest: Vec<u8>,
}

impl Utf16 {
    /// A decoder of a file that begins with a byte order mark of UTF-16; `None` where it does not.
    pub(super) fn of(start: &[u8]) -> Option<Self> {
        let is_big_endian = match start {
            [0xff, 0xfe, ..] => false,
            [0xfe, 0xff, ..] => true,
            _ => return None,
        };
        Some(Self { is_big_endian, rest: Vec::new() })
    }

    /// The text of the next piece. Half a surrogate pair becomes a byte that UTF-8 does not have, so that its row is refused.
    pub(super) fn decode(&mut self, piece: &[u8], is_last: bool) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.rest);
        bytes.extend_from_slice(piece);
        let unit = |pair: &[u8]| match self.is_big_endian {
            true => u16::from_be_bytes([pair[0], pair[1]]),
            false => u16::from_le_bytes([pair[0], pair[1]]),
        };
        let mut units: Vec<u16> = bytes.chunks_exact(2).map(unit).collect();
        let waits = units.last().is_some_and(|last| (0xd800..0xdc00).contains(last)) && !is_last;
        units.truncate(units.len() - usize::from(waits));
        self.rest = bytes.split_off(units.len() * 2);
        let mut text = Vec::with_capacity(bytes.len());
        for decoded in char::decode_utf16(units) {
            match decoded {
                Ok(char) => text.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
                Err(_) => text.push(0xff),
            }
        }
        if is_last && !self.rest.is_empty() {
            text.push(0xff);
        }
        text
    }
}

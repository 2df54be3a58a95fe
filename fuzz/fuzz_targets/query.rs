//! Holds arbitrary bytes against [`patron_fuzz::query`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| patron_fuzz::query(data));

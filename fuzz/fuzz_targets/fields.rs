//! Holds arbitrary bytes against [`patron_fuzz::fields`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| patron_fuzz::fields(data));

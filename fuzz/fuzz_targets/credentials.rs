//! Holds arbitrary bytes against [`patron_fuzz::credentials`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| patron_fuzz::credentials(data));

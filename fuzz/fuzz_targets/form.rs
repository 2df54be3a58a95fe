//! Holds arbitrary bytes against [`patron_fuzz::form`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| patron_fuzz::form(data));

//! Holds arbitrary bytes against [`patron_fuzz::routes`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| patron_fuzz::routes(data));

//! Power cuts: the real binary runs on a simulated disk that forgets, keeps or tears what was not synced. A kill does not test
//! this, since the page cache survives it. After each cut, everything that was acknowledged must be there.
//!
//! `POWER_CUTS=200` sets the number of cuts. `POWER_SEED` repeats the random choices of a failure; the timing of threads still differs.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod commands;
mod disk;
mod load;
mod mount;
mod power_cuts;
#[path = "../it/server.rs"]
#[allow(dead_code, reason = "the tests in tests/it use more of it")]
mod server;
mod verify;

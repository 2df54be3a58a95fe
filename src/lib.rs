//! Patron keeps customer records: one binary over one SQLite file, with an API that is a drop-in for Razorpay's Customers API.
//!
//! # Bird's eye
//!
//! A request comes in at a door (`http`), which turns it into a question in the caller's words. The `service` answers it: it
//! owns every decision, the clock and the ids. The `store` keeps the rows. All of them speak of the same `domain`: what a
//! customer is, and what is wrong with a draft of one.
//!
//! ```text
//! main ─► http ─► service ─► store ─► domain
//!           └────────┴──────────────────▲
//! ```
//!
//! # Code map
//!
//! - [`domain`]: values that can only be made by parsing; the customer, an edit of it, the revision that an edit leaves; what
//!   happens where two edits meet, and what an undo would lose.
//! - [`service`]: create, fetch, list, search, edit, undo, history, activity; all customers on their way out, some at a time
//!   ([`service::Leaving`]); files of them, and another server's, on their way in, which can be undone as a whole
//!   ([`service::imports`]); export and erase a person
//!   ([`service::erasures`]); issue, check, rotate and revoke keys; sign people in
//!   and out; seed and check; beside requests, on a thread of its own, what is remembered of them ([`service::requests`]) and how
//!   things stand ([`service::house`]); backups, made on another thread ([`service::backups`]); and when a person asks, whether
//!   all is well ([`service::doctor`]); worlds for tests ([`service::emulation`]).
//! - [`store`]: one operation an act, each one transaction; [`store::sqlite`] keeps them in a file. Behind the edits it feeds the
//!   search, marks the list, and sweeps the file after erasures.
//! - [`http`]: [`http::api`] is the wire: routes, bodies, queries, conditional requests, answers, problems, and for programs the
//!   description of it all; [`http::admin`] is the console: a page is a struct beside its handler and the template of its name, a
//!   form is a value; the API's reference (`http::docs`) is made of what answers requests, the catalogue of errors, and the
//!   document; [`http::emulator`] puts tests in front of them, and no other server has it. Around all, what every
//!   request and connection goes through: a log line, a time to be sent in, a bound on how many there are, and TLS where it is asked for.
//! - [`rows`]: what a file of customers looks like: CSV and JSONL as a stream of rows, which column is which part of a customer, and
//!   the same written.
//! - [`json`]: JSON whose order and number literals survive, which the wire and two columns need. [`metrics`]: what is counted, which
//!   all layers but the domain do.
//!
//! # What never is
//!
//! - No SQL outside [`store::sqlite`], no HTTP outside [`http`] but where a command asks a server
//!   (`patron pull`, and `patron doctor --served`), no JSON in the domain. `http` never names `store`: no path to a
//!   row skips the service.
//! - No value of a customer in a log line; no secret in the clear in a file, a log line or a `Debug`, nor in
//!   memory once its connection is closed.
//! - No answer of success before the change is on the disk.
//! - No backup under its own name that was not read again from end to end and found whole.
//! - No byte of who was erased in the file and its log once the sweep is done, and no restored
//!   backup that brings them back where the file of erasures is beside it.
//! - No number of a revision, an erasure or a step of an import that comes twice: what follows the edits goes by it.
//! - No row of an import that is written twice, nor one that is left out, whoever works on it and whenever that is cut off: how far it
//!   is, is in the same transaction.
//! - No look before a write: uniqueness is one unique index.
//! - No edit that writes the index of the search, and no search that answers by anything but rows as they stand.
//! - No connection is held, and no stack or thread taken, for as long as a stranger pleases.
//! - No queue without a bound, past which the answer is "not now" at once; and none that one key, or one person, can fill for
//!   others: a [`store::Lane`] has a share, and lanes take turns.
//! - No clock and no randomness but [`service::Ambient`].
//!
//! But for the worlds of an emulator, which are in memory: nothing of theirs is on a disk, and a reset begins their numbers anew.
//!
//! # What is bounded, and by what
//!
//! | what | bound | past it |
//! | --- | --- | --- |
//! | connections | the files that the process may open, shared by the workers and the metrics port, 25,000 each at most | wait to be accepted |
//! | a connection | a handshake of 5 seconds where there is TLS, a head of 128 KiB, one request at a time and 4 KiB read ahead, a body of 128 KiB (a form of a page: 256), and times for each | 400, 408, 413, 431; closed |
//! | heads and bodies that arrive | 8 KiB each, a form of a stranger's 8 KiB; 32 MiB for what is longer, shared by all | busy; a head's connection is closed |
//! | a file that comes in | 256 MiB, 40 minutes, half a minute without a byte; a piece and a batch of rows in memory | 422; what came goes |
//! | imports that move | 2 at once in a server | wait for their turn |
//! | room on the disk for imports, seeds and backups | all but 5 % of it (64 MB to 1 GB), `--keep-free` | a sentence, nothing of it stays; one that is being written waits for 5 minutes |
//! | room on the disk for what frees room | 16 MB in reserve | busy |
//! | a list that is copied from another server | 10,000,000 customers, 16 MiB a page, 4 pages that begin alike | a sentence; nothing is written |
//! | acts before the writing thread | 1,024, a lane as many as it leaves free; 128 a commit | busy |
//! | slow questions | 4 at once, 256 wait, a lane as many as it leaves free, for 5 seconds | busy |
//! | point reads | one at a time on each worker's own connection | wait for microseconds |
//! | verifications of secrets | 2 at the same time in 38 MiB; of each purpose 256 wait, for 10 seconds, first the networks that a key was last used from, then those with the fewest attempts | busy |
//! | remembered secrets, failures, rate limits | 4,096; 10,000 parties of each kind; 10,000 of each kind | the eldest is forgotten |
//! | uses of keys | two secrets a key that opened something | |
//! | records of requests | 1,024 to be written, 50,000 kept | counted, and gone; the eldest is deleted |
//! | text for standard error, such as log lines, and a server's for standard output | 1 MiB each, and as much that is being written | dropped; counted in the log |
//! | states for systemd | 16 | dropped, with a warning |
//! | a connection to the file | 8 MB of pages, 64 statements | the eldest is forgotten |
//! | looks at health, examinations, backups | one at a time | shares it, busy, waits |
//! | worlds of an emulator | 64 beside the first; 32 snapshots and 64 faults each | told what to end |
//!
//! What is spawned is one of these, or one a connection. Channels that carry nothing but an end have no bound.
//!
//! # Two walks
//!
//! **An edit.** `PUT /v1/customers/:id` reaches `http::api::edit`, whose `Caller` parameter admits it: the key's row is read, and
//! its secret was verified before or is now ([`service::Access::check`]). The body, JSON or form, becomes members, the members a
//! [`domain::Draft`]. [`service::Customers::edit`] parses the draft into an [`domain::Edit`] and hands the store a decision. The
//! writing thread takes it together with whatever else waits, finds the row, asks the decision, writes the changed columns and
//! then the revision, commits once, and answers all. The customer becomes JSON in the documented order.
//!
//! **A wrong secret.** `Caller` finds the key; neither of its hashes is remembered with this secret. The failure is counted
//! before anything is computed, so that many at once cannot slip past the limit together. One of two slots hashes for some 20 ms
//! on a thread of its own. The answer has one text for every cause; the true one stands in the log line.

pub mod domain;
pub mod http;
pub mod json;
pub mod metrics;
pub mod rows;
pub mod service;
pub mod store;

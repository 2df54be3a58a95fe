//! Everything a user can rely on, tried through public doors: features over HTTP, races, the binary, and the shape of the source.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod backup;
mod binary;
mod clock;
mod conditional;
mod console_customers;
mod console_home;
mod console_keys;
mod console_requests;
mod console_staff;
mod crowd;
mod customers;
mod damage;
mod disk;
mod doctor;
mod errors;
mod forms;
mod health;
mod keys;
mod kill;
mod limits;
mod lists;
mod metrics;
mod model;
mod moved;
mod odd;
mod overload;
mod pages;
mod pages_customers;
mod pages_desk;
mod pages_door;
mod races;
mod restore;
mod revisions;
mod routes;
mod schedule;
mod search;
mod server;
mod slow;
mod tidy;
mod together;
mod world;

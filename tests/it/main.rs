//! Everything a user can rely on, tried through public doors: features over HTTP, races, the binary, and the shape of the source.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod alike;
mod backup;
mod binary;
mod conditional;
mod console_customers;
mod console_home;
mod console_keys;
mod console_requests;
mod console_staff;
mod customers;
mod dependencies;
mod doctor;
mod door_browser;
mod door_sessions;
mod errors;
mod forms;
mod health;
mod injection;
mod keys;
mod kill;
mod limits;
mod lists;
mod metrics;
mod model;
mod overload;
mod pages;
mod pages_customers;
mod pages_desk;
mod pages_door;
mod properties;
mod races;
mod restore;
mod revisions;
mod routes;
mod schedule;
mod search;
mod secrets;
mod server;
mod slow;
mod smuggling;
mod tidy;
mod together;
mod world;

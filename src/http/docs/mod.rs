//! The API's reference, for whoever comes: every endpoint with samples and a form to try it, every error with the way out. Made
//! of what answers requests and of what describes it to programs; the database is never asked.

mod differences;
mod endpoints;
mod errors;
mod frame;
mod operation;
mod prose;
pub mod samples;
mod start;

use actix_web::web::{self, ServiceConfig};

use super::only_read;

pub(super) use errors::address_of_recorded;

/// What samples have in the place of a key's id, of its secret, and of a customer.
const KEY_ID: &str = "YOUR_KEY_ID";
const KEY_SECRET: &str = "YOUR_KEY_SECRET";
const CUSTOMER_ID: &str = "cust_1Aa00000000004";

/// Every page of the reference, and what is not there below it.
pub(super) fn routes(config: &mut ServiceConfig) {
    let pages = web::scope("/docs")
        .service(only_read("", web::to(start::show)))
        .service(only_read("/customers/{endpoint}", web::to(endpoints::show)))
        .service(only_read("/errors", web::to(errors::list)))
        .service(only_read("/errors/{slug}", web::to(errors::show)))
        .default_service(web::to(frame::not_found));
    config.service(pages);
}

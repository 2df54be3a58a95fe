//! The staff console: pages rendered here, over the same services as the API. Everything works without scripts.

mod account;
mod activity;
mod customers;
mod doctor;
mod door;
mod download;
mod erase;
mod figures;
pub(crate) mod form;
mod home;
mod imports;
mod key;
mod keys;
mod meeting;
mod moment;
mod page;
mod person;
mod record;
mod request_row;
mod requests;
mod staff;
mod typed;
mod undo;
mod visit;
mod withdrawn;
mod words;

use actix_web::middleware::Compress;
use actix_web::web::{self, Data, PathConfig, QueryConfig, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use self::page::Turned;
use self::visit::Visit;
use super::assets;
use crate::service::Services;

/// A page, or what stands in its place.
type Answer = Result<HttpResponse, Turned>;

/// Every route of the console, and what is nowhere: so it comes after all other routes. What a person may do is decided by
/// the parameter that a handler takes, [`Visit`] and its kin, never here.
pub fn routes(config: &mut ServiceConfig) {
    let pages = web::scope("")
        .wrap(Compress::default())
        // In their own words these tell what the code is made of.
        .app_data(QueryConfig::default().error_handler(|_, request| Turned::bad_address().at(None, request).into()))
        .app_data(PathConfig::default().error_handler(|_, request| Turned::not_found().at(None, request).into()))
        .route("/", web::get().to(door::home))
        .route("/sign-in", web::get().to(door::show_sign_in))
        .route("/sign-in", web::post().to(door::sign_in))
        .route("/sign-out", web::post().to(door::sign_out))
        .route("/link/{token}", web::get().to(door::show_link))
        .route("/link/{token}", web::post().to(door::redeem_link))
        .route("/static/{hash}/{name}", web::get().to(assets::serve))
        .service(
            web::scope("/{mode:live|test}")
                .route("/customers", web::get().to(customers::list))
                .route("/customers", web::post().to(record::create))
                .route("/customers/new", web::get().to(record::show_new))
                .route("/customers/download", web::get().to(download::download))
                .route("/customers/{id}", web::get().to(record::show))
                .route("/customers/{id}", web::post().to(record::save))
                .route("/customers/{id}/undo", web::post().to(undo::undo))
                .route("/customers/{id}/export", web::get().to(erase::export))
                .route("/customers/{id}/erase", web::get().to(erase::show))
                .route("/customers/{id}/erase", web::post().to(erase::erase))
                .route("/activity", web::get().to(activity::show))
                .route("/imports", web::get().to(imports::list))
                .route("/imports", web::post().to(imports::receive))
                .route("/imports/new", web::get().to(imports::show_new))
                .route("/imports/{number}", web::get().to(imports::show))
                .route("/imports/{number}/columns", web::get().to(imports::show_columns))
                .route("/imports/{number}/columns", web::post().to(imports::choose))
                .route("/imports/{number}/rows/{part}", web::get().to(imports::show_rows))
                .route("/imports/{number}/refused.csv", web::get().to(imports::download))
                .route("/imports/{number}/resume", web::post().to(imports::resume))
                .route("/imports/{number}/{act}", web::get().to(imports::confirm))
                .route("/imports/{number}/{act}", web::post().to(imports::act))
                .route("", web::get().to(home::show))
                .route("/doctor", web::get().to(doctor::show))
                .route("/doctor", web::post().to(doctor::examine))
                .route("/requests", web::get().to(requests::list))
                .route("/requests/{number}", web::get().to(requests::show))
                .route("/account", web::get().to(account::show))
                .route("/account/password", web::post().to(account::change_password))
                .route("/account/sessions", web::post().to(account::end_sessions))
                .route("/keys", web::get().to(keys::list))
                .route("/keys", web::post().to(keys::create))
                .route("/keys/{id}/rotate", web::get().to(key::show_rotate))
                .route("/keys/{id}/rotate", web::post().to(key::rotate))
                .route("/keys/{id}/revoke", web::get().to(key::show_revoke))
                .route("/keys/{id}/revoke", web::post().to(key::revoke))
                .route("/staff", web::get().to(staff::list))
                .route("/staff", web::post().to(staff::invite))
                .route("/staff/{id}/role", web::post().to(person::set_role))
                .route("/staff/{id}/sessions", web::post().to(person::end_sessions))
                .route("/staff/{id}/link", web::post().to(person::make_link))
                .route("/staff/{id}/disable", web::get().to(person::show_disable))
                .route("/staff/{id}/disable", web::post().to(person::disable))
                .route("/staff/{id}/enable", web::post().to(person::enable))
                .default_service(web::to(not_found)),
        )
        .default_service(web::to(not_found));
    config.service(pages);
}

/// A page that is not there: for who is signed in with the way back, for others at the door.
async fn not_found(request: HttpRequest, services: Data<Services>) -> Answer {
    let visit = Visit::of(&request, &services).await;
    Err(Turned::not_found().at(visit.as_ref().ok(), &request))
}

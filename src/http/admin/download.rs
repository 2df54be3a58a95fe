//! The list of customers as a file: all that one looks for, however many, in the memory of a few.

use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Bytes, Data, Query};
use actix_web::{Error, HttpRequest, HttpResponse};
use futures_util::stream::try_unfold;
use serde::Deserialize;

use super::Answer;
use super::customers::Asked;
use super::page::BadFilter;
use super::visit::{Editor, Visit};
use crate::domain::{Mode, StaffId};
use crate::http::connections::Pace;
use crate::rows::{For, Format, Writer};
use crate::service::figures::date;
use crate::service::{Leaving, Services};

/// How the file is to be: `spreadsheet`, `csv` or `jsonl`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    format: String,
}

/// For editors: who may change every customer one by one may have them in one file, and whoever only looks things up need not
/// carry all of them away. Whoever takes the file slowly holds nothing but the connection, which is closed where they take
/// nothing at all for a while.
pub(super) async fn download(
    editor: Editor,
    asked: Query<Asked>,
    wanted: Query<Wanted>,
    request: HttpRequest,
    services: Data<Services>,
) -> Answer {
    let visit: &Visit = &editor;
    let (format, readers) = match wanted.format.as_str() {
        "" | "spreadsheet" => (Format::Csv, For::Spreadsheets),
        "csv" => (Format::Csv, For::Programs),
        "jsonl" => (Format::Jsonl, For::Programs),
        _ => return Err(visit.turned(BadFilter("The format", "spreadsheet, csv or jsonl"))),
    };
    let walk = asked.walk().map_err(|turned| visit.turned(turned))?;
    let sending = Sending {
        leaving: services.customers.leave(visit.caller(), walk),
        writer: Writer::new(format, readers),
        begun: false,
        pace: Pace::of(&request),
        left: Left { staff: visit.signed_in.staff.id.clone(), mode: visit.mode, customers: 0, is_whole: false },
    };
    let today = &date(services.now())[..10];
    let name = format!("customers-{}-{today}.{}", visit.mode.as_str(), format.as_str());
    let media = match format {
        Format::Csv => "text/csv; charset=utf-8",
        Format::Jsonl => "application/jsonl; charset=utf-8",
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, media))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(try_unfold(sending, Sending::next)))
}

/// A file on its way to the browser.
struct Sending {
    leaving: Leaving,
    writer: Writer,
    begun: bool,
    pace: Pace,
    left: Left,
}

impl Sending {
    /// The next part, where there is one. It is asked for when the one before was taken.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Error> {
        let _under_way = self.pace.part();
        let mut text = if self.begun { String::new() } else { self.writer.begin() };
        let customers = self.leaving.step().await.map_err(|_| {
            // An answer that breaks off is the only way to say that the file is not whole.
            InternalError::new("the customers could not be read", StatusCode::INTERNAL_SERVER_ERROR)
        })?;
        self.begun = true;
        let Some(customers) = customers else {
            self.left.is_whole = true;
            return Ok((!text.is_empty()).then(|| (Bytes::from(text), self)));
        };
        for customer in &customers {
            self.writer.write(customer, &mut text);
        }
        self.left.customers += customers.len() as u64;
        Ok(Some((Bytes::from(text), self)))
    }
}

/// What has left by a download. Its end, whatever ends it, is a line in the log, by ids.
struct Left {
    staff: StaffId,
    mode: Mode,
    customers: u64,
    is_whole: bool,
}

impl Drop for Left {
    fn drop(&mut self) {
        let Self { staff, mode, customers, is_whole } = self;
        let (staff, mode) = (staff.as_str(), mode.as_str());
        tracing::info!(staff, mode, customers, whole = *is_whole, "customers are downloaded");
    }
}

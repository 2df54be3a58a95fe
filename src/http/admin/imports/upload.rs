//! A file on its way in: read as it comes, in the memory of a piece, and by nobody but who may import it.

use std::cell::Cell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use actix_multipart::{Field, Multipart};
use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LENGTH, HeaderValue, RETRY_AFTER};
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use futures_util::stream::poll_fn;
use futures_util::{Stream, StreamExt, TryStreamExt};

use super::super::Answer;
use super::super::form::{FormError, is_ours, is_proven};
use super::super::page::{Shell, Turned, html, html_with, see_other};
use super::super::visit::{Editor, Visit};
use super::{no_room, sentence};
use crate::domain::Import;
use crate::http::intake::{Allowance, allow, encoding};
use crate::service::{NotImported, Refused, Services};

/// The largest file, in MiB: some two million customers.
const MIB_MAX: u64 = 256;
/// The same in bytes, and what a form has around it.
const LEN_MAX: u64 = MIB_MAX * 1024 * 1024 + 64 * 1024;
/// How long it may take: the largest at a megabit a second; and how long it may stand still.
const ALLOWANCE: Allowance = Allowance { within: Duration::from_secs(40 * 60), still: Duration::from_secs(30) };
/// When to send a file again that the disk had no room for, in seconds: somebody makes room first.
const ROOM_RETRY_AFTER: HeaderValue = HeaderValue::from_static("60");
/// The longest form token that is looked at, and the longest piece that is read at once.
const TOKEN_LEN_MAX: usize = 1024;
const PIECE_LEN: usize = 64 * 1024;

#[derive(Template)]
#[template(path = "import_new.html")]
struct NewPage {
    shell: Shell,
    errors: Vec<FormError>,
    mib_max: u64,
}

/// Why no import came of an upload.
enum Failed {
    /// To be told at the field.
    Unfit(String),
    /// The disk has no room for the file: the same, for now.
    NoRoom(String),
    Turned(Turned),
}

impl From<NotImported> for Failed {
    fn from(refused: NotImported) -> Self {
        match refused {
            NotImported::Unfit(words) => Self::Unfit(sentence(&words)),
            NotImported::Refused(refused @ (Refused::Full | Refused::NoRoom(_))) => Self::NoRoom(no_room(&refused)),
            NotImported::State(_) => Self::Turned(Turned::failed()),
            NotImported::Refused(refused) => Self::Turned(refused.into()),
        }
    }
}

pub(in super::super) async fn show_new(editor: Editor) -> Answer {
    Ok(html(&NewPage { shell: Shell::new(&editor, "/imports"), errors: Vec::new(), mib_max: MIB_MAX }))
}

pub(in super::super) async fn receive(
    editor: Editor,
    request: HttpRequest,
    payload: Payload,
    services: Data<Services>,
) -> Answer {
    if !is_ours(&request) {
        return Err(editor.turned(Turned::cross_site(&request)));
    }
    if let Some(encoding) = encoding(&request) {
        return Err(editor.turned(Turned::encoded(encoding)));
    }
    allow(&request, ALLOWANCE);
    let body = Body::new(payload);
    match take(&editor, &request, &body, &services).await {
        Ok(import) => Ok(see_other(&editor.to(&format!("/imports/{}/columns", import.number)))),
        Err(Failed::Turned(turned)) => Err(editor.turned(turned)),
        Err(Failed::Unfit(words)) => {
            // A browser reads no answer before it has sent what it sends.
            body.drain().await;
            let words = body.trouble.get().map_or(words, Trouble::words);
            Ok(refused(&editor, StatusCode::UNPROCESSABLE_ENTITY, words))
        }
        Err(Failed::NoRoom(words)) => {
            services.imports.tidy_behind();
            body.drain().await;
            let mut answer = refused(&editor, StatusCode::SERVICE_UNAVAILABLE, words);
            answer.headers_mut().insert(RETRY_AFTER, ROOM_RETRY_AFTER);
            Ok(answer)
        }
    }
}

fn refused(visit: &Visit, status: StatusCode, words: String) -> HttpResponse {
    let errors = vec![FormError::new("file", words)];
    let page = NewPage { shell: Shell::new(visit, "/imports"), errors, mib_max: MIB_MAX };
    html_with(status, &page)
}

/// The form: its token first, and the file behind it.
async fn take(visit: &Visit, request: &HttpRequest, body: &Body, services: &Services) -> Result<Import, Failed> {
    let torn = |_| Failed::Unfit("The file did not arrive whole. Send it again.".into());
    let mut form = Multipart::new(request.headers(), body.stream());
    let Ok(Some(mut field)) = form.try_next().await else { return Err(Failed::Turned(Turned::bad_form())) };
    if field.name() != Some("token") {
        return Err(Failed::Turned(Turned::stale_form()));
    }
    let Ok(Ok(token)) = field.bytes(TOKEN_LEN_MAX).await else { return Err(Failed::Turned(Turned::bad_form())) };
    if !is_proven(request, &String::from_utf8_lossy(&token)).await.map_err(Failed::Turned)? {
        return Err(Failed::Turned(Turned::stale_form()));
    }
    drop(field);
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|len| len > LEN_MAX) {
        return Err(Failed::Unfit(Trouble::TooLong.words()));
    }
    services.imports.admit(announced.unwrap_or_default())?;
    while let Some(field) = form.try_next().await.map_err(torn)? {
        if field.name() == Some("file") {
            return take_file(visit, field, services).await;
        }
    }
    Err(Failed::Unfit(NO_FILE.into()))
}

const NO_FILE: &str = "Choose the file to import.";

async fn take_file(visit: &Visit, mut field: Field, services: &Services) -> Result<Import, Failed> {
    let disposition = field.content_disposition();
    let name = disposition.and_then(|disposition| disposition.get_filename()).unwrap_or_default().to_owned();
    let mut receiving = services.imports.receive(&visit.caller(), &name, None);
    let mut is_empty = true;
    while let Some(bytes) = field.next().await {
        let Ok(bytes) = bytes else {
            return Err(Failed::Unfit("The file did not arrive whole. Send it again.".into()));
        };
        is_empty &= bytes.is_empty();
        for piece in bytes.chunks(PIECE_LEN) {
            receiving.push(piece).await?;
        }
    }
    if is_empty && name.is_empty() {
        return Err(Failed::Unfit(NO_FILE.into()));
    }
    Ok(receiving.finish().await?)
}

/// What stopped a body.
#[derive(Clone, Copy)]
enum Trouble {
    TooLong,
    Late,
}

impl Trouble {
    fn words(self) -> String {
        match self {
            Self::TooLong => format!(
                "The file is larger than {MIB_MAX} MiB. Cut it into smaller ones, or import it on the server: patron import."
            ),
            Self::Late => {
                "The file came too slowly, and was given up. Send it again, or import it on the server: patron import."
                    .into()
            }
        }
    }
}

/// A body that is read up to a bound, and of which the rest can be thrown away.
#[derive(Clone)]
struct Body {
    payload: Rc<Cell<Option<Payload>>>,
    len: Rc<Cell<u64>>,
    trouble: Rc<Cell<Option<Trouble>>>,
}

impl Body {
    fn new(payload: Payload) -> Self {
        Self { payload: Rc::new(Cell::new(Some(payload))), len: Rc::default(), trouble: Rc::default() }
    }

    fn stream(&self) -> impl Stream<Item = Result<Bytes, PayloadError>> + 'static {
        let body = self.clone();
        poll_fn(move |context| {
            let Some(mut payload) = body.payload.take() else { return None.into() };
            let polled = payload.poll_next_unpin(context);
            body.payload.set(Some(payload));
            polled.map(|next| next.map(|piece| body.count(piece)))
        })
    }

    fn count(&self, piece: Result<Bytes, PayloadError>) -> Result<Bytes, PayloadError> {
        match &piece {
            Ok(bytes) => self.len.set(self.len.get() + bytes.len() as u64),
            Err(PayloadError::Io(error)) if error.kind() == ErrorKind::TimedOut => {
                self.trouble.set(Some(Trouble::Late));
            }
            Err(_) => {}
        }
        if self.len.get() > LEN_MAX {
            self.trouble.set(Some(Trouble::TooLong));
            return Err(PayloadError::Overflow);
        }
        piece
    }

    /// Throws away what is still to come, as much again as a file may have. After that the connection is closed on whoever sends.
    async fn drain(&self) {
        let Some(mut payload) = self.payload.take() else { return };
        let mut len = 0;
        while let Some(Ok(bytes)) = payload.next().await {
            len += bytes.len() as u64;
            if len > LEN_MAX {
                return;
            }
        }
    }
}

//! Paths as routes know them: `//` is `/` and a slash at the end is nothing, without a redirect, since some clients would lose the
//! body.
//!
//! What actix-web's own middleware does too, but by a regular expression on every path: a tenth of a read's instructions.

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse, Url};
use actix_web::http::Uri;
use actix_web::middleware::Next;

/// Gives a request the path that its route has.
pub(super) async fn normalize<B: MessageBody>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    if let Some(uri) = normalized(request.uri()) {
        request.match_info_mut().set(Url::new(uri.clone()));
        request.head_mut().uri = uri;
    }
    next.call(request).await
}

/// The same place by its shortest name, where it has another.
fn normalized(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    if !path.contains("//") && (path.len() <= 1 || !path.ends_with('/')) {
        return None;
    }
    let mut shortest: String =
        path.split('/').filter(|segment| !segment.is_empty()).flat_map(|segment| ["/", segment]).collect();
    if shortest.is_empty() {
        shortest.push('/');
    }
    if let Some(query) = uri.query() {
        shortest.push('?');
        shortest.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    // What was a path is one without some of its slashes.
    parts.path_and_query = Some(shortest.parse().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_that_say_nothing_go() {
        for (sent, known) in [
            ("/v1/customers/", "/v1/customers"),
            ("//v1///customers//?count=1", "/v1/customers?count=1"),
            ("/v1/customers/?", "/v1/customers?"),
            ("http://patron.example//v1/", "http://patron.example/v1"),
            ("//", "/"),
        ] {
            let uri = normalized(&sent.parse().unwrap());
            assert_eq!(uri.map(|uri| uri.to_string()).as_deref(), Some(known), "{sent}");
        }
        for same in ["/", "/v1/customers", "/v1/customers?to=//", "*", "patron.example:80"] {
            assert_eq!(normalized(&same.parse().unwrap()), None, "{same}");
        }
    }
}

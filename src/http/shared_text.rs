//! Texts that differ in the server's address alone: the OpenAPI document and the pages of the reference.
//!
//! Each is rendered once, with a placeholder for the address. Answers are slices of its bytes. A gzipped copy is made for each address
//! that is asked for, one at a time and on a blocking thread: the address is whatever a stranger puts into `Host`.

use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use lru::LruCache;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::gzip::{accepts_gzip, gzip, negotiated};

/// The scheme and host that a text is rendered with.
pub(super) const BASE: &str = "http://address.invalid";
/// The host alone.
pub(super) const HOST: &str = "address.invalid";

/// The number of gzipped texts that are kept, of some 5 to 15 KB each.
const GZIPPED_MAX: NonZeroUsize = NonZeroUsize::new(128).unwrap();
/// The longest wait until a text is gzipped. Past it, the text goes out as it is.
const WAIT_MAX: Duration = Duration::from_millis(200);

/// The path and the address of a text.
type Key = (Arc<str>, String);

static GZIPPED: LazyLock<Mutex<LruCache<Key, Bytes>>> = LazyLock::new(|| Mutex::new(LruCache::new(GZIPPED_MAX)));
static GZIPPING: Semaphore = Semaphore::const_new(1);

pub(super) struct SharedText {
    /// The path that it is served at.
    path: Arc<str>,
    parts: Vec<Part>,
}

enum Part {
    Text(Bytes),
    Base,
    Host,
}

impl SharedText {
    /// A text that was rendered with [`BASE`] and [`HOST`].
    pub(super) fn new(path: &str, text: String) -> Self {
        let text = Bytes::from(text);
        let (mut parts, mut begin) = (Vec::new(), 0);
        while let Some(at) = find(&text[begin..], HOST) {
            let (host, scheme) = (begin + at, BASE.len() - HOST.len());
            let base =
                host.checked_sub(scheme).filter(|base| *base >= begin && text[*base..].starts_with(BASE.as_bytes()));
            parts.push(Part::Text(text.slice(begin..base.unwrap_or(host))));
            parts.push(if base.is_some() { Part::Base } else { Part::Host });
            begin = host + HOST.len();
        }
        parts.push(Part::Text(text.slice(begin..)));
        Self { path: path.into(), parts }
    }

    /// Answers with the text at an address: scheme and host.
    pub(super) async fn answer(
        &self,
        request: &HttpRequest,
        base: &str,
        response: HttpResponseBuilder,
    ) -> HttpResponse {
        let gzipped = if accepts_gzip(request) { self.gzipped(base).await } else { None };
        negotiated(request, response, gzipped, || self.at(base))
    }

    fn at(&self, base: &str) -> Vec<Bytes> {
        let host = base.split_once("://").map_or(base, |(_, host)| host);
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        let (base, host) = (bytes(base), bytes(host));
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Base => base.clone(),
            Part::Host => host.clone(),
        };
        self.parts.iter().map(part).collect()
    }

    /// The gzipped text; `None` where others are being gzipped for too long.
    async fn gzipped(&self, base: &str) -> Option<Bytes> {
        let key = (self.path.clone(), base.to_owned());
        let kept = |key: &Key| GZIPPED.lock().ok()?.get(key).cloned();
        if let Some(kept) = kept(&key) {
            return Some(kept);
        }
        let permit = timeout(WAIT_MAX, GZIPPING.acquire()).await.ok()?.ok()?;
        if let Some(kept) = kept(&key) {
            return Some(kept);
        }
        let parts = self.at(base);
        let gzip = move || {
            let _permit = permit;
            gzip(&parts)
        };
        let gzipped = spawn_blocking(gzip).await.ok()??;
        GZIPPED.lock().ok()?.put(key, gzipped.clone());
        Some(gzipped)
    }
}

fn find(text: &[u8], word: &str) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_stands_where_it_was_rendered() {
        let at = |text: &str, base: &str| {
            let parts = SharedText::new("/", text.to_owned()).at(base).concat();
            String::from_utf8(parts).unwrap()
        };
        assert_eq!(at("no address", "http://x"), "no address");
        let text = format!("{BASE}/v1 on {HOST}, {BASE}{HOST}");
        assert_eq!(
            at(&text, "https://patron.example:8"),
            "https://patron.example:8/v1 on patron.example:8, https://patron.example:8patron.example:8"
        );
    }
}

//! Bodies that leave in slices of shared bytes.
//!
//! The server copies what a body gives at once into the buffer of its connection, however much that is. A client that reads nothing so
//! held 83 KB for the OpenAPI document alone. A body of slices is copied as the client reads it; what the slices share is there once.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;

/// The bytes that wait in a connection's buffer before they are written, at most, and so the size of a slice.
pub(super) const SLICE: usize = 4 * 1024;

pub(super) struct Slices {
    left: VecDeque<Bytes>,
    len: u64,
}

impl Slices {
    /// A body of these bytes, one after the other.
    pub(super) fn new(parts: impl IntoIterator<Item = Bytes>) -> Self {
        let left: VecDeque<Bytes> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let len = left.iter().map(|part| part.len() as u64).sum();
        Self { left, len }
    }

    /// The same body in slices, where it is one piece that is larger than a slice.
    pub(super) fn of(body: impl MessageBody + 'static) -> BoxBody {
        match body.size() {
            BodySize::Sized(len) if len > SLICE as u64 => match body.try_into_bytes() {
                Ok(bytes) => Self::new([bytes]).boxed(),
                Err(body) => body.boxed(),
            },
            _ => body.boxed(),
        }
    }
}

impl MessageBody for Slices {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.len)
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let left = &mut self.get_mut().left;
        let Some(first) = left.front_mut() else { return Poll::Ready(None) };
        let slice = first.split_to(first.len().min(SLICE));
        if first.is_empty() {
            left.pop_front();
        }
        Poll::Ready(Some(Ok(slice)))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;

    use super::*;

    #[tokio::test]
    async fn a_body_is_the_same_in_slices() {
        let text: String = ('a'..='z').cycle().take(3 * SLICE + 5).collect();
        for parts in [vec![text.clone()], vec![text[..SLICE].to_owned(), String::new(), text[SLICE..].to_owned()]] {
            let slices = Slices::new(parts.into_iter().map(Bytes::from));
            assert_eq!(slices.size(), BodySize::Sized(text.len() as u64));
            assert_eq!(to_bytes(slices).await.unwrap(), text);
        }
        assert_eq!(to_bytes(Slices::of(text.clone())).await.unwrap(), text);
        assert_eq!(to_bytes(Slices::of("short")).await.unwrap(), "short");
    }
}

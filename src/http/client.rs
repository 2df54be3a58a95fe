//! The address of a request's client, also where the request comes by way of proxies.
//!
//! A proxy appends the address that it was asked from to `X-Forwarded-For`. So the client is the rightmost address there that is
//! not a trusted proxy's: anybody may have written what is left of it. That header is believed of trusted proxies only, and no
//! other one is: a header that the proxy does not write itself is passed on as the client sent it.
//!
//! Where the header of a trusted proxy cannot be read, the client is [`UNKNOWN`], never the proxy: else all clients together would
//! use up one limit without a word. All such clients are one party. The log says so, at most once a minute, and without the value,
//! which may be a person's address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::http::header::{FORWARDED, X_FORWARDED_FOR};

/// The client of requests that come by way of a trusted proxy which does not say from where. No client has this address, nor one
/// of its network: it is of those that are for discarding (RFC 6666).
pub(super) const UNKNOWN: IpAddr = IpAddr::V6(Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0));

/// The address of a request's client.
pub(super) fn client(request: &HttpRequest, is_trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip().to_canonical());
    if !is_trusted(peer) {
        return peer;
    }
    let values: Vec<&str> =
        request.headers().get_all(X_FORWARDED_FOR).map(|value| value.to_str().unwrap_or("?")).collect();
    // RFC 9110, section 5.6.1: empty elements of a list are none.
    let hops = values.iter().flat_map(|value| value.split(',')).map(str::trim).filter(|hop| !hop.is_empty());
    let mut client = None;
    for hop in hops.rev() {
        let Some(address) = address(hop) else {
            warn(Trouble::Unreadable, form(hop));
            return UNKNOWN;
        };
        client = Some(address);
        if !is_trusted(address) {
            break;
        }
    }
    client.unwrap_or_else(|| {
        let is_other = request.headers().contains_key(FORWARDED);
        warn(if is_other { Trouble::Forwarded } else { Trouble::Absent }, "");
        if is_other { UNKNOWN } else { peer }
    })
}

/// The address in an element of the list, as proxies write it: with a port or without, in brackets, in quotes, with the zone of
/// a link-local address.
fn address(hop: &str) -> Option<IpAddr> {
    let hop = hop.strip_prefix('"').map_or(Some(hop), |quoted| quoted.strip_suffix('"'))?.trim();
    if let Some(bracketed) = hop.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return plain(address).filter(|_| is_port);
    }
    plain(hop).or_else(|| {
        let (address, port) = hop.rsplit_once(':')?;
        plain(address).filter(|_| is_port(port))
    })
}

/// An address without anything but its zone, which is nothing to this machine.
fn plain(text: &str) -> Option<IpAddr> {
    let address = match text.split_once('%') {
        Some((address, zone)) if !zone.is_empty() => IpAddr::V6(address.parse().ok()?),
        _ => text.parse().ok()?,
    };
    Some(address.to_canonical())
}

fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What an element that holds no address looks like.
fn form(hop: &str) -> &'static str {
    match hop.trim_matches('"').as_bytes() {
        text if text.eq_ignore_ascii_case(b"unknown") => "the word unknown",
        [b'_', ..] => "a name that hides the address",
        text if text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(byte)) => "a name",
        _ => "no address",
    }
}

/// Why a client is not known.
#[derive(Clone, Copy)]
enum Trouble {
    Unreadable,
    Forwarded,
    Absent,
}

/// Writes a line about it, unless there was one just now.
fn warn(trouble: Trouble, form: &'static str) {
    static LAST: [Mutex<Option<Instant>>; 3] = [const { Mutex::new(None) }; 3];
    let pause = match trouble {
        Trouble::Unreadable | Trouble::Forwarded => Duration::from_secs(60),
        // A program on the proxy's own machine does so rightly.
        Trouble::Absent => Duration::from_secs(60 * 60),
    };
    let Ok(mut last) = LAST[trouble as usize].lock() else { return };
    if last.is_some_and(|last| last.elapsed() < pause) {
        return;
    }
    *last = Some(Instant::now());
    match trouble {
        Trouble::Unreadable => tracing::warn!(
            found = form,
            "X-Forwarded-For of a trusted proxy holds no address where the client's should be: all such clients share one limit. \
             Set up the proxy to send addresses"
        ),
        Trouble::Forwarded => tracing::warn!(
            "a trusted proxy sends Forwarded, which is not read, and no X-Forwarded-For: all such clients share one limit. Set up \
             the proxy to send X-Forwarded-For"
        ),
        Trouble::Absent => tracing::warn!(
            "a request of a trusted proxy has no X-Forwarded-For, so it counts as the proxy's own. Unless a program on that machine \
             sent it, set up the proxy to send X-Forwarded-For"
        ),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::super::settings::Settings;

    fn client(peer: &str, forwarded: &[&str], proxies: &[&str]) -> String {
        let trusted_proxies = proxies.iter().map(|network| network.parse().unwrap()).collect();
        let mut request = TestRequest::default().peer_addr(format!("{peer}:1").parse().unwrap());
        for value in forwarded {
            request = request.append_header(("X-Forwarded-For", *value));
        }
        Settings { trusted_proxies, ..Settings::default() }.client(&request.to_http_request()).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed_and_only_as_far_as_they_know() {
        assert_eq!(client("203.0.113.5", &["198.51.100.1"], &[]), "203.0.113.5");
        assert_eq!(client("203.0.113.5", &["unknown"], &[]), "203.0.113.5");
        for (forwarded, known) in [
            (&["198.51.100.1"][..], "198.51.100.1"),
            (&["1.1.1.1, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            (&["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
            (&["nonsense, 198.51.100.1"], "198.51.100.1"),
            (&["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (&[], "10.0.0.1"),
            (&["", " , ,"], "10.0.0.1"),
            (&["1.1.1.1, nonsense"], "100::"),
            (&["nonsense, 10.0.0.2"], "100::"),
            (&["198.51.100.1", "\u{fc}"], "100::"),
        ] {
            assert_eq!(client("10.0.0.1", forwarded, &["10.0.0.0/8"]), known, "{forwarded:?}");
        }
    }

    #[test]
    fn an_address_is_read_in_every_form_that_proxies_write() {
        for (written, address) in [
            ("198.51.100.1", "198.51.100.1"),
            ("198.51.100.1:5678", "198.51.100.1"),
            ("  198.51.100.1 , , ", "198.51.100.1"),
            ("\"198.51.100.1:5678\"", "198.51.100.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("2001:DB8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("2001:db8:0:0:0:0:0:1:4711", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]:80", "fe80::1"),
            ("::ffff:198.51.100.1", "198.51.100.1"),
            ("[::ffff:198.51.100.1]:5678", "198.51.100.1"),
            ("::ffff:198.51.100.1:5678", "198.51.100.1"),
        ] {
            assert_eq!(client("10.0.0.1", &[written], &["10.0.0.0/8"]), address, "{written}");
        }
        for written in [
            "unknown",
            "_hidden",
            "patron.example",
            "198.51.100",
            "198.51.100.1:",
            "198.51.100.1:http",
            "198.51.100.1:123456",
            "198.51.100.1%eth0",
            "[2001:db8::1",
            "[2001:db8::1]4711",
            "\"198.51.100.1",
            "for=198.51.100.1",
            "198.51.100.1 203.0.113.1",
        ] {
            assert_eq!(client("10.0.0.1", &[written], &["10.0.0.0/8"]), "100::", "{written}");
        }
    }

    #[test]
    fn another_header_is_not_believed_nor_passed_over() {
        let request = TestRequest::default().peer_addr("10.0.0.1:1".parse().unwrap());
        let request = request.insert_header(("Forwarded", "for=198.51.100.1")).to_http_request();
        let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        assert_eq!(Settings { trusted_proxies, ..Settings::default() }.client(&request).to_string(), "100::");
    }
}

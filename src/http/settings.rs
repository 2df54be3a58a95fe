//! What the doors must know of where they stand: their public address, and which proxies to believe.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::HttpRequest;
use ipnet::IpNet;

use super::client;
use super::limits::Limits;
use super::request_log::RequestLog;
use super::tls::Tls;

/// Where the doors stand.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Scheme and host as the outside sees them, without a slash at the end: `https://patron.example`. Absent: as the
    /// request says, over plain HTTP unless there is a certificate.
    pub public_url: Option<String>,
    /// The only networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How often one may ask.
    pub limits: Limits,
    /// The certificate, where this process itself speaks HTTPS.
    pub tls: Option<Arc<Tls>>,
    /// Where the line of each request goes.
    pub log: RequestLog,
}

impl Settings {
    /// Scheme and host of links and of the origin check.
    pub(super) fn base(&self, request: &HttpRequest) -> String {
        match &self.public_url {
            Some(url) => url.clone(),
            None if self.tls.is_some() => format!("https://{}", asked_host(request)),
            None => format!("http://{}", asked_host(request)),
        }
    }

    /// The host alone, to be shown.
    pub(super) fn host(&self, request: &HttpRequest) -> String {
        let base = self.base(request);
        base.split_once("://").map_or(base.as_str(), |(_, host)| host).to_owned()
    }

    /// Whether browsers come by HTTPS, so that cookies may insist on it.
    pub(super) fn is_https(&self) -> bool {
        self.tls.is_some() || self.public_url.as_ref().is_some_and(|url| url.starts_with("https://"))
    }

    /// The address of a request's client.
    pub(super) fn client(&self, request: &HttpRequest) -> IpAddr {
        client::client(request, |address| self.trusts(address))
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(&address))
    }
}

/// The Host header, since no header of a proxy is believed here. Only where it can be one: it stands in links and in lines to
/// paste.
fn asked_host(request: &HttpRequest) -> &str {
    let header = request.headers().get("host").and_then(|value| value.to_str().ok());
    let asked = header.or(request.uri().authority().map(|authority| authority.as_str()));
    asked.filter(|host| is_host(host)).unwrap_or("localhost")
}

/// Whether this is a name or an address, with a port or without.
pub(super) fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_and_nothing_else() {
        let base = |host: &str| {
            let request = TestRequest::default().insert_header(("Host", host)).to_http_request();
            Settings::default().base(&request)
        };
        for host in ["patron.example", "127.0.0.1:8080", "[::1]:8080", "a_b"] {
            assert_eq!(base(host), format!("http://{host}"));
        }
        for other in ["", "a b", "a/b", "a@b", "a'; rm -rf ~; '", "a\"><script>", "a?b", "a\\b", "é"] {
            assert_eq!(base(other), "http://localhost", "{other}");
        }
        let behind = Settings { public_url: Some("https://patron.example".into()), ..Settings::default() };
        let request = TestRequest::default().insert_header(("Host", "evil.example")).to_http_request();
        assert_eq!(
            (behind.base(&request), behind.host(&request)),
            ("https://patron.example".into(), "patron.example".into())
        );
    }
}

//! What is typed, read as the values that settings take. An error says what to give.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use ipnet::IpNet;
use patron::domain::{CustomerId, Email, Field, KeyId, Mode, Query, Role, label};
use patron::rows::Format;
use patron::service::{KeepFree, OldSecret};

pub(super) fn every(text: &str) -> Result<Duration, String> {
    let every = humantime::parse_duration(text).map_err(|_| "give a time such as 15m, 1h or 1d")?;
    if every < Duration::from_secs(1) { Err("give a second or more".into()) } else { Ok(every) }
}

/// A size such as `64MB`: units of 1,000 and of 1,024.
pub(super) fn keep_free(text: &str) -> Result<KeepFree, &'static str> {
    const WORDS: &str = "give a size such as 64MB, 1GB or 512MiB, or 0 to keep nothing free";
    const UNITS: [(&str, u64); 9] = [
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
        ("tib", 1 << 40),
        ("kb", 1_000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
        ("tb", 1_000_000_000_000),
        ("b", 1),
    ];
    let text = text.trim().to_ascii_lowercase();
    let unit = UNITS.iter().find_map(|(name, bytes)| Some((text.strip_suffix(name)?, *bytes)));
    let (number, bytes) = unit.unwrap_or((&text, 1));
    // Digits alone: no sign.
    let digits = Some(number.trim_end()).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let number: u64 = digits.ok_or(WORDS)?.parse().map_err(|_| WORDS)?;
    number.checked_mul(bytes).map(KeepFree::Bytes).ok_or(WORDS)
}

/// A switch that is on or off.
pub(super) fn switch(text: &str) -> Result<bool, &'static str> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" | "y" | "t" => Ok(true),
        "0" | "false" | "no" | "off" | "n" | "f" => Ok(false),
        _ => Err("give true or false"),
    }
}

pub(super) fn mode(text: &str) -> Result<Mode, &'static str> {
    match text {
        "test" => Ok(Mode::Test),
        "live" => Ok(Mode::Live),
        _ => Err("give test or live"),
    }
}

pub(super) fn file_format(text: &str) -> Result<Format, &'static str> {
    Format::parse(text).ok_or("give csv or jsonl")
}

pub(super) fn search(text: &str) -> Result<Query, &'static str> {
    Query::parse(text).ok_or("give something to look for")
}

pub(super) fn old_secret(text: &str) -> Result<OldSecret, &'static str> {
    match text {
        "now" => Ok(OldSecret::EndsNow),
        "24h" => Ok(OldSecret::EndsInADay),
        _ => Err("give now or 24h"),
    }
}

pub(super) fn email(text: &str) -> Result<Email, String> {
    Email::parse(text).map_err(|invalid| Field::Email.fault(text).unwrap_or(invalid.words().to_owned()))
}

/// A file that is written, under a name that looks like what it is.
pub(super) fn new_file() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|path: OsString| {
        let fault = label::fault(&path.to_string_lossy(), usize::MAX);
        fault.map_or(Ok(PathBuf::from(path)), |fault| Err(format!("the name of a file {fault}")))
    })
}

pub(super) fn role(text: &str) -> Result<Role, &'static str> {
    Role::parse(text).ok_or("give owner, editor or viewer")
}

/// Scheme and host, without the slash behind them, and without the port that the scheme has anyway: so browsers spell it.
pub(super) fn public_url(text: &str) -> Result<String, &'static str> {
    let url = text.trim().to_ascii_lowercase();
    let url = url.strip_suffix('/').unwrap_or(&url);
    let host = url.strip_prefix("https://").map(|host| host.strip_suffix(":443").unwrap_or(host));
    let host = host.or_else(|| url.strip_prefix("http://").map(|host| host.strip_suffix(":80").unwrap_or(host)));
    let is_host = |host: &str| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']);
    match host.filter(|host| is_host(host)) {
        Some(host) if url.starts_with("https") => Ok(format!("https://{host}")),
        Some(host) => Ok(format!("http://{host}")),
        None => Err("give scheme and host alone, such as https://patron.example"),
    }
}

/// An address to listen on: an IP address and a port. `localhost` is 127.0.0.1, and without a host it is every IPv4 address of
/// this machine.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Some((host, port)) = text.rsplit_once(':')
        && let Ok(port) = port.parse()
    {
        match host.to_ascii_lowercase().as_str() {
            "localhost" => return Ok(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)),
            "" | "*" => return Ok(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port)),
            _ => {}
        }
    }
    let is_port = text.parse::<u16>().is_ok();
    let is_host = text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() || text.eq_ignore_ascii_case("localhost");
    Err(match (is_port, is_host) {
        (true, _) => format!("the host is missing: 127.0.0.1:{text} for this machine alone, :{text} for every IPv4 address"),
        (_, true) => "the port is missing: give 127.0.0.1:8080, or [::1]:8080".to_owned(),
        _ => "give an IP address and a port, such as 127.0.0.1:8080, localhost:8080, :8080 (every IPv4 address) or [::]:8080"
            .to_owned(),
    })
}

/// Networks of one setting.
#[derive(Clone, Debug)]
pub struct Networks(pub Vec<IpNet>);

/// Networks between commas or blanks. An address without a length is a network of its own; bits behind the length count for
/// nothing.
pub(super) fn networks(text: &str) -> Result<Networks, String> {
    let parts = text.split([',', ' ', '\t', '\n']).filter(|part| !part.is_empty());
    parts.map(network).collect::<Result<_, _>>().map(Networks)
}

fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let network: IpNet = network.map_err(|_| {
        format!("{text} is no network: give 10.0.0.0/8, 10.0.0.1 or 2001:db8::/32, more than one between commas")
    })?;
    // A client is compared as IPv4 where it is that within IPv6.
    let mapped = match network {
        IpNet::V6(within) if within.prefix_len() >= 96 => {
            within.addr().to_ipv4_mapped().zip(within.prefix_len().checked_sub(96))
        }
        _ => None,
    };
    let mapped = mapped.and_then(|(address, len)| IpNet::new(address.into(), len).ok());
    Ok(mapped.unwrap_or(network).trunc())
}

/// Scheme and host, with or without what every address of the API begins with.
pub(super) fn base_url(text: &str) -> Result<String, &'static str> {
    public_url(text.trim_end_matches('/').trim_end_matches("/v1"))
}

pub(super) fn customer_id(text: &str) -> Result<CustomerId, &'static str> {
    CustomerId::parse(text).map_err(|_| "a customer's id is cust_ and 14 letters and digits")
}

pub(super) fn key_id(text: &str) -> Result<KeyId, &'static str> {
    KeyId::parse(text).ok_or("a key id is rzp_test_ or rzp_live_ and 14 letters and digits")
}

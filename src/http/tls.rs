//! HTTPS without a proxy: a certificate and its key from two files, read again when they are replaced.

use std::fs::{Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustix::fs::OFlags;
use rustls::crypto::ring;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{Error as TlsError, ServerConfig};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use zeroize::Zeroizing;

use crate::service::doctor::{Finding, Verdict};
use crate::service::figures::date;

/// A certificate is looked at so many seconds before its end, or when a third of its time is left where that is less.
const LOOK_BEFORE: i64 = 14 * 24 * 3600;

/// A certificate and its key, shown to each new connection; and the files that they are of.
#[derive(Debug)]
pub struct Tls {
    cert: PathBuf,
    key: PathBuf,
    shown: RwLock<Shown>,
}

#[derive(Clone, Debug)]
struct Shown {
    pair: Arc<CertifiedKey>,
    validity: Validity,
}

/// From when to when a certificate holds, as Unix times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Its first second.
    pub from: i64,
    /// Its last second.
    pub to: i64,
}

impl Tls {
    /// Reads both files, in PEM: the certificate with those that lead to a known authority behind it, and its key. The error is
    /// a sentence that names the file and the way out.
    pub fn open(cert: &Path, key: &Path) -> Result<Self, String> {
        let shown = RwLock::new(read(cert, key)?);
        Ok(Self { cert: cert.to_owned(), key: key.to_owned(), shown })
    }

    /// Reads both files again, and gives how the certificate is at this Unix time. What is broken, is over, or has not begun changes
    /// nothing: the pair before goes on.
    pub fn reload(&self, now: i64) -> Result<Finding, String> {
        let fresh = read(&self.cert, &self.key)?;
        let finding = fresh.validity.finding(&self.cert, now);
        if finding.verdict == Verdict::Wrong {
            return Err(finding.words);
        }
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(finding)
    }

    /// The file of the certificate.
    pub fn cert(&self) -> &Path {
        &self.cert
    }

    /// How the certificate is at this Unix time, for the doctor.
    pub fn finding(&self, now: i64) -> Finding {
        self.shown().validity.finding(&self.cert, now)
    }

    fn shown(&self) -> Shown {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// TLS 1.2 and 1.3 with the library's own choice of ciphers, for whoever has no certificate.
    pub(super) fn config(self: &Arc<Self>) -> Result<ServerConfig, TlsError> {
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(&[&TLS13, &TLS12])?.with_no_client_auth();
        Ok(builder.with_cert_resolver(self.clone()))
    }
}

impl ResolvesServerCert for Tls {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown().pair)
    }
}

impl Validity {
    fn finding(self, cert: &Path, now: i64) -> Finding {
        let Self { from, to } = self;
        let path = cert.display();
        let (verdict, words) = if to < now {
            (Verdict::Wrong, format!("{path} ended {}: renew it, then `kill -HUP` the server", date(to)))
        } else if now < from {
            (Verdict::Wrong, format!("{path} begins only {}: set the clock, or use another", date(from)))
        } else if to - now < LOOK_BEFORE.min((to - from) / 3) {
            (Verdict::Look, format!("{path} ends {}: renew it, then `kill -HUP` the server", date(to)))
        } else {
            (Verdict::Fine, format!("{path} holds until {}", date(to)))
        };
        Finding { what: "Certificate", verdict, words }
    }
}

fn read(cert: &Path, key: &Path) -> Result<Shown, String> {
    let chain = bytes(cert, "--tls-cert")?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain).collect();
    let not_pem = |error: PemError| format!("cannot use --tls-cert {}: it is damaged: {error:?}", cert.display());
    let chain = chain.map_err(not_pem)?;
    let Some(first) = chain.first() else {
        return Err(format!(
            "cannot use --tls-cert {}: there is no certificate in it; give a file in PEM, which has a line \
             -----BEGIN CERTIFICATE-----",
            cert.display()
        ));
    };
    let validity = validity(first)
        .ok_or_else(|| format!("cannot use --tls-cert {}: what is in it is no X.509 certificate", cert.display()))?;
    let private = private_key(key)?;
    let pair = CertifiedKey::from_der(chain, private, &ring::default_provider()).map_err(|error| match error {
        TlsError::InconsistentKeys(_) => format!(
            "the key in --tls-key {} is not that of the certificate in --tls-cert {}; give the two that were made together",
            key.display(),
            cert.display()
        ),
        error => format!(
            "cannot use --tls-key {}: {error}; give an RSA key of 2048 bits or more, or one of P-256, P-384 or Ed25519",
            key.display()
        ),
    })?;
    Ok(Shown { pair: Arc::new(pair), validity })
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let pem = bytes(path, "--tls-key")?;
    let cannot = |why: &str| format!("cannot use --tls-key {}: {why}", path.display());
    let has = |words: &[u8]| pem.windows(words.len()).any(|window| window == words);
    if has(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || has(b"Proc-Type: 4,ENCRYPTED") {
        let way_out = "`openssl pkey -in FILE -out OTHER` writes it without one, for Patron's user alone to read";
        return Err(cannot(&format!("it is encrypted, and nobody is there to type its password; {way_out}")));
    }
    match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(key) => Ok(key),
        Err(PemError::NoItemsFound) => Err(cannot(
            "there is no private key in it; give a file in PEM, which has a line -----BEGIN PRIVATE KEY-----",
        )),
        Err(_) => Err(cannot("it is damaged; give the key's file in PEM, whole")),
    }
}

fn bytes(path: &Path, flag: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    read_pem(path).map_err(|why| format!("cannot use {flag} {}: {why}", path.display()))
}

/// Reads a file of certificates or keys, which a link may lead to. A FIFO might never end, nor a device. The error is the reason, for
/// a sentence that begins with the name.
pub fn read_pem(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    /// The most bytes that are read: files of all certificates that browsers trust have a fifth of it.
    const LEN_MAX: u64 = 1 << 20;
    let reason = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => "there is no such file".into(),
        ErrorKind::PermissionDenied => "this user may not read it; fix its permissions or its owner".into(),
        _ => error.to_string(),
    };
    let judge = |found: Metadata| match found.file_type() {
        kind if kind.is_dir() => Err("it is a directory; give a file".to_owned()),
        kind if !kind.is_file() => Err("it is a FIFO or a device; give a plain file".to_owned()),
        _ => Ok(()),
    };
    // A device does something when it is opened, and another file may have the name by then.
    judge(path.metadata().map_err(reason)?)?;
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(reason)?;
    judge(file.metadata().map_err(reason)?)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(LEN_MAX + 1).read_to_end(&mut bytes).map_err(reason)?;
    if bytes.len() as u64 > LEN_MAX {
        return Err("it is larger than 1 MiB; give a file that holds only certificates or a key, in PEM".into());
    }
    Ok(bytes)
}

fn validity(der: &CertificateDer<'_>) -> Option<Validity> {
    let certificate = Certificate::from_der(der).ok()?;
    let validity = certificate.tbs_certificate().validity();
    let seconds = |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).ok();
    Some(Validity { from: seconds(validity.not_before)?, to: seconds(validity.not_after)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_looked_at_before_its_end_and_wrong_after_it() {
        const DAY: i64 = 24 * 3600;
        let of = |days: i64, now: i64| Validity { from: 0, to: days * DAY }.finding(Path::new("c.pem"), now).verdict;
        assert_eq!([90 * DAY, 90 * DAY + 1].map(|now| of(90, now)), [Verdict::Look, Verdict::Wrong]);
        assert_eq!([76 * DAY, 76 * DAY + 1].map(|now| of(90, now)), [Verdict::Fine, Verdict::Look]);
        assert_eq!([4 * DAY, 4 * DAY + 1].map(|now| of(6, now)), [Verdict::Fine, Verdict::Look]);
        assert_eq!([-1, 0].map(|now| of(90, now)), [Verdict::Wrong, Verdict::Fine]);
    }
}

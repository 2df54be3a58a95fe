//! `patron serve`: open, listen, print what a newcomer needs, and end well.

use std::fs::File;
use std::io::{ErrorKind, stdout};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use actix_web::rt::System;
use actix_web::web::Data;
use patron::domain::{Actor, Key, Mode, NotCopied, Secret};
use patron::http::{self, Tls};
use patron::service::doctor::{Finding, Verdict};
use patron::service::{Ambient, KeepFree, Schedule, Services};
use patron::store::{Store, Use};
use tokio::task::JoinHandle;

use super::Done;
use super::signals::{Asked, Signals};
use super::systemd::Systemd;
use super::{leaving_nothing, own_command, quoted};
use crate::config::{Networks, Serve};
use crate::log;
use crate::output::STDOUT;

pub fn run(db: &Path, keep: KeepFree, settings: &Serve) -> Done {
    // Before the file is made: what cannot listen leaves nothing behind.
    let doors = Listening::on(settings.listen, "--listen or PATRON_LISTEN")?;
    let tls = settings.tls.open()?.map(Arc::new);
    let metrics = settings
        .metrics_listen
        .map(|address| Listening::on(address, "--metrics-listen or PATRON_METRICS_LISTEN"))
        .transpose()?;
    let store = opened(db)?;
    if let Some(why) = store.doubt() {
        tracing::error!(why, "edits wait");
    }
    System::new().block_on(async {
        let services = Data::new(Services::keeping_free(store, Ambient::of_system(), keep));
        let served = match services.known_key().await {
            Ok(None) => serve(&services, doors, metrics, tls, (settings, &own_command(db))).await,
            Ok(Some(words)) => Err(format!("cannot serve {}: {words}", db.display())),
            Err(refused) => Err(refused.to_string()),
        };
        services.close();
        served
    })
}

/// Opens a database to serve it, and leaves no file behind where that fails.
pub(super) fn opened(db: &Path) -> Result<Store, String> {
    leaving_nothing(db, |_| Store::open(db, Use::Serve).map_err(|unusable| unusable.to_string()))
}

/// A place where somebody will be served.
pub(super) struct Listening {
    pub(super) listener: TcpListener,
    pub(super) address: SocketAddr,
    /// The setting that says where.
    pub(super) flag: &'static str,
}

impl Listening {
    pub(super) fn on(wanted: SocketAddr, flag: &'static str) -> Result<Self, String> {
        let bound = TcpListener::bind(wanted).and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = bound.map_err(|error| cannot_listen(wanted, &error, flag))?;
        Ok(Self { listener, address, flag })
    }
}

async fn serve(
    services: &Data<Services>,
    doors: Listening,
    metrics: Option<Listening>,
    tls: Option<Arc<Tls>>,
    (settings, own): (&Serve, &str),
) -> Done {
    let places = http::Settings {
        public_url: settings.public_url.clone(),
        trusted_proxies: settings.trusted_proxy.iter().flat_map(|Networks(networks)| networks.clone()).collect(),
        limits: http::Limits::new(settings.rate_limit_address, settings.rate_limit_key),
        tls: tls.clone(),
        log: log::requests(),
    };
    if let Some(tls) = &tls {
        tell(&tls.finding(services.now()), "");
    }
    services.start().map_err(|error| format!("cannot start: {error}"))?;
    let schedule = settings.backup_dir.clone().map(|folder| Schedule {
        folder,
        every: settings.backup_every,
        keep: settings.backup_keep.get(),
    });
    // Who erases a customer must know where backups are, also by a command.
    if services.erasures.note_schedule(schedule.as_ref()).await.is_err() {
        tracing::warn!("the database could not be told where backups are kept");
    }
    if let Some(schedule) = schedule {
        services.backups.start(schedule).map_err(|error| format!("cannot start: {error}"))?;
    }
    let Listening { listener, address, flag } = doors;
    let cannot = |error| cannot_listen(address, &error, flag);
    let server = http::serve(listener, services.clone(), places).map_err(cannot)?;
    let handle = server.handle();
    if let Some(Listening { listener, address, flag }) = metrics {
        let server = http::serve_metrics(listener, services.clone());
        // Ends with the process: nobody waits for figures of what is over.
        actix_web::rt::spawn(server.map_err(|error| cannot_listen(address, &error, flag))?);
        say(&format!("metrics on http://{address}/metrics\n"));
    }
    let here = reachable(address, tls.is_some());
    services.announce(settings.public_url.as_deref().unwrap_or(&here));
    // A certificate is for a name.
    let named = settings.public_url.as_ref().filter(|_| tls.is_some());
    let places = Places { api: named.unwrap_or(&here), pages: settings.public_url.as_ref().unwrap_or(&here), own };
    greet(services, places, tls.as_deref()).await?;
    // Until here a signal ends the process immediately.
    let mut signals = Signals::new()?;
    let listening = format!("listening on {}://{address}", if tls.is_some() { "https" } else { "http" });
    say(&format!("{listening}\n"));
    let systemd = Systemd::new();
    systemd.ready(&listening);
    let (alive, watched) = (systemd.clone(), services.clone());
    actix_web::rt::spawn(async move { alive.keep_alive(&watched).await });

    let mut running = actix_web::rt::spawn(server);
    loop {
        tokio::select! {
            ended = &mut running => return ended.map_err(|error| error.to_string())?.map_err(|error| error.to_string()),
            asked = signals.next() => match asked {
                Asked::Save => drop(saving(services)),
                Asked::Reload => reload_apart(&tls, services.now(), &systemd, &listening),
                Asked::End => break tracing::info!("stopping: finishing what is in flight; a second signal stops immediately"),
            },
        }
    }
    systemd.stopping();
    handle.stop(true).await;
    tracing::info!("stopped");
    if !services.backups.is_last_chance() {
        return Ok(());
    }
    match saving(services).await {
        Ok(Ok(file)) => Err(format!(
            "the database was not in its place any more; what was open is saved as {0}: `patron restore {0}`, then start again",
            file.display()
        )),
        _ => Err("the database was not in its place any more, and what was open could not be saved".to_owned()),
    }
}

/// Reloads on a thread of its own: files on a disk that hangs hold up no signal and no sign of life.
fn reload_apart(tls: &Option<Arc<Tls>>, now: i64, systemd: &Systemd, status: &str) {
    let (tls, systemd, status) = (tls.clone(), systemd.clone(), status.to_owned());
    systemd.reloading();
    let work = move || {
        reload(tls.as_deref(), now);
        systemd.ready(&status);
    };
    if let Err(error) = thread::Builder::new().name("reload".into()).spawn(work) {
        tracing::error!(%error, "the certificate is as it was before: no thread can read it");
    }
}

/// Reads the certificate and its key again, for connections from here on.
fn reload(tls: Option<&Tls>, now: i64) {
    match tls.map(|tls| tls.reload(now)) {
        None => tracing::info!("told to read files again, and there is no certificate: nothing to do"),
        Some(Ok(finding)) => tell(&finding, " is read again, and new connections have it:"),
        Some(Err(why)) => tracing::error!("the certificate is as it was before: {why}"),
    }
}

/// How the certificate is, in the log: a warning where somebody should do something about it.
fn tell(finding: &Finding, what_happened: &str) {
    let words = &finding.words;
    match finding.verdict {
        Verdict::Fine => tracing::info!("the certificate{what_happened} {words}"),
        Verdict::Look | Verdict::Wrong => tracing::warn!("the certificate{what_happened} {words}"),
    }
}

/// Saves what is open, on a thread of its own.
fn saving(services: &Data<Services>) -> JoinHandle<Result<PathBuf, NotCopied>> {
    let services = services.clone();
    tokio::task::spawn_blocking(move || services.backups.save())
}

pub(super) fn cannot_listen(address: SocketAddr, error: &std::io::Error, flag: &str) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => {
            format!(
                "cannot listen on {address}: the port is in use; stop the other program or choose another with {flag}"
            )
        }
        ErrorKind::AddrNotAvailable => {
            format!("cannot listen on {address}: this machine has no such address; choose another with {flag}")
        }
        ErrorKind::PermissionDenied => {
            format!("cannot listen on {address}: this user may not use that port; choose one from 1024 up with {flag}")
        }
        _ => format!("cannot listen on {address}: {error}; choose another with {flag}"),
    }
}

/// What lines to paste name: where programs and browsers reach the server, and what runs its other commands.
struct Places<'a> {
    api: &'a str,
    pages: &'a str,
    own: &'a str,
}

/// Where there has never been a key, makes one and shows it; while there is no staff, shows a link that makes the first
/// owner. Each is shown this once, and nowhere but here.
async fn greet(services: &Services, Places { api, pages, own }: Places<'_>, tls: Option<&Tls>) -> Done {
    if is_unseen() {
        tracing::info!(
            "standard output goes nowhere, so no first key and no link are made: `{own} key create --mode test` and `{own} staff \
             add EMAIL --role owner` make them"
        );
        return Ok(());
    }
    if services.access.list().await.map_err(|refused| refused.to_string())?.is_empty() {
        let maker = Actor::Command { name: "serve".into() };
        let issued = services.access.issue(maker, Mode::Test, "first test key", None).await;
        let (key, secret) = issued.map_err(|refused| refused.to_string())?;
        say(&first_key(&key, &secret, api, own, tls));
    }
    match services.staff.first_link().await {
        Ok(None) => {}
        // A full disk keeps nobody from reading.
        Err(_) => {
            tracing::warn!("no link for a first owner could be made; `{own} staff add EMAIL --role owner` does it")
        }
        Ok(Some(token)) => say(&format!(
            "Nobody can sign in to the pages for staff yet. This link makes the first owner, once and within an hour:\n\n  \
             {}/link/{}\n\n",
            pages,
            token.reveal()
        )),
    }
    Ok(())
}

/// Whether nobody can see what is printed: standard output is /dev/null, as in a service.
fn is_unseen() -> bool {
    let device = |file: &File| file.metadata().ok().map(|about| (about.file_type().is_char_device(), about.rdev()));
    let out = stdout().as_fd().try_clone_to_owned().map(File::from);
    matches!((out, File::open("/dev/null")), (Ok(out), Ok(null)) if device(&out).is_some() && device(&out) == device(&null))
}

/// An address of this machine's under which the server is reached.
pub(super) fn reachable(address: SocketAddr, is_https: bool) -> String {
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let scheme = if is_https { "https" } else { "http" };
    format!("{scheme}://{}", SocketAddr::new(host, address.port()))
}

fn first_key(key: &Key, secret: &Secret, base: &str, own: &str, tls: Option<&Tls>) -> String {
    let customers = format!("{base}/v1/customers");
    let (id, secret) = (key.id.as_str(), secret.reveal());
    let trust = tls.map(|tls| format!(" --cacert {}", quoted(tls.cert())));
    let user = format!("-u {id}:{secret}{}", trust.unwrap_or_default());
    let hint = tls.map(|_| "\n--cacert is for a certificate that no known authority signed: leave it out otherwise.\n");
    let hint = hint.unwrap_or_default();
    format!(
        r#"This database has no keys yet. Here is one for test customers; its secret is shown this once.

  key id      {id}
  key secret  {secret}

Create a customer:

  curl {user} {customers} \
    -H 'Content-Type: application/json' \
    -d '{{"name":"Gaurav Kumar","email":"gaurav.kumar@example.com","contact":"9123456780"}}'

Edit the newest customer:

  curl {user} -X PUT {customers}/$(curl -s {user} '{customers}?count=1' | grep -o 'cust_[0-9A-Za-z]*') \
    -H 'Content-Type: application/json' \
    -d '{{"contact":"+919123456780"}}'
{hint}
More keys: {own} key create --mode live

"#
    )
}

/// Prints on standard output. The server goes on where nothing reads it.
pub(super) fn say(text: &str) {
    STDOUT.push(text.as_bytes(), true);
}

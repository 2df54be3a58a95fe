//! `patron staff`: add, list, password, disable, enable.

use std::path::Path;

use patron::domain::{Email, Secret, StaffId, password};
use patron::service::staff::StaffListed;
use patron::service::{Services, StaffRefused};
use patron::store::Use;
use zeroize::Zeroizing;

use super::{Done, date, line, own_command, print, sentence, with_services};
use crate::config::{PasswordHow, StaffAdd, StaffCommand};

pub fn run(db: &Path, command: StaffCommand) -> Done {
    let use_ = match command {
        StaffCommand::Add(_) => Use::Fill,
        StaffCommand::List => Use::Read,
        _ => Use::Existing,
    };
    with_services(db, use_, async |services| match command {
        StaffCommand::Add(settings) => add(services, settings).await,
        StaffCommand::List => list(services, &own_command(db)).await,
        StaffCommand::Password { email, how } => set_password(services, &email, &how).await,
        StaffCommand::Disable { email } => set_disabled(services, &email, true).await,
        StaffCommand::Enable { email } => set_disabled(services, &email, false).await,
    })
}

async fn add(services: &Services, StaffAdd { email, role, how }: StaffAdd) -> Done {
    let name = email.as_str().to_owned();
    if how.password_stdin {
        let password = read_password(&name)?;
        services.staff.add(email, role, &password).await.map_err(about(&name))?;
        print(&format!("{name} may sign in as {}.", role.as_str()))?;
        return Ok(());
    }
    let token = services.staff.invite(email, role).await.map_err(about(&name))?;
    print_link(services, &name, &how, token.reveal())
}

async fn set_password(services: &Services, email: &str, how: &PasswordHow) -> Done {
    let id = find(services, email).await?;
    if how.password_stdin {
        let password = read_password(email)?;
        services.staff.set_password(&id, &password).await.map_err(about(email))?;
        print(&format!("{email} has a new password, and is signed out everywhere."))?;
        return Ok(());
    }
    let token = services.staff.new_link_for(&id).await.map_err(about(email))?;
    print_link(services, email, how, token.reveal())
}

async fn set_disabled(services: &Services, email: &str, disabled: bool) -> Done {
    let id = find(services, email).await?;
    services.staff.set_disabled(&id, disabled).await.map_err(about(email))?;
    print(&format!(
        "{email} {}.",
        if disabled { "is let in no more, and signed out everywhere" } else { "may sign in again" }
    ))?;
    Ok(())
}

async fn list(services: &Services, own: &str) -> Done {
    let everybody = services.staff.list().await.map_err(sentence)?;
    if everybody.is_empty() {
        print(&format!("There is nobody. Add an owner: {own} staff add EMAIL --role owner"))?;
    }
    for StaffListed { staff, sessions, seen_at, link_ends_at } in everybody {
        let state = match (staff.disabled_at, seen_at, link_ends_at) {
            (Some(at), ..) => format!("disabled {}", date(at)),
            (None, Some(at), _) if sessions == 1 => format!("seen {}, one session", date(at)),
            (None, Some(at), _) => format!("seen {}, {sessions} sessions", date(at)),
            (None, None, Some(at)) => format!("invited, link ends {}", date(at)),
            (None, None, None) if staff.password.is_none() => "invited, link is over".into(),
            (None, None, None) => "not seen yet".into(),
        };
        print(&format!("{:<6}  {}  {state}", staff.role.as_str(), staff.email.as_str()))?;
    }
    Ok(())
}

async fn find(services: &Services, email: &str) -> Result<StaffId, String> {
    let key = email.to_ascii_lowercase();
    let everybody = services.staff.list().await.map_err(sentence)?;
    let found = everybody.into_iter().map(|listed| listed.staff).find(|staff| Email::key(&staff.email) == key);
    found.map(|staff| staff.id).ok_or_else(|| about(email)(StaffRefused::NotFound))
}

fn read_password(email: &str) -> Result<Secret, String> {
    password::parse(&Zeroizing::new(line("Password: ")?), email).map_err(|invalid| invalid.words().to_owned())
}

/// Where a server listens that was told nothing else.
const BASE_DEFAULT: &str = "http://127.0.0.1:8080";

fn print_link(services: &Services, email: &str, how: &PasswordHow, token: &str) -> Done {
    let base = how.public_url.clone().or_else(|| services.served_at());
    let shown = base.as_deref().unwrap_or(BASE_DEFAULT);
    print(&format!("By this link {email} chooses a password, once and within a day:\n\n  {shown}/link/{token}\n"))?;
    if base.is_none() {
        print(&format!(
            "No server runs on this database now, so the link has the default address, {BASE_DEFAULT}. Start the server; where it \
             has another address, put that in its place, or give it by --public-url."
        ))?;
    }
    Ok(())
}

fn about(email: &str) -> impl Fn(StaffRefused) -> String {
    move |refused| {
        let reason = match refused {
            StaffRefused::NotFound => "there is nobody of this email; `patron staff list` shows everybody",
            StaffRefused::Exists => "somebody has this email already; `patron staff password` makes a new link",
            StaffRefused::LastOwner => "this is the only owner; make somebody else an owner first",
            StaffRefused::Disabled => "this person is disabled; `patron staff enable` lets them in again",
            StaffRefused::WrongPassword | StaffRefused::TooMany(_) => "the password is another",
            StaffRefused::Store(ref refused) => return sentence(refused.clone()),
        };
        format!("{email}: {reason}")
    }
}

//! People: make the first owner, invite others, sign in and out, and end what must end.

use std::net::IpAddr;
use std::sync::Arc;

use super::access::NotAdmitted;
use super::failures::Limits;
use super::token::Token;
use super::verification::Verification;
use super::{Ambient, Caller, Refused};
use crate::domain::label::is_invisible;
use crate::domain::{Actor, Email, Link, Role, Secret, SecretHash, Session, Staff, StaffId};
use crate::store::{self, Requester, Sessions, Store};

pub use crate::domain::StaffListed;

/// How long the link works that makes the first owner, in seconds.
pub const FIRST_LINK_LASTS: i64 = 60 * 60;
/// How long an invitation works, in seconds.
pub const INVITATION_LASTS: i64 = 24 * 60 * 60;
/// A session's last request is written down this often, in seconds: often enough for ends counted in minutes.
const TOUCHED_EVERY: i64 = 60;

/// The people of one store.
#[derive(Clone)]
pub struct StaffDesk {
    store: Arc<Store>,
    ambient: Ambient,
    verification: Arc<Verification>,
    limits: Limits<String>,
    requester: Requester,
}

/// The browser in which somebody signs in.
#[derive(Clone, Debug, Default)]
pub struct Browser<'a> {
    /// What it calls itself.
    pub agent: &'a str,
    /// The session that it had, which ends where another begins: who knew its token knows nothing of the new one.
    pub before: Option<Token>,
}

impl Browser<'_> {
    fn before(&self) -> Option<String> {
        self.before.as_ref().map(Token::hash)
    }
}

/// A person and the session they ask in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The person.
    pub staff: Staff,
    /// Their session.
    pub session: Session,
}

impl SignedIn {
    /// Who the history says it was.
    pub fn actor(&self) -> Actor {
        Actor::Staff { id: self.staff.id.clone(), email: self.staff.email.as_str().to_owned() }
    }
}

/// Whom a link is for.
#[derive(Clone, Debug)]
pub enum LinkFor {
    /// The first owner, who brings their own email.
    FirstOwner {
        /// Until when it works, in Unix seconds.
        ends_at: i64,
    },
    /// Somebody who is there already.
    Staff {
        /// The person.
        staff: Box<Staff>,
        /// Until when it works, in Unix seconds.
        ends_at: i64,
    },
}

/// Why nothing was changed about a person.
#[derive(Debug)]
pub enum StaffRefused {
    /// There is no such person, or the link is used up or over.
    NotFound,
    /// Somebody has this email already.
    Exists,
    /// It would leave nobody who can do everything.
    LastOwner,
    /// The person is disabled.
    Disabled,
    /// The password that was to be changed is another.
    WrongPassword,
    /// Too many wrong passwords: try again after this many seconds.
    TooMany(u64),
    /// The store refused.
    Store(Refused),
}

impl From<store::Error<StaffRefused>> for StaffRefused {
    fn from(error: store::Error<StaffRefused>) -> Self {
        match error {
            store::Error::Missing => Self::NotFound,
            store::Error::Refused(refused) => refused,
            other => Self::Store(other.map_refused(|_| Refused::Failed).into()),
        }
    }
}

impl From<Refused> for StaffRefused {
    fn from(refused: Refused) -> Self {
        Self::Store(refused)
    }
}

impl From<store::Error> for StaffRefused {
    fn from(error: store::Error) -> Self {
        error.map_refused(|never| -> Self { match never {} }).into()
    }
}

impl StaffDesk {
    pub(super) fn new(store: Arc<Store>, ambient: Ambient, verification: Arc<Verification>) -> Self {
        Self { store, ambient, verification, limits: Limits::new(), requester: Requester::HOUSE }
    }

    /// The same, for what a person asks for: nothing is done where their session or role has ended by then.
    pub fn on_behalf_of(&self, caller: &Caller) -> Self {
        Self { requester: caller.requester(), ..self.clone() }
    }

    /// While there is nobody: a link that makes the first owner. Links of this kind before it end.
    pub async fn first_link(&self) -> Result<Option<Token>, StaffRefused> {
        if self.store.any_staff().await? {
            return Ok(None);
        }
        let now = self.ambient.seconds();
        let (token, link) = self.new_link(None, now + FIRST_LINK_LASTS);
        Ok(self.store.insert_link(Requester::HOUSE, link, now).await?.then_some(token))
    }

    /// Adds a person who chooses a password by the link that comes back.
    pub async fn invite(&self, email: Email, role: Role) -> Result<Token, StaffRefused> {
        let staff = self.new_staff(email, role, None);
        let (token, link) = self.new_link(Some(staff.id.clone()), staff.created_at + INVITATION_LASTS);
        if self.store.insert_staff(self.requester.clone(), staff, Some(link)).await? {
            Ok(token)
        } else {
            Err(StaffRefused::Exists)
        }
    }

    /// Adds a person with a password.
    pub async fn add(&self, email: Email, role: Role, password: &Secret) -> Result<(), StaffRefused> {
        let staff = self.new_staff(email, role, Some(self.hash(password).await));
        if self.store.insert_staff(self.requester.clone(), staff, None).await? {
            Ok(())
        } else {
            Err(StaffRefused::Exists)
        }
    }

    /// Another link for somebody who is there, to choose a new password by. The old one works until then.
    pub async fn new_link_for(&self, id: &StaffId) -> Result<Token, StaffRefused> {
        let now = self.ambient.seconds();
        let (token, link) = self.new_link(Some(id.clone()), now + INVITATION_LASTS);
        let given = self.store.insert_link(self.requester.clone(), link, now).await?;
        if given { Ok(token) } else { Err(StaffRefused::Disabled) }
    }

    /// Whom a link is for, while it works.
    pub async fn open_link(&self, token: &Token) -> Result<LinkFor, StaffRefused> {
        let now = self.ambient.seconds();
        let found = self.store.find_link(&token.hash()).await?;
        let (link, staff) = found.filter(|(link, _)| now < link.ends_at).ok_or(StaffRefused::NotFound)?;
        match (link.staff, staff) {
            (None, _) if !self.store.any_staff().await? => Ok(LinkFor::FirstOwner { ends_at: link.ends_at }),
            (Some(_), Some(staff)) => Ok(LinkFor::Staff { staff: Box::new(staff), ends_at: link.ends_at }),
            _ => Err(StaffRefused::NotFound),
        }
    }

    /// Uses a link up: sets the password, and signs in. `email` is the first owner's; others have one.
    pub async fn redeem_link(
        &self,
        token: &Token,
        email: Option<Email>,
        password: &Secret,
        browser: Browser<'_>,
    ) -> Result<Token, StaffRefused> {
        let hash = self.hash(password).await;
        let first = email.map(|email| self.new_staff(email, Role::Owner, None));
        let session_token = self.new_token();
        let blank = self.new_session(&session_token, StaffId::stored(String::new()), browser.agent);
        let decide = move |staff: Option<Staff>| {
            let staff = Staff { password: Some(hash.clone()), ..staff.or_else(|| first.clone())? };
            let session = Session { staff: staff.id.clone(), ..blank.clone() };
            Some((staff, session))
        };
        self.store.redeem_link(&token.hash(), self.ambient.seconds(), browser.before(), decide).await?;
        Ok(session_token)
    }

    /// Signs somebody in. One refusal and one length of time for a wrong email and a wrong password, however many ask.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &Secret,
        address: IpAddr,
        browser: Browser<'_>,
    ) -> Result<Token, NotAdmitted> {
        let account = email.trim().to_ascii_lowercase();
        let staff = self.store.find_staff_by_email(&account).await?;
        let refusal = match &staff {
            None => "unknown email",
            Some(staff) if staff.disabled_at.is_some() => "disabled",
            Some(staff) if staff.password.is_none() => "no password yet",
            Some(_) => "wrong password",
        };
        let known =
            staff.filter(|staff| staff.disabled_at.is_none()).and_then(|staff| Some((staff.password?, staff.id)));
        let hash = known.as_ref().map(|(hash, _)| hash.clone());
        let compute = |rank| self.verification.compute_password(password.clone(), hash, rank);
        // Of what is longer than any email, the beginning is remembered where it fails.
        let account = account.chars().take(Email::LEN_MAX).collect();
        let matched = self.limits.watch(address, account, self.ambient.seconds(), false, compute).await?;
        let (Some(hash), Some((_, id))) = (matched, known) else {
            return Err(NotAdmitted::Refused(refusal));
        };
        let token = self.new_token();
        let session = self.new_session(&token, id, browser.agent);
        if self.store.insert_session(session, hash, browser.before()).await? {
            Ok(token)
        } else {
            Err(NotAdmitted::Refused("disabled, or another password by then"))
        }
    }

    /// Who has this token, while the session lasts and the person is not disabled.
    pub async fn session(&self, token: &Token) -> Result<Option<SignedIn>, Refused> {
        let now = self.ambient.seconds();
        let found = self.store.find_session(&token.hash()).await?;
        let live = found.filter(|(session, staff)| session.is_live(now) && staff.disabled_at.is_none());
        let Some((session, staff)) = live else { return Ok(None) };
        if now - session.seen_at >= TOUCHED_EVERY {
            match self.store.touch_session(&session.hash, now).await {
                // On a full disk people go on, to make room among other things. The session ends as if they had been idle.
                Ok(()) | Err(store::Error::Busy | store::Error::Full | store::Error::Unwritable(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(SignedIn { staff, session }))
    }

    /// What the forms of one page carry, for who has this token.
    pub fn form_token(&self, token: &Token) -> String {
        token.form_token(self.ambient.random_bytes())
    }

    /// Ends one of a person's sessions.
    pub async fn end_session(&self, id: &StaffId, hash: &str) -> Result<(), Refused> {
        Ok(self.store.delete_session(id, hash).await?)
    }

    /// Ends all sessions of a person but one, if one is named by its hash.
    pub async fn end_sessions(&self, id: &StaffId, but: Option<String>) -> Result<(), StaffRefused> {
        self.change(id, move |_, _| Ok(Sessions::EndBut(but.clone()))).await.map(drop)
    }

    /// A person's live sessions, last seen first.
    pub async fn sessions(&self, id: &StaffId) -> Result<Vec<Session>, Refused> {
        let now = self.ambient.seconds();
        let sessions = self.store.list_sessions(id).await?;
        Ok(sessions.into_iter().filter(|session| session.is_live(now)).collect())
    }

    /// Changes one's own password, and ends one's other sessions.
    pub async fn change_password(
        &self,
        signed_in: &SignedIn,
        current: &Secret,
        new: &Secret,
        address: IpAddr,
    ) -> Result<(), StaffRefused> {
        let account = signed_in.staff.email.key();
        let hash = signed_in.staff.password.clone();
        let compute = |rank| self.verification.compute_password(current.clone(), hash, rank);
        let verified = match self.limits.watch(address, account, self.ambient.seconds(), false, compute).await {
            Ok(Some(verified)) => verified,
            Ok(None) => return Err(StaffRefused::WrongPassword),
            Err(NotAdmitted::TooMany(seconds)) => return Err(StaffRefused::TooMany(seconds)),
            Err(_) => return Err(StaffRefused::Store(Refused::Busy)),
        };
        let (hash, but) = (self.hash(new).await, signed_in.session.hash.clone());
        let change = move |staff: &mut Staff, _| {
            if !staff.signs_in_with(&verified) {
                return Err(StaffRefused::WrongPassword);
            }
            staff.password = Some(hash.clone());
            Ok(Sessions::EndBut(Some(but.clone())))
        };
        self.change(&signed_in.staff.id, change).await.map(drop)
    }

    /// Sets somebody's password, and ends their sessions.
    pub async fn set_password(&self, id: &StaffId, new: &Secret) -> Result<(), StaffRefused> {
        let hash = self.hash(new).await;
        let change = move |staff: &mut Staff, _| {
            staff.password = Some(hash.clone());
            Ok(Sessions::EndBut(None))
        };
        self.change(id, change).await.map(drop)
    }

    /// Everybody, owners first.
    pub async fn list(&self) -> Result<Vec<StaffListed>, Refused> {
        Ok(self.store.list_staff(self.requester.clone(), self.ambient.seconds()).await?)
    }

    /// Gives somebody another role. It counts from their next request on.
    pub async fn set_role(&self, id: &StaffId, role: Role) -> Result<Staff, StaffRefused> {
        let change = move |staff: &mut Staff, other_owners| {
            if staff.role == Role::Owner && role != Role::Owner && other_owners == 0 {
                return Err(StaffRefused::LastOwner);
            }
            staff.role = role;
            Ok(Sessions::Keep)
        };
        self.change(id, change).await
    }

    /// Lets somebody in no more, and ends their sessions; or lets them in again.
    pub async fn set_disabled(&self, id: &StaffId, disabled: bool) -> Result<Staff, StaffRefused> {
        let now = self.ambient.seconds();
        let change = move |staff: &mut Staff, other_owners| {
            if disabled && staff.role == Role::Owner && other_owners == 0 {
                return Err(StaffRefused::LastOwner);
            }
            staff.disabled_at = disabled.then(|| staff.disabled_at.unwrap_or(now));
            Ok(if disabled { Sessions::EndBut(None) } else { Sessions::Keep })
        };
        self.change(id, change).await
    }

    async fn change(
        &self,
        id: &StaffId,
        decide: impl Fn(&mut Staff, u64) -> Result<Sessions, StaffRefused> + Send + 'static,
    ) -> Result<Staff, StaffRefused> {
        Ok(self.store.edit_staff(self.requester.clone(), id, decide).await?)
    }

    fn new_staff(&self, email: Email, role: Role, password: Option<SecretHash>) -> Staff {
        let id = StaffId::new(&self.ambient.random_text(StaffId::RANDOM_LEN));
        Staff { id, email, role, password, created_at: self.ambient.seconds(), disabled_at: None }
    }

    fn new_link(&self, staff: Option<StaffId>, ends_at: i64) -> (Token, Link) {
        let token = self.new_token();
        let link = Link { hash: token.hash(), staff, ends_at };
        (token, link)
    }

    fn new_session(&self, token: &Token, staff: StaffId, agent: &str) -> Session {
        let now = self.ambient.seconds();
        let agent = agent.chars().filter(|char| !is_invisible(*char)).take(Session::AGENT_LEN_MAX).collect();
        Session { hash: token.hash(), staff, created_at: now, seen_at: now, agent }
    }

    fn new_token(&self) -> Token {
        Token::given(self.ambient.random_text(Token::LEN))
    }

    /// Off the async threads, and in one of the slots of verification, which bound the memory of hashing.
    async fn hash(&self, password: &Secret) -> SecretHash {
        self.verification.hash(password.clone(), self.ambient.random_bytes()).await
    }
}

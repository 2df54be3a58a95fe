//! What is held on a person, all of it at once; and its end: the record, its history, what finds it, and what the files hold of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::imports::about;
use super::{Ambient, Caller, Refused, Schedule};
use crate::domain::{Actor, CustomerId, Erasure, Held, KeptCopy, Mode};
use crate::store::{RowAbout, Store};

/// The exports and erasures of one store.
pub struct Erasures {
    store: Arc<Store>,
    ambient: Ambient,
    /// How many stand in the file beside the backups, as far as this process knows: whoever erased, and whatever became of them.
    kept: AtomicU64,
    /// Whether the log says so.
    said: AtomicBool,
}

/// All that is held on a customer, for whoever asks for it on the person's behalf.
#[derive(Clone, Debug)]
pub struct Export {
    /// When it was read, in Unix seconds.
    pub at: i64,
    /// Who asked.
    pub by: Actor,
    /// What is held.
    pub held: Held,
    /// What waits in rows of imports.
    pub import_rows: Vec<RowAbout>,
}

/// What an erasure would do.
#[derive(Clone, Debug)]
pub struct BeforeErasure {
    /// What would go.
    pub held: Held,
    /// How many rows of imports would lose their values with it.
    pub import_rows: usize,
    /// Copies of the database that hold it, and would still.
    pub copies: Vec<KeptCopy>,
}

/// What has become of a customer who was erased.
#[derive(Clone, Debug)]
pub struct Erased {
    /// Who did it, and when.
    pub erasure: Erasure,
    /// Whether nothing is left in the files of the database. Until then it is worked on, or somebody reads them.
    pub is_swept: bool,
    /// Whether it stands in the file beside the backups, where there are any.
    pub is_kept: bool,
    /// Copies of the database that hold the values still.
    pub copies: Vec<KeptCopy>,
}

/// Why an erasure did not come to its end.
#[derive(Debug)]
pub enum NotErased {
    /// The file beside the backups cannot be written, for this reason: so nothing was done.
    Unready(String),
    /// The customer is erased, but the file beside the backups could not be written, for this reason. A server goes on trying.
    Unkept(String),
    /// Nothing was done.
    Refused(Refused),
}

impl From<Refused> for NotErased {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl Erasures {
    pub(super) fn new(store: Arc<Store>, ambient: Ambient) -> Self {
        Self { store, ambient, kept: AtomicU64::new(0), said: AtomicBool::new(false) }
    }

    /// All that is held on a customer.
    pub async fn export(&self, caller: &Caller, id: &CustomerId) -> Result<Export, Refused> {
        let held = self.store.held(caller.requester(), caller.mode, id).await?.ok_or(Refused::NotFound)?;
        let import_rows = self.store.import_rows_about(caller.requester(), &held.customer, about).await?;
        Ok(Export { at: self.ambient.seconds(), by: caller.actor.clone(), held, import_rows })
    }

    /// What erasing a customer would do.
    pub async fn preview(&self, caller: &Caller, id: &CustomerId) -> Result<BeforeErasure, Refused> {
        let held = self.store.held(caller.requester(), caller.mode, id).await?.ok_or(Refused::NotFound)?;
        let import_rows = self.store.import_rows_about(caller.requester(), &held.customer, about).await?.len();
        Ok(BeforeErasure { held, import_rows, copies: self.store.copies_of(id).await? })
    }

    /// Erases a customer for good. Done, it is on the disk, in the database and in the file beside its backups; the sweep of the
    /// database's files follows.
    pub async fn erase(&self, caller: &Caller, id: &CustomerId) -> Result<(), NotErased> {
        // There may be nobody to erase, and then nothing to say about files.
        if !self.store.is_held(caller.mode, id).await.map_err(Refused::from)? {
            return Err(Refused::NotFound.into());
        }
        self.keep().await.map_err(NotErased::Unready)?;
        let (at, actor) = (self.ambient.seconds(), caller.actor.clone());
        let erasure = Erasure { customer: id.clone(), mode: caller.mode, at, actor };
        self.store.erase(caller.requester(), erasure, about).await.map_err(Refused::from)?;
        self.keep().await.map(drop).map_err(NotErased::Unkept)
    }

    /// What has become of a customer who was erased; `None` where there was no such erasure in this mode.
    pub async fn find(&self, mode: Mode, id: &CustomerId) -> Result<Option<Erased>, Refused> {
        let Some((erasure, is_swept)) = self.store.find_erasure(mode, id).await? else { return Ok(None) };
        let (is_kept, copies) = (self.store.is_kept(id).await?, self.store.copies_of(id).await?);
        if !is_kept {
            self.kept.store(0, Ordering::Relaxed);
        }
        Ok(Some(Erased { erasure, is_swept, is_kept, copies }))
    }

    /// Who erased a customer, and when.
    pub async fn fact(&self, mode: Mode, id: &CustomerId) -> Result<Option<Erasure>, Refused> {
        Ok(self.store.find_erasure(mode, id).await?.map(|(erasure, _)| erasure))
    }

    /// How many customers were erased, and of how many something may be left in the files of the database.
    pub async fn count(&self) -> Result<(u64, u64), Refused> {
        Ok(self.store.count_erasures().await?)
    }

    /// The mode of a customer who is here or was erased.
    pub async fn mode_of(&self, id: &CustomerId) -> Result<Mode, Refused> {
        self.store.mode_of(id).await?.ok_or(Refused::NotFound)
    }

    /// Sweeps the files of the database, where no server does; else waits a while for that one. Gives whether nothing is left.
    /// Holds up whoever calls it: for commands.
    pub fn sweep(&self) -> Result<bool, Refused> {
        Ok(self.store.sweep()?)
    }

    /// Writes down where a server keeps backups, and how many for how long; or that it makes none.
    pub async fn note_schedule(&self, schedule: Option<&Schedule>) -> Result<(), Refused> {
        let row = schedule.map(|Schedule { folder, every, keep }| {
            (folder.clone(), i64::try_from(every.as_secs()).unwrap_or(i64::MAX), *keep as u64)
        });
        Ok(self.store.put_backup_folder(row).await?)
    }

    /// Writes the file beside the backups, where it may lack something.
    pub(super) async fn keep_waiting(&self) {
        let kept = self.kept.load(Ordering::Relaxed);
        if self.store.count_erasures().await.is_ok_and(|(all, _)| all != kept)
            && let Err(why) = self.keep().await
            && !self.said.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(why, "the file of erasures beside the backups is not up to date");
        }
    }

    async fn keep(&self) -> Result<Option<PathBuf>, String> {
        // Counted before: one that comes meanwhile is written once too often rather than never.
        let (all, _) = self.store.count_erasures().await.map_err(|error| format!("{error:?}"))?;
        let store = self.store.clone();
        let kept = tokio::task::spawn_blocking(move || store.keep_erasures(true)).await;
        let kept = kept.unwrap_or_else(|error| Err(error.to_string()))?;
        self.kept.store(all, Ordering::Relaxed);
        self.said.store(false, Ordering::Relaxed);
        Ok(kept)
    }
}

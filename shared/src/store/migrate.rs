//! Schemas by URL: what `windlass migrate` shows and does, for whichever store the URL names.
//!
//! Stores migrate by themselves when they are opened; this is for looking at a store without opening
//! it, and for doing the step at a time of one's choice, by a user who may. A store that has
//! everything is opened without a write, so the user who runs jobs on a server need not be that one.

use crate::{
    clock::Timestamp,
    store::{Result, StoreUrl, open, postgres, sqlite},
};

/// One migration of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its place in the ladder, from 1.
    pub number: u32,
    /// What it is called.
    pub name: String,
    /// Whether programs that do not know it must keep away from a store that has it.
    pub breaking: bool,
    /// Whether this program knows it.
    pub known: bool,
    /// When the store got it; `None`: it is still to come.
    pub applied_at: Option<Timestamp>,
}

/// Where the store stands: every migration that it has or that this program knows, in order.
/// Empty for a store that never has a schema. Changes nothing, and makes no file.
///
/// # Errors
/// [`crate::store::Error::Invalid`] when the URL or what it leads to will not do, `Corrupt` when the store is of
/// another version that this program must keep away from, `Unavailable` when it cannot be reached.
///
/// # Cancel safety
/// Safe.
pub async fn status(url: &str) -> Result<Vec<Step>> {
    match open::parse(url)? {
        // What a Redis holds has a layout, and functions that are given to it as they are missed.
        StoreUrl::Memory | StoreUrl::Redis(_) => Ok(Vec::new()),
        StoreUrl::Sqlite(path) => sqlite::blocking(move || sqlite::migration_status(&path)).await,
        StoreUrl::Postgres(address) => postgres::migration_status(&address).await,
    }
}

/// Brings the store to the newest schema; answers the steps that it took, at `now`, none when it was
/// there already. With `dry_run` the steps are tried and taken back.
///
/// # Errors
/// As for [`status`]; nothing is changed then.
///
/// # Cancel safety
/// All steps are taken or none; repeat it to find out.
pub async fn up(url: &str, now: Timestamp, dry_run: bool) -> Result<Vec<Step>> {
    match open::parse(url)? {
        // What a Redis holds has a layout, and functions that are given to it as they are missed.
        StoreUrl::Memory | StoreUrl::Redis(_) => Ok(Vec::new()),
        StoreUrl::Sqlite(path) => {
            sqlite::blocking(move || sqlite::migrate_up(&path, now, dry_run)).await
        }
        StoreUrl::Postgres(address) => postgres::migrate_up(&address, now, dry_run).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_store_is_looked_at_tried_and_brought_up_by_its_url() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("jobs.db");
        let url = format!("sqlite://{}", file.display());
        let now = Timestamp::from_micros(1);

        let before = status(&url).await.unwrap();
        assert!(before.len() >= 3 && before.iter().all(|step| step.known));
        assert!(before.iter().all(|step| step.applied_at.is_none()));
        assert_eq!(up(&url, now, true).await.unwrap(), before);
        assert!(!file.exists(), "looking and trying make no file");

        let taken = up(&url, now, false).await.unwrap();
        assert!(taken.iter().all(|step| step.applied_at == Some(now)));
        assert_eq!(status(&url).await.unwrap(), taken);
        assert_eq!(up(&url, now, false).await.unwrap(), []);
        assert_eq!(status("memory:").await.unwrap(), []);
        assert!(status("nowhere").await.is_err());
    }
}

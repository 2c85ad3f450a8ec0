//! What `cargo xtask bench download` runs: the download queue itself, from the wish to the last synced file.
//!
//! Takes a folder, an address, an e-mail and how many recordings; the password comes by `AFTERCALL_PASSWORD`. Prints one
//! JSON object. Waveforms are not drawn: the peers draw none either.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use aftercall_domain::clock::SystemClock;
use aftercall_domain::download::Wish;
use aftercall_domain::ids::RecordingId;
use aftercall_engine::queue::{Analysed, Analyst, AtOnce, NotAnalysed, Queue, QueueOptions, QueueParts, Sound};
use aftercall_engine::secrets::{KeyChoice, open_root_key};
use aftercall_engine::store::Store;
use aftercall_engine::store::table::{calls, profile};
use aftercall_engine::sync::{Depth, sync_once};
use aftercall_engine::upstream::{Credentials, Crm, Limits};
use aftercall_engine::vault::Vault;
use secrecy::SecretString;
use serde_json::json;
use tokio_util::sync::CancellationToken;

struct Deaf;

impl Analyst for Deaf {
    fn analyse(&self, _: Box<dyn Sound>) -> Result<Analysed, NotAnalysed> {
        Err(NotAnalysed::NotDecoded)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, url, email, count, at_once] = arguments.as_slice() else {
        return Err("measure_download FOLDER URL EMAIL COUNT AT_ONCE".into());
    };
    let folder = Path::new(folder);
    let clock = Arc::new(SystemClock::new());
    let (at, now) = (folder.to_owned(), clock.clone());
    let opened = tokio::task::spawn_blocking(move || -> Result<_, Box<dyn Error + Send + Sync>> {
        let key = open_root_key(&at, &KeyChoice::File(at.join("key")))?;
        let store = Store::open(&at.join("library.db"), &key.db_key(), &*now)?;
        let name_mac = store.read_blocking(profile::name_mac)?;
        let vault = Vault::open(&at.join("recordings"), &name_mac, key.file_kek())?;
        Ok((store, Arc::new(vault)))
    });
    let (store, vault) = opened.await?.map_err(|error| error.to_string())?;
    let crm = Arc::new(Crm::new(url.parse()?, Limits::default(), clock.clone())?);
    let password = SecretString::from(std::env::var("AFTERCALL_PASSWORD")?);
    crm.sign_in(Credentials { email: email.clone(), password }, false).await?;
    sync_once(&crm, &store, &*clock, Depth::Usual, &|_| {}, &CancellationToken::new()).await?;
    let wanted: usize = count.parse()?;
    let found = store.read(move |conn| {
        let mut ids = Vec::new();
        for sid in calls::present_sids(conn)? {
            if ids.len() < wanted && calls::get(conn, &sid)?.is_some_and(|call| call.has_recording) {
                ids.push(RecordingId::crm(&sid));
            }
        }
        Ok(ids)
    });
    let ids = found.await?;
    let parts = QueueParts { store: store.clone(), vault, source: crm, analyst: Arc::new(Deaf), clock };
    let options =
        QueueOptions { at_once: AtOnce { crm: at_once.parse()?, ..AtOnce::default() }, ..QueueOptions::default() };
    let queue = Queue::start(parts, options).await?;
    let start = Instant::now();
    queue.want_all(&ids, Wish::Background).await?;
    let rows = queue.settled(&ids).await?;
    let wall_s = start.elapsed().as_secs_f64();
    let bytes: u64 = rows.iter().filter(|row| row.state.is_stored()).map(|row| row.bytes_here).sum();
    let stored = rows.iter().filter(|row| row.state.is_stored()).count();
    queue.stop().await;
    println!("{}", json!({"wall_s": wall_s, "stored": stored, "bytes": bytes}));
    Ok(())
}

//! Counts of answers, on their way from the clients into the library; and of gateway errors that a listener was shown,
//! of which there shall be none.

use std::collections::BTreeMap;
use std::time::Duration;

use aftercall_engine::store::table::answers::{self, Origin};
use aftercall_engine::upstream::Crm;
use tokio_util::sync::CancellationToken;

use crate::start::{App, lock};

const EACH: Duration = Duration::from_secs(60);

impl App {
    fn add_answers(&self, origin: Origin, counts: BTreeMap<u16, u64>) {
        let mut answered = lock(&self.0.answered);
        for (status, count) in counts {
            *answered.entry((origin, status)).or_default() += count;
        }
    }

    /// Counts what a client answered that is asked in passing.
    pub(crate) async fn count_answers(&self, crm: &Crm) {
        self.add_answers(Origin::Crm, crm.take_answers());
        self.keep_answers().await;
    }

    /// The one who listens asked this app and was answered with a gateway's error.
    pub(crate) fn count_shown(&self, status: u16) {
        self.add_answers(Origin::Listener, BTreeMap::from([(status, 1)]));
    }

    /// Writes what was counted since the last time. Beside a process that writes, the counts are dropped with this one.
    pub(crate) async fn keep_answers(&self) {
        let (crm, twilio) = self.upstreams();
        if let Some(crm) = crm {
            self.add_answers(Origin::Crm, crm.take_answers());
        }
        if let Some(twilio) = twilio {
            self.add_answers(Origin::Twilio, twilio.take_answers());
        }
        if !self.may_write() {
            return;
        }
        let counts = std::mem::take(&mut *lock(&self.0.answered));
        if counts.is_empty() {
            return;
        }
        let (now_ms, written) = (self.clock().now_ms(), counts.clone());
        let kept = self.store().write(move |tx, _| {
            for ((origin, status), count) in written {
                answers::add(tx, origin, [(status, count)], now_ms)?;
            }
            Ok(())
        });
        if let Err(error) = kept.await {
            tracing::warn!(code = error.code().as_str(), "counts of answers are not kept yet");
            for ((origin, status), count) in counts {
                self.add_answers(origin, BTreeMap::from([(status, count)]));
            }
        }
    }
}

/// What is counted may be lost with the process; a minute of it at most.
pub(crate) async fn keep_each_minute(app: App, stop: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EACH) => app.keep_answers().await,
        }
    }
}

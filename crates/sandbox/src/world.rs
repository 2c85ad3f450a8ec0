//! (being written)
use crate::message::{Request, Response};
use crate::script::Step;
use crate::{Account, Options, Ready, SandboxError, SeenRequest};
use std::sync::{Mutex, PoisonError};

pub(crate) struct World {
    options: Options,
    seen: Mutex<(Vec<SeenRequest>, Vec<u64>)>,
}

impl World {
    pub(crate) fn build(options: Options) -> Result<Self, SandboxError> {
        let counters = vec![0; options.script.len()];
        Ok(Self { options, seen: Mutex::new((Vec::new(), counters)) })
    }
    pub(crate) fn now_ms(&self) -> i64 {
        self.options.clock.now_ms()
    }
    pub(crate) fn ready(&self, url: &str) -> Ready {
        Ready {
            url: url.to_owned(),
            email: String::new(),
            password: String::new(),
            agent: Account { email: String::new(), password: String::new() },
            recordings: Vec::new(),
        }
    }
    pub(crate) fn seen(&self) -> Vec<SeenRequest> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }
    pub(crate) fn note(&self, request: &Request) -> Vec<Step> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        self.options.script.steps_for(&mut seen.1, &request.method, &request.path, &request.target())
    }
    pub(crate) fn expire_sessions(&self) {}
}

pub(crate) fn respond(_world: &World, _request: &Request) -> Response {
    Response::new(404)
}

//! What of the doctor's crosses to the window: words of ours and numbers, nothing else.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::report::CheckStatus;

/// Which steps the doctor takes, in order.
#[derive(Debug, Clone, Serialize, TS)]
pub struct DoctorSteps {
    /// Words for `doctor_look`.
    #[ts(type = "DoctorStep[]")]
    pub steps: Vec<&'static str>,
}

/// One step.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct DoctorAsk {
    /// Its word.
    #[ts(type = "DoctorStep")]
    pub step: String,
}

/// What one check found. No name, number, address or key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct DoctorFound {
    /// Which check.
    #[ts(type = "DoctorCheck")]
    pub check: &'static str,
    /// What it found; the sentences are the window's.
    #[ts(type = "DoctorFinding")]
    pub finding: &'static str,
    /// How bad it is.
    #[ts(type = "\"ok\" | \"warn\" | \"fail\"")]
    pub status: CheckStatus,
    /// How many, or which HTTP status.
    #[ts(type = "number | null")]
    pub n: Option<i64>,
    /// Counts by HTTP status, an error code, or a step's word.
    pub what: Option<String>,
    /// The doctor can mend it.
    pub is_mendable: bool,
}

/// What one step found.
#[derive(Debug, Clone, Serialize, TS)]
pub struct DoctorLooked {
    /// In the order of the checks; empty where there was nothing to look at.
    pub found: Vec<DoctorFound>,
}

/// One thing that the doctor mended.
#[derive(Debug, Clone, Serialize, TS)]
pub struct DoctorMended {
    /// What; the sentence is the window's.
    #[ts(type = "DoctorMend")]
    pub mend: &'static str,
    /// How many.
    #[ts(type = "number | null")]
    pub n: Option<u64>,
}

/// What the doctor mended.
#[derive(Debug, Clone, Serialize, TS)]
pub struct DoctorMending {
    /// In the order in which it was done; empty where there was nothing to do.
    pub done: Vec<DoctorMended>,
    /// The page has to load anew: the library was replaced.
    pub restart: bool,
}

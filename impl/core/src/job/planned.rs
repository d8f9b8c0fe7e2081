//! PLANNED: the job is validated and has no side effects (P1).

use super::decide::Step;
use crate::catalog::Advance;
use serde::{Deserialize, Serialize};

/// What PLANNED knows: nothing beyond the record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Planned {}

impl Planned {
    pub(super) fn step(&self) -> Result<Step, Step> {
        Ok(Step::Advance(Advance::BeginBackfill))
    }
}

//! How long a migrator rests before it looks again.

use splitjob_core::job::WaitingFor;

/// A rest that doubles while nothing comes of looking, and is gone once a step was taken.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// The next rest between these bounds, in milliseconds.
    pub(super) fn next_ms(&mut self, least_ms: u64, most_ms: u64) -> u64 {
        let rest = least_ms.saturating_mul(1 << self.tries.min(16)).min(most_ms);
        self.tries = self.tries.saturating_add(1);
        rest
    }

    pub(super) fn reset(&mut self) {
        self.tries = 0;
    }

    /// The rest after which a wait is looked at again, in milliseconds; absent where only the catalog can end it.
    pub(super) fn waiting_ms(&mut self, waiting: &WaitingFor) -> Option<u64> {
        match waiting {
            WaitingFor::Voters { .. } => Some(self.next_ms(3, 50)),
            WaitingFor::Lock { .. } => Some(self.next_ms(10, 50)),
            WaitingFor::Answer { .. } => Some(100),
            WaitingFor::Capability { .. } => Some(200),
            WaitingFor::Operator => None,
        }
    }
}

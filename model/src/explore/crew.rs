//! Running the phases of a round on several threads, and catching the panics of the world.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

/// Runs `work` on each item at once, the first item on this thread. Results come in the order of the items.
///
/// A panic in one item lets the others finish; the first one is returned, as its message.
pub(super) fn all_at_once<T, R>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Result<Vec<R>, String>
where
    T: Send,
    R: Send,
{
    let mut items = items.into_iter();
    let Some(first) = items.next() else { return Ok(Vec::new()) };
    let work = &work;
    thread::scope(|scope| {
        let others: Vec<_> = items.map(|item| scope.spawn(move || work(item))).collect();
        let mut results = vec![caught(|| work(first))];
        results.extend(others.into_iter().map(|other| other.join().map_err(|payload| message(&*payload))));
        results.into_iter().collect()
    })
}

/// The result of `work`, or the message of its panic.
///
/// Whatever `work` was changing is left half changed; callers drop it or only read what can't be torn.
pub(super) fn caught<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| message(&*payload))
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".to_owned())
}

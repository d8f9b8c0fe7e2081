//! Links that a test has cut.
//!
//! A file `cut` in a node's data directory lists numbers of nodes, separated by white space. While it does, the node
//! neither sends to them nor listens to them, as if the network between them were gone. It is read again whenever it
//! changes. It is for tests: an operator has no use for it.

use splitjob_core::id::NodeId;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// The nodes that are cut off, as they change.
pub(super) type Cut = watch::Receiver<BTreeSet<NodeId>>;

/// Watches the file, until nobody wants to know any more.
pub(super) fn watch(data: &Path) -> Cut {
    let path = data.join(FILE);
    let mut seen = changed_at(&path);
    let (sender, receiver) = watch::channel(read(&path));
    tokio::spawn(async move {
        while !sender.is_closed() {
            tokio::time::sleep(LOOK_EVERY).await;
            let changed = changed_at(&path);
            if changed != seen {
                seen = changed;
                let nodes = read(&path);
                tracing::warn!(?nodes, "links are cut by the file {FILE}: this is for tests");
                sender.send_replace(nodes);
            }
        }
    });
    receiver
}

fn changed_at(path: &PathBuf) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// What can't be read cuts nothing: the file may be half written, and will change once more.
fn read(path: &PathBuf) -> BTreeSet<NodeId> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).map(NodeId).collect()
}

const FILE: &str = "cut";
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_comes_and_goes_cuts_and_mends() {
        let dir = tempfile::tempdir().expect("a directory can be made");
        let mut cut = watch(dir.path());
        assert!(cut.borrow().is_empty());
        std::fs::write(dir.path().join(FILE), "2 3\n").expect("the file can be written");
        cut.wait_for(|nodes| nodes.len() == 2).await.expect("the watcher runs");
        std::fs::remove_file(dir.path().join(FILE)).expect("the file can be removed");
        cut.wait_for(BTreeSet::is_empty).await.expect("the watcher runs");
    }
}

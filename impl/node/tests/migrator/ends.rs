//! What must be true when a job has ended.

use crate::cluster::Cluster;
use splitjob_core::id::JobId;
use splitjob_core::job::PhaseName;
use splitjob_core::key::route_key;
use splitjob_core::store::Keyspace;
use std::collections::BTreeMap;

impl Cluster {
    /// Every acknowledged version is at its owner and nowhere else, and nothing of the job is left (S1, S9).
    pub(crate) fn check_end(&mut self, job: JobId) {
        let catalog = self.catalog().clone();
        self.clients.settle(&catalog, &mut self.groups);
        let mut stored = BTreeMap::new();
        for (id, group) in &self.groups {
            assert_eq!(group.rows(Keyspace::Staged), BTreeMap::new(), "group {id} has staged rows");
            for (key, content) in group.rows(Keyspace::Live) {
                let owner = catalog.routes().covering(&route_key(&key.0)).group;
                assert_eq!(*id, owner, "{} of group {owner} is left on group {id}", key.0);
                stored.insert(key, content);
            }
        }
        let lost = self.clients.acknowledged.iter().find(|(key, _)| !stored.contains_key(key));
        assert_eq!(lost, None, "an acknowledged version is lost: {}", self.told());
        assert_eq!(stored, self.clients.acknowledged, "the rows are others than were acknowledged");
        let record = self.job(job);
        for id in [record.source, record.target] {
            let group = &self.groups[&id].head;
            assert_eq!(group.jobs().get(&job), None, "group {id} remembers the job");
            assert!(group.closed().contains(job), "late messages of the job find it open on group {id}");
        }
        let owner = catalog.routes().covering(record.range.start()).group;
        let expected = if self.phase(job) == PhaseName::Done { record.target } else { record.source };
        assert_eq!(owner, expected, "the range belongs to the wrong group");
    }
}

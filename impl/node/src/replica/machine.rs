//! What a replica's log has made: the catalog, or the rows and guards of a data group.

use splitjob_core::catalog::{Catalog, CatalogOutcome, CatalogRejection};
use splitjob_core::gate::Gates;
use splitjob_core::group::{ApplyContext, Group, GroupCommand, Outcome, Rejection};
use splitjob_core::id::{CatalogVersion, GroupId};
use splitjob_core::key::RawInterval;
use splitjob_core::store::VersionReader;
use splitjob_core::timestamp::Timestamp;
use splitjob_store::{Checkpoint, Disk, Durability, GroupStore, LogPosition};
use splitjob_wire::entry::{decode_catalog_command, decode_group_command};
use splitjob_wire::peer::Configuration;
use splitjob_wire::record::{
    catalog_from_records, catalog_records, decode_configuration, decode_group_state, encode_configuration,
    encode_group_state,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A replica's state machine over its durable store.
pub(crate) enum Machine {
    /// The default group's.
    Catalog(Box<CatalogMachine>),
    /// A data group's.
    Data(Box<Group<GroupStore>>),
}

/// The catalog, and the records that it is kept in.
pub(crate) struct CatalogMachine {
    catalog: Catalog,
    store: GroupStore,
    records: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What an entry did.
pub(crate) enum Applied {
    /// An entry without a command: a new leader's first.
    Nothing,
    /// A data group's command.
    Group(Result<Outcome, Rejection>),
    /// A command of the catalog.
    Catalog(Result<CatalogOutcome, CatalogRejection>),
}

/// What a replica begins with when its disk has nothing of it.
pub(crate) enum Beginning {
    /// The catalog as the cluster's configuration has it.
    Catalog(Catalog),
    /// A data group that follows the catalog's first routes.
    Data(splitjob_core::catalog::Routes),
}

/// A machine, and where in its log it stands.
pub(crate) struct Opened {
    pub(crate) machine: Machine,
    pub(crate) applied: LogPosition,
    pub(crate) configuration: Configuration,
}

/// The name of the file that holds a generation of a group's rows.
pub(crate) fn store_name(group: GroupId, generation: u64) -> String {
    format!("group-{group}-{generation}.redb")
}

impl Machine {
    /// Opens what is on the disk, or begins.
    ///
    /// # Errors
    /// What is wrong with the disk or the records, as a sentence: the replica must not run.
    pub(crate) fn open(
        disk: &Arc<dyn Disk>,
        group: GroupId,
        generation: u64,
        cache_bytes: usize,
        beginning: Beginning,
        first: &Checkpointed,
    ) -> Result<Opened, String> {
        let name = store_name(group, generation);
        let (store, checkpoint) = GroupStore::open(disk.as_ref(), &name, cache_bytes).map_err(text)?;
        match checkpoint {
            Some(checkpoint) => Self::restore(group, store, &checkpoint),
            None => Self::begin(group, store, beginning, first),
        }
    }

    /// Opens a file that a snapshot was stored in.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub(crate) fn reopen(
        disk: &Arc<dyn Disk>,
        group: GroupId,
        generation: u64,
        cache_bytes: usize,
    ) -> Result<Opened, String> {
        let name = store_name(group, generation);
        let (store, checkpoint) = GroupStore::open(disk.as_ref(), &name, cache_bytes).map_err(text)?;
        let checkpoint = checkpoint.ok_or_else(|| format!("{name} has no checkpoint"))?;
        Self::restore(group, store, &checkpoint)
    }

    /// The state without the rows, as it is stored.
    pub(crate) fn encoded_state(&self) -> Vec<u8> {
        match self {
            // The catalog is all records.
            Machine::Catalog(_) => Vec::new(),
            Machine::Data(group) => encode_group_state(&group.state()),
        }
    }

    fn restore(group: GroupId, store: GroupStore, checkpoint: &Checkpoint) -> Result<Opened, String> {
        let configuration = decode_configuration(&checkpoint.configuration).map_err(text)?;
        let machine = if group == crate::desk::DEFAULT_GROUP {
            let records: BTreeMap<Vec<u8>, Vec<u8>> = store.records().map_err(text)?.into_iter().collect();
            let state = catalog_from_records(&records).map_err(text)?;
            let catalog = Catalog::from_state(state);
            Machine::Catalog(Box::new(CatalogMachine { catalog, store, records }))
        } else {
            let state = decode_group_state(&checkpoint.state).map_err(text)?;
            if state.id != group {
                return Err(format!("the file of group {group} holds group {}", state.id));
            }
            Machine::Data(Box::new(Group::from_state(state, store)))
        };
        Ok(Opened { machine, applied: checkpoint.applied, configuration })
    }

    fn begin(group: GroupId, store: GroupStore, beginning: Beginning, first: &Checkpointed) -> Result<Opened, String> {
        let mut machine = match beginning {
            Beginning::Catalog(catalog) => {
                Machine::Catalog(Box::new(CatalogMachine { catalog, store, records: BTreeMap::new() }))
            }
            Beginning::Data(routes) => Machine::Data(Box::new(Group::new(group, store, &routes))),
        };
        machine.commit(first, Durability::Durable)?;
        Ok(Opened { machine, applied: first.applied, configuration: first.configuration.clone() })
    }

    /// Applies an entry's data; says at which timestamp a transaction that it prepares will commit.
    ///
    /// # Errors
    /// The entry can't be read, or the store is damaged: the replica must stop before it acknowledges anything (V2).
    pub(crate) fn apply(&mut self, data: &[u8]) -> Result<(Applied, Timestamp), String> {
        if data.is_empty() {
            return Ok((Applied::Nothing, Timestamp::ZERO));
        }
        let mut prepared = Timestamp::ZERO;
        let applied = match self {
            Machine::Catalog(machine) => {
                let command = decode_catalog_command(data).map_err(text)?;
                Applied::Catalog(machine.catalog.apply(&command, Gates::all()))
            }
            Machine::Data(group) => {
                let command = decode_group_command(data).map_err(text)?;
                if let GroupCommand::Txn(txn) = &command {
                    prepared = txn.commit_ts;
                }
                Applied::Group(group.apply(&command, &ApplyContext::production()))
            }
        };
        match self.store().fault() {
            Some(fault) => Err(text(fault)),
            None => Ok((applied, prepared)),
        }
    }

    /// Stores what has been applied, with the position, in one piece.
    ///
    /// # Errors
    /// The store can't; the replica must stop before it acknowledges anything.
    pub(crate) fn commit(&mut self, at: &Checkpointed, durability: Durability) -> Result<(), String> {
        if let Machine::Catalog(machine) = self {
            machine.store_changes();
        }
        let checkpoint = Checkpoint {
            applied: at.applied,
            state: self.encoded_state(),
            configuration: encode_configuration(&at.configuration),
        };
        self.store_mut().commit(&checkpoint, durability).map_err(text)
    }

    /// The rows.
    pub(crate) fn store(&self) -> &GroupStore {
        match self {
            Machine::Catalog(machine) => &machine.store,
            Machine::Data(group) => group.store(),
        }
    }

    pub(crate) fn store_mut(&mut self) -> &mut GroupStore {
        match self {
            Machine::Catalog(machine) => &mut machine.store,
            Machine::Data(group) => group.store_mut(),
        }
    }

    /// The greatest timestamp at which a lock may still become a version.
    pub(crate) fn newest_lock(&self) -> Timestamp {
        let locks = self.store().locks(&RawInterval::all());
        locks.map(|(_, lock)| lock.commit_ts).fold(Timestamp::ZERO, Ord::max)
    }

    /// The data group, if it is one.
    pub(crate) fn data(&self) -> Option<&Group<GroupStore>> {
        match self {
            Machine::Data(group) => Some(group),
            Machine::Catalog(_) => None,
        }
    }

    /// The catalog, if it is that.
    pub(crate) fn catalog(&self) -> Option<&Catalog> {
        match self {
            Machine::Catalog(machine) => Some(&machine.catalog),
            Machine::Data(_) => None,
        }
    }

    /// The catalog version that it follows, or has.
    pub(crate) fn catalog_version(&self) -> CatalogVersion {
        match self {
            Machine::Catalog(machine) => machine.catalog.routes().version,
            Machine::Data(group) => group.applied_catalog_version(),
        }
    }
}

/// Where a machine stands when it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Checkpointed {
    pub(crate) applied: LogPosition,
    pub(crate) configuration: Configuration,
}

impl CatalogMachine {
    /// Only records that differ are written: the history may be long.
    fn store_changes(&mut self) {
        let records = catalog_records(&self.catalog.state());
        for key in self.records.keys().filter(|key| !records.contains_key(*key)) {
            self.store.put_record(key, None);
        }
        for (key, value) in &records {
            if self.records.get(key) != Some(value) {
                self.store.put_record(key, Some(value));
            }
        }
        self.records = records;
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

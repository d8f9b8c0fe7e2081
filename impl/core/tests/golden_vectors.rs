//! The golden vectors of an existing system with the same design, as far as this crate implements their areas.

mod vectors;

use std::collections::BTreeMap;

use vectors::{CORE_AREAS, all_rows};

#[test]
#[expect(clippy::print_stdout, reason = "how many rows ran is what one wants to see of this test")]
fn golden_vectors() {
    let mut ran: BTreeMap<&str, usize> = CORE_AREAS.iter().map(|(area, _)| (*area, 0)).collect();
    for row in all_rows() {
        if LATER.iter().any(|(area, _)| *area == row.area) {
            continue;
        }
        let Some((area, run)) = CORE_AREAS.iter().find(|(area, _)| *area == row.area) else {
            panic!("{row}: no test knows this area");
        };
        run(&row);
        *ran.entry(area).or_default() += 1;
    }
    for (area, rows) in &ran {
        println!("{area}: {rows} rows");
        assert_ne!(*rows, 0, "no row of area {area} ran: where are the vectors?");
    }
    for (area, reason) in LATER {
        println!("{area}: not here, because {reason}");
    }
}

/// What another crate implements, and its own test runs.
const LATER: [(&str, &str); 4] = [
    ("catalog", "the keys and scalars of the catalog are durable records, and splitjob-wire has their codecs"),
    ("route_codec", "routes are durable records, and splitjob-wire has their codec"),
    ("split_job", "job records are protobuf, and splitjob-wire has their codec"),
    ("txn_codec", "the values of transaction rows are durable records, and splitjob-wire has their codec"),
];

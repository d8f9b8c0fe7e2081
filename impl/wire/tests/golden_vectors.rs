//! The golden vectors of an existing system with the same design, all of them: areas of the core and those of records.

mod areas;
#[path = "../../core/tests/vectors/mod.rs"]
mod vectors;

use std::collections::BTreeMap;
use vectors::{CORE_AREAS, Run, all_rows};

#[test]
#[expect(clippy::print_stdout, reason = "how many rows ran is what one wants to see of this test")]
fn golden_vectors() {
    let areas: BTreeMap<&str, Run> = CORE_AREAS.into_iter().chain(WIRE_AREAS).collect();
    let mut ran: BTreeMap<&str, usize> = areas.keys().map(|area| (*area, 0)).collect();
    for row in all_rows() {
        let Some((area, run)) = areas.get_key_value(row.area.as_str()) else {
            panic!("{row}: no test knows this area");
        };
        run(&row);
        *ran.entry(area).or_default() += 1;
    }
    for (area, rows) in &ran {
        println!("{area}: {rows} rows");
        assert_ne!(*rows, 0, "no row of area {area} ran: where are the vectors?");
    }
}

/// What this crate implements beyond the core.
const WIRE_AREAS: [(&str, Run); 4] = [
    ("catalog", areas::catalog::run),
    ("route_codec", areas::route::run),
    ("split_job", areas::job::run),
    ("txn_codec", areas::txn::run),
];

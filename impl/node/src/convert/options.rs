//! How a job copies, by the names of [`JobOptions`]' fields.

use super::invalid;
use crate::api::NodeError;
use splitjob_core::job::JobOptions;
use std::collections::BTreeMap;

/// The options that were named; the others are the usual ones.
///
/// # Errors
/// [`NodeError::Invalid`] for a name that is none, and for a value that is no number.
pub(crate) fn options(named: &BTreeMap<String, String>) -> Result<JobOptions, NodeError> {
    let mut options = JobOptions::default();
    for (name, value) in named {
        let fields = fields(&mut options);
        let names = fields.each_ref().map(|(known, _)| *known).join(", ");
        let Some((_, field)) = fields.into_iter().find(|(known, _)| known == name) else {
            return Err(invalid(format!("there is no option {name:?}: there are {names}")));
        };
        *field = value.parse().map_err(|_| invalid(format!("option {name} is {value:?}, not a decimal number")))?;
    }
    Ok(options)
}

/// All options by their names.
pub(crate) fn options_message(options: &JobOptions) -> BTreeMap<String, String> {
    let mut options = options.clone();
    fields(&mut options).into_iter().map(|(name, value)| (name.to_owned(), value.to_string())).collect()
}

fn fields(options: &mut JobOptions) -> [(&'static str, &mut u64); 8] {
    [
        ("chunk_bytes", &mut options.chunk_bytes),
        ("chunk_rows", &mut options.chunk_rows),
        ("scan_rows", &mut options.scan_rows),
        ("sweep_rows", &mut options.sweep_rows),
        ("delta_rows", &mut options.delta_rows),
        ("max_rounds", &mut options.max_rounds),
        ("fence_budget_ms", &mut options.fence_budget_ms),
        ("max_fence_attempts", &mut options.max_fence_attempts),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_back_as_they_were_named() {
        let wanted = JobOptions { chunk_rows: 7, fence_budget_ms: 250, ..JobOptions::default() };
        assert_eq!(options(&options_message(&wanted)), Ok(wanted));
    }

    #[test]
    fn an_unknown_option_is_refused_by_its_name() {
        let named = BTreeMap::from([("chunk_row".to_owned(), "7".to_owned())]);
        let error = options(&named).expect_err("there is no such option").to_string();
        assert!(error.contains("\"chunk_row\"") && error.contains("chunk_rows"), "{error}");
    }
}

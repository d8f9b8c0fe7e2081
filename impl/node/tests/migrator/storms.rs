//! Jobs in storms: messages lost, doubled and late, leaders that change and don't know it, clients all the while.

use crate::cluster::{Cluster, Storm, TARGET, THIRD};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use splitjob_core::catalog::Advance;
use splitjob_core::id::{JobId, VoterId};
use splitjob_core::job::{FailReason, JobOptions, Phase, PhaseName};

fn storm() -> impl Strategy<Value = Storm> {
    (0..12u64, 0..20u64, 0..12u64, 1..20u64, 4..40u64, prop_oneof![Just(0), 200..3_000u64]).prop_map(
        |(lost, doubled, late, most_delay_ms, clients_every_ms, flaps_every_ms)| Storm {
            lost,
            doubled,
            late,
            most_delay_ms,
            clients_every_ms,
            flaps_every_ms,
            until_ms: 12_000,
        },
    )
}

fn options(chunk_rows: u64) -> JobOptions {
    JobOptions { chunk_rows, delta_rows: 60, sweep_rows: 7, fence_budget_ms: 3_000, ..JobOptions::default() }
}

/// An operator lets a job go on that gave up for want of time; nothing else may have stopped it.
fn retry_what_was_unlucky(cluster: &mut Cluster, job: JobId) {
    let Phase::Failed(failed) = &cluster.job(job).phase else { return };
    match &failed.reason {
        FailReason::NotConverging | FailReason::FenceAttemptsExhausted => {
            cluster.operate(job, Advance::Retry).expect("a failed job can be retried");
        }
        FailReason::Refused { message } => panic!("the job was refused: {message}; {}", cluster.told()),
    }
}

/// Lets time pass until it is so. When the storm is over, clients write no faster than the copy carries.
fn weather(cluster: &mut Cluster, jobs: &[JobId], mut is_so: impl FnMut(&Cluster) -> bool) {
    cluster.run_until(200_000, |cluster| {
        if cluster.now_ms > cluster.storm.until_ms {
            cluster.storm.clients_every_ms = cluster.storm.clients_every_ms.max(60);
        }
        for job in jobs {
            retry_what_was_unlucky(cluster, *job);
        }
        is_so(cluster)
    });
}

fn run_to_the_end(cluster: &mut Cluster, jobs: &[JobId]) {
    let has_ended = |phase| matches!(phase, PhaseName::Done | PhaseName::Abandoned);
    weather(cluster, jobs, |cluster| jobs.iter().all(|job| has_ended(cluster.phase(*job))));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 24, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn a_job_comes_to_its_end_in_any_storm_and_loses_nothing(
        seed: u64,
        storm in storm(),
        chunk_rows in 3..20u64,
        reads_until_ms in 0..20_000u64,
    ) {
        let mut cluster = Cluster::new(seed, storm, 1);
        cluster.fill(3);
        let job = cluster.start("m", TARGET, options(chunk_rows));
        let reader = cluster.group(crate::cluster::SOURCE).voters.get_mut(&VoterId(2)).expect("there are three");
        reader.reads_until_ms = reads_until_ms;
        cluster.lead(0);
        run_to_the_end(&mut cluster, &[job]);
        prop_assert_eq!(cluster.phase(job), PhaseName::Done);
        cluster.check_end(job);
    }

    #[test]
    fn a_job_that_is_given_up_at_any_moment_leaves_nothing(
        seed: u64,
        storm in storm(),
        chunk_rows in 3..20u64,
        abandoned_at_ms in 0..8_000u64,
    ) {
        let mut cluster = Cluster::new(seed, storm, 1);
        cluster.fill(3);
        let job = cluster.start("m", TARGET, options(chunk_rows));
        cluster.lead(0);
        cluster.run_until(10_000, |cluster| cluster.now_ms >= abandoned_at_ms);
        let is_given_up = cluster.operate(job, Advance::Abandon).is_ok();
        run_to_the_end(&mut cluster, &[job]);
        prop_assert_eq!(cluster.phase(job) == PhaseName::Abandoned, is_given_up);
        cluster.check_end(job);
    }

    #[test]
    fn two_jobs_at_once_don_t_disturb_each_other(seed: u64, storm in storm(), chunk_rows in 3..20u64) {
        let mut cluster = Cluster::new(seed, storm, 2);
        cluster.fill(3);
        let first = cluster.start("t", TARGET, options(chunk_rows));
        let at = splitjob_core::key::RoutingKey::from("h");
        let (route, expected_version) =
            (cluster.catalog().routes().covering(&at).id, cluster.catalog().routes().version);
        cluster.lead(0);
        // The second job begins once the first has cut its range off.
        weather(&mut cluster, &[first], |cluster| cluster.catalog().routes().version > expected_version);
        prop_assert!(cluster.catalog().routes().by_id(route).is_none());
        let second = cluster.start("h", THIRD, options(chunk_rows));
        run_to_the_end(&mut cluster, &[first, second]);
        cluster.check_end(first);
        cluster.check_end(second);
    }
}

//! What a job would do, and whether it may: every check of P1 by itself, then all of it on a copy of the catalog.

use crate::api::{Plan, PlanCheck};
use splitjob_core::catalog::{Catalog, CatalogCommand, CatalogRejection, CatalogState, Route, RouteState, StartJob};
use splitjob_core::gate::Gates;
use splitjob_core::key::{RoutingKey, reserved_namespace_conflict};
use splitjob_core::range::KeyRange;

/// The plan of the job that this command would start. Nothing is changed.
pub(super) fn plan(catalog: &Catalog, start: &StartJob) -> Plan {
    let route = catalog.routes().by_id(start.route);
    let range = route.and_then(|route| route.from_key(&start.split_key));
    let looked = Looked { catalog, state: catalog.state(), start, route, range: range.as_ref() };
    let checks = vec![
        check("the routes are at the version that was looked at", looked.version()),
        check("another job may be live", looked.live_jobs()),
        check("the route exists", looked.route_exists()),
        check("the split key lies in the route", looked.split_key()),
        check("every option has an effect", looked.options()),
        check("the target exists", looked.target_exists()),
        check("the target is another group than the source", looked.target_is_another()),
        check("the route is at rest", looked.at_rest()),
        check("no live job's range meets the route", looked.overlap()),
        check("every node can run the protocol", looked.capable()),
        check("the range meets no reserved namespace", looked.reserved()),
        check("the catalog would take the command", looked.taken()),
    ];
    let source = route.map(|route| route.group);
    Plan { range, source, target: start.target, checks }
}

/// What the checks look at. What depends on a route that doesn't exist is not checked.
struct Looked<'a> {
    catalog: &'a Catalog,
    state: CatalogState,
    start: &'a StartJob,
    route: Option<&'a Route>,
    range: Option<&'a KeyRange>,
}

type Found = Option<CatalogRejection>;

impl Looked<'_> {
    fn version(&self) -> Found {
        let (expected, current) = (self.start.expected_version, self.catalog.routes().version);
        (expected != current).then_some(CatalogRejection::VersionMoved { expected, current })
    }

    fn live_jobs(&self) -> Found {
        let (live, limit) = (self.state.live.len() as u64, self.state.limits.live_jobs);
        (live >= limit).then_some(CatalogRejection::TooManyJobs { live, limit })
    }

    fn route_exists(&self) -> Found {
        self.route.is_none().then_some(CatalogRejection::NoSuchRoute { route: self.start.route })
    }

    fn split_key(&self) -> Found {
        let route = self.route?;
        let outside = CatalogRejection::SplitKeyOutside { route: route.id, at: self.start.split_key.clone() };
        self.range.is_none().then_some(outside)
    }

    fn options(&self) -> Found {
        let option = self.start.options.without_effect()?;
        Some(CatalogRejection::OptionWithoutEffect { option: option.to_owned() })
    }

    fn target_exists(&self) -> Found {
        let group = self.start.target;
        (!self.state.groups.contains(&group)).then_some(CatalogRejection::NoSuchGroup { group })
    }

    fn target_is_another(&self) -> Found {
        let group = self.start.target;
        (self.route?.group == group).then_some(CatalogRejection::TargetIsSource { group })
    }

    fn at_rest(&self) -> Found {
        let route = self.route?;
        let is_at_rest = route.state == RouteState::Active && route.staged_for.is_none();
        (!is_at_rest).then_some(CatalogRejection::RouteNotAtRest { route: route.id })
    }

    fn overlap(&self) -> Found {
        let route = self.route?;
        let met = self.catalog.live_jobs().find(|job| job.range.intersects(&route.range))?;
        Some(CatalogRejection::SplitJobOverlap { job: met.id })
    }

    fn capable(&self) -> Found {
        let node = self.catalog.lacking(self.start.now_ms)?;
        Some(CatalogRejection::NodeNotCapable { node })
    }

    fn reserved(&self) -> Found {
        let family = reserved_namespace_conflict(self.range?)?;
        Some(CatalogRejection::ReservedRange { prefix: RoutingKey::from(family.prefix()) })
    }

    // The catalog has the last word: a rule that is not listed above shows here.
    fn taken(&self) -> Found {
        self.catalog.clone().apply(&CatalogCommand::StartJob(self.start.clone()), Gates::all()).err()
    }
}

fn check(what: &str, found: Found) -> PlanCheck {
    PlanCheck { what: what.to_owned(), problem: found.map(|rejection| rejection.to_string()) }
}

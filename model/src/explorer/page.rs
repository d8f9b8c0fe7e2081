//! The picture above the state: what is violated, what the last step changed, and the path as a sequence diagram.

use super::{Choice, Moment, SplitJob};
use crate::story::{End, Ending, Story, diagram, typeset};
use crate::world::{Action, State};
use std::fmt::Write;

/// The picture of a path, as HTML.
pub(super) fn of(job: &SplitJob, path: &[(Moment, Option<Choice>)]) -> String {
    let states = path.iter().skip(1).map(|(moment, _)| moment.state);
    let actions = path.iter().filter_map(|(_, choice)| choice.as_ref()).map(|choice| choice.action);
    let steps: Vec<(Action, State)> = actions.zip(states).collect();
    let last = path.last().map_or_else(|| job.world.first_state(), |(moment, _)| moment.state);
    let violated = job.violated_in(&last);
    let story =
        Story::of(&job.world, &steps, &violated.first().map_or(End::Open, |property| End::Violation(*property)));
    let mut html = format!(r#"<div class="splitjob" style="{PAGE}">"#);
    heading(job, &mut html);
    for property in &violated {
        if let Some(ending) = Story::of(&job.world, &steps, &End::Violation(*property)).ending {
            broken(&ending, &mut html);
        }
    }
    if let Some((_, _, ending)) = job.unmet.as_ref().filter(|(_, at, _)| *at == last) {
        broken(ending, &mut html);
    }
    if let Some(step) = story.steps.last() {
        let _infallible = write!(
            html,
            r#"<p style="{PARAGRAPH}"><b>Last step.</b> {}</p><ul style="{LIST}">"#,
            typeset::escaped(&step.text)
        );
        for change in step.news() {
            let _infallible = write!(html, "<li>{}</li>", typeset::escaped(change));
        }
        html.push_str("</ul>");
    }
    let title = format!("The path so far: {} steps", story.steps.len());
    let drawn = diagram::svg(&story, &title);
    html.push_str(&drawn.replacen("<svg ", r#"<svg style="max-width:100%;height:auto" "#, 1));
    html.push_str("</div>");
    html
}

fn broken(ending: &Ending, html: &mut String) {
    let (head, told) = (typeset::escaped(&ending.head), typeset::escaped(&ending.told));
    let _infallible = write!(html, r#"<div class="splitjob-violated" style="{VIOLATED}"><b>{head}</b> {told}</div>"#);
}

fn heading(job: &SplitJob, html: &mut String) {
    let _infallible = write!(
        html,
        r#"<p style="{PARAGRAPH}"><b>Scenario {}.</b> {}</p>"#,
        typeset::escaped(job.scenario.name),
        typeset::escaped(job.scenario.purpose)
    );
    if let Some(gap) = job.gap {
        for (gates, what) in [(gap.removes, "without"), (gap.jams, "with a gate that never opens:")] {
            let gates = gates.iter().map(|gate| format!("{gate} (rule {}): {}", gate.rule(), gate.demands()));
            let gates = gates.collect::<Vec<_>>().join(" ");
            if !gates.is_empty() {
                let (name, gates) = (typeset::escaped(gap.name), typeset::escaped(&gates));
                let _infallible =
                    write!(html, r#"<p style="{PARAGRAPH}"><b>Gap {name}.</b> This world runs {what} {gates}</p>"#);
            }
        }
    }
    for goal in &job.lost {
        let lost = format!("{goal}, {:?}, is reached by no state of this world.", goal.says());
        let _infallible = write!(html, r#"<p style="{PARAGRAPH}"><b>{}</b></p>"#, typeset::escaped(&lost));
    }
}

const PAGE: &str = "background:#fff;color:#24292f;font-family:'DejaVu Sans','Segoe UI',Helvetica,Arial,sans-serif;\
font-size:14px;line-height:1.45;padding:12px;border-radius:6px;white-space:normal";
const PARAGRAPH: &str = "margin:0 0 8px 0";
const LIST: &str = "margin:0 0 10px 0;padding-left:22px;color:#57606a";
const VIOLATED: &str =
    "background:#cf222e;color:#fff;padding:10px 14px;border-radius:6px;margin:0 0 10px 0;font-size:15px";

//! A story as a sequence diagram: who speaks to whom, in which phase of the job, and what it changed.

use super::typeset::{escaped, lines, width};
use super::{Ending, Lane, StepView, Story};
use splitjob_core::job::PhaseName;
use std::fmt::Write;

/// The story as an SVG document of a fixed width on a light ground.
pub fn svg(story: &Story, title: &str) -> String {
    let mut sheet = Sheet::new(story);
    sheet.heading(title, story);
    if story.steps.is_empty() {
        return sheet.finish();
    }
    sheet.lane_titles();
    let mut previous = None;
    let is_bad = story.ending.as_ref().is_some_and(|ending| ending.is_bad);
    let mut repeats_from = None;
    for (index, step) in story.steps.iter().enumerate() {
        let is_fatal = is_bad && story.stem.is_none() && index + 1 == story.steps.len();
        sheet.phase(previous.replace(step.phase), step.phase);
        if story.stem == Some(index) {
            repeats_from = Some(sheet.begin_loop());
        }
        sheet.step(index + 1, step, is_fatal);
    }
    if let Some(top) = repeats_from {
        sheet.end_loop(top);
    }
    sheet.end_of_lanes();
    if let Some(ending) = &story.ending {
        sheet.verdict(ending);
    }
    sheet.finish()
}

/// The drawing in the making, from the top down.
struct Sheet<'a> {
    lanes: &'a [(Lane, String)],
    /// Drawn below everything else.
    ground: String,
    ink: String,
    y: f64,
    lanes_from: f64,
    phase_from: f64,
    phase: Option<PhaseName>,
}

impl<'a> Sheet<'a> {
    fn new(story: &'a Story) -> Sheet<'a> {
        Sheet {
            lanes: &story.lanes,
            ground: String::new(),
            ink: String::new(),
            y: MARGIN,
            lanes_from: 0.0,
            phase_from: 0.0,
            phase: None,
        }
    }

    fn heading(&mut self, title: &str, story: &Story) {
        self.block(MARGIN, title, 19.0, WIDTH - 2.0 * MARGIN, "title");
        self.y += 6.0;
        for paragraph in [&story.cast, &story.prologue] {
            self.block(MARGIN, paragraph, TEXT, WIDTH - 2.0 * MARGIN, "prose");
            self.y += 4.0;
        }
        self.y += 12.0;
    }

    /// Lines of text from the current height down.
    fn block(&mut self, x: f64, text: &str, size: f64, wide: f64, class: &str) {
        for line in lines(text, size, wide) {
            self.y += size * 1.35;
            write_text(&mut self.ink, (x, self.y), "start", class, size, &line);
        }
    }

    fn lane_titles(&mut self) {
        let wide = (self.lane_gap() - 8.0).min(120.0);
        let words = self.lanes.iter().flat_map(|(_, title)| title.split(' '));
        let widest = words.map(|word| width(word, 1.0)).fold(1.0, f64::max);
        let size = TEXT.min((wide - 8.0) / widest / BOLD);
        let fitting = (wide - 6.0) / BOLD;
        let titles: Vec<Vec<String>> = self.lanes.iter().map(|(_, title)| lines(title, size, fitting)).collect();
        let tall = titles.iter().map(Vec::len).max().unwrap_or(1) as f64 * LINE + 10.0;
        for (index, ((lane, _), title)) in self.lanes.iter().zip(&titles).enumerate() {
            let x = self.lane_at(index);
            let (left, top) = (x - wide / 2.0, self.y);
            let _infallible = write!(
                self.ink,
                r##"<rect x="{left:.1}" y="{top:.1}" width="{wide:.1}" height="{tall:.1}" rx="5" fill="{}" stroke="#57606a"/>"##,
                lane_colour(*lane)
            );
            let first = self.y + (tall - title.len() as f64 * LINE) / 2.0 + 11.5;
            for (line, text) in title.iter().enumerate() {
                write_text(&mut self.ink, (x, first + line as f64 * LINE), "middle", "lane", size, text);
            }
        }
        write_text(&mut self.ink, (CHANGES, self.y + tall / 2.0 + 4.0), "start", "lane", TEXT, "what it changed");
        self.y += tall;
        self.lanes_from = self.y;
        self.phase_from = self.y;
        self.y += 8.0;
    }

    fn lane_gap(&self) -> f64 {
        (LANES_END - LANES) / self.lanes.len().max(1) as f64
    }

    fn lane_at(&self, index: usize) -> f64 {
        LANES + (index as f64 + 0.5) * self.lane_gap()
    }

    fn x_of(&self, lane: Lane) -> f64 {
        let index = self.lanes.iter().position(|(known, _)| *known == lane);
        self.lane_at(index.unwrap_or(0))
    }

    /// Begins a new band on the left when the phase changes.
    fn phase(&mut self, before: Option<PhaseName>, phase: PhaseName) {
        if before.is_some_and(|before| before != phase) {
            self.end_of_phase();
        }
        self.phase = Some(phase);
    }

    fn end_of_phase(&mut self) {
        let Some(phase) = self.phase else { return };
        let (top, tall) = (self.phase_from + 1.0, self.y - self.phase_from - 2.0);
        let _infallible = write!(
            self.ground,
            r##"<rect x="{MARGIN}" y="{top:.1}" width="{PHASE_WIDTH}" height="{tall:.1}" rx="4" fill="{}"/>"##,
            phase_colour(phase)
        );
        let at = (MARGIN + PHASE_WIDTH / 2.0, top + tall.min(40.0) / 2.0 + 4.0);
        write_text(&mut self.ink, at, "middle", "phase", 11.0, &phase.to_string());
        self.phase_from = self.y;
    }

    fn step(&mut self, number: usize, step: &StepView, is_fatal: bool) {
        let top = self.y;
        let colour = if is_fatal { RED } else { INK };
        let (from, to) = (self.x_of(step.from), self.x_of(step.to));
        let bottom = if step.from == step.to {
            self.note(top, from, &step.label, is_fatal)
        } else {
            let via = step.via.map(|lane| self.x_of(lane));
            self.arrow(top, (from, via, to), &step.label, colour, step.is_lost)
        };
        let _infallible = write!(self.ink, r#"<circle cx="{NUMBER}" cy="{:.1}" r="11" fill="{colour}"/>"#, top + 15.0);
        let digits = number.to_string();
        write_text(&mut self.ink, (NUMBER, top + 19.0), "middle", "number", 11.0, &digits);
        let changes_end = self.changes(top, step);
        self.y = bottom.max(changes_end).max(top + 30.0) + 9.0;
        let _infallible = write!(
            self.ground,
            r##"<line x1="{LANES}" x2="{:.1}" y1="{y:.1}" y2="{y:.1}" stroke="#eaeef2"/>"##,
            WIDTH - MARGIN,
            y = self.y - 3.0
        );
    }

    /// A label above an arrow; returns where it ends.
    fn arrow(
        &mut self,
        top: f64,
        (from, via, to): (f64, Option<f64>, f64),
        label: &str,
        colour: &str,
        is_lost: bool,
    ) -> f64 {
        let label_lines =
            lines(label, TEXT * if colour == RED { BOLD } else { 1.0 }, LABEL_WIDTH.max((to - from).abs() - 20.0));
        let wide = label_lines.iter().map(|line| width(line, TEXT)).fold(0.0, f64::max);
        let middle = clamped((from + to) / 2.0, wide);
        for (index, line) in label_lines.iter().enumerate() {
            let at = (middle, top + 13.0 + index as f64 * LINE);
            let class = if colour == RED { "label sj-fatal" } else { "label" };
            write_text(&mut self.ink, at, "middle", class, TEXT, line);
        }
        let y = top + 13.0 + label_lines.len() as f64 * LINE - 5.0;
        let dash = if is_lost { r#" stroke-dasharray="5 4""# } else { "" };
        let tip = if to > from { to - 7.0 } else { to + 7.0 };
        let _infallible = write!(
            self.ink,
            r#"<line x1="{from:.1}" x2="{tip:.1}" y1="{y:.1}" y2="{y:.1}" stroke="{colour}" stroke-width="1.7"{dash}/>"#
        );
        self.head(to, y, to > from, colour);
        if let Some(via) = via {
            let _infallible = write!(self.ink, r#"<circle cx="{via:.1}" cy="{y:.1}" r="4.5" fill="{colour}"/>"#);
        }
        y + 9.0
    }

    fn head(&mut self, x: f64, y: f64, points_right: bool, colour: &str) {
        let back = if points_right { x - 9.0 } else { x + 9.0 };
        let _infallible = write!(
            self.ink,
            r#"<polygon points="{x:.1},{y:.1} {back:.1},{:.1} {back:.1},{:.1}" fill="{colour}"/>"#,
            y - 4.5,
            y + 4.5
        );
    }

    /// A box on a lane; returns where it ends.
    fn note(&mut self, top: f64, x: f64, label: &str, is_fatal: bool) -> f64 {
        let note_lines = lines(label, TEXT, LABEL_WIDTH - 20.0);
        let wide = note_lines.iter().map(|line| width(line, TEXT)).fold(0.0, f64::max) + 16.0;
        let (middle, tall) = (clamped(x, wide), note_lines.len() as f64 * LINE + 8.0);
        let (stroke, fill) = if is_fatal { (RED, "#ffebe9") } else { ("#9a6700", "#fff8c5") };
        let _infallible = write!(
            self.ink,
            r#"<rect x="{:.1}" y="{:.1}" width="{wide:.1}" height="{tall:.1}" rx="4" fill="{fill}" stroke="{stroke}"/>"#,
            middle - wide / 2.0,
            top + 2.0
        );
        for (index, line) in note_lines.iter().enumerate() {
            let at = (middle, top + 17.0 + index as f64 * LINE);
            write_text(&mut self.ink, at, "middle", "note", TEXT, line);
        }
        top + tall + 4.0
    }

    /// The column on the right; returns where it ends.
    fn changes(&mut self, top: f64, step: &StepView) -> f64 {
        let mut y = top + 1.0;
        for change in step.news() {
            for (index, line) in lines(change, SMALL, WIDTH - MARGIN - CHANGES - 10.0).iter().enumerate() {
                y += SMALL * 1.25;
                if index == 0 {
                    write_text(&mut self.ink, (CHANGES, y), "start", "change", SMALL, "·");
                }
                write_text(&mut self.ink, (CHANGES + 9.0, y), "start", "change", SMALL, line);
            }
        }
        y + 4.0
    }

    /// The head of a frame around steps that repeat; returns where it begins.
    fn begin_loop(&mut self) -> f64 {
        let top = self.y;
        write_text(&mut self.ink, (LANES + 6.0, top + 14.0), "start", "fatal", TEXT, "again and again, for ever:");
        self.y += 22.0;
        top
    }

    fn end_loop(&mut self, top: f64) {
        let (left, wide, tall) = (NUMBER - 16.0, LANES_END - NUMBER + 20.0, self.y - top);
        let _infallible = write!(
            self.ground,
            r##"<rect x="{left:.1}" y="{top:.1}" width="{wide:.1}" height="{tall:.1}" rx="4" fill="none" stroke="{RED}" stroke-width="1.5"/>"##
        );
        self.y += 4.0;
    }

    fn end_of_lanes(&mut self) {
        self.y += 4.0;
        self.end_of_phase();
        for index in 0..self.lanes.len() {
            let _infallible = write!(
                self.ground,
                r##"<line x1="{x:.1}" x2="{x:.1}" y1="{:.1}" y2="{:.1}" stroke="#afb8c1" stroke-dasharray="2 3"/>"##,
                self.lanes_from,
                self.y,
                x = self.lane_at(index)
            );
        }
    }

    fn verdict(&mut self, ending: &Ending) {
        let (fill, stroke) = if ending.is_bad { ("#ffebe9", RED) } else { ("#ddf4ff", INK) };
        self.y += 10.0;
        let wide = WIDTH - 2.0 * MARGIN;
        let told_lines = lines(&ending.told, TEXT + 1.0, wide - 28.0);
        let tall = 34.0 + told_lines.len() as f64 * 18.0;
        let _infallible = write!(
            self.ground,
            r##"<rect x="{MARGIN}" y="{:.1}" width="{wide:.1}" height="{tall:.1}" rx="6" fill="{fill}" stroke="{stroke}"/>"##,
            self.y
        );
        let class = if ending.is_bad { "verdict" } else { "title" };
        write_text(&mut self.ink, (MARGIN + 14.0, self.y + 22.0), "start", class, 15.0, &ending.head);
        for (index, line) in told_lines.iter().enumerate() {
            let at = (MARGIN + 14.0, self.y + 42.0 + index as f64 * 18.0);
            write_text(&mut self.ink, at, "start", "prose", TEXT + 1.0, line);
        }
        self.y += tall;
    }

    fn finish(self) -> String {
        let tall = self.y + MARGIN;
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{tall:.0}" viewBox="0 0 {WIDTH} {tall:.0}"><style>{STYLE}</style><rect width="{WIDTH}" height="{tall:.0}" fill="#ffffff"/>{}{}</svg>
"##,
            self.ground, self.ink
        )
    }
}

/// A middle for something so wide that it stays between the numbers and the changes.
fn clamped(middle: f64, wide: f64) -> f64 {
    let (least, most) = (NUMBER + 18.0 + wide / 2.0, CHANGES - 14.0 - wide / 2.0);
    middle.min(most).max(least)
}

fn write_text(ink: &mut String, (x, y): (f64, f64), anchor: &str, class: &str, size: f64, text: &str) {
    let _infallible = write!(
        ink,
        r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" class="sj-{class}" font-size="{size}">{}</text>"#,
        escaped(text)
    );
}

fn lane_colour(lane: Lane) -> &'static str {
    match lane {
        Lane::Client => "#ddf4ff",
        Lane::Coordinator(_) => "#f6f8fa",
        Lane::Migrator(_) => "#fbefff",
        Lane::Network => "#eaeef2",
        Lane::Catalog => "#fff1e5",
        Lane::Voter(group, _) => GROUP_COLOURS[usize::from(group.number() - 1)],
    }
}

fn phase_colour(phase: PhaseName) -> &'static str {
    match phase {
        PhaseName::Planned => "#eaeef2",
        PhaseName::Backfill => "#cfe8ff",
        PhaseName::Fence => "#ffd8b5",
        PhaseName::DeltaCopy => "#fdeec2",
        PhaseName::Cutover => "#f4c9d6",
        PhaseName::Cleanup => "#d5ccf3",
        PhaseName::Done => "#c8ecd0",
        PhaseName::Failed => "#ffc1ba",
        PhaseName::Abandoning => "#e6dccb",
        PhaseName::Abandoned => "#d8d0c2",
    }
}

/// By number.
const GROUP_COLOURS: [&str; 3] = ["#dafbe1", "#d8f3f0", "#eef3c9"];
const WIDTH: f64 = 1200.0;
const MARGIN: f64 = 18.0;
const PHASE_WIDTH: f64 = 88.0;
/// The middle of the steps' numbers.
const NUMBER: f64 = 126.0;
/// Where the lanes begin.
const LANES: f64 = 146.0;
/// Where they end.
const LANES_END: f64 = 856.0;
/// Where the column of changes begins.
const CHANGES: f64 = 872.0;
/// Letters of labels.
const TEXT: f64 = 12.5;
/// Letters of changes.
const SMALL: f64 = 11.5;
/// Height of a line of a label.
const LINE: f64 = 15.5;
/// A label is at most so wide, unless its arrow is wider.
const LABEL_WIDTH: f64 = 330.0;
/// Bold letters are so much wider than others.
const BOLD: f64 = 1.1;
const INK: &str = "#24292f";
const RED: &str = "#cf222e";
/// Only names with a prefix: the drawing may stand in a page of others.
const STYLE: &str = "text[class^=sj-]{font-family:'DejaVu Sans','Segoe UI',Helvetica,Arial,sans-serif;fill:#24292f}\
text.sj-title{font-weight:700}text.sj-prose{fill:#424a53}text.sj-lane{font-weight:600}text.sj-phase{font-weight:700}\
text.sj-fatal{fill:#cf222e;font-weight:600}text.sj-number{fill:#fff;font-weight:700}text.sj-change{fill:#57606a}text.sj-verdict{fill:#cf222e;font-weight:700}\
text.sj-label{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}";

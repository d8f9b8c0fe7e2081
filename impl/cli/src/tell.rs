//! A story on the terminal.

use crate::out::{Out, Style};
use splitjob_model::scenario::{Gap, Scenario};
use splitjob_model::story::Story;
use std::io;

/// Writes the story, step by step, with what each step changed.
pub(crate) fn story(out: &mut Out, story: &Story) -> io::Result<()> {
    out.paragraph(2, &story.cast)?;
    out.paragraph(2, &story.prologue)?;
    out.line("")?;
    for (index, step) in story.steps.iter().enumerate() {
        if story.stem == Some(index) {
            out.line(out.paint(Style::Bad, "      and then, again and again, for ever:"))?;
        }
        let number = format!("{:>4}. ", index + 1);
        let head = out.paint(Style::Strong, &number);
        out.hanging(&head, number.len(), &step.text, None)?;
        for change in step.news() {
            let bullet = out.paint(Style::Faint, "        · ");
            out.hanging(&bullet, 10, change, Some(Style::Faint))?;
        }
    }
    if let Some(ending) = &story.ending {
        out.line("")?;
        let style = if ending.is_bad { Style::Bad } else { Style::Good };
        out.line(out.paint(style, &format!("  {}", ending.head)))?;
        out.paragraph(2, &ending.told)?;
    }
    Ok(())
}

/// Says how to walk through the trace in a browser.
pub(crate) fn where_to_walk(
    out: &mut Out,
    scenario: &Scenario,
    gap: Option<&Gap>,
    choices: &[usize],
) -> io::Result<()> {
    let gap = gap.map_or_else(String::new, |gap| format!(" --gap {}", gap.name));
    out.line(format_args!("  walk through it: splitjob explore {}{gap}", scenario.name))?;
    out.line(format_args!("  and open:        {}", link(DEFAULT_PORT, choices)))
}

/// The page of the Explorer that shows a path, given the index of each choice.
pub(crate) fn link(port: u16, choices: &[usize]) -> String {
    let choices: String = choices.iter().map(|choice| format!("/{choice}")).collect();
    format!("http://127.0.0.1:{port}/#/steps/0{choices}")
}

/// Where the Explorer listens unless told otherwise.
pub(crate) const DEFAULT_PORT: u16 = 3000;

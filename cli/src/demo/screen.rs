//! What people see: the first screen, and a line for whatever happens later. Pure.

mod number;

use anstyle::{AnsiColor, Style};
use std::{
    fmt::{self, Write as _},
    time::Duration,
};

use super::{
    event::{Ended, Event, Summary},
    ready::{Metric, Pipeline, Ready, millis},
};
use crate::demo::screen::number::{brief, length, written};
use shared::job::State;

const HEADING: Style = Style::new().bold();
const COMMAND: Style = AnsiColor::Cyan.on_default();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const QUIET: Style = Style::new().dimmed();

/// Most letters of an error that a line shows; the log and the job have all of it.
const ERROR: usize = 160;

/// An event for people, whole lines of it, with colours.
pub(super) fn render(event: &Event, after: Duration) -> String {
    let mut text = String::new();
    write(&mut text, event, after).expect("writing into a text does not fail");
    text
}

fn write(to: &mut String, event: &Event, after: Duration) -> fmt::Result {
    match event {
        Event::Ready(ready) => first_screen(to, ready, after),
        Event::JobEnded(ended) => line(to, after, |to| job(to, ended)),
        Event::MoreEnded { jobs } => line(to, after, |to| write!(to, "and {jobs} more jobs ended")),
        Event::Switched { mended: true } => line(to, after, |to| {
            write!(
                to,
                "{GOOD}the service is mended{GOOD:#}: what calls it succeeds"
            )
        }),
        Event::Switched { mended: false } => line(to, after, |to| {
            write!(
                to,
                "{BAD}the service is out of order{BAD:#}: what calls it fails"
            )
        }),
        Event::Refused { what, why } => line(to, after, |to| {
            write!(
                to,
                "{BAD}the receiver refused {what}{BAD:#}: {}",
                brief(why, ERROR)
            )
        }),
        Event::Stopping => line(to, after, |to| {
            write!(
                to,
                "stopping: what runs may finish; Ctrl-C again stops at once"
            )
        }),
        Event::Stopped(summary) => goodbye(to, summary),
    }
}

fn line(
    to: &mut String,
    after: Duration,
    write: impl FnOnce(&mut String) -> fmt::Result,
) -> fmt::Result {
    let seconds = after.as_secs();
    write!(
        to,
        "{QUIET}{:>3}:{:02}{QUIET:#}  ",
        seconds / 60,
        seconds % 60
    )?;
    write(to)?;
    writeln!(to)
}

fn first_screen(to: &mut String, ready: &Ready, after: Duration) -> fmt::Result {
    let place = &ready.place;
    writeln!(
        to,
        "\n{HEADING}Windlass {} demo{HEADING:#}: all of it runs here, nothing leaves this machine\n",
        ready.version
    )?;
    write!(to, "  API       {COMMAND}{}{COMMAND:#}", place.api)?;
    match &place.instead_of {
        Some(usual) => writeln!(to, "  {QUIET}({usual} is taken){QUIET:#}")?,
        None => writeln!(to)?,
    }
    writeln!(
        to,
        "  receiver  http://{}  {QUIET}(shows what it took){QUIET:#}",
        ready.samples.receiver
    )?;
    writeln!(
        to,
        "  files     {}  {QUIET}windlass.toml, windlass.log{QUIET:#}",
        place.directory.display()
    )?;
    writeln!(to)?;
    pipeline(to, ready)?;
    writeln!(to)?;
    dead_letter(to, ready)?;
    writeln!(to)?;
    writeln!(to, "{HEADING}Look around{HEADING:#}, in another terminal")?;
    let commands = &ready.commands;
    for command in [&commands.status, &commands.jobs, &commands.pipeline] {
        writeln!(to, "  {COMMAND}{command}{COMMAND:#}")?;
    }
    let end = if place.kept { "keeps" } else { "removes" };
    writeln!(
        to,
        "\nReady after {}. Ctrl-C ends the demo and {end} its files. From now on:\n",
        length(millis(after))
    )
}

fn pipeline(to: &mut String, ready: &Ready) -> fmt::Result {
    let pipeline = &ready.pipeline;
    let name = pipeline.name;
    match (pipeline.status.as_deref(), pipeline.took_ms) {
        (Some("published"), Some(took)) => write!(
            to,
            "{HEADING}Pipeline {name}{HEADING:#} collected, computed and {GOOD}published{GOOD:#} \
             in {}",
            length(took)
        )?,
        (Some(status), Some(took)) => {
            let told = match status {
                "partial" => "published a part",
                _ => "published nothing",
            };
            write!(
                to,
                "{HEADING}Pipeline {name}{HEADING:#} {BAD}{told}{BAD:#} in {}",
                length(took)
            )?;
        }
        _ => {
            let state = pipeline.state;
            write!(
                to,
                "{HEADING}Pipeline {name}{HEADING:#} has not ended yet: it is {state}"
            )?;
        }
    }
    match pipeline.every_ms {
        Some(every) => writeln!(to, "; again every {}", length(every))?,
        None => writeln!(to)?,
    }
    if let Some(why) = &pipeline.why {
        writeln!(to, "  {BAD}{}{BAD:#}", brief(why, ERROR))?;
    }
    metrics(to, &pipeline.metrics)?;
    deliveries(to, pipeline, ready)?;
    let data = &ready.data;
    for (label, origin) in [("data:", &data.oecd), ("", &data.gsp)] {
        writeln!(to, "    {QUIET}{label:<5} {origin}{QUIET:#}")?;
    }
    Ok(())
}

/// The numbers, in columns.
fn metrics(to: &mut String, metrics: &[Metric]) -> fmt::Result {
    let rows: Vec<[String; 5]> = metrics
        .iter()
        .map(|metric| {
            let date = metric.date.as_deref().unwrap_or_default();
            // A year is written as its first instant.
            let date = date.strip_suffix("-01-01T00:00:00Z").unwrap_or(date);
            [
                metric.key.clone(),
                date.to_owned(),
                written(metric.value),
                metric.unit.clone().unwrap_or_default(),
                metric.from.to_owned(),
            ]
        })
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2), width(3)];
    for [key, date, value, unit, from] in &rows {
        writeln!(
            to,
            "    {key:<0$}  {date:<1$}  {HEADING}{value:>2$}{HEADING:#}  {unit:<3$}  {QUIET}{from}{QUIET:#}",
            widths[0], widths[1], widths[2], widths[3],
        )?;
    }
    Ok(())
}

fn deliveries(to: &mut String, pipeline: &Pipeline, ready: &Ready) -> fmt::Result {
    let taken = &ready.taken;
    let width = pipeline
        .destinations
        .keys()
        .map(String::len)
        .max()
        .unwrap_or(0);
    for (name, of) in &pipeline.destinations {
        write!(to, "    to {name:<width$}  {} delivered", of.delivered)?;
        for (count, what) in [(of.refused, "refused"), (of.waiting, "waiting")] {
            if count > 0 {
                write!(to, ", {BAD}{count} {what}{BAD:#}")?;
            }
        }
        let received = match name.as_str() {
            "databox" if taken.values > 0 => {
                format!("{}, token right", count(taken.values, "value"))
            }
            "subscriber" if taken.events > 0 => {
                format!("{}, signature right", count(taken.events, "event"))
            }
            _ => "nothing yet".to_owned(),
        };
        writeln!(to, "  {QUIET}the receiver has {received}{QUIET:#}")?;
    }
    Ok(())
}

fn dead_letter(to: &mut String, ready: &Ready) -> fmt::Result {
    let dead = &ready.dead_letter;
    let attempts = count(dead.attempts.into(), "attempt");
    if dead.state == State::Discarded {
        writeln!(
            to,
            "{HEADING}One job fails on purpose{HEADING:#}, and is a {BAD}dead letter{BAD:#} after \
             {attempts}",
        )?;
    } else {
        let state = dead.state;
        writeln!(
            to,
            "{HEADING}One job fails on purpose{HEADING:#}; it is no dead letter yet, but {state} \
             after {attempts}",
        )?;
    }
    if let Some(error) = &dead.error {
        writeln!(to, "  {}", brief(error, ERROR))?;
    }
    writeln!(
        to,
        "  mend it    {COMMAND}{}{COMMAND:#}",
        ready.commands.mend
    )?;
    writeln!(
        to,
        "  replay it  {COMMAND}{}{COMMAND:#}",
        ready.commands.replay
    )
}

fn job(to: &mut String, ended: &Ended) -> fmt::Result {
    if let Some(run) = &ended.run {
        let style = if run.status == "published" { GOOD } else { BAD };
        let metrics = count(run.metrics as u64, "metric");
        write!(
            to,
            "pipeline {style}{}{style:#}: {metrics} in {}",
            run.status,
            length(run.took_ms)
        )?;
        if let Some(why) = &run.why {
            write!(to, "; {}", brief(why, ERROR))?;
        }
        return Ok(());
    }
    let style = match ended.state {
        State::Completed => GOOD,
        _ => BAD,
    };
    match ended.replay_of {
        Some(dead) => write!(to, "replay of {dead}")?,
        None => write!(to, "{} {}", ended.kind, ended.job)?,
    }
    write!(
        to,
        " {style}{}{style:#} after {}",
        ended.state,
        count(ended.attempts.into(), "attempt")
    )?;
    match &ended.error {
        Some(error) => write!(to, ": {}", brief(error, ERROR)),
        None => Ok(()),
    }
}

fn goodbye(to: &mut String, summary: &Summary) -> fmt::Result {
    let taken = &summary.taken;
    let end = if summary.kept { "Kept" } else { "Removed" };
    writeln!(
        to,
        "\nStopped after {}: {}, {}, {} and {} delivered. {end}: {}",
        length(summary.ran_ms),
        count(summary.pipeline_runs, "pipeline run"),
        count(summary.other_jobs, "other job"),
        count(taken.values, "value"),
        count(taken.events, "event"),
        summary.directory.display(),
    )
}

/// A number of things: `1 event`, `2 events`.
fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

#[cfg(test)]
mod tests;

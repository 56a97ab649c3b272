//! `windlass pipeline`: what each published and what not, and running one.

mod report;

use clap::{Args, Subcommand};
use shared::{
    clock::Timestamp,
    job::{JobId, name::Label},
};

use super::{
    client::{Repeat, Request},
    desk::Desk,
    filter::checked,
    job::{jobs_table, until_ended, verdict},
    problem::Words,
    wire::{self, Detail, Job, LastResult, List},
};
use crate::{
    Result,
    exit::{Code, Failure},
    output::{
        Table,
        age::relative,
        clean,
        table::{excerpt, plain, state},
    },
};

#[derive(Debug, Subcommand)]
pub(crate) enum Pipeline {
    /// Lists pipelines with their last runs.
    List,
    /// Shows a pipeline: its last runs, and what was published and what not, and why.
    Show(Name),
    /// Runs a pipeline now.
    Run(Run),
}

#[derive(Debug, Args)]
pub(crate) struct Name {
    /// The pipeline.
    #[arg(value_name = "NAME", value_parser = checked::<Label>)]
    name: Label,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pipeline: Name,
    /// Follows the run and shows its result; exits with 0 when something was published, else with 1.
    #[arg(long)]
    watch: bool,
}

impl Pipeline {
    pub(super) async fn run(self, desk: &mut Desk) -> Result {
        match self {
            Self::List => {
                let request = Request::get(&["v1", "pipelines"]);
                let Some(answer) = desk.show(request, Words::NONE).await? else {
                    return Ok(());
                };
                let list: List<wire::Pipeline> = answer.read()?;
                let table = table(&list.items, desk.now());
                desk.printer
                    .table(table, "the configuration has no pipelines")
            }
            Self::Show(Name { name }) => {
                let request = Request::get(&["v1", "pipelines", name.as_str()]);
                let Some(answer) = desk.show(request, Words::NONE).await? else {
                    return Ok(());
                };
                let text = render(&answer.read()?, desk.now());
                desk.printer.line(text)
            }
            Self::Run(run) => run.run(desk).await,
        }
    }
}

impl Run {
    async fn run(self, desk: &mut Desk) -> Result {
        let name = &self.pipeline.name;
        let path = ["v1", "pipelines", name.as_str(), "run"];
        // Each request makes a run of its own.
        let request = Request::post(&path).repeat(Repeat::Unsent);
        let answer = desk.ask(request, Words::NONE).await?;
        let job: Option<Job> = answer.read()?;
        let Some(job) = job else {
            let told = format!("{name} is run, but its job could not be read back at once");
            return desk.printer.line(told);
        };
        if desk.json() && !self.watch {
            return desk.printer.document(answer.text());
        }
        if !desk.json() {
            let id = clean::line(&job.id).into_owned();
            desk.printer
                .line(format_args!("{name} is run as job {id}"))?;
        }
        if !self.watch {
            return Ok(());
        }
        let id: JobId = job.id.parse().map_err(|_| {
            let id = clean::line(&job.id);
            Failure::new(
                Code::Failed,
                format!("the API answered {id:?}, which is no id"),
            )
        })?;
        let answer = until_ended(desk, id).await?;
        let ended = Detail::of(&answer)?;
        let result = ended.more.result.as_ref().map(|result| result.get());
        if let (false, Some(result)) = (desk.json(), result) {
            let report = report::render(result);
            desk.printer.line(format_args!("\n{report}"))?;
        }
        verdict(&ended.job)?;
        if result.is_some_and(report::has_failed) {
            let told = format!("nothing of {name} was published");
            return Err(Failure::new(Code::Failed, told));
        }
        Ok(())
    }
}

fn table(pipelines: &[wire::Pipeline], now: Timestamp) -> Table {
    let mut table = Table::new(&[
        "pipeline",
        "sources",
        "destinations",
        "last run",
        "",
        "error",
    ]);
    for pipeline in pipelines {
        let last = pipeline.last_run.as_ref();
        let error = last.and_then(|job| job.error.as_ref());
        table.row([
            plain(&pipeline.name),
            plain(&pipeline.sources.join(", ")),
            plain(&pipeline.destinations.join(", ")),
            state(last.map_or("never", |job| job.state.as_str())),
            plain(&last.map_or_else(String::new, |job| relative(job.accepted_at, now))),
            excerpt(error.map_or("", |error| error.detail.as_str())),
        ]);
    }
    table
}

fn render(pipeline: &wire::Pipeline, now: Timestamp) -> String {
    let mut facts = Table::headless();
    facts.row([plain("pipeline"), plain(&pipeline.name)]);
    facts.row([plain("sources"), plain(&pipeline.sources.join(", "))]);
    facts.row([
        plain("destinations"),
        plain(&pipeline.destinations.join(", ")),
    ]);
    let mut parts = vec![facts.render()];
    if pipeline.runs.is_empty() {
        let name = clean::line(&pipeline.name);
        parts.push(format!(
            "it has not run yet: `windlass pipeline run {name}`"
        ));
    } else {
        let runs = jobs_table(&pipeline.runs, now, true).render();
        parts.push(format!("runs:\n{runs}"));
    }
    parts.extend(pipeline.last_result.as_ref().map(|last| result(last, now)));
    parts.join("\n\n")
}

fn result(last: &LastResult, now: Timestamp) -> String {
    let job = clean::line(&last.job);
    let age = last
        .ended_at
        .map_or_else(String::new, |at| format!(", {}", relative(at, now)));
    let report = last.result.as_ref().map_or_else(
        || "it returned nothing".to_owned(),
        |result| report::render(result.get()),
    );
    format!("last result (job {job}{age}):\n{report}")
}

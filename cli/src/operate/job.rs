//! `windlass job`: submit, list, show, cancel, retry, watch.

mod bulk;
mod list;
mod show;
mod submit;
mod watch;
mod why;

use clap::{Args, Subcommand};
use serde_json::json;
use shared::job::JobId;

use super::{
    client::{Answer, Request},
    desk::Desk,
    filter::checked,
    problem::Words,
    wire::Job as Summary,
};
use crate::{Result, exit::Failure, output::clean};
pub(super) use list::{Page, jobs_table, list_jobs};
pub(super) use show::show;
pub(super) use watch::{until_ended, verdict};

#[derive(Debug, Subcommand)]
pub(crate) enum Job {
    /// Submits a job, or many from a file.
    Submit(Box<submit::Submit>),
    /// Lists jobs, newest first.
    List(list::List),
    /// Shows everything about a job, and why it is not running.
    Show(One),
    /// Stops jobs.
    Cancel(Cancel),
    /// Makes jobs that wait for their time run now.
    Retry(Some),
    /// Follows a job until it ends; exits with 0 when it completed, else with 1.
    Watch(One),
}

/// One job.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// The job's id.
    #[arg(value_name = "ID", value_parser = checked::<JobId>)]
    pub(crate) id: JobId,
}

/// One job or more.
#[derive(Debug, Args)]
pub(crate) struct Some {
    /// The jobs' ids.
    #[arg(value_name = "ID", required = true, value_parser = checked::<JobId>)]
    ids: Vec<JobId>,
}

#[derive(Debug, Args)]
pub(crate) struct Cancel {
    #[command(flatten)]
    jobs: Some,
    /// Why; kept with the job.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Job {
    pub(super) async fn run(self, desk: &mut Desk) -> Result {
        match self {
            Self::Submit(submit) => submit.run(desk).await,
            Self::List(list) => list.run(desk).await,
            Self::Show(one) => show(desk, one.id).await,
            Self::Cancel(cancel) => cancel.run(desk).await,
            Self::Retry(some) => some.retry(desk).await,
            Self::Watch(one) => {
                let answer = until_ended(desk, one.id).await?;
                verdict(&answer.read()?)
            }
        }
    }
}

impl Cancel {
    async fn run(self, desk: &mut Desk) -> Result {
        let body = self.reason.map(|reason| json!({ "reason": reason }));
        let request = |id: &str| {
            let request = Request::post(&["v1", "jobs", id, "cancel"]);
            match &body {
                Some(body) => request.body(body),
                None => Ok(request),
            }
        };
        let told = |job: &Summary| match job.state.as_str() {
            "cancelled" => "is cancelled",
            _ => "is asked to stop: its worker is told, `windlass job watch` shows when it has",
        };
        each(desk, &self.jobs.ids, request, told).await
    }
}

impl Some {
    async fn retry(self, desk: &mut Desk) -> Result {
        let request = |id: &str| Ok(Request::post(&["v1", "jobs", id, "retry"]));
        each(
            desk,
            &self.ids,
            request,
            |_| "runs as soon as a worker takes it",
        )
        .await
    }
}

/// Does something with each of several jobs; one that fails does not keep the others from it.
async fn each(
    desk: &mut Desk,
    ids: &[JobId],
    request: impl Fn(&str) -> Result<Request>,
    told: impl Fn(&Summary) -> &'static str,
) -> Result {
    let mut done = Vec::with_capacity(ids.len());
    let mut failures: Vec<Failure> = Vec::new();
    for id in ids {
        let id = id.to_string();
        match desk
            .ask(request(&id)?, Words::Flags(&[("reason", "--reason")]))
            .await
        {
            Ok(answer) if desk.json() => done.push(answer),
            Ok(answer) => {
                let job: Summary = answer.read()?;
                let state = clean::line(&job.state).into_owned();
                desk.printer
                    .line(format_args!("{id} {} (state {state})", told(&job)))?;
            }
            Err(failure) => failures.push(failure.about(&id)),
        }
    }
    if desk.json() {
        let items: Vec<&str> = done.iter().map(Answer::text).collect();
        let list = format!("{{\"items\":[{}],\"next\":null}}", items.join(","));
        desk.printer.document(&list)?;
    }
    Failure::all(failures)
}

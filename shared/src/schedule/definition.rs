//! A schedule whole: its name, its timing, and the job that each tick enqueues. Its JSON is the
//! text that a store keeps as [`ScheduleRecord::definition`].

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::time::Duration;

use super::{Timing, timing::length};
use crate::{
    backoff::DEFAULT_MAX_ATTEMPTS,
    clock::Timestamp,
    job::{Args, Invalid, JobId, Kind, NewJob, Priority, QueueName, Tag, name::Label, new::Due},
    store::ScheduleRecord,
};

/// What a pipeline's job is.
pub const PIPELINE_KIND: &str = "pipeline";

/// Who made a schedule: only its maker changes or removes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The configuration: it goes when it is no longer there.
    Config,
    /// The API: it stays until somebody removes it.
    Api,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Its name.
    pub name: Label,
    /// Who made it.
    pub origin: Origin,
    /// When it fires.
    pub timing: Timing,
    /// What it enqueues.
    pub template: Template,
}

/// The job that each tick enqueues.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// What it does.
    pub kind: Kind,
    /// Where it waits.
    #[serde(default)]
    pub queue: QueueName,
    /// What it carries: JSON.
    #[serde(with = "json", default)]
    pub args: Args,
    /// How soon within the queue.
    #[serde(default)]
    pub priority: Priority,
    /// How often it may fail.
    pub max_attempts: u32,
    /// How long one attempt may take, if not as long as the worker's configuration says.
    #[serde(with = "length", default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

impl Template {
    /// A template with everything but kind and args as by default.
    pub fn new(kind: Kind, args: Args) -> Self {
        Self {
            kind,
            queue: QueueName::default(),
            args,
            priority: Priority::default(),
            max_attempts: DEFAULT_MAX_ATTEMPTS,
            timeout: None,
            tags: Vec::new(),
        }
    }

    fn job(&self, id: JobId, due: Due) -> NewJob {
        let mut job = NewJob::with(self.kind.clone(), self.args.clone())
            .queue(self.queue.clone())
            .priority(self.priority)
            .max_attempts(self.max_attempts);
        job.id = id;
        job.due = due;
        job.timeout = self.timeout;
        job.tags.clone_from(&self.tags);
        job
    }
}

impl Definition {
    /// The schedule of the pipeline called `pipeline`: named `pipeline.<name>`, its job of kind
    /// `pipeline` with the name as its args and the tag `pipeline:<name>`.
    ///
    /// # Errors
    /// `Invalid` when the name is too long for the schedule's name or the tag.
    pub fn pipeline(pipeline: &Label, timing: Timing) -> Result<Self, Invalid> {
        let args = Args::json(&serde_json::json!({ "pipeline": pipeline }))?;
        let mut template = Template::new(Kind::new(PIPELINE_KIND)?, args);
        template
            .tags
            .push(Tag::new(format!("pipeline:{pipeline}"))?);
        Ok(Self {
            name: Label::new(format!("pipeline.{pipeline}"))?,
            origin: Origin::Config,
            timing,
            template,
        })
    }

    /// Checks what types alone do not hold.
    ///
    /// # Errors
    /// `Invalid` with the first field of the template that is out of range, and for args that are
    /// not JSON.
    pub fn check(&self) -> Result<(), Invalid> {
        if let Some(other) = self.template.args.other_content_type() {
            return Err(Invalid::new("args", format!("are {other}, not JSON")));
        }
        let job = self.template.job(JobId::generate(), Due::Now);
        job.check(Timestamp::default())
    }

    /// The text that a store keeps.
    ///
    /// # Errors
    /// `Invalid` when the args are not JSON.
    pub fn to_text(&self) -> Result<String, Invalid> {
        serde_json::to_string(self)
            .map_err(|error| Invalid::new("definition", format!("cannot be written: {error}")))
    }

    /// Reads what a store keeps.
    ///
    /// # Errors
    /// `Invalid` when the text is not one that this version writes.
    pub fn read(record: &ScheduleRecord) -> Result<Self, Invalid> {
        let unreadable = |why: String| Invalid::new("definition", why);
        let definition: Self = serde_json::from_str(&record.definition)
            .map_err(|error| unreadable(format!("cannot be read: {error}")))?;
        if definition.name != record.name {
            let why = format!("is that of {:?}, not of {:?}", definition.name, record.name);
            return Err(unreadable(why));
        }
        definition.check()?;
        Ok(definition)
    }

    /// The job of the tick at `tick`, made at `now`. Its id and its delay follow from the
    /// schedule's name and the tick alone, so whoever makes it makes the same job.
    pub fn job(&self, tick: Timestamp, now: Timestamp) -> NewJob {
        let id = JobId::of_instant(self.name.as_str(), tick);
        let start = tick + self.delay(tick);
        let due = if start > now {
            Due::At(start)
        } else {
            Due::Now
        };
        self.template.job(id, due)
    }

    /// By how much the job of a tick is put off: up to the jitter, to the millisecond.
    fn delay(&self, tick: Timestamp) -> Duration {
        let mut hash = Sha256::new_with_prefix(b"windlass jitter 1");
        hash.update(tick.as_micros().to_be_bytes());
        hash.update(self.name.as_str().as_bytes());
        let mut random = [0_u8; 8];
        random.copy_from_slice(&hash.finalize()[..8]);
        let most = u64::try_from(self.timing.jitter.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(u64::from_be_bytes(random) % most.saturating_add(1))
    }
}

/// Args as a JSON value.
mod json {
    use crate::job::Args;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
    use serde_json::Value;

    pub(super) fn serialize<S: Serializer>(args: &Args, to: S) -> Result<S::Ok, S::Error> {
        let value: Value = args.decode().map_err(ser::Error::custom)?;
        value.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Args, D::Error> {
        Args::json(&Value::deserialize(from)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Every, When};
    use std::collections::BTreeSet;

    fn definition() -> Definition {
        let every = Every::new(Duration::from_mins(1)).unwrap();
        let args = Args::json(&serde_json::json!({ "url": "https://example.com" })).unwrap();
        let mut template = Template::new(Kind::new("http").unwrap(), args);
        template.timeout = Some(Duration::from_secs(90));
        template.tags.push(Tag::new("team:data").unwrap());
        Definition {
            name: Label::new("nightly").unwrap(),
            origin: Origin::Config,
            timing: Timing::new(When::Every(every)),
            template,
        }
    }

    fn record(name: &str, definition: String) -> ScheduleRecord {
        ScheduleRecord {
            name: Label::new(name).unwrap(),
            definition,
            cursor: Timestamp::default(),
            fired: None,
            held: Vec::new(),
            paused_at: None,
            updated_at: Timestamp::default(),
        }
    }

    #[test]
    fn a_definition_is_written_and_read_back() {
        let text = definition().to_text().unwrap();
        assert_eq!(
            text,
            r#"{"name":"nightly","origin":"config","timing":{"every":"1m","jitter":"0s","misfire":"once","misfire_window":"1d","overlap":"allow"},"template":{"kind":"http","queue":"default","args":{"url":"https://example.com"},"priority":5,"max_attempts":25,"timeout":"1m30s","tags":["team:data"]}}"#
        );
        assert_eq!(Definition::read(&record("nightly", text)), Ok(definition()));
    }

    #[test]
    fn a_text_that_this_version_does_not_write_is_refused() {
        let good = definition().to_text().unwrap();
        for (from, to) in [
            ("\"origin\"", "\"orgin\""),
            ("\"1m\"", "\"1\""),
            ("\"http\"", "\"h t\""),
            ("25", "0"),
            ("nightly", "other"),
            ("{", ""),
        ] {
            let text = good.replacen(from, to, 1);
            assert!(
                Definition::read(&record("nightly", text)).is_err(),
                "{from}"
            );
        }
    }

    #[test]
    fn every_scheduler_makes_the_same_job_of_a_tick_and_puts_it_off_within_the_jitter() {
        let mut definition = definition();
        definition.timing.jitter = Duration::from_secs(30);
        let mut delays = BTreeSet::new();
        for minute in 0..200 {
            let tick = Timestamp::default() + Duration::from_mins(minute);
            let job = definition.job(tick, tick - Duration::from_secs(1));
            assert_eq!(job, definition.job(tick, tick - Duration::from_secs(2)));
            let Due::At(start) = job.due else {
                panic!("{job:?}")
            };
            assert!(start >= tick && start <= tick + Duration::from_secs(30));
            delays.insert(start.since(tick));
            let late = definition.job(tick, tick + Duration::from_hours(1));
            assert_eq!((late.id, late.due), (job.id, Due::Now));
        }
        assert!(delays.len() > 100, "{} delays", delays.len());
        assert!(delays.last() > Some(&Duration::from_secs(20)));
    }

    #[test]
    fn a_pipeline_becomes_a_schedule() {
        let timing = definition().timing;
        let name = Label::new("economy").unwrap();
        let definition = Definition::pipeline(&name, timing.clone()).unwrap();
        assert_eq!(definition.name.as_str(), "pipeline.economy");
        assert_eq!(definition.check(), Ok(()));
        let job = definition.job(Timestamp::default(), Timestamp::default());
        assert_eq!(job.kind.as_str(), PIPELINE_KIND);
        assert_eq!(&job.args.bytes()[..], br#"{"pipeline":"economy"}"#);
        assert_eq!(job.tags, [Tag::new("pipeline:economy").unwrap()]);
        let long = Label::new("x".repeat(60)).unwrap();
        assert!(Definition::pipeline(&long, timing).is_err());
    }
}

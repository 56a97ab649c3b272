//! What the store's schedules lack to be those of the configuration. Pure.

use shared::{
    job::{Invalid, name::Label},
    schedule::{Definition, Origin},
    store::{PutSchedule, ScheduleRecord},
};
use std::collections::{HashMap, HashSet};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is new, or it changed.
    Put(PutSchedule),
    /// It came from the configuration and is gone from it.
    Remove(Label),
}

/// What makes the `kept` schedules the `wanted` ones.
///
/// A schedule that the API made is left alone unless the configuration has one of its name. So is
/// one that cannot be read: a newer version may have written it.
///
/// # Errors
/// `Invalid` when a definition cannot be written as text.
pub(crate) fn plan(wanted: &[Definition], kept: &[ScheduleRecord]) -> Result<Vec<Step>, Invalid> {
    let records: HashMap<&Label, &ScheduleRecord> =
        kept.iter().map(|record| (&record.name, record)).collect();
    let mut steps = Vec::new();
    for definition in wanted {
        let old = records.get(&definition.name).copied();
        let read = old.map(Definition::read);
        if let Some(Ok(old)) = &read
            && old == definition
        {
            continue;
        }
        let rewind = match read {
            None => false,
            // Its cursor belongs to other instants.
            Some(Ok(old)) => old.timing.when != definition.timing.when,
            Some(Err(_)) => true,
        };
        steps.push(Step::Put(PutSchedule {
            name: definition.name.clone(),
            definition: definition.to_text()?,
            rewind,
        }));
    }
    let names: HashSet<&Label> = wanted.iter().map(|definition| &definition.name).collect();
    let gone = kept.iter().filter(|record| !names.contains(&record.name));
    let ours = gone.filter(|record| {
        Definition::read(record).is_ok_and(|definition| definition.origin == Origin::Config)
    });
    steps.extend(ours.map(|record| Step::Remove(record.name.clone())));
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{
        clock::Timestamp,
        job::{Args, Kind, Priority},
        schedule::{RawTiming, Template},
    };

    fn definition(name: &str, cron: &str) -> Definition {
        let raw = RawTiming {
            cron: Some(cron.to_owned()),
            ..RawTiming::default()
        };
        Definition {
            name: Label::new(name).unwrap(),
            origin: Origin::Config,
            timing: raw.check().unwrap().unwrap(),
            template: Template::new(Kind::new("noop").unwrap(), Args::default()),
        }
    }

    fn record(definition: &Definition) -> ScheduleRecord {
        ScheduleRecord {
            name: definition.name.clone(),
            definition: definition.to_text().unwrap(),
            cursor: Timestamp::default(),
            fired: None,
            held: Vec::new(),
            paused_at: None,
            updated_at: Timestamp::default(),
        }
    }

    fn put(definition: &Definition, rewind: bool) -> Step {
        Step::Put(PutSchedule {
            name: definition.name.clone(),
            definition: definition.to_text().unwrap(),
            rewind,
        })
    }

    #[test]
    fn what_is_the_same_is_left_and_what_is_new_is_put() {
        let (old, new) = (definition("old", "@daily"), definition("new", "@daily"));
        let steps = plan(&[old.clone(), new.clone()], &[record(&old)]).unwrap();
        assert_eq!(steps, [put(&new, false)]);
        let both = [record(&old), record(&new)];
        assert_eq!(plan(&[old, new], &both).unwrap(), []);
    }

    #[test]
    fn only_other_instants_begin_anew() {
        let old = definition("it", "@daily");
        let other_time = definition("it", "@hourly");
        let mut other_job = old.clone();
        other_job.template.priority = Priority::new(1).unwrap();
        let steps = plan(std::slice::from_ref(&other_job), &[record(&old)]).unwrap();
        assert_eq!(steps, [put(&other_job, false)]);
        let steps = plan(std::slice::from_ref(&other_time), &[record(&old)]).unwrap();
        assert_eq!(steps, [put(&other_time, true)]);
    }

    #[test]
    fn only_what_the_configuration_made_is_removed_with_it() {
        let ours = definition("ours", "@daily");
        let mut theirs = definition("theirs", "@daily");
        theirs.origin = Origin::Api;
        let mut newer = record(&definition("newer", "@daily"));
        newer.definition = r#"{"version":9}"#.to_owned();
        let kept = [record(&ours), record(&theirs), newer];
        let steps = plan(&[], &kept).unwrap();
        assert_eq!(steps, [Step::Remove(ours.name)]);
        // The configuration takes a name over, and reads nothing into what it cannot read.
        let taken = [
            definition("theirs", "@daily"),
            definition("newer", "@daily"),
        ];
        let steps = plan(&taken, &kept[1..]).unwrap();
        assert_eq!(steps, [put(&taken[0], false), put(&taken[1], true)]);
    }
}

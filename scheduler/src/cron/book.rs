//! Definitions that were read, so that each text is read, and complained about, once.

use shared::{job::name::Label, schedule::Definition, store::ScheduleRecord};
use std::{collections::HashMap, sync::Arc};

/// The definitions, by schedule, each with the text it was read from.
#[derive(Debug, Default)]
pub(super) struct Book(HashMap<Label, Page>);

#[derive(Debug)]
struct Page {
    text: String,
    /// `None` when this version cannot read it.
    definition: Option<Arc<Definition>>,
}

impl Book {
    /// The schedules that are not paused and can be read.
    pub(super) fn open<'a>(
        &mut self,
        records: &'a [ScheduleRecord],
    ) -> Vec<(&'a ScheduleRecord, Arc<Definition>)> {
        let mut old = std::mem::take(&mut self.0);
        for record in records {
            let page = old.remove(&record.name);
            let page = page.filter(|page| page.text == record.definition);
            let page = page.unwrap_or_else(|| Page::read(record));
            self.0.insert(record.name.clone(), page);
        }
        let running = records.iter().filter(|record| record.paused_at.is_none());
        running
            .filter_map(|record| {
                let definition = self.0.get(&record.name)?.definition.clone()?;
                Some((record, definition))
            })
            .collect()
    }
}

impl Page {
    fn read(record: &ScheduleRecord) -> Self {
        let schedule = &record.name;
        let definition = Definition::read(record)
            .inspect_err(|fault| {
                tracing::error!(%schedule, "schedule {schedule} is passed over: its {fault}");
            })
            .ok();
        Self {
            text: record.definition.clone(),
            definition: definition.map(Arc::new),
        }
    }
}

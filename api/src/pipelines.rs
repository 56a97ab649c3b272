//! The pipelines that callers may run, as the configuration names them.

use arc_swap::ArcSwap;
use shared::{
    job::{Invalid, Kind, Tag, name::Label},
    schedule::definition::PIPELINE_KIND,
};
use std::{collections::BTreeMap, sync::Arc};

/// What a pipeline is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pipeline {
    /// Where its numbers come from.
    pub sources: Vec<Label>,
    /// Where they go.
    pub destinations: Vec<Label>,
}

/// All pipelines by name. Clones are handles on the same set, so that whoever reads the
/// configuration again replaces it while requests are answered.
#[derive(Debug, Clone, Default)]
pub struct Pipelines(Arc<ArcSwap<BTreeMap<Label, Pipeline>>>);

impl Pipelines {
    /// These pipelines.
    ///
    /// # Errors
    /// `Invalid` when a name is so long that its tag would not be one.
    pub fn new(pipelines: BTreeMap<Label, Pipeline>) -> Result<Self, Invalid> {
        let handle = Self::default();
        handle.replace(pipelines)?;
        Ok(handle)
    }

    /// Takes these pipelines instead.
    ///
    /// # Errors
    /// `Invalid` when a name is so long that its tag would not be one; nothing is replaced then.
    pub fn replace(&self, pipelines: BTreeMap<Label, Pipeline>) -> Result<(), Invalid> {
        for name in pipelines.keys() {
            tag(name)?;
        }
        self.0.store(Arc::new(pipelines));
        Ok(())
    }

    /// All there are at this moment.
    pub(crate) fn all(&self) -> Arc<BTreeMap<Label, Pipeline>> {
        self.0.load_full()
    }
}

/// The tag that the runs of a pipeline are found by.
pub(crate) fn tag(name: &Label) -> Result<Tag, Invalid> {
    Tag::new(format!("pipeline:{name}")).map_err(|_| {
        Invalid::new(
            "pipelines",
            format!("{name}: the name is too long for a tag"),
        )
    })
}

/// The kind of the jobs that run a pipeline.
pub(crate) fn kind() -> Kind {
    Kind::new(PIPELINE_KIND).expect("the word is within the grammar of kinds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_too_long_for_its_tag_is_refused_and_nothing_replaced() {
        let one = |name: &str| BTreeMap::from([(Label::new(name).unwrap(), Pipeline::default())]);
        let pipelines = Pipelines::new(one("economy")).unwrap();
        assert!(pipelines.replace(one(&"x".repeat(60))).is_err());
        assert!(pipelines.all().contains_key("economy"));
    }

    #[test]
    fn a_replacement_is_seen_through_every_handle() {
        let pipelines = Pipelines::default();
        let other = pipelines.clone();
        pipelines
            .replace(BTreeMap::from([(
                Label::new("eu").unwrap(),
                Pipeline::default(),
            )]))
            .unwrap();
        assert_eq!(other.all().len(), 1);
    }
}

//! Reading one section: each key once, with its type, its default and its limits on one line.
//!
//! A reader never stops at a fault: it notes the fault, goes on with the default, and when the
//! section is done it notes every key that nobody asked for. So one start tells everything that is
//! wrong, and the list of keys that exist cannot drift from the keys that are read.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    ops::RangeInclusive,
};

use super::{
    fault::excerpt,
    notes::Notes,
    origin::join,
    suggest,
    tree::{Node, Table},
};

pub(super) use secret::{PASSWORD, PREVIOUS_SECRET, SECRET, SecretKeys, TOKEN, variable};
pub(super) use value::{FromNode, FromText, Limited};

mod secret;
mod value;

/// One table being read.
pub(super) struct Reader<'a> {
    table: &'a Table,
    path: String,
    /// The path with `*` for names that people choose.
    form: String,
    asked: RefCell<Vec<&'static str>>,
    closed: Cell<bool>,
    notes: &'a Notes,
}

impl<'a> Reader<'a> {
    /// Reads the whole tree.
    pub(super) fn read<T>(
        tree: &Table,
        notes: &'a Notes,
        read: impl FnOnce(&Reader<'_>) -> T,
    ) -> T {
        Reader::new(tree, String::new(), String::new(), notes).run(read)
    }

    fn new(table: &'a Table, path: String, form: String, notes: &'a Notes) -> Self {
        Self {
            table,
            path,
            form,
            asked: RefCell::default(),
            closed: Cell::new(false),
            notes,
        }
    }

    fn run<T>(self, read: impl FnOnce(&Self) -> T) -> T {
        let value = read(&self);
        self.refuse_unknown();
        value
    }

    fn within<T>(
        &self,
        table: &Table,
        key: &str,
        form: &str,
        read: impl FnOnce(&Reader<'_>) -> T,
    ) -> T {
        let form = join_form(&self.form, form);
        Reader::new(table, join(&self.path, key), form, self.notes).run(read)
    }

    /// The full path of `key`.
    pub(super) fn path(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// Notes that the value of `key` is wrong.
    pub(super) fn blame(&self, key: &str, problem: impl Into<String>) {
        self.notes.blame(&self.path(key), problem);
    }

    /// Whether nothing wrong was found at any of the keys.
    pub(super) fn fine(&self, keys: &[&str]) -> bool {
        keys.iter().all(|key| self.notes.fine(&[&self.path(key)]))
    }

    /// Gives the table up: what else stands in it is not judged.
    pub(super) fn close(&self) {
        self.closed.set(true);
    }

    fn get(&self, key: &'static str) -> Option<&'a Node> {
        self.asked.borrow_mut().push(key);
        self.notes.ask(join_form(&self.form, key));
        self.table.get(key)
    }

    /// Whether `key` was written.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    fn convert<T>(
        &self,
        key: &'static str,
        convert: impl FnOnce(&Node) -> Result<T, String>,
    ) -> Option<T> {
        match convert(self.get(key)?) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.blame(key, problem);
                None
            }
        }
    }

    /// The value of `key`; `None` when it is not there, or is wrong, which is noted.
    pub(super) fn optional<T: FromNode>(&self, key: &'static str) -> Option<T> {
        self.convert(key, T::from_node)
    }

    /// The value of `key`, or `default`.
    pub(super) fn or<T: FromNode>(&self, key: &'static str, default: T) -> T {
        self.optional(key).unwrap_or(default)
    }

    /// The value of `key`, which must be there.
    pub(super) fn required<T: FromNode>(&self, key: &'static str) -> Option<T> {
        self.require(key);
        self.optional(key)
    }

    /// Notes when `key` is not there.
    pub(super) fn require(&self, key: &'static str) {
        if !self.has(key) {
            self.blame(key, "is missing");
        }
    }

    /// The value of `key` within `limits`; `None` when it is not there, or is wrong.
    pub(super) fn limited<T: Limited>(
        &self,
        key: &'static str,
        limits: RangeInclusive<T>,
    ) -> Option<T> {
        self.convert(key, |node| T::from_node_within(node, &limits))
    }

    /// The value of `key` within `limits`, or `default`.
    pub(super) fn limited_or<T: Limited>(
        &self,
        key: &'static str,
        default: T,
        limits: RangeInclusive<T>,
    ) -> T {
        self.limited(key, limits).unwrap_or(default)
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        self.convert(key, |node| {
            let text = node
                .text()
                .map_err(|()| node.is_not("one of a few words"))?;
            if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
                return Ok(*value);
            }
            let words = choices.iter().map(|(word, _)| *word);
            Err(format!(
                "is {:?}; {}",
                excerpt(&text),
                meant_or_known(&text, words)
            ))
        })
    }

    /// Every element of the list at `key`; wrong ones are noted and left out.
    pub(super) fn list<T: FromNode>(&self, key: &'static str) -> Option<Vec<T>> {
        let nodes = self.convert(key, |node| node.list().map(std::borrow::Cow::into_owned))?;
        let read = |(index, node): (usize, &Node)| match T::from_node(node) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.notes
                    .blame(&format!("{}[{index}]", self.path(key)), problem);
                None
            }
        };
        Some(nodes.iter().enumerate().filter_map(read).collect())
    }

    /// Every table of the list at `key`; `read` answers `None` for one that it gives up.
    pub(super) fn tables<T>(
        &self,
        key: &'static str,
        read: impl Fn(&Reader<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let nodes = self.convert(key, |node| node.list().map(std::borrow::Cow::into_owned))?;
        let mut values = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let path = format!("{}[{index}]", self.path(key));
            match node.table() {
                Ok(table) => {
                    let form = join_form(&self.form, key);
                    values.extend(Reader::new(&table, path, form, self.notes).run(&read));
                }
                Err(problem) => self.notes.blame(&path, problem),
            }
        }
        Some(values)
    }

    /// The table at `key`, read even when it is not there: all its keys may have defaults.
    pub(super) fn section<T>(&self, key: &'static str, read: impl FnOnce(&Reader<'_>) -> T) -> T {
        let table = self.convert(key, |node| node.table().map(std::borrow::Cow::into_owned));
        self.within(&table.unwrap_or_default(), key, key, read)
    }

    /// The table at `key`, whose keys are names that people choose and whose values are tables;
    /// `read` answers `None` for one that it gives up.
    pub(super) fn entries<K: FromText + Ord, T>(
        &self,
        key: &'static str,
        read: impl Fn(&Reader<'_>) -> Option<T>,
    ) -> BTreeMap<K, T> {
        self.map(key, |within, name, node| match node.table() {
            Ok(table) => within.within(&table, name, "*", &read),
            Err(problem) => {
                within.blame(name, problem);
                None
            }
        })
    }

    /// The table at `key`, whose keys are names that people choose and whose values are plain.
    pub(super) fn values<K: FromText + Ord, T: FromNode>(
        &self,
        key: &'static str,
    ) -> BTreeMap<K, T> {
        self.map(key, |within, name, node| {
            T::from_node(node)
                .map_err(|problem| within.blame(name, problem))
                .ok()
        })
    }

    /// As [`Self::values`], by a function of one's own.
    pub(super) fn map<K: FromText + Ord, T>(
        &self,
        key: &'static str,
        read: impl Fn(&Reader<'_>, &str, &Node) -> Option<T>,
    ) -> BTreeMap<K, T> {
        self.section(key, |within| {
            within.close();
            let form = join_form(&within.form, "*");
            within.notes.ask(form);
            let mut values = BTreeMap::new();
            for (name, node) in within.table {
                let value = read(within, name, node);
                match (K::from_text(name), value) {
                    (Ok(name), Some(value)) => {
                        values.insert(name, value);
                    }
                    (Ok(_), None) => {}
                    (Err(problem), _) => within.blame(name, format!("is no name: it {problem}")),
                }
            }
            values
        })
    }

    fn refuse_unknown(&self) {
        if self.closed.get() {
            return;
        }
        let asked = self.asked.borrow();
        for key in self
            .table
            .keys()
            .filter(|key| !asked.contains(&key.as_str()))
        {
            let hint = meant_or_known(key, asked.iter().copied());
            self.blame(key, format!("no such key; {hint}"));
        }
    }
}

fn join_form(form: &str, key: &str) -> String {
    if form.is_empty() {
        key.to_owned()
    } else {
        format!("{form}.{key}")
    }
}

/// What was probably meant, or else what could have been.
pub(super) fn meant_or_known<'w>(
    word: &str,
    known: impl Iterator<Item = &'w str> + Clone,
) -> String {
    /// Most words that are listed, and most that are looked at for it.
    const MOST: usize = 20;
    const FEW: usize = 1000;
    if let Some(meant) = suggest::nearest(word, known.clone()) {
        return format!("did you mean `{meant}`?");
    }
    let mut words: Vec<&str> = known.take(FEW).collect();
    words.sort_unstable();
    words.dedup();
    let more = words.len().saturating_sub(MOST);
    words.truncate(MOST);
    let mut words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    if more > 0 {
        words.push("more".to_owned());
    }
    format!("there is {}", words.join(", "))
}

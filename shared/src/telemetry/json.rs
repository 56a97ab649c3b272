//! Log lines for programs: one flat JSON object each.
//!
//! Time, level, target and message come first. Then come the fields of the spans around the line,
//! the outermost first, and its own fields last; where two have the same name, the inner one
//! stands. So `job.id` is found in one place, whether the line or the attempt's span names it.

use serde_json::Value;
use std::{cell::RefCell, fmt, io::Write as _};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    fmt::{
        MakeWriter,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    layer::Context,
    registry::{LookupSpan, Scope},
};

/// The names that a line has of its own; a field with one of them is written `field.NAME`.
pub(super) const OWN: [&str; 4] = ["timestamp", "level", "target", "message"];

/// Longest text of one field, in bytes: a line is for reading.
pub(super) const MAX_TEXT: usize = 16 * 1024;

/// Writes each event as a line.
#[derive(Debug)]
pub(super) struct Json<W> {
    writer: W,
}

impl<W> Json<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer }
    }
}

impl<S, W> Layer<S> for Json<W>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().replace(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        // Values are read before the span is locked: reading one may panic, and the panic is
        // logged within this very span.
        let mut fields = Fields::default();
        values.record(&mut fields);
        let Some(span) = context.span(id) else {
            return;
        };
        let mut extensions = span.extensions_mut();
        match extensions.get_mut::<Fields>() {
            Some(known) => known.extend(fields),
            None => extensions.insert(fields),
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut own = Fields::default();
        event.record(&mut own);
        let message = own.take("message").unwrap_or_default();
        let target = own.target(event.metadata().target());
        let mut fields = Fields::default();
        let scope = context.event_scope(event).into_iter();
        for span in scope.flat_map(Scope::from_root) {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.extend(of_span.clone());
            }
        }
        fields.extend(own);
        self.write(*event.metadata().level(), &target, &message, &fields);
    }
}

impl<W: for<'w> MakeWriter<'w>> Json<W> {
    fn write(&self, level: Level, target: &str, message: &Value, fields: &Fields) {
        thread_local! {
            /// The last line's room, for the next line.
            static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        LINE.with(|line| {
            // A field that panics while it is read here is logged from within: that line takes
            // room of its own.
            let mut spare = Vec::new();
            let mut held = line.try_borrow_mut();
            let line = held.as_deref_mut().unwrap_or(&mut spare);
            line.clear();
            if render(line, level, target, message, fields).is_ok() {
                // A log that cannot be written must not stop what is logged.
                self.writer
                    .make_writer()
                    .write_all(line)
                    .unwrap_or_default();
            }
        });
    }
}

fn render(
    line: &mut Vec<u8>,
    level: Level,
    target: &str,
    message: &Value,
    fields: &Fields,
) -> std::io::Result<()> {
    let mut now = String::new();
    SystemTime
        .format_time(&mut Writer::new(&mut now))
        .unwrap_or_default();
    write!(
        line,
        "{{\"timestamp\":\"{now}\",\"level\":\"{level}\",\"target\":{},\"message\":{message}",
        Value::from(target)
    )?;
    for (name, value) in &fields.0 {
        let prefix = if OWN.contains(name) { "field." } else { "" };
        write!(line, ",{}:{value}", Value::from(format!("{prefix}{name}")))?;
    }
    line.extend_from_slice(b"}\n");
    Ok(())
}

/// Fields as JSON, in the order in which they were first named.
#[derive(Clone, Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn set(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name, value)),
        }
    }

    fn extend(&mut self, others: Self) {
        for (name, value) in others.0 {
            self.set(name, value);
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.remove(at).1)
    }

    /// Where a line came from. Lines of the `log` crate all have one target, and say in fields
    /// what theirs was.
    fn target(&mut self, target: &str) -> String {
        if target != "log" {
            return target.to_owned();
        }
        for field in ["log.module_path", "log.file", "log.line"] {
            self.take(field);
        }
        match self.take("log.target") {
            Some(Value::String(target)) => target,
            _ => target.to_owned(),
        }
    }

    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        self.set(field.name(), value.into());
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinities; as text they are not lost.
        match serde_json::Number::from_f64(value) {
            Some(number) => self.insert(field, number),
            None => self.insert(field, value.to_string()),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, cut(value.to_owned()));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        self.insert(field, cut(text));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, cut(format!("{value:?}")));
    }
}

/// A text, or its beginning when it is very long.
fn cut(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        text.push('…');
    }
    text
}

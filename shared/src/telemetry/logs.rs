//! Log lines, for people or for programs.

use tracing_subscriber::{
    Layer,
    fmt::{self, MakeWriter},
};

use super::{BoxedLayer, json::Json};

/// Lines for people: time, level, where, what, and the fields of the spans around it. Colours also
/// need `NO_COLOR` to be unset.
pub(super) fn pretty<W>(writer: W, colours: bool) -> BoxedLayer
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = fmt::layer().compact().with_writer(writer);
    if colours {
        layer.boxed()
    } else {
        layer.with_ansi(false).boxed()
    }
}

/// Lines for programs: one JSON object each.
pub(super) fn json<W>(writer: W) -> BoxedLayer
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    Json::new(writer).boxed()
}

//! `jsonstat`: PxWeb and other servers of JSON-stat 2.0.

mod dataset;
mod raw;
mod select;

use bytes::Bytes;
use reqwest::{
    Method,
    header::{ACCEPT, HeaderValue},
};
use serde_json::json;
use shared::{
    config::sources::{Jsonstat, JsonstatMetric},
    job::TraceContext,
    metric::{Point, Value},
};

use super::Reading;
use crate::handlers::{
    collect::jsonstat::{
        dataset::{Dataset, Malformed},
        select::{Wanted, select},
    },
    outbound::Call,
};

/// The call that asks the source: a `PxWeb` query as a POST, or a GET when there is none.
pub(super) fn call<'a>(source: &Jsonstat, trace: Option<&'a TraceContext>) -> Call<'a> {
    let url = source.url.as_url().clone();
    let mut call = match query(source) {
        Some(query) => Call::new(Method::POST, url, trace).json(query),
        None => Call::new(Method::GET, url, trace),
    };
    call.headers
        .insert(ACCEPT, HeaderValue::from_static("application/json"));
    call
}

fn query(source: &Jsonstat) -> Option<Bytes> {
    let selections: Vec<_> = source
        .query
        .as_ref()?
        .iter()
        .map(|asked| {
            json!({
                "code": asked.code,
                "selection": { "filter": asked.filter, "values": asked.values },
            })
        })
        .collect();
    let query = json!({ "query": selections, "response": { "format": "json-stat2" } });
    Some(query.to_string().into())
}

/// Reads the source's metrics from its answer.
///
/// # Errors
/// What is wrong with the data set, or with what a metric asks of it.
pub(super) fn read(source: &Jsonstat, body: &[u8]) -> Result<Reading, String> {
    let data = Dataset::parse(body)
        .map_err(|Malformed(why)| format!("the answer is no data set to use: {why}"))?;
    let mut reading = Reading::default();
    for metric in &source.metrics {
        read_metric(metric, &data, &mut reading)
            .map_err(|Malformed(why)| format!("metric {:?}: {why}", metric.key.as_str()))?;
    }
    Ok(reading)
}

fn read_metric(
    metric: &JsonstatMetric,
    data: &Dataset,
    reading: &mut Reading,
) -> Result<(), Malformed> {
    let wanted = Wanted {
        select: &metric.select,
        time: metric.time.as_deref(),
        latest: usize::try_from(metric.latest).unwrap_or(usize::MAX),
    };
    let selected = select(data, wanted)?;
    for why in selected.missing {
        reading.leave_out(&metric.key, why);
    }
    for found in selected.found {
        match Value::new(found.value) {
            Ok(value) => reading.points.push(Point {
                key: metric.key.clone(),
                value,
                date: found.date,
                unit: metric.unit.clone(),
                attributes: found.attributes,
            }),
            Err(why) => reading.leave_out(&metric.key, why),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::config::sources::Selection;

    fn source(query: Option<Vec<Selection>>) -> Jsonstat {
        Jsonstat {
            url: "https://pxweb.example/api/v1/sl/Data/X.px".parse().unwrap(),
            query,
            metrics: Vec::new(),
        }
    }

    #[test]
    fn a_query_is_posted_as_pxweb_wants_it() {
        let asked = Selection {
            code: "ČETRTLETJE".to_owned(),
            filter: "top".to_owned(),
            values: vec!["4".to_owned()],
        };
        let call = call(&source(Some(vec![asked])), None);
        assert_eq!(call.method, Method::POST);
        assert_eq!(call.headers["content-type"], "application/json");
        let sent: serde_json::Value = serde_json::from_slice(&call.body.unwrap()).unwrap();
        let expected = json!({
            "query": [{"code": "ČETRTLETJE", "selection": {"filter": "top", "values": ["4"]}}],
            "response": {"format": "json-stat2"},
        });
        assert_eq!(sent, expected);
        assert_eq!(super::call(&source(None), None).method, Method::GET);
    }
}

//! Metrics computed from other metrics. Pure.
//!
//! An expression is evaluated once for every **row**: a date and a set of attributes for which
//! each of its metrics has a value.
//!
//! * **Dates.** When all its metrics have dates, a row is a date that all of them have. When one
//!   of them has none, it is a number of now, and so is the result: the metrics that have dates
//!   count with their latest value.
//! * **Attributes.** A metric without attributes goes with every set of them; the others must have
//!   the very same set.
//!
//! A row that lacks a value, divides by zero or makes a number that cannot be published is left
//! out, and the first such row of a metric is told.

use shared::{
    clock::Timestamp,
    metric::{Expression, MetricKey, Point, Value, in_order, period},
};
use std::collections::{BTreeMap, BTreeSet};

use crate::handlers::collect::LeftOut;

/// What was computed, and what was not.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Computed {
    /// The numbers, by metric, date and attributes.
    pub(crate) points: Vec<Point>,
    /// What has none: at most one entry for each metric.
    pub(crate) left_out: Vec<LeftOut>,
}

type Attributes = BTreeMap<String, String>;

/// A date, if any, and attributes.
type Row<'a> = (Option<Timestamp>, &'a Attributes);

/// The values of one metric. `None`: there are two for the same row, so there is none.
type Series<'a> = BTreeMap<Row<'a>, Option<f64>>;

/// Computes metrics from the points of others, and from each other.
pub(crate) fn compute(points: &[Point], expressions: &BTreeMap<MetricKey, Expression>) -> Computed {
    let mut computed = Computed::default();
    let order = match in_order(expressions) {
        Ok(order) => order,
        Err(cycle) => {
            let why = cycle.to_string();
            computed.left_out = expressions.keys().map(|key| left_out(key, &why)).collect();
            return computed;
        }
    };
    for key in order {
        let Some(expression) = expressions.get(&key) else {
            continue;
        };
        let known = points.iter().chain(&computed.points);
        match evaluate(&key, expression, &known) {
            Ok((mut fresh, why)) => {
                computed.points.append(&mut fresh);
                computed
                    .left_out
                    .extend(why.map(|why| left_out(&key, &why)));
            }
            Err(why) => computed.left_out.push(left_out(&key, &why)),
        }
    }
    computed
}

fn left_out(key: &MetricKey, why: &str) -> LeftOut {
    LeftOut {
        key: key.clone(),
        why: why.to_owned(),
    }
}

/// The points of one computed metric, and why some are missing.
fn evaluate<'a>(
    key: &MetricKey,
    expression: &Expression,
    known: &(impl Iterator<Item = &'a Point> + Clone),
) -> Result<(Vec<Point>, Option<String>), String> {
    let mut inputs: BTreeMap<&MetricKey, Series<'a>> = BTreeMap::new();
    for needed in expression.variables() {
        let series = series(known.clone().filter(|point| point.key == *needed));
        if series.is_empty() {
            return Err(format!("needs {needed}, which has no value"));
        }
        inputs.insert(needed, series);
    }
    let dateless = |series: &Series<'_>| series.keys().any(|(date, _)| date.is_none());
    if inputs.values().any(dateless) {
        inputs.values_mut().for_each(as_of_now);
    }
    let rows = rows(inputs.values());
    let (mut points, mut missing) = (Vec::new(), Vec::new());
    for row in &rows {
        match value(expression, &inputs, *row) {
            Ok(value) => points.push(Point {
                key: key.clone(),
                value,
                date: row.0,
                unit: None,
                attributes: row.1.clone(),
            }),
            Err(why) => missing.push(format!("{why}{}", place(*row))),
        }
    }
    let why = missing.first().map(|first| match missing.len() {
        1 if rows.len() == 1 => first.clone(),
        count => format!("{count} of {} are left out; the first {first}", rows.len()),
    });
    Ok((points, why))
}

fn series<'a>(points: impl Iterator<Item = &'a Point>) -> Series<'a> {
    let mut series = Series::new();
    for point in points {
        let row = (point.date, &point.attributes);
        let value = Some(point.value.get());
        series
            .entry(row)
            .and_modify(|held| *held = None)
            .or_insert(value);
    }
    series
}

/// Keeps the latest value of each set of attributes, as a number of now.
fn as_of_now(series: &mut Series<'_>) {
    let dated = std::mem::take(series);
    // In the order of dates, so that the latest one stays; what has no date is later still.
    let (now, before): (Vec<_>, Vec<_>) =
        dated.into_iter().partition(|((date, _), _)| date.is_none());
    for ((_, attributes), value) in before.into_iter().chain(now) {
        series.insert((None, attributes), value);
    }
}

fn has_attributes(series: &Series<'_>) -> bool {
    series.keys().any(|(_, attributes)| !attributes.is_empty())
}

/// The rows that there may be: those of the metrics with attributes, if there are any.
fn rows<'a, 's>(inputs: impl Iterator<Item = &'s Series<'a>> + Clone) -> BTreeSet<Row<'a>>
where
    'a: 's,
{
    static NONE: Attributes = Attributes::new();
    let any = inputs.clone().any(has_attributes);
    let rows: BTreeSet<Row<'a>> = inputs
        .clone()
        .filter(|series| !any || has_attributes(series))
        .flat_map(|series| series.keys().copied())
        .collect();
    if rows.is_empty() && inputs.count() == 0 {
        // An expression without metrics: a constant of now.
        return BTreeSet::from([(None, &NONE)]);
    }
    rows
}

fn value(
    expression: &Expression,
    inputs: &BTreeMap<&MetricKey, Series<'_>>,
    (date, attributes): Row<'_>,
) -> Result<Value, String> {
    let none = Attributes::new();
    let mut values: BTreeMap<&MetricKey, f64> = BTreeMap::new();
    for (key, series) in inputs {
        let attributes = if has_attributes(series) {
            attributes
        } else {
            &none
        };
        let found = series.get(&(date, attributes));
        let value = found.ok_or_else(|| format!("needs {key}, which has no value"))?;
        let value = value.ok_or_else(|| format!("needs {key}, which has two values"))?;
        values.insert(key, value);
    }
    let number = expression
        .evaluate(|key| values.get(key).copied())
        .map_err(|error| error.to_string())?;
    Value::new(number)
}

/// Where a row is, in words: ` on 2024-01-01 for area Austria`.
fn place((date, attributes): Row<'_>) -> String {
    let date = date.map_or_else(String::new, |date| format!(" on {}", period::written(date)));
    if attributes.is_empty() {
        return date;
    }
    let pairs: Vec<String> = attributes.iter().map(|(k, v)| format!("{k} {v}")).collect();
    format!("{date} for {}", pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point(key: &str, value: f64, date: &str, attributes: &[(&str, &str)]) -> Point {
        Point {
            key: key.parse().unwrap(),
            value: Value::new(value).unwrap(),
            date: period::start(date),
            unit: None,
            attributes: attributes
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        }
    }

    fn computed(points: &[Point], expressions: &[(&str, &str)]) -> Computed {
        let expressions = expressions
            .iter()
            .map(|(key, text)| (key.parse().unwrap(), Expression::parse(text).unwrap()))
            .collect();
        compute(points, &expressions)
    }

    fn whys(computed: &Computed) -> Vec<&str> {
        computed
            .left_out
            .iter()
            .map(|left| left.why.as_str())
            .collect()
    }

    #[test]
    fn dates_that_all_metrics_have_make_the_rows() {
        let points = [
            point("us", 7.0, "2013", &[]),
            point("us", 8.0, "2014", &[]),
            point("de", 5.0, "2014", &[]),
            point("de", 4.0, "2015", &[]),
        ];
        let got = computed(&points, &[("gap", "us - de")]);
        assert_eq!(got.points, [point("gap", 3.0, "2014", &[])]);
        assert_eq!(
            whys(&got),
            ["2 of 3 are left out; the first needs de, which has no value on 2013-01-01"]
        );
    }

    #[test]
    fn a_number_of_now_goes_with_the_latest_of_the_others() {
        let points = [
            point("orders", 100.0, "", &[]),
            point("people", 5.0, "2023", &[]),
            point("people", 4.0, "2024", &[]),
        ];
        let got = computed(&points, &[("each", "orders / people")]);
        assert_eq!(got.points, [point("each", 25.0, "", &[])]);
        assert!(got.left_out.is_empty());
    }

    #[test]
    fn a_metric_without_attributes_goes_with_every_set_of_them() {
        let (si, at) = ([("area", "SI")], [("area", "AT")]);
        let points = [
            point("jobs", 10.0, "2024", &si),
            point("jobs", 30.0, "2024", &at),
            point("people", 20.0, "2024", &si),
            point("total", 40.0, "2024", &[]),
            point("total", 41.0, "2023", &[]),
        ];
        let got = computed(
            &points,
            &[("share", "100 * jobs / total"), ("rate", "jobs / people")],
        );
        let expected = [
            point("rate", 0.5, "2024", &si),
            point("share", 75.0, "2024", &at),
            point("share", 25.0, "2024", &si),
        ];
        assert_eq!(got.points, expected);
        let why = "1 of 2 are left out; the first needs people, which has no value on 2024-01-01 \
                   for area AT";
        assert_eq!(whys(&got), [why]);
    }

    #[test]
    fn computed_metrics_are_computed_from_each_other() {
        let points = [point("x", 2.0, "2024", &[])];
        let got = computed(&points, &[("a", "b + 1"), ("b", "x * x"), ("c", "7")]);
        let expected = [
            point("b", 4.0, "2024", &[]),
            point("a", 5.0, "2024", &[]),
            point("c", 7.0, "", &[]),
        ];
        assert_eq!(got.points, expected);
        let circle = computed(&points, &[("a", "b"), ("b", "a"), ("c", "x")]);
        assert_eq!((circle.points.len(), circle.left_out.len()), (0, 3));
    }

    #[test]
    fn what_has_no_value_says_why() {
        let points = [
            point("zero", 0.0, "2024", &[]),
            point("one", 1.0, "2024", &[]),
            point("large", 9e15, "2024", &[]),
            point("twice", 1.0, "2024", &[]),
            point("twice", 2.0, "2024M01", &[]),
        ];
        for (text, why) in [
            ("one / zero", "divides by zero on 2024-01-01"),
            ("gone + 1", "needs gone, which has no value"),
            ("large * 10", "9e16 has more than 16 digits on 2024-01-01"),
            (
                "twice + one",
                "needs twice, which has two values on 2024-01-01",
            ),
        ] {
            let got = computed(&points, &[("m", text)]);
            assert_eq!((got.points.len(), whys(&got)), (0, vec![why]), "{text}");
        }
    }

    proptest! {
        /// Against the plainest way to say it: for dated metrics without attributes, a sum has a
        /// point on just the dates that both have.
        #[test]
        fn a_sum_has_the_dates_that_both_have(
            a in proptest::collection::btree_map(2000..2020_u32, -100..100_i32, 0..8),
            b in proptest::collection::btree_map(2000..2020_u32, -100..100_i32, 0..8),
        ) {
            let of = |key: &str, map: &BTreeMap<u32, i32>| -> Vec<Point> {
                map.iter().map(|(y, v)| point(key, f64::from(*v), &y.to_string(), &[])).collect()
            };
            let points = [of("a", &a), of("b", &b)].concat();
            let expected: Vec<Point> = a
                .iter()
                .filter_map(|(y, v)| Some(point("s", f64::from(v + b.get(y)?), &y.to_string(), &[])))
                .collect();
            prop_assert_eq!(computed(&points, &[("s", "a + b")]).points, expected);
        }
    }
}

//! The variables that OpenTelemetry's specification names, as a layer below those of our own.
//!
//! A variable for traces alone holds before the one for every signal, and an empty one counts as
//! not set, as the specification asks. Headers are not here: the exporter reads that variable
//! itself.

use std::ffi::{OsStr, OsString};

use super::{
    environment::insert,
    fault::Fault,
    origin::Origin,
    tree::{Table, Value},
};

/// Where a variable's value goes, and how it is written there.
struct Variable {
    name: &'static str,
    key: &'static str,
    /// # Errors
    /// What is wrong, to be read after the name.
    written: fn(&str) -> Result<String, String>,
}

const fn plain(name: &'static str, key: &'static str) -> Variable {
    Variable {
        name,
        key,
        written: |value| Ok(value.to_owned()),
    }
}

/// In the order in which they hold: of those for one key the first that is set.
const VARIABLES: [Variable; 9] = [
    plain("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "endpoint"),
    plain("OTEL_EXPORTER_OTLP_ENDPOINT", "endpoint"),
    plain("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "protocol"),
    plain("OTEL_EXPORTER_OTLP_PROTOCOL", "protocol"),
    Variable {
        name: "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
        key: "timeout",
        written: milliseconds,
    },
    Variable {
        name: "OTEL_EXPORTER_OTLP_TIMEOUT",
        key: "timeout",
        written: milliseconds,
    },
    plain("OTEL_SERVICE_NAME", "service_name"),
    Variable {
        name: "OTEL_SDK_DISABLED",
        key: "exporter",
        // Anything but "true" means false, says the specification.
        written: |value| {
            let disabled = value.eq_ignore_ascii_case("true");
            Ok(if disabled { "none" } else { "otlp" }.to_owned())
        },
    },
    plain("OTEL_TRACES_EXPORTER", "exporter"),
];

const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARG: &str = "OTEL_TRACES_SAMPLER_ARG";
const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";

fn milliseconds(value: &str) -> Result<String, String> {
    match value.trim().parse::<u64>() {
        Ok(number) => Ok(format!("{number}ms")),
        Err(_) => Err(format!("is {value:?}, not a number of milliseconds")),
    }
}

/// Lays the standard variables' values over `tree`.
pub(super) fn apply(tree: &mut Table, variables: &[(OsString, OsString)], faults: &mut Vec<Fault>) {
    let value = |name: &str| {
        let named = |(known, _): &&(OsString, OsString)| known == OsStr::new(name);
        let value = variables.iter().find(named)?.1.to_str()?;
        Some(value).filter(|value| !value.trim().is_empty())
    };
    let mut set = |name: &str, path: &[&str], written: Result<String, String>| {
        let origin = Origin::Environment {
            variable: name.to_owned(),
        };
        let mut whole = vec!["telemetry".to_owned()];
        whole.extend(path.iter().map(|part| (*part).to_owned()));
        let done = written.and_then(|written| insert(tree, &whole, &written, &origin));
        if let Err(problem) = done {
            faults.push(Fault {
                key: whole.join("."),
                origin: Some(origin),
                problem,
            });
        }
    };
    let mut done: Vec<&str> = Vec::new();
    for variable in &VARIABLES {
        if let Some(value) = value(variable.name).filter(|_| !done.contains(&variable.key)) {
            done.push(variable.key);
            set(variable.name, &[variable.key], (variable.written)(value));
        }
    }
    if let Some(sampler) = value(SAMPLER) {
        let written = match value(SAMPLER_ARG).filter(|_| sampler.ends_with("traceidratio")) {
            Some(argument) => format!("{sampler}:{argument}"),
            None => sampler.to_owned(),
        };
        set(SAMPLER, &["sampler"], Ok(written));
    }
    for pair in value(ATTRIBUTES).into_iter().flat_map(|all| all.split(',')) {
        match pair.split_once('=') {
            Some((name, value)) => {
                let name = decoded(name.trim());
                set(
                    ATTRIBUTES,
                    &["attributes", &name],
                    Ok(decoded(value.trim())),
                );
            }
            None if pair.trim().is_empty() => {}
            None => {
                let problem = format!("holds {pair:?}, which is not name=value");
                set(ATTRIBUTES, &["attributes"], Err(problem));
            }
        }
    }
    name_of_the_attributes(tree, value("OTEL_SERVICE_NAME").is_some());
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> String {
    // A form's decoder takes a plus sign for a space, which this encoding does not.
    let safe = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    let pair = url::form_urlencoded::parse(safe.as_bytes()).next();
    pair.map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// `service.name` among the attributes is the name of the service, unless that has a variable of
/// its own.
fn name_of_the_attributes(tree: &mut Table, named: bool) {
    const NAME: &str = "service.name";
    let Some(Value::Table(telemetry)) = tree.get_mut("telemetry").map(|node| &mut node.value)
    else {
        return;
    };
    let Some(Value::Table(attributes)) =
        telemetry.get_mut("attributes").map(|node| &mut node.value)
    else {
        return;
    };
    let by_variable = |origin: &Origin| matches!(origin, Origin::Environment { .. });
    if attributes
        .get(NAME)
        .is_some_and(|node| by_variable(&node.origin))
        && let Some(name) = attributes.remove(NAME)
        && !named
    {
        telemetry.insert("service_name".to_owned(), name);
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{
        Layers,
        telemetry::{Exporter, Protocol, Root, Sampler},
    };

    fn with(variables: &[(&str, &str)]) -> Layers {
        Layers {
            environment: variables
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            ..Layers::default()
        }
    }

    #[test]
    fn the_standard_variables_hold() {
        let loaded = with(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
            (
                "OTEL_RESOURCE_ATTRIBUTES",
                "service.name=north,team=data%2Cweb,,a=1+1",
            ),
        ])
        .load()
        .unwrap();
        let telemetry = &loaded.config.telemetry;
        let endpoint = telemetry.endpoint.as_ref().unwrap();
        assert_eq!(endpoint.to_string(), "http://collector:4318/");
        assert_eq!(telemetry.protocol, Protocol::HttpProtobuf);
        assert_eq!(telemetry.timeout.as_millis(), 2500);
        assert_eq!(telemetry.service_name, "north");
        assert_eq!(telemetry.attributes["team"], "data,web");
        assert_eq!(telemetry.attributes["a"], "1+1");
        assert!(!telemetry.attributes.contains_key("service.name"));
        let quarter = Sampler {
            parent_based: true,
            root: Root::Ratio(0.25),
        };
        assert_eq!(telemetry.sampler, quarter);
        assert_eq!(telemetry.exporter, Exporter::Otlp);
        let origin = loaded.origin("telemetry.endpoint").unwrap().to_string();
        assert!(origin.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{origin}");
    }

    #[test]
    fn ours_hold_before_the_standard_ones_and_those_for_traces_before_those_for_all() {
        let loaded = with(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4317"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:4317"),
            ("OTEL_SERVICE_NAME", "theirs"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other"),
            ("WINDLASS__TELEMETRY__SERVICE_NAME", "ours"),
            ("OTEL_SDK_DISABLED", "true"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", ""),
        ])
        .load()
        .unwrap();
        let telemetry = &loaded.config.telemetry;
        let endpoint = telemetry.endpoint.as_ref().unwrap();
        assert_eq!(endpoint.to_string(), "http://traces:4317/");
        assert_eq!(telemetry.service_name, "ours");
        assert_eq!(telemetry.protocol, Protocol::Grpc);
        assert_eq!(telemetry.exporter, Exporter::None);
    }

    #[test]
    fn a_wrong_value_is_told_with_its_variable() {
        for (name, value, reason) in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "milliseconds"),
            ("OTEL_TRACES_SAMPLER", "xray", "no sampler"),
            ("OTEL_RESOURCE_ATTRIBUTES", "novalue", "name=value"),
            (
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "collector:4317",
                "begins with",
            ),
        ] {
            let faults = with(&[(name, value)]).load().unwrap_err().to_string();
            assert!(faults.contains(name) && faults.contains(reason), "{faults}");
        }
    }
}

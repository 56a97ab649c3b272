//! What `docker-compose.yml` and the `Dockerfile` say, as far as it can be told without Docker:
//! their form, and that the commands run with the environment that they are given.

use serde_json::Value;
use shared::config::{Config, Layers};
use std::{collections::BTreeMap, ffi::OsString};

use crate::{
    collector::Collector,
    process::{Place, Process},
    target::Target,
};

const COMPOSE: &str = include_str!("../../docker-compose.yml");
const DOCKERFILE: &str = include_str!("../../Dockerfile");
const DEFAULTS: &str = include_str!("../../.env");

/// The services that run our image.
const OURS: [&str; 4] = ["migrate", "api", "scheduler", "worker"];

fn compose() -> Value {
    let mut yaml: serde_yaml_ng::Value =
        serde_yaml_ng::from_str(COMPOSE).expect("docker-compose.yml is YAML");
    yaml.apply_merge().unwrap();
    serde_json::to_value(yaml).unwrap()
}

fn service<'a>(compose: &'a Value, name: &str) -> &'a Value {
    let service = &compose["services"][name];
    assert!(service.is_object(), "there is no service {name}");
    service
}

fn texts(list: &Value) -> Vec<&str> {
    let items = list.as_array().into_iter().flatten();
    items.map(|item| item.as_str().unwrap()).collect()
}

/// What `.env` sets.
fn defaults() -> BTreeMap<&'static str, &'static str> {
    let lines = DEFAULTS.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once('=').unwrap()).collect()
}

/// The environment of a service, `${NAME:-default}` resolved.
fn environment(service: &Value) -> BTreeMap<String, String> {
    let pairs = service["environment"].as_object().unwrap();
    let resolved = |value: &Value| {
        let value = value.as_str().unwrap();
        let inner = value.strip_prefix("${").and_then(|v| v.strip_suffix('}'));
        inner.map_or(value.to_owned(), |inner| {
            let (name, default) = inner.split_once(":-").unwrap();
            assert_eq!(defaults()[name], default, ".env says the same of {name}");
            default.to_owned()
        })
    };
    let pairs = pairs
        .iter()
        .map(|(name, value)| (name.clone(), resolved(value)));
    pairs.collect()
}

#[test]
fn every_service_is_kept_running_and_looked_after() {
    let compose = compose();
    for (name, service) in compose["services"].as_object().unwrap() {
        let restart = service["restart"].as_str();
        let expected = if name == "migrate" {
            "on-failure"
        } else {
            "unless-stopped"
        };
        assert_eq!(restart, Some(expected), "{name}");
        // The image of Jaeger holds nothing to ask it with.
        let asked = name == "jaeger" || service["healthcheck"].is_object();
        assert!(asked, "{name} has no healthcheck");
        let image = service["image"].as_str().unwrap();
        let (_, tag) = image
            .split_once(':')
            .unwrap_or_else(|| panic!("{image} has no tag"));
        assert_ne!(tag, "latest", "{name}");
        for dependency in service["depends_on"].as_object().into_iter().flatten() {
            assert!(
                compose["services"][dependency.0].is_object(),
                "{name}: {dependency:?}"
            );
        }
        for secret in texts(&service["secrets"]) {
            assert!(
                compose["secrets"][secret]["file"].is_string(),
                "{name}: {secret}"
            );
        }
    }
    let jaeger = service(&compose, "jaeger")["image"].as_str().unwrap();
    assert!(jaeger.starts_with("jaegertracing/jaeger:2."), "{jaeger}");
    for name in ["scheduler", "worker"] {
        assert_eq!(service(&compose, name)["deploy"]["replicas"], 2, "{name}");
    }
}

#[test]
fn only_this_machine_is_shown_the_ports_of_the_api_and_of_jaeger() {
    let compose = compose();
    let mut published = Vec::new();
    for (name, service) in compose["services"].as_object().unwrap() {
        for port in texts(&service["ports"]) {
            let shown = port.strip_prefix("127.0.0.1:");
            let shown = shown.unwrap_or_else(|| panic!("{name} shows {port} to everybody"));
            published.push((name.as_str(), shown));
        }
    }
    assert_eq!(
        published,
        [("door", "7400:7480"), ("jaeger", "16686:16686")]
    );
    // The door hands on to where the API listens by default.
    let door = texts(&service(&compose, "door")["command"]);
    let listen = Config::default().api.listen.to_string();
    assert_eq!(door[door.len() - 4..], ["--from", ":7480", "--to", &listen]);
    assert_eq!(service(&compose, "api")["network_mode"], "service:door");
}

#[test]
fn either_store_is_a_profile_and_forgets_nothing() {
    let compose = compose();
    for name in ["postgres", "redis"] {
        let store = service(&compose, name);
        assert_eq!(texts(&store["profiles"]), [name]);
        assert!(store["volumes"][0].as_str().unwrap().starts_with(name));
        assert!(compose["volumes"].get(name).is_some());
        let waits = &service(&compose, "migrate")["depends_on"][name];
        assert_eq!(waits["condition"], "service_healthy");
        assert_eq!(waits["required"], false, "the other store may be chosen");
    }
    assert_eq!(defaults()["COMPOSE_PROFILES"], "postgres");
    let redis = service(&compose, "redis")["command"].to_string();
    assert!(redis.contains("--maxmemory-policy noeviction") && redis.contains("--appendonly yes"));
}

#[test]
fn the_configuration_knows_every_variable() {
    let compose = compose();
    for name in OURS {
        let mut environment = environment(service(&compose, name));
        let password = environment.remove("WINDLASS__STORE__PASSWORD_FILE");
        assert_eq!(password.as_deref(), Some("/run/secrets/store_password"));
        let known = |variable: &String| {
            variable.starts_with("WINDLASS__") || variable == "OTEL_EXPORTER_OTLP_ENDPOINT"
        };
        assert!(environment.keys().all(known), "{name}: {environment:?}");
        let layers = Layers {
            environment: environment
                .into_iter()
                .map(|(name, value)| (OsString::from(name), OsString::from(value)))
                .collect(),
            ..Layers::default()
        };
        let config = layers
            .load()
            .unwrap_or_else(|faults| panic!("{name}: {faults}"))
            .config;
        let jaeger = config.telemetry.endpoint.unwrap().to_string();
        assert_eq!(jaeger, "http://jaeger:4317/", "the port of OTLP over gRPC");
        let grace = service(&compose, name)["stop_grace_period"]
            .as_str()
            .unwrap();
        let grace: u64 = grace.trim_end_matches('s').parse().unwrap();
        assert!(
            grace > config.worker.drain_timeout.as_secs() + 3,
            "{name} is killed too soon"
        );
    }
}

#[test]
fn the_image_runs_the_one_binary_and_not_as_root() {
    let last = |word: &str| {
        let mut lines = DOCKERFILE.lines().filter(|line| line.starts_with(word));
        lines
            .next_back()
            .unwrap_or_else(|| panic!("no {word}"))
            .to_owned()
    };
    assert_eq!(last("ENTRYPOINT"), r#"ENTRYPOINT ["windlass"]"#);
    assert_eq!(last("USER"), "USER nonroot");
    assert!(last("FROM").ends_with(":nonroot"));
    let rust = format!("rust:{}-", env!("CARGO_PKG_RUST_VERSION"));
    assert!(DOCKERFILE.contains(&rust), "built by {rust}");
}

/// What the services run, as plain processes with the same environment; only where the others are
/// is different.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_run_as_they_stand() {
    let compose = compose();
    let collector = Collector::start().await;
    let mut place = Place::on_postgres().await;
    let password = place.path().join("store_password");
    std::fs::write(&password, "unused-where-trust-is-the-rule\n").unwrap();
    let elsewhere = [
        "WINDLASS__STORE__URL",
        "WINDLASS__STORE__PASSWORD_FILE",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    ];
    for (name, value) in environment(service(&compose, "worker")) {
        if !elsewhere.contains(&name.as_str()) {
            place = place.with_variable(&name, &value);
        }
    }
    let has_password = place
        .store_url()
        .unwrap()
        .split('@')
        .next()
        .unwrap()
        .matches(':')
        .count()
        > 1;
    if !has_password {
        place = place.with("STORE__PASSWORD_FILE", password.to_str().unwrap());
    }
    let place = place.with_variable("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
    let migrated = place
        .run(&texts(&service(&compose, "migrate")["command"]))
        .await;
    assert_eq!(migrated.code, Some(0), "{migrated:?}");

    let start = |name: &str| place.start(&texts(&service(&compose, name)["command"]));
    let mut processes: Vec<Process> = Vec::new();
    for name in ["api", "scheduler", "scheduler", "worker", "worker"] {
        let process = start(name);
        process.line("runs:").await;
        processes.push(process);
    }
    let api = processes[0].api().await;
    for name in ["api", "scheduler", "worker"] {
        let probe = texts(&service(&compose, name)["healthcheck"]["test"]);
        let [kind, program, args @ ..] = &probe[..] else {
            panic!("{probe:?}");
        };
        assert_eq!((*kind, *program), ("CMD", "windlass"));
        let mut args = args.to_vec();
        if name == "api" {
            args.extend(["--server", api.url()]);
        }
        let healthy = place.run(&args).await;
        assert_eq!(healthy.code, Some(0), "{name}: {healthy:?}");
    }
    let target = Target::start().await;
    target.answer_all();
    let ids = api.submit(&target.jobs(20)).await;
    for id in &ids {
        assert_eq!(api.ended(id).await["state"], "completed");
    }
    for process in processes.iter_mut().rev() {
        process.stop().await;
    }
    let services: std::collections::BTreeSet<String> = collector
        .spans()
        .0
        .into_iter()
        .map(|span| span.service)
        .collect();
    assert!(services.contains("windlass-api") && services.contains("windlass-worker"));
}

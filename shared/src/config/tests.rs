//! The configuration as a whole: layers, faults, secrets, the reference.

use std::{ffi::OsString, path::Path};

use super::{Config, Layers, Loaded};

mod faults;
mod hostile;
mod layers;
mod reference;
mod secrets;
mod shown;

/// Loads `file` with `environment` over it; what is told of it calls it `w.toml`, and the folder
/// it lies in `DIR`, which it may too.
fn load_in(folder: &Path, file: &str, environment: &[(&str, &str)]) -> Result<Loaded, String> {
    let dir = folder.display().to_string();
    let path = folder.join("w.toml");
    std::fs::write(&path, file.replace("DIR", &dir)).unwrap();
    let layers = Layers {
        file: Some(path.clone()),
        environment: variables(environment, &dir),
        flags: Vec::new(),
    };
    layers.load().map_err(|faults| {
        let told = faults.to_string();
        told.replace(&path.display().to_string(), "w.toml")
            .replace(&dir, "DIR")
    })
}

fn load(file: &str, environment: &[(&str, &str)]) -> Result<Loaded, String> {
    load_in(tempfile::tempdir().unwrap().path(), file, environment)
}

fn config(file: &str) -> Config {
    load(file, &[])
        .unwrap_or_else(|told| panic!("{told}"))
        .config
}

/// The faults of `file`, each as `key: problem`.
fn faults(file: &str) -> Vec<String> {
    faults_with(file, &[])
}

fn faults_with(file: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let Err(told) = load(file, environment) else {
        return Vec::new();
    };
    let key = |head: &str| head.split("  (").next().unwrap_or(head).trim().to_owned();
    told.split("\n\n")
        .skip(1)
        .filter_map(|fault| fault.split_once('\n'))
        .map(|(head, problem)| format!("{}: {}", key(head), problem.trim()))
        .collect()
}

fn variables(pairs: &[(&str, &str)], dir: &str) -> Vec<(OsString, OsString)> {
    let pair = |(name, value): &(&str, &str)| (name.into(), value.replace("DIR", dir).into());
    pairs.iter().map(pair).collect()
}

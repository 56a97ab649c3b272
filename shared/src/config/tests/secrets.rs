//! Secrets: where they may come from, and that they go nowhere.

use std::path::Path;

use super::{faults_with, load, load_in};
use crate::{
    config::{Destination, Flag, Layers, show},
    secret::Secret,
};

const DATABOX: &str = "[destinations.d]\ntype = 'databox'\n";
const TOKEN: &str = "WINDLASS__DESTINATIONS__D__TOKEN";

fn token(folder: &Path, keys: &str, environment: &[(&str, &str)]) -> Result<Secret, String> {
    let loaded = load_in(folder, &format!("{DATABOX}{keys}"), environment)?;
    let shown = format!("{:?}{}", loaded, show::render(&loaded));
    match &loaded.config.destinations["d"] {
        Destination::Databox(databox) => {
            assert!(!shown.contains(databox.token.expose()), "{shown}");
            Ok(databox.token.clone())
        }
        Destination::Webhook(_) => panic!("{shown}"),
    }
}

#[test]
fn a_token_comes_from_a_file_the_environment_or_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("token"), "from-a-file\r\n").unwrap();
    std::fs::write(folder.join("destinations.d.token"), "from-systemd\n").unwrap();
    let credentials = ("CREDENTIALS_DIRECTORY", "DIR");
    let file = "token_file = 'DIR/token'";
    for (keys, environment, expected) in [
        (file, &[][..], "from-a-file"),
        (file, &[credentials], "from-a-file"),
        (
            "",
            &[(TOKEN, "from-the-environment")],
            "from-the-environment",
        ),
        ("", &[(TOKEN, "true")], "true"),
        ("", &[(TOKEN, "\"quoted\"")], "\"quoted\""),
        (
            "",
            &[("WINDLASS__DESTINATIONS__D__TOKEN_FILE", "DIR/token")],
            "from-a-file",
        ),
        ("", &[credentials], "from-systemd"),
    ] {
        let told = token(folder, keys, environment);
        assert_eq!(told, Ok(Secret::new(expected)), "{keys}");
    }
}

#[test]
fn a_token_that_is_nowhere_or_somewhere_wrong_is_told_without_being_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("empty"), "\n").unwrap();
    std::fs::write(folder.join("lines"), "hunter2\nhunter2").unwrap();
    std::fs::write(folder.join("bytes"), b"hunter2\xff").unwrap();
    std::fs::write(folder.join("large"), "hunter2".repeat(2000)).unwrap();
    let ways = "put it into a file of its own and name that in token_file, or set \
                WINDLASS__DESTINATIONS__D__TOKEN";
    for (keys, environment, problem) in [
        (
            "",
            &[][..],
            &*format!("d.token  (w.toml line 1)\n      is missing; {ways}"),
        ),
        ("", &[("CREDENTIALS_DIRECTORY", "DIR")], "is missing"),
        (
            "token = 'hunter2'",
            &[],
            "token  (w.toml line 3)\n      is a secret and must not stand",
        ),
        (
            "token = ['hunter2']",
            &[],
            "must not stand in the configuration file",
        ),
        (
            "token_file = 'DIR/empty'",
            &[(TOKEN, "hunter2")],
            "d.token  (environment",
        ),
        (
            "token_file = 'DIR/none'",
            &[],
            "token_file  (w.toml line 3)\n      names DIR/none, which",
        ),
        (
            "token_file = 'DIR'",
            &[],
            "names DIR, which is a directory, not a file",
        ),
        ("token_file = 'DIR/empty'", &[], "is empty"),
        (
            "token_file = 'DIR/lines'",
            &[],
            "holds a space or a control character",
        ),
        ("token_file = 'DIR/bytes'", &[], "is not UTF-8 text"),
        ("token_file = 'DIR/large'", &[], "which is larger than 8KiB"),
        ("token_file = ''", &[], "\"\" is no path"),
        ("", &[(TOKEN, "")], "is empty"),
        ("", &[(TOKEN, "hunter2:x")], "holds a colon"),
    ] {
        let told = token(folder, keys, environment).unwrap_err();
        assert!(
            told.starts_with("the configuration has a fault:"),
            "{keys}: {told}"
        );
        assert!(told.contains(problem), "{keys}: {told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn signing_keys_are_checked_by_their_form() {
    let webhook = "[destinations.d]\ntype = 'webhook'\nurl = 'https://a.example/'\n";
    let secret = "WINDLASS__DESTINATIONS__D__SECRET";
    let previous = "WINDLASS__DESTINATIONS__D__PREVIOUS_SECRET";
    let right = format!("whsec_{}", "YWFh".repeat(8));
    let told = |environment: &[(&str, &str)]| faults_with(webhook, environment);
    assert_eq!(told(&[(secret, &right), (previous, &right)]), [""; 0]);
    assert_eq!(
        told(&[(secret, "hunter2"), (previous, "whsec_hunter2")]),
        [
            "destinations.d.secret: does not begin with whsec_",
            "destinations.d.previous_secret: holds no base64 after whsec_",
        ]
    );
    let pasted = format!("{webhook}secret_file = '{right}'");
    assert_eq!(
        faults_with(&pasted, &[]),
        ["destinations.d.secret_file: holds a secret where the path of a file belongs"]
    );
}

#[test]
fn headers_that_are_secrets_come_from_the_environment() {
    let source = "[sources.s]\ntype = 'http_json'\nurl = 'https://a.example/?token=hunter2'\n\
                  metrics = [{ key = 'a', path = '$.a' }]\n";
    let folder = tempfile::tempdir().unwrap();
    let loaded = load_in(
        folder.path(),
        &format!("{source}headers = {{ Accept = 'application/json' }}"),
        &[
            (
                "WINDLASS__SOURCES__S__HEADERS__AUTHORIZATION",
                "Bearer hunter2",
            ),
            ("WINDLASS__SOURCES__S__HEADERS__X_API_KEY", "hunter2"),
        ],
    )
    .unwrap();
    let shown = show::render(&loaded);
    assert!(!format!("{loaded:?}").contains("hunter2"));
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("accept = \"application/json\""), "{shown}");
    assert!(shown.contains("x-api-key = \"[redacted]\""), "{shown}");
    for (headers, problem) in [
        (
            "{ authorization = 'Bearer hunter2' }",
            "set WINDLASS__SOURCES__S__HEADERS__AUTHORIZATION",
        ),
        ("{ 'a b' = 'x' }", "is no name of a header"),
        (
            "{ a = \"x\\r\\nb: y\" }",
            "holds a letter that headers must not hold",
        ),
        ("{ host = 'x' }", "is written by the program itself"),
        ("{ a = 1 }", "is 1, not a text"),
        ("{ a = 'x', A = 'y' }", "twice"),
        (
            &format!("{{ a = '{}' }}", "x".repeat(9000)),
            "bytes in all, more than 8192",
        ),
    ] {
        let told = faults_with(&format!("{source}headers = {headers}"), &[]);
        assert!(
            told.len() == 1 && told[0].contains(problem),
            "{headers}: {told:?}"
        );
        assert!(!told[0].contains("hunter2"), "{told:?}");
    }
}

#[test]
fn the_password_of_a_store_is_put_into_its_address_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p"), "hunter2/\n").unwrap();
    let variable = "WINDLASS__STORE__PASSWORD";
    let url = "store.url = 'postgres://u@h/d?pool_max=3'";
    let file = format!("{url}\nstore.password_file = 'DIR/p'");
    let inline = url.replace("u@", "u:hunter2%2F@");
    for (file, environment) in [
        (&*file, &[][..]),
        (url, &[(variable, "hunter2/")]),
        (&inline, &[]),
    ] {
        let loaded = load_in(folder.path(), file, environment).unwrap();
        let address = loaded.config.store.address();
        assert_eq!(address, "postgres://u:hunter2%2F@h/d?pool_max=3");
        let shown = format!("{loaded:?}{}", show::render(&loaded));
        assert!(shown.contains("@h/d?pool_max=3"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    for (file, problem) in [
        (&*inline, "store.url holds a password too"),
        ("", "the store that store.url names has none"),
    ] {
        assert_eq!(faults_with(file, &[(variable, "hunter2")]).len(), 1);
        let told = faults_with(file, &[(variable, "hunter2")]).remove(0);
        assert!(told.contains(problem), "{told}");
    }
}

#[test]
fn a_password_on_the_command_line_is_taken_with_a_warning() {
    let by_flag = |url: &str| Layers {
        flags: vec![Flag {
            key: "store.url",
            value: url.to_owned(),
            name: "--store",
        }],
        ..Layers::default()
    };
    for url in [
        "postgres://u:hunter2@h/d",
        "postgres://h/d?user=u&password=hunter2",
    ] {
        let layers = by_flag(url);
        let loaded = layers.load().unwrap();
        assert_eq!(loaded.config.store.address(), url);
        let warning = loaded.exposed().unwrap();
        assert_eq!(warning.key, "store.url");
        let told = Ok(loaded.clone());
        let told = show::Verdict::of(&told);
        let json = serde_json::to_string(&told).unwrap();
        let told = told.to_string();
        for place in [
            "WINDLASS__STORE__PASSWORD",
            "store.password_file",
            "--store",
        ] {
            assert!(told.contains(place) && json.contains(place), "{told}{json}");
        }
        let shown = format!("{told}{json}{layers:?}{loaded:?}{}", show::render(&loaded));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    for url in ["postgres://u@h/d", "memory:", "sqlite://u:hunter2@h.db"] {
        assert_eq!(by_flag(url).load().unwrap().exposed(), None, "{url}");
    }
    let elsewhere = [("WINDLASS__STORE__URL", "postgres://u:hunter2@h/d")];
    let loaded = load("", &elsewhere).unwrap();
    assert_eq!(loaded.exposed(), None);
}

//! A password in the address of a store on the command line: everybody on the machine can read it
//! there, so people are told of better places, and it is written nowhere else.

use crate::process::Place;

/// Nobody listens there.
const URL: &str = "postgres://u:hunter2@127.0.0.1:1/d";

#[tokio::test]
async fn it_is_taken_with_a_warning_and_written_nowhere() {
    let place = Place::new();
    for (args, code, on_stdout) in [
        (&["up"][..], 3, false),
        (&["api", "--log-format", "json"], 3, false),
        (&["worker", "--log", "trace"], 3, false),
        (&["scheduler"], 3, false),
        (&["migrate", "up", "--dry-run"], 3, false),
        (&["migrate", "status", "--json"], 3, false),
        (&["config", "show"], 0, false),
        (&["config", "show", "--json"], 0, false),
        (&["config", "check"], 0, true),
        (&["config", "check", "--json"], 0, true),
    ] {
        let ran = place.run(&[args, &["--store", URL]].concat()).await;
        assert_eq!(ran.code, Some(code), "{args:?}: {ran:?}");
        let told = if on_stdout { &ran.stdout } else { &ran.stderr };
        for word in [
            "WINDLASS__STORE__PASSWORD",
            "store.password_file",
            "--store",
        ] {
            assert!(told.contains(word), "{args:?}: {word}: {ran:?}");
        }
        for stream in [&ran.stdout, &ran.stderr] {
            assert!(!stream.contains("hunter2"), "{args:?}: {ran:?}");
        }
    }
}

#[tokio::test]
async fn in_the_environment_it_is_nobodys_business() {
    let place = Place::new().with("STORE__URL", URL);
    for args in [&["up"][..], &["migrate", "status"], &["config", "check"]] {
        let ran = place.run(args).await;
        assert!(!ran.stderr.contains("WINDLASS__STORE__PASSWORD"), "{ran:?}");
        assert!(!ran.stdout.contains("WINDLASS__STORE__PASSWORD"), "{ran:?}");
        assert!(!format!("{ran:?}").contains("hunter2"), "{ran:?}");
    }
}

#[tokio::test]
async fn a_refusal_of_the_command_line_does_not_repeat_it() {
    let place = Place::new();
    for args in [&["up", URL][..], &[URL], &["job", "list", "--server", URL]] {
        let refused = place.run(args).await;
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains("[redacted]"), "{refused:?}");
        assert!(!refused.stderr.contains("hunter2"), "{refused:?}");
    }
}

//! What is refused, section by section.

use super::{config, faults, faults_with};

/// A pipeline with two sources that are right, for tests to add to.
const PIPELINE: &str = "
[sources.a]
type = 'http_json'
url = 'https://a.example/'
metrics = [{ key = 'x', path = '$.x' }, { key = 'y', path = '$.y' }]
[sources.b]
type = 'jsonstat'
url = 'https://b.example/'
metrics = [{ key = 'z', select = { area = 'US' }, time = 'year' }]
[pipelines.p]
sources = ['a', 'b']
";

/// A file, and a piece of its one fault.
const OUT_OF_RANGE: &[(&str, &str)] = &[
    (
        "store.url = 'valkey://h/0'",
        "store.url: is valkey, a store that this version",
    ),
    (
        "api.listen = '192.168.0.1:80'",
        "api.listen: \"192.168.0.1:80\" can be reached",
    ),
    (
        "api.listen = '[::]:80'",
        "api.listen: \"[::]:80\" can be reached",
    ),
    (
        "api.max_body = '1B'",
        "api.max_body: is 1B; 1KiB to 1GiB is allowed",
    ),
    (
        "api.max_body = 1000",
        "api.max_body: is 1000, not a size, such as",
    ),
    (
        "api.max_jobs_per_request = -1",
        "is -1; 1 to 100000 is allowed",
    ),
    (
        "api.max_jobs_per_request = 1e3",
        "is 1000, not a whole number",
    ),
    (
        "worker.lease = '2h'",
        "worker.lease: is 2h; 1s to 1h is allowed",
    ),
    (
        "worker.concurrency = 99999999999999999999",
        "a number beyond all bounds",
    ),
    (
        "worker.concurrency = '5'",
        "worker.concurrency: is the text \"5\", not a whole number",
    ),
    (
        "worker.queues = []",
        "worker.queues: is empty; \"*\" stands for every queue",
    ),
    (
        "worker.queues = '*'",
        "worker.queues: is the text \"*\", not a list",
    ),
    (
        "worker.name = \"a\\u0000\"",
        "worker.name: holds a control character",
    ),
    ("worker = 5", "worker: is 5, not a table"),
    (
        "retry.factor = nan",
        "retry.factor: is NaN, which is no number to count with",
    ),
    (
        "retry.factor = 0.5",
        "retry.factor: is 0.5; 1 to 100 is allowed",
    ),
    (
        "retry.kinds.'a b'.cap = '1d'",
        "retry.kinds.\"a b\": is no name: it \"a b\" holds",
    ),
    ("retention.discarded = '99999w'", "retention.discarded: is "),
    (
        "outbound.allow = ['10.1.2.3/16']",
        "did you mean \"10.1.0.0/16\"?",
    ),
    (
        "outbound.allow = ['lan']",
        "outbound.allow[0]: \"lan\" is no network",
    ),
    (
        "logs.filter = 'inof'",
        "logs.filter: \"inof\" is no level; did you mean `info`?",
    ),
    ("schedules = []", "schedules: is a list, not a table"),
];

#[test]
fn values_out_of_range_are_refused() {
    for (file, told) in OUT_OF_RANGE {
        let found = faults(file);
        assert!(
            found.len() == 1 && found[0].contains(told),
            "{file}: {found:?}"
        );
    }
}

#[test]
fn relations_are_checked_and_told_once() {
    for (file, told) in [
        (
            "worker.heartbeat = '9s'",
            "worker.heartbeat: is 9s, which does not fit 3 times into worker.lease, which is 20s; \
             at most 6s666ms would, or a lease of at least 27s",
        ),
        (
            "outbound.connect_timeout = '31s'",
            "outbound.connect_timeout: is 31s, longer than outbound.timeout, which is 30s for the \
             whole call",
        ),
        ("retry.cap = '1s'", "retry.cap: is shorter than retry.base"),
        (
            "retry.kinds.http.base = '5d'",
            "retry.kinds.http: has a cap shorter than its base",
        ),
    ] {
        assert_eq!(faults(file), [told], "{file}");
    }
    // A heartbeat that could not be read is not compared with anything.
    let told = faults("worker.heartbeat = 'x'\nworker.lease = '1s'");
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn buffers_fill_before_they_are_flushed() {
    let destination = |buffer: &str| {
        format!("[destinations.d]\ntype = 'databox'\n[destinations.d.buffer]\n{buffer}")
    };
    let token = [("WINDLASS__DESTINATIONS__D__TOKEN", "t")];
    let told = |buffer: &str| faults_with(&destination(buffer), &token);
    assert_eq!(
        told("flush_every = 99"),
        [
            "destinations.d.buffer.flush_every: is 99, less than batch_size, which is 100: no batch \
          would ever be full"
        ]
    );
    assert_eq!(
        told("capacity = 249"),
        [
            "destinations.d.buffer.capacity: is 249, less than flush_every, which is 250: it would \
          be full before it is flushed"
        ]
    );
    assert_eq!(told("batch_size = 250\ncapacity = 250"), [""; 0]);
}

#[test]
fn a_schedule_says_when_and_what() {
    let told = |keys: &str| faults(&format!("[schedules.s]\n{keys}"));
    assert_eq!(told("cron = '@daily'\nkind = 'k'"), [""; 0]);
    assert_eq!(
        told(""),
        [
            "schedules.s.cron: is missing; cron or every says when it runs",
            "schedules.s.kind: is missing",
        ]
    );
    for (keys, reason) in [
        (
            "cron = '@daily'\nevery = '1m'",
            "s.every: stands beside cron",
        ),
        ("cron = '* * *'", "s.cron: has 3 fields; five are right"),
        ("every = '1ms'", "s.every: 1ms is not between 1s and 366d"),
        (
            "every = '1m'\njitter = '1m'",
            "s.jitter: is not shorter than every",
        ),
        (
            "every = '1m'\ntimezone = 'Europe/Ljubljanna'",
            "did you mean \"Europe/Ljubljana\"?",
        ),
        (
            "every = '1m'\nmisfire = 'twice'",
            "s.misfire: is \"twice\"; there is `all`, `once`, `skip`",
        ),
        (
            "every = '1m'\noverlap = 'skp'",
            "s.overlap: is \"skp\"; did you mean `skip`?",
        ),
        ("every = '1m'\nargs = [1]", "s.args: is no table"),
        ("every = '1m'\nargs = { a = nan }", "s.args: is NaN"),
        (
            "every = '1m'\npriority = 10",
            "s.priority: is 10; 0 (sooner) to 9 (later)",
        ),
        (
            "every = '1m'\nmax_attempts = 1001",
            "s.max_attempts: is 1001; 1 to 1000",
        ),
        ("every = '1m'\nqueue = 'a b'", "s.queue: \"a b\" holds ' '"),
    ] {
        let found = told(&format!("kind = 'k'\n{keys}"));
        assert!(
            found.len() == 1 && found[0].contains(reason),
            "{keys}: {found:?}"
        );
    }
}

#[test]
fn a_source_says_where_and_what() {
    let told = |keys: &str| faults(&format!("[sources.s]\n{keys}"));
    assert_eq!(told("kind = 'x'"), ["sources.s.type: is missing"]);
    assert_eq!(
        told("type = 'jsonstatt'"),
        ["sources.s.type: is \"jsonstatt\"; did you mean `jsonstat`?"]
    );
    assert_eq!(
        told("type = 'http_json'\nquery = []"),
        [
            "sources.s.url: is missing",
            "sources.s.metrics: is missing",
            "sources.s.query: no such key; there is `headers`, `metrics`, `type`, `url`",
        ]
    );
    let json = "type = 'http_json'\nurl = 'https://a.example/'\n";
    for (keys, reason) in [
        ("metrics = []", "s.metrics: are none"),
        (
            "metrics = [{ path = '$.a' }]",
            "s.metrics[0].key: is missing",
        ),
        (
            "metrics = [{ key = 'a-b', path = '$.a' }]",
            "s.metrics[0].key: \"a-b\" holds '-'",
        ),
        (
            "metrics = [{ key = 'a', path = 'a' }]",
            "s.metrics[0].path: \"a\" is no JSONPath",
        ),
        ("metrics = [5]", "s.metrics[0]: is 5, not a table"),
        (
            "metrics = [{ key = 'a', path = '$.a' }, { key = 'a', path = '$.b' }]",
            "s.metrics: hold `a` twice",
        ),
    ] {
        let found = told(&format!("{json}{keys}"));
        assert!(
            found.len() == 1 && found[0].contains(reason),
            "{keys}: {found:?}"
        );
    }
    let stat = "type = 'jsonstat'\nurl = 'https://a.example/'\n";
    for (keys, reason) in [
        (
            "metrics = [{ key = 'a', select = { y = '1' }, time = 'y' }]",
            "select: names \"y\"",
        ),
        (
            "metrics = [{ key = 'a', latest = 2 }]",
            "latest: needs time",
        ),
        (
            "metrics = [{ key = 'a', time = 'y', latest = 0 }]",
            "latest: is 0; 1 to 10000",
        ),
        (
            "metrics = [{ key = 'a' }]\nquery = [{ code = 'y' }]",
            "query[0].values: is missing",
        ),
        (
            "metrics = [{ key = 'a' }]\nquery = [{ code = 'y', filter = 'tpo', values = ['1'] }]",
            "query[0].filter: \"tpo\" is not item",
        ),
        (
            "metrics = [{ key = 'a' }]\nquery = [{ code = 'y', filter = 'top', values = ['x'] }]",
            "query[0].values: must be one number",
        ),
    ] {
        let found = told(&format!("{stat}{keys}"));
        assert!(
            found.len() == 1 && found[0].contains(reason),
            "{keys}: {found:?}"
        );
    }
}

#[test]
fn pipelines_name_what_exists() {
    let loaded = config(PIPELINE);
    assert_eq!(loaded.pipelines["p"].sources.len(), 2);
    assert_eq!(loaded.pipelines["p"].timing, None);
    assert_eq!(faults("[pipelines.p]"), ["pipelines.p.sources: is missing"]);
    assert_eq!(
        faults("[pipelines.p]\nsources = []\ntimezone = 'UTC'"),
        [
            "pipelines.p.cron: is missing; cron or every says when it runs",
            "pipelines.p.sources: is empty; a pipeline without a source collects nothing",
        ]
    );
    let told = faults(&PIPELINE.replace("['a', 'b']", "['a', 'bb', 'a']\ndestinations = ['d']"));
    assert_eq!(
        told,
        [
            "pipelines.p.sources: name \"bb\", which is not among the sources; did you mean `b`?",
            "pipelines.p.sources: name \"a\" twice",
            "pipelines.p.destinations: name \"d\", which is not among the destinations; there are \
             no destinations yet",
        ]
    );
}

#[test]
fn computed_metrics_can_be_computed() {
    let told = |computed: &str| faults(&format!("{PIPELINE}[pipelines.p.computed]\n{computed}"));
    assert_eq!(
        told("d = 'x - y'\ne = '100 * d / (z + 1)'\nten = '10'"),
        [""; 0]
    );
    for (computed, reason) in [
        ("d = 'x -'", "computed.d: \"x -\" is no arithmetic"),
        ("d = 5", "computed.d: is 5, not a text"),
        (
            "'d-e' = 'x'",
            "computed.d-e: is no name: it \"d-e\" holds '-'",
        ),
        (
            "d = 'x + zz'",
            "computed.d: needs \"zz\", which is no metric of this pipeline; did you",
        ),
        (
            "x = 'y'",
            "computed.x: is the name of a metric of source a too",
        ),
        ("d = 'e'\ne = 'd'", "computed.d: needs itself: d -> e -> d"),
        ("d = '1 / 0'", "computed.d: divides by zero"),
    ] {
        let found = told(computed);
        assert!(
            found.len() == 1 && found[0].contains(reason),
            "{computed}: {found:?}"
        );
    }
    let twice = PIPELINE.replace("key = 'z'", "key = 'x'");
    assert_eq!(
        faults(&twice),
        ["pipelines.p.sources: give two metrics \"x\": a and b"]
    );
    // What a faulty source would have offered is not missed as well.
    let faulty = PIPELINE.replace("path = '$.x'", "path = '$['");
    let found = faults(&format!("{faulty}[pipelines.p.computed]\nd = 'x + zz'"));
    assert_eq!(found.len(), 1, "{found:?}");
}

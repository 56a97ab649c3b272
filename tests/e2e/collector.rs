//! A collector of traces: a real OTLP receiver over gRPC, which keeps what it is sent.

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, status::StatusCode},
};
use shared::shutdown::Tasks;
use std::{
    collections::{HashMap, HashSet},
    fmt::{self, Write as _},
    sync::{Arc, Mutex},
};
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

/// A span as it came.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) service: String,
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty when it has none.
    pub(crate) parent: String,
    pub(crate) name: String,
    /// 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub(crate) kind: i32,
    /// The ids of the spans it is linked to.
    pub(crate) links: Vec<String>,
    pub(crate) attributes: HashMap<String, String>,
    pub(crate) failed: bool,
    pub(crate) began_us: i64,
    pub(crate) ended_us: i64,
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\n{} {} {} < {:?} {} {:?}",
            self.service, self.name, self.id, self.parent, self.trace, self.links
        )
    }
}

/// A collector on loopback, for as long as its test.
pub(crate) struct Collector {
    url: String,
    spans: Arc<Mutex<Vec<Seen>>>,
    _tasks: Tasks,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let spans = Arc::<Mutex<Vec<Seen>>>::default();
        let service = TraceServiceServer::new(Receiver(Arc::clone(&spans)));
        let tasks = Tasks::new();
        tasks.spawn(async move {
            let server = Server::builder().add_service(service);
            let incoming = TcpIncoming::from(listener);
            server.serve_with_incoming(incoming).await.unwrap();
        });
        Self {
            url,
            spans,
            _tasks: tasks,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Every span that came.
    pub(crate) fn spans(&self) -> Spans {
        Spans(self.spans.lock().unwrap().clone())
    }
}

struct Receiver(Arc<Mutex<Vec<Seen>>>);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for of_resource in request.into_inner().resource_spans {
            let resource = of_resource.resource.unwrap_or_default();
            let service = attributes(&resource.attributes)["service.name"].clone();
            let spans = of_resource.scope_spans.into_iter().flat_map(|s| s.spans);
            let seen = spans.map(|span| seen(&service, &span));
            self.0.lock().unwrap().extend(seen);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn seen(service: &str, span: &Span) -> Seen {
    let micros = |nanos: u64| i64::try_from(nanos / 1000).unwrap();
    Seen {
        service: service.to_owned(),
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        name: span.name.clone(),
        kind: span.kind,
        links: span.links.iter().map(|link| hex(&link.span_id)).collect(),
        attributes: attributes(&span.attributes),
        failed: (span.status.as_ref()).is_some_and(|s| s.code() == StatusCode::Error),
        began_us: micros(span.start_time_unix_nano),
        ended_us: micros(span.end_time_unix_nano),
    }
}

fn attributes(from: &[KeyValue]) -> HashMap<String, String> {
    let value = |pair: &KeyValue| match pair.value.as_ref().and_then(|v| v.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    from.iter()
        .map(|pair| (pair.key.clone(), value(pair)))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

/// Spans to look through.
#[derive(Debug)]
pub(crate) struct Spans(pub(crate) Vec<Seen>);

impl Spans {
    /// Those of one trace.
    pub(crate) fn of(&self, trace: &str) -> Self {
        self.those(|span| span.trace == trace)
    }

    /// Those with this name, in the order of their beginnings.
    pub(crate) fn named(&self, name: &str) -> Self {
        self.those(|span| span.name == name)
    }

    /// Those directly below a span.
    pub(crate) fn below(&self, parent: &Seen) -> Self {
        self.those(|span| span.parent == parent.id)
    }

    pub(crate) fn those(&self, fits: impl Fn(&Seen) -> bool) -> Self {
        let mut found: Vec<Seen> = self.0.iter().filter(|span| fits(span)).cloned().collect();
        found.sort_by_key(|span| span.began_us);
        Self(found)
    }

    /// The only one.
    pub(crate) fn only(&self) -> &Seen {
        assert_eq!(self.0.len(), 1, "{self:?}");
        &self.0[0]
    }

    /// Each is there once, and so is what it hangs on, but for `outside`.
    pub(crate) fn assert_whole(&self, outside: &str) {
        let ids: HashSet<&str> = self.0.iter().map(|span| span.id.as_str()).collect();
        assert_eq!(ids.len(), self.0.len(), "{self:?}");
        for span in &self.0 {
            let known = span.parent == outside || ids.contains(span.parent.as_str());
            assert!(known, "{span:?} hangs on nothing in {self:?}");
        }
    }
}

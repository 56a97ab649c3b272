//! Exporting spans: the queue, its thread, the collector.
//!
//! The collector is called from a small runtime of its own, so that exporting never waits for
//! handlers nor they for it, and so that there is still somebody to export when the runtime of the
//! parts has ended.

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry::{InstrumentationScope, KeyValue, trace::TracerProvider as _};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    Protocol as Wire, SpanExporter as Otlp, WithExportConfig as _, WithHttpConfig as _,
    WithTonicConfig as _,
    tonic_types::{metadata::MetadataMap, transport::ClientTlsConfig},
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{
        BatchConfigBuilder, BatchSpanProcessor, Sampler as SdkSampler, SdkTracer,
        SdkTracerProvider, Span, SpanData, SpanExporter, SpanProcessor,
    },
};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::runtime::{Handle, Runtime};
use url::Url;
use uuid::Uuid;

use super::{TRACER, Tracer, sampler::Sampler};
use crate::{
    clock::Clock,
    config::{
        Telemetry as Settings,
        telemetry::{Exporter, Protocol},
    },
    patience::chain,
};

/// How much longer than without traces a process takes at most to stop: what was not exported by
/// then is lost.
pub const FLUSH: Duration = Duration::from_secs(3);

/// The most of a collector's answer that is kept: it says nothing that anybody needs.
const MAX_ANSWER: usize = 64 * 1024;

/// What this process is called unless the configuration says so.
const SERVICE: &str = "windlass";

/// What a span of ours is said to come from.
const SCOPE: &str = "windlass";

/// Exporting cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("traces cannot be exported to {endpoint}: {why}")]
pub struct Unusable {
    endpoint: String,
    why: String,
}

/// Exporting under way.
#[derive(Debug)]
pub(in crate::telemetry) struct Export {
    processor: Arc<BatchSpanProcessor>,
    provider: SdkTracerProvider,
    runtime: Runtime,
}

impl Export {
    /// Starts exporting, if there is a collector. `role` is what this process does, if it does one
    /// thing.
    pub(in crate::telemetry) fn start(
        settings: &Settings,
        role: Option<&str>,
    ) -> Result<Option<Self>, Unusable> {
        let Some(endpoint) = settings
            .endpoint
            .as_ref()
            .filter(|_| settings.exporter == Exporter::Otlp)
        else {
            return Ok(None);
        };
        let wrong = |why: String| Unusable {
            endpoint: endpoint.to_string(),
            why,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("windlass-traces")
            .enable_all()
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        let exporter = build(settings, endpoint.as_url(), runtime.handle()).map_err(wrong)?;
        let resource = resource(settings, role);
        let exporter = Telling {
            exporter,
            endpoint: endpoint.to_string(),
            down: AtomicBool::new(false),
        };
        let config = BatchConfigBuilder::default().build();
        let mut processor = BatchSpanProcessor::new(exporter, config);
        processor.set_resource(&resource);
        let processor = Arc::new(processor);
        // What `tracing` makes outside of an attempt is nobody's part of a trace.
        let inherited = SdkSampler::ParentBased(Box::new(SdkSampler::AlwaysOff));
        let provider = SdkTracerProvider::builder()
            .with_span_processor(Common(Arc::clone(&processor)))
            .with_sampler(inherited)
            .with_resource(resource)
            .build();
        Ok(Some(Self {
            processor,
            provider,
            runtime,
        }))
    }

    /// What the spans that handlers make with `tracing` are made by.
    pub(in crate::telemetry) fn tracer(&self) -> SdkTracer {
        self.provider.tracer(SCOPE)
    }

    /// Records spans in this process from now on.
    pub(in crate::telemetry) fn record(&self, settings: &Settings) {
        let tracer = Tracer {
            processor: Arc::clone(&self.processor) as Arc<dyn SpanProcessor>,
            sampler: Sampler::new(settings.sampler),
            scope: InstrumentationScope::builder(SCOPE)
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
            clock: Clock::system(),
        };
        // Whoever was first goes on: telemetry is started once in a process.
        drop(TRACER.set(tracer));
    }

    /// Exports what waits, for [`FLUSH`] at most. Blocks.
    pub(in crate::telemetry) fn stop(self) {
        if let Err(error) = self.processor.shutdown_with_timeout(FLUSH) {
            tracing::warn!("the last traces are lost: {}", chain(&error));
        }
        // A call that hangs must not hold up the end of the process.
        self.runtime.shutdown_background();
    }
}

fn resource(settings: &Settings, role: Option<&str>) -> Resource {
    let name = match (settings.service_name.as_str(), role) {
        ("", Some(role)) => format!("{SERVICE}-{role}"),
        ("", None) => SERVICE.to_owned(),
        (name, _) => name.to_owned(),
    };
    let attributes = settings.attributes.iter();
    Resource::builder_empty()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new(
            "service.instance.id",
            Uuid::now_v7().to_string(),
        ))
        .with_attribute(KeyValue::new("process.pid", i64::from(std::process::id())))
        .with_attribute(KeyValue::new("telemetry.sdk.language", "rust"))
        .with_attribute(KeyValue::new("telemetry.sdk.name", "opentelemetry"))
        .with_attributes(attributes.map(|(name, value)| KeyValue::new(name.clone(), value.clone())))
        .with_service_name(name)
        .build()
}

fn build(settings: &Settings, endpoint: &Url, runtime: &Handle) -> Result<Otlp, String> {
    let headers = || settings.headers.iter();
    let built = match settings.protocol {
        Protocol::Grpc => {
            // The channel is driven by the runtime it is made in.
            let _within = runtime.enter();
            let mut metadata = http::HeaderMap::new();
            for (name, value) in headers() {
                let name: http::HeaderName = name.parse().map_err(told)?;
                metadata.insert(name, value.expose().parse().map_err(told)?);
            }
            let mut builder = Otlp::builder()
                .with_tonic()
                .with_endpoint(endpoint.as_str())
                .with_timeout(settings.timeout)
                .with_metadata(MetadataMap::from_headers(metadata));
            if endpoint.scheme() == "https" {
                let tls = ClientTlsConfig::new().with_enabled_roots();
                builder = builder.with_tls_config(tls);
            }
            builder.build()
        }
        Protocol::HttpProtobuf => {
            let headers: HashMap<_, _> = headers()
                .map(|(name, value)| (name.to_owned(), value.expose().to_owned()))
                .collect();
            Otlp::builder()
                .with_http()
                .with_http_client(Http::new(settings.timeout, runtime.clone())?)
                .with_protocol(Wire::HttpBinary)
                .with_endpoint(for_traces(endpoint))
                .with_timeout(settings.timeout)
                .with_headers(headers)
                .build()
        }
    };
    built.map_err(|error| chain(&error))
}

/// The address for traces below that of a collector.
fn for_traces(endpoint: &Url) -> String {
    const PATH: &str = "/v1/traces";
    let mut endpoint = endpoint.clone();
    let base = endpoint.path().trim_end_matches('/').to_owned();
    if !base.ends_with(PATH) {
        endpoint.set_path(&format!("{base}{PATH}"));
    }
    endpoint.into()
}

fn told(error: impl std::error::Error) -> String {
    error.to_string()
}

/// The client that every other call of this program uses too, on a runtime of its own.
#[derive(Debug)]
struct Http {
    client: reqwest::Client,
    runtime: Handle,
}

impl Http {
    fn new(timeout: Duration, runtime: Handle) -> Result<Self, String> {
        // Fails when the process has one already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder()
            .user_agent(concat!("windlass/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(timeout)
            .build()
            .map_err(|error| chain(&error))?;
        Ok(Self { client, runtime })
    }
}

#[async_trait]
impl HttpClient for Http {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let client = self.client.clone();
        // The thread that exports is no thread of a runtime.
        let answer = self.runtime.spawn(async move {
            let mut answer = client.execute(request).await?;
            let mut body = Vec::new();
            while let Some(part) = answer.chunk().await? {
                body.extend_from_slice(&part);
                if body.len() > MAX_ANSWER {
                    break;
                }
            }
            let mut response = Response::new(Bytes::from(body));
            *response.status_mut() = answer.status();
            *response.headers_mut() = std::mem::take(answer.headers_mut());
            Ok::<_, reqwest::Error>(response)
        });
        Ok(answer.await??)
    }
}

/// One processor for two who end spans.
#[derive(Debug)]
struct Common(Arc<BatchSpanProcessor>);

impl SpanProcessor for Common {
    fn on_start(&self, span: &mut Span, context: &opentelemetry::Context) {
        self.0.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        self.0.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    /// The one who owns the queue stops it.
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Says once when the collector cannot be reached, and once when it can again.
#[derive(Debug)]
struct Telling {
    exporter: Otlp,
    endpoint: String,
    down: AtomicBool,
}

impl SpanExporter for Telling {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let exported = self.exporter.export(batch).await;
        let was_down = self.down.swap(exported.is_err(), Ordering::Relaxed);
        match &exported {
            Err(error) if !was_down => tracing::warn!(
                "traces cannot be exported to {} and are lost until they can: {}",
                self.endpoint,
                chain(error)
            ),
            Ok(()) if was_down => tracing::info!("traces are exported to {} again", self.endpoint),
            _ => {}
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_for_traces_is_added_where_it_is_not_there() {
        for (endpoint, expected) in [
            ("http://c:4318", "http://c:4318/v1/traces"),
            ("http://c:4318/", "http://c:4318/v1/traces"),
            ("https://c/otlp/", "https://c/otlp/v1/traces"),
            ("https://c/otlp/v1/traces", "https://c/otlp/v1/traces"),
        ] {
            assert_eq!(for_traces(&endpoint.parse().unwrap()), expected);
        }
    }

    #[test]
    fn a_process_is_called_after_its_role_unless_it_is_given_a_name() {
        let name = |settings: &Settings, role| {
            let resource = resource(settings, role);
            let name = resource.get(&"service.name".into());
            name.unwrap().to_string()
        };
        let mut settings = Settings::default();
        assert_eq!(name(&settings, Some("worker")), "windlass-worker");
        assert_eq!(name(&settings, None), "windlass");
        settings.service_name = "north".to_owned();
        assert_eq!(name(&settings, Some("worker")), "north");
    }

    #[test]
    fn without_a_collector_nothing_is_started() {
        let settings = Settings::default();
        assert!(Export::start(&settings, None).unwrap().is_none());
        let disabled = Settings {
            exporter: Exporter::None,
            endpoint: "http://127.0.0.1:9".parse().ok(),
            ..Settings::default()
        };
        assert!(Export::start(&disabled, None).unwrap().is_none());
    }
}

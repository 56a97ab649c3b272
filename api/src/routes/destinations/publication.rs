//! What a caller sends to publish, and how it becomes entries of a buffer. Pure.

use serde::{Deserialize, Deserializer, de::DeserializeSeed};
use serde_json::value::RawValue;
use shared::{
    buffer::entry::{EventType, NewEvent, of_events, of_points},
    clock::Timestamp,
    config::destinations::Takes,
    job::{JobId, args::MAX_BYTES, name::Label},
    metric::Point,
    store::NewEntry,
};

use crate::{
    extract::{
        json::{MAX_DEPTH, is_deeper_than},
        shapes::{self, AtMost, Object, Text},
    },
    problem::{Faults, Place, Problem},
};

/// Most points or events in one request.
pub(super) const MOST: usize = 10_000;

/// The body: points, or events where they are taken, or both.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishRequest<'a> {
    /// A version 7 UUID of the caller's own; what is published again under it is there once.
    #[serde(default, borrow)]
    id: Option<Text<'a>>,
    #[serde(default)]
    points: Option<AtMost<Object<Point>, MOST>>,
    #[serde(default, borrow)]
    events: Option<AtMost<Object<PublishEvent<'a>>, MOST>>,
}

/// An event as it is published.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishEvent<'a> {
    /// What happened.
    r#type: EventType,
    /// More about it: any JSON.
    #[serde(default, borrow, deserialize_with = "shapes::raw")]
    data: Option<&'a RawValue>,
}

impl PublishEvent<'_> {
    fn read(self, place: &Place, faults: &mut Faults) -> Option<NewEvent> {
        let data = self.data.map_or("null", RawValue::get);
        let why = if data.len() > MAX_BYTES {
            format!("is {} bytes, more than {MAX_BYTES}", data.len())
        } else if is_deeper_than(data, MAX_DEPTH) {
            format!("is nested deeper than {MAX_DEPTH} levels")
        } else {
            match serde_json::from_str(data) {
                Ok(data) => {
                    let r#type = self.r#type;
                    return Some(NewEvent { r#type, data });
                }
                // A number that no double can hold, for example.
                Err(error) => format!("cannot be read: {error}"),
            }
        };
        faults.add(place.member("data"), why);
        None
    }
}

/// Where entries go, and how the request is read.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) destination: Label,
    pub(super) takes: Takes,
    /// How many entries its buffer holds.
    pub(super) capacity: u64,
    /// Points without a date are of now.
    pub(super) now: Timestamp,
}

/// Entries that were read.
#[derive(Debug)]
pub(super) struct Publication {
    /// The caller's id, or a new one.
    pub(super) id: JobId,
    pub(super) entries: Vec<NewEntry>,
}

/// Entries that were read, and what is wrong with them.
#[derive(Debug)]
pub(super) struct Draft {
    publication: Publication,
    faults: Faults,
}

/// What the entries of a publication are found by: apart from the ids of jobs, which callers know
/// too, and for one destination.
pub(super) fn origin(id: JobId, destination: &Label) -> JobId {
    JobId::derive(id, &format!("published to {destination}"))
}

impl Draft {
    /// The entries, if nothing is wrong with any.
    ///
    /// # Errors
    /// One problem for all of it.
    pub(super) fn finish(self) -> Result<Publication, Problem> {
        if self.faults.is_empty() {
            Ok(self.publication)
        } else {
            Err(Problem::validation(self.faults))
        }
    }
}

impl Reader {
    fn draft(&self, request: PublishRequest<'_>) -> Draft {
        let mut faults = Faults::default();
        let id = request.id.as_deref().map(str::parse::<JobId>);
        let id = id.and_then(|id| faults.keep(&Place::body(), id));
        let id = id.unwrap_or_else(JobId::generate);
        let points = request.points.unwrap_or_default().0;
        let events = request.events.unwrap_or_default().0;
        if points.is_empty() && events.is_empty() {
            faults.add(Place::body(), self.nothing());
        }
        if !events.is_empty() && self.takes == Takes::Points {
            let why = format!("are nothing that {} takes; send points", self.destination);
            faults.add(Place::body().member("events"), why);
        }
        let points: Vec<Point> = points.into_iter().map(|Object(point)| point).collect();
        let mut new = Vec::with_capacity(events.len());
        for (index, Object(event)) in events.into_iter().enumerate() {
            let place = Place::body().at("events").member(&index.to_string());
            new.extend(event.read(&place, &mut faults));
        }
        let origin = origin(id, &self.destination);
        let mut entries = of_points(self.takes, &points, origin, self.now, &[]);
        self.check_points(&entries, &mut faults);
        entries.extend(of_events(&new, origin, self.now));
        if entries.len() as u64 > self.capacity {
            let (count, capacity) = (entries.len(), self.capacity);
            let why = format!(
                "makes {count} entries, more than the buffer of {} ever holds, which is {capacity}",
                self.destination
            );
            faults.add(Place::body(), why);
        }
        let publication = Publication { id, entries };
        Draft {
            publication,
            faults,
        }
    }

    fn nothing(&self) -> &'static str {
        match self.takes {
            Takes::Points => "holds no points",
            Takes::Events => "holds neither events nor points",
        }
    }

    /// Texts in points are of any length, but what they make is as large as args may be.
    fn check_points(&self, entries: &[NewEntry], faults: &mut Faults) {
        let points = Place::body().member("points");
        for (index, entry) in entries.iter().enumerate() {
            let size = entry.body.len();
            if size <= MAX_BYTES {
                continue;
            }
            match self.takes {
                Takes::Points => {
                    let why = format!("is {size} bytes, more than {MAX_BYTES}");
                    faults.add(points.member(&index.to_string()), why);
                }
                Takes::Events => {
                    let why = format!("make an event of {size} bytes, more than {MAX_BYTES}");
                    faults.add(points.clone(), why);
                }
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Reader {
    type Value = Draft;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Draft, D::Error> {
        let Object(request) = Object::<PublishRequest<'de>>::deserialize(from)?;
        Ok(self.draft(request))
    }
}

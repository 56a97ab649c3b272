//! What goes wrong in a store, as a caller may hear of it.

use shared::{job::Invalid, store};

use super::{Faults, Place, Problem, Room, catalog};

/// When to come back to a store that does not answer, in seconds.
const COME_BACK: u32 = 2;

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Invalid(invalid) => invalid.into(),
            store::Error::NotFound { what, ref name } => {
                let entry = match what {
                    "queue" => &catalog::QUEUE_NOT_FOUND,
                    "schedule" => &catalog::SCHEDULE_NOT_FOUND,
                    _ => return Self::internal(error),
                };
                Self::not_found(entry, what, name)
            }
            store::Error::Unavailable { .. } => Self::new(&catalog::STORE_UNAVAILABLE)
                .retry_after(COME_BACK)
                .caused_by(error),
            store::Error::Full {
                waiting, capacity, ..
            } => Self::with(&catalog::BUFFER_FULL, error.to_string())
                .retry_after(COME_BACK)
                .with_room(Room { waiting, capacity }),
            // No route asks for a worker's lease, and what is corrupt is for whoever runs this to
            // see to.
            _ => Self::internal(error),
        }
    }
}

impl From<Invalid> for Problem {
    /// A rule that a store found broken: everything else was checked on the way in.
    fn from(invalid: Invalid) -> Self {
        let place = match invalid.field {
            "cursor" => Place::query().member("cursor"),
            field => Place::body().at(field),
        };
        Self::validation(Faults::one(place, invalid.why))
    }
}

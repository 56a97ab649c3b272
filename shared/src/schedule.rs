//! Jobs that recur: when they are due, and what is kept about them.
//!
//! Everything here is pure. Who enqueues the jobs, and what becomes of ticks that are late or
//! overlap, is decided by the scheduler.

pub mod cron;
pub mod definition;
mod field;
pub mod next;
pub mod timing;
pub mod zone;

pub use cron::Cron;
pub use definition::{Definition, Origin, Template};
pub use next::{Dst, Fire};
pub use timing::{Every, Misfire, Overlap, RawTiming, Timing, When};
pub use zone::Zone;

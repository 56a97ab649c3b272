//! What the store's methods take and answer: a struct each.

mod buffers;
mod duties;
mod jobs;
mod schedules;
mod work;

pub use buffers::*;
pub use duties::*;
pub use jobs::*;
pub use schedules::*;
pub use work::*;

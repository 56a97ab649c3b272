#![doc = include_str!("../README.md")]

mod cron;
mod duty;
mod judge;
mod leader;
mod promote;
mod prune;
mod rescue;
mod scheduler;
mod settings;
mod sync;
#[cfg(test)]
mod world;

pub use leader::ROLE;
pub use scheduler::Scheduler;
pub use settings::{Reload, Settings};

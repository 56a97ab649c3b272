//! Calls to other machines: one client with a guard, deadlines and bounds around every call.
//!
//! What is called is chosen by whoever writes jobs and configuration, and what answers may be
//! anything. So every call goes through here: [`guard`] decides which addresses may be called,
//! [`client`] follows no redirect, asks no proxy and waits for nobody for ever, [`body`] reads no
//! more than it was told to. What to make of an answer is decided by who asked; [`retry_after`],
//! [`excerpt`] and [`breaker`] help with that and do no I/O.

pub(crate) mod body;
pub(crate) mod breaker;
pub(crate) mod client;
pub(crate) mod excerpt;
pub(crate) mod guard;
pub(crate) mod retry_after;

pub(crate) use body::Body;
pub(crate) use client::{Call, Error, Outbound, Reply};

//! Servers that stores under test live on: where one is found, or how one is started.

pub mod postgres;

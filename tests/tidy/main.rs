//! The house rules that a program can check.

mod arrows;
mod ladders;
mod links;
mod sources;
mod statements;
mod tree;

//! What the conformance suite cannot see: the statements and their plans, the file, and several
//! stores on one file.

mod file;
mod statements;

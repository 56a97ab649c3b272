//! The functions of `migrations/redis`, as one library of the server.
//!
//! The library's name tells what is in it. So a program finds its own functions or none: programs of
//! two releases use one server side by side, none replaces what another uses, and a server that lost
//! its functions is given them again by the next call that misses one.

use sha2::{Digest, Sha256};
use std::sync::OnceLock;

use super::reply;

/// The parts, in the order in which they stand on each other.
const PARTS: [&str; 12] = [
    include_str!("../../../../migrations/redis/rows.lua"),
    include_str!("../../../../migrations/redis/queues.lua"),
    include_str!("../../../../migrations/redis/accept.lua"),
    include_str!("../../../../migrations/redis/claim.lua"),
    include_str!("../../../../migrations/redis/settle.lua"),
    include_str!("../../../../migrations/redis/worker.lua"),
    include_str!("../../../../migrations/redis/duty.lua"),
    include_str!("../../../../migrations/redis/operate.lua"),
    include_str!("../../../../migrations/redis/look.lua"),
    include_str!("../../../../migrations/redis/schedule.lua"),
    include_str!("../../../../migrations/redis/buffer.lua"),
    include_str!("../../../../migrations/redis/register.lua"),
];

/// What stands for the name of the library in its last part.
const PLACEHOLDER: &str = "LIBRARY";

/// The layout of what is kept. A program refuses what a newer one has laid out otherwise.
pub(super) const LAYOUT: u32 = 1;

/// A library and its name.
#[derive(Debug)]
pub(super) struct Library {
    pub(super) name: String,
    pub(super) code: String,
}

/// The library of this program.
pub(super) fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let parts = PARTS.join("\n");
        let digest = Sha256::digest(parts.as_bytes());
        let hash = reply::big_endian(&digest[..6]);
        let name = format!("windlass_{LAYOUT}_{hash:012x}");
        let code = format!("#!lua name={name}\n{}", parts.replace(PLACEHOLDER, &name));
        Library { name, code }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn every_part_is_in_the_library() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/redis");
        let mut files = 0;
        for entry in fs::read_dir(dir).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            assert!(PARTS.contains(&&*text), "a part is left out");
            files += 1;
        }
        assert_eq!(files, PARTS.len());
    }

    #[test]
    fn every_part_says_what_it_is_for() {
        for part in PARTS {
            assert!(part.starts_with("-- "));
        }
        assert!(!library().code.contains(PLACEHOLDER));
    }
}

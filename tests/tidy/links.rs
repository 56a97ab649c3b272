//! Documents: what they link to is there.

use std::path::Path;

use crate::tree;

/// The targets of Markdown links, `[text](target)`.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
}

#[test]
fn every_link_to_a_file_leads_somewhere() {
    for (path, text) in tree::files(&[".md"]) {
        let folder = tree::root().join(Path::new(&path).parent().unwrap_or(Path::new("")));
        for target in targets(&text) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            assert!(
                folder.join(file).exists(),
                "{path} links to {target}, which is not there"
            );
        }
    }
}

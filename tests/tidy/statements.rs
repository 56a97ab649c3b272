//! Statement files: each opens with what it is for, and holds one statement.

use crate::tree;

#[test]
fn every_statement_says_what_it_is_for() {
    for (path, text) in tree::files(&[".sql"]) {
        if !path.contains("/sql/") {
            continue;
        }
        assert!(
            text.starts_with("-- "),
            "{path} does not open with a comment"
        );
        let code: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .collect();
        let code = code.trim().trim_end_matches(';');
        assert!(!code.contains(';'), "{path} holds more than one statement");
        assert!(
            !code.to_lowercase().contains("select *"),
            "{path} does not name its columns"
        );
    }
}

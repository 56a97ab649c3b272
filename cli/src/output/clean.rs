//! Text from outside, made harmless for a terminal: what would move the cursor, change the title
//! or turn the direction of reading is shown by its number instead.

use std::{borrow::Cow, fmt::Write as _};

/// Whether a terminal or its reader would be misled by a character.
pub(super) fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Directions (<https://trojansource.codes>), separators of lines, marks without width.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A text as one line.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    if text.chars().any(misleads) {
        Cow::Owned(escaped(text))
    } else {
        Cow::Borrowed(text)
    }
}

/// A text that keeps its lines, each but the first begun with `indent`.
pub(crate) fn block(text: &str, indent: &str) -> String {
    let lines: Vec<Cow<'_, str>> = text.lines().map(line).collect();
    lines.join(&format!("\n{indent}"))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if misleads(c) => write!(out, "\\u{{{:x}}}", u32::from(c)).unwrap_or_default(),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_by_their_number() {
        assert_eq!(line("\u{1b}]0;owned\u{7}"), "\\u{1b}]0;owned\\u{7}");
        assert_eq!(line("a\r\nb\tc"), "a\\r\\nb\\tc");
        assert_eq!(line("\u{9b}2J \u{7f}"), "\\u{9b}2J \\u{7f}");
        assert_eq!(line("abc\u{202e}fdp.exe"), "abc\\u{202e}fdp.exe");
    }

    #[test]
    fn plain_text_of_any_script_stays() {
        for text in ["", "Größe č š ž", "東京 👩‍🚀", "\\u{1b} typed"] {
            assert_eq!(line(text), text);
        }
    }

    #[test]
    fn a_block_keeps_its_lines_and_cannot_fake_others() {
        assert_eq!(block("a\nb\u{1b}[A\nc", "  "), "a\n  b\\u{1b}[A\n  c");
    }
}

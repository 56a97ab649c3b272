//! JSON laid out for reading. Works on the text, so that numbers, the order of members and
//! everything else stay as they were sent.

use std::fmt::Write as _;

use super::clean::misleads;

/// Lays out a JSON document; `depth` is how deep it stands in another one. Characters that a
/// terminal would act on can only stand within strings, where they are written as escapes, which
/// means the same.
pub(crate) fn indent(json: &str, depth: usize) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = depth;
    let mut within = false;
    let mut after_backslash = false;
    let mut chars = json.chars().peekable();
    while let Some(c) = chars.next() {
        if within {
            within = after_backslash || c != '"';
            after_backslash = c == '\\' && !after_backslash;
            push(&mut out, c);
            continue;
        }
        match c {
            c if c.is_ascii_whitespace() => {}
            '{' | '[' => {
                out.push(c);
                while chars.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(close) = chars.next_if(|c| matches!(c, '}' | ']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c => {
                within = c == '"';
                out.push(c);
            }
        }
    }
    out
}

/// A JSON document as one line, harmless for a terminal.
pub(crate) fn one_line(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        // Between strings a line break is space; within them there is none.
        if matches!(c, '\n' | '\r' | '\t') {
            out.push(' ');
        } else {
            push(&mut out, c);
        }
    }
    out
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

fn push(out: &mut String, c: char) {
    if misleads(c) {
        let mut units = [0_u16; 2];
        for unit in c.encode_utf16(&mut units) {
            write!(out, "\\u{unit:04x}").unwrap_or_default();
        }
    } else {
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_laid_out_and_its_words_stay() {
        let json = r#"{"b":1.50,"a":[],"c":{ },"d":[1,{"e":"x, [\"y\"]: {\\"}],"f":1e400}"#;
        insta::assert_snapshot!(indent(json, 0), @r#"
        {
          "b": 1.50,
          "a": [],
          "c": {},
          "d": [
            1,
            {
              "e": "x, [\"y\"]: {\\"
            }
          ],
          "f": 1e400
        }
        "#);
    }

    #[test]
    fn what_a_terminal_would_act_on_becomes_an_escape_of_the_same_meaning() {
        let hostile = "\u{9b}2J \u{7f} \u{202e} \u{e0041}";
        let json = serde_json::to_string(hostile).unwrap();
        for told in [indent(&json, 0), one_line(&json)] {
            assert!(!told.chars().any(misleads), "{told}");
            let back: String = serde_json::from_str(&told).unwrap();
            assert_eq!(back, hostile);
        }
    }

    #[test]
    fn one_line_is_one_line() {
        assert_eq!(one_line("{\n  \"a\": 1\r\n}"), "{   \"a\": 1  }");
    }
}

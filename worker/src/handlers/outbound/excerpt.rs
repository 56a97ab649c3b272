//! What a person is shown of an answer: a few printable words.

/// Most characters of a body that go into an error message.
const LENGTH: usize = 200;

/// How much of a body is looked at for them.
const LOOKED_AT: usize = 16 * 1024;

/// The first words of a body: of a page its title, else the text itself. Everything that is no
/// printable character counts as a space, and spaces are not repeated. Empty when there is nothing
/// to show.
pub(crate) fn excerpt(body: &[u8]) -> String {
    let start = body.get(..LOOKED_AT).unwrap_or(body);
    let text = String::from_utf8_lossy(start);
    words(title(&text).unwrap_or(&text))
}

/// What a body is instead of the JSON it should be: `an HTML page titled "Maintenance"`, `text
/// that begins "Bad ..."`, `empty`.
pub(crate) fn kind_of(body: &[u8], content_type: Option<&str>) -> String {
    let start = body.get(..LOOKED_AT).unwrap_or(body);
    let text = String::from_utf8_lossy(start);
    let declared = content_type.map_or_else(String::new, |t| format!(" ({})", words(t)));
    let is_page = content_type.is_some_and(|t| t.to_ascii_lowercase().contains("html"))
        || text.trim_start().starts_with("<!")
        || find_ascii_case(&text, "<html").is_some();
    match (is_page, title(&text).map(words)) {
        (true, Some(title)) if !title.is_empty() => {
            format!("an HTML page{declared} titled {title:?}")
        }
        (true, _) => format!("an HTML page{declared}"),
        (false, _) if text.trim().is_empty() => format!("an empty answer{declared}"),
        (false, _) => format!("text{declared} that begins {:?}", words(&text)),
    }
}

/// What stands between `<title>` and `</title>`.
fn title(text: &str) -> Option<&str> {
    let open = find_ascii_case(text, "<title")?;
    let rest = text.get(open..)?;
    let rest = rest.get(rest.find('>')? + 1..)?;
    rest.get(..find_ascii_case(rest, "</title")?)
}

/// Where `needle`, which is lower-case ASCII, begins in `text`, however it is written there.
fn find_ascii_case(text: &str, needle: &str) -> Option<usize> {
    text.as_bytes()
        .windows(needle.len())
        .position(|window| window.eq_ignore_ascii_case(needle.as_bytes()))
}

fn words(text: &str) -> String {
    let parts: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || !is_printable(c))
        .filter(|word| !word.is_empty())
        .collect();
    let mut short = parts.join(" ");
    if let Some((end, _)) = short.char_indices().nth(LENGTH) {
        short.truncate(end);
        short.push('…');
    }
    short
}

/// Whether a character shows, and shows as itself: those that turn the direction of text around
/// could make a message look like another one.
fn is_printable(c: char) -> bool {
    let hidden = matches!(
        c,
        '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | char::REPLACEMENT_CHARACTER
    );
    !c.is_control() && !hidden
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_page_is_named_by_its_title() {
        let page = b"<!DOCTYPE html>\n<HTML><head><TITLE lang=en>\n Down for\tmaintenance </TITLE>";
        assert_eq!(excerpt(page), "Down for maintenance");
        assert_eq!(
            kind_of(page, Some("text/html; charset=utf-8")),
            "an HTML page (text/html; charset=utf-8) titled \"Down for maintenance\""
        );
        assert_eq!(kind_of(b"<html>", None), "an HTML page");
    }

    #[test]
    fn text_is_cut_and_made_printable() {
        assert_eq!(excerpt(b"a\0b\x1b[31m \r\n c"), "a b [31m c");
        assert_eq!(excerpt("x\u{202e}y".as_bytes()), "x y");
        let long = excerpt("word ".repeat(1000).as_bytes());
        assert!(
            long.chars().count() <= LENGTH + 1 && long.ends_with('…'),
            "{long}"
        );
        assert_eq!(kind_of(b" \n", None), "an empty answer");
        assert_eq!(
            kind_of(b"oops", Some("text/plain")),
            "text (text/plain) that begins \"oops\""
        );
    }

    proptest! {
        #[test]
        fn any_bytes_make_a_short_printable_excerpt(body in proptest::collection::vec(any::<u8>(), 0..400)) {
            let text = excerpt(&body);
            prop_assert!(text.chars().count() <= LENGTH + 1);
            prop_assert!(!text.chars().any(char::is_control));
            kind_of(&body, None);
        }
    }
}

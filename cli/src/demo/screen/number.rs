//! Numbers, lengths of time and errors as a screen has room for them. Pure.

/// A number with two decimals at most, thousands parted: `25.05`, `2,080,600`.
pub(super) fn written(value: f64) -> String {
    let decimals = if value.abs() >= 1000.0 || value.fract() == 0.0 {
        0
    } else {
        2
    };
    let text = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text.as_str(), None),
    };
    let mut parted = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            parted.push(',');
        }
        parted.push(digit);
    }
    let sign = if value < 0.0 { "-" } else { "" };
    match fraction {
        Some(fraction) => format!("{sign}{parted}.{fraction}"),
        None => format!("{sign}{parted}"),
    }
}

/// A length of time: `640 ms`, `1.4 s`, `30 s`, `12 min`.
pub(super) fn length(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..10_000 if !ms.is_multiple_of(1000) => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        1000..120_000 => format!("{} s", ms / 1000),
        _ => format!("{} min", ms / 60_000),
    }
}

/// A text on one line: control characters, which a terminal would obey, are spaces, and what is
/// beyond `most` letters is cut.
pub(super) fn brief(text: &str, most: usize) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut brief: String = clean.take(most).collect();
    if text.chars().nth(most).is_some() {
        brief.push('…');
    }
    brief.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        for (value, text) in [
            (25.047_734_98, "25.05"),
            (5.0, "5"),
            (2_080_600.0, "2,080,600"),
            (-1_458_300.4, "-1,458,300"),
            (999.999, "1,000.00"),
            (0.004, "0.00"),
            (-0.5, "-0.50"),
            (123_456.0, "123,456"),
        ] {
            assert_eq!(written(value), text, "{value}");
        }
    }

    #[test]
    fn lengths_are_short() {
        for (ms, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1000, "1 s"),
            (1449, "1.4 s"),
            (30_000, "30 s"),
            (12_500, "12 s"),
            (720_000, "12 min"),
        ] {
            assert_eq!(length(ms), text);
        }
    }

    #[test]
    fn a_terminal_is_not_told_what_to_do() {
        assert_eq!(brief("a\u{1b}[2Jb\nc\n", 20), "a [2Jb c");
        assert_eq!(brief("čšž", 2), "čš…");
    }
}

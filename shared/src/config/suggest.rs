//! "Did you mean": the known word that is nearest to an unknown one.

/// Longest word that is compared; the work grows with the square.
const LONGEST: usize = 64;

/// Most candidates that are compared.
const MOST: usize = 1000;

/// The candidate nearest to `word`, if one is so near that it was probably meant: at most a third
/// of the letters differ. Upper and lower case count as equal.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = |text: &str| -> Vec<char> { text.to_lowercase().chars().collect() };
    let word = letters(word);
    if word.len() > LONGEST {
        return None;
    }
    candidates
        .into_iter()
        .take(MOST)
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (distance(&word, &letters(candidate)), candidate))
        .filter(|(steps, _)| *steps <= (word.len() / 3).max(1))
        .min_by_key(|(steps, _)| *steps)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be changed, added, left out or swapped with their neighbour to make one
/// word of the other (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, right) in b.iter().enumerate() {
            let change = last[j] + usize::from(left != right);
            let mut steps = change.min(last[j + 1] + 1).min(row[j] + 1);
            let swapped = i > 0 && j > 0 && a[i - 1] == *right && b[j - 1] == *left;
            if swapped {
                steps = steps.min(before[j - 1] + 1);
            }
            row.push(steps);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_nearest_word_is_meant_or_none() {
        let keys = ["name", "queues", "concurrency", "lease", "heartbeat"];
        for (word, meant) in [
            ("concurency", Some("concurrency")),
            ("hearbteat", Some("heartbeat")),
            ("LEASE", Some("lease")),
            ("queue", Some("queues")),
            ("colour", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, keys), meant, "{word}");
        }
        assert_eq!(nearest(&"a".repeat(100_000), keys), None);
    }

    #[test]
    fn swapped_neighbours_are_one_step() {
        let letters = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(distance(&letters("ab"), &letters("ba")), 1);
        assert_eq!(distance(&letters(""), &letters("abc")), 3);
        assert_eq!(distance(&letters("kitten"), &letters("sitting")), 3);
    }

    proptest! {
        #[test]
        fn a_distance_is_symmetric_and_zero_only_between_equals(a in "[a-c]{0,8}", b in "[a-c]{0,8}") {
            let (x, y): (Vec<_>, Vec<_>) = (a.chars().collect(), b.chars().collect());
            prop_assert_eq!(distance(&x, &y), distance(&y, &x));
            prop_assert_eq!(distance(&x, &y) == 0, a == b);
        }
    }
}

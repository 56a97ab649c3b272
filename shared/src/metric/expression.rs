//! Arithmetic over metrics: `unemployment_us - unemployment_de`, `100 * sales / (visits + 1)`.
//!
//! Numbers, keys of metrics, `+ - * /` and parentheses; nothing else. A division by zero, and a
//! result too large to be a number, are errors wherever in the expression they happen, so that no
//! infinity is published and none is divided away.

use exmex::{BinOp, Express, FlatEx, MakeOperators, Operator};
use serde::{Serialize, Serializer};
use std::{fmt, str::FromStr};

use super::MetricKey;

/// Longest expression in bytes.
pub const MAX_LENGTH: usize = 1000;

/// Deepest nesting of parentheses.
pub const MAX_DEPTH: usize = 32;

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// A metric that it needs has no value.
    #[error("metric \"{0}\" has no value")]
    Missing(MetricKey),
    /// It divides by zero.
    #[error("divides by zero")]
    DividesByZero,
    /// It is larger than numbers are.
    #[error("is too large to be a number")]
    TooLarge,
}

/// A checked expression.
#[derive(Clone)]
pub struct Expression {
    text: String,
    /// In the order in which the evaluator wants their values.
    variables: Vec<MetricKey>,
    compiled: FlatEx<Number, Arithmetic>,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_LENGTH {
            return Err(format!(
                "is {} bytes long, more than {MAX_LENGTH}",
                text.len()
            ));
        }
        let plain = rewrite(text)?;
        let compiled = FlatEx::<Number, Arithmetic>::parse(&plain)
            .map_err(|error| format!("{text:?} is no arithmetic: {error}"))?;
        let variables = compiled
            .var_names()
            .iter()
            .map(|name| name.parse())
            .collect::<Result<_, _>>()?;
        Ok(Self {
            text: text.to_owned(),
            variables,
            compiled,
        })
    }

    /// The metrics that it needs, each once, sorted.
    pub fn variables(&self) -> &[MetricKey] {
        &self.variables
    }

    /// Its value, given the values of the metrics that it needs.
    ///
    /// # Errors
    /// [`EvaluateError`]: a metric has none, it divides by zero, it is too large. A value that is
    /// infinite or no number counts as too large.
    pub fn evaluate(
        &self,
        lookup: impl Fn(&MetricKey) -> Option<f64>,
    ) -> Result<f64, EvaluateError> {
        let value = |key: &MetricKey| match lookup(key) {
            Some(value) => Ok(Number::of(value)),
            None => Err(EvaluateError::Missing(key.clone())),
        };
        let values: Vec<Number> = self.variables.iter().map(value).collect::<Result<_, _>>()?;
        match self.compiled.eval(&values) {
            Ok(Number::Is(value)) => Ok(value),
            Ok(Number::DividedByZero) => Err(EvaluateError::DividesByZero),
            // The evaluator fails only when it is given too few values, which it is not.
            Ok(Number::TooLarge) | Err(_) => Err(EvaluateError::TooLarge),
        }
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

/// What the evaluator counts with: a finite number, or why there is none. Whatever is done with
/// the latter, it stays.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Number {
    Is(f64),
    DividedByZero,
    TooLarge,
}

impl Number {
    fn of(value: f64) -> Self {
        if value.is_finite() {
            Self::Is(value)
        } else {
            Self::TooLarge
        }
    }

    fn with(self, other: Self, operate: fn(f64, f64) -> f64) -> Self {
        match (self, other) {
            (Self::Is(a), Self::Is(b)) => Self::of(operate(a, b)),
            (Self::Is(_), wrong) | (wrong, _) => wrong,
        }
    }

    fn divide(self, other: Self) -> Self {
        match (self, other) {
            (Self::Is(_), Self::Is(0.0)) => Self::DividedByZero,
            _ => self.with(other, |a, b| a / b),
        }
    }

    fn negate(self) -> Self {
        match self {
            Self::Is(value) => Self::Is(-value),
            wrong => wrong,
        }
    }
}

impl Default for Number {
    fn default() -> Self {
        Self::Is(0.0)
    }
}

impl FromStr for Number {
    type Err = std::num::ParseFloatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self::of)
    }
}

/// The operators that expressions know.
#[derive(Debug, Clone)]
struct Arithmetic;

impl MakeOperators<Number> for Arithmetic {
    fn make<'a>() -> Vec<Operator<'a, Number>> {
        // None is called commutative, so that the evaluator keeps to the order of the text.
        let binary = |apply, prio| BinOp {
            apply,
            prio,
            is_commutative: false,
        };
        let add = binary(|a: Number, b| a.with(b, |a, b| a + b), 0);
        let subtract = binary(|a: Number, b| a.with(b, |a, b| a - b), 0);
        let multiply = binary(|a: Number, b| a.with(b, |a, b| a * b), 1);
        vec![
            Operator::make_bin_unary("+", add, |a| a),
            Operator::make_bin_unary("-", subtract, Number::negate),
            Operator::make_bin("*", multiply),
            Operator::make_bin("/", binary(Number::divide, 1)),
        ]
    }
}

/// Writes an expression the way the evaluator takes it without doubt: keys between braces, numbers
/// without exponents, one space between. Refuses everything that is not ours to give it.
fn rewrite(text: &str) -> Result<String, String> {
    let mut plain = String::new();
    let mut depth = 0_usize;
    let mut operand_before = false;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let opens = letter == '(' || word(letter);
        if opens && operand_before {
            return Err(format!(
                "{text:?} lacks an operator before letter {}",
                at + 1
            ));
        }
        match letter {
            ' ' | '\t' | '\n' => continue,
            '+' | '-' | '*' | '/' => plain.push(letter),
            '(' => {
                depth += 1;
                plain.push(letter);
            }
            ')' => {
                depth = depth
                    .checked_sub(1)
                    .ok_or_else(|| format!("{text:?} closes a parenthesis that is not open"))?;
                plain.push(letter);
            }
            _ if word(letter) => {
                let mut operand = String::from(letter);
                while let Some((_, next)) = letters.next_if(|(_, next)| word(*next)) {
                    operand.push(next);
                }
                plain.push_str(&rewrite_operand(&operand)?);
            }
            _ => {
                return Err(format!(
                    "{text:?} holds {letter:?}; numbers, metrics, + - * / and parentheses are allowed"
                ));
            }
        }
        if depth > MAX_DEPTH {
            return Err(format!("nests more than {MAX_DEPTH} parentheses"));
        }
        operand_before = letter == ')' || word(letter);
        plain.push(' ');
    }
    if depth > 0 {
        return Err(format!("{text:?} leaves a parenthesis open"));
    }
    if plain.is_empty() {
        return Err("is empty".to_owned());
    }
    Ok(plain)
}

fn rewrite_operand(operand: &str) -> Result<String, String> {
    if operand.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        match operand.parse::<f64>() {
            Ok(number) if number.is_finite() => return Ok(format!("{number}")),
            Ok(_) => return Err(format!("{operand} is too large to be a number")),
            Err(_) => {}
        }
    }
    let key: MetricKey = operand
        .parse()
        .map_err(|_| format!("{operand:?} is neither a number nor a metric"))?;
    Ok(format!("{{{key}}}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(text: &str) -> Result<f64, String> {
        let expression = Expression::parse(text)?;
        let lookup = |key: &MetricKey| match key.as_str() {
            "a" => Some(6.0),
            "b" => Some(4.0),
            "zero" => Some(0.0),
            "2024_sales" => Some(20.0),
            "huge" => Some(1e300),
            "broken" => Some(f64::NAN),
            _ => None,
        };
        expression
            .evaluate(lookup)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn arithmetic_is_as_at_school() {
        for (text, result) in [
            ("a - b", 2.0),
            ("2 + 3 * 4", 14.0),
            ("(2 + 3) * 4", 20.0),
            ("a - b - 1", 1.0),
            ("a / b / 2", 0.75),
            ("a / (b / 2)", 3.0),
            ("-a + +b", -2.0),
            ("- (a - b) * 3", -6.0),
            ("a--b", 10.0),
            ("100 * 2024_sales", 2000.0),
            ("1e3 + .5 + 1.", 1001.5),
            ("a\n\t/ 2", 3.0),
            ("42", 42.0),
        ] {
            assert_eq!(value(text), Ok(result), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_an_error_and_stays_one() {
        for (text, reason) in [
            ("a / zero", "divides by zero"),
            ("1 / (a / zero)", "divides by zero"),
            ("0 * (a / 0)", "divides by zero"),
            ("huge * huge", "too large"),
            ("1 / (huge * huge)", "too large"),
            ("broken + 1", "too large"),
            ("c + 1", "metric \"c\" has no value"),
        ] {
            assert!(value(text).unwrap_err().contains(reason), "{text}");
        }
    }

    #[test]
    fn what_is_no_arithmetic_is_refused() {
        for text in [
            "",
            "  ",
            "a b",
            "2a.",
            "2 3",
            "a (b)",
            "(a)(b)",
            ")(",
            "(a",
            "a)",
            "()",
            "a +",
            "* a",
            "a ^ 2",
            "sin(a)",
            "{a}",
            "a; b",
            "é",
            "1e999",
            "1.2.3",
            "a // b",
            "\u{0}",
            &"(".repeat(500),
            &format!("{}a{}", "(".repeat(33), ")".repeat(33)),
            &"a+".repeat(600),
        ] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
        let deep = format!("{}a{}", "(".repeat(32), ")".repeat(32));
        assert_eq!(value(&deep), Ok(6.0));
        assert_eq!(value(&format!("{}a", "-".repeat(900))), Ok(6.0));
    }

    #[test]
    fn variables_are_told_once_each() {
        let expression = Expression::parse("b * a + 2024_sales - a").unwrap();
        let names: Vec<_> = expression
            .variables()
            .iter()
            .map(MetricKey::as_str)
            .collect();
        assert_eq!(names, ["2024_sales", "a", "b"]);
    }

    /// A tree of arithmetic, its text with parentheses only where they are needed or now and then
    /// where they are not, and its value.
    fn trees() -> impl Strategy<Value = (String, Option<f64>, u8)> {
        let leaf = prop_oneof![
            (0_u32..100).prop_map(|n| (n.to_string(), Some(f64::from(n)), 2)),
            Just(("a".to_owned(), Some(6.0), 2)),
            Just(("zero".to_owned(), Some(0.0), 2)),
        ];
        leaf.prop_recursive(6, 40, 2, |inner| {
            (inner.clone(), 0_usize..4, inner, any::<bool>()).prop_map(|(left, op, right, wrap)| {
                let (sign, rank) = [('+', 0), ('-', 0), ('*', 1), ('/', 1)][op];
                let bracket = |text: &str, needed: bool| {
                    if needed {
                        format!("({text})")
                    } else {
                        text.to_owned()
                    }
                };
                let value = left.1.zip(right.1).and_then(|(a, b)| match sign {
                    '+' => Some(a + b),
                    '-' => Some(a - b),
                    '*' => Some(a * b),
                    _ if b == 0.0 => None,
                    _ => Some(a / b),
                });
                let left = bracket(&left.0, left.2 < rank);
                let right = bracket(&right.0, right.2 <= rank);
                let text = format!("{left} {sign} {right}");
                if wrap {
                    (format!("({text})"), value, 2)
                } else {
                    (text, value, rank)
                }
            })
        })
    }

    proptest! {
        #[test]
        fn every_tree_has_its_value((text, expected, _) in trees()) {
            prop_assume!(text.len() <= MAX_LENGTH);
            let told = value(&text).ok();
            prop_assert_eq!(told, expected, "{}", text);
        }

        #[test]
        fn no_text_panics(text in "(\\PC|[-+*/() ab0-9._{},]){0,60}") {
            if let Ok(expression) = Expression::parse(&text) {
                let value = expression.evaluate(|_| Some(1.0));
                prop_assert!(value.is_err() || value.is_ok_and(f64::is_finite));
            }
        }
    }
}

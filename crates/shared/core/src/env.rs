//! Reads typed configuration through an injected getter, so that tests do not change the process environment.

use std::fmt;
use std::str::FromStr;

/// Why a function cannot start: the variable and the problem. It never contains the value, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    variable: &'static str,
    problem: String,
}

impl ConfigError {
    /// The value of `variable` cannot be used because of `problem`.
    #[must_use]
    pub fn new(variable: &'static str, problem: impl Into<String>) -> Self {
        Self {
            variable,
            problem: problem.into(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration: {} {}", self.variable, self.problem)
    }
}

impl std::error::Error for ConfigError {}

/// The source of configuration: the process environment, or a map in tests.
#[derive(Clone, Copy)]
pub struct Env<'a>(&'a dyn Fn(&str) -> Option<String>);

impl fmt::Debug for Env<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Env")
    }
}

impl<'a> Env<'a> {
    /// Reads variables by calling `get`.
    #[must_use]
    pub const fn new(get: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self(get)
    }

    /// The value, unless it is unset or blank. A template cannot leave a variable unset, only empty.
    #[must_use]
    pub fn optional(&self, variable: &'static str) -> Option<String> {
        (self.0)(variable).filter(|value| !value.trim().is_empty())
    }

    /// The value. Fails with an error that names the variable if it is unset.
    pub fn required(&self, variable: &'static str) -> Result<String, ConfigError> {
        self.optional(variable)
            .ok_or_else(|| ConfigError::new(variable, "is not set"))
    }

    /// The value parsed as `T`; `None` if it is unset.
    pub fn parsed<T: FromStr>(
        &self,
        variable: &'static str,
        expected: &str,
    ) -> Result<Option<T>, ConfigError> {
        self.optional(variable)
            .map(|value| {
                value
                    .trim()
                    .parse()
                    .map_err(|_| ConfigError::new(variable, format!("must be {expected}")))
            })
            .transpose()
    }

    /// A whole number from `min` to `max`; `default` if it is unset.
    pub fn number(
        &self,
        variable: &'static str,
        default: u64,
        min: u64,
        max: u64,
    ) -> Result<u64, ConfigError> {
        let value = self.parsed(variable, "a whole number")?.unwrap_or(default);
        if (min..=max).contains(&value) {
            Ok(value)
        } else {
            Err(ConfigError::new(
                variable,
                format!("must be from {min} to {max}"),
            ))
        }
    }

    /// `true` or `false` (also `1` and `0`); `false` if it is unset.
    pub fn flag(&self, variable: &'static str) -> Result<bool, ConfigError> {
        self.flag_or(variable, false)
    }

    /// The same, with `default` if it is unset.
    pub fn flag_or(&self, variable: &'static str, default: bool) -> Result<bool, ConfigError> {
        match self.optional(variable).as_deref().map(str::trim) {
            None => Ok(default),
            Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(ConfigError::new(variable, "must be true or false")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(value: &'static str) -> impl Fn(&str) -> Option<String> {
        move |name| (name == "X").then(|| value.to_owned())
    }

    #[test]
    fn empty_is_unset() {
        assert_eq!(Env::new(&env("  ")).optional("X"), None);
        assert!(Env::new(&env("")).required("X").is_err());
    }

    #[test]
    fn numbers_are_bounded_and_the_error_names_the_variable_but_not_the_value() {
        assert_eq!(Env::new(&env("7")).number("X", 1, 1, 10), Ok(7));
        assert_eq!(Env::new(&env("7")).number("Y", 1, 1, 10), Ok(1));
        for bad in ["11", "-1", "s3cret", "1.5"] {
            let error = Env::new(&env(bad))
                .number("X", 1, 1, 10)
                .expect_err(bad)
                .to_string();
            assert!(error.contains('X') && !error.contains(bad), "{error}");
        }
    }

    #[test]
    fn flags() {
        assert_eq!(Env::new(&env("true")).flag("X"), Ok(true));
        assert_eq!(Env::new(&env("0")).flag("X"), Ok(false));
        assert_eq!(Env::new(&env("1")).flag("Y"), Ok(false));
        assert_eq!(Env::new(&env("1")).flag_or("Y", true), Ok(true));
        assert_eq!(Env::new(&env("0")).flag_or("X", true), Ok(false));
        assert!(Env::new(&env("yes")).flag("X").is_err());
    }
}

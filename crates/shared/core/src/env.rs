//! Reads typed configuration through an injected getter, so that tests do not change the process
//! environment.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Why a function cannot start: the variable and the problem. It never contains the value, which
/// may be a secret.
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

/// The configuration of a process: its environment variables, or values injected by a test.
///
/// Clones share the variables.
#[derive(Clone)]
pub struct Environment(Arc<Getter>);

type Getter = dyn Fn(&str) -> Option<String> + Send + Sync;

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    /// These variables and no others.
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let variables = variables.into_iter();
        let variables: HashMap<String, String> = variables
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self::new(move |name| variables.get(name).cloned())
    }
}

impl Environment {
    /// The variables of this process.
    #[must_use]
    pub fn process() -> Self {
        Self::new(|variable| std::env::var(variable).ok())
    }

    /// Variables that `get` returns.
    #[must_use]
    pub fn new(get: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(get))
    }

    /// The same variables, except those that `first` returns.
    #[must_use]
    pub fn overridden(
        self,
        first: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self::new(move |variable| first(variable).or_else(|| (self.0)(variable)))
    }

    /// The value, unless it is unset or blank. A template cannot leave a variable unset, only
    /// empty.
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

    fn env(value: &'static str) -> Environment {
        Environment::from_iter([("X", value)])
    }

    #[test]
    fn empty_is_unset() {
        assert_eq!(env("  ").optional("X"), None);
        assert!(env("").required("X").is_err());
    }

    #[test]
    fn an_override_replaces_only_what_it_has() {
        let overridden =
            env("old").overridden(|name: &str| (name == "Y").then(|| "new".to_owned()));
        assert_eq!(overridden.optional("X").as_deref(), Some("old"));
        let overridden =
            overridden.overridden(|name: &str| (name == "X").then(|| "newer".to_owned()));
        assert_eq!(overridden.optional("X").as_deref(), Some("newer"));
        assert_eq!(overridden.optional("Y").as_deref(), Some("new"));
        assert_eq!(overridden.optional("Z"), None);
    }

    #[test]
    fn numbers_are_bounded_and_the_error_names_the_variable_but_not_the_value() {
        assert_eq!(env("7").number("X", 1, 1, 10), Ok(7));
        assert_eq!(env("7").number("Y", 1, 1, 10), Ok(1));
        for bad in ["11", "-1", "s3cret", "1.5"] {
            let error = env(bad).number("X", 1, 1, 10).expect_err(bad).to_string();
            assert!(error.contains('X') && !error.contains(bad), "{error}");
        }
    }

    #[test]
    fn flags() {
        assert_eq!(env("true").flag("X"), Ok(true));
        assert_eq!(env("0").flag("X"), Ok(false));
        assert_eq!(env("1").flag("Y"), Ok(false));
        assert_eq!(env("1").flag_or("Y", true), Ok(true));
        assert_eq!(env("0").flag_or("X", true), Ok(false));
        assert!(env("yes").flag("X").is_err());
    }
}

//! `docs/configuration.md` agrees with the functions and with the template.
//!
//! The test does not search the source. It records which variables a function requests at init, and
//! starts a function with the limits of each documented range.

use std::collections::BTreeSet;

use serde_json::Value;
use slipway_core::env::Environment;

use super::variables::{read_by, value};
use super::{functions, template};
use crate::spec::read;

/// Variables that Lambda sets, and an operator never does.
const OF_LAMBDA: [&str; 2] = ["AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME"];

/// A row of the tables.
struct Row {
    variable: String,
    default: String,
    values: String,
    /// The packages of the functions that read it.
    read_by: BTreeSet<String>,
    parameters: BTreeSet<String>,
}

/// Every text between backticks.
fn quoted(cell: &str) -> BTreeSet<String> {
    let parts = cell.split('`').skip(1).step_by(2);
    parts.map(ToOwned::to_owned).collect()
}

fn packages() -> BTreeSet<String> {
    let packages = functions().into_iter().map(|it| it.package.to_owned());
    packages.collect()
}

/// The functions of a cell: "all", "all but `a`, `b`", or "`a`, `b`".
fn decoded(cell: &str) -> BTreeSet<String> {
    // The deployed function of `maintain` is a separate package.
    let named = quoted(cell).into_iter().map(|name| match name.as_str() {
        "maintain" => "maintain-function".to_owned(),
        _ => name,
    });
    let named: BTreeSet<String> = named.collect();
    let all = packages();
    assert!(named.is_subset(&all), "{cell}");
    if cell == "all" || cell.starts_with("all but ") {
        return &all - &named;
    }
    named
}

fn rows() -> Vec<Row> {
    let page = read("docs/configuration.md");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let rows = rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [variable, default, values, read_by, parameters, _] = cells[..] else {
            panic!("six cells: {line}");
        };
        Row {
            variable: variable.trim_matches('`').to_owned(),
            default: default.trim_matches('`').to_owned(),
            values: values.to_owned(),
            read_by: decoded(read_by),
            parameters: quoted(parameters),
        }
    });
    rows.collect()
}

#[tokio::test]
async fn each_variable_is_documented_for_the_functions_that_read_it() {
    let rows = rows();
    let names: BTreeSet<&str> = rows.iter().map(|row| row.variable.as_str()).collect();
    assert_eq!(names.len(), rows.len(), "one row for each variable");
    for package in packages() {
        let mut expected = read_by(&package).await;
        for name in OF_LAMBDA {
            expected.remove(name);
        }
        if package != "migrate" {
            // They parse it with the rest of the secret, but do not use it.
            expected.remove("DATABASE_URL_UNPOOLED_SECRET_KEY");
        }
        if expected.contains("SIGNING_ACCESS_KEY_ID") {
            // The recorded function has a signing key. Without one, it signs with its own
            // credentials.
            expected.insert("AWS_CREDENTIAL_EXPIRATION".to_owned());
        }
        let documented = rows.iter().filter(|row| row.read_by.contains(&package));
        let documented: BTreeSet<String> = documented.map(|row| row.variable.clone()).collect();
        assert_eq!(documented, expected, "{package}");
    }
}

/// The parameters that a value of the template refers to.
fn referred(value: &Value) -> BTreeSet<String> {
    let text = value.to_string();
    let parameters = template()["Parameters"].as_object().expect("parameters");
    let refers = |name: &&String| {
        text.contains(&format!("{{\"Ref\":\"{name}\"}}")) || text.contains(&format!("${{{name}}}"))
    };
    parameters.keys().filter(refers).cloned().collect()
}

#[test]
fn each_variable_is_documented_with_its_parameters() {
    let parameters = template()["Parameters"].as_object().expect("parameters");
    for row in rows() {
        for name in &row.parameters {
            assert!(parameters.contains_key(name), "{}: {name}", row.variable);
        }
        for function in functions() {
            let own = &function.properties["Environment"]["Variables"][&row.variable];
            let common = &template()["Globals"]["Function"]["Environment"]["Variables"];
            let given = [own, &common[&row.variable]];
            let referred: BTreeSet<_> = given.into_iter().flat_map(referred).collect();
            let complete = referred.is_subset(&row.parameters);
            assert!(complete, "{}: {referred:?}", row.variable);
        }
        // A parameter with its own default has that of the function.
        let defaults = row
            .parameters
            .iter()
            .map(|name| &parameters[name]["Default"]);
        for default in defaults.filter(|default| **default != "" && !default.is_null()) {
            let default = default.as_str().map_or(default.to_string(), str::to_owned);
            // Parameters that choose more than the variable.
            let wider = ["METRICS", "PUBLIC_BASE_URL"].contains(&row.variable.as_str());
            let same = default == row.default || wider;
            assert!(same, "{}: {default}", row.variable);
        }
    }
}

/// Starts the function that reads all limits, with one variable changed.
async fn start(variable: String, changed: u128) -> Result<(), String> {
    let env = Environment::new(move |name| {
        if name == variable {
            return Some(changed.to_string());
        }
        value(name).map(str::to_owned)
    });
    let started = slipway_multipart::Multipart::from_env(&env).await;
    started.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn each_documented_range_is_the_accepted_range() {
    let mut ranges = 0;
    for row in rows() {
        let Some((least, most)) = row.values.split_once(" to ") else {
            continue;
        };
        let least: u128 = least.parse().expect("a number");
        let most: u128 = most.parse().expect("a number");
        for accepted in [least, most] {
            let started = start(row.variable.clone(), accepted).await;
            assert_eq!(started, Ok(()), "{} {accepted}", row.variable);
        }
        for refused in [least.checked_sub(1), most.checked_add(1)] {
            let Some(refused) = refused else { continue };
            let error = start(row.variable.clone(), refused).await;
            let error = error.expect_err("a value out of range");
            assert!(error.contains(&row.variable), "{error}");
        }
        ranges += 1;
    }
    assert!(ranges >= 5, "{ranges}");
}

//! The secret that RDS and Aurora keep in Secrets Manager:
//! `{"username": …, "password": …, "host": …, "port": 5432}`.

use serde_json::{Map, Value};

use super::options::Options;

/// The database that every RDS instance has.
const DATABASE: &str = "postgres";

/// Returns whether `text` is JSON rather than a connection string.
pub(super) fn is_json(text: &str) -> bool {
    text.starts_with('{')
}

/// The options in a secret of RDS. Other members, such as `dbInstanceIdentifier`, are ignored.
pub(super) fn options(text: &str) -> Result<Options, String> {
    let secret: Map<String, Value> =
        serde_json::from_str(text).map_err(|_| "begins with { and is not JSON")?;
    if field(&secret, "username").is_none() {
        return Err(
            "is JSON without a username: name the key that holds the connection string, as DATABASE_URL_SECRET_KEY"
                .to_owned(),
        );
    }
    if field(&secret, "engine").is_some_and(|engine| !engine.contains("postgres")) {
        return Err("is the secret of a database that is not Postgres".to_owned());
    }
    let mut options = Options::default();
    for (name, option) in [
        ("username", "user"),
        ("password", "password"),
        ("host", "host"),
    ] {
        let value = field(&secret, name).ok_or_else(|| {
            format!(
                "is a secret without a {name}; the ones that RDS manages hold username and password only: \
                 store a connection string, or add host, port and dbname"
            )
        })?;
        options.add(option, &value);
    }
    if let Some(port) = field(&secret, "port") {
        options.add("port", &port);
    }
    let dbname = field(&secret, "dbname").unwrap_or_else(|| DATABASE.to_owned());
    options.add("dbname", &dbname);
    Ok(options)
}

/// A text or a number that is not empty.
fn field(secret: &Map<String, Value>, name: &str) -> Option<String> {
    match secret.get(name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

//! Connection strings as people paste them.

use std::time::Duration;

use proptest::prelude::*;
use tokio_postgres::config::{ChannelBinding, SslMode};

use super::{Config, Server};

fn parsed(text: &str) -> Config {
    Config::parse("DATABASE_URL", text).expect(text)
}

fn refused(text: &str) -> String {
    Config::parse("DATABASE_URL", text)
        .expect_err(text)
        .to_string()
}

fn server(host: &str, port: u16) -> Server {
    Server {
        host: host.to_owned(),
        address: None,
        port,
    }
}

#[test]
fn neons() {
    let url = "postgresql://neondb_owner:npg_x@ep-a-b-pooler.eu-central-1.aws.neon.tech/neondb?sslmode=require&channel_binding=require";
    for text in [
        url.to_owned(),
        format!("psql '{url}'"),
        format!(" \"{url}\"\n"),
        format!("'{url}'"),
    ] {
        let config = parsed(&text);
        assert_eq!(
            config.servers,
            [server("ep-a-b-pooler.eu-central-1.aws.neon.tech", 5432)]
        );
        assert_eq!(config.login.get_user(), Some("neondb_owner"));
        assert_eq!(config.login.get_password(), Some(&b"npg_x"[..]));
        assert_eq!(config.login.get_dbname(), Some("neondb"));
        assert_eq!(config.login.get_ssl_mode(), SslMode::Require);
        assert_eq!(config.login.get_channel_binding(), ChannelBinding::Require);
        let direct = config.direct();
        assert_eq!(
            direct.servers,
            [server("ep-a-b.eu-central-1.aws.neon.tech", 5432)]
        );
    }
}

#[test]
fn schemes_of_drivers() {
    for scheme in [
        "postgres",
        "postgresql",
        "postgresql+asyncpg",
        "postgres+psycopg2",
        "jdbc:postgresql",
    ] {
        let config = parsed(&format!("{scheme}://u:p@db.example:6543/x"));
        assert_eq!(config.servers, [server("db.example", 6543)]);
    }
    for other in ["mysql://u@h/x", "http://h", "prisma+postgres.x://h"] {
        assert!(refused(other).contains("postgres://"), "{other}");
    }
}

#[test]
fn tls_is_the_default_off_this_machine() {
    let mode = |text: &str| parsed(text).login.get_ssl_mode();
    for here in [
        "postgres://u@localhost/x",
        "postgres://u@127.0.0.1/x",
        "postgres://u@[::1]:5433/x",
        "host=127.1.2.3 user=u",
    ] {
        assert_eq!(mode(here), SslMode::Disable, "{here}");
    }
    for away in [
        "postgres://u@db/x",
        "postgres://u@10.0.0.1/x",
        "postgres://u@localhost,db/x",
        "host=localhost hostaddr=10.0.0.1 user=u",
    ] {
        assert_eq!(mode(away), SslMode::Require, "{away}");
    }
    let modes = [
        ("disable", SslMode::Disable, SslMode::Disable),
        ("allow", SslMode::Prefer, SslMode::Require),
        ("prefer", SslMode::Prefer, SslMode::Require),
        ("require", SslMode::Require, SslMode::Require),
        ("verify-ca", SslMode::Require, SslMode::Require),
        ("verify-full", SslMode::Require, SslMode::Require),
    ];
    for (text, here, away) in modes {
        for (host, wanted) in [("localhost", here), ("db", away), ("localhost,db", away)] {
            let url = format!("postgres://u@{host}/x?sslmode={text}");
            assert_eq!(mode(&url), wanted, "{url}");
        }
    }
}

#[test]
fn options_mean_what_libpq_means() {
    let config = parsed(
        "postgres://u@db/x?sslrootcert=/opt/ca.pem&connect_timeout=3&tcp_user_timeout=1500&keepalives_idle=30\
         &options=-c%20search_path%3Dfiles&target_session_attrs=read-write&application_name=a%20b\
         &pgbouncer=true&connection_limit=1&gssencmode=disable&client_encoding=UTF8",
    );
    assert_eq!(
        config.root_certificates.as_deref(),
        Some("/opt/ca.pem".as_ref())
    );
    assert_eq!(config.limits.connect, Duration::from_secs(3));
    assert_eq!(
        config.tcp_user_timeout,
        Some(Duration::from_millis(1500)),
        "milliseconds"
    );
    assert_eq!(config.login.get_options(), Some("-c search_path=files"));
    assert_eq!(config.login.get_application_name(), Some("a b"));
    assert!(config.writable);
    assert!(config.keepalive.is_some());
    let config = parsed("postgres://u@db/x?sslrootcert=system&connect_timeout=0&keepalives=0");
    assert_eq!(config.root_certificates, None);
    assert_eq!(
        config.limits.connect,
        super::Limits::default().connect,
        "none there is a limit here"
    );
    assert!(config.keepalive.is_none() && !config.writable);
}

#[test]
fn several_hosts() {
    let config = parsed("postgres://u@a:1,b,[::1]:3/x");
    assert_eq!(
        config.servers,
        [server("a", 1), server("b", 5432), server("::1", 3)]
    );
    let config = parsed("host=a,b port=7 user=u");
    assert_eq!(config.servers, [server("a", 7), server("b", 7)]);
    for wrong in [
        "host=a,b,c port=1,2 user=u",
        "host=a hostaddr=1.1.1.1,2.2.2.2 user=u",
        "hostaddr=x user=u",
    ] {
        let _ = refused(wrong);
    }
}

#[test]
fn key_value_pairs() {
    let config =
        parsed(r"host = db.example  user='a b' password='it\'s \\ here' dbname=x sslmode=disable");
    assert_eq!(config.servers, [server("db.example", 5432)]);
    assert_eq!(config.login.get_user(), Some("a b"));
    assert_eq!(config.login.get_password(), Some(&br"it's \ here"[..]));
    assert_eq!(config.login.get_dbname(), Some("x"));
}

#[test]
fn the_database_is_the_users_unless_named() {
    assert_eq!(parsed("postgres://u@h").login.get_dbname(), Some("u"));
    assert_eq!(parsed("postgres://u@h/").login.get_dbname(), Some("u"));
}

#[test]
fn what_cannot_work_is_named_without_its_value() {
    let cases = [
        ("postgres://u:hunter2@h/x?sslcert=hunter2", "sslcert"),
        ("postgres://u:hunter2@h/x?sslmode=hunter2", "sslmode"),
        ("postgres://u:hunter2@h/x?passfile=hunter2", "passfile"),
        (
            "postgres://u:hunter2@h/x?connect_timeout=hunter2",
            "connect_timeout",
        ),
        ("postgres://u:hunter2@h/x?HUNTER2=hunter2", "not known"),
        ("postgres://u:hunter2@h:hunter2/x", "port"),
        ("postgres://u:hun/ter2@h/x", "%2F"),
        ("postgres://u:hun?ter2@h/x", "%3F"),
        ("postgres://u:hunter2@/x", "host"),
        ("postgres://hunter2.example/x", "user"),
        ("postgres://u:hunter2@%2Fvar%2Frun/x", "Unix socket"),
        ("host=h user=u password='hunter2", "quote"),
        ("hunter2", "postgres://"),
    ];
    for (text, names) in cases {
        let error = refused(text);
        assert!(error.starts_with("configuration: DATABASE_URL "), "{error}");
        assert!(error.contains(names), "{text}: {error}");
        assert!(
            !error.to_lowercase().contains("hunter2") && !error.contains("ter2"),
            "{error}"
        );
    }
}

#[test]
fn nothing_shows_what_it_holds() {
    let config = parsed("postgres://u:hunter2@secret.example/x");
    assert!(!format!("{config:?}").contains("hunter2"));
    let db = crate::Db::new(config).expect("a database");
    assert!(!format!("{db:?}").contains("hunter2"));
}

/// Every byte as `%XX`.
fn encoded(text: &str) -> String {
    text.bytes()
        .fold(String::new(), |text, byte| format!("{text}%{byte:02X}"))
}

/// In single quotes, as libpq reads it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

proptest! {
    #[test]
    fn any_name_and_password_come_through(user in "\\PC{1,20}", password in "\\PC{0,20}", dbname in "\\PC{1,20}") {
        let url = format!("postgres://{}:{}@h/{}", encoded(&user), encoded(&password), encoded(&dbname));
        let pairs = format!("host=h user={} password={} dbname={}", quoted(&user), quoted(&password), quoted(&dbname));
        for text in [url, pairs] {
            let config = parsed(&text);
            prop_assert_eq!(config.login.get_user(), Some(user.as_str()));
            prop_assert_eq!(config.login.get_password(), Some(password.as_bytes()));
            prop_assert_eq!(config.login.get_dbname(), Some(dbname.as_str()));
        }
    }

    /// Unencoded passwords are accepted whole or refused with advice. They are never truncated or
    /// shown.
    #[test]
    fn a_raw_password_is_whole_or_refused(password in "[a-z0-9!$&'()*+,;=:@/?#\\[\\]-]{8,20}") {
        match Config::parse("DATABASE_URL", &format!("postgres://user:{password}@db.example/x")) {
            Ok(config) => {
                prop_assert_eq!(config.login.get_password(), Some(password.as_bytes()));
                prop_assert_eq!(&config.servers[0].host, "db.example");
            }
            Err(error) => prop_assert!(!error.to_string().contains(&password)),
        }
    }

    #[test]
    fn wild_text_never_panics_or_shows_itself(text in "\\PC{0,60}", tail in "[a-zA-Z0-9]{12}") {
        for text in [format!("{text}{tail}"), format!("postgres://{text}{tail}"), format!("postgres://u:{tail}@{text}")] {
            if let Err(error) = Config::parse("DATABASE_URL", &text) {
                prop_assert!(!error.to_string().contains(&tail), "{error}");
            }
        }
    }
}

//! Values as users copy them from consoles, `.env` files, integrations and secrets.

use tokio_postgres::config::{SslMode, SslNegotiation};

use super::Config;

fn parsed(text: &str) -> Config {
    Config::parse("DATABASE_URL", text).expect(text)
}

fn refused(text: &str) -> String {
    let error = Config::parse("DATABASE_URL", text).expect_err(text);
    error.to_string()
}

#[test]
fn what_stands_around_a_value_is_not_part_of_it() {
    let url = "postgresql://u:it's%22@db.example/x?sslmode=require";
    for text in [
        format!("\"{url}\""),
        format!("'{url}'"),
        format!("`{url}`"),
        format!("“{url}”"),
        format!("<{url}>"),
        format!("'\"{url}\"'"),
        format!(" \" {url} \" \n"),
        format!("DATABASE_URL={url}"),
        format!("DATABASE_URL=\"{url}\""),
        format!("DATABASE_URL = '{url}'"),
        format!("export POSTGRES_URL='{url}';"),
        format!("psql \"{url}\""),
    ] {
        let config = parsed(&text);
        assert_eq!(config.login.get_password(), Some(&b"it's\""[..]), "{text}");
        assert_eq!(config.login.get_dbname(), Some("x"), "{text}");
        assert_eq!(config.servers[0].host, "db.example", "{text}");
    }
    // A quote at one end is the password's.
    let config = parsed("host=h user=u password=x'");
    assert_eq!(config.login.get_password(), Some(&b"x'"[..]));
    for pairs in [
        "host=h user=u password='a b'",
        "\"host=h user=u password='a b'\"",
    ] {
        assert_eq!(parsed(pairs).login.get_password(), Some(&b"a b"[..]));
    }
}

/// `POSTGRES_URL` and `POSTGRES_PRISMA_URL` as Vercel's integration of Supabase makes them.
#[test]
fn supabase_by_vercel() {
    for options in [
        "sslmode=require&supa=base-pooler.x",
        "sslmode=require&pgbouncer=true",
        "sslmode=require&supa=base-pooler.x&pgbouncer=true",
        "workaround=supabase-pooler.vercel",
    ] {
        let url = format!(
            "postgres://postgres.abcdefgh:pass@aws-0-eu-central-1.pooler.supabase.com:6543/postgres?{options}"
        );
        let config = parsed(&url);
        assert_eq!(config.login.get_user(), Some("postgres.abcdefgh"));
        assert_eq!(config.login.get_ssl_mode(), SslMode::Require);
    }
}

#[test]
fn direct_negotiation_is_tls_everywhere() {
    for url in [
        "postgres://u@db/x?sslnegotiation=direct",
        "postgres://u@localhost/x?sslnegotiation=direct",
        "postgres://u@db/x?sslnegotiation=direct&sslmode=verify-full",
        "postgres://u@localhost/x?sslnegotiation=direct&sslmode=prefer",
    ] {
        let login = parsed(url).login;
        assert_eq!(login.get_ssl_negotiation(), SslNegotiation::Direct, "{url}");
        assert_eq!(login.get_ssl_mode(), SslMode::Require, "{url}");
    }
    let login = parsed("postgres://u@db/x?sslnegotiation=postgres").login;
    assert_eq!(login.get_ssl_negotiation(), SslNegotiation::Postgres);
    let error = refused("postgres://u@db/x?sslnegotiation=direct&sslmode=disable");
    assert!(error.contains("sslnegotiation=direct"), "{error}");
    let error = refused("postgres://u@db/x?sslnegotiation=later");
    assert!(error.contains("sslnegotiation"), "{error}");
}

#[test]
fn a_placeholder_gets_a_hint() {
    for text in [
        "postgresql://postgres:[YOUR-PASSWORD]@db.abcdefgh.supabase.co:5432/postgres",
        "postgresql://postgres.[YOUR-PROJECT-REF]:hunter2@aws-0-eu-central-1.pooler.supabase.com:6543/postgres",
        "postgresql://u:hunter2@aws-0-[REGION].pooler.supabase.com:6543/postgres",
        "postgres://neondb_owner:<password>@ep-a-b.eu-central-1.aws.neon.tech/neondb",
        "postgres://user:hunter2@<host>:5432/<database>",
        "postgres://citus:{your_password}@c.x.postgres.database.azure.com:5432/citus?sslmode=require",
        "host=h user=u password={your_password} dbname=x",
        "${{Postgres.DATABASE_URL}}",
        "postgres://u:${PGPASSWORD}@h/x",
    ] {
        let error = refused(text);
        assert!(error.contains("placeholder"), "{text}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    for text in [
        "postgresql://neondb_owner:npg_************@ep-a-b.eu-central-1.aws.neon.tech/neondb",
        "postgres://doadmin:••••••••@db.example/defaultdb",
    ] {
        let error = refused(text);
        assert!(error.contains("masked"), "{text}: {error}");
    }
    for fine in [
        "postgres://u:password@h/x",
        "postgres://u:[abc]@h/x",
        "postgres://u:a**b@h/x",
        "postgres://u@[::1]:5432/x",
    ] {
        let _ = parsed(fine);
    }
}

#[test]
fn the_secret_of_rds() {
    let whole = r#"{"dbClusterIdentifier":"c","password":"p/@\"{ü","engine":"aurora-postgresql","port":5433,
        "dbInstanceIdentifier":"i","host":"c.cluster-x.eu-central-1.rds.amazonaws.com","username":"app","dbname":"files"}"#;
    let config = parsed(whole);
    assert_eq!(config.login.get_user(), Some("app"));
    assert_eq!(config.login.get_password(), Some("p/@\"{ü".as_bytes()));
    assert_eq!(config.login.get_dbname(), Some("files"));
    assert_eq!(config.login.get_ssl_mode(), SslMode::Require);
    let server = &config.servers[0];
    let host = "c.cluster-x.eu-central-1.rds.amazonaws.com";
    assert_eq!((server.host.as_str(), server.port), (host, 5433));

    let short = r#" {"username":"app","password":"[YOUR-PASSWORD]","host":"h","port":"5433"} "#;
    let config = parsed(short);
    assert_eq!(config.login.get_dbname(), Some("postgres"));
    assert_eq!(config.servers[0].port, 5433);
    let config = parsed(r#"{"username":"app","password":"x","host":"h"}"#);
    assert_eq!(config.servers[0].port, 5432);

    for (text, said) in [
        (
            r#"{"username":"app","password":"hunter2"}"#,
            "without a host",
        ),
        (r#"{"username":"app","host":"h"}"#, "without a password"),
        (
            r#"{"username":"app","password":"hunter2","host":"h","engine":"mysql"}"#,
            "not Postgres",
        ),
        (
            r#"{"url":"postgres://u:hunter2@h/x"}"#,
            "DATABASE_URL_SECRET_KEY",
        ),
        (r#"{"username":"app","password":"hunter2""#, "not JSON"),
        (
            r#"{"username":"app","password":"hunter2","host":"h","port":"hunter2"}"#,
            "port",
        ),
    ] {
        let error = refused(text);
        assert!(error.contains(said), "{text}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

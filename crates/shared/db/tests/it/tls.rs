//! TLS and SCRAM with a connection string as Neon prints it, and logins as Neon makes them.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};

use slipway_core::Code;
use slipway_db::{Config, Db, Usage};
use slipway_emulators::postgres::{Postgres, PostgresOptions};
use slipway_testkit::{Authority, cache, guard};
use tokio_postgres::NoTls;

use crate::support::{file, user};

fn server(authority: &Authority, names: &[&str]) -> Postgres {
    let (certificate, key) = authority.sign(names);
    let mut options = PostgresOptions::temporary(cache());
    options.settings = vec![("ssl".to_owned(), "on".to_owned())];
    options.files = vec![
        ("server.crt".to_owned(), certificate.into_bytes()),
        ("server.key".to_owned(), key.into_bytes()),
    ];
    Postgres::start(guard(), &options).expect("Postgres starts")
}

/// A login that may make roles and owns its database, and no more, as `neondb_owner`.
async fn neon_like(server: &Postgres) {
    let (admin, connection) = tokio_postgres::connect(&server.url(), NoTls)
        .await
        .expect("connected");
    tokio::spawn(connection);
    for statement in [
        "CREATE ROLE neondb_owner LOGIN CREATEROLE PASSWORD 'npg_AbC123'",
        "CREATE DATABASE neondb OWNER neondb_owner",
    ] {
        admin.batch_execute(statement).await.expect("made");
    }
}

fn db(url: &str) -> Db {
    Db::new(Config::parse("DATABASE_URL", url).expect("a URL")).expect("a database")
}

#[tokio::test]
async fn a_connection_string_of_neons_works_as_pasted() {
    let authority = Authority::new();
    let server = server(&authority, &["localhost"]);
    neon_like(&server).await;
    let (port, ca) = (server.port(), authority.path());
    let trusted = |mode: &str| {
        format!(
            "psql 'postgresql://neondb_owner:npg_AbC123@localhost:{port}/neondb?sslmode={mode}&channel_binding=require&sslrootcert={}'",
            ca.display()
        )
    };
    // It makes the roles itself, takes them, and is bound by them.
    let neon = db(&trusted("require"));
    neon.migrate().await.expect("migrated");
    let row = file(&neon, "alice", 5).await;
    assert_eq!(
        neon.find_file(&user("bob"), row.id)
            .await
            .expect("answered"),
        None
    );
    assert_eq!(
        neon.usage(&user("alice")).await.expect("usage"),
        Usage { files: 1, bytes: 5 }
    );
    for mode in ["verify-full", "verify-ca", "prefer"] {
        let usage = db(&trusted(mode))
            .usage(&user("alice"))
            .await
            .expect("usage");
        assert_eq!(usage.bytes, 5, "{mode}");
    }
    // A certificate of an unknown authority, and one for another host.
    let refused = [
        (
            format!("postgresql://neondb_owner:npg_AbC123@localhost:{port}/neondb?sslmode=require"),
            "from an authority that is not trusted here",
        ),
        (
            trusted("require").replace("@localhost", "@127.0.0.1"),
            "for another host name than the connection string has",
        ),
    ];
    for (url, said) in refused {
        let error = db(&url)
            .usage(&user("alice"))
            .await
            .expect_err("not verified");
        assert_eq!(error.code(), Code::Unavailable);
        let cause = std::error::Error::source(&error)
            .expect("a cause")
            .to_string();
        assert!(cause.contains(said) && !cause.contains("npg_"), "{cause}");
        assert!(!cause.contains("SSL routines"), "{cause}");
    }
}

/// A server that speaks TLS from the first byte, as Postgres 17 does. The proxy does not answer the
/// client's `SSLRequest`, and requires the protocol name (ALPN).
#[tokio::test]
async fn tls_may_begin_without_a_request_for_it() {
    let authority = Authority::new();
    let server = server(&authority, &["localhost"]);
    neon_like(&server).await;
    let url = format!(
        "postgresql://neondb_owner:npg_AbC123@localhost:{}/neondb?sslnegotiation=direct&sslrootcert={}",
        server.port(),
        authority.path().display()
    );
    let (admin, connection) = tokio_postgres::connect(&server.url(), NoTls)
        .await
        .expect("connected");
    tokio::spawn(connection);
    let row = admin
        .query_one("SELECT current_setting('server_version_num')::int", &[])
        .await;
    let version: i32 = row.expect("a version").get(0);
    let migrated = db(&url).migrate().await;
    // Older servers close the connection: they take the first byte for the length of a packet.
    assert_eq!(migrated.is_ok(), version >= 170_000, "{version}");
}

#[test]
fn certificates_to_trust_are_read_at_init() {
    for (path, says) in [
        ("/nowhere/ca.pem", "cannot be read"),
        ("/dev/null", "no PEM certificate"),
    ] {
        let url = format!("postgres://u:secret@db.example/x?sslrootcert={path}");
        let config = Config::parse("DATABASE_URL", &url).expect("a URL");
        let error = Db::new(config).expect_err("no certificate").to_string();
        assert!(error.contains(says) && !error.contains("secret"), "{error}");
    }
}

/// Answers "no TLS" and then requests the password in clear text. Returns the first bytes of the
/// client and all bytes after them.
fn impostor(listener: &TcpListener) -> (Vec<u8>, Vec<u8>) {
    const NO_TLS: &[u8] = b"N";
    const CLEAR_TEXT_PASSWORD: &[u8] = b"R\0\0\0\x08\0\0\0\x03";
    let (mut stream, _) = listener.accept().expect("a connection");
    let mut first = [0; 8];
    stream.read_exact(&mut first).expect("a request for TLS");
    stream.write_all(NO_TLS).expect("an answer");
    // Both writes fail if the client has closed the connection, which is the correct behaviour.
    let _ = stream.write_all(CLEAR_TEXT_PASSWORD);
    let mut rest = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        rest.extend_from_slice(&buffer[..read]);
        if rest.windows(8).any(|bytes| bytes == b"hunter22") {
            break;
        }
    }
    (first.to_vec(), rest)
}

/// Returns the bytes that an impostor receives from a client with `options`. Its address is not
/// loopback by its number, but still reaches this machine.
async fn given_away(options: &str) -> (Vec<u8>, Vec<u8>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let served = std::thread::spawn(move || impostor(&listener));
    let text =
        format!("host=db.example hostaddr=0.0.0.0 port={port} user=u password=hunter22 {options}");
    let error = db(&text)
        .usage(&user("alice"))
        .await
        .expect_err("not a Postgres");
    assert_eq!(error.code(), Code::Unavailable, "{}", error.causes());
    served.join().expect("served")
}

#[tokio::test]
async fn no_password_leaves_without_tls() {
    const ASKS_FOR_TLS: [u8; 8] = [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f];
    for options in [
        "",
        "sslmode=prefer",
        "sslmode=allow",
        "sslmode=require",
        "sslmode=prefer target_session_attrs=read-write",
        "ssl=true",
    ] {
        let (first, rest) = given_away(options).await;
        assert_eq!(first, ASKS_FOR_TLS, "{options}");
        assert!(rest.is_empty(), "{options}: the client must hang up");
    }
}

//! The cost of TLS at a cold start: `files` as it is deployed, up to its first poll, with a
//! Postgres that closes the connection after the `ClientHello`.
//!
//! Until then the library reads its roots, makes key shares and draws random bytes. Each of these
//! has taken tens of milliseconds in some build of the library.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use slipway_emulators::lambda::Lambda;
use slipway_processes::environment;

use crate::callgrind::{Counted, is_installed};
use crate::presign::{VALGRIND_TIMEOUT, end};
use crate::sizes::built;
use crate::within;

/// Instructions from the start to the first poll.
const START: u64 = 1_250_000;

/// A server that agrees to TLS, reads the `ClientHello` and closes the connection.
fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a client");
            let _ = stream.read_exact(&mut [0; 8]);
            let _ = stream.write_all(b"S");
            let _ = stream.read(&mut [0; 4096]);
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_with_tls_stays_within_its_instruction_budget() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let program = built().join("FilesFunction/bootstrap");
    let program = program.canonicalize().expect("run `sam build` first");
    let counted = Counted::new(folder.path(), &program, "");
    let url = format!("postgres://a:b@127.0.0.1:{}/c?sslmode=require", server());
    let mut env = environment("", &url);
    env.retain(|name, value| !value.is_empty() && !name.starts_with("JWT_"));
    let roots = built().join("CaRoots/roots");
    let roots = roots.canonicalize().expect("run `sam build` first");
    env.insert("SSL_CERT_DIR".to_owned(), roots.display().to_string());
    let own = built().join("CaRoots/ca.pem");
    let own = own.canonicalize().expect("run `sam build` first");
    env.insert("SSL_CERT_FILE".to_owned(), own.display().to_string());
    let log = Some(folder.path().join("log"));
    let guard = slipway_testkit::guard();
    let lambda = Lambda::start_logging(guard, &counted.program, env, log).await;
    let mut lambda = lambda.expect("valgrind starts");
    let polls = tokio::time::timeout(VALGRIND_TIMEOUT, lambda.ready()).await;
    polls.expect("it polls");
    end(&mut lambda).await;
    within(
        "instructions of a start with TLS",
        counted.instructions(),
        START,
    );
}

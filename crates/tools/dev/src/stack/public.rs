//! The one public port: our routes, for our pages.
//!
//! Nothing else of the stack is reachable by HTTP. The runtime APIs listen on ports of their own, and take no events from
//! outside: an event that a website could send there would be an identity of its choice.

use std::io;
use std::net::Ipv4Addr;

use hyper::Method;
use slipway_emulators::gateway::{Gateway, Options, Route};

use super::fleet::Fleet;
use crate::page::policy;
use crate::workspace::Line;

/// The development server of Vite, by its default port: pages as people begin them, and ours by `npm run dev`.
const VITE: &str = "http://localhost:5173";

/// The origins that may call: the stack's own page, Vite's, and those that the user names.
pub(super) fn origins(page: Option<u16>, named: &[String]) -> io::Result<Vec<String>> {
    let mut origins = vec![VITE.to_owned()];
    for host in ["localhost", "127.0.0.1"] {
        origins.extend(page.map(|port| format!("http://{host}:{port}")));
    }
    for name in named {
        let origin = policy::origin(name).ok_or_else(|| {
            io::Error::other(format!(
                "--origin {name}: an origin is such as http://localhost:8080"
            ))
        })?;
        origins.push(origin);
    }
    Ok(origins)
}

/// Serves the routes of `router` on `port`.
pub(super) async fn open(
    port: u16,
    router: &[Line],
    fleet: &Fleet,
    origins: Vec<String>,
) -> io::Result<Gateway> {
    let served = router.iter().map(|line| {
        Ok(Route {
            method: Method::from_bytes(line.method.as_bytes()).map_err(io::Error::other)?,
            path: line.path.clone(),
            function: fleet.lambda(&line.function)?,
        })
    });
    let served = served.collect::<io::Result<Vec<_>>>()?;
    let options = Options {
        listen: (Ipv4Addr::LOCALHOST, port).into(),
        ..Options::new(served, origins)
    };
    Gateway::start_with(options).await
}

#[cfg(test)]
mod tests {
    use super::origins;

    #[test]
    fn only_our_pages_and_those_that_are_named_may_call() {
        let named = ["http://localhost:8080/".to_owned()];
        assert_eq!(
            origins(Some(3001), &named).unwrap(),
            [
                "http://localhost:5173",
                "http://localhost:3001",
                "http://127.0.0.1:3001",
                "http://localhost:8080"
            ]
        );
        assert_eq!(origins(None, &[]).unwrap(), ["http://localhost:5173"]);
        assert!(origins(None, &["*".to_owned()]).is_err());
    }
}

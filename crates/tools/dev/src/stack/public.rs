//! The one public port: the API's routes.
//!
//! No other part of the stack is reachable by HTTP from a page. The runtime APIs listen on separate
//! ports and accept no events: a website that could send an event there could choose the identity
//! in it.

use std::io;
use std::net::Ipv4Addr;

use slipway_api::routes::ROUTES;
use slipway_emulators::gateway::{Gateway, GatewayOptions, GatewayRoute};

use super::fleet::Fleet;
use crate::page::policy;

/// Vite's development server on its default port: new projects of users, and our page under `npm
/// run dev`.
const VITE: &str = "http://localhost:5173";

/// The origins that may call the API: the stack's page, Vite's, and those of `--origin`.
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

/// Serves the routes of the API on `port`.
pub(super) async fn open(port: u16, fleet: &Fleet, origins: Vec<String>) -> io::Result<Gateway> {
    let served = ROUTES.iter().map(|route| {
        Ok(GatewayRoute {
            method: route.method,
            path: route.path,
            function: fleet.lambda(route.function)?,
        })
    });
    let served = served.collect::<io::Result<Vec<_>>>()?;
    let options = GatewayOptions {
        listen: (Ipv4Addr::LOCALHOST, port).into(),
        ..GatewayOptions::new(served, origins)
    };
    Gateway::start_with(options).await
}

#[cfg(test)]
mod tests {
    use super::origins;

    #[test]
    fn only_local_and_named_origins_may_call() {
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

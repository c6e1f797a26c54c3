//! Postgres and S3: local servers, or those that the user's variables name.

use std::future;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use slipway_emulators::guard::Guard;
use slipway_emulators::postgres::{self, Postgres, PostgresOptions};
use slipway_emulators::s3::{KeyPair, ObjectEvent, Policy, S3Options, S3Server, Scanner};
use slipway_s3_urls::ENDPOINTS;
use tokio::sync::mpsc::UnboundedReceiver;

use super::settings::{EnvChanges, brings_key, user_set};
use crate::bucket::{BucketState, S3CompatibleServer};
use crate::say;
use crate::state::{Chosen, StackState};
use crate::token::{AUDIENCE, ISSUER, owner_claim};

/// The servers of a stack.
pub(super) struct Services {
    /// The environment of the functions. The access key is the administrator's.
    pub(super) env: EnvChanges,
    /// The administrator's access key of the local S3. Each function gets one of its own instead.
    pub(super) keys: Option<KeyPair>,
    /// The URL of the local Postgres.
    pub(super) database_url: Option<String>,
    /// The URL of the local S3.
    pub(super) s3_endpoint: String,
    /// The events of the local bucket.
    pub(super) objects: Option<UnboundedReceiver<ObjectEvent>>,
    /// The scanner of the local bucket, if files must be scanned before they are read.
    pub(super) scanner: Option<Scanner>,
    postgres: Option<Postgres>,
    /// The server runs while this is held.
    s3: Option<S3Server>,
}

impl Services {
    /// Starts the servers that the user does not provide.
    pub(super) async fn start(guard: &Guard, state: &StackState) -> io::Result<Self> {
        let mut chosen = state.chosen()?;
        free_or_other(&mut chosen.s3_port, "S3")?;
        if user_set("DATABASE_URL").is_none() {
            free_or_other(&mut chosen.postgres_port, "Postgres")?;
        }
        state.choose(&chosen)?;
        let mut services = Self {
            env: EnvChanges::default(),
            keys: None,
            database_url: None,
            s3_endpoint: String::new(),
            objects: None,
            scanner: None,
            postgres: None,
            s3: None,
        };
        services.env.set_default("AWS_REGION", "us-east-1");
        services.env.set_default("PREVIEWS", "true");
        services.env.trust(&state.key()?);
        services.start_postgres(guard, state, &chosen).await?;
        services.start_s3(state, &chosen).await?;
        Ok(services)
    }

    async fn start_postgres(
        &mut self,
        guard: &Guard,
        state: &StackState,
        chosen: &Chosen,
    ) -> io::Result<()> {
        if user_set("DATABASE_URL").is_some() {
            say::part("postgres", "yours, by DATABASE_URL");
            return Ok(());
        }
        let options = PostgresOptions {
            port: Some(chosen.postgres_port),
            say: |text| say::part("postgres", text),
            ..PostgresOptions::kept(state.path("postgres"), state.path("tools"))
        };
        let guard = guard.clone();
        let what = format!("on 127.0.0.1:{}", chosen.postgres_port);
        let start = move || say::step("postgres", &what, || Postgres::start(&guard, &options));
        let postgres = super::blocking(start).await?;
        self.env.set("DATABASE_URL", postgres.url());
        self.database_url = Some(postgres.url());
        self.postgres = Some(postgres);
        Ok(())
    }

    async fn start_s3(&mut self, state: &StackState, chosen: &Chosen) -> io::Result<()> {
        if let Some(theirs) = ENDPOINTS.into_iter().find_map(user_set) {
            if user_set("S3_BUCKET_NAME").is_none() {
                return Err(io::Error::other(
                    "S3_ENDPOINT is set without S3_BUCKET_NAME: set both",
                ));
            }
            say::part(
                "s3",
                "yours, by S3_ENDPOINT; its events do not reach record-upload, so only \
                 save-metadata records files",
            );
            self.s3_endpoint = look_at_theirs().await?.unwrap_or(theirs);
            return Ok(());
        }
        let bucket = user_set("S3_BUCKET_NAME").unwrap_or_else(|| "slipway-local".to_owned());
        let region = user_set("AWS_REGION").unwrap_or_else(|| "us-east-1".to_owned());
        let options = S3Options {
            root: state.path("s3"),
            bucket: bucket.clone(),
            region,
            access_key: chosen.access_key.clone(),
            secret_key: chosen.secret_key.clone(),
            listen: (Ipv4Addr::LOCALHOST, chosen.s3_port).into(),
        };
        let (server, objects) =
            S3Server::start_with(options, Policy::of_variables(user_set)).await?;
        self.s3_endpoint = server.endpoint();
        say::part("s3", &format!("on {}, bucket {bucket}", self.s3_endpoint));
        self.env.set("S3_ENDPOINT", &self.s3_endpoint);
        self.env.set("S3_BUCKET_NAME", bucket);
        let administrator = KeyPair::new(&chosen.access_key, &chosen.secret_key);
        self.env.sign_by(&administrator);
        self.keys = Some(administrator);
        // Variables of the user's AWS account would override the access key above, or be sent with
        // it.
        for name in [
            "AWS_SESSION_TOKEN",
            "AWS_CREDENTIAL_EXPIRATION",
            "AWS_PROFILE",
            "AWS_ENDPOINT_URL",
            "AWS_ENDPOINT_URL_S3",
        ] {
            self.env.remove(name);
        }
        if requires_scan() {
            say::part(
                "scanner",
                "replaces GuardDuty; it detects only the EICAR test file",
            );
            self.scanner = Some(server.scanner());
        }
        self.objects = Some(objects);
        self.s3 = Some(server);
        Ok(())
    }

    /// The addresses, under the names of a deployment's outputs. Addresses that the user provides
    /// are left out.
    pub(super) fn outputs(&self, port: u16, migrate: Option<&Path>) -> Value {
        let ours = !brings_key();
        json!({
            "ApiUrl": format!("http://localhost:{port}"),
            "RecordUploads": self.s3.is_some().to_string(),
            "JwtIssuer": ours.then_some(ISSUER),
            "JwtAudience": ours.then_some(AUDIENCE),
            "OwnerClaim": owner_claim(),
            "AllowedContentTypes": user_set("ALLOWED_CONTENT_TYPES"),
            "UploadRules": user_set("UPLOAD_RULES"),
            "PublicBaseUrl": user_set("PUBLIC_BASE_URL"),
            "DatabaseUrl": self.database_url,
            "WebhookUrl": self.env.value("WEBHOOK_URL"),
            "Migrate": migrate,
        })
    }

    /// Waits for a server to fail, which ends the stack.
    pub(super) async fn watch(&mut self) -> io::Result<()> {
        let Some(postgres) = &mut self.postgres else {
            return future::pending().await;
        };
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            if let Some(status) = postgres.try_wait()? {
                return Err(io::Error::other(format!(
                    "Postgres ended ({status}); its log is {}",
                    postgres.log().display()
                )));
            }
        }
    }
}

/// Checks that the user's server has the bucket, and returns its URL.
async fn look_at_theirs() -> io::Result<Option<String>> {
    let Some(server) = S3CompatibleServer::from_env()? else {
        return Ok(None);
    };
    let (address, bucket) = (server.address(), server.bucket());
    match server.state().await {
        Ok(BucketState::Exists) => {}
        Ok(BucketState::Missing) => {
            return Err(io::Error::other(format!(
                "there is no bucket {bucket} at {address}: `cargo dev bucket` creates and configures it, or correct S3_BUCKET_NAME"
            )));
        }
        Ok(BucketState::Unknown(why)) => {
            say::part("s3", &format!("PROBLEM with bucket {bucket}: {why}"));
        }
        Err(error) => say::part("s3", &format!("PROBLEM: {error}")),
    }
    Ok(Some(address.to_owned()))
}

/// Whether the functions sign read URLs only for scanned files.
fn requires_scan() -> bool {
    user_set("REQUIRE_SCAN").is_some_and(|value| matches!(value.trim(), "true" | "1"))
}

/// Uses the port of the last time, or another one with a message if it is taken.
fn free_or_other(port: &mut u16, whose: &str) -> io::Result<()> {
    if TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok() {
        return Ok(());
    }
    let taken = *port;
    *port = postgres::free_port()?;
    say::part(
        "state",
        &format!("port {taken} of {whose} is taken; using {port}"),
    );
    Ok(())
}

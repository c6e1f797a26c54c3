//! The target of the examination, from the command line, the outputs and the environment.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use slipway_core::UploadRules;

use super::outputs::Outputs;
use super::rules::{self, UploadKind};
use crate::state::StackState;

/// The user of local tokens.
const USER: &str = "slipway-doctor";

/// An example origin: the local stack allows any.
const LOCAL_ORIGIN: &str = "http://localhost:5173";

/// The options of `cargo dev doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    /// The outputs of a deployment: the JSON of `sam list stack-outputs --output json` or `aws
    /// cloudformation describe-stacks` [default: the local stack]
    #[arg(long, value_name = "FILE")]
    outputs: Option<PathBuf>,
    /// A user's token, to list that user's files and to create and delete two small ones [default:
    /// `SLIPWAY_TOKEN`]
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// The origin of a page that uploads; may be repeated [default: `PageUrl`, and `AllowedOrigins`
    /// of describe-stacks]
    #[arg(long = "origin", value_name = "URL")]
    origins: Vec<String>,
    /// The address of the application that receives webhooks [default: `WEBHOOK_URL`]
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
    /// Do not check that S3's events arrive
    #[arg(long)]
    no_events: bool,
    /// How long an event may take
    #[arg(long, default_value_t = 30, value_name = "N")]
    event_seconds: u64,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The `migrate` program, so that tests need not build it
    #[arg(long, hide = true)]
    migrate: Option<PathBuf>,
}

/// The target of the examination.
#[derive(Debug)]
pub(crate) struct Target {
    /// Without a slash at the end.
    pub(crate) api: String,
    pub(crate) token: String,
    pub(crate) issuer: Option<String>,
    pub(crate) audience: Option<String>,
    /// The claim that owns files.
    pub(crate) owner_claim: String,
    pub(crate) origins: Vec<String>,
    /// The bucket, if the outputs name it.
    pub(crate) bucket: Option<String>,
    /// Whether files are read through public URLs without a signature.
    pub(crate) public: bool,
    /// The kind of upload that the checks use.
    pub(super) kind: UploadKind,
    /// The rules for kinds of uploads.
    pub(super) rules: UploadRules,
    /// How long to wait for an event, or why not to wait.
    pub(crate) events: Result<Duration, &'static str>,
    /// The connection string of the database, if it is known.
    pub(crate) database_url: Option<String>,
    /// The application that receives webhooks, if it is known.
    pub(crate) webhook_url: Option<String>,
    /// The program that checks the database, if it is built.
    pub(crate) migrate: Option<PathBuf>,
}

impl Target {
    /// Collects what is known.
    pub(crate) fn find(options: &DoctorOptions, state: &StackState) -> io::Result<Self> {
        let (outputs, local) = match &options.outputs {
            Some(path) => (Outputs::read(path)?, false),
            None => (state.running()?, true),
        };
        let owner_claim = outputs.get("OwnerClaim").unwrap_or("sub");
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let token = match options.token.clone().or_else(|| set("SLIPWAY_TOKEN")) {
            Some(token) => token,
            None if local && outputs.get("JwtIssuer").is_some() => {
                state.key()?.token(USER, owner_claim, 600)
            }
            None => {
                return Err(io::Error::other(
                    "set a user's token with --token or SLIPWAY_TOKEN: the round trip needs one",
                ));
            }
        };
        let mut origins = options.origins.clone();
        if origins.is_empty() {
            origins = outputs.list("AllowedOrigins");
            // The page that the template hosts may call as well.
            origins.extend(outputs.get("PageUrl").map(str::to_owned));
        }
        if origins.is_empty() && local {
            origins = vec![LOCAL_ORIGIN.to_owned()];
        }
        let rules = rules::read(outputs.get("UploadRules"))?;
        let owned = |name: &str| outputs.get(name).map(str::to_owned);
        Ok(Self {
            api: outputs
                .get("ApiUrl")
                .unwrap_or_default()
                .trim_end_matches('/')
                .to_owned(),
            token: token.trim().to_owned(),
            issuer: owned("JwtIssuer"),
            audience: owned("JwtAudience"),
            owner_claim: owner_claim.to_owned(),
            origins,
            bucket: owned("BucketName"),
            webhook_url: options
                .webhook
                .clone()
                .or_else(|| set("WEBHOOK_URL"))
                .or_else(|| owned("WebhookUrl")),
            public: outputs.get("PublicBaseUrl").is_some(),
            kind: rules::kind(&rules, &outputs.list("AllowedContentTypes")),
            rules,
            events: match (options.no_events, outputs.records()) {
                (true, _) => Err("--no-events"),
                (false, true) => Ok(Duration::from_secs(options.event_seconds)),
                (false, false) => {
                    Err("events are not recorded: the output RecordUploads is not true")
                }
            },
            database_url: set("DATABASE_URL").or_else(|| owned("DatabaseUrl")),
            migrate: options
                .migrate
                .clone()
                .or_else(|| owned("Migrate").map(PathBuf::from)),
        })
    }

    /// A URL of the API.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.api)
    }
}

/// A content type that the patterns allow: the first one, with a value for its star.
pub(super) fn content_type(patterns: &[String]) -> String {
    let plain = ["*/*", "text/*", "text/plain"];
    let allows_text = patterns.is_empty() || patterns.iter().any(|p| plain.contains(&p.as_str()));
    match patterns.first() {
        Some(pattern) if !allows_text => pattern
            .replace("image/*", "image/png")
            .replace('*', "x-slipway-doctor"),
        _ => "text/plain".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::content_type;

    #[test]
    fn it_uploads_an_allowed_content_type() {
        let of = |patterns: &[&str]| {
            let patterns: Vec<_> = patterns.iter().map(|&p| p.to_owned()).collect();
            content_type(&patterns)
        };
        assert_eq!(of(&[]), "text/plain");
        assert_eq!(of(&["image/*", "*/*"]), "text/plain");
        assert_eq!(of(&["image/*", "application/pdf"]), "image/png");
        assert_eq!(of(&["video/*"]), "video/x-slipway-doctor");
    }
}

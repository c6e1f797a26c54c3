//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::doctor;
use crate::workspace;

/// A month, so that a token lasts while its user tries things out.
pub(crate) const TOKEN_SECONDS: u64 = 30 * 24 * 3600;

/// Runs Slipway on this machine: Postgres, an S3 server, and the functions behind one URL.
///
/// Without a command it runs until Ctrl-C. Its data is in .slipway/ and survives a restart.
///
/// Environment variables replace parts of it: `DATABASE_URL` and `S3_ENDPOINT` the servers,
/// `JWT_PUBLIC_KEY`, `JWT_SECRET` or `JWT_KEYS` the keys, `OWNER_CLAIM` the claim that owns files.
/// `WEBHOOK_URL` names an application that is told of changes, and `WEBHOOK_SECRET` signs for it.
/// Variables such as `MAX_UPLOAD_BYTES` and `USER_QUOTA_BYTES` set the limits.
#[derive(Debug, Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev")]
pub(crate) struct Cli {
    /// Another command.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// The port of the API, on 127.0.0.1
    #[arg(long, default_value_t = 3000)]
    pub(crate) port: u16,

    /// The port of the web page, on 127.0.0.1; if it is taken, another one is used
    #[arg(long, default_value_t = 3001)]
    pub(crate) page_port: u16,

    /// The origin of a page that may call the API from a browser, in addition to the local page and
    /// <http://localhost:5173>; may be repeated
    #[arg(long = "origin", value_name = "URL")]
    pub(crate) origins: Vec<String>,

    /// Start empty: delete all files, rows and keys of the stack first
    #[arg(long)]
    pub(crate) fresh: bool,

    /// The folder of the state, for tests that run stacks of their own
    #[arg(long, hide = true, global = true)]
    state: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run only Postgres, S3 and its events, for `cargo lambda watch`
    Services {
        /// The file to write for `cargo lambda watch --env-file` [default: .env of the workspace]
        #[arg(long, value_name = "FILE")]
        env_file: Option<PathBuf>,
    },
    /// Check format, dependencies and lints, and run the tests
    Test(crate::test::TestOptions),
    /// Compute the cost of uploads on AWS, from the prices in docs/prices.json
    Cost(crate::cost::CostOptions),
    /// Create the bucket `S3_BUCKET_NAME` on the server at `S3_ENDPOINT`, and configure it for
    /// uploads from pages
    Bucket(crate::bucket::BucketOptions),
    /// Examine the local stack or a deployment, and report each problem with what to do
    Doctor(doctor::DoctorOptions),
    /// Build the page, and publish it to a deployment or write it into a folder
    Page(crate::page::publish::PublishOptions),
    /// Build every function, and pack the archive dist/slipway-VERSION-ARCH.tar.gz, which deploys
    /// with the AWS CLI alone
    Release(crate::release::ReleaseOptions),
    /// Measure the functions, the signer, the statements and the client
    #[command(disable_help_flag = true)]
    Bench {
        /// What to measure: see `--help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Print the addresses of the running stack as variables, for `eval` in a shell
    Env,
    /// Print a token for a user
    Token {
        /// The owner: `sub` in the token, and the claim that `OWNER_CLAIM` of the stack names
        user: String,
        /// The lifetime in seconds
        #[arg(long, default_value_t = TOKEN_SECONDS, value_name = "N")]
        seconds: u64,
    },
}

impl Cli {
    /// The folder of the stack's state.
    pub(crate) fn state(&self) -> PathBuf {
        let default = || workspace::root().join(".slipway");
        self.state.clone().unwrap_or_else(default)
    }
}

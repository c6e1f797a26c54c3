//! What can be asked for on the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::doctor;
use crate::workspace;

/// A month: nobody wants to renew a token while learning.
pub(crate) const TOKEN_SECONDS: u64 = 30 * 24 * 3600;

/// Runs Slipway on this machine: Postgres, an S3 server, and the functions behind one URL.
///
/// Without a command it runs until Ctrl-C. Its data is in .slipway/ and survives a restart.
///
/// Variables override parts of it: `DATABASE_URL` and `S3_ENDPOINT` the servers, `JWT_PUBLIC_KEY`,
/// `JWT_SECRET` or `JWT_KEYS` the keys, `OWNER_CLAIM` who owns files, `MAX_UPLOAD_BYTES`, `USER_QUOTA_BYTES` and their like
/// the limits.
#[derive(Debug, Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev")]
pub(crate) struct Cli {
    /// What else to do.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// The port of the API, on 127.0.0.1
    #[arg(long, default_value_t = 3000)]
    pub(crate) port: u16,

    /// The port of the web page, on 127.0.0.1; another one if it is taken
    #[arg(long, default_value_t = 3001)]
    pub(crate) page_port: u16,

    /// The origin of a page of yours that may call the API from a browser, next to ours and
    /// <http://localhost:5173>; may be given again
    #[arg(long = "origin", value_name = "URL")]
    pub(crate) origins: Vec<String>,

    /// Begin with nothing: remove all files, rows and keys of the stack first
    #[arg(long)]
    pub(crate) fresh: bool,

    /// Another folder for the state, so that tests may run stacks of their own
    #[arg(long, hide = true, global = true)]
    state: Option<PathBuf>,
}

/// The other commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run Postgres, S3 and its events alone, for `cargo lambda watch`
    Services {
        /// The file of variables that is written for `cargo lambda watch --env-file`; .env of the workspace without it
        #[arg(long, value_name = "FILE")]
        env_file: Option<PathBuf>,
    },
    /// Check format, dependencies and lints, and run the tests
    Test(TestOptions),
    /// Compute what uploads cost on AWS, from the prices in docs/prices.json
    Cost(crate::cost::Usage),
    /// Make the bucket `S3_BUCKET_NAME` on the server at `S3_ENDPOINT`, and prepare it for uploads from pages
    Bucket(crate::bucket::Options),
    /// Look at the local stack, or at a deployment, and say what is wrong and what to do
    Doctor(doctor::Options),
    /// Build the page and put it where a deployment hosts it, or into a folder
    Page(crate::page::publish::Options),
    /// Measure what functions, signer and statements cost
    #[command(disable_help_flag = true)]
    Bench {
        /// What is measured, and how: `--help` tells
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Print where the running stack has its bucket and its database, for `eval` in a shell
    Env,
    /// Print a token for a user, alone
    Token {
        /// The owner: `sub` in the token, and the claim that `OWNER_CLAIM` of the stack names
        user: String,
        /// How long it is valid
        #[arg(long, default_value_t = TOKEN_SECONDS, value_name = "N")]
        seconds: u64,
    },
}

/// What is tested, and how much.
#[derive(Debug, Args)]
pub(crate) struct TestOptions {
    /// Only these stages, such as `deny`; all without one
    #[arg(value_parser = crate::test::names())]
    pub(crate) stages: Vec<String>,
    /// This stage and those after it
    #[arg(long, value_name = "STAGE", conflicts_with = "stages", value_parser = crate::test::names())]
    pub(crate) from: Option<String>,
    /// Leave out what is slow, and say what
    #[arg(long)]
    pub(crate) quick: bool,
    /// What the requests to the running stack are made from
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
    /// How many of them for each operation, about
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) examples: u32,
}

impl Cli {
    /// The folder of the stack's state.
    pub(crate) fn state(&self) -> PathBuf {
        let default = || workspace::root().join(".slipway");
        self.state.clone().unwrap_or_else(default)
    }
}

//! `cargo dev page`: builds the page, configures it from a deployment's outputs, and publishes it.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use super::config::{PageConfig, SignIn};
use super::plan::{self, Item};
use crate::doctor::outputs::Outputs;
use crate::say;
use crate::workspace;

/// The options of `cargo dev page`.
#[derive(Debug, Args)]
pub(crate) struct PublishOptions {
    /// The outputs of a deployment with `HostPage=true`: the JSON of `sam list stack-outputs
    /// --output json` or `aws cloudformation describe-stacks`
    #[arg(long, value_name = "FILE")]
    outputs: PathBuf,
    #[command(flatten)]
    sign_in: SignIn,
    /// Write the page into this folder instead, and print the headers of each file
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
}

/// Builds and publishes the page.
pub(crate) fn run(options: &PublishOptions) -> io::Result<()> {
    let outputs = Outputs::read(&options.outputs)?;
    let (config, hosts) = PageConfig::find(&outputs, &options.sign_in)?;
    if !config.has_provider() && options.into.is_none() {
        say::part(
            "page",
            "without --client-id, users can only sign in by pasting a token",
        );
    }
    let config = serde_json::to_string(&config)?;
    let built = plan::files(&super::build()?)?;
    let items = plan::plan(built, &config, &hosts.policy())?;
    match &options.into {
        Some(folder) => {
            write(&items, folder)?;
            writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&items)?)
        }
        None => PublishTarget::find(&outputs, "aws".as_ref())?.publish(&items),
    }
}

/// The bucket and the distribution of the page, and the AWS CLI.
pub(crate) struct PublishTarget<'a> {
    aws: &'a OsStr,
    bucket: &'a str,
    distribution: &'a str,
    region: &'a str,
    url: &'a str,
}

impl<'a> PublishTarget<'a> {
    /// Reads them from the outputs.
    pub(crate) fn find(outputs: &'a Outputs, aws: &'a OsStr) -> io::Result<Self> {
        let needed = |name| {
            outputs.get(name).ok_or_else(|| {
                let text = format!(
                    "the outputs have no {name}: deploy with HostPage=true, or write the page into a folder with --into"
                );
                io::Error::other(text)
            })
        };
        Ok(Self {
            aws,
            bucket: needed("PageBucketName")?,
            distribution: needed("PageDistributionId")?,
            region: needed("Region")?,
            url: needed("PageUrl")?,
        })
    }

    /// Uploads every file with its headers, and invalidates CloudFront's cache. Files of an earlier
    /// version stay for open pages.
    pub(crate) fn publish(&self, items: &[Item]) -> io::Result<()> {
        let folder = crate::workspace::root().join("target/page");
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        write(items, &folder)?;
        for item in items {
            say::part("page", &format!("{} → {}", item.key, self.bucket));
            let mut copy = self.aws();
            copy.args(["s3", "cp", "--only-show-errors"])
                .arg(folder.join(&item.key))
                .arg(format!("s3://{}/{}", self.bucket, item.key))
                .args(["--content-type", item.content_type])
                .args(["--cache-control", item.cache_control]);
            workspace::succeed(&mut copy)?;
        }
        let mut forget = self.aws();
        forget.args(["cloudfront", "create-invalidation", "--paths", "/*"]);
        forget.args(["--distribution-id", self.distribution]);
        workspace::succeed(forget.args(["--query", "Invalidation.Status", "--output", "text"]))?;
        say::part("page", self.url);
        Ok(())
    }

    fn aws(&self) -> Command {
        let mut command = Command::new(self.aws);
        command.args(["--region", self.region]);
        command
    }
}

fn write(items: &[Item], folder: &Path) -> io::Result<()> {
    for item in items {
        let place = folder.join(&item.key);
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(place, &item.bytes)?;
    }
    Ok(())
}

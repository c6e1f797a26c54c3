//! The programs that are measured: where they are, or how they are made, and how they are started.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;
use slipway_emulators::guard::Guard;
use slipway_emulators::tools;

use super::baselines;
use super::case::Case;
use super::process::Launch;
use super::world::World;
use crate::{root, say};

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Who {
    /// `lambda_http`, answering `{}`.
    #[value(skip)]
    Floor,
    /// Ours; of more than one build, which.
    #[value(skip)]
    Slipway(usize),
    /// As tutorials write it: in Rust
    Rust,
    /// In Node.js
    Node,
    /// In Python
    Python,
}

/// Where they are.
#[derive(Debug)]
pub(super) struct Programs {
    floor: PathBuf,
    slipway: Vec<PathBuf>,
    /// Nothing where nobody asks for it.
    rust: PathBuf,
    node: PathBuf,
    python: PathBuf,
}

impl Programs {
    /// Builds what is not given: `slipway` names folders with builds of our functions.
    pub(super) fn prepare(slipway: &[PathBuf], without: &[Who]) -> io::Result<Self> {
        let (guard, tools) = (Guard::this()?, root().join(".slipway/tools"));
        let lambda = root().join(".slipway/bench/lambda");
        build_for_lambda(&guard, &tools, "tools/bench/floor", "floor", &lambda)?;
        let mut builds = slipway.to_vec();
        if builds.is_empty() {
            for function in ["presign", "files", "save-metadata", "delete"] {
                build_for_lambda(
                    &guard,
                    &tools,
                    &format!("functions/{function}"),
                    function,
                    &lambda,
                )?;
            }
            builds.push(lambda.clone());
        }
        let made = |who, make: &dyn Fn() -> io::Result<PathBuf>| {
            if without.contains(&who) {
                Ok(PathBuf::new())
            } else {
                make()
            }
        };
        Ok(Self {
            floor: lambda,
            slipway: builds,
            rust: made(Who::Rust, &baselines::rust)?,
            node: made(Who::Node, &|| baselines::node(&guard))?,
            python: made(Who::Python, &|| baselines::python(&guard))?,
        })
    }

    /// How many builds of ours there are.
    pub(super) fn builds(&self) -> usize {
        self.slipway.len()
    }

    /// What is deployed: one file, but for Python, of which Lambda's runtime has boto3 and not psycopg.
    pub(super) fn code(&self, who: Who, case: Case) -> io::Result<Vec<PathBuf>> {
        let mut files = vec![self.file(who, case)?];
        if who == Who::Python {
            let packages = baselines::packages(&self.python)?;
            let ours = |path: &PathBuf| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with("psycopg") && !name.ends_with(".dist-info")
            };
            files.extend(packages.into_iter().filter(ours));
        }
        Ok(files)
    }

    /// The file that is our function, or the floor, or the tutorials' whole function.
    fn file(&self, who: Who, case: Case) -> io::Result<PathBuf> {
        match who {
            Who::Floor => bootstrap(&self.floor, "floor"),
            Who::Slipway(build) => bootstrap(&self.slipway[build], case.function()),
            Who::Rust => Ok(self.rust.clone()),
            Who::Node => Ok(self.node.join("dist/index.cjs")),
            Who::Python => Ok(self.python.join("task/handler.py")),
        }
    }

    /// How to start it, with servers at `ports`.
    pub(super) fn launch(
        &self,
        who: Who,
        case: Case,
        world: &World,
        ports: (u16, u16),
    ) -> io::Result<Launch> {
        let file = self.file(who, case)?;
        let mut env: Vec<(String, OsString)> = World::env(ports)
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect();
        let mut folder = root();
        let command: Vec<OsString> = match who {
            Who::Floor => vec![file.into()],
            Who::Slipway(_) => {
                env.extend(template(case));
                // As its template has it, `presign` knows of no database.
                env.retain(|(name, _)| case != Case::Presign || name != "DATABASE_URL");
                if case != Case::Presign {
                    env.extend(world.layer());
                }
                vec![file.into()]
            }
            Who::Rust => {
                env.push(("SSL_CERT_FILE".to_owned(), world.large_bundle().into()));
                vec![file.into()]
            }
            Who::Node => {
                folder = self.node.join("dist");
                env.push(("NODE_EXTRA_CA_CERTS".to_owned(), world.own_root().into()));
                env.push(("LAMBDA_TASK_ROOT".to_owned(), folder.clone().into()));
                env.push(("_HANDLER".to_owned(), "index.handler".into()));
                let client = self.node.join("node_modules/aws-lambda-ric/index.mjs");
                vec![
                    baselines::node_binary(&self.node).into(),
                    client.into(),
                    "index.handler".into(),
                ]
            }
            Who::Python => {
                folder = self.python.join("task");
                env.push(("AWS_CA_BUNDLE".to_owned(), world.large_bundle().into()));
                env.push(("LAMBDA_TASK_ROOT".to_owned(), folder.clone().into()));
                env.push(("_HANDLER".to_owned(), "handler.handler".into()));
                // Where Python has no venv.
                env.push(("PYTHONPATH".to_owned(), self.python.join("target").into()));
                let python = self.python.join("bin/python3");
                vec![
                    python.into(),
                    "-m".into(),
                    "awslambdaric".into(),
                    "handler.handler".into(),
                ]
            }
        };
        Ok(Launch {
            command,
            env,
            folder,
        })
    }
}

/// What template.yaml tells every function, as its parameters' defaults have it.
fn template(case: Case) -> impl Iterator<Item = (String, OsString)> {
    let detect = if case == Case::Save { "false" } else { "true" };
    [
        ("DATABASE_URL_SECRET_ARN", ""),
        ("DATABASE_URL_SECRET_KEY", ""),
        ("JWT_ISSUER", ""),
        ("JWT_AUDIENCE", ""),
        ("JWT_PUBLIC_KEY", ""),
        ("JWT_KEYS", ""),
        ("JWT_SECRET", ""),
        ("OWNER_CLAIM", "sub"),
        ("MAX_UPLOAD_BYTES", "5368709120"),
        ("MAX_MULTIPART_BYTES", "5497558138880"),
        ("ALLOWED_CONTENT_TYPES", "*/*"),
        ("USER_QUOTA_BYTES", ""),
        ("UPLOAD_URL_SECONDS", "300"),
        ("READ_URL_SECONDS", "900"),
        ("SIGNING_ACCESS_KEY_ID", ""),
        ("SIGNING_SECRET_ACCESS_KEY", ""),
        ("PUBLIC_BASE_URL", ""),
        ("REQUIRE_SCAN", "false"),
        ("WRITE_ONCE", "false"),
        ("DETECT_CONTENT", detect),
        ("LOG_LEVEL", "info"),
        ("METRICS", "true"),
        ("MALLOC_MMAP_THRESHOLD_", "16777216"),
        ("MALLOC_TRIM_THRESHOLD_", "16777216"),
    ]
    .map(|(name, value)| (name.to_owned(), value.into()))
    .into_iter()
}

/// `presign/bootstrap`, as cargo-lambda has it, or `PresignFunction/bootstrap`, as SAM does.
fn bootstrap(folder: &Path, function: &str) -> io::Result<PathBuf> {
    let camel: String = function.split('-').map(capitalised).collect();
    let places = [function.to_owned(), format!("{camel}Function")];
    let mut files = places
        .iter()
        .map(|place| folder.join(place).join("bootstrap"));
    let missing = || io::Error::other(format!("{} has no {function}", folder.display()));
    let file = files.find(|file| file.is_file()).ok_or_else(missing)?;
    fs::canonicalize(file)
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

/// As `sam build` does it.
fn build_for_lambda(
    guard: &Guard,
    tools: &Path,
    folder: &str,
    binary: &str,
    into: &Path,
) -> io::Result<()> {
    let tools = tools::for_deployment(guard, tools, say)?;
    say(&format!("building {binary} as for a deployment"));
    let mut command = Command::new("cargo-lambda");
    command
        .args([
            "lambda",
            "build",
            "--release",
            "--bin",
            binary,
            "--lambda-dir",
        ])
        .arg(into)
        .envs(tools);
    baselines::run(&mut command, &root().join("crates").join(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_of_both_layouts_are_found() {
        let folder = tempfile::tempdir().unwrap();
        for place in ["presign", "SaveMetadataFunction"] {
            fs::create_dir(folder.path().join(place)).unwrap();
            fs::write(folder.path().join(place).join("bootstrap"), "").unwrap();
        }
        assert!(bootstrap(folder.path(), "presign").is_ok());
        assert!(bootstrap(folder.path(), "save-metadata").is_ok());
        assert!(bootstrap(folder.path(), "files").is_err());
    }
}

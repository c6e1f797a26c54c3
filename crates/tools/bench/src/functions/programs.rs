//! The measured programs: their builds and how they are started.

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
use super::world::BenchServers;
use crate::{root, say};

/// A measured program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Program {
    /// A function that returns `{}`, on `lambda_http`.
    #[value(skip)]
    Floor,
    /// Slipway; the number of the build if there are several.
    #[value(skip)]
    Slipway(usize),
    /// A tutorial's function in Rust
    Rust,
    /// A tutorial's function in Node.js
    Node,
    /// A tutorial's function in Python
    Python,
}

impl Program {
    /// The name in a table. `builds` is how many builds of our functions are measured.
    pub(super) fn label(self, builds: usize) -> String {
        match self {
            Self::Floor => "floor".to_owned(),
            Self::Slipway(build) if builds > 1 => format!("Slipway, build {}", build + 1),
            Self::Slipway(_) => "**Slipway**".to_owned(),
            Self::Rust => "tutorial Rust".to_owned(),
            Self::Node => "tutorial Node.js".to_owned(),
            Self::Python => "tutorial Python".to_owned(),
        }
    }
}

/// The paths of the programs.
#[derive(Debug)]
pub(super) struct Programs {
    floor: PathBuf,
    slipway: Vec<PathBuf>,
    /// Empty if the program is left out.
    rust: PathBuf,
    node: PathBuf,
    python: PathBuf,
}

impl Programs {
    /// Builds the programs that are not given. `slipway` names folders with builds of our
    /// functions.
    pub(super) fn prepare(slipway: &[PathBuf], without: &[Program]) -> io::Result<Self> {
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
            rust: made(Program::Rust, &baselines::rust)?,
            node: made(Program::Node, &|| baselines::node(&guard))?,
            python: made(Program::Python, &|| baselines::python(&guard))?,
        })
    }

    /// The number of builds of our functions.
    pub(super) fn builds(&self) -> usize {
        self.slipway.len()
    }

    /// The deployed files. They are a single file except for Python, whose Lambda runtime has boto3
    /// but not psycopg.
    pub(super) fn code(&self, who: Program, case: Case) -> io::Result<Vec<PathBuf>> {
        let mut files = vec![self.file(who, case)?];
        if who == Program::Python {
            let packages = baselines::packages(&self.python)?;
            let ours = |path: &PathBuf| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with("psycopg") && !name.ends_with(".dist-info")
            };
            files.extend(packages.into_iter().filter(ours));
        }
        Ok(files)
    }

    /// The file of our function, of the floor, or of the whole baseline.
    fn file(&self, who: Program, case: Case) -> io::Result<PathBuf> {
        match who {
            Program::Floor => bootstrap(&self.floor, "floor"),
            Program::Slipway(build) => bootstrap(&self.slipway[build], case.function()),
            Program::Rust => Ok(self.rust.clone()),
            Program::Node => Ok(self.node.join("dist/index.cjs")),
            Program::Python => Ok(self.python.join("task/handler.py")),
        }
    }

    /// The command that starts it with servers at `ports`.
    pub(super) fn launch(
        &self,
        who: Program,
        case: Case,
        world: &BenchServers,
        ports: (u16, u16),
    ) -> io::Result<Launch> {
        let file = self.file(who, case)?;
        let mut env: Vec<(String, OsString)> = BenchServers::env(ports)
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect();
        let mut folder = root();
        let command: Vec<OsString> = match who {
            Program::Floor => vec![file.into()],
            Program::Slipway(_) => {
                env.extend(template(case));
                // The template sets no database for `presign`.
                env.retain(|(name, _)| case != Case::Presign || name != "DATABASE_URL");
                if case != Case::Presign {
                    env.extend(world.layer());
                }
                vec![file.into()]
            }
            Program::Rust => {
                env.push(("SSL_CERT_FILE".to_owned(), world.large_bundle().into()));
                vec![file.into()]
            }
            Program::Node => {
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
            Program::Python => {
                folder = self.python.join("task");
                env.push(("AWS_CA_BUNDLE".to_owned(), world.large_bundle().into()));
                env.push(("LAMBDA_TASK_ROOT".to_owned(), folder.clone().into()));
                env.push(("_HANDLER".to_owned(), "handler.handler".into()));
                // The layout of pip without a venv.
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

/// The variables that template.yaml sets for every function, with the parameters' defaults.
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

/// `presign/bootstrap` of cargo-lambda, or `PresignFunction/bootstrap` of SAM.
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

/// Builds as `sam build` does.
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

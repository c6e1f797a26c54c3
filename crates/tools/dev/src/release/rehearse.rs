//! Deploys an archive as its guide says, against an emulator of AWS, and runs the deployed functions.
//!
//! `rehearse.py` executes the commands of the guide with the AWS CLI, puts an object into the bucket
//! of the stack, and receives its event from the queue of the stack. Then the functions that it
//! downloads again run here as Lambda runs them: `migrate` creates the schema, `record-upload` takes
//! the event, and `files` must list the file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use slipway_emulators::guard::{Guard, Program};
use slipway_emulators::lambda::{InvocationResult, Lambda};
use slipway_emulators::postgres::{Postgres, PostgresOptions, free_port};
use slipway_emulators::tools::next_to;
use tokio::net::TcpStream;

use super::SCRIPTS;
use crate::say;
use crate::template;
use crate::tools;
use crate::workspace;

const REGION: &str = "eu-central-1";
const LIMIT: Duration = Duration::from_mins(2);

/// Runs the rehearsal. The emulator leaves out what it does not support, and its list is printed.
pub(crate) fn rehearse(archive: &Path, state: &Path) -> io::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(run(archive, state))
}

async fn run(archive: &Path, state: &Path) -> io::Result<()> {
    let sam = template::installed(&tools::SAM, state)?;
    let aws = template::installed(&tools::AWS, state)?;
    let python = next_to(&sam, "python3");
    let root = workspace::root();
    let folder = root.join("target/release-rehearsal");
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::create_dir_all(&folder)?;
    let scripts = root.join(SCRIPTS);
    let port = free_port()?;
    let endpoint = format!("http://127.0.0.1:{port}");
    let report = folder.join("report.json");

    let guard = Guard::this()?;
    let log = fs::File::create(folder.join("emulator.log"))?;
    let mut emulator = Program::new(python.get_program());
    for (name, value) in variables(&python) {
        emulator = emulator.env(name, value);
    }
    let emulator = emulator
        .args([scripts.join("emulator.py")])
        .args([port.to_string()])
        .args([&report])
        .stdout(log.try_clone()?)
        .stderr(log);
    let emulator = guard.spawn(emulator)?;
    let listens = async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    if tokio::time::timeout(LIMIT, listens).await.is_err() {
        return Err(wrong("the emulator does not listen", &folder));
    }

    let mut deploy = Command::new(python.get_program());
    deploy
        .envs(variables(&python))
        .env("AWS_ENDPOINT_URL", &endpoint)
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_SESSION_TOKEN")
        .arg(scripts.join("rehearse.py"))
        .args([archive, folder.as_path()])
        .arg(aws.get_program());
    for (name, value) in aws.get_envs() {
        // The CLI without a venv needs its own path, and the script needs that of SAM.
        if name != "PYTHONPATH" {
            deploy.env(name, value.unwrap_or_default());
        }
    }
    workspace::succeed_in_root(&mut deploy).map_err(|error| wrong(&error.to_string(), &folder))?;
    let deployed: Value = serde_json::from_slice(&fs::read(folder.join("deployed.json"))?)?;
    record(&guard, &deployed, &endpoint, state, &folder).await?;
    emulator.stop()?;
    say_what_was_left_out(&report)
}

/// The variables of the emulator and of its clients.
fn variables(python: &Command) -> Vec<(String, String)> {
    let libraries = python
        .get_envs()
        .filter_map(|(_, value)| value)
        .map(|value| value.to_string_lossy().into_owned());
    let templates = workspace::root().join("crates/tools/dev/src/template");
    let path: Vec<_> = std::iter::once(templates.to_string_lossy().into_owned())
        .chain(libraries)
        .collect();
    [
        ("PYTHONPATH", path.join(":")),
        ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "AKIDREHEARSAL".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "rehearsal".to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Runs the deployed functions with the environments that CloudFormation gave them. Only the
/// database, which is here, and the address of S3 differ.
async fn record(
    guard: &Guard,
    deployed: &Value,
    endpoint: &str,
    state: &Path,
    folder: &Path,
) -> io::Result<()> {
    let options = PostgresOptions::temporary(state.join("tools"));
    let postgres = Postgres::start(guard, &options)?;
    let call = async |name: &str, event: &Value| {
        let function = &deployed["functions"][name];
        let bootstrap = PathBuf::from(function["bootstrap"].as_str().unwrap_or_default());
        let given = function["environment"].as_object().into_iter().flatten();
        let given = given.map(|(name, value)| {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            (name.clone(), text)
        });
        let ours = [
            ("DATABASE_URL", postgres.url()),
            ("S3_ENDPOINT", endpoint.to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", "AKIDREHEARSAL".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "rehearsal".to_owned()),
        ];
        let ours = ours.map(|(name, value)| (name.to_owned(), value));
        let log = Some(folder.join(format!("{name}.log")));
        let env = given.chain(ours);
        let lambda = Lambda::start_logging(guard, &bootstrap, env, log).await?;
        match lambda.invoke(event, LIMIT).await {
            InvocationResult::Answered(answer) => Ok(answer),
            other => Err(wrong(&format!("{name}: {other:?}"), folder)),
        }
    };
    call("migrate", &json!({})).await?;
    let recorded = call("record-upload", &deployed["event"]).await?;
    let list = fs::read(workspace::root().join("events/apigw-v2-list-files.json"))?;
    let listed = call("files", &serde_json::from_slice(&list)?).await?;
    let body: Value = serde_json::from_str(listed["body"].as_str().unwrap_or_default())?;
    let file = &body["files"][0];
    let is_recorded = recorded["batchItemFailures"] == json!([])
        && file["fileName"] == "cat.png"
        && file["contentType"] == "image/png";
    if !is_recorded {
        return Err(wrong(&format!("{recorded}, then {listed}"), folder));
    }
    say::part("release", "the packaged record-upload recorded the object");
    Ok(())
}

/// Prints how many resources were created, and which were not.
fn say_what_was_left_out(report: &Path) -> io::Result<()> {
    let report: Value = serde_json::from_slice(&fs::read(report)?)?;
    let made = report["made"].as_array().map_or(0, Vec::len);
    let left = report["left"].as_object().into_iter().flatten();
    let left: Vec<_> = left.map(|(name, _)| name.as_str()).collect();
    let text = format!(
        "{made} resources deployed, {} left out: {}",
        left.len(),
        left.join(", ")
    );
    say::part("release", &text);
    Ok(())
}

fn wrong(what: &str, folder: &Path) -> io::Error {
    io::Error::other(format!("{what}; logs are in {}", folder.display()))
}

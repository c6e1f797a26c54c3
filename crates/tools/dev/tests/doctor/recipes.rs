//! Runs the shell recipes of `docs/recipes.md` with curl and Python, with file names that are hard
//! to quote.

use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stack::{Stack, token};

const NAMES: [&str; 9] = [
    "photo.txt",
    "a [1-3].txt",
    "b {x,y}.txt",
    "c \"quoted\".txt",
    "d \\back\\n\\u0041.txt",
    "e 'it' $HOME `id` & #?%20.txt",
    "-f.txt",
    "@g.txt",
    "h Übergröße 写真.txt",
];

/// The first sample in `language` under a heading.
fn sample(heading: &str, language: &str) -> String {
    let page = include_str!("../../../../../docs/recipes.md");
    let (_, section) = page
        .split_once(&format!("\n## {heading}\n"))
        .expect("the heading");
    let (_, code) = section
        .split_once(&format!("```{language}\n"))
        .expect("a sample");
    let (code, _) = code.split_once("\n```").expect("its end");
    code.to_owned()
}

async fn run(stack: &Stack, program: &str, code: String) -> Output {
    let folder = TempDir::new().expect("a folder");
    let script = folder.path().join("recipe");
    std::fs::write(&script, code).expect("a script");
    let mut command = tokio::process::Command::new(program);
    command
        .arg(&script)
        .current_dir(folder.path())
        .env("API", &stack.outputs["ApiUrl"])
        .env("TOKEN", token(&json!({})));
    command.output().await.expect(program)
}

/// The names of the caller's files, the newest first.
async fn names(stack: &Stack) -> Vec<String> {
    let list = reqwest::Client::new()
        .get(format!("{}/files", stack.outputs["ApiUrl"]))
        .header("authorization", format!("Bearer {}", token(&json!({}))));
    let page = list.send().await.expect("an answer").bytes().await;
    let page: Value = serde_json::from_slice(&page.expect("a body")).expect("JSON");
    let files = page["files"].as_array().expect("files").iter();
    let name = |file: &Value| file["fileName"].as_str().map(str::to_owned);
    files.filter_map(name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_uploads_files_of_any_name() {
    let (stack, recipe) = (Stack::healthy().await, sample("curl", "sh"));
    for (at, name) in NAMES.iter().enumerate() {
        // Quoted for a shell.
        let file = format!("FILE='{}'", name.replace('\'', r"'\''"));
        let code = recipe.replace("FILE=photo.txt", &file);
        assert!(
            at == 0 || code != recipe,
            "the recipe begins with FILE=photo.txt"
        );
        for shell in ["bash", "sh"] {
            let output = run(&stack, shell, format!("set -eu\n{code}")).await;
            assert!(output.status.success(), "{shell}, {name}: {output:?}");
            assert_eq!(names(&stack).await[0], *name, "{shell}");
        }
    }
    assert_eq!(names(&stack).await.len(), 2 * NAMES.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn python_uploads_files_of_any_name() {
    let (stack, recipe) = (Stack::healthy().await, sample("Python", "python"));
    for name in NAMES {
        // A JSON string is a Python string as well.
        let code = recipe.replace("\"report.txt\"", &json!(name).to_string());
        let output = run(&stack, "python3", code).await;
        assert!(output.status.success(), "{name}: {output:?}");
        assert_eq!(names(&stack).await[0], name);
    }
}

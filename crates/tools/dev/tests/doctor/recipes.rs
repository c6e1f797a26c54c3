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

/// As Supabase Auth calls it: as its own role, with the event that its documentation shows.
#[tokio::test]
async fn supabases_hook_writes_the_organisation_into_the_token() {
    let database = slipway_testkit::database();
    let admin = database.admin().await;
    let (member, stranger) = (uuid(1), uuid(2));
    // The tables that a Supabase project has, and the one that the recipe leaves to the reader.
    let project = format!(
        "CREATE SCHEMA IF NOT EXISTS public;
         CREATE ROLE supabase_auth_admin; CREATE ROLE authenticated; CREATE ROLE anon;
         GRANT USAGE ON SCHEMA public TO supabase_auth_admin, authenticated, anon;
         CREATE TABLE public.memberships (user_id uuid PRIMARY KEY, org_id text NOT NULL);
         INSERT INTO public.memberships VALUES ('{member}', 'org \"7\"');"
    );
    admin.batch_execute(&project).await.expect("a project");
    let hook = sample("Files of an organisation", "sql");
    // May be run again, as after a change.
    for _ in 0..2 {
        admin.batch_execute(&hook).await.expect("the hook");
    }
    let called = async |role: &str, user: &str| {
        let claims = json!({ "sub": user, "aud": "authenticated", "role": "authenticated" });
        let event =
            json!({ "user_id": user, "claims": claims, "authentication_method": "password" });
        let call = format!(
            "SET ROLE {role}; SELECT public.add_organization('{event}'::jsonb); RESET ROLE"
        );
        let messages = admin.simple_query(&call).await;
        admin.batch_execute("RESET ROLE").await.expect("reset");
        messages.ok().map(|messages| {
            let row = messages.iter().find_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
                _ => None,
            });
            let answer: Value = serde_json::from_str(row.expect("a row")).expect("JSON");
            assert_eq!(answer["claims"]["sub"], *user);
            answer["claims"]["org_id"].clone()
        })
    };
    let found = called("supabase_auth_admin", &member).await;
    assert_eq!(found, Some(json!("org \"7\"")));
    let found = called("supabase_auth_admin", &stranger).await;
    assert_eq!(found, Some(Value::Null));
    // A user of the project must not be able to call it.
    for role in ["authenticated", "anon"] {
        assert_eq!(called(role, &member).await, None, "{role}");
    }
    let leave = "DROP OWNED BY supabase_auth_admin, authenticated, anon;
        DROP ROLE supabase_auth_admin, authenticated, anon";
    admin.batch_execute(leave).await.expect("dropped");
}

fn uuid(n: u8) -> String {
    format!("01890a5d-ac96-774b-bcce-b3020{n:07}")
}

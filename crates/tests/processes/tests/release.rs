//! The release binaries as they are deployed: self-contained, and loadable by provided.al2023.

#![expect(clippy::expect_used, reason = "tests fail by panics")]

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use object::read::elf::{FileHeader as _, SectionHeader as _};
use object::{Endianness, elf};
use serde_json::json;
use slipway_emulators::lambda::{InvocationResult, Lambda};
use slipway_emulators::postgres::{Postgres, PostgresOptions};
use slipway_testkit::Authority;

/// The libraries of glibc. Lambda lacks any other.
const GLIBC: [&str; 8] = [
    "libc.so.6",
    "libm.so.6",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "libutil.so.1",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
];

/// provided.al2023 has glibc 2.34.
const NEWEST_GLIBC: (u32, u32) = (2, 34);

fn built() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../.aws-sam/build")
}

/// The folder that `sam build` writes, with a folder for each function by its name in the template.
fn binaries() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(built()).expect("run `sam build` first");
    let mut found: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path().join("bootstrap"))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found
}

#[test]
fn every_function_has_a_binary() {
    let names: Vec<_> = binaries()
        .iter()
        .filter_map(|path| Some(path.parent()?.file_name()?.to_string_lossy().into_owned()))
        .collect();
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../template.yaml");
    let template = std::fs::read_to_string(template).expect("template.yaml");
    // `  PresignFunction:` and, in the next line, its type.
    let mut lines = template.lines().peekable();
    let mut expected = Vec::new();
    while let Some(line) = lines.next() {
        let typed = lines.peek().copied().unwrap_or_default();
        if typed == "    Type: AWS::Serverless::Function" {
            expected.push(line.trim().trim_end_matches(':').to_owned());
        }
    }
    expected.sort();
    assert!(expected.len() >= 9, "{expected:?}");
    assert_eq!(names, expected);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

fn changed(path: &Path) -> SystemTime {
    let metadata = std::fs::metadata(path).expect("run `cargo dev test release`");
    metadata.modified().expect("a time")
}

/// The files that the compiler wrote for Lambda, for build scripts and for macros.
fn compiled() -> Vec<PathBuf> {
    let target = root().join("target");
    let triples = std::fs::read_dir(&target).expect("a target folder");
    let triples = triples.flatten().map(|entry| entry.path());
    let folders = triples
        .map(|triple| triple.join("release/deps"))
        .chain([target.join("release/deps")])
        .filter(|folder| folder.is_dir());
    let entries = folders.flat_map(|folder| std::fs::read_dir(folder).expect("a folder"));
    let files = entries.flatten().map(|entry| entry.path());
    // Cargo writes `.d` files without compiling.
    files
        .filter(|path| path.extension().is_none_or(|kind| kind != "d"))
        .collect()
}

/// AWS-LC and the crates above it are two thirds of the compile time of a function with TLS.
#[test]
fn aws_lc_is_compiled_once_for_all_functions() {
    let started = changed(&root().join("target/release-stage/started"));
    let is_aws_lc = |path: &&PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy();
        name.starts_with("libaws_lc_sys-") && name.ends_with(".rlib")
    };
    let all = compiled();
    let all: Vec<_> = all.iter().filter(is_aws_lc).collect();
    let new = all.iter().filter(|path| changed(path) >= started).count();
    // None if it was there before, which a clean target folder rules out.
    assert!(!all.is_empty() && new <= 1, "{new} of {all:?}");
}

#[test]
fn sam_build_compiles_nothing_that_one_build_of_all_functions_has_compiled() {
    let [built, finished] = ["built", "finished"].map(|mark| {
        let mark = root().join("target/release-stage").join(mark);
        changed(&mark)
    });
    let again: Vec<_> = compiled()
        .into_iter()
        .filter(|path| (built..finished).contains(&changed(path)))
        .collect();
    assert!(again.is_empty(), "see crates/shared/unify: {again:#?}");
}

#[test]
fn the_layer_has_every_root() {
    let (layer, certs) = (
        built().join("CaRoots"),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../certs"),
    );
    let roots = std::fs::read_dir(certs.join("roots"))
        .expect("roots")
        .flatten();
    let mut count = 0;
    for root in roots {
        let shipped = std::fs::read(layer.join("roots").join(root.file_name()));
        let root = std::fs::read(root.path()).expect("a root");
        assert_eq!(shipped.expect("in the layer"), root);
        count += 1;
    }
    assert!(count >= 7, "{count}");
    // A deployer may have added roots there.
    let added = std::fs::read_dir(certs).expect("certs").flatten();
    let added = added.filter(|entry| entry.path().extension().is_some_and(|it| it == "pem"));
    let added: usize = added
        .map(|entry| {
            let pem = std::fs::read_to_string(entry.path()).expect("text");
            pem.matches("BEGIN CERTIFICATE").count()
        })
        .sum();
    let file = std::fs::read_to_string(layer.join("ca.pem")).expect("in the layer");
    assert_eq!(file.matches("BEGIN CERTIFICATE").count(), added);
}

/// Deployed functions use TLS by AWS-LC. Other tests use the machine's OpenSSL.
#[tokio::test(flavor = "multi_thread")]
async fn a_deployed_function_speaks_tls_with_postgres() {
    for version in ["TLSv1.2", "TLSv1.3"] {
        let authority = Authority::new();
        let (certificate, key) = authority.sign(&["localhost"]);
        let mut options = PostgresOptions::temporary(slipway_testkit::cache());
        let settings = [
            ("ssl", "on"),
            ("ssl_min_protocol_version", version),
            ("ssl_max_protocol_version", version),
        ];
        options.settings = settings
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        options.files = vec![
            ("server.crt".to_owned(), certificate.into_bytes()),
            ("server.key".to_owned(), key.into_bytes()),
        ];
        let server = Postgres::start(slipway_testkit::guard(), &options).expect("Postgres starts");
        let url = server.url().replace("127.0.0.1", "localhost") + "?sslmode=require";
        let migrate = built().join("MigrateFunction/bootstrap");
        let migrate = migrate.canonicalize().expect("run `sam build` first");
        let layer = built().join("CaRoots/ca.pem");
        for (roots, trusted) in [
            (authority.hashed(), true),
            (built().join("CaRoots/roots"), false),
        ] {
            let env = [
                ("DATABASE_URL".to_owned(), url.clone()),
                (
                    "SSL_CERT_DIR".to_owned(),
                    roots.to_string_lossy().into_owned(),
                ),
                (
                    "SSL_CERT_FILE".to_owned(),
                    layer.to_string_lossy().into_owned(),
                ),
            ];
            let lambda = Lambda::start(slipway_testkit::guard(), &migrate, env).await;
            let lambda = lambda.expect("it starts");
            let outcome = lambda.invoke(&json!({}), Duration::from_mins(1)).await;
            match outcome {
                InvocationResult::Answered(answer) if trusted => {
                    assert_eq!(answer["applied"][0], "0001_roles", "{version}");
                }
                InvocationResult::Failed(error) if !trusted => {
                    let error = error.to_string();
                    assert!(error.contains("authority that is not trusted"), "{error}");
                }
                other => panic!("{version}, trusted: {trusted}: {other:?}"),
            }
        }
    }
}

#[test]
fn no_binary_needs_what_lambda_lacks() {
    for path in binaries() {
        let (libraries, versions) = needs(&std::fs::read(&path).expect("a binary"));
        for library in &libraries {
            assert!(
                GLIBC.contains(&library.as_str()),
                "{} needs {library}",
                path.display()
            );
        }
        for version in &versions {
            let parts: Vec<u32> = version
                .split('.')
                .filter_map(|part| part.parse().ok())
                .collect();
            let [major, minor, ..] = parts[..] else {
                panic!("GLIBC_{version} is not a version")
            };
            assert!(
                (major, minor) <= NEWEST_GLIBC,
                "{} needs GLIBC_{version}",
                path.display()
            );
        }
        assert!(
            !versions.is_empty(),
            "{} names no version: was it read?",
            path.display()
        );
    }
}

/// The shared libraries and glibc symbol versions that a binary needs.
fn needs(data: &[u8]) -> (Vec<String>, Vec<String>) {
    let header = elf::FileHeader64::<Endianness>::parse(data).expect("an ELF file");
    let endian = header.endian().expect("an endianness");
    let sections = header.sections(endian, data).expect("sections");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();

    let mut libraries = Vec::new();
    let mut versions = Vec::new();
    for section in sections.iter() {
        if let Some((entries, strings)) = section.dynamic(endian, data).expect("a dynamic section")
        {
            let strings = sections.strings(endian, data, strings).expect("strings");
            for entry in entries
                .iter()
                .filter(|entry| entry.d_tag.get(endian) == elf::DT_NEEDED)
            {
                let offset = u32::try_from(entry.d_val.get(endian)).expect("an offset");
                libraries.push(text(strings.get(offset).expect("a name")));
            }
        }
        if let Some((mut needed, strings)) =
            section.gnu_verneed(endian, data).expect("needed versions")
        {
            let strings = sections.strings(endian, data, strings).expect("strings");
            while let Some((_, mut names)) = needed.next().expect("an entry") {
                while let Some(name) = names.next().expect("a name") {
                    let name = text(name.name(endian, strings).expect("a name"));
                    versions.extend(name.strip_prefix("GLIBC_").map(ToOwned::to_owned));
                }
            }
        }
    }
    (libraries, versions)
}
